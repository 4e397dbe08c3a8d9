"""Further processes and threads: multiprocessing, subprocess, signals."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

from .table import LINUX, MACOS, PLACE, UNIX, WINDOWS, Skip, argv, python, run, works

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108


def program() -> str:
    """Return the path of a program that is the interpreter: under an emulator a script that starts it."""
    if not PLACE.emulator:
        return sys.executable
    wrapper = Path("emulated-python").resolve()
    wrapper.write_text(f'#!/bin/sh\nexec {" ".join(argv())} "$@"\n')
    wrapper.chmod(0o755)
    return str(wrapper)


@works("multiprocessing: processes by fork, spawn and forkserver, pipes", "_multiprocessing", on=UNIX)
def multiprocessing_works() -> None:
    if PLACE.system == MACOS:
        require_sockets()
    start_processes("fork", "spawn", "forkserver")


@works("multiprocessing: processes by spawn, pipes", "_multiprocessing", on=(WINDOWS,))
def spawning_works() -> None:
    start_processes("spawn")


def require_sockets() -> None:
    """Raise Skip where not even sockets of the machine itself may be made, as in an older sandbox of macOS."""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.bind("probe.socket")
    except PermissionError as error:
        raise Skip(f"sockets are refused here: {error}") from error


def start_processes(*methods: str) -> None:
    # In a file: a spawned process imports its parent's main module.
    Path("spawner.py").write_text(
        textwrap.dedent("""
        import multiprocessing, sys

        def work(pipe):
            pipe.send(sum(pipe.recv()))

        if __name__ == "__main__":
            for method in sys.argv[2:]:
                context = multiprocessing.get_context(method)
                context.set_executable(sys.argv[1])
                here, there = context.Pipe()
                process = context.Process(target=work, args=(there,))
                process.start()
                here.send([1, 2, 3])
                assert here.recv() == 6
                process.join()
                assert process.exitcode == 0, (method, process.exitcode)
    """)
    )
    python("spawner.py", program(), *methods)


@works("multiprocessing: locks, queues, a pool, shared memory", "_multiprocessing", "_posixshmem", on=(LINUX,))
def shared_memory() -> None:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    try:
        with multiprocessing.Lock():
            pass
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.ENOENT) or SHARED_MEMORY.is_mount():
            raise
        raise Skip("no /dev/shm") from error
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(abs, [-1, -2, -3])) == [1, 2, 3]
    multiprocessing.set_executable(program())  # the resource tracker's
    share_memory()


@works("multiprocessing: locks, queues, a pool, shared memory", "_multiprocessing", "_posixshmem", on=(MACOS,))
@works("multiprocessing: locks, queues, a pool, shared memory", "_multiprocessing", "mmap", on=(WINDOWS,))
def spawned_pool() -> None:
    # In a program of its own: what this one has loaded by now (frameworks, Tk) does not outlive a fork.
    Path("pooling.py").write_text(
        textwrap.dedent("""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        if __name__ == "__main__":
            context = multiprocessing.get_context("spawn")
            with context.Lock(), ProcessPoolExecutor(2, mp_context=context) as pool:
                assert list(pool.map(abs, [-1, -2, -3])) == [1, 2, 3]
    """)
    )
    python("pooling.py")
    share_memory()


def share_memory() -> None:
    from multiprocessing.shared_memory import SharedMemory

    memory = SharedMemory(create=True, size=64)
    try:
        other = SharedMemory(memory.name)
        assert memory.buf is not None
        assert other.buf is not None
        memory.buf[:3] = b"abc"
        assert bytes(other.buf[:3]) == b"abc"
        other.close()
    finally:
        memory.close()
        memory.unlink()


@works("subprocess: the shell, environment variables, descriptors, a new session", "_posixsubprocess")
def subprocesses() -> None:
    environment = {**os.environ, "GREETING": "gr\u00fc\u00dfe"}
    shell = subprocess.run("echo $GREETING | cat", shell=True, capture_output=True, check=True,  # noqa: S602
                           env=environment)  # fmt: skip
    assert shell.stdout.decode() == "gr\u00fc\u00dfe\n", shell.stdout
    assert os.system("exit 3") >> 8 == 3  # noqa: S605
    reading, writing = os.pipe()
    code = "import os, sys; os.write(int(sys.argv[1]), b'%d' % os.getsid(0)); print(os.getpid())"
    output = run(argv("-I", "-c", code, str(writing)), pass_fds=[writing], start_new_session=True)
    os.close(writing)
    assert int(os.read(reading, 20)) == int(output)
    os.close(reading)
    # What the kernel refuses comes back from between fork and exec.
    refused = ""
    try:
        subprocess.run(["/nonexistent"], check=False)
    except FileNotFoundError as error:
        refused = error.filename
    assert refused == "/nonexistent", refused


@works("threads and signals", "_thread", "_signal", on=UNIX)
def threads_and_signals() -> None:
    recurse_in_threads()
    assert caught_by_handler(signal.SIGUSR1, lambda: os.kill(os.getpid(), signal.SIGUSR1)) == [signal.SIGUSR1]
    assert ended_by_itself() == -signal.SIGTERM


@works("threads and signals", "_thread", "_signal", on=(WINDOWS,))
def threads_and_raised_signals() -> None:
    recurse_in_threads()
    assert caught_by_handler(signal.SIGTERM, lambda: signal.raise_signal(signal.SIGTERM)) == [signal.SIGTERM]
    assert ended_by_itself() == signal.SIGTERM  # there it is a mere status


def recurse_in_threads() -> None:
    results: list[int] = []

    def recurse(depth: int) -> int:
        return depth and 1 + recurse(depth - 1)

    # As deep as Python lets by default, in a thread with the stack that the C library gives it.
    threads = [threading.Thread(target=lambda: results.append(recurse(900))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [900] * 4


def caught_by_handler(number: signal.Signals, send: Callable[[], None]) -> list[int]:
    caught: list[int] = []
    before = signal.signal(number, lambda number, _frame: caught.append(number))
    try:
        send()
    finally:
        signal.signal(number, before)
    return caught


def ended_by_itself() -> int:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    return subprocess.run(argv("-I", "-c", code), check=False).returncode
