"""One JSON object per event and line, for programs.

``event`` is the event's class name (:mod:`pythonbuild.engine.events`), ``time`` seconds since 1970; the other keys are
the event's fields, paths as text. A failed command ends with an ``Error`` object: ``reason`` is stable, ``message`` is
not. docs/flags.rst lists all of them.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pythonbuild.engine.events import Event


class JsonRenderer:
    """``write`` takes one line; ``now`` is a clock that tests replace."""

    def __init__(self, write: Callable[[str], None], now: Callable[[], float] = time.time) -> None:
        self._write = write
        self._now = now

    def show(self, event: Event) -> None:
        self.emit(type(event).__name__, {field.name: getattr(event, field.name) for field in dataclasses.fields(event)})

    def emit(self, name: str, fields: dict[str, Any]) -> None:
        """Write one object."""
        document = {"event": name, "time": round(self._now(), 3), **fields}
        self._write(json.dumps(document, default=_plain, ensure_ascii=False))

    def error(self, reason: str, message: str, exit_code: int) -> None:
        self.emit("Error", {"reason": reason, "message": message, "exit_code": exit_code})

    def close(self) -> None:
        """Nothing is held back."""


def _plain(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")
