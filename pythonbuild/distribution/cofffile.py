"""Reads COFF objects as Microsoft's compiler writes them: for which processor, and the names that a linker sees.

Both forms are read: the plain one, and the one for more than 65279 sections (``/bigobj``). What the compiler leaves for
the linker to compile (``/GL``) can only be read by the linker of the same MSVC, and is told from the others.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pythonbuild.distribution.objectfile import ObjectFileError, ObjectSymbols

#: Machine numbers of headers by the target's architecture.
MACHINES = {"x86_64": 0x8664, "i686": 0x14C, "aarch64": 0xAA64}
_I386 = 0x14C
_ANONYMOUS = b"\x00\x00\xff\xff"
_BIG = bytes.fromhex("c7a1bad1eebaa94baf20faf66aa4dcb8")
_EXTERNAL, _WEAK_EXTERNAL = 2, 105


@dataclass(frozen=True)
class CoffObject:
    """``compiled_later``: the linker has to compile it, and nothing else is known of it."""

    machine: int
    symbols: ObjectSymbols
    compiled_later: bool = False


def is_coff(content: bytes | memoryview) -> bool:
    """Tell whether a file begins like a COFF object, of whichever form."""
    start = bytes(content[:4])
    return start == _ANONYMOUS or (len(start) == 4 and struct.unpack_from("<H", start)[0] in MACHINES.values())


def read_coff(content: bytes | memoryview, where: str) -> CoffObject:
    """Read an object. Raises ObjectFileError for what is none, or is cut off."""
    try:
        return _read(memoryview(content), where)
    except (struct.error, IndexError) as error:
        raise ObjectFileError(f"{where}: damaged COFF object", found=error) from error


def _read(data: memoryview, where: str) -> CoffObject:
    if bytes(data[:4]) == _ANONYMOUS:
        version, machine = struct.unpack_from("<HH", data, 4)
        if version < 2 or bytes(data[12:28]) != _BIG:
            return CoffObject(machine, ObjectSymbols(frozenset(), frozenset()), compiled_later=True)
        table, count = struct.unpack_from("<II", data, 48)
        symbols = _symbols(data, table, count, "<8sIiHBB", machine, where)
        return CoffObject(machine, symbols)
    machine, _, _, table, count, _, _ = struct.unpack_from("<HHIIIHH", data)
    if machine not in MACHINES.values():
        raise ObjectFileError(f"{where}: no COFF object", found=f"machine {machine:#06x}")
    return CoffObject(machine, _symbols(data, table, count, "<8sIhHBB", machine, where))


def _symbols(data: memoryview, table: int, count: int, record: str, machine: int, where: str) -> ObjectSymbols:
    size = struct.calcsize(record)
    strings = table + count * size
    if count and strings + 4 > len(data):
        raise ObjectFileError(f"{where}: damaged COFF object", found="the symbol table ends outside of the file")
    defined, undefined, weak = set(), set(), set()
    number = 0
    while number < count:
        raw, value, section, _, kind, auxiliary = struct.unpack_from(record, data, table + number * size)
        number += 1 + auxiliary
        if kind not in (_EXTERNAL, _WEAK_EXTERNAL):
            continue
        name = _name(data, raw, strings)
        if machine == _I386 and name.startswith("_"):
            name = name[1:]
        if section:
            defined.add(name)
        elif kind == _WEAK_EXTERNAL:
            weak.add(name)
        elif value:  # common: whoever has it first gives it its place
            defined.add(name)
        else:
            undefined.add(name)
    return ObjectSymbols(frozenset(defined), frozenset(undefined), frozenset(weak), frozenset(defined))


def _name(data: memoryview, raw: bytes, strings: int) -> str:
    if raw[:4] != b"\0\0\0\0":
        return raw.rstrip(b"\0").decode("utf-8", "replace")
    start = strings + struct.unpack_from("<I", raw, 4)[0]
    end = start
    while data[end]:
        end += 1
    return bytes(data[start:end]).decode("utf-8", "replace")
