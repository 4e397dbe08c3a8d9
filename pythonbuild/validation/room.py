"""Where the built Python is run: an environment, a root filesystem, and fixed places in it.

Each room stands for something that users have: an ordinary system, a system with the oldest glibc that the target
allows, the oldest processor. The tree is at ``/sources`` (a path that nothing was built at), read-only like everything
else; ``/build`` is an empty directory that may be written to; this project's script is in ``/recipe``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pythonbuild.environments.base import Command, Environment, Mount

TREE = "/sources"
WORK = "/build"
SCRIPTS = "/recipe"

#: The rooms there are. A target's ``rooms`` says which root filesystem each of them has.
SYSTEM, GLIBC_FLOOR, OLDEST_CPU = "system", "glibc-floor", "oldest-cpu"

#: How much longer everything takes on an emulated processor.
_EMULATED_PATIENCE = 10.0


@dataclass(frozen=True)
class Room:
    """An environment and a root filesystem; ``work`` is an empty directory on the host.

    ``emulator`` is the command of the root that programs are given to, () for the machine's own processor.
    """

    environment: Environment
    root: Path
    root_digest: str
    work: Path
    emulator: tuple[str, ...] = ()

    @property
    def patience(self) -> float:
        """How many times longer than usual a program may take."""
        return _EMULATED_PATIENCE if self.emulator else 1.0

    def run(self, top: Path, arguments: Sequence[str], scripts: Path, on_line: Callable[[str], None]) -> int:
        """Run a program of the tree ``top`` and return its exit status; ``arguments[0]`` is relative to ``top``."""
        return self.environment.run(
            Command(
                argv=(*self.emulator, f"{TREE}/{arguments[0]}", *arguments[1:]),
                env={"PATH": "/usr/bin:/bin", "HOME": WORK, "TMPDIR": WORK, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                cwd=WORK,
                mounts=(Mount(top, TREE), Mount(scripts, SCRIPTS), Mount(self.work, WORK, writable=True)),
                root=self.root,
                root_digest=self.root_digest,
                label="validate",
            ),
            on_line=on_line,
        )


def emulator(arch: str, cpu: str) -> tuple[str, ...]:
    """Return the command that runs programs on a processor model of an architecture; roots have Debian's qemu-user."""
    return (f"/usr/bin/qemu-{arch}-static", "-cpu", cpu)
