"""Workflow commands of GitHub Actions: a foldable group per step, annotations for warnings and failures.

Steps run at the same time, so a step's lines are kept and shown as one group when it ends. They are fenced with
``::stop-commands::``, for a compiler's output may look like a workflow command.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable

from pythonbuild.cli.render.fetches import FetchLog
from pythonbuild.cli.render.summary import Summary, failure_lines
from pythonbuild.cli.render.text import duration, printable
from pythonbuild.engine.events import BuildStarted, Event, FetchProgress, Note, StepFinished, StepLine

#: Lines of a step that are kept; its log file has all of them.
KEPT = 5000


class GithubRenderer:
    """``write`` takes one line; ``token`` fences foreign lines and must not be guessable by them."""

    def __init__(self, write: Callable[[str], None], token: str = "",
                 now: Callable[[], float] = time.monotonic) -> None:  # fmt: skip
        self._write = write
        self._token = token or secrets.token_hex(16)
        self._summary = Summary()
        self._fetches = FetchLog(lambda kind, text: write(_data(f"{kind} {text}")), now)
        self._lines: dict[str, deque[str]] = {}

    def show(self, event: Event) -> None:
        self._summary.add(event)
        if isinstance(event, FetchProgress):
            self._fetches.add(event)
            return
        self._fetches.flush()
        match event:
            case Note(level="warning"):
                self._write(f"::warning::{_data(event.text)}")
            case Note():
                self._write(_data(event.text))
            case BuildStarted():
                self._write(f"{len(event.steps)} steps in {event.environment} with {event.jobs} jobs")
            case StepLine():
                self._lines.setdefault(event.step, deque(maxlen=KEPT)).append(event.line)
            case StepFinished():
                self._finished(event)

    def _finished(self, event: StepFinished) -> None:
        lines = self._lines.pop(event.step, deque())
        if event.status == "cached":
            return
        self._group(f"{event.step}: {event.status} in {duration(event.seconds)}", [printable(line) for line in lines])
        if event.status == "failed":
            self._fenced(failure_lines(event))
            title = _property(f"step {event.step} failed")
            self._write(f"::error title={title}::{_data(event.detail or 'see its group above')}")

    def _group(self, title: str, lines: list[str]) -> None:
        self._write(f"::group::{_data(title)}")
        self._fenced(lines)
        self._write("::endgroup::")

    def _fenced(self, lines: list[str]) -> None:
        if lines:
            for line in [f"::stop-commands::{self._token}", *lines, f"::{self._token}::"]:
                self._write(line)

    def error(self, reason: str, message: str, exit_code: int) -> None:  # noqa: ARG002 - part of the protocol
        self._write(f"::error title={_property(reason)}::{_data(message)}")

    def close(self) -> None:
        self._fetches.flush()
        table = self._summary.table()
        if table:
            self._group(table[-1], table[1:-1])
        for line in self._summary.archives():
            self._write(line)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
