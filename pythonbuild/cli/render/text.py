"""Durations, sizes, paths and columns as people read them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path

#: Terminal sequences: colours and cursor movements, titles and links, two-character ones.
_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-_])")


def duration(seconds: float) -> str:
    """Return ``0.4 s``, ``12 s``, ``3 min 05 s`` or ``1 h 02 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def clock(seconds: float) -> str:
    """Return ``1:05`` or ``1:02:05``, for columns that should not jump."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def size(count: float) -> str:
    """Return ``512 B``, ``3.4 kB``, ``12.0 MB`` …, in powers of 1000 as download pages do."""
    if count < 1000:
        return f"{count:.0f} B"
    unit = min(3, 1 + int(math.log(count / 999.95, 1000)))
    return f"{count / 1000**unit:.1f} {' kMG'[unit]}B"


def short_path(path: Path) -> str:
    """Return a path relative to the working directory when it lies below it."""
    try:
        here = Path.cwd()
    except OSError:
        return str(path)
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)


def printable(line: str) -> str:
    """Return a program's output line without what would move the cursor or change colours."""
    line = line.rstrip("\r\n").rsplit("\r", 1)[-1]
    clean = _ESCAPES.sub("", line).expandtabs(4)
    return "".join(character if character.isprintable() else " " for character in clean).rstrip()


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Align rows in columns; those whose index is in ``right`` are aligned to the right."""
    if not rows:
        return []
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) if index in right else cell.ljust(width)
                 for index, (cell, width) in enumerate(zip(row, widths, strict=True))]  # fmt: skip
        lines.append("  ".join(cells).rstrip())
    return lines
