"""Changes real Mach-O and PE files in one place, found by plain means: not by the readers that are tried on them."""

from __future__ import annotations

import struct
from collections.abc import Iterator

LC_SYMTAB, LC_ID_DYLIB, LC_SIGNATURE, LC_BUILD_VERSION, LC_VERSION_MIN = 0x2, 0xD, 0x1D, 0x32, 0x24
#: Tables of the linker's, in a load command of the same form as that of signatures.
LC_HINT = 0x2E
WEAK_REFERENCE = 0x40


def put(data: bytes, place: int, content: bytes) -> bytes:
    """Return the file with other bytes at a place."""
    assert place + len(content) <= len(data)
    return data[:place] + content + data[place + len(content) :]


def put_number(data: bytes, place: int, number: int, size: int = 4) -> bytes:
    return put(data, place, number.to_bytes(size, "little"))


def number(data: bytes, place: int, size: int = 4) -> int:
    return int.from_bytes(data[place : place + size], "little")


def flip(data: bytes, place: int) -> bytes:
    """Return the file with every bit of one byte turned."""
    return put(data, place, bytes([data[place] ^ 0xFF]))


def replace_text(data: bytes, old: bytes, new: bytes) -> bytes:
    """Replace a text everywhere by one of the same length."""
    assert old in data
    assert len(old) == len(new)
    return data.replace(old, new)


def load_commands(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield number and place of each load command of a file with one slice, of 64 bits."""
    place = 32
    for _ in range(number(data, 16)):
        yield number(data, place), place
        place += number(data, place + 4)


def command(data: bytes, *wanted: int) -> int:
    """Return the place of the first load command that has one of these numbers."""
    return next(place for found, place in load_commands(data) if found in wanted)


def oldest_system(data: bytes) -> int:
    """Return where the version of the oldest system stands."""
    place = command(data, LC_BUILD_VERSION, LC_VERSION_MIN)
    return place + (12 if number(data, place) == LC_BUILD_VERSION else 8)


def make_strong(data: bytes, name: str) -> bytes:
    """Return the file with a weak reference made an ordinary one."""
    table = command(data, LC_SYMTAB)
    offset, count, strings = (number(data, table + 8 + 4 * index) for index in range(3))
    for row in range(offset, offset + 16 * count, 16):
        start = strings + number(data, row)
        description = number(data, row + 6, 2)
        if data[start : start + len(name) + 2] == b"_" + name.encode() + b"\0" and description & WEAK_REFERENCE:
            return put_number(data, row + 6, description & ~WEAK_REFERENCE, 2)
    raise AssertionError(f"no weak reference to {name}")


def coff_header(data: bytes) -> int:
    """Return where a PE file's COFF header begins; the optional header does 20 bytes later."""
    return number(data, 0x3C) + 4


def optional_header(data: bytes) -> int:
    return coff_header(data) + 20


def directory(data: bytes, index: int) -> int:
    """Return where the entry of a data directory stands."""
    optional = optional_header(data)
    return optional + (112 if struct.unpack_from("<H", data, optional)[0] == 0x20B else 96) + 8 * index


def first_section(data: bytes) -> int:
    """Return where the first section's header begins."""
    return optional_header(data) + number(data, coff_header(data) + 16, 2)
