"""Writes static libraries as macOS' ``ar`` does: an index, and names before the contents, at multiples of eight bytes.

Apple's linker maps members into memory as they lie in the file, and reads no other form. Times and owners are zero, as
with ``ZERO_AR_DATE``.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from pythonbuild.distribution.machofile import macho_object_symbols
from pythonbuild.distribution.objectfile import LIBRARY_MAGIC
from pythonbuild.errors import DistributionError

_INDEX = "__.SYMDEF"
_ALIGNMENT = 8
#: Offsets in the index have 32 bits.
_LARGEST = 1 << 32


def write_library(path: Path, objects: Sequence[Path]) -> None:
    """Write the objects as members, in their order. Members of the same name are all kept."""
    contents = [_padded(item.read_bytes(), b"\0") for item in objects]
    symbols = [sorted(macho_object_symbols(item.read_bytes(), str(item)).defined) for item in objects]
    names = [name for group in symbols for name in group]
    texts = _padded(b"".join(b"_" + name.encode() + b"\0" for name in names), b"\0")
    places = _text_places(names)
    rows = 8 * len(names)
    index_size = _padded_size(4 + rows + 4 + len(texts))
    start = len(LIBRARY_MAGIC) + _header_size(_INDEX, len(LIBRARY_MAGIC)) + index_size
    members, offsets = [], []
    for item, content, group in zip(objects, contents, symbols, strict=True):
        header = _header(item.name, start, len(content), 0o100644)
        members.append(header + content)
        offsets += [start] * len(group)
        start += len(header) + len(content)
    if start >= _LARGEST:
        raise DistributionError(f"{path}: too large for a static library", found=f"{start} bytes")
    table = b"".join(struct.pack("<II", place, offset) for place, offset in zip(places, offsets, strict=True))
    index = struct.pack("<I", rows) + table + struct.pack("<I", len(texts)) + texts
    with path.open("wb") as file:
        file.write(LIBRARY_MAGIC + _header(_INDEX, len(LIBRARY_MAGIC), index_size, 0))
        file.write(index.ljust(index_size, b"\0"))
        file.writelines(members)


def _text_places(names: Sequence[str]) -> list[int]:
    places, here = [], 0
    for name in names:
        places.append(here)
        here += len(name.encode()) + 2
    return places


def _padded_size(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _padded(data: bytes, by: bytes) -> bytes:
    return data.ljust(_padded_size(len(data)), by)


def _header_size(name: str, start: int) -> int:
    """Return how many bytes stand before a member's content, which begins at a multiple of eight."""
    return _padded_size(start + 60 + len(name.encode()) + 1) - start


def _header(name: str, start: int, size: int, mode: int) -> bytes:
    length = _header_size(name, start) - 60
    header = f"{f'#1/{length}':<16}{0:<12}{0:<6}{0:<6}{mode:<8o}{length + size:<10}`\n".encode()
    return header + name.encode().ljust(length, b"\0")
