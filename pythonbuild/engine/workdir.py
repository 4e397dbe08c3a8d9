"""The directory in which one step runs, and what becomes of it.

``<cache>/work/<step>-<unique>/`` with ``build``, ``out`` and what else the step sees; ``<step>-<unique>.lock`` beside
it is held while the step runs. Directories without a living owner are removed at the next start, except a step's latest
failed one: a person may want to re-enter it.

``<cache>/resume/<key>/`` is what an interrupted run of a resumable step has left for the next one with the same key.
The lock of the key guards it.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from pathlib import Path

from pythonbuild.engine.files import FileLock, machine_errors, remove_tree, unique

_FAILED = "failed"
#: How long an interrupted step may wait to be gone on with, once somebody collects garbage; in seconds.
KEEP_RESUMABLE = 7 * 86400.0


class WorkDirectory:
    """A fresh directory, removed by ``close`` unless ``keep`` said that it is left for a person."""

    def __init__(self, parent: Path, step: str) -> None:
        self._parent = parent
        self._kept = False
        self._prefix = re.sub(r"[^A-Za-z0-9._+-]", "_", step)
        name = f"{self._prefix}-{unique()}"
        self.path = parent / name
        with machine_errors(parent):
            parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(parent / f"{name}.lock")
            self._lock.acquire()
            self.path.mkdir()

    def subdirectory(self, name: str) -> Path:
        """Make an empty directory in it (emptied if it exists, from a first try)."""
        path = self.path / name
        with machine_errors(path):
            remove_tree(path)
            path.mkdir()
        return path

    def keep(self) -> None:
        """Leave it to be re-entered."""
        (self.path / _FAILED).touch()
        self._kept = True

    def close(self) -> None:
        if not self._kept:
            remove_tree(self.path)
        self._lock.release(remove=True)

    def drop_failed(self) -> None:
        """Remove what an earlier failure of this step left."""
        for path in self._parent.glob(f"{self._prefix}-*/{_FAILED}"):
            if path.parent != self.path and path.parent.name.rpartition("-")[0] == self._prefix:
                remove_tree(path.parent)


def remove_stale(parent: Path, *, failed: bool = False) -> None:
    """Remove directories that dead processes left in the work directory; on request those of failed steps too."""
    if not parent.is_dir():
        return
    with machine_errors(parent):
        # A lock is there before its directory and goes after it: a directory without one belongs to nobody.
        directories = [path for path in parent.iterdir() if path.is_dir()]
        owned = set()
        for path in parent.glob("*.lock"):
            lock = FileLock(path)
            if lock.try_acquire():
                lock.release(remove=True)
            else:
                owned.add(path.stem)
        for path in directories:
            if path.name not in owned and (failed or not (path / _FAILED).exists()):
                with contextlib.suppress(OSError):  # what cannot be removed harms nobody
                    remove_tree(path)


class ResumeDirectory:
    """What outlives an interrupted run of a step with this key; its user holds the key's lock."""

    def __init__(self, cache: Path, key: str) -> None:
        self.path = cache / "resume" / key

    def open(self) -> Path:
        """Return the directory, with what an earlier run left in it."""
        with machine_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            (self.path.parent / f"{self.path.name}.used").touch()
        return self.path

    def remove(self) -> None:
        """Forget it: the step has its result."""
        remove_tree(self.path)
        (self.path.parent / f"{self.path.name}.used").unlink(missing_ok=True)


def remove_abandoned(cache: Path, key_lock: Callable[[str], FileLock], keep_seconds: float = KEEP_RESUMABLE) -> None:
    """Remove what interrupted steps left that nobody went on with for a week."""
    for used in (cache / "resume").glob("*.used"):
        lock = key_lock(used.stem)
        if time.time() - used.stat().st_mtime > keep_seconds and lock.try_acquire():
            ResumeDirectory(cache, used.stem).remove()
            lock.release(remove=True)
