"""What the user asked for: made from the flags by the command line, read by everything below it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """One build's wishes. ``python`` is a series (``3.13``, ``cpython-3.13``) or an exact version.

    ``optimized`` asks for the best options that the target has, whatever ``options`` says.
    """

    repository: Path
    python: str
    python_source: Path | None
    target_triple: str
    options: str
    environment: str
    jobs: int
    cache: Path
    output: Path
    source_dirs: tuple[Path, ...] = ()
    mirrors: tuple[str, ...] = ()
    offline: bool = False
    locked: bool = False
    keep_going: bool = False
    debug_shell: str = ""
    optimized: bool = False
