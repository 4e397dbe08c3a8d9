"""What the interpreter takes from the system: sockets, processes, certificates, time zones, users."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import socket
import subprocess
import threading
import time

from .table import LINUX, MACOS, PLACE, WINDOWS, Skip, argv, timeout, works


def by_epoll(end: socket.socket) -> bool:
    import select

    poll = select.epoll()
    poll.register(end, select.EPOLLIN)
    ready = poll.poll(5)
    poll.close()
    return bool(ready)


def by_kqueue(end: socket.socket) -> bool:
    select = importlib.import_module("select")
    queue = select.kqueue()
    ready = queue.control([select.kevent(end.fileno(), select.KQ_FILTER_READ, select.KQ_EV_ADD)], 1, 5)
    queue.close()
    return bool(ready)


def by_select(end: socket.socket) -> bool:
    import select

    return bool(select.select([end], [], [], 5)[0])


#: How each system's own event loop waits for sockets, or the only way it knows.
WAITING = {LINUX: by_epoll, MACOS: by_kqueue, WINDOWS: by_select}


@works("sockets, polling, asyncio", "_socket", "select", "_asyncio")
def sockets() -> None:
    import asyncio

    left, right = socket.socketpair()
    with left, right:
        left.send(b"x")
        assert WAITING[PLACE.system](right)
    assert socket.has_ipv6

    async def echo() -> bytes:
        process = await asyncio.create_subprocess_exec(*argv("-c", "print(42)"), stdout=subprocess.PIPE)
        return (await asyncio.wait_for(process.communicate(), timeout()))[0]

    assert asyncio.run(echo()).split() == [b"42"]


@works("system calls that the oldest glibc has no function for", on=(LINUX,))
def newer_system_calls() -> None:
    # Each is there, whatever C library runs; what the kernel (or the emulator) lacks is no failure of the build.
    missing = [name for name in ("memfd_create", "copy_file_range", "getrandom", "pidfd_open") if not hasattr(os, name)]
    missing += [name for name in ("AF_VSOCK", "AF_BLUETOOTH", "IPPROTO_MPTCP") if not hasattr(socket, name)]
    assert not missing, f"missing: {', '.join(missing)}"
    assert len(os.getrandom(16)) == 16
    try:
        source, target = os.memfd_create("source"), os.memfd_create("target")
        os.write(source, b"0123456789")
        assert os.copy_file_range(source, target, 4, offset_src=3) == 4
        assert os.preadv(target, [bytearray(4)], 0, os.RWF_HIPRI) == 4
        os.closerange(target, target + 1)
        with subprocess.Popen(argv("-IS", "-c", "input()"), stdin=subprocess.PIPE) as child:
            signal.pidfd_send_signal(os.pidfd_open(child.pid), signal.SIGKILL)
            assert child.wait(timeout()) == -signal.SIGKILL
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL):
            raise
        raise Skip(f"this kernel lacks one of them: {error}") from error


@works("the system's proxies", "_scproxy", on=(MACOS,))
def proxies() -> None:
    scproxy = importlib.import_module("_scproxy")
    assert isinstance(scproxy._get_proxies(), dict)
    assert "exclude_simple" in scproxy._get_proxy_settings()


@works("locks wait by a clock that nobody sets")
def locks_time_out() -> None:
    lock = threading.Lock()
    lock.acquire()
    start = time.monotonic()
    assert not lock.acquire(timeout=0.2)
    assert 0.15 < time.monotonic() - start < timeout()
