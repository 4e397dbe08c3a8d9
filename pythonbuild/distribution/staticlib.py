"""Writes static libraries as ``ar`` does: an index of the symbols, long names, and the objects, always the same bytes.

Linking needs a compiler; that the machine has an ``ar`` that reads its objects is not to be relied on.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from pythonbuild.distribution.objectfile import BITCODE_MAGICS, LIBRARY_MAGIC, Elf
from pythonbuild.errors import DistributionError

#: A name with the slash that ends it fits into the header's field; longer ones stand in a table.
_LONGEST_NAME = 15
#: Offsets in the index have 32 bits.
_LARGEST = 1 << 32


def write_library(path: Path, objects: Sequence[Path]) -> None:
    """Write the objects as members, in their order. Members of the same name are all kept."""
    contents = [item.read_bytes() for item in objects]
    names, table = _names([item.name for item in objects])
    symbols = [sorted(_defined(content, item)) for content, item in zip(contents, objects, strict=True)]
    texts = b"".join(name.encode() + b"\0" for group in symbols for name in group)
    index_size = 4 + 4 * sum(len(group) for group in symbols) + len(texts)
    start = len(LIBRARY_MAGIC) + _member_size(index_size) + (_member_size(len(table)) if table else 0)
    offsets = []
    for content, group in zip(contents, symbols, strict=True):
        offsets += [start] * len(group)
        start += _member_size(len(content))
    if start >= _LARGEST:
        raise DistributionError(f"{path}: too large for a static library", found=f"{start} bytes")
    with path.open("wb") as file:
        file.write(LIBRARY_MAGIC + _member("/", struct.pack(f">{len(offsets) + 1}I", len(offsets), *offsets) + texts))
        if table:
            file.write(_member("//", table))
        for name, content in zip(names, contents, strict=True):
            file.write(_member(name, content))


def _defined(content: bytes, path: Path) -> frozenset[str]:
    if content.startswith(BITCODE_MAGICS):
        raise DistributionError(f"{path}: LLVM bitcode, whose symbols cannot be listed in a static library")
    return Elf(content, str(path)).symbols().defined


def _names(names: Sequence[str]) -> tuple[list[str], bytes]:
    """Return what stands in the members' headers, and the table of the long names."""
    table, places, short = b"", {}, []
    for name in names:
        if len(name.encode()) <= _LONGEST_NAME:
            short.append(f"{name}/")
            continue
        if name not in places:
            places[name] = len(table)
            table += name.encode() + b"/\n"
        short.append(f"/{places[name]}")
    return short, table


def _member_size(size: int) -> int:
    return 60 + size + size % 2


def _member(name: str, content: bytes) -> bytes:
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{0o100644:<8o}{len(content):<10}`\n".encode()
    return header + content + b"\n" * (len(content) % 2)
