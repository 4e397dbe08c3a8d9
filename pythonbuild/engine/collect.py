"""gc: bound the store's size, dropping what was used least recently.

It runs while nobody puts anything in (the ``collecting`` lock) but beside running builds: what they use is named in
their sessions and stays. A result that has been dropped is a miss like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pythonbuild.engine import session
from pythonbuild.engine.files import FileLock, machine_errors, put, remove_file, remove_tree, unique
from pythonbuild.engine.store import Record, Store
from pythonbuild.engine.trees import Tree
from pythonbuild.engine.workdir import remove_abandoned, remove_stale
from pythonbuild.errors import StoreError


@dataclass(frozen=True)
class Freed:
    """What gc removed: results (action records), files and their bytes, unpacked trees; and the bytes that are left."""

    actions: int
    files: int
    bytes: int
    roots: int
    left: int

    def lines(self) -> list[str]:
        """Say it in words."""
        return [
            f"freed {self.bytes / 1e6:.1f} MB: {self.files} files of {self.actions} results, "
            f"and {self.roots} unpacked trees",
            f"kept {self.left / 1e6:.1f} MB",
        ]


@dataclass
class _Kept:
    """What stays: trees by digest, the blobs they need, and the sum of those blobs' sizes."""

    trees: set[str] = field(default_factory=set)
    blobs: set[str] = field(default_factory=set)
    bytes: int = 0

    def keep(self, tree: Tree, digest: str, limit: int | None) -> bool:
        """Keep a tree if what it adds stays within the limit; say whether it is kept."""
        new = {entry.blob: entry.size for entry in tree.entries.values() if entry.is_file}
        new = {blob: size for blob, size in new.items() if blob not in self.blobs}
        if limit is not None and self.bytes + sum(new.values()) > limit:
            return False
        self.trees.add(digest)
        self.blobs.update(new)
        self.bytes += sum(new.values())
        return True


def gc(store: Store, max_bytes: int) -> Freed:
    """Drop the least recently used actions until what is left fits into ``max_bytes``, and all that only they used.

    Unpacked trees that nobody uses go as well (they are made again in a moment, and hold on to dropped files), and so
    do the work directories of failed steps, and what steps left that were interrupted more than a week ago. What
    running builds use stays, even if it is more than ``max_bytes``.
    """
    lock = FileLock(store.root / "collecting")
    with machine_errors(store.root):
        lock.acquire()
        try:
            remove_stale(store.root.parent / "work", failed=True)
            remove_abandoned(store.root.parent, store.key_lock)
            return _gc(store, max_bytes)
        finally:
            lock.release()


def _gc(store: Store, max_bytes: int) -> Freed:
    kept = _Kept()
    for digest in session.sweep(store.root / "sessions"):
        tree = _readable(store, digest)
        if tree is not None:
            kept.keep(tree, digest, None)
    dropped = _drop_actions(store, kept, max_bytes)
    roots = _drop_roots(store)
    for path in _entries(store.root / "trees"):
        if path.name not in kept.trees:
            remove_file(path)
    files = freed = 0
    for path in _entries(store.root / "blobs"):
        if path.name not in kept.blobs:
            size = path.stat().st_size
            if remove_file(path):
                files += 1
                freed += size
    for path in (store.root / "corrupt").iterdir():
        remove_file(path)
    for path in (store.root / "locks").iterdir():
        key = FileLock(path)
        if key.try_acquire():
            key.release(remove=True)
    return Freed(dropped, files, freed, roots, kept.bytes)


def _drop_actions(store: Store, kept: _Kept, max_bytes: int) -> int:
    """Keep actions from the most recently used on, as long as they fit; drop all after the first that does not."""
    dropped = 0
    full = False
    newest_first = sorted(_entries(store.root / "actions"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in newest_first:
        record = Record.decode(path.read_bytes())
        tree = _readable(store, record.tree) if record else None
        if record and tree is not None and (record.tree in kept.trees or not full):
            if record.tree in kept.trees or kept.keep(tree, record.tree, max_bytes):
                continue
            full = True
        remove_file(path)
        dropped += 1
    return dropped


def _readable(store: Store, digest: str) -> Tree | None:
    try:
        return store.tree(digest)
    except StoreError:
        return None


def _drop_roots(store: Store) -> int:
    """Remove unpacked trees that no process holds, and the lock files of dead processes."""
    dropped = 0
    for digest in {path.stem for path in store.roots.directory.iterdir()}:
        path = store.roots.directory / digest
        lock, making = FileLock(path.with_suffix(".lock")), FileLock(path.with_suffix(".making"))
        if making.try_acquire():
            if lock.try_acquire():
                if path.exists():
                    aside = store.session.temporary / unique()
                    put(path, aside)
                    remove_tree(aside)
                    dropped += 1
                lock.release(remove=True)
            making.release(remove=True)
    return dropped


def _entries(directory: Path) -> list[Path]:
    """Return the files of one of the store's two-level directories."""
    return [path for top in directory.iterdir() if top.is_dir() for path in top.iterdir()]
