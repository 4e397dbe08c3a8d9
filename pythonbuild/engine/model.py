"""Steps and plans: the data that the engine works on.

A step yields a tree. Its needs' trees are merged and seen by it at fixed paths; everything that can change its result
is a field here, so that :mod:`pythonbuild.engine.keys` can hash it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pythonbuild.environments.base import Environment


@dataclass(frozen=True)
class InputFile:
    """A file whose bytes go into the key; ``name`` is its stable, checkout-independent path (``/recipe/<name>``)."""

    name: str
    path: Path


@dataclass(frozen=True)
class PinnedFile:
    """A verified file named by its sha256; seen at ``/sources/<name>``. ``path`` is asked for only when it is read."""

    name: str
    sha256: str
    path: Callable[[], Path]


@dataclass(frozen=True)
class RecipeAction:
    """Run a recipe's script in the environment, in the root filesystem made by the step ``root``.

    ``argv`` is run in ``/build``; the script and its files are in ``/recipe``, pinned files in ``/sources``, the
    needs' merged trees at ``/`` + their top-level ``tools`` directory; it writes its result to ``/out``. Without a
    ``root`` (``native``) it runs on the machine itself, and these are where :mod:`pythonbuild.engine.inside` says.
    """

    argv: tuple[str, ...]
    root: str


class CallContext(Protocol):
    """What an in-process action is given.

    ``out`` is an empty directory for the result; ``work`` an empty scratch directory; ``jobs`` how many threads or
    processes it may use.
    """

    step: str
    out: Path
    work: Path
    jobs: int
    environment: Environment

    def tree(self, need: str) -> Path:
        """Return a read-only directory that holds the tree of a needed step."""

    def digest(self, need: str) -> str:
        """Return the digest of the tree of a needed step."""

    def source(self, name: str) -> Path:
        """Return the verified file of that name."""

    def log(self, line: str) -> None:
        """Add a line to the step's log."""


@dataclass(frozen=True)
class CallAction:
    """Run a Python function in this process; its code's files belong into the step's ``files``."""

    function: Callable[[CallContext], None]


@dataclass(frozen=True)
class Step:
    """One node of a plan.

    ``needs`` are merged under ``/`` for a recipe, in this order; ``parameters`` are keyed values (for a recipe: its
    environment variables). ``weight`` is the expected seconds when no earlier run is known; ``memory`` in MiB. What a
    ``resumable`` recipe leaves in ``/resume`` it finds there again when it is run with the same key after an
    interruption.
    """

    name: str
    action: RecipeAction | CallAction
    needs: tuple[str, ...] = ()
    files: tuple[InputFile, ...] = ()
    sources: tuple[PinnedFile, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    weight: float = 30.0
    memory: int = 512
    resumable: bool = False


@dataclass(frozen=True)
class Plan:
    """Steps in an order in which every need stands before its user; ``goals`` are what the request asked for."""

    steps: tuple[Step, ...]
    goals: tuple[str, ...]

    def step(self, name: str) -> Step:
        """Return the step of that name; KeyError if there is none."""
        return {step.name: step for step in self.steps}[name]
