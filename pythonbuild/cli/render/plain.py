"""Plain lines for pipes and log files: one when a step starts, one when it ends, each with the time so far."""

from __future__ import annotations

import time
from collections.abc import Callable

from pythonbuild.cli.render.summary import Summary, failure_lines
from pythonbuild.cli.render.text import clock, duration, size
from pythonbuild.engine.events import BuildStarted, Event, FetchProgress, Note, StepFinished, StepStarted

#: A file smaller than this is only counted: a root filesystem is made from hundreds of them.
SMALL = 5_000_000
#: Seconds between two lines about the same slow download.
PATIENCE = 20.0


class PlainRenderer:
    """``write`` takes one line; ``now`` is a clock that tests replace."""

    def __init__(self, write: Callable[[str], None], now: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._now = now
        self._begin = now()
        self._summary = Summary()
        self._fetching: dict[str, float] = {}
        self._small = [0, 0]

    def show(self, event: Event) -> None:
        self._summary.add(event)
        if isinstance(event, FetchProgress):
            self._fetch(event)
            return
        self._tell_small_files()
        match event:
            case Note():
                self._line("warning" if event.level == "warning" else "note", event.text)
            case BuildStarted():
                jobs = f"{event.jobs} job{'s' if event.jobs != 1 else ''}"
                self._line("build", f"{len(event.steps)} steps in {event.environment} with {jobs}")
            case StepStarted():
                usually = f"  (last time {duration(event.expected)})" if event.expected else ""
                self._line("start", event.step + usually)
            case StepFinished():
                self._finished(event)

    def _finished(self, event: StepFinished) -> None:
        if event.status == "cached":  # told by the table; thirty such lines would hide what was done
            return
        taken = f"  {duration(event.seconds)}" if event.status in ("built", "failed") else ""
        detail = f": {event.detail}" if event.detail else ""
        self._line(event.status, f"{event.step}{taken}{detail}")
        if event.status == "failed":
            for line in failure_lines(event):
                self._write(line)

    def _fetch(self, event: FetchProgress) -> None:
        now = self._now()
        since = self._fetching.setdefault(event.file, now)
        if event.finished:
            del self._fetching[event.file]
            if event.done < SMALL:
                self._small[0] += 1
                self._small[1] += event.done
            else:
                origin = f" from {event.origin}" if event.origin else ""
                self._line("fetched", f"{event.file}  {size(event.done)}{origin}")
        elif now - since >= PATIENCE:
            self._fetching[event.file] = now
            total = f" of {size(event.total)}" if event.total else ""
            self._line("fetch", f"{event.file}  {size(event.done)}{total}")

    def _tell_small_files(self) -> None:
        count, total = self._small
        if count:
            self._small = [0, 0]
            self._line("fetched", f"{count} small file{'s' if count != 1 else ''}  {size(total)}")

    def _line(self, kind: str, text: str) -> None:
        self._write(f"{clock(self._now() - self._begin):>6}  {kind:<9} {text}")

    def error(self, reason: str, message: str, exit_code: int) -> None:
        """The command line itself writes the error's line."""

    def close(self) -> None:
        self._tell_small_files()
        for line in [*self._summary.table(), *self._summary.archives()]:
            self._write(line)
