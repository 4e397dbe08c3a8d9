"""Small file operations that the store and the executor share.

Operating system errors become the project's own here, in one place: a full disk and a missing permission have the same
remedy wherever they strike. On Windows a file that somebody has open for a moment (a virus scanner, a reader) can
neither be replaced nor removed, nor can a read-only one: what is done here to files waits for the one and undoes the
other.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from pythonbuild import host, locking
from pythonbuild.errors import MachineError, NoSpaceError

#: Modification time of everything in the store: 1980-01-01, the first moment that zip archives can express.
EPOCH = 315532800

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_PRIVILEGE = 1314  # what Windows calls it
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
                advice=f"free some space, choose another --cache-dir, or run {host.script()} gc",
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
    put(beside, path)


def put(beside: Path, path: Path) -> None:
    """Rename a file or a directory; a file that has the name already is replaced."""
    deadline = time.monotonic() + locking.PATIENCE
    while True:
        try:
            beside.replace(path)
            return
        except PermissionError:
            if not host.WINDOWS or time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def link_target(path: os.PathLike[str] | str) -> str:
    """Return where a symbolic link leads, in the one spelling that trees have."""
    target = os.readlink(path)  # noqa: PTH115 - Path would normalise it
    return target.removeprefix("\\\\?\\").replace("\\", "/") if host.WINDOWS else target


def link_symbolically(path: Path, target: str, *, directory: bool) -> None:
    """Make a symbolic link; ``directory`` says what it leads to, which Windows wants to know."""
    try:
        path.symlink_to(target, target_is_directory=directory)
    except OSError as error:
        if getattr(error, "winerror", None) != _NO_PRIVILEGE:
            raise
        # No copy instead: what a step yields must not depend on who runs it.
        raise MachineError(f"{path}: Windows lets this user make no symbolic link", found=error.strerror,
                           advice="turn on the Developer Mode in its settings") from error  # fmt: skip


def remove_file(path: Path) -> bool:
    """Remove a file; say whether it is gone. On Windows one that somebody uses stays."""
    try:
        path.unlink()
    except PermissionError:
        if not host.WINDOWS:
            raise
        try:
            path.chmod(stat.S_IWRITE)
            path.unlink()
        except PermissionError:
            return False
    return True


def remove_tree(path: Path) -> None:
    """Remove a directory and all below it, also what its maker left without write permission."""
    path = host.extended(path)
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        pass
    except PermissionError:
        for directory in _walk_forced(path):
            directory.chmod(0o700)
        shutil.rmtree(path)


def _walk_forced(path: Path) -> Iterator[Path]:
    """Walk top-down; the caller makes each directory readable before it is listed. On Windows files come, too."""
    yield path
    with os.scandir(path) as entries:
        children = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)
                    or (host.WINDOWS and not entry.is_symlink())]  # fmt: skip
    for child in children:
        yield from _walk_forced(child) if child.is_dir() else [child]


class FileLock:
    """A lock on a file that may be removed by its holder.

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
        return self._acquire(shared, wait=False)

    def acquire(self, *, shared: bool = False) -> None:
        """Take the lock, waiting for whoever holds it."""
        self._acquire(shared, wait=True)

    def wait(self, given_up: Callable[[], bool], *, interval: float = 0.1) -> bool:
        """Take the lock, looking now and then whether the caller has given up; say whether it was taken."""
        while not self.try_acquire():
            if given_up():
                return False
            time.sleep(interval)
        return True

    def _acquire(self, shared: bool, *, wait: bool) -> bool:
        assert self._descriptor is None, f"{self.path} is locked already"
        while True:
            descriptor = locking.open_file(self.path)
            try:
                if wait:
                    locking.lock(descriptor, shared)
                elif not locking.try_lock(descriptor, shared):
                    locking.close(descriptor)
                    return False
            except BaseException:
                locking.close(descriptor)
                raise
            if locking.is_named(descriptor, self.path):
                self._descriptor = descriptor
                return True
            locking.close(descriptor)

    def write(self, data: bytes) -> None:
        """Add to the lock file's content (what its holder wants others to know)."""
        assert self._descriptor is not None
        os.lseek(self._descriptor, 0, os.SEEK_END)
        os.write(self._descriptor, data)

    def release(self, *, remove: bool = False) -> None:
        """Give the lock back; ``remove`` (exclusive holders only) takes the file away with it."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        locking.close(descriptor, self.path if remove else None)
