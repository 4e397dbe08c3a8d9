"""One process's presence in the store: its temporary files, and what it must not lose to a ``gc``.

A session is a directory for temporary files and, beside it, a lock file that its process holds for as long as it
lives. The lock file's lines name the trees that the process uses. When the process dies, however it dies, the kernel
drops the lock: the next one to look removes the directory and the file, and the trees may be collected again.
"""

from __future__ import annotations

import threading
from pathlib import Path

from pythonbuild.engine.files import FileLock, machine_errors, remove_tree, unique


class Session:
    """Made on first use, so that a process that only reads leaves nothing behind."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._mutex = threading.Lock()
        self._lock: FileLock | None = None
        self._pins: set[str] = set()

    @property
    def temporary(self) -> Path:
        """The directory for this process's temporary files, on the store's file system."""
        with self._mutex:
            return self._open()

    def pin(self, tree: str) -> None:
        """Keep a tree from being collected while this process lives."""
        with self._mutex, machine_errors(self._directory):
            if tree not in self._pins:
                self._open()
                assert self._lock is not None
                self._lock.write(tree.encode("ascii") + b"\n")
                self._pins.add(tree)

    def _open(self) -> Path:
        if self._lock is None:
            with machine_errors(self._directory):
                self._directory.mkdir(parents=True, exist_ok=True)
                lock = FileLock(self._directory / f"{unique()}.lock")
                lock.acquire()
                lock.path.with_suffix("").mkdir()
            self._lock = lock
        return self._lock.path.with_suffix("")

    def close(self) -> None:
        with self._mutex:
            if self._lock is not None:
                remove_tree(self._lock.path.with_suffix(""))
                self._lock.release(remove=True)
                self._lock = None
                self._pins.clear()


def sweep(directory: Path) -> set[str]:
    """Remove what dead sessions left; return the trees that living ones use (this process's own among them)."""
    pinned: set[str] = set()
    for path in directory.glob("*.lock"):
        lock = FileLock(path)
        try:
            dead = lock.try_acquire()
            if not dead:
                lines = path.read_text(encoding="ascii").split("\n")
                pinned.update(lines[:-1])  # the last one is empty, or still being written
        except (FileNotFoundError, PermissionError):
            continue
        if dead:
            remove_tree(path.with_suffix(""))
            lock.release(remove=True)
    return pinned
