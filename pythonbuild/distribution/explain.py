"""Says where two files differ, in the words of their format.

For an ELF file that is a section, for a Mach-O file a section or a load command, for a static library a member (and its
section), for PYTHON.json a key, for text a line, for byte code its header or its code, for anything else a byte.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError, ELFParseError
from elftools.elf.elffile import ELFFile

from pythonbuild.distribution.archive import METADATA
from pythonbuild.distribution.machoparts import FOLLOWING, parts
from pythonbuild.distribution.machoparts import MAGIC as MACHO_MAGIC
from pythonbuild.distribution.objectfile import ELF_MAGIC, LIBRARY_MAGIC, ObjectFileError, library_members

_SHOWN = 120
_AR_HEADER = 60
_TABLES = (".strtab", ".shstrtab", ".symtab", ".dynstr", ".dynsym", ".rel", ".hash", ".gnu.hash")
#: The fields of a static library's member header: name, first byte, byte after the last.
_AR_FIELDS = (("time", 16, 28), ("owner", 28, 34), ("group", 34, 40), ("mode", 40, 48), ("size", 48, 58))


def explain(name: str, first: Path, second: Path) -> str:
    """Return where two files that differ do so. ``name`` is the member that both were."""
    if not (first.is_file() and second.is_file()):
        return "the contents differ"  # a name that was not fit to be a path
    return explain_bytes(name, first.read_bytes(), second.read_bytes())


def explain_bytes(name: str, first: bytes, second: bytes) -> str:
    """Return where two contents differ; the first reader that understands both and finds the place answers."""
    for read in _READERS:
        place = read(name, first, second)
        if place:
            return place
    return _bytes(name, first, second)


def _json(name: str, first: bytes, second: bytes) -> str:
    if name != METADATA and not name.endswith(".json"):
        return ""
    try:
        one, other = json.loads(first), json.loads(second)
    except ValueError:
        return ""
    return _json_difference(one, other, "")


def _json_difference(one: Any, other: Any, key: str) -> str:
    """Return the first key, in the order of the first document, whose values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in [*one, *(name for name in other if name not in one)]:
            path = f"{key}.{name}" if key else name
            if name not in other:
                return f"key {path}: only in the first: {_shown(one[name])}"
            if name not in one:
                return f"key {path}: only in the second: {_shown(other[name])}"
            if place := _json_difference(one[name], other[name], path):
                return place
        return "" if list(one) == list(other) else f"key {key or '(top)'}: another order of keys"
    if isinstance(one, list) and isinstance(other, list):
        for index, (left, right) in enumerate(zip(one, other, strict=False)):
            if place := _json_difference(left, right, f"{key}[{index}]"):
                return place
        return "" if len(one) == len(other) else f"key {key}: {len(one)} items, {len(other)} items"
    same = one == other and type(one) is type(other)
    return "" if same else f"key {key}: {_shown(one)}, {_shown(other)}"


def _elf(_name: str, first: bytes, second: bytes) -> str:
    if not first.startswith(ELF_MAGIC) or not second.startswith(ELF_MAGIC):
        return ""
    try:
        one, other = _elf_sections(first), _elf_sections(second)
    except (ELFError, ELFParseError, struct.error, ValueError, KeyError, AttributeError):
        return ""  # a damaged file: the byte is told
    if [name for name, _ in one] != [name for name, _ in other]:
        return _sequence("section", [name for name, _ in one], [name for name, _ in other])
    changed = _changed(one, other, _TABLES)
    return f"section {changed}" if changed else f"ELF header or section table, {_bytes('', first, second)}"


def _changed(one: Sequence[tuple[str, bytes]], other: Sequence[tuple[str, bytes]], following: tuple[str, ...]) -> str:
    """Return the first of the parts that differ, where in it, and which do besides; "" if none does.

    What follows from the other parts (tables of names and places, hashes) is told behind them.
    """
    changed = [(name, left, right) for (name, left), (_, right) in zip(one, other, strict=True) if left != right]
    changed.sort(key=lambda part: part[0].startswith(following))
    if not changed:
        return ""
    name, left, right = changed[0]
    others = [other_name for other_name, _, _ in changed[1:]]
    more = f"; also {', '.join(others[:8])}{' …' if len(others) > 8 else ''}" if others else ""
    return f"{name}, {_bytes('', left, right)}{more}"


def _macho(_name: str, first: bytes, second: bytes) -> str:
    if not first.startswith(MACHO_MAGIC) or not second.startswith(MACHO_MAGIC):
        return ""
    try:
        one, other = parts(first), parts(second)
    except ObjectFileError:
        return ""
    if [name for name, _ in one] != [name for name, _ in other]:
        return _sequence("part", [name for name, _ in one], [name for name, _ in other])
    return _changed(one, other, FOLLOWING) or f"between the parts, {_bytes('', first, second)}"


