"""Takes from this process what Windows has not, and stands in for what it has instead.

Used by programs of their own only: nothing of it can be taken back. Whoever imports ``pythonbuild`` after ``pretend``
finds no fcntl, no fork, no modes; locks are ranges of bytes, an open or a read-only file can be neither removed nor
replaced, and ``select`` knows no pipes. What remains of Linux is what the interpreter itself stands on.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import os
import select
import shutil
import signal
import stat
import struct
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "spwd", "crypt", "syslog")
FUNCTIONS = (
    "mkfifo", "mknod", "fork", "forkpty", "geteuid", "getuid", "getgid", "getegid", "getgroups", "sched_getaffinity",
    "killpg", "statvfs", "fstatvfs", "fchmod", "fchown", "chown", "lchown", "setsid", "setpgid", "getpgid", "sysconf",
    "uname", "getloadavg", "O_CLOEXEC", "O_NONBLOCK", "O_NOFOLLOW", "O_DIRECTORY",
)  # fmt: skip

#: Modules of the standard library that find out by an import on which system they are.
_AS_THEY_ARE = ("asyncio", "getpass", "multiprocessing", "platform", "selectors", "subprocess", "tempfile", "uuid")

_F_OFD_SETLK = 37
_MARK = "tests.unit.windows_like"


def pretend() -> None:
    """Make this process one of Windows, as far as the library can tell."""
    assert not [name for name in sys.modules if name.startswith("pythonbuild")]
    for name in _AS_THEY_ARE:
        importlib.import_module(name)
    serial = os.open(os.environ["WINDOWS_LIKE_LOCK"], os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    _replace_locking()
    _replace_removing(serial)
    _replace_modes()
    _replace_select()
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    for name in FUNCTIONS:
        if hasattr(os, name):
            delattr(os, name)
    for name in ("SIGHUP", "SIGKILL"):
        delattr(signal, name)
    vars(shutil)["_use_fd_functions"] = False
    vars(shutil)["disk_usage"] = lambda _path: types.SimpleNamespace(total=2**40, used=0, free=2**40)

    from pythonbuild import host, locking

    host.WINDOWS = True
    locking.PATIENCE = 5.0
    from pythonbuild.environments import kept

    vars(kept)["Job"] = Job
    kept.KEEPER = Path(__file__).with_name("windows_like_keeper.py")


def _replace_locking() -> None:
    """Stand in for msvcrt.locking: ranges that belong to one open file, and are unlocked as they were locked."""
    held: dict[int, tuple[int, int]] = {}

    def locking(descriptor: int, mode: int, count: int) -> None:
        first = os.lseek(descriptor, 0, os.SEEK_CUR)
        assert mode in (0, 2), "waiting is not left to msvcrt"
        if mode == 0:
            assert held.pop(descriptor) == (first, count)
        kind = fcntl.F_UNLCK if mode == 0 else fcntl.F_WRLCK
        fcntl.fcntl(descriptor, _F_OFD_SETLK, struct.pack("hh4xqqi4x", kind, os.SEEK_SET, first, count, 0))
        if mode == 2:
            held[descriptor] = (first, count)

    module = types.ModuleType("msvcrt")
    module.__dict__.update(locking=locking, LK_UNLCK=0, LK_LOCK=1, LK_NBLCK=2)
    sys.modules["msvcrt"] = module


def _replace_removing(serial: int) -> None:
    """Refuse to remove and to replace what is open in any of our processes, or read-only."""

    @contextlib.contextmanager
    def alone() -> Iterator[None]:
        fcntl.flock(serial, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(serial, fcntl.LOCK_UN)

    def check(path: Any, *, read_only: bool) -> None:
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            return
        if stat.S_ISREG(status.st_mode):
            if read_only and not status.st_mode & 0o200:
                raise PermissionError(13, "Access is denied", str(path))
            if (status.st_dev, status.st_ino) in set(_open_files()):
                raise PermissionError(13, "The process cannot access the file", str(path))

    def guarded(function: Callable[..., None], *, moves: bool) -> Callable[..., None]:
        def call(path: Any, *more: Any, **options: Any) -> None:
            with alone():
                check(path, read_only=not moves)
                if moves:
                    check(more[0], read_only=True)
                function(path, *more, **options)

        return call

    def opening(path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
        with alone():  # so that nobody opens a file between the check and its removal
            return plain_open(path, flags | os_cloexec, mode, **options)

    plain_open, os_cloexec = os.open, os.O_CLOEXEC
    os.open = opening
    os.unlink = os.remove = guarded(os.unlink, moves=False)
    os.rename = os.replace = guarded(os.replace, moves=True)


def _open_files() -> Iterator[tuple[int, int]]:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if _MARK.encode() in (process / "cmdline").read_bytes():
                for descriptor in (process / "fd").iterdir():
                    with contextlib.suppress(OSError):
                        status = descriptor.stat()
                        yield status.st_dev, status.st_ino


def _replace_modes() -> None:
    """Keep of a mode only whether a file may be written to."""
    chmod = os.chmod

    def writable_or_not(path: Any, mode: int, **options: Any) -> None:
        if not os.path.isdir(path):  # noqa: PTH112
            chmod(path, 0o666 if mode & 0o200 else 0o444, **options)

    os.chmod = writable_or_not


def _replace_select() -> None:
    def refuse(*_arguments: object) -> NoReturn:
        raise OSError(10038, "An operation was attempted on something that is not a socket")

    select.select = refuse


_getpid, _kill = os.getpid, os.kill
_children = "/proc/{0}/task/{0}/children"


def descendants(pid: int) -> list[int]:
    found = [int(text) for text in Path(_children.format(pid)).read_text().split()]
    return found + [further for child in found for further in descendants(child)]


class Job:
    """Stands in for a job object: the keeper and what it has started, known by who is whose parent."""

    name = "job"

    def add(self, process: int) -> None:
        self.process = process

    def terminate(self, _status: int) -> None:
        with contextlib.suppress(OSError):
            for pid in [*descendants(self.process), self.process]:
                _kill(pid, 9)

    def close(self) -> None:
        self.terminate(0)
