"""The download cache: a flat directory of verified files that any number of builds may share.

    downloads/<filename>             verified when it came, and again whenever it is used
    downloads/partial/<sha256>       what has come so far; locked by the process that adds to it, resumed by the next
    downloads/bad/<filename>.<…>     what had another content than its pin says; kept to be looked at, never used

A file appears under its name by a rename, so a killed build leaves at most a partial file.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pythonbuild import locking
from pythonbuild.errors import MachineError, NoSpaceError
from pythonbuild.sources.places import WantedFile

_CHUNK = 1 << 20
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DownloadCache:
    """What is in ``downloads``. Raises MachineError where it cannot be read or written."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._verified: dict[str, tuple[int, ...]] = {}
        self._lock = threading.Lock()

    def path(self, file: WantedFile) -> Path:
        return self.directory / file.filename

    def have(self, file: WantedFile) -> bool:
        """Return whether the file seems to be there; its name and size are looked at, not its content."""
        try:
            return self.path(file).stat().st_size == file.size
        except OSError:
            return False

    def verified(self, file: WantedFile) -> tuple[bool, str]:
        """Return whether the cached file has its pin's content; otherwise the sha256 found, ``""`` if there is none.

        A file is hashed once in a process, unless it has changed since.
        """
        path = self.path(file)
        with _reported(path):
            try:
                stat = path.stat()
            except FileNotFoundError:
                return False, ""
            mark = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if self._verified.get(file.sha256) == mark:
                return True, file.sha256
            found = sha256_of(path)
        if found != file.sha256:
            return False, found
        self._remember(file, mark)
        return True, found

    def _remember(self, file: WantedFile, mark: tuple[int, ...]) -> None:
        with self._lock:
            self._verified[file.sha256] = mark

    def set_aside(self, path: Path, name: str, found: str, *, copy: bool = False) -> Path:
        """Move (or copy) a bad file to where it can be looked at, and return that path."""
        target = self.directory / "bad" / f"{name}.{found[:12]}"
        with _reported(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            if copy:
                shutil.copyfile(path, target)
            else:
                path.replace(target)
        return target

    @contextmanager
    def part(self, file: WantedFile, wait: Callable[[float], None]) -> Iterator[Part]:
        """Yield the file's partial copy, locked; ``wait(seconds so far)`` is called while another process has it."""
        path = self.directory / "partial" / file.sha256
        part = Part(self._open_locked(path, wait), path, file.size)
        try:
            yield part
        finally:
            part.close()

    def _open_locked(self, path: Path, wait: Callable[[float], None]) -> int:
        began = time.monotonic()
        while True:
            with _reported(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = locking.open_file(path)
            try:
                locked = locking.try_lock(descriptor)
                # Whoever had the lock may have finished and renamed the file that was opened here.
                if locked and locking.is_named(descriptor, path):
                    return descriptor
            except OSError as error:
                locking.close(descriptor)
                raise MachineError(f"{path}: cannot be locked", found=error.strerror,
                                   advice="name another --cache-dir") from error  # fmt: skip
            locking.close(descriptor)
            if not locked:
                wait(time.monotonic() - began)

    def accept(self, part: Part, file: WantedFile) -> Path:
        """Give a verified partial file its name."""
        path = self.path(file)
        with _reported(path):
            if not locking.WITH_FLOCK:  # Windows: an open file cannot be renamed
                part.give_up_lock()
                _rename_or_find(part.path, path)
            else:
                os.fchmod(part.descriptor, 0o644)
                part.path.replace(path)
            stat = path.stat()
        self._remember(file, (stat.st_ino, stat.st_size, stat.st_mtime_ns))
        return path


def _rename_or_find(part: Path, path: Path) -> None:
    """Rename an unlocked part; another process that looks at it, and finds it whole, may do so first."""
    deadline = time.monotonic() + 10 * locking.PATIENCE
    while True:
        try:
            part.replace(path)
            return
        except FileNotFoundError:
            if path.exists():
                return
            raise
        except PermissionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


class Part:
    """A partial file that grows, and the hash of what it holds so far."""

    def __init__(self, descriptor: int, path: Path, limit: int) -> None:
        self.descriptor = descriptor
        self.path = path
        self.size = 0
        self._useless = False
        self._hash = hashlib.sha256()
        with _reported(path):
            length = os.fstat(descriptor).st_size
            if length > limit:
                self.restart()
            while chunk := os.read(descriptor, _CHUNK):
                self._hash.update(chunk)
                self.size += len(chunk)

    def append(self, data: bytes) -> None:
        with _reported(self.path):
            view = memoryview(data)
            while view:
                view = view[os.write(self.descriptor, view) :]
        self._hash.update(data)
        self.size += len(data)

    def restart(self) -> None:
        """Begin again with nothing."""
        with _reported(self.path):
            os.ftruncate(self.descriptor, 0)
            os.lseek(self.descriptor, 0, os.SEEK_SET)
        self.size = 0
        self._hash = hashlib.sha256()

    def sha256(self) -> str:
        return self._hash.hexdigest()

    def discard(self) -> None:
        """Let closing remove it, whatever has come of it."""
        self._useless = True

    def give_up_lock(self) -> None:
        """Close the file while its name stays."""
        locking.close(self.descriptor)
        self.descriptor = -1

    def close(self) -> None:
        """Let go of the lock; a part that holds nothing is not left behind."""
        if self.descriptor >= 0:
            locking.close(self.descriptor, self.path if self._useless or not self.size else None)
            self.descriptor = -1


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Turn a failure of the cache's own disk into an error for the user."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise NoSpaceError(f"{path.parent}: no space left", found=error.strerror,
                               advice="free some, or name another --cache-dir") from error  # fmt: skip
        raise MachineError(f"{path}: the download cache cannot be used", found=error.strerror or error,
                           advice="check its permissions, or name another --cache-dir") from error  # fmt: skip


def check_space(directory: Path, needed: int) -> None:
    """Raise NoSpaceError before a transfer that cannot fit."""
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise NoSpaceError(f"{directory}: no space left", found=f"{free} bytes free", expected=f"{needed} bytes",
                           advice="free some, or name another --cache-dir")  # fmt: skip


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
