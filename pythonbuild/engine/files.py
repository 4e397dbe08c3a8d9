"""Small file operations that the store and the executor share.

Operating system errors become the project's own here, in one place: a full disk and a missing permission have the same
remedy wherever they strike. Locks are ``flock`` locks, because the kernel drops them when a process dies, however it
dies; nobody has to guess from process ids or ages whether an owner is still alive.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from pythonbuild.errors import MachineError, NoSpaceError

#: Modification time of everything in the store: 1980-01-01, the first moment that zip archives can express.
EPOCH = 315532800

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextlib.contextmanager
def machine_errors(path: Path) -> Iterator[None]:
    """Turn "no space" and "no permission" into errors that name the path and the remedy."""
    try:
        yield
    except OSError as error:
        place = error.filename or path
        if error.errno in _FULL:
            raise NoSpaceError(
                f"{place}: cannot be written", found=error.strerror,
                advice="free some space, choose another --cache-dir, or run ./build-linux.py gc",
            ) from error  # fmt: skip
        if error.errno in _FORBIDDEN:
            raise MachineError(
                f"{place}: not permitted", found=error.strerror,
                expected="a cache directory that this user may read and write",
                advice="give it to this user or choose another --cache-dir",
            ) from error  # fmt: skip
        raise


def unique() -> str:
    """Return a short name that nobody else has."""
    return uuid.uuid4().hex[:12]


def write_beside(path: Path, data: bytes, temporary: Path, *, sync: bool = False) -> None:
    """Write a file so that readers see the whole of it or nothing: into ``temporary``, then renamed."""
    beside = temporary / unique()
    with beside.open("wb") as file:
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    path.parent.mkdir(parents=True, exist_ok=True)
    beside.replace(path)


def remove_tree(path: Path) -> None:
    """Remove a directory and all below it, also directories that their maker left without write permission."""
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        pass
    except PermissionError:
        for directory, _, _ in _walk_forced(path):
            directory.chmod(0o700)
        shutil.rmtree(path)


def _walk_forced(path: Path) -> Iterator[tuple[Path, None, None]]:
    """Walk top-down; the caller makes each directory readable before it is listed."""
    yield path, None, None
    with os.scandir(path) as entries:
        children = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    for child in children:
        yield from _walk_forced(child)


class FileLock:
    """An ``flock`` on a file that may be removed by its holder.

    A lock file can vanish between opening and locking it (its last holder removed it); the lock then guards nothing,
    so it is taken again on the file that now has the name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        return self._descriptor is not None

    def try_acquire(self, *, shared: bool = False) -> bool:
        """Take the lock if nobody stands in the way; say whether it was taken."""
        return self._acquire(shared, fcntl.LOCK_NB)

    def acquire(self, *, shared: bool = False) -> None:
        """Take the lock, waiting for whoever holds it."""
        self._acquire(shared, 0)

    def wait(self, given_up: Callable[[], bool], *, interval: float = 0.1) -> bool:
        """Take the lock, looking now and then whether the caller has given up; say whether it was taken."""
        while not self.try_acquire():
            if given_up():
                return False
            time.sleep(interval)
        return True

    def _acquire(self, shared: bool, flags: int) -> bool:
        assert self._descriptor is None, f"{self.path} is locked already"
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | flags)
            except BlockingIOError:
                os.close(descriptor)
                return False
            except BaseException:
                os.close(descriptor)
                raise
            if self._still_named(descriptor):
                self._descriptor = descriptor
                return True
            os.close(descriptor)

    def _still_named(self, descriptor: int) -> bool:
        try:
            named = self.path.stat()
        except FileNotFoundError:
            return False
        own = os.fstat(descriptor)
        return (named.st_dev, named.st_ino) == (own.st_dev, own.st_ino)

    def write(self, data: bytes) -> None:
        """Add to the lock file's content (what its holder wants others to know)."""
        assert self._descriptor is not None
        os.lseek(self._descriptor, 0, os.SEEK_END)
        os.write(self._descriptor, data)

    def release(self, *, remove: bool = False) -> None:
        """Give the lock back; ``remove`` (exclusive holders only) takes the file away with it."""
        if self._descriptor is None:
            return
        if remove:
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None
