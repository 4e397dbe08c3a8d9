"""Run a program and hand its output on line by line; end it when asked to.

The only place of this package where the builder's own processes are started, so the order in which things end is
written down once: SIGTERM, a grace period, SIGKILL, and always a wait.
"""

from __future__ import annotations

import codecs
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pythonbuild.environments.base import Command

#: How long a step may take to end after SIGTERM.
GRACE_SECONDS = 5.0

#: A line longer than this is handed on in pieces, so that output without line ends can't fill the memory.
LONGEST_LINE = 1 << 16

#: What a person gets who re-enters a step's environment.
SHELL_ARGV = ("bash", "-i")

LAUNCHER = Path(__file__).resolve().with_name("launcher.py")

#: What ``run`` returns for a step that was cancelled before it began: as if SIGTERM had ended it.
CANCELLED = 128 + signal.SIGTERM


def lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Cut a stream of bytes into lines; a character or a line may be spread over several chunks."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    for chunk in chunks:
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        for line in whole:
            yield line.removesuffix("\r")
        if len(rest) > LONGEST_LINE:
            yield rest
            rest = ""
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest.removesuffix("\r")


class Started(subprocess.Popen[bytes]):
    """A program whose output is a pipe."""

    def chunks(self) -> Iterator[bytes]:
        """Yield what the pipe gives as soon as it gives it."""
        assert self.stdout is not None
        while chunk := os.read(self.stdout.fileno(), 1 << 16):
            yield chunk

    def close(self) -> None:
        """Let go of what is held besides, once the program has ended."""


class ProcessGroup:
    """The programs that an environment runs now; safe to use from several threads.

    ``cancel`` is final: a step that a worker thread is just about to start when it is called is not started.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[Started] = set()
        self.cancelled = False

    def run(self, argv: Sequence[str], *, on_line: Callable[[str], None], pass_fds: Sequence[int] = ()) -> int:
        """Run a program to its end and return its status; it never outlives this call, nor the thread that makes it.

        That the thread waits here is what makes the program's PR_SET_PDEATHSIG mean the death of the builder.
        """
        return self.follow(
            lambda: Started(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            pass_fds=pass_fds, start_new_session=True), on_line)  # fmt: skip

    def follow(self, start: Callable[[], Started], on_line: Callable[[str], None], seconds: float = 0.0) -> int:
        """Start a program and return its status when it has ended; after so many ``seconds`` it is ended."""
        with self._lock:
            if self.cancelled:
                return CANCELLED
            process = start()
            self._running.add(process)
        late = threading.Event()

        def give_up() -> None:
            late.set()
            end([process])

        watch = threading.Timer(seconds, give_up)
        try:
            assert process.stdout is not None
            if seconds:
                watch.start()
            with process.stdout:
                for line in lines(process.chunks()):
                    on_line(line)
            status = shell_status(process.wait())
            if late.is_set():
                on_line(f"it was ended after {seconds:g} seconds, the longest that it may take")
            return status
        finally:
            watch.cancel()
            end([process])
            with self._lock:
                self._running.discard(process)
            process.close()

    def cancel(self) -> None:
        """End every running program and refuse new ones."""
        with self._lock:
            self.cancelled = True
            running = tuple(self._running)
        end(running)


def end(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """Send SIGTERM, then SIGKILL to those that did not listen; return when all are gone."""
    waiting = [process for process in processes if process.poll() is None]
    for process in waiting:
        process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    for process in waiting:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def shell_status(code: int) -> int:
    """Turn Popen's negative number for a death by signal into the shell's ``128 + n``."""
    return 128 - code if code < 0 else code


def launcher_argv(spec: str) -> list[str]:
    """Return how the launcher is started: isolated from the caller's Python settings, without site packages."""
    return [sys.executable, "-I", "-S", str(LAUNCHER), spec]


def process_start(pid: int) -> str:
    """Return when a process was started, in the kernel's ticks since boot; empty when there is none.

    Together with the pid it names a process for as long as the machine runs.
    """
    try:
        text = Path("/proc", str(pid), "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def with_terminal(command: Command) -> Command:
    """Return the command with the caller's TERM, without which an interactive shell is hardly usable."""
    return replace(command, env={"TERM": os.environ.get("TERM", "dumb"), **command.env})
