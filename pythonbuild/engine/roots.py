"""Whole unpacked trees that processes share: root filesystems, and the merged tools that a step sees.

``<cache>/roots/<digest>`` is a tree as a directory, hard-linked from the store's blobs, made beside and renamed into
place. ``<digest>.lock`` is held (shared) by every process that uses it, so that gc leaves it alone. A directory that an
earlier process made is not hashed again, that would cost seconds for a root filesystem; but each file's size, time,
mode and each link is compared with the manifest, which notices whatever somebody removed or wrote to.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from pythonbuild import host
from pythonbuild.engine.files import EPOCH, FileLock, link_target, machine_errors, put, remove_tree, unique
from pythonbuild.engine.session import Session
from pythonbuild.engine.trees import Entry, Tree


class Roots:
    """The unpacked trees of one cache. ``hold`` takes a lock for as long as the process uses what lies beside it."""

    def __init__(self, directory: Path, session: Session, hold: Callable[[Path], None]) -> None:
        self.directory, self._session, self._hold = directory, session, hold
        self._known: set[Path] = set()

    def place(self, tree: Tree, unpack: Callable[[Path], None]) -> Path:
        """Return the directory that holds a tree; ``unpack`` fills one if it is not there already."""
        path = self.directory / tree.digest
        lock = FileLock(path.with_name(f"{tree.digest}.making"))
        with machine_errors(path):
            lock.acquire()  # one maker at a time, of all threads and processes
            try:
                self._hold(path.with_name(f"{tree.digest}.lock"))
                if path not in self._known and not self._intact(path, tree):
                    self._make(path, unpack)
                self._known.add(path)
            finally:
                lock.release(remove=True)
        return path

    def _intact(self, path: Path, tree: Tree) -> bool:
        if not path.exists():
            return False
        if all(_as_described(path / name, entry) for name, entry in tree.entries.items()):
            return True
        put(path, self._session.temporary / unique())  # removed with the session; a running step keeps its mount
        return False

    def _make(self, path: Path, unpack: Callable[[Path], None]) -> None:
        beside = self._session.temporary / unique()
        try:
            unpack(beside)
            put(beside, path)
        except BaseException:
            remove_tree(beside)
            raise


def _as_described(path: Path, entry: Entry) -> bool:
    try:
        status = path.lstat()
        if entry.kind == "d":
            return stat.S_ISDIR(status.st_mode) and (host.WINDOWS or status.st_mode & 0o777 == 0o755)
        if entry.kind == "l":
            return stat.S_ISLNK(status.st_mode) and link_target(path) == entry.content
    except OSError:
        return False
    executable = host.WINDOWS or bool(status.st_mode & 0o111) == (entry.kind == "x")
    return (
        stat.S_ISREG(status.st_mode) and executable
        and (status.st_size, int(status.st_mtime)) == (entry.size, EPOCH)
    )  # fmt: skip
