"""Plain lines for pipes and log files: one when a step starts, one when it ends, each with the time so far."""

from __future__ import annotations

import time
from collections.abc import Callable

from pythonbuild.cli.render.fetches import FetchLog
from pythonbuild.cli.render.summary import Summary, failure_lines
from pythonbuild.cli.render.text import clock, duration
from pythonbuild.engine.events import BuildStarted, Event, FetchProgress, Note, StepFinished, StepProgress, StepStarted

#: Seconds between two lines on how far a step is.
_PATIENCE = 20.0


class PlainRenderer:
    """``write`` takes one line; ``now`` is a clock that tests replace."""

    def __init__(self, write: Callable[[str], None], now: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._now = now
        self._begin = now()
        self._summary = Summary()
        self._told: dict[str, tuple[int, float]] = {}
        self._fetches = FetchLog(self._line, now)

    def show(self, event: Event) -> None:
        self._summary.add(event)
        if isinstance(event, FetchProgress):
            self._fetches.add(event)
            return
        self._fetches.flush()
        match event:
            case Note():
                self._line("warning" if event.level == "warning" else "note", event.text)
            case BuildStarted():
                jobs = f"{event.jobs} job{'s' if event.jobs != 1 else ''}"
                self._line("build", f"{len(event.steps)} steps in {event.environment} with {jobs}")
            case StepStarted():
                usually = f"  (last time {duration(event.expected)})" if event.expected else ""
                self._line("start", event.step + usually)
                self._told[event.step] = (0, self._now())
            case StepProgress():
                self._progress(event)
            case StepFinished():
                self._finished(event)

    def _progress(self, event: StepProgress) -> None:
        """Tell every tenth of a step, but not of one that is over before anybody has read it."""
        tenth, now = 10 * event.done // event.total if event.total else 0, self._now()
        told, when = self._told.get(event.step, (0, now))
        if told < tenth < 10 and now - when >= _PATIENCE:
            self._line("progress", f"{event.step}  {10 * tenth} %, {event.done} of {event.total}")
            self._told[event.step] = (tenth, now)

    def _finished(self, event: StepFinished) -> None:
        if event.status == "cached":  # told by the table; thirty such lines would hide what was done
            return
        taken = f"  {duration(event.seconds)}" if event.status in ("built", "failed") else ""
        detail = f": {event.detail}" if event.detail else ""
        self._line(event.status, f"{event.step}{taken}{detail}")
        if event.status == "failed":
            for line in failure_lines(event):
                self._write(line)

    def _line(self, kind: str, text: str) -> None:
        self._write(f"{clock(self._now() - self._begin):>6}  {kind:<9} {text}")

    def error(self, reason: str, message: str, exit_code: int) -> None:
        """The command line itself writes the error's line."""

    def close(self) -> None:
        self._fetches.flush()
        for line in [*self._summary.table(), *self._summary.archives()]:
            self._write(line)
