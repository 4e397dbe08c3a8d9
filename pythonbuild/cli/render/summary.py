"""What a build ends with: every step, the archives, where the logs are; and how a failure is told."""

from __future__ import annotations

from collections import Counter

from pythonbuild.cli.render.text import columns, duration, printable, short_path, size
from pythonbuild.engine.events import BuildFinished, BuildStarted, Event, Published, StepFinished

_ORDER = ("built", "cached", "failed", "skipped", "cancelled")


class Summary:
    """Collects what the closing table needs while the events pass by."""

    def __init__(self) -> None:
        self._steps: dict[str, StepFinished] = {}
        self._archives: list[Published] = []
        self._order: tuple[str, ...] = ()
        self._finished: BuildFinished | None = None

    def add(self, event: Event) -> None:
        match event:
            case BuildStarted():
                self._order = event.steps
            case StepFinished():
                self._steps[event.step] = event
            case Published():
                self._archives.append(event)
            case BuildFinished():
                self._finished = event

    def counts(self) -> str:
        """Return ``2 built, 22 cached``."""
        counter: Counter[str] = Counter(step.status for step in self._steps.values())
        return ", ".join(f"{counter[status]} {status}" for status in _ORDER if counter[status])

    def table(self) -> list[str]:
        """Return the table of steps and the line that sums it up."""
        steps = [self._steps[name] for name in self._order if name in self._steps]
        steps += [step for name, step in self._steps.items() if name not in self._order]
        if not steps:
            return []
        rows = [("step", "result", "time")]
        rows += [(step.step, step.status, duration(step.seconds) if step.status in ("built", "failed") else "")
                 for step in steps]  # fmt: skip
        took = f" in {duration(self._finished.seconds)}" if self._finished else ""
        plural = "" if len(steps) == 1 else "s"
        return ["", *columns(rows, right=(2,)), f"{len(steps)} step{plural}: {self.counts()}{took}"]

    def archives(self) -> list[str]:
        """Return two lines per archive, and one that names the logs."""
        lines = []
        for archive in self._archives:
            lines += ["", short_path(archive.path), f"    {size(archive.size)}  sha256 {archive.sha256}"]
        if self._finished:
            lines += ["", f"logs: {short_path(self._finished.logs)}"]
        return lines


def failure_lines(event: StepFinished) -> list[str]:
    """Return what helps after a failed step: its last lines, its log, the way back into its environment."""
    lines = [f"  | {printable(line)}" for line in event.tail]
    if event.log:
        lines.append(f"  log: {short_path(event.log)}")
    if event.reenter:
        lines.append(f"  re-enter: {event.reenter}")
    return lines
