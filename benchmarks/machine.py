"""What a figure was measured on: every benchmark prints it first and writes it beside the figures."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """This machine, and how busy it was."""

    model: str
    cores: int
    memory_gib: int
    kernel: str
    load: float
    date: str

    def __str__(self) -> str:
        return (f"{self.model}, {self.cores} cores, {self.memory_gib} GiB, {self.kernel}, "
                f"load {self.load:.1f} at the start, {self.date}")  # fmt: skip

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def this_machine() -> Machine:
    """Return what this machine is, with its load of the last minute."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Machine(
        model=processor_model(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(memory),
        kernel=f"Linux {platform.release()}",
        load=os.getloadavg()[0],
        date=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    )


def processor_model(cpuinfo: str) -> str:
    """Return the processor's name, which some architectures do not tell."""
    names = (line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name"))
    return next(names, platform.machine())
