"""The live board for terminals: what runs now, how far it is, how long it will take.

Above it scroll the few lines that should stay (notes, failures, steps that took their time); the board itself is
redrawn in place from the state that the events leave behind, so a resized terminal is simply the next drawing. rich
is imported when the first step really starts: a build that finds everything in the store never draws a board.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from pythonbuild.cli.render.plain import PlainRenderer
from pythonbuild.cli.render.text import clock, printable, size
from pythonbuild.engine.events import (
    BuildStarted,
    Event,
    FetchProgress,
    StepFinished,
    StepLine,
    StepProgress,
    StepStarted,
)

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

#: Below this width a step's last line does not fit beside its name.
NARROW = 64
#: From which part of a step on its own progress tells when it will end.
_TELLING = 0.05
#: Rows for downloads; more are only counted.
FETCH_ROWS = 3


@dataclass
class Running:
    """A step that runs now."""

    started: float
    expected: float | None
    line: str = ""
    share: float | None = None

    def left(self, now: float) -> float | None:
        """Return the seconds that are left: by what the step says, once that tells something, or as last time."""
        if self.share is not None and self.share > _TELLING:
            return (now - self.started) * (1 - self.share) / self.share
        return None if self.expected is None else max(self.expected - (now - self.started), 0.0)


@dataclass
class State:
    """What the board knows; changed by events, read by drawings."""

    begin: float
    jobs: int = 1
    expected: dict[str, float | None] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    first_step: float | None = None
    finished_seconds: float = 0.0
    fetches: dict[str, FetchProgress] = field(default_factory=dict)

    def update(self, event: Event, now: float) -> None:
        match event:
            case BuildStarted():
                self.jobs = event.jobs
                self.expected = {step: event.expected.get(step) for step in event.steps}
            case StepStarted():
                self.running[event.step] = Running(now, event.expected)
                self.first_step = now if self.first_step is None else self.first_step
            case StepLine() if event.step in self.running:
                self.running[event.step].line = event.line
            case StepProgress() if event.step in self.running and event.total:
                self.running[event.step].share = event.done / event.total
            case StepFinished():
                if self.running.pop(event.step, None):
                    self.finished_seconds += event.seconds
                self.status[event.step] = event.status
            case FetchProgress(finished=True):
                self.fetches.pop(event.file, None)
            case FetchProgress():
                self.fetches[event.file] = event

    def remaining(self, now: float) -> float | None:
        """Return the seconds that are left, learned from earlier runs; None when a step has never run before.

        The work that is left is spread over as many steps as have run at once so far, but the end is never nearer
        than that of the longest step that runs.
        """
        waiting = [seconds for step, seconds in self.expected.items()
                   if step not in self.status and step not in self.running]  # fmt: skip
        left = [step.left(now) for step in self.running.values()]
        known = [seconds for seconds in (*waiting, *left) if seconds is not None]
        if len(known) < len(waiting) + len(left) or not known:
            return None
        return max(sum(known) / self._at_once(now), *(seconds for seconds in left if seconds is not None), 0.0)

    def _at_once(self, now: float) -> float:
        """Return how many steps have run at once on average; what runs now counts as if it had for a while."""
        wall = now - self.first_step if self.first_step is not None else 0.0
        busy = self.finished_seconds + sum(now - step.started for step in self.running.values())
        memory = 20.0
        return max(1.0, (busy + memory * min(self.jobs, len(self.running))) / (wall + memory))

    def headline(self, now: float) -> str:
        """Return ``7 of 24 steps, 3 cached   1:02   about 4:10 left``."""
        if not self.expected:
            return f"preparing   {clock(now - self.begin)}"
        done = sum(status in ("built", "cached") for status in self.status.values())
        cached = sum(status == "cached" for status in self.status.values())
        failed = sum(status == "failed" for status in self.status.values())
        parts = [f"{done} of {len(self.expected)} steps" + (f", {cached} cached" if cached else "")]
        if failed:
            parts.append(f"{failed} FAILED")
        parts.append(clock(now - self.begin))
        remaining = self.remaining(now)
        if remaining is not None:
            parts.append(f"about {clock(remaining)} left" if remaining >= 1 else "nearly done")
        return "   ".join(parts)


class BoardRenderer:
    """Draws on ``stream``; ``now`` is a clock and ``console`` a rich console that tests replace."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.monotonic, *,
                 console: Console | None = None) -> None:  # fmt: skip
        self._stream = stream
        self._now = now
        self._console = console
        self._live: Live | None = None
        self._lock = threading.Lock()  # between events and rich's drawing thread
        self._state = State(begin=now())
        self._plain = PlainRenderer(self._line, now)

    def show(self, event: Event) -> None:
        with self._lock:
            self._state.update(event, self._now())
        if self._live is None and (isinstance(event, StepStarted) or _is_under_way(event)):
            self._start()
        if not isinstance(event, StepStarted) and not _is_under_way(event):  # the board shows these
            self._plain.show(event)

    def _start(self) -> None:
        from rich.console import Console
        from rich.live import Live

        if self._console is None:
            self._console = Console(file=self._stream, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._live = Live(console=self._console, get_renderable=self._draw, refresh_per_second=5, transient=True,
                          redirect_stdout=False, redirect_stderr=False, vertical_overflow="crop")  # fmt: skip
        self._live.start()

    def _line(self, line: str) -> None:
        if self._live is None or self._console is None:
            self._stream.write(line + "\n")
            self._stream.flush()
        else:
            from rich.text import Text

            self._console.print(Text(line), soft_wrap=True)
            self._live.refresh()  # printing repeats the board as it was drawn last

    def _draw(self) -> RenderableType:
        assert self._console is not None
        from rich.text import Text

        width, height = self._console.size
        with self._lock:
            rows = board_rows(self._state, self._now(), width, height)
        text = Text("\n".join(rows), no_wrap=True, overflow="ellipsis")
        text.stylize("bold", len(text.plain) - len(rows[-1]))
        return text

    def error(self, reason: str, message: str, exit_code: int) -> None:
        """The command line itself writes the error's line."""

    def close(self) -> None:
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()
        self._plain.close()


def _is_under_way(event: Event) -> bool:
    return isinstance(event, FetchProgress) and not event.finished


def board_rows(state: State, now: float, width: int, height: int) -> list[str]:
    """Return the board's lines, none wider than the terminal and not more than fit; the headline comes last."""
    room = max(1, height - 3)
    steps = sorted(state.running.items(), key=lambda item: item[1].started)
    fetches = list(state.fetches.values())[: min(FETCH_ROWS, max(0, room - 1))]
    room -= len(fetches)
    rows = [_step_row(name, step, now, width) for name, step in steps[:room]]
    if len(steps) > room:
        rows[-1] = f"  … and {len(steps) - room + 1} more steps"
    rows += [_fetch_row(fetch, width) for fetch in fetches]
    if len(state.fetches) > len(fetches) and fetches:
        rows[-1] = f"  … and {len(state.fetches) - len(fetches) + 1} more downloads"
    return [_cut(row, width) for row in [*rows, state.headline(now)]]


def _step_row(name: str, step: Running, now: float, width: int) -> str:
    time_so_far = clock(now - step.started)
    if width < NARROW:
        return f"  {name:<{max(8, width - 12)}.{max(8, width - 12)}} {time_so_far:>7}"
    usual = f"/{clock(step.expected)}" if step.expected else ""
    share = "" if step.share is None else f"{step.share:4.0%}  "
    return f"  {name:<20.20} {time_so_far + usual:>11}  {share}{printable(step.line).strip()}"


def _fetch_row(fetch: FetchProgress, width: int) -> str:
    if not fetch.total:
        return f"  ↓ {fetch.file}  {size(fetch.done)}"
    share = min(1.0, fetch.done / fetch.total)
    if width < NARROW:
        return f"  ↓ {share:4.0%}  {fetch.file}"
    bar = "━" * round(share * 20)
    return f"  ↓ {bar:<20} {share:4.0%}  {fetch.file}  {size(fetch.done)} of {size(fetch.total)}"


def _cut(row: str, width: int) -> str:
    return row if len(row) <= width else row[: max(0, width - 1)] + "…"