def _elf_sections(data: bytes) -> list[tuple[str, bytes]]:
    """Return names (or numbers, where names were stripped) and raw contents of the sections."""
    elf = ELFFile(io.BytesIO(data))
    sections = []
    for index in range(1, elf.num_sections()):
        header = elf._get_section_header(index)
        name = elf._get_section_name(header) if elf["e_shstrndx"] else ""
        start, size = int(header["sh_offset"]), int(header["sh_size"])
        content = str(size).encode() if header["sh_type"] == "SHT_NOBITS" else data[start : start + size]
        sections.append((name or f"number {index} ({header['sh_type']})", content))
    return sections


def _library(_name: str, first: bytes, second: bytes) -> str:
    if not first.startswith(LIBRARY_MAGIC) or not second.startswith(LIBRARY_MAGIC):
        return ""
    try:
        one, other = list(library_members(first, "")), list(library_members(second, ""))
    except ObjectFileError:
        return ""
    if [name for name, _ in one] != [name for name, _ in other]:
        return _sequence("member", [name for name, _ in one], [name for name, _ in other])
    for (name, left), (_, right) in zip(one, other, strict=True):
        if left != right:
            return f"member {name}, {explain_bytes(name, bytes(left), bytes(right))}"
    return _library_header(first, second)


def _library_header(first: bytes, second: bytes) -> str:
    """Name the first field of a member's header that differs: "ar" without its option D stores times and owners."""
    offset = len(LIBRARY_MAGIC)
    while offset + _AR_HEADER <= min(len(first), len(second)):
        one, other = first[offset : offset + _AR_HEADER], second[offset : offset + _AR_HEADER]
        for field, start, end in _AR_FIELDS:
            if one[start:end] != other[start:end]:
                texts = [header[start:end].decode("ascii", "replace").strip() for header in (one, other)]
                label = one[:16].decode("utf-8", "replace").strip()
                return f"header of member {label}, {field} {texts[0]}, {texts[1]}"
        size = int(one[48:58])
        offset += _AR_HEADER + size + size % 2
    return f"index of the library, {_bytes('', first, second)}"


def _sequence(what: str, one: Sequence[str], other: Sequence[str]) -> str:
    """Return how two lists of names that differ do so."""
    for name in one:
        if one.count(name) > other.count(name):
            return f"{what} {name}: only in the first"
    for name in other:
        if other.count(name) > one.count(name):
            return f"{what} {name}: only in the second"
    left, right = next(pair for pair in zip(one, other, strict=True) if pair[0] != pair[1])
    return f"order of {what}s: {left}, {right}"


def _byte_code(name: str, first: bytes, second: bytes) -> str:
    if not name.endswith(".pyc") or min(len(first), len(second)) < 16:
        return ""
    if first[:4] != second[:4]:
        return f"byte code: magic number {first[:4].hex()}, {second[:4].hex()}"
    if first[:16] != second[:16]:
        return f"byte code: {_stamp(first)}, {_stamp(second)}"
    return f"byte code: code, {_bytes('', first[16:], second[16:])}"


def _stamp(header: bytes) -> str:
    flags, one, other = struct.unpack_from("<3I", header, 4)
    return f"hash of the source {header[8:16].hex()}" if flags & 1 else f"time {one} and size {other} of the source"


def _text(_name: str, first: bytes, second: bytes) -> str:
    if b"\0" in first or b"\0" in second:
        return ""
    try:
        one, other = first.decode("utf-8").split("\n"), second.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        return ""
    for number, (left, right) in enumerate(zip(one, other, strict=False), 1):
        if left != right:
            shown = _around(left, right)
            return f"line {number}: {shown[0]!r}, {shown[1]!r}"
    end = min(len(one), len(other))
    label, rest = ("first", one) if len(one) > len(other) else ("second", other)
    return f"line {end + 1}: only in the {label}: {_shown(rest[end])}"


def _around(left: str, right: str) -> tuple[str, str]:
    """Cut two long lines to what surrounds the first character that differs."""
    if max(len(left), len(right)) <= _SHOWN:
        return left, right
    same = next((index for index, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]),
                min(len(left), len(right)))  # fmt: skip
    start = max(0, same - _SHOWN // 3)
    return left[start : start + _SHOWN], right[start : start + _SHOWN]


def _bytes(_name: str, first: bytes, second: bytes) -> str:
    """Return the first byte that differs, or the lengths."""
    length, step, offset = min(len(first), len(second)), 4096, 0
    while offset < length and first[offset : offset + step] == second[offset : offset + step]:
        offset += step
    for index in range(offset, min(offset + step, length)):
        if first[index] != second[index]:
            return f"byte {index}: {_printable(first, index)}, {_printable(second, index)}"
    return f"{len(first)} bytes, {len(second)} bytes, the same up to there"


def _printable(data: bytes, index: int) -> str:
    """Return the text around a byte when it is text, else a few bytes from there in hexadecimal."""
    start = index
    while start and index - start < 24 and 32 <= data[start - 1] < 127:
        start -= 1
    end = index
    while end < len(data) and end - index < 24 and 32 <= data[end] < 127:
        end += 1
    if end - start >= 6:
        return repr(data[start:end].decode("ascii"))
    return data[index : index + 8].hex(" ")


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…") if isinstance(value, str) else text[:_SHOWN]


_READERS: Sequence[Callable[[str, bytes, bytes], str]] = (_json, _elf, _macho, _library, _byte_code, _text)
