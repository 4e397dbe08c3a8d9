"""Further processes and threads: multiprocessing, subprocess, signals."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

from .table import PLACE, Skip, argv, python, run, works

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108


def program() -> str:
    """Return the path of a program that is the interpreter: under an emulator a script that starts it."""
    if not PLACE.emulator:
        return sys.executable
    wrapper = Path("emulated-python").resolve()
    wrapper.write_text(f'#!/bin/sh\nexec {" ".join(argv())} "$@"\n')
    wrapper.chmod(0o755)
    return str(wrapper)


@works("multiprocessing: processes by fork, spawn and forkserver, pipes", "_multiprocessing")
def multiprocessing_works() -> None:
    # In a file: a spawned process imports its parent's main module.
    Path("spawner.py").write_text(
        textwrap.dedent("""
        import multiprocessing, sys

        def work(pipe):
            pipe.send(sum(pipe.recv()))

        if __name__ == "__main__":
            for method in ("fork", "spawn", "forkserver"):
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
    python("spawner.py", program())


@works("multiprocessing: locks, queues, a pool, shared memory", "_multiprocessing", "_posixshmem")
def shared_memory() -> None:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing.shared_memory import SharedMemory

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


@works("threads and signals", "_thread", "_signal")
def threads_and_signals() -> None:
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
    caught: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: caught.append(number))
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert caught == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, before)
    code = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    assert subprocess.run(argv("-I", "-c", code), check=False).returncode == -signal.SIGTERM
