"""The content-addressed store: every tree under the hash of its content, and which inputs gave it.

Layout below ``<cache>/store``::

    blobs/ab/<sha256>[.x]     files (``.x``: executable), read-only (not on Windows), all with the same time
    trees/ab/<digest>         manifests, see trees.py
    actions/ab/<action key>   records: the tree an action gave, its inputs, how long it took
    steps/<name>              a copy of the newest record of each step, for ``why`` and for expected times
    sessions/                 temporary files and pins of living processes, see session.py
    locks/                    one lock per action key that somebody is building
    corrupt/                  entries whose content was not what their name says
    collecting                held shared while results are put in or looked up, exclusively by gc

and beside it ``<cache>/roots/<digest>``: whole unpacked trees, see roots.py.

Everything is written beside and renamed into place, so a name that exists is complete. What is read is verified; an
entry that fails is set aside together with the manifests that lead to it, which makes every action that yielded them a
miss, and StoreCorruptError (temporary) is raised: building again repairs the store. Only records are synced to the
disk: content lost in a power cut is noticed by its hash and rebuilt.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pythonbuild import host
from pythonbuild.engine import portable, session
from pythonbuild.engine.files import EPOCH, FileLock, link_symbolically, machine_errors, put, unique, write_beside
from pythonbuild.engine.keys import canonical_json
from pythonbuild.engine.roots import Roots
from pythonbuild.engine.trees import DIRECTORY, Entry, Tree, hash_file, in_threads, merge, scan
from pythonbuild.errors import StoreCorruptError, StoreError

#: When a hard link cannot be made although the file is fine: too many links, another file system, not supported,
#: or the kernel's hard-link protection.
_LINK_REFUSED = (errno.EMLINK, errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.ENOSYS)

#: One tree's digest, or several steps' (name → digest) that are to be merged.
Trees = str | Mapping[str, str]


@dataclass(frozen=True)
class Record:
    """What is remembered of an action: ``tree`` is its result's digest, ``created`` seconds since 1970."""

    key: str
    step: str
    tree: str
    inputs: dict[str, Any]
    seconds: float
    created: float

    def encode(self) -> bytes:
        body = canonical_json(asdict(self))
        return hashlib.sha256(body).hexdigest().encode("ascii") + b"\n" + body + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> Record | None:
        """Return the record, or None when the bytes are not a whole record."""
        check, _, body = data.partition(b"\n")
        body = body.removesuffix(b"\n")
        if hashlib.sha256(body).hexdigest().encode("ascii") != check:
            return None
        document = json.loads(body)
        names = [field.name for field in fields(cls)]
        return cls(**document) if isinstance(document, dict) and sorted(document) == sorted(names) else None


