"""The directory that archives go to: made when needed, found writable before the work, gone again after a failure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pythonbuild.errors import OutputError


@contextmanager
def output_directory(output: Path) -> Iterator[None]:
    """Make the output directory. Raises OutputError when it cannot be written."""
    with no_empty_one_left(output):
        check_output(output)
        yield


@contextmanager
def no_empty_one_left(directory: Path) -> Iterator[None]:
    """What fails does not leave an empty directory that was made for it."""
    was_there = directory.exists()
    try:
        yield
    except BaseException:
        if not was_there:
            with suppress(OSError):
                directory.rmdir()
        raise


def check_output(output: Path) -> None:
    """Make the output directory and make sure, before hours of work, that it can be written. Raises OutputError."""
    probe = output / f".writable-{os.getpid()}"
    try:
        output.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"--output: {output} cannot be written", found=error.strerror,
                          advice="name a directory that can") from error  # fmt: skip
