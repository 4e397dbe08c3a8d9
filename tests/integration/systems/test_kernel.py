"""What Linux has and the oldest supported glibc has not: present, and really doing what it is for."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from .conftest import Files, System

WORKS = """
import errno, fcntl, json, os, select, signal, socket, subprocess, sys, threading, time
done = []

fd = os.memfd_create("made up", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
os.write(fd, b"content")
fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
try:
    os.write(fd, b"more")
except PermissionError:
    done.append("memfd_create")

source, target = os.open("source", os.O_RDWR | os.O_CREAT), os.open("target", os.O_RDWR | os.O_CREAT)
os.write(source, b"0123456789")
assert os.copy_file_range(source, target, 4, offset_src=3, offset_dst=1) == 4
assert os.pread(target, 9, 0) == b"\\0" + b"3456"
done.append("copy_file_range")

buffers = [bytearray(2), bytearray(3)]
assert os.preadv(source, buffers, 4) == 5 and buffers == [b"45", b"678"]
assert os.preadv(source, [bytearray(4)], 8, os.RWF_HIPRI) == 2
assert os.pwritev(target, [b"ab", b"c"], 2) == 3
assert os.pwritev(target, [b"z"], 0, os.RWF_DSYNC) == 1
assert os.pread(target, 9, 0) == b"z3abc"
done.append("preadv2")

assert len(os.getrandom(16)) == 16
done.append("getrandom")

child = subprocess.Popen([sys.executable, "-IS", "-c", "import time; time.sleep(60)"])
pidfd = os.pidfd_open(child.pid)
signal.pidfd_send_signal(pidfd, signal.SIGTERM)
select.select([pidfd], [], [], 30)
assert child.wait() == -signal.SIGTERM
done.append("pidfd_open")

low = os.dup(0)
os.closerange(low, low + 1)
try:
    os.fstat(low)
except OSError as error:
    assert error.errno == errno.EBADF
    done.append("close_range")

lock = threading.Lock()
lock.acquire()
start = time.monotonic()
assert not lock.acquire(timeout=0.2)
assert 0.15 < time.monotonic() - start < 10
done.append("sem_clockwait")

try:
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()
except OSError as error:
    assert error.errno in (errno.EAFNOSUPPORT, errno.EPERM, errno.EACCES), error
done.append("AF_VSOCK")

try:
    with socket.socket(socket.AF_BLUETOOTH, socket.SOCK_STREAM, socket.BTPROTO_RFCOMM) as bluetooth:
        bluetooth.bind(("00:00:00:00:00:00", 0))
except OSError as error:
    assert error.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EPERM, errno.EACCES), error
done.append("AF_BLUETOOTH")

assert socket.IPPROTO_MPTCP == 262
done.append("IPPROTO_MPTCP")
print(json.dumps(done))
"""

WORKING = ["memfd_create", "copy_file_range", "preadv2", "getrandom", "pidfd_open", "close_range", "sem_clockwait",
           "AF_VSOCK", "AF_BLUETOOTH", "IPPROTO_MPTCP"]  # fmt: skip


def test_newer_functions(make_system: Callable[[Files], System]) -> None:
    assert make_system({}).python(WORKS) == WORKING


def test_they_are_nobody_elses(installed: Path) -> None:
    """The definitions are hidden: no name of theirs is in a dynamic symbol table."""
    for binary in ("bin/python3", "lib/libpython3.so"):
        path = (installed / "install" / binary).resolve()
        table = subprocess.run(["nm", "-D", path], capture_output=True, text=True, check=True).stdout
        assert "_Py_newer_" not in table, path
        assert " memfd_create" not in table, path