class Store:
    """The store of one cache directory. Safe to use from several threads and several processes at once."""

    def __init__(self, cache: Path) -> None:
        self.root = cache.absolute() / "store"
        self.session = session.Session(self.root / "sessions")
        self._verified: dict[str, tuple[int, int, int]] = {}
        self._trees: dict[str, Tree] = {}
        self._held: dict[Path, FileLock] = {}
        self.roots = Roots(cache.absolute() / "roots", self.session, self.hold)
        self._mutex = threading.Lock()
        with machine_errors(self.root):
            for name in ("blobs", "trees", "actions", "steps", "sessions", "locks", "corrupt"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            self.roots.directory.mkdir(exist_ok=True)
            self.ignores_case = (self.root / "BLOBS").exists()
            session.sweep(self.root / "sessions")

    def close(self) -> None:
        """Let go of what this process holds; its temporary files go too."""
        self.session.close()
        for lock in self._held.values():
            lock.release()
        self._held.clear()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # Actions

    def lookup(self, key: str) -> Record | None:
        """Return the record of an action whose tree is here, or None; its tree stays while this process lives."""
        path = self._path("actions", key)
        with self._not_collecting():
            data = self._read(path)
            if data is None:
                return None
            record = Record.decode(data)
            if record is None or record.key != key:
                self.set_aside(path)
                return None
            if not self._path("trees", record.tree).exists():
                return None
            self.session.pin(record.tree)
        with contextlib.suppress(OSError):  # a full disk is no reason not to use what is there
            os.utime(path)  # gc drops the least recently used first
            newest = self._step_path(record.step)
            if self._read(newest) != data:
                write_beside(newest, data, self.session.temporary)
        return record

    def peek(self, key: str) -> Record | None:
        """Return what lookup would, without keeping the tree or counting as use (for dry runs and ``why``)."""
        data = self._read(self._path("actions", key))
        record = Record.decode(data) if data else None
        usable = record is not None and record.key == key and self._path("trees", record.tree).exists()
        return record if usable else None

    def record(self, key: str, step: str, tree: str, inputs: dict[str, Any], seconds: float) -> Record:
        """Remember that an action gave a tree, which has been added before."""
        record = Record(key, step, tree, inputs, round(seconds, 3), round(time.time(), 3))
        data = record.encode()
        with machine_errors(self.root), self._not_collecting():
            if not self._path("trees", tree).exists():
                raise StoreError(f"step {step}: its tree {tree} is not in the store", advice="build again")
            write_beside(self._path("actions", key), data, self.session.temporary, sync=True)
            write_beside(self._step_path(step), data, self.session.temporary)
        return record

    def newest(self, step: str) -> Record | None:
        """Return the newest record of a step of that name, whatever its inputs were."""
        data = self._read(self._step_path(step))
        return Record.decode(data) if data else None

    def key_lock(self, key: str) -> FileLock:
        """Return the lock that whoever builds this action holds."""
        return FileLock(self.root / "locks" / key)

    # Trees

    def add_tree(self, directory: Path, *, move: bool = False) -> str:
        """Put a directory's tree into the store and return its digest.

        With ``move`` the files are renamed out of the directory (copied where that is impossible), which must then be
        thrown away.
        """
        directory = host.extended(directory)
        with machine_errors(directory):
            tree = scan(directory, repair=move)
        paths = {entry.blob: (path, entry) for path, entry in tree.entries.items() if entry.is_file}
        with machine_errors(self.root), self._not_collecting():
            self.session.pin(tree.digest)
            in_threads(lambda item: self._add_blob(directory / item[0], item[1], move), list(paths.values()))
            path = self._path("trees", tree.digest)
            if self._read(path) != tree.manifest:
                write_beside(path, tree.manifest, self.session.temporary)
        self._trees[tree.digest] = tree
        return tree.digest

    def _add_blob(self, source: Path, entry: Entry, move: bool) -> None:
        target = self._path("blobs", entry.blob)
        try:
            if self._sound(entry, target.stat(), target):
                return
            self.set_aside(target)
        except FileNotFoundError:
            target.parent.mkdir(exist_ok=True)
        status = source.stat()
        if move and status.st_nlink == 1 and (host.WINDOWS or status.st_uid == os.geteuid()):
            _normalise(source, entry)
            try:
                put(source, target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
            else:
                self._verified[entry.blob] = (status.st_ino, EPOCH * 10**9, entry.size)  # hashed a moment ago
                return
        beside = self.session.temporary / unique()
        shutil.copyfile(source, beside)
        _normalise(beside, entry)
        put(beside, target)

    def tree(self, digest: str) -> Tree:
        """Return a tree's manifest. Raises StoreCorruptError when it is gone or damaged."""
        known = self._trees.get(digest)
        if known is not None:
            return known
        path = self._path("trees", digest)
        data = self._read(path)
        if data is None:
            raise StoreCorruptError(f"tree {digest} is not in the store", advice="building again makes it anew")
        if hashlib.sha256(data).hexdigest() != digest:
            aside = self.set_aside(path)
            raise StoreCorruptError(
                f"{path}: damaged", found=f"content that does not hash to its name, kept as {aside}",
                advice="building again makes it anew",
            )  # fmt: skip
        return self._trees.setdefault(digest, Tree.parse(data))

    def union(self, trees: Trees, select: tuple[str, ...] = ()) -> Tree:
        """Return the merged manifest of one or several trees, or only what is at and below the selected paths."""
        parts = {"": trees} if isinstance(trees, str) else trees
        chosen = [(step, self.tree(digest)) for step, digest in parts.items()]
        if select:
            chosen = [(step, tree.select(*select)) for step, tree in chosen]
        return chosen[0][1] if len(chosen) == 1 else merge(chosen)

    def materialise(self, trees: Trees, destination: Path, *, select: tuple[str, ...] = (), copy: bool = False) -> None:
        """Unpack trees into a directory (made if need be) as hard links into the store.

        Linked files must not be written to; ``copy`` gives files of the destination's own. Directories get their mode
        whatever the umask is: in a container, others than their owner look into them.
        """
        tree = self.union(trees, select)
        portable.refuse_unusable(tree.entries, windows=host.WINDOWS, ignores_case=self.ignores_case)
        destination = host.extended(destination)
        with machine_errors(destination):
            destination.mkdir(parents=True, exist_ok=True)
            destination.chmod(0o755)
            directories = sorted(path for path, entry in tree.entries.items() if entry.kind == "d")
            for path in directories:
                (destination / path).mkdir(exist_ok=True)
                (destination / path).chmod(0o755)
            files: dict[str, list[Path]] = {}
            entries: dict[str, Entry] = {}
            for path, entry in tree.entries.items():
                if entry.kind == "l":
                    leads_to = tree.entries.get(portable.led_to(path, entry.content))
                    link_symbolically(destination / path, entry.content, directory=leads_to == DIRECTORY)
                elif entry.is_file:
                    files.setdefault(entry.blob, []).append(destination / path)
                    entries[entry.blob] = entry
            order = sorted(files, key=lambda blob: -entries[blob].size)
            placed = in_threads(lambda blob: self._place(entries[blob], files[blob], copy), order)
            broken = {blob for blob, fine in zip(order, placed, strict=True) if not fine}
            if broken:
                raise self._forget(trees, broken)
            for path in reversed(directories):
                os.utime(destination / path, (EPOCH, EPOCH))

    def verify(self, digest: str) -> None:
        """Read a tree as its users would. Raises StoreCorruptError when anything of it is gone or damaged."""
        files = {entry.blob: entry for entry in self.tree(digest).entries.values() if entry.is_file}
        order = sorted(files, key=lambda blob: -files[blob].size)
        placed = in_threads(lambda blob: self._place(files[blob], [], copy=False), order)
        broken = {blob for blob, fine in zip(order, placed, strict=True) if not fine}
        if broken:
            raise self._forget(digest, broken)

    def materialise_cached(self, trees: Trees, *, select: tuple[str, ...] = ()) -> Path:
        """Return a shared, read-only directory that holds the trees; it stays while this process lives."""
        return self.roots.place(self.union(trees, select), lambda path: self.materialise(trees, path, select=select))

    def _place(self, entry: Entry, paths: list[Path], copy: bool) -> bool:
        """Put one verified blob at its paths; False when the blob is gone or damaged (and then set aside)."""
        blob = self._path("blobs", entry.blob)
        try:
            if not self._sound(entry, blob.stat(), blob):
                self.set_aside(blob)
                return False
        except FileNotFoundError:
            return False
        for path in paths:
            if not copy:
                try:
                    os.link(blob, path)
                    continue
                except OSError as error:
                    if error.errno not in _LINK_REFUSED and not host.WINDOWS:  # whose numbers are many
                        raise
            shutil.copyfile(blob, path)
            _normalise(path, entry, writable=copy)
        return True

    def _sound(self, entry: Entry, status: os.stat_result, blob: Path) -> bool:
        """Say whether a blob is what its name says; content is hashed once per process unless the file changed."""
        if status.st_size != entry.size:
            return False
        if not host.WINDOWS and bool(status.st_mode & 0o111) != (entry.kind == "x"):
            return False
        state = (status.st_ino, status.st_mtime_ns, status.st_size)
        if self._verified.get(entry.blob) == state:
            return True
        if hash_file(blob) != entry.content:
            return False
        self._verified[entry.blob] = state
        return True

    def _forget(self, trees: Trees, broken: set[str]) -> StoreCorruptError:
        """Set aside the manifests that lead to damaged blobs; return the error that says so."""
        digests = [trees] if isinstance(trees, str) else list(trees.values())
        for digest in digests:
            tree = self._trees.pop(digest, None) or self.tree(digest)
            self._trees.pop(digest, None)
            if any(entry.blob in broken for entry in tree.entries.values() if entry.is_file):
                self.set_aside(self._path("trees", digest))
        return StoreCorruptError(
            f"{self.root}: {len(broken)} damaged or missing files, {min(broken)} first",
            expected="content that hashes to its name", advice="set aside; building again makes them anew",
        )  # fmt: skip

    # Plumbing

    def set_aside(self, path: Path) -> Path:
        """Move a bad entry out of the way, keeping it for whoever wants to know what happened."""
        aside = self.root / "corrupt" / f"{path.parent.parent.name}-{path.name}-{unique()}"
        with contextlib.suppress(FileNotFoundError):
            put(path, aside)
        return aside

    def hold(self, path: Path) -> None:
        """Hold a shared lock until this process ends or closes the store."""
        with self._mutex:
            if path not in self._held:
                lock = FileLock(path)
                lock.acquire(shared=True)
                self._held[path] = lock

    def let_go(self, path: Path) -> None:
        """Give back a lock taken by hold."""
        with self._mutex:
            lock = self._held.pop(path, None)
        if lock:
            lock.release()

    @contextlib.contextmanager
    def _not_collecting(self) -> Iterator[None]:
        lock = FileLock(self.root / "collecting")
        with machine_errors(lock.path):
            lock.acquire(shared=True)
        try:
            yield
        finally:
            lock.release()

    def _path(self, kind: str, name: str) -> Path:
        return self.root / kind / name[:2] / name

    def _step_path(self, step: str) -> Path:
        return self.root / "steps" / quote(step, safe="")

    def _read(self, path: Path) -> bytes | None:
        with machine_errors(path):
            try:
                return path.read_bytes()
            except FileNotFoundError:
                return None


def _normalise(path: Path, entry: Entry, *, writable: bool = False) -> None:
    """Give a file the one mode and the one time that files of the store have.

    On Windows it stays writable: a read-only file cannot be removed there, under none of its names.
    """
    writable = writable or host.WINDOWS
    mode = (0o755 if writable else 0o555) if entry.kind == "x" else (0o644 if writable else 0o444)
    if stat.S_IMODE(path.stat().st_mode) != mode:
        path.chmod(mode)
    os.utime(path, (EPOCH, EPOCH))
