"""Makes tiny ELF objects, shared libraries and static libraries without any compiler.

They hold just the tables that linkers and loaders read, so that each test can say exactly which symbol, version or
needed library is wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ET_REL, ET_EXEC, ET_DYN = 1, 2, 3
PT_LOAD, PT_INTERP, PT_GNU_STACK, PT_GNU_RELRO = 1, 3, 0x6474E551, 0x6474E552
#: Type and flags of the segments that a well-made program has (flags: 1 executable, 2 writable, 4 readable).
SEGMENTS = ((PT_LOAD, 4), (PT_LOAD, 5), (PT_LOAD, 6), (PT_GNU_RELRO, 4), (PT_GNU_STACK, 6))
LOADER = "/lib64/ld-linux-x86-64.so.2"
DT_FLAGS, BIND_NOW, TEXTREL = 30, 8, 4
_TYPES = {"symtab": 2, "strtab": 3, "dynamic": 6, "dynsym": 11, "verneed": 0x6FFFFFFE, "versym": 0x6FFFFFFF}
#: The numbers before it stand for no version and for the file's own.
_FIRST_NEEDED = 2


class _Strings:
    def __init__(self) -> None:
        self.data = b"\0"

    def add(self, text: str) -> int:
        offset = len(self.data)
        self.data += text.encode() + b"\0"
        return offset


@dataclass
class _Layout:
    """Class and byte order, and the section table made with them."""

    bits: int
    order: str

    def symbol(self, name: int, info: int, other: int, index: int) -> bytes:
        if self.bits == 64:
            return struct.pack(self.order + "IBBHQQ", name, info, other, index, 0, 0)
        return struct.pack(self.order + "IIIBBH", name, 0, 0, info, other, index)

    def segment(self, kind: int, flags: int, offset: int, size: int) -> bytes:
        if self.bits == 64:
            return struct.pack(self.order + "IIQQQQQQ", kind, flags, offset, 0, 0, size, size, 1)
        return struct.pack(self.order + "8I", kind, offset, 0, 0, size, size, flags, 1)

    def file(self, kind: int, sections: list[tuple[str, bytes, int, int]], *, segments: Iterable[tuple[int, int]] = (),
             interpreter: str = "", machine: int = 62) -> bytes:  # fmt: skip
        """Return the file; sections are (type, content, link, info), numbered from 1; segments (type, flags)."""
        wide = self.bits == 64
        header_size, record = (64, "IIQQQQIIQQ") if wide else (52, "10I")
        first_byte, program_header_size = header_size, 56 if wide else 32
        rows = [(PT_INTERP, 4)] * bool(interpreter) + list(segments)
        header_size += program_header_size * len(rows)  # sections begin behind the segments' table
        contents = interpreter.encode() + b"\0" if interpreter else b""
        table = b"".join(
            self.segment(kind, flags, header_size, len(contents) if kind == PT_INTERP else 0) for kind, flags in rows
        )
        contents += b"\0" * (-len(contents) % 8)
        headers = struct.pack(self.order + record, *[0] * 10)
        for name, content, link, info in sections:
            offset = header_size + len(contents)
            headers += struct.pack(self.order + record, 0, _TYPES[name], 0, 0, offset, len(content), link, info, 1, 0)
            contents += content + b"\0" * (-len(content) % 8)
        start = header_size + len(contents)
        identity = b"\x7fELF" + bytes([2 if wide else 1, 1 if self.order == "<" else 2, 1]) + b"\0" * 9
        entry_size = 64 if wide else 40
        header = struct.pack(
            self.order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"),
            kind, machine, 1, 0, first_byte if rows else 0, start, 0, first_byte, program_header_size, len(rows),
            entry_size, len(sections) + 1, 0,
        )  # fmt: skip
        return identity + header + table + contents + headers


def make_object(defined: Iterable[str] = (), undefined: Iterable[str] = (), weak: Iterable[str] = (), *,
                local: Iterable[str] = (), hidden: Iterable[str] = (), bits: int = 64, order: str = "<",
                machine: int = 62) -> bytes:  # fmt: skip
    """Return an object; ``hidden`` names are defined, but nothing made of the object can export them."""
    layout, strings = _Layout(bits, order), _Strings()
    rows = [layout.symbol(0, 0, 0, 0)]
    rows += [layout.symbol(strings.add(name), 0x00, 0, 1) for name in local]
    first_global = len(rows)
    rows += [layout.symbol(strings.add(name), 0x12, 0, 1) for name in defined]
    rows += [layout.symbol(strings.add(name), 0x12, 2, 1) for name in hidden]
    rows += [layout.symbol(strings.add(name), 0x10, 0, 0) for name in undefined]
    rows += [layout.symbol(strings.add(name), 0x20, 0, 0) for name in weak]
    sections = [("symtab", b"".join(rows), 2, first_global), ("strtab", strings.data, 0, 0)]
    return layout.file(ET_REL, sections, machine=machine)


def make_shared(soname: str = "", needed: Iterable[str] = (), exports: Iterable[str] = (), *,
                versions: Mapping[str, Iterable[str]] | None = None, old: Iterable[str] = (),
                hidden: Iterable[str] = (), imports: Iterable[str] = (), rpath: str = "", kind: int = ET_DYN,
                flags: int = BIND_NOW, segments: Iterable[tuple[int, int]] = SEGMENTS, interpreter: str | None = None,
                bound: Mapping[str, tuple[str, str]] | None = None, weak: Iterable[str] = (), bits: int = 64,
                order: str = "<", machine: int = 62) -> bytes:  # fmt: skip
    """Return a shared library (or executable): ``versions`` maps needed libraries to the versions wanted of them.

    ``old`` are exported names with a hidden version (``name@VERSION``), ``hidden`` have hidden visibility, ``imports``
    are looked for elsewhere; ``bound`` ones in a library and a version of it (both are in ``versions``), ``weak`` ones
    may be absent. ``flags`` is the DT_FLAGS entry; programs have a loader, or the ``interpreter`` given.
    """
    layout, strings = _Layout(bits, order), _Strings()
    rows, versym = [layout.symbol(0, 0, 0, 0)], [0]
    for names, visibility, version in ((exports, 0, 1), (old, 0, 0x8002), (hidden, 2, 1)):
        for name in names:
            rows.append(layout.symbol(strings.add(name), 0x12, visibility, 1))
            versym.append(version)
    for name in imports:
        rows.append(layout.symbol(strings.add(name), 0x12, 0, 0))
        versym.append(1)
    places = [(library, name) for library, names in (versions or {}).items() for name in names]
    for name, place in (bound or {}).items():
        rows.append(layout.symbol(strings.add(name), 0x12, 0, 0))
        versym.append(_FIRST_NEEDED + places.index(place))
    for name in weak:
        rows.append(layout.symbol(strings.add(name), 0x20, 0, 0))
        versym.append(1)
    word = "QQ" if bits == 64 else "II"
    tags = [(14, strings.add(soname))] if soname else []
    tags += [(1, strings.add(name)) for name in needed]
    tags += [(29, strings.add(rpath))] if rpath else []
    tags += [(DT_FLAGS, flags)] if flags else []
    dynamic = b"".join(struct.pack(order + word, *tag) for tag in [*tags, (0, 0)])
    verneed = _verneed(order, versions or {}, strings)
    sections = [
        ("strtab", strings.data, 0, 0),
        ("dynsym", b"".join(rows), 1, 1),
        ("dynamic", dynamic, 1, 0),
        ("versym", struct.pack(f"{order}{len(versym)}H", *versym), 2, 0),
    ]
    if versions:
        sections.append(("verneed", verneed, 1, len(versions)))
    if interpreter is None:
        interpreter = LOADER if kind == ET_EXEC else ""
    return layout.file(kind, sections, segments=segments, interpreter=interpreter, machine=machine)


def name_sections(data: bytes, *names: str) -> bytes:
    """Return a little-endian file of 64 bits whose first sections (after the empty one) have these names."""
    (start,) = struct.unpack_from("<Q", data, 40)
    (count,) = struct.unpack_from("<H", data, 60)
    strings, named = _Strings(), bytearray(data)
    for number, name in enumerate(names, 1):
        struct.pack_into("<I", named, start + 64 * number, strings.add(name))
    struct.pack_into("<HH", named, 60, count + 1, count)
    header = struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, len(data) + 64, len(strings.data), 0, 0, 1, 0)
    return bytes(named) + header + strings.data


def _verneed(order: str, versions: Mapping[str, Iterable[str]], strings: _Strings) -> bytes:
    records = []
    number = _FIRST_NEEDED
    for position, (library, names) in enumerate(versions.items()):
        wanted = list(names)
        last = position == len(versions) - 1
        size = 16 + 16 * len(wanted)
        record = struct.pack(order + "HHIII", 1, len(wanted), strings.add(library), 16, 0 if last else size)
        for index, name in enumerate(wanted):
            following = 0 if index == len(wanted) - 1 else 16
            record += struct.pack(order + "IHHII", 0, 0, number, strings.add(name), following)
            number += 1
        records.append(record)
    return b"".join(records)


def make_library(members: Mapping[str, bytes]) -> bytes:
    """Return a static library in the GNU dialect, long names and a symbol index included."""
    data, long_names = b"!<arch>\n", b""
    headers = []
    for name, content in members.items():
        text = f"{name}/"
        if len(text) > 16:
            text = f"/{len(long_names)}"
            long_names += f"{name}/\n".encode()
        headers.append((text, content))
    for text, content in [("/", b"\0\0\0\0"), *([("//", long_names)] if long_names else []), *headers]:
        data += f"{text:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode() + content
        data += b"\n" * (len(content) % 2)
    return data
