"""Whole unpacked trees that processes share: root filesystems, and the merged tools that a step sees.

``<cache>/roots/<digest>`` is a tree as a directory, hard-linked from the store's blobs, made beside and renamed into
place. ``<digest>.lock`` is held (shared) by every process that uses it, so that gc leaves it alone. A directory that an
earlier process made is not hashed again, that would cost seconds for a root filesystem; but each file's size, time,
mode and each link is compared with the manifest, which notices whatever somebody removed or wrote to.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pythonbuild import host
from pythonbuild.engine.files import EPOCH, FileLock, link_target, machine_errors, put, remove_tree, unique
from pythonbuild.engine.trees import Entry, Tree

if TYPE_CHECKING:
    from pythonbuild.engine.store import Store, Trees


def materialise_cached(store: Store, trees: Trees, select: tuple[str, ...]) -> Path:
    """Return the directory that holds the trees, making it unless it is there already."""
    tree = store.union(trees, select)
    path = store.roots / tree.digest
    lock = FileLock(path.with_name(f"{tree.digest}.making"))
    with machine_errors(path):
        lock.acquire()  # one maker at a time, of all threads and processes
        try:
            store.hold(path.with_name(f"{tree.digest}.lock"))
            if not _intact(store, path, tree):
                _make(store, trees, select, path)
                store.known_roots.add(path)
        finally:
            lock.release(remove=True)
    return path


def _intact(store: Store, path: Path, tree: Tree) -> bool:
    if path in store.known_roots:
        return True
    if not path.exists():
        return False
    if all(_as_described(path / name, entry) for name, entry in tree.entries.items()):
        store.known_roots.add(path)
        return True
    put(path, store.session.temporary / unique())  # removed with the session; a running step keeps its mount
    return False


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


def _make(store: Store, trees: Trees, select: tuple[str, ...], path: Path) -> None:
    beside = store.session.temporary / unique()
    try:
        store.materialise(trees, beside, select=select)
        put(beside, path)
    except BaseException:
        remove_tree(beside)
        raise
