"""The CPU budget where the make of the machine itself is used: macOS has GNU make 3.81, Windows nmake and MSBuild.

None of them knows the jobserver of :mod:`pythonbuild.engine.jobserver`, so tokens are counted in this process alone,
one for each running step, and a step is told once, when it begins, how many jobs it may run: the budget divided by the
steps that run by then. Steps that begin later get less and nobody takes anything back, so with n steps at once there
are at most 1 + 1/2 + … + 1/n times as many jobs as allowed: twice as many with four, and only as long as none of them
configures or links, which is most of what they do. The other ways are worse: a fixed share leaves a machine idle
whenever one step is left, and the whole budget for each step is n times as many.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from pythonbuild import host

#: Waiting is done in pieces: on Windows a Ctrl-C is seen only between them.
_PIECE = 0.5


class Tokens:
    """A context manager with the methods of :class:`~pythonbuild.engine.jobserver.Jobserver`."""

    def __init__(self, jobs: int) -> None:
        assert jobs >= 1
        self.jobs = jobs
        self._held = 0
        self._changed = threading.Condition()
        self._woken = False

    def __enter__(self) -> Tokens:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def try_acquire(self) -> bool:
        """Take a token if there is one."""
        with self._changed:
            if self._held == self.jobs:
                return False
            self._held += 1
            return True

    def acquire(self, given_up: Callable[[], bool]) -> bool:
        """Take a token, waiting for it; False when the caller has given up meanwhile."""
        while not self.try_acquire():
            if given_up():
                return False
            with self._changed:
                self._changed.wait_for(lambda: self._held < self.jobs, 0.1)
        return True

    def release(self) -> None:
        """Give a token back."""
        with self._changed:
            assert self._held > 0
            self._held -= 1
            self._changed.notify_all()

    def wake(self) -> None:
        """End the waiting."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def wait(self, seconds: float | None, *, for_token: bool) -> None:
        """Wait until somebody wakes us, a token may be had (if that is waited for), or the time is over."""
        with self._changed:

            def due() -> bool:
                return self._woken or (for_token and self._held < self.jobs)

            if seconds is None:
                while not self._changed.wait_for(due, _PIECE):
                    pass
            else:
                self._changed.wait_for(due, seconds)
            self._woken = False

    def link_into(self, directory: Path) -> None:
        """Do nothing: there is nothing to be seen in a build directory."""

    def variables(self, build_directory: str) -> dict[str, str]:  # noqa: ARG002 - the other one names its fifo
        """Return the variables that tell a step how many jobs it may run.

        Not MAKEFLAGS on Windows: nmake reads it, too, and fails at flags of another make.
        """
        with self._changed:
            share = -(-self.jobs // max(1, self._held))
        return {"JOBS": str(share)} if host.WINDOWS else {"JOBS": str(share), "MAKEFLAGS": f"-j{share}"}
