"""Takes a Mach-O file apart for a comparison: its load commands, its sections, the tables behind them.

All that is known here is where the parts lie; what they mean is :mod:`pythonbuild.distribution.machofile`'s.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pythonbuild.distribution.objectfile import ObjectFileError

#: 64 bits, the byte order of every processor that macOS has run on for 15 years.
MAGIC = b"\xcf\xfa\xed\xfe"
_HEADER, _COMMAND, _SEGMENT, _SECTION = 32, 8, 72, 80
#: Parts that follow from what the others hold: hashes, names, places. They are told last.
FOLLOWING = ("LC_UUID", "LC_CODE_", "LC_SYMTAB", "LC_DYSYMTAB", "LC_SEGMENT_64", "LC_DYLD_", "LC_FUNCTION_STARTS",
             "LC_DATA_IN", "table of LC_", "relocations of ", "header")  # fmt: skip
_EMPTY_SECTIONS = (1, 12, 18)  # filled with zeros when they are loaded: the file has nothing of them
_RELOCATION = 8
#: Load commands that are nothing but the place of a table.
_WITH_TABLE = ("LC_CODE_SIGNATURE", "LC_CODE_SEGMENT_SPLIT_INFO", "LC_FUNCTION_STARTS", "LC_DATA_IN_CODE",
               "LC_DYLIB_CODE_SIGN_DRS", "LC_LINKER_OPTIMIZATION_HINT", "LC_DYLD_EXPORTS_TRIE",
               "LC_DYLD_CHAINED_FIXUPS")  # fmt: skip


def parts(data: bytes) -> list[tuple[str, bytes]]:
    """Return names and contents of a file's parts, in the file's order. Raises ObjectFileError for a damaged one."""
    try:
        return [("header", data[:_HEADER]), *_commands(data)]
    except (struct.error, ValueError, UnicodeDecodeError) as error:
        raise ObjectFileError(f"no Mach-O file: {error}") from error


def _commands(data: bytes) -> Iterator[tuple[str, bytes]]:
    from macholib import mach_o

    count, offset = struct.unpack_from("<I", data, 16)[0], _HEADER
    for _ in range(count):
        kind, size = struct.unpack_from("<2I", data, offset)
        if size < _COMMAND or offset + size > len(data):
            raise ValueError(f"a load command of {size} bytes at byte {offset}")
        name = mach_o.LC_NAMES.get(kind, f"LC_{kind:#x}")
        yield name, data[offset : offset + size]
        if kind == mach_o.LC_SEGMENT_64:
            yield from _sections(data, offset)
        elif kind == mach_o.LC_SYMTAB:
            symbols, number, texts, length = struct.unpack_from("<4I", data, offset + _COMMAND)
            yield f"table of {name}, symbols", data[symbols : symbols + 16 * number]
            yield f"table of {name}, names", data[texts : texts + length]
        elif kind in (mach_o.LC_DYLD_INFO, mach_o.LC_DYLD_INFO_ONLY):
            for index in range(5):
                start, length = struct.unpack_from("<2I", data, offset + _COMMAND + 8 * index)
                yield f"table of {name}, number {index}", data[start : start + length]
        elif name in _WITH_TABLE:
            start, length = struct.unpack_from("<2I", data, offset + _COMMAND)
            yield f"table of {name}", data[start : start + length]
        offset += size


def _sections(data: bytes, segment: int) -> Iterator[tuple[str, bytes]]:
    for index in range(struct.unpack_from("<I", data, segment + 64)[0]):
        place = segment + _SEGMENT + _SECTION * index
        section, name = (data[start : start + 16].rstrip(b"\0").decode("ascii") for start in (place, place + 16))
        size, start, _, relocations, number, flags = struct.unpack_from("<QIIIII", data, place + 40)
        full = f"{name},{section}"
        yield full, str(size).encode() if flags & 0xFF in _EMPTY_SECTIONS else data[start : start + size]
        if number:
            yield f"relocations of {full}", data[relocations : relocations + _RELOCATION * number]
