"""Reads what a linker reads: ELF objects, shared libraries, executables, and static libraries of objects.

A distribution holds some two thousand objects with a hundred thousand symbols, and the checks at the end of every
build need the names of all of them. pyelftools builds a Python object per symbol and takes minutes for that; the few
tables that matter here are flat arrays of fixed-size records, so ``struct`` reads them in a second or two.

Only what the checks need is decoded: symbol tables, segments, the dynamic section and symbol versions. Both classes (32
and 64 bits) and both byte orders are understood. Whatever is not a well-formed file raises :class:`ObjectFileError`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pythonbuild.errors import DistributionError

ELF_MAGIC = b"\x7fELF"
#: Machine numbers of ELF headers by the target's architecture.
MACHINES = {"x86_64": 62, "i686": 3, "aarch64": 183, "armv7": 40, "ppc64le": 21, "s390x": 22, "riscv64": 243}
LIBRARY_MAGIC = b"!<arch>\n"
_THIN_LIBRARY_MAGIC = b"!<thin>\n"
#: LLVM bitcode, bare and wrapped: what -flto writes instead of ELF objects.
BITCODE_MAGICS = (b"BC\xc0\xde", b"\xde\xc0\x17\x0b")

ET_REL, ET_EXEC, ET_DYN = 1, 2, 3
_SHT_SYMTAB, _SHT_DYNAMIC, _SHT_DYNSYM = 2, 6, 11
_SHT_GNU_VERNEED, _SHT_GNU_VERSYM = 0x6FFFFFFE, 0x6FFFFFFF
_DT_NEEDED, _DT_SONAME, _DT_RPATH, _DT_RUNPATH = 1, 14, 15, 29
_DT_TEXTREL, _DT_BIND_NOW, _DT_FLAGS, _DT_FLAGS_1 = 22, 24, 30, 0x6FFFFFFB
_DF_TEXTREL, _DF_BIND_NOW, _DF_1_NOW = 4, 8, 1
PT_LOAD, PT_INTERP, PT_GNU_STACK, PT_GNU_RELRO = 1, 3, 0x6474E551, 0x6474E552
PF_X, PF_W = 1, 2
_STB_LOCAL, _STB_WEAK = 0, 2
_STV_INTERNAL, _STV_HIDDEN = 1, 2
_SHN_UNDEF = 0
_HIDDEN_VERSION = 0x8000


class ObjectFileError(DistributionError):
    """Not an object file, or a damaged one."""

    reason = "object-file"


@dataclass(frozen=True)
class ObjectSymbols:
    """Names a linker sees in one object. ``undefined`` must be found elsewhere, ``weak_undefined`` may be absent.

    ``visible`` are those of ``defined`` that a program or library made of the object can export.
    """

    defined: frozenset[str]
    undefined: frozenset[str]
    weak_undefined: frozenset[str] = frozenset()
    visible: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Dynamic:
    """What a shared library or executable tells the dynamic loader.

    ``versions`` maps a needed library to the symbol versions required of it. ``exported`` are the defined symbols that
    others can bind to; ``linkable`` those of them that a new program would be linked with (not the hidden, old versions
    kept for old programs). ``imported`` are the names that the loader looks for elsewhere. ``bind_now`` asks it to do
    so at the start; ``text_relocations`` that it patches the code.
    """

    soname: str = ""
    needed: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()
    versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exported: frozenset[str] = frozenset()
    linkable: frozenset[str] = frozenset()
    imported: frozenset[str] = frozenset()
    bind_now: bool = False
    text_relocations: bool = False


@dataclass(frozen=True)
class Segment:
    """A program header: what the kernel and the loader do with a part of the file."""

    type: int
    flags: int
    offset: int
    size: int


@dataclass(frozen=True)
class _Section:
    name: int
    type: int
    offset: int
    size: int
    link: int
    info: int


class Elf:
    """One ELF file in memory. ``where`` names it in errors."""

    def __init__(self, data: bytes | memoryview, where: str) -> None:
        self._data = memoryview(data)
        self._where = where
        if bytes(self._data[:4]) != ELF_MAGIC:
            raise ObjectFileError(f"{where}: not an ELF file", found=repr(bytes(self._data[:8])))
        try:
            self.bits = {1: 32, 2: 64}[self._data[4]]
            self._order = {1: "<", 2: ">"}[self._data[5]]
            self.type, self.machine = struct.unpack_from(self._order + "HH", self._data, 16)
        except (KeyError, IndexError, struct.error) as error:
            raise self._damaged("header") from error

    def _damaged(self, part: str) -> ObjectFileError:
        return ObjectFileError(f"{self._where}: damaged ELF file", found=f"unreadable {part}")

    @cached_property
    def _sections(self) -> tuple[_Section, ...]:
        wide = self.bits == 64
        try:
            (offset,) = struct.unpack_from(self._order + ("Q" if wide else "I"), self._data, 40 if wide else 32)
            entry_size, count = struct.unpack_from(self._order + "HH", self._data, 58 if wide else 46)
            record = struct.Struct(self._order + ("IIQQQQIIQQ" if wide else "10I"))
            if offset and not count:  # more than 65279 sections: the count stands in the first one
                count = record.unpack_from(self._data, offset)[5]
            rows = [record.unpack_from(self._data, offset + entry_size * index) for index in range(count)]
        except (struct.error, OverflowError) as error:
            raise self._damaged("section headers") from error
        return tuple(_Section(row[0], row[1], row[4], row[5], row[6], row[7]) for row in rows)

    def segments(self) -> tuple[Segment, ...]:
        """Return the program headers (none in objects)."""
        wide = self.bits == 64
        try:
            (offset,) = struct.unpack_from(self._order + ("Q" if wide else "I"), self._data, 32 if wide else 28)
            entry_size, count = struct.unpack_from(self._order + "HH", self._data, 54 if wide else 42)
            record = struct.Struct(self._order + ("IIQQQQQQ" if wide else "8I"))
            rows = [record.unpack_from(self._data, offset + entry_size * index) for index in range(count)]
        except (struct.error, OverflowError) as error:
            raise self._damaged("program headers") from error
        if wide:
            return tuple(Segment(row[0], row[1], row[2], row[5]) for row in rows)
        return tuple(Segment(row[0], row[6], row[1], row[4]) for row in rows)

    def section_names(self) -> tuple[str, ...]:
        """Return the sections' names in their order."""
        (index,) = struct.unpack_from(self._order + "H", self._data, 62 if self.bits == 64 else 50)
        if index >= len(self._sections):
            return ()
        strings = bytes(self._content(self._sections[index])) + b"\0"
        return tuple(_text(strings, section.name) for section in self._sections)

    def has_debug_information(self) -> bool:
        """Tell whether there are sections that only debuggers read. The symbol table is none of them."""
        return any(name.startswith((".debug_", ".zdebug_")) for name in self.section_names())

    def interpreter(self) -> str:
        """Return the path of the dynamic loader that a program asks for ("" for libraries)."""
        segment = next((segment for segment in self.segments() if segment.type == PT_INTERP), None)
        if segment is None:
            return ""
        return (
            bytes(self._data[segment.offset : segment.offset + segment.size]).rstrip(b"\0").decode("utf-8", "replace")
        )

    def _section(self, kind: int) -> _Section | None:
        return next((section for section in self._sections if section.type == kind), None)

    def _content(self, section: _Section) -> memoryview:
        content = self._data[section.offset : section.offset + section.size]
        if len(content) != section.size:
            raise self._damaged("section (the file ends inside it)")
        return content

    def _strings(self, section: _Section) -> bytes:
        """Return the string table that belongs to a section, with a final NUL whatever the file says."""
        try:
            return bytes(self._content(self._sections[section.link])) + b"\0"
        except IndexError as error:
            raise self._damaged("string table") from error

    def _symbol_rows(self, section: _Section) -> Iterator[tuple[int, int, int, int]]:
        """Yield name offset, info, other and section index of every symbol of a table."""
        content = self._content(section)
        if self.bits == 64:
            record = struct.Struct(self._order + "IBBH16x")
            rows = record.iter_unpack(content[: len(content) // record.size * record.size])
            yield from rows
        else:
            record = struct.Struct(self._order + "I8xBBH")
            yield from record.iter_unpack(content[: len(content) // record.size * record.size])

    def symbols(self) -> ObjectSymbols:
        """Return the global names of the symbol table (empty when the file has none: stripped)."""
        section = self._section(_SHT_SYMTAB)
        if section is None:
            return ObjectSymbols(frozenset(), frozenset())
        strings = self._strings(section)
        defined, undefined, weak, hidden = set(), set(), set(), set()
        for name, info, other, index in self._symbol_rows(section):
            binding = info >> 4
            if binding == _STB_LOCAL or not name:
                continue
            text = _text(strings, name)
            if index != _SHN_UNDEF:
                defined.add(text)
                if other & 3 in (_STV_INTERNAL, _STV_HIDDEN):
                    hidden.add(text)
            elif binding == _STB_WEAK:
                weak.add(text)
            else:
                undefined.add(text)
        return ObjectSymbols(frozenset(defined), frozenset(undefined), frozenset(weak), frozenset(defined - hidden))

    def dynamic(self) -> Dynamic | None:
        """Return the dynamic section's claims; None for objects and static executables."""
        section = self._section(_SHT_DYNAMIC)
        if section is None:
            return None
        strings = self._strings(section)
        record = struct.Struct(self._order + ("QQ" if self.bits == 64 else "II"))
        content = self._content(section)
        texts: dict[int, list[str]] = {}
        numbers: dict[int, int] = {}
        for tag, value in record.iter_unpack(content[: len(content) // record.size * record.size]):
            if tag == 0:
                break
            if tag in (_DT_NEEDED, _DT_SONAME, _DT_RPATH, _DT_RUNPATH):
                texts.setdefault(tag, []).append(_text(strings, value))
            else:
                numbers[tag] = value
        exported, linkable, imported = self._dynamic_symbols()
        flags, flags_1 = numbers.get(_DT_FLAGS, 0), numbers.get(_DT_FLAGS_1, 0)
        rpath = ":".join(texts.get(_DT_RPATH, []) + texts.get(_DT_RUNPATH, []))
        return Dynamic(
            soname=texts.get(_DT_SONAME, [""])[0],
            needed=tuple(texts.get(_DT_NEEDED, [])),
            rpath=tuple(rpath.split(":")) if rpath else (),
            versions=self._needed_versions(),
            exported=exported,
            linkable=linkable,
            imported=imported,
            bind_now=bool(_DT_BIND_NOW in numbers or flags & _DF_BIND_NOW or flags_1 & _DF_1_NOW),
            text_relocations=bool(_DT_TEXTREL in numbers or flags & _DF_TEXTREL),
        )

    def _dynamic_symbols(self) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        """Return the exported, the linkable and the imported names."""
        section = self._section(_SHT_DYNSYM)
        if section is None:
            return frozenset(), frozenset(), frozenset()
        strings = self._strings(section)
        table = self._section(_SHT_GNU_VERSYM)
        content = self._content(table) if table else memoryview(b"")
        versions = struct.unpack(f"{self._order}{len(content) // 2}H", content[: len(content) // 2 * 2])
        exported, linkable, imported = set(), set(), set()
        for position, (name, info, other, index) in enumerate(self._symbol_rows(section)):
            hidden = other & 3 in (_STV_INTERNAL, _STV_HIDDEN)
            if info >> 4 == _STB_LOCAL or hidden or not name:
                continue
            text = _text(strings, name)
            if index == _SHN_UNDEF:
                imported.add(text)
                continue
            exported.add(text)
            if position >= len(versions) or not versions[position] & _HIDDEN_VERSION:
                linkable.add(text)
        return frozenset(exported), frozenset(linkable), frozenset(imported)

    def _needed_versions(self) -> dict[str, tuple[str, ...]]:
        section = self._section(_SHT_GNU_VERNEED)
        if section is None:
            return {}
        strings, content, found = self._strings(section), self._content(section), {}
        offset = 0
        try:
            for _ in range(section.info):
                _, count, file, first, following = struct.unpack_from(self._order + "HHIII", content, offset)
                names, auxiliary = [], offset + first
                for _ in range(count):
                    name, step = struct.unpack_from(self._order + "8xII", content, auxiliary)
                    names.append(_text(strings, name))
                    auxiliary += step
                found[_text(strings, file)] = tuple(names)
                offset += following
        except (struct.error, OverflowError) as error:
            raise self._damaged("symbol versions") from error
        return found


def _text(strings: bytes, offset: int) -> str:
    end = strings.find(b"\0", offset)
    return strings[offset : max(end, offset)].decode("utf-8", "replace")


def library_members(data: bytes, where: str) -> Iterator[tuple[str, memoryview]]:
    """Yield name and content of every object of a static library, its index left out."""
    if data.startswith(_THIN_LIBRARY_MAGIC):
        raise ObjectFileError(f"{where}: a thin library", found="names of objects only", expected="the objects")
    if not data.startswith(LIBRARY_MAGIC):
        raise ObjectFileError(f"{where}: not a static library", found=repr(data[:8]))
    view, offset, long_names = memoryview(data), len(LIBRARY_MAGIC), b""
    while offset < len(data):
        header = data[offset : offset + 60]
        if len(header) < 60 or header[58:] != b"`\n" or not header[48:58].strip().isdigit():
            raise ObjectFileError(f"{where}: damaged static library", found=f"no member header at byte {offset}")
        size = int(header[48:58])
        content = view[offset + 60 : offset + 60 + size]
        if len(content) != size:
            raise ObjectFileError(f"{where}: damaged static library", found="the file ends inside a member")
        offset += 60 + size + size % 2
        name = header[:16].decode("utf-8", "replace").rstrip()
        if name == "//":
            long_names = bytes(content)
        elif name in ("/", "/SYM64/") or name.startswith("__.SYMDEF"):
            continue
        elif name.startswith("#1/") and name[3:].isdigit():  # BSD: the name stands before the content
            length = int(name[3:])
            text = bytes(content[:length]).rstrip(b"\0").decode("utf-8", "replace")
            if not text.startswith("__.SYMDEF"):
                yield text, content[length:]
        elif name.startswith("/") and name[1:].isdigit():
            start = int(name[1:])
            # Microsoft's librarian ends a long name by a zero, all others by a slash and a line's end.
            long_name = re.split(rb"[\n\0]", long_names[start:], maxsplit=1)[0]
            yield long_name.decode("utf-8", "replace").rstrip("/"), content
        else:
            yield name.rstrip("/"), content


def is_elf(path: Path) -> bool:
    """Tell whether a regular file begins like an ELF file."""
    with path.open("rb") as file:
        return file.read(4) == ELF_MAGIC


def is_bitcode(path: Path) -> bool:
    """Tell whether an object is LLVM bitcode (-flto)."""
    with path.open("rb") as file:
        return file.read(4) in BITCODE_MAGICS
