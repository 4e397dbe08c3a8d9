"""Runs diffoscope, where it is installed, on members that differ: it looks deeper than :mod:`explain` does.

It gets the few files that were set aside and never the archives, which would take it half an hour.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HOW_TO_GET = (
    "for more about the differences install diffoscope (apt install diffoscope-minimal, or pip install diffoscope)"
)
_LINES = 200
_SECONDS = 600


def look_deeper(contents: Path) -> list[str]:
    """Return what diffoscope says of ``contents``/first and ``contents``/second, or how to get it."""
    program = shutil.which("diffoscope")
    if program is None:
        return [HOW_TO_GET]
    if not (contents / "first").is_dir():
        return []  # nothing but metadata differs, which has been told
    command = [program, "--no-progress", "--exclude-directory-metadata", "yes", "first", "second"]
    try:
        done = subprocess.run(command, cwd=contents, capture_output=True, check=False, timeout=_SECONDS,
                              env={**os.environ, "LC_ALL": "C.UTF-8"})  # fmt: skip
    except subprocess.TimeoutExpired:
        return [f"diffoscope was ended after {_SECONDS} seconds"]
    except OSError as error:
        return [f"{program} cannot be run: {error.strerror}"]
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    if done.returncode not in (0, 1):  # as of diff: 2 and more is trouble
        lines += [
            f"diffoscope ended with status {done.returncode}",
            *done.stderr.decode("utf-8", "replace").splitlines()[-5:],
        ]
    surplus = len(lines) - _LINES
    return ["diffoscope:", *lines[:_LINES], *([f"and {surplus} more lines"] if surplus > 0 else [])]
