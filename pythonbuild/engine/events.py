"""What happens while a build runs, as typed events.

The engine emits them, renderers (board, plain lines, JSON lines, CI groups) show them. Library code never prints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

StepStatus = Literal["built", "cached", "failed", "skipped", "cancelled"]


@dataclass(frozen=True)
class Note:
    """Something the user should know; ``level`` is ``info`` or ``warning``."""

    text: str
    level: Literal["info", "warning"] = "info"


@dataclass(frozen=True)
class FetchProgress:
    """A pinned file is being fetched; sizes in bytes, ``total`` 0 when unknown. ``finished`` comes once, last; with
    ``done`` 0 the file was given up.
    """

    file: str
    done: int
    total: int
    origin: str = ""
    finished: bool = False


@dataclass(frozen=True)
class BuildStarted:
    """``expected`` maps each step to its expected seconds learned from earlier runs (None: never run)."""

    steps: tuple[str, ...]
    expected: dict[str, float | None]
    environment: str
    jobs: int


@dataclass(frozen=True)
class StepStarted:
    """A step runs; ``expected`` seconds are learned from its newest run (None: never run here)."""

    step: str
    expected: float | None
    log: Path


@dataclass(frozen=True)
class StepLine:
    """One line of a running step's output."""

    step: str
    line: str


@dataclass(frozen=True)
class StepProgress:
    """A running step's own tool (ninja) said how far it is; told whenever that is another percent."""

    step: str
    done: int
    total: int


@dataclass(frozen=True)
class StepFinished:
    """``digest`` is the result tree's digest; ``tail``, ``log`` and ``reenter`` help after a failure."""

    step: str
    status: StepStatus
    seconds: float
    digest: str = ""
    log: Path | None = None
    detail: str = ""
    tail: tuple[str, ...] = ()
    reenter: str = ""


@dataclass(frozen=True)
class Published:
    """An archive stands in the output directory; size in bytes."""

    path: Path
    size: int
    sha256: str


@dataclass(frozen=True)
class BuildFinished:
    """The last event; ``logs`` is the directory of this build's logs."""

    ok: bool
    seconds: float
    logs: Path


Event = (
    Note | FetchProgress | BuildStarted | StepStarted | StepLine | StepProgress | StepFinished | Published
    | BuildFinished
)  # fmt: skip
EventSink = Callable[[Event], None]
