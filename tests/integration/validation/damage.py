"""Damages a real distribution: its tree, its programs byte by byte, the stream of its members."""

from __future__ import annotations

import io
import json
import os
import struct
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from pythonbuild.config.model import Target
from pythonbuild.distribution.archive import read_members
from pythonbuild.validation.validate import Report, validate

#: A member and its content.
Member = tuple[tarfile.TarInfo, bytes]
TreeDamage = Callable[[Path], object]
StreamDamage = Callable[[Iterator[Member]], Iterable[Member]]

_DYNAMIC, _NULL = 2, 0


@dataclass(frozen=True)
class Original:
    """The right archive, its tree, and what its validation takes."""

    archive: Path
    tree: Path
    target: Target
    sysroot: Path
    expected: dict[str, str]

    def run(self, what: Path) -> Report:
        return validate(what, self.target, sysroot=self.sysroot, expected=self.expected)


def link_tree(source: Path, target: Path) -> Path:
    """Copy a tree by hard links: it is cheap, and a file that is replaced leaves the other tree alone."""
    for directory, subdirectories, files in os.walk(source):
        here = target / Path(directory).relative_to(source)
        here.mkdir(parents=True, exist_ok=True)
        for name in [*subdirectories, *files]:
            path = Path(directory, name)
            if path.is_symlink():
                (here / name).symlink_to(path.readlink())
            elif path.is_file():
                (here / name).hardlink_to(path)
    return target


def replace(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def edit_json(change: Callable[[dict[str, Any]], object]) -> TreeDamage:
    def damage(top: Path) -> None:
        plain = json.loads((top / "PYTHON.json").read_text())
        change(plain)
        replace(top / "PYTHON.json", json.dumps(plain).encode())

    return damage


def edit_bytes(name: str, change: Callable[[bytearray], object]) -> TreeDamage:
    """Change a file, ``name`` is a pattern that fits one."""

    def damage(top: Path) -> None:
        (path,) = (path for path in top.glob(name) if not path.is_symlink())
        data = bytearray(path.read_bytes())
        before = bytes(data)
        change(data)
        assert bytes(data) != before, f"{name} was not changed"
        replace(path, bytes(data))

    return damage


def swap(old: bytes, new: bytes) -> Callable[[bytearray], None]:
    """Put one text in the place of another, everywhere; it must not be longer."""

    def change(data: bytearray) -> None:
        assert len(new) <= len(old)
        assert old in data, old
        data[:] = data.replace(old, new + b"\0" * (len(old) - len(new)))

    return change


def segment(kind: int, *, flags: int | None = None, become: int | None = None,
            having: int = 0) -> Callable[[bytearray], None]:  # fmt: skip
    """Change flags or type of the first program header of a kind that has certain flags (64 bits, little-endian)."""

    def change(data: bytearray) -> None:
        offset = next(offset for offset, found, held in _headers(data) if found == kind and held & having == having)
        if flags is not None:
            struct.pack_into("<I", data, offset + 4, flags)
        if become is not None:
            struct.pack_into("<I", data, offset, become)

    return change


def without_segment(kind: int) -> Callable[[bytearray], None]:
    return segment(kind, become=_NULL)


def _headers(data: bytearray) -> Iterator[tuple[int, int, int]]:
    """Yield offset, type and flags of each program header."""
    (start,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for offset in range(start, start + size * count, size):
        yield offset, *struct.unpack_from("<II", data, offset)


def dynamic_entry(tag: int, *, become: tuple[int, int]) -> Callable[[bytearray], None]:
    """Give the first entry of the dynamic section with a tag another tag and value."""

    def change(data: bytearray) -> None:
        header = next(offset for offset, kind, _ in _headers(data) if kind == _DYNAMIC)
        start, size = struct.unpack_from("<Q", data, header + 8)[0], struct.unpack_from("<Q", data, header + 32)[0]
        offset = next(offset for offset in range(start, start + size, 16)
                      if struct.unpack_from("<Q", data, offset)[0] == tag)  # fmt: skip
        struct.pack_into("<QQ", data, offset, *become)

    return change


def several(*changes: Callable[[Any], object]) -> Callable[[Any], None]:
    def change(subject: Any) -> None:
        for item in changes:
            item(subject)

    return change


def remove(name: str) -> TreeDamage:
    return lambda top: (top / name).unlink()


def add(name: str, content: bytes) -> TreeDamage:
    return lambda top: replace(top / name, content)


def write_archive(source: Path, target: Path, damage: StreamDamage) -> Path:
    """Write an archive again with other members."""
    compressor = zstandard.ZstdCompressor(level=-5, threads=2)
    with (
        target.open("wb") as file,
        compressor.stream_writer(file) as stream,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT) as tar,
    ):
        for info, content in damage(_members(source)):
            tar.addfile(info, io.BytesIO(content))
    return target


def _members(path: Path) -> Iterator[Member]:
    for member in read_members(path):
        yield member.info, member.content.read() if member.content else b""


def new_member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> Callable[[tarfile.TarInfo], Member]:
    """Return a function that makes a member which is like another one in everything else."""

    def make(like: tarfile.TarInfo) -> Member:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.mode = kind, link, 0o777 if kind == tarfile.SYMTYPE else 0o644
        info.mtime, info.uname, info.gname = like.mtime, like.uname, like.gname
        return info, b""

    return make


def insert(make: Callable[[tarfile.TarInfo], Member]) -> StreamDamage:
    """Add a member at its place in the order."""

    def damage(members: Iterator[Member]) -> Iterator[Member]:
        first = next(members)
        yield first
        fresh = make(first[0])
        done = False
        for member in members:
            if not done and member[0].name > fresh[0].name:
                yield fresh
                done = True
            yield member
        if not done:
            yield fresh

    return damage


def alter(name: str, **values: object) -> StreamDamage:
    """Change the header of one member."""

    def damage(members: Iterator[Member]) -> Iterator[Member]:
        for info, content in members:
            if info.name == name:
                for key, value in values.items():
                    setattr(info, key, value)
            yield info, content

    return damage


def last_first(members: Iterator[Member]) -> Iterator[Member]:
    """Put the second member before the first."""
    first = next(members)
    yield next(members)
    yield first
    yield from members


def out_of_order(members: Iterator[Member]) -> Iterator[Member]:
    """Exchange two members in the middle."""
    for number, member in enumerate(members):
        if number == 100:
            yield next(members)
        yield member
