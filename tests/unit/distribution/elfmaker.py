"""Makes tiny ELF objects, shared libraries and static libraries without any compiler.

They hold just the tables that linkers and loaders read, so that each test can say exactly which symbol, version or
needed library is wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ET_REL, ET_EXEC, ET_DYN = 1, 2, 3
_TYPES = {"symtab": 2, "strtab": 3, "dynamic": 6, "dynsym": 11, "verneed": 0x6FFFFFFE, "versym": 0x6FFFFFFF}


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

    def file(self, kind: int, sections: list[tuple[str, bytes, int, int]]) -> bytes:
        """Return the file; sections are (type, content, link, info), numbered from 1."""
        wide = self.bits == 64
        header_size, record = (64, "IIQQQQIIQQ") if wide else (52, "10I")
        contents, headers = b"", struct.pack(self.order + record, *[0] * 10)
        for name, content, link, info in sections:
            offset = header_size + len(contents)
            headers += struct.pack(self.order + record, 0, _TYPES[name], 0, 0, offset, len(content), link, info, 1, 0)
            contents += content + b"\0" * (-len(content) % 8)
        start = header_size + len(contents)
        identity = b"\x7fELF" + bytes([2 if wide else 1, 1 if self.order == "<" else 2, 1]) + b"\0" * 9
        entry_size = 64 if wide else 40
        header = struct.pack(
            self.order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"),
            kind, 62, 1, 0, 0, start, 0, header_size, 0, 0, entry_size, len(sections) + 1, 0,
        )  # fmt: skip
        return identity + header + contents + headers


def make_object(defined: Iterable[str] = (), undefined: Iterable[str] = (), weak: Iterable[str] = (), *,
                local: Iterable[str] = (), bits: int = 64, order: str = "<") -> bytes:  # fmt: skip
    layout, strings = _Layout(bits, order), _Strings()
    rows = [layout.symbol(0, 0, 0, 0)]
    rows += [layout.symbol(strings.add(name), 0x00, 0, 1) for name in local]
    first_global = len(rows)
    rows += [layout.symbol(strings.add(name), 0x12, 0, 1) for name in defined]
    rows += [layout.symbol(strings.add(name), 0x10, 0, 0) for name in undefined]
    rows += [layout.symbol(strings.add(name), 0x20, 0, 0) for name in weak]
    return layout.file(ET_REL, [("symtab", b"".join(rows), 2, first_global), ("strtab", strings.data, 0, 0)])


def make_shared(soname: str = "", needed: Iterable[str] = (), exports: Iterable[str] = (), *,
                versions: Mapping[str, Iterable[str]] | None = None, old: Iterable[str] = (),
                hidden: Iterable[str] = (), rpath: str = "", kind: int = ET_DYN, bits: int = 64,
                order: str = "<") -> bytes:  # fmt: skip
    """Return a shared library (or executable): ``versions`` maps needed libraries to the versions wanted of them.

    ``old`` are exported names with a hidden version (``name@VERSION``), ``hidden`` have hidden visibility.
    """
    layout, strings = _Layout(bits, order), _Strings()
    rows, versym = [layout.symbol(0, 0, 0, 0)], [0]
    for names, visibility, version in ((exports, 0, 1), (old, 0, 0x8002), (hidden, 2, 1)):
        for name in names:
            rows.append(layout.symbol(strings.add(name), 0x12, visibility, 1))
            versym.append(version)
    word = "QQ" if bits == 64 else "II"
    tags = [(14, strings.add(soname))] if soname else []
    tags += [(1, strings.add(name)) for name in needed]
    tags += [(29, strings.add(rpath))] if rpath else []
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
    return layout.file(kind, sections)


def _verneed(order: str, versions: Mapping[str, Iterable[str]], strings: _Strings) -> bytes:
    records = []
    for position, (library, names) in enumerate(versions.items()):
        wanted = list(names)
        last = position == len(versions) - 1
        size = 16 + 16 * len(wanted)
        record = struct.pack(order + "HHIII", 1, len(wanted), strings.add(library), 16, 0 if last else size)
        for index, name in enumerate(wanted):
            following = 0 if index == len(wanted) - 1 else 16
            record += struct.pack(order + "IHHII", 0, 0, 2, strings.add(name), following)
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
