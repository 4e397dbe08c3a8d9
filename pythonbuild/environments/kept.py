"""A command on the machine itself, together with all that it starts, as if it were one process.

The process is :mod:`pythonbuild.environments.keeper`, which runs the command; what ends it ends the rest.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pythonbuild import host
from pythonbuild.environments.job import Job
from pythonbuild.environments.process import Started

KEEPER = Path(__file__).with_name("keeper.py")
#: How long a keeper may take to end what has not listened.
_PATIENCE = 10.0
_LISTENED, _KILLED = 128 + signal.SIGTERM, 128 + 9


def keeper_argv(*arguments: str) -> list[str]:
    """Return how the keeper is started: isolated from the caller's Python settings, without site packages.

    On Windows a virtual environment's Python starts another one as its child, which would miss the job.
    """
    python = getattr(sys, "_base_executable", sys.executable) if host.WINDOWS else sys.executable
    return [python, "-I", "-S", "-X", "utf8", str(KEEPER), *arguments]


class Kept(Started):
    """``terminate`` asks the command and all of its children to end, ``kill`` ends them; ``wait`` gives its status."""

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: str, limits: Mapping[str, int] | None = None
    ) -> None:
        self._job = Job() if host.WINDOWS else None
        self._told, status = (-1, -1) if self._job else os.pipe()
        self._status: int | None = None
        self._closing = threading.Lock()
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        options: dict[str, Any] = {"creationflags": flags}
        if not self._job:
            options = {"start_new_session": True, "pass_fds": (status,)}
        try:
            super().__init__(keeper_argv(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             **options)  # fmt: skip
        finally:
            if status >= 0:
                os.close(status)
        if self._job:
            try:
                self._job.add(int(getattr(self, "_handle", self.pid)))
            except BaseException:
                super().kill()
                raise
        spec = {"argv": list(argv), "env": dict(env), "cwd": cwd, "limits": dict(limits or {}), "status": status,
                "job": self._job.name if self._job else ""}  # fmt: skip
        assert self.stdin
        with contextlib.suppress(BrokenPipeError):  # it was ended already
            self.stdin.write(json.dumps(spec).encode("utf-8", "surrogateescape") + b"\n")
            self.stdin.flush()

    def terminate(self) -> None:
        if self._job:
            self._job.terminate(_LISTENED)  # Windows has nothing that asks
        else:
            super().terminate()  # the keeper hands it on

    def kill(self) -> None:
        if self._job:
            self._job.terminate(_KILLED)
            return
        self._close_stdin()
        try:
            super().wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)

    def chunks(self) -> Iterator[bytes]:
        """Yield the output until nobody can write any more, or the keeper has ended: a stray may hold the pipe."""
        if self._job:
            yield from super().chunks()
            return
        assert self.stdout
        output = self.stdout.fileno()
        while output in select.select([output, self._told], [], [])[0]:
            chunk = os.read(output, 1 << 16)
            if not chunk:
                return
            yield chunk

    def wait(self, timeout: float | None = None) -> int:
        code = super().wait(timeout)
        with self._closing:
            if self._status is None:
                self._status = self._read_status(128 - code if code < 0 else code)
            return self._status

    def _read_status(self, code: int) -> int:
        """Return what the keeper has told before it killed itself with the rest."""
        if self._job:
            return code
        told = os.read(self._told, 16)
        if not told:  # somebody has killed the keeper alone
            self._signal(signal.SIGKILL)
        return int(told) if told else code

    def close(self) -> None:
        self._close_stdin()
        if self._job:
            self._job.close()
        else:
            os.close(self._told)

    def _close_stdin(self) -> None:
        if self.stdin:
            with contextlib.suppress(OSError):
                self.stdin.close()

    def _signal(self, number: int) -> None:
        """Send a signal to the whole group, also when its leader is gone already."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)
