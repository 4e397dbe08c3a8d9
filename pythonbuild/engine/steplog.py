"""A step's log: a file with everything, the last lines in memory, and an event for each line."""

from __future__ import annotations

import contextlib
import errno
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from pythonbuild.engine.events import EventSink, StepLine, StepProgress
from pythonbuild.engine.files import machine_errors

TAIL_LINES = 20
#: How ninja begins the line of each command that ended.
_PROGRESS = re.compile(r"\[(\d+)/(\d+)\] ")


class StepLog:
    """A context manager that may be entered again; the file grows."""

    def __init__(self, step: str, path: Path, emit: EventSink) -> None:
        self.path = path
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self.full = False
        self._step = step
        self._percent = -1
        self._emit = emit
        self._file: TextIO | None = None

    def __enter__(self) -> StepLog:
        with machine_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
        return self

    def __exit__(self, *error: object) -> None:
        file, self._file = self._file, None
        if file:
            with self._noting_full_disk():
                file.close()

    def line(self, line: str) -> None:
        """Take one line of the step's output."""
        self.quiet(line)
        self.tail.append(line)
        self._emit(StepLine(self._step, line))
        if match := _PROGRESS.match(line):
            self._progress(int(match[1]), int(match[2]))

    def _progress(self, done: int, total: int) -> None:
        percent = 100 * done // total if total else 0
        if percent != self._percent:
            self._percent = percent
            self._emit(StepProgress(self._step, done, total))

    def quiet(self, text: str) -> None:
        """Write to the file only. A full disk is noted and told when the step ends: output must not end it."""
        if self._file is None:
            return  # a thread of the step that outlived it
        with self._noting_full_disk():
            self._file.write(text.rstrip("\n") + "\n")

    @contextlib.contextmanager
    def _noting_full_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self.full = True
