"""One CPU budget for everything that runs: a GNU make jobserver (the fifo of make 4.4).

A fifo holds one byte (token) per job. Whoever wants to run one more job reads a byte first and writes it back after.
The executor takes one token for each step that it runs: that is the step's own implicit slot, the one job that every
make may run without asking; makes inside the steps take the others. So one step's serial configure overlaps another's
compile, and no more than ``jobs`` processes work at any time.

It cannot deadlock: a running step always has its own slot, so it ends some day and gives its token back. A make that
was killed takes its tokens with it; when no step runs, the fifo is emptied and filled anew.

Where steps use the machine's own make, :mod:`pythonbuild.engine.tokens` stands in.
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
        self._descriptor = self._wake_read = self._wake_write = -1
        self._closed = False

    def __enter__(self) -> Jobserver:
        with machine_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.mkfifo(self._path, 0o600)
            # Open for reading and writing, so that the fifo keeps its bytes while no make has it open.
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._wake_read, self._wake_write = os.pipe()
        self._refill()
        return self

    def __exit__(self, *error: object) -> None:
        with self._mutex:
            self._closed = True  # for a step that had to be abandoned, and ends later
            for descriptor in (self._descriptor, self._wake_read, self._wake_write):
                os.close(descriptor)
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
            if self._closed:
                return
            os.write(self._descriptor, _TOKEN)
            if self._held == 0:
                self._refill()

    def wake(self) -> None:
        """End the waiting."""
        with self._mutex:
            if not self._closed:
                os.write(self._wake_write, b".")

    def wait(self, seconds: float | None, *, for_token: bool) -> None:
        """Wait until somebody wakes us, a token may be had (if that is waited for), or the time is over.

        Makes give their tokens back without telling us; so both are waited for at once.
        """
        wanted = [self._wake_read, *([self._descriptor] if for_token else [])]
        readable, _, _ = select.select(wanted, [], [], seconds)
        if self._wake_read in readable:
            os.read(self._wake_read, 4096)

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

    def variables(self, build_directory: str) -> dict[str, str]:
        """Return the variables that tell of it to a step that sees its build directory at the given path."""
        if self.jobs == 1:
            return {"MAKEFLAGS": "-j1"}
        return {"MAKEFLAGS": f"-j{self.jobs} --jobserver-auth=fifo:{build_directory}/{FIFO}"}
