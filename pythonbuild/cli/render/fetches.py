"""Downloads told in lines: each big file when it is there, slow ones in between, small ones only counted."""

from __future__ import annotations

from collections.abc import Callable

from pythonbuild.cli.render.text import size
from pythonbuild.engine.events import FetchProgress

#: A file smaller than this is only counted: a root filesystem is made from hundreds of them.
SMALL = 5_000_000
#: Seconds between two lines about the same slow download.
PATIENCE = 20.0


class FetchLog:
    """``line`` takes a kind (``fetch``, ``fetched``) and a text; ``now`` is a clock."""

    def __init__(self, line: Callable[[str, str], None], now: Callable[[], float]) -> None:
        self._line = line
        self._now = now
        self._told: dict[str, float] = {}
        self._small_files = 0
        self._small_bytes = 0

    def add(self, event: FetchProgress) -> None:
        now = self._now()
        told = self._told.setdefault(event.file, now)
        if event.finished:
            del self._told[event.file]
            self._finished(event)
        elif now - told >= PATIENCE:
            self._told[event.file] = now
            total = f" of {size(event.total)}" if event.total else ""
            self._line("fetch", f"{event.file}  {size(event.done)}{total}")

    def _finished(self, event: FetchProgress) -> None:
        if not event.done:  # given up; the error or a note says why
            return
        if event.done < SMALL:
            self._small_files += 1
            self._small_bytes += event.done
        else:
            origin = f" from {event.origin}" if event.origin else ""
            self._line("fetched", f"{event.file}  {size(event.done)}{origin}")

    def flush(self) -> None:
        """Tell the small files that came since the last time."""
        if self._small_files:
            plural = "s" if self._small_files != 1 else ""
            self._line("fetched", f"{self._small_files} small file{plural}  {size(self._small_bytes)}")
            self._small_files = self._small_bytes = 0
