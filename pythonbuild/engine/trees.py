"""Trees: what a step yields, and how two of them become one.

A tree is a set of regular files, symbolic links and directories below one root. Only what matters for a build's bytes
counts: paths, contents, link targets, and whether a file is executable (on Windows its name tells). Owners, times and
other mode bits do not; the store gives every file the same time and 0644 or 0755. A tree is described by its manifest,
canonical JSON, and named by the sha256 of that; two trees with the same digest are the same tree.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar

from pythonbuild import host
from pythonbuild.engine.files import link_target
from pythonbuild.engine.keys import canonical_json
from pythonbuild.errors import StoreError

FORMAT = 1

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


class Entry(NamedTuple):
    """One path of a tree.

    ``kind`` is ``f`` (file), ``x`` (executable file), ``l`` (symbolic link) or ``d`` (directory); ``content`` is a
    file's sha256 or a link's target; ``size`` a file's bytes.
    """

    kind: str
    content: str = ""
    size: int = 0

    @property
    def blob(self) -> str:
        """The file's name in the store; executable files are kept apart because a hard link shares its mode."""
        return self.content + ".x" if self.kind == "x" else self.content

    @property
    def is_file(self) -> bool:
        return self.kind in ("f", "x")


_WORDS = {"f": "a file", "x": "an executable file", "l": "a symbolic link", "d": "a directory"}
DIRECTORY = Entry("d")


@dataclass(frozen=True)
class Tree:
    """A manifest: every path below the root (every directory too), with what is there."""

    entries: Mapping[str, Entry]

    @cached_property
    def manifest(self) -> bytes:
        """The canonical bytes that the digest is made of; paths are sorted, so parents stand before children."""
        rows = [[path, *self.entries[path]] for path in sorted(self.entries)]
        return canonical_json({"format": FORMAT, "entries": rows})

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.manifest).hexdigest()

    @classmethod
    def parse(cls, manifest: bytes) -> Tree:
        """Read a manifest back. The caller has checked the bytes against their digest."""
        document = json.loads(manifest)
        if document["format"] != FORMAT:
            raise StoreError("a tree's manifest has an unknown format", found=document["format"], expected=FORMAT)
        return cls({path: Entry(kind, content, size) for path, kind, content, size in document["entries"]})

    def select(self, *tops: str) -> Tree:
        """Return the part of the tree at and below the given top-level (or deeper) paths."""
        wanted = {
            path: entry
            for path, entry in self.entries.items()
            if any(path == top or path.startswith(top + "/") or top.startswith(path + "/") for top in tops)
        }
        return Tree(wanted)

    @property
    def size(self) -> int:
        """Bytes of all files, each counted as often as it appears."""
        return sum(entry.size for entry in self.entries.values())


def merge(parts: Sequence[tuple[str, Tree]]) -> Tree:
    """Return the union of several steps' trees, given as (step name, tree).

    Two steps may bring the same path only with the same content: which of two different files a build would see must
    never depend on an order. Raises StoreError naming the path and both steps.
    """
    merged: dict[str, Entry] = {}
    origin: dict[str, str] = {}
    for step, tree in parts:
        for path, entry in tree.entries.items():
            present = merged.setdefault(path, entry)
            if present == entry:
                origin.setdefault(path, step)
                continue
            theirs, ours = _WORDS[present.kind], _WORDS[entry.kind]
            raise StoreError(
                f"{path}: the trees of {origin[path]} and {step} cannot be merged",
                found=f"{theirs} from {origin[path]}, {'different ' if theirs == ours else ''}{ours} from {step}",
                expected="the same content", advice="let one of the two recipes install it elsewhere",
            )  # fmt: skip
    return Tree(merged)


def scan(directory: Path, *, repair: bool = False, threads: int | None = None) -> Tree:
    """Return the tree below a directory, hashing files on several threads.

    ``repair`` opens up directories and files that their maker left unreadable or (directories) unwritable, so that
    they can be read and moved. Raises StoreError for sockets, devices and other things that a tree cannot hold.
    """
    entries: dict[str, Entry] = {}
    files: list[tuple[int, str, bool]] = []
    _walk(directory, "", repair, entries, files)
    files.sort(reverse=True)  # the big ones first, so that no thread is left alone with one at the end

    def hashed(item: tuple[int, str, bool]) -> tuple[str, Entry]:
        size, path, executable = item
        return path, Entry("x" if executable else "f", hash_file(directory / path), size)

    entries.update(in_threads(hashed, files, threads))
    return Tree(entries)


def _walk(root: Path, prefix: str, repair: bool, entries: dict[str, Entry], files: list[tuple[int, str, bool]]) -> None:
    with os.scandir(root / prefix) as children:
        for child in children:
            path = prefix + child.name
            status = child.stat(follow_symlinks=False)
            mode = status.st_mode
            if stat.S_ISDIR(mode):
                if repair and mode & 0o700 != 0o700:
                    Path(child.path).chmod(0o755)
                entries[path] = DIRECTORY
                _walk(root, path + "/", repair, entries, files)
            elif stat.S_ISLNK(mode):
                entries[path] = Entry("l", link_target(child.path))
            elif stat.S_ISREG(mode):
                if repair and not mode & 0o400:
                    Path(child.path).chmod(mode | 0o600)
                files.append((status.st_size, path, host.is_executable(child.name, mode)))
            else:
                raise StoreError(
                    f"{child.path}: cannot be part of a step's result", found=f"file type {stat.filemode(mode)[0]!r}",
                    expected="a file, a symbolic link or a directory", advice="let the recipe not leave it in /out",
                )  # fmt: skip


def hash_file(path: Path) -> str:
    """Return the sha256 of a file's bytes."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def in_threads(
    function: Callable[[_Item], _Made], items: Iterable[_Item], threads: int | None = None
) -> list[_Made]:  # fmt: skip
    """Apply a function to all items on several threads; results in the items' order.

    Items are dealt out like cards, so that items sorted by size spread evenly, and each thread gets one hand: a task
    per small file would cost more than the file.
    """
    items = list(items)
    threads = min(threads or host.processors(), len(items) // 8 + 1)
    if threads <= 1:
        return [function(item) for item in items]

    def hand(first: int) -> list[_Made]:
        return [function(item) for item in items[first::threads]]

    results: list[list[_Made]]
    with ThreadPoolExecutor(threads) as pool:
        results = list(pool.map(hand, range(threads)))
    return [results[index % threads][index // threads] for index in range(len(items))]
