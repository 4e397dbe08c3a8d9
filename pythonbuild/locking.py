"""Locks on files, which the system drops when their holder ends, however it ends.

Nobody has to guess from process ids or ages whether an owner is still alive. They are ``flock`` locks where there are
any. Windows locks ranges of bytes instead, each for one holder: whoever shares a lock takes any one of a few bytes,
whoever wants it alone takes all of them. Those bytes lie far behind any content, because a locked byte cannot be read
by others.

There an open file cannot be removed either. So a holder that takes the lock's file away closes it first; if somebody
else has opened it by then, the file stays, and so does the meaning of its name.

Like :mod:`pythonbuild.bootstrap`, which uses it, this module is read by every Python from 3.6 on.
"""

# ruff: noqa: PTH108, PTH116
import os
import time

try:
    import fcntl
except ImportError:  # Windows
    WITH_FLOCK = False
else:
    WITH_FLOCK = True

#: Where the bytes begin that are locked: below 2 GiB, the last position that every C library can lock.
_FIRST = 0x7FFF0000
#: How many may share a lock.
_BYTES = 64
#: How long a file that somebody else (a virus scanner) holds for a moment is waited for, in seconds.
PATIENCE = 3.0

_ranges = {}  # type: dict[int, tuple[int, int]]


def open_file(path: "os.PathLike[str] | str") -> int:
    """Open the file of a lock, made if need be; return the descriptor."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return os.open(path, flags, 0o644)
        except PermissionError:  # on Windows also: it is just being removed
            if WITH_FLOCK or time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def try_lock(descriptor: int, shared: bool = False) -> bool:
    """Take the lock if nobody stands in the way; say whether it was taken."""
    if not WITH_FLOCK:
        return _try_range(descriptor, shared)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock(descriptor: int, shared: bool = False) -> None:
    """Take the lock, waiting for whoever holds it."""
    if WITH_FLOCK:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        return
    while not _try_range(descriptor, shared):  # the waiting of msvcrt itself ends after ten seconds
        time.sleep(0.05)


def close(descriptor: int, remove: "os.PathLike[str] | str | None" = None) -> None:
    """Give the lock back, if it is held, and close its file; ``remove`` (sole holders only) takes the file away."""
    if WITH_FLOCK:
        if remove is not None:
            _unlink(remove)  # before anybody else has the lock
        os.close(descriptor)
        return
    held = _ranges.pop(descriptor, None)
    if held is not None:
        _msvcrt_locking(descriptor, "LK_UNLCK", *held)
    os.close(descriptor)
    if remove is not None:
        _unlink(remove)


def is_named(descriptor: int, path: "os.PathLike[str] | str") -> bool:
    """Tell whether a locked file still has its name: between opening and locking it, its holder may have removed it."""
    if not WITH_FLOCK:
        return True  # an open file keeps its name there
    try:
        named = os.stat(path)
    except FileNotFoundError:
        return False
    own = os.fstat(descriptor)
    return (named.st_dev, named.st_ino) == (own.st_dev, own.st_ino)


def _unlink(path: "os.PathLike[str] | str") -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except PermissionError:
        if WITH_FLOCK:
            raise


def _try_range(descriptor: int, shared: bool) -> bool:
    if not shared:
        return _try_bytes(descriptor, _FIRST, _BYTES)
    begin = int(time.monotonic() * 1e6)  # others begin elsewhere, so the first try mostly succeeds
    return any(_try_bytes(descriptor, _FIRST + (begin + number) % _BYTES, 1) for number in range(_BYTES))


def _try_bytes(descriptor: int, first: int, count: int) -> bool:
    try:
        _msvcrt_locking(descriptor, "LK_NBLCK", first, count)
    except OSError:
        return False
    _ranges[descriptor] = (first, count)
    return True


def _msvcrt_locking(descriptor: int, mode: str, first: int, count: int) -> None:
    """Lock or unlock a range of bytes; the descriptor's position, which says where it begins, is put back."""
    import msvcrt

    before = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, first, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, getattr(msvcrt, mode), count)  # type: ignore[attr-defined,unused-ignore]
    finally:
        os.lseek(descriptor, before, os.SEEK_SET)
