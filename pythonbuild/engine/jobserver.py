"""One CPU budget for everything that runs: a GNU make jobserver (the fifo of make 4.4).

A fifo holds one byte (token) per job. Whoever wants to run one more job reads a byte first and writes it back after.
The executor takes one token for each step that it runs: that is the step's own implicit slot, the one job that every
make may run without asking; makes inside the steps take the others. So one step's serial configure overlaps another's
compile, and no more than ``jobs`` processes work at any time.

It cannot deadlock: a running step always has its own slot, so it ends some day and gives its token back. A make that
was killed takes its tokens with it; when no step runs, the fifo is emptied and filled anew.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Callable
from pathlib import Path

from pythonbuild.engine.files import machine_errors, unique

_TOKEN = b"+"

#: Name of the fifo in each step's build directory, seen in every environment below /build.
FIFO = ".jobserver"


class Jobserver:
    """A context manager; the fifo stands in ``directory`` until it ends."""

    def __init__(self, directory: Path, jobs: int) -> None:
        assert jobs >= 1
        self.jobs = jobs
        self._path = directory / f"{unique()}.jobserver"
        self._mutex = threading.Lock()
        self._held = 0
        self._descriptor = -1

    def __enter__(self) -> Jobserver:
        with machine_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.mkfifo(self._path, 0o600)
            # Open for reading and writing, so that the fifo keeps its bytes while no make has it open.
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._refill()
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._descriptor)
        self._path.unlink(missing_ok=True)

    def fileno(self) -> int:
        """Readable when a token may be had (for select)."""
        return self._descriptor

    def try_acquire(self) -> bool:
        """Take a token if there is one."""
        with self._mutex:
            if self._held == 0:
                self._refill()
            try:
                os.read(self._descriptor, 1)
            except BlockingIOError:
                return False
            self._held += 1
            return True

    def acquire(self, given_up: Callable[[], bool]) -> bool:
        """Take a token, waiting for it; False when the caller has given up meanwhile."""
        while not self.try_acquire():
            if given_up():
                return False
            select.select([self._descriptor], [], [], 0.1)
        return True

    def release(self) -> None:
        """Give a token back."""
        with self._mutex:
            assert self._held > 0
            self._held -= 1
            os.write(self._descriptor, _TOKEN)
            if self._held == 0:
                self._refill()

    def _refill(self) -> None:
        """Make the fifo hold exactly as many tokens as there are jobs; only when no step holds one."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._descriptor, 4096):
                pass
        os.write(self._descriptor, _TOKEN * self.jobs)

    def link_into(self, directory: Path) -> None:
        """Make the fifo seen in a step's build directory: a hard link is the same fifo in every mount namespace."""
        with machine_errors(directory):
            (directory / FIFO).hardlink_to(self._path)

    def makeflags(self, build_directory: str) -> str:
        """Return MAKEFLAGS for a step that sees its build directory at the given path."""
        if self.jobs == 1:
            return "-j1"
        return f"-j{self.jobs} --jobserver-auth=fifo:{build_directory}/{FIFO}"
