"""The one seam between the engine and the place where a step runs.

An environment runs a command in a root filesystem with a few directories mounted at fixed paths, no network, and
nothing of the caller's environment. Everything above this floor is the same for docker, sandbox and native.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

#: Fixed directories that every root filesystem has as empty mount points.
MOUNT_POINTS = ("/build", "/tools", "/out", "/recipe", "/sources", "/proc", "/dev", "/tmp")  # noqa: S108


@dataclass(frozen=True)
class Mount:
    """A host directory seen at an absolute path inside; read-only unless ``writable``."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Command:
    """What to run, and all that it can see.

    ``root`` is an unpacked root filesystem on the host and is never written to; ``root_digest`` names its content
    (docker tags its imported image with it). ``native`` has neither, and no mounts: None, "" and (). ``label`` names
    the step in containers' labels and messages. ``user`` is who the command takes itself for where the environment can
    arrange that (the sandbox with namespaces): another name for the same powerless user. ``seconds`` is how long it may
    take in ``native`` (0: as long as it likes), where what hangs would hold up the user's own machine.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    mounts: tuple[Mount, ...]
    root: Path | None
    root_digest: str
    label: str
    user: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Probe:
    """What trying an environment on this machine gave.

    ``level`` says in what form it works: ``namespaces``, ``host-proc``, ``chroot``, ``docker``; empty when it does not.
    ``missing`` is what it cannot isolate, ``advice`` why it does not work (or not fully) and what to do about it.
    """

    ok: bool
    level: str = ""
    missing: tuple[str, ...] = ()
    advice: str = ""


class Environment(Protocol):
    """Where steps run. Implementations raise EnvironmentUnavailableError from their constructor's checks only."""

    @property
    def name(self) -> str:
        """``docker``, ``sandbox`` or ``native``."""

    @property
    def missing_isolation(self) -> tuple[str, ...]:
        """What this environment cannot isolate here, in words for the user; empty when complete."""

    @property
    def fixed_paths(self) -> bool:
        """Whether a command sees its mounts at their targets; else it has none, and is told where things lie."""

    def run(self, command: Command, *, on_line: Callable[[str], None]) -> int:
        """Run the command to its end and return its exit status; each output line goes to ``on_line``.

        Output is decoded as UTF-8 with replacement, stdout and stderr together. ``128 + n`` reports death by
        signal n. Safe to call from several threads at once.
        """

    def shell(self, command: Command) -> int:
        """Run the command on the caller's terminal (``--debug-shell``) and return its exit status."""

    def reenter(self, command: Command) -> str:
        """Return a command line that a person can paste to get an interactive bash in the same environment."""

    def cancel(self) -> None:
        """End every running command now (SIGTERM, then SIGKILL); ``run`` calls then return a non-zero status."""

    def close(self) -> None:
        """Release what the environment holds (containers, mounts)."""
