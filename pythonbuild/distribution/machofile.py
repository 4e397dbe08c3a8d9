"""Reads what dyld and the kernel read of a Mach-O file: load commands, symbols, code signature, of each slice.

macholib decodes the headers and load commands. The tables that these point to (symbols, the trie of exports, the
signature) it does not decode, or one Python object at a time; they are flat, and read here. macholib was taken, and not
LIEF, because it is Python alone: it is installed wherever this program runs, and a damaged file makes it raise instead
of ending the process. It is imported when the first Mach-O file is looked at.

Names of symbols are given as in C, without the underscore that Mach-O puts before them. Whatever is not a well-formed
file raises :class:`ObjectFileError`.
"""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pythonbuild.distribution.codesignature import signature_problems
from pythonbuild.distribution.objectfile import ObjectFileError, ObjectSymbols

#: How the files begin: both byte orders, 32 and 64 bits.
MACHO_MAGICS = (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xfe\xed\xfa\xce")
UNIVERSAL_MAGICS = (b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf")
#: Java's classes begin like universal files, with their version (45 or more) where these have the number of slices.
_FEWER_SLICES = 45

_CPU_X86_64, _CPU_ARM64, _CPU_I386 = 0x01000007, 0x0100000C, 7
_SUBTYPE_MASK, _ARM64E = 0x00FFFFFF, 2
#: Kinds of files, as their headers number them.
OBJECT, PROGRAM, LIBRARY, BUNDLE = 1, 2, 6, 8
_MH_TWOLEVEL = 0x80
_PLATFORMS = {1: "macOS", 2: "iOS", 3: "tvOS", 4: "watchOS", 6: "Mac Catalyst", 7: "the simulator of iOS"}
_N_STAB, _N_PEXT, _N_TYPE, _N_EXT, _N_UNDF, _N_PBUD, _N_WEAK_REF = 0xE0, 0x10, 0x0E, 0x01, 0, 0xC, 0x40
#: More kinds of load commands than there will be for long: 0x39 was the last one in 2025.
_MOST_COMMANDS = 0xFF
#: Library ordinals of symbols that are bound to no library by its name.
_MOST_ORDINALS = 0xFD

#: What macholib raises for files that are damaged in one way or another.
_DAMAGE = (ArithmeticError, AssertionError, AttributeError, LookupError, OSError, TypeError, ValueError, struct.error)


@dataclass(frozen=True)
class LinkedLibrary:
    """A library that dyld loads with the file; ``compatibility`` is the oldest version of it that will do (1.2.3)."""

    name: str
    compatibility: str
    weak: bool


@dataclass(frozen=True)
class Import:
    """A symbol that dyld looks for: in the ``library`` with this install name, anywhere if it is "".

    ``weak``: it may be missing, and is null then.
    """

    name: str
    weak: bool
    library: str


@dataclass(frozen=True)
class Slice:
    """The part of a file for one processor. ``arch`` is Apple's word for it (``x86_64``, ``arm64``).

    ``platform`` and ``minimum_os`` are "" where no load command says them. ``padding`` are the unused bytes behind the
    load commands. ``signature_problems`` are one line each; there are none where there is no signature.
    """

    arch: str
    kind: int
    platform: str
    minimum_os: str
    two_level: bool
    install_name: str
    libraries: tuple[LinkedLibrary, ...]
    rpaths: tuple[str, ...]
    exported: frozenset[str]
    imports: tuple[Import, ...]
    padding: int
    signed: bool
    signature_problems: tuple[str, ...]


def is_macho(path: Path) -> bool:
    """Tell whether a regular file begins like a Mach-O file, universal or not."""
    with path.open("rb") as file:
        return is_macho_content(file.read(8))


def is_macho_content(data: bytes) -> bool:
    """Tell it of a file's first eight bytes."""
    if data[:4] in UNIVERSAL_MAGICS:
        return int.from_bytes(data[4:8], "big") < _FEWER_SLICES
    return data[:4] in MACHO_MAGICS


def read_slices(data: bytes, where: str) -> tuple[Slice, ...]:
    """Return the slices of a file, one for each processor. ``where`` names it in errors. Raises ObjectFileError."""
    return tuple(_read_slice(reader) for reader in _readers(data, where))


def macho_object_symbols(data: bytes | memoryview, where: str) -> ObjectSymbols:
    """Return the global names of one object. Raises ObjectFileError, also for universal objects."""
    readers = _readers(bytes(data), where)
    if len(readers) != 1:
        raise ObjectFileError(f"{where}: universal object", found=f"{len(readers)} slices", expected="one")
    defined, visible = set[str](), set[str]()
    undefined, weak = set[str](), set[str]()
    for symbol in readers[0].symbols():
        if symbol.is_defined:
            defined.add(symbol.name)
            visible.update([] if symbol.private else [symbol.name])
        else:
            (weak if symbol.weak else undefined).add(symbol.name)
    return ObjectSymbols(frozenset(defined), frozenset(undefined), frozenset(weak), frozenset(visible))


def has_debug_information(data: bytes, where: str) -> bool:
    """Tell whether a program or library has entries that only debuggers read. Raises ObjectFileError.

    The linker leaves DWARF in the objects, and names these in the symbol table (stabs).
    """
    return any(kind & _N_STAB for reader in _readers(data, where) for _, _, kind, _, _ in reader.rows())


def object_kinds(data: bytes | memoryview, where: str) -> list[tuple[str, int]]:
    """Return processor and kind of each slice of a file, and nothing more of it. Raises ObjectFileError."""
    headers = [reader.header.header for reader in _readers(bytes(data), where)]
    return [(_cpu(int(header.cputype), int(header.cpusubtype)), int(header.filetype)) for header in headers]


def _damaged(where: str, found: str) -> ObjectFileError:
    return ObjectFileError(f"{where}: damaged Mach-O file", found=found)


@dataclass(frozen=True)
class _Symbol:
    name: str
    is_defined: bool
    private: bool
    weak: bool
    ordinal: int


@dataclass(frozen=True)
class _Reader:
    """One slice: macholib's header, the slice's bytes, and its name in errors."""

    header: Any
    data: memoryview
    where: str

    def damaged(self, part: str) -> ObjectFileError:
        return _damaged(self.where, part)

    def commands(self, *numbers: int) -> Iterator[tuple[Any, bytes]]:
        """Yield the load commands of these numbers, and the bytes that follow each one's fixed part."""
        for load, command, rest in self.header.commands:
            if int(load.cmd) in numbers and command is not load:
                yield command, rest

    def text(self, offset: int, command: Any, rest: bytes) -> str:
        """Return a text of a load command; its offset is counted from the command's beginning."""
        start = int(offset) - 8 - type(command)._size_
        end = rest.find(b"\0", start)
        if not 0 <= start < len(rest):
            raise self.damaged("a load command whose text is outside of it")
        return rest[start : end if end >= 0 else len(rest)].decode("utf-8", "replace")

    def part(self, name: str, offset: int, size: int) -> memoryview:
        """Return a part of the slice. Raises ObjectFileError where it does not lie within."""
        if offset + size > len(self.data):
            raise self.damaged(f"the file ends at byte {len(self.data)}, inside of {name} (to {offset + size})")
        return self.data[offset : offset + size]

    @property
    def wide(self) -> bool:
        return bytes(self.data[:4]) in (b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xcf")

    def rows(self) -> Iterator[tuple[bytes, int, int, int, int]]:
        """Yield the rows of the symbol table: all names, the place of this one, its kind, description and value."""
        from macholib.mach_o import LC_SYMTAB

        for command, _ in self.commands(LC_SYMTAB):
            row = struct.Struct(self.header.endian + ("IBBHQ" if self.wide else "IBBHI"))
            table = self.part("the symbol table", int(command.symoff), int(command.nsyms) * row.size)
            strings = bytes(self.part("the names of symbols", int(command.stroff), int(command.strsize)))
            for name, kind, _section, description, value in row.iter_unpack(table):
                yield strings, name, kind, description, value

    def symbols(self) -> Iterator[_Symbol]:
        """Yield the symbols that others can see, or that are looked for elsewhere."""
        for strings, name, kind, description, value in self.rows():
            if kind & _N_STAB or not kind & _N_EXT:
                continue
            if name >= len(strings):
                raise self.damaged("a symbol whose name is outside of the table of names")
            undefined = kind & _N_TYPE in (_N_UNDF, _N_PBUD) and not value
            yield _Symbol(_c_name(strings[name : strings.find(b"\0", name)]), not undefined, bool(kind & _N_PEXT),
                          bool(description & _N_WEAK_REF), description >> 8)  # fmt: skip


def _c_name(name: bytes) -> str:
    return name.removeprefix(b"_").decode("utf-8", "replace")


def _readers(data: bytes, where: str) -> list[_Reader]:
    from macholib.MachO import MachO

    class InMemory(MachO):  # type: ignore[misc]
        """macholib's reader opens a file by name."""

        def __init__(self) -> None:
            self.filename, self.fat = where, None
            self.headers: list[Any] = []
            self.allow_unknown_load_commands = True
            self.load(io.BytesIO(data))

    try:
        headers = InMemory().headers
        places = _places(data, where)
    except _DAMAGE as error:
        # Some of macholib's texts show Python objects with their addresses.
        told = str(error) if error.args and "<" not in str(error) else "load commands that cannot be read"
        raise _damaged(where, told) from error
    if not headers:
        raise _damaged(where, "no slices")
    view, readers = memoryview(data), []
    for header, (cpu, start, size) in zip(headers, places, strict=True):
        if start + size > len(data):
            raise _damaged(where, f"the file ends at byte {len(data)}, inside of a slice (to {start + size})")
        if cpu not in (None, int(header.header.cputype)):
            raise _damaged(where, f"a slice for {_cpu(int(header.header.cputype), 0)} listed as for {_cpu(cpu, 0)}")
        readers.append(_Reader(header, view[start : start + size], where))
    return readers


def _places(data: bytes, where: str) -> list[tuple[int | None, int, int]]:
    """Return processor, offset and size of each slice; of a file that is not universal, the whole file."""
    from macholib.mach_o import FAT_MAGIC, fat_arch, fat_arch64, fat_header

    file = io.BytesIO(data)
    if data[:4] not in UNIVERSAL_MAGICS:
        return [(None, 0, len(data))]
    header = fat_header.from_fileobj(file)
    kind = fat_arch if header.magic == FAT_MAGIC else fat_arch64
    rows = [kind.from_fileobj(file) for _ in range(header.nfat_arch)]
    places: list[tuple[int | None, int, int]] = [(int(row.cputype), int(row.offset), int(row.size)) for row in rows]
    ends = sorted((start, start + size) for _, start, size in places)
    if any(end > start for (_, end), (start, _) in itertools.pairwise(ends)):
        raise _damaged(where, "slices that overlap")
    return places


def _read_slice(reader: _Reader) -> Slice:
    from macholib import mach_o

    _check_parts(reader)
    libraries = []
    for load, command, rest in reader.header.commands:
        number = int(load.cmd)
        if number in (mach_o.LC_LOAD_DYLIB, mach_o.LC_LOAD_WEAK_DYLIB, mach_o.LC_REEXPORT_DYLIB,
                      mach_o.LC_LAZY_LOAD_DYLIB, mach_o.LC_LOAD_UPWARD_DYLIB):  # fmt: skip
            version = _version(int(command.compatibility_version._version))
            name = reader.text(command.name, command, rest)
            libraries.append(LinkedLibrary(name, version, number == mach_o.LC_LOAD_WEAK_DYLIB))
    own = [reader.text(command.name, command, rest) for command, rest in reader.commands(mach_o.LC_ID_DYLIB)]
    platform, minimum_os = _platform(reader)
    exported, imports = set(_trie_exports(reader)), []
    for symbol in reader.symbols():
        if symbol.is_defined:
            exported.update([] if symbol.private else [symbol.name])
        else:
            known = 0 < symbol.ordinal <= min(len(libraries), _MOST_ORDINALS)
            imports.append(Import(symbol.name, symbol.weak, libraries[symbol.ordinal - 1].name if known else ""))
    signatures = [reader.part("the code signature", int(command.dataoff), int(command.datasize))
                  for command, _ in reader.commands(mach_o.LC_CODE_SIGNATURE)]  # fmt: skip
    begins = len(reader.data) if not signatures else len(reader.data) - _behind(reader)
    header = reader.header
    return Slice(
        arch=_cpu(int(header.header.cputype), int(header.header.cpusubtype)),
        kind=int(header.header.filetype),
        platform=platform,
        minimum_os=minimum_os,
        two_level=bool(int(header.header.flags) & _MH_TWOLEVEL),
        install_name=own[0] if own else "",
        libraries=tuple(libraries),
        rpaths=tuple(reader.text(command.path, command, rest) for command, rest in reader.commands(mach_o.LC_RPATH)),
        exported=frozenset(exported),
        imports=tuple(imports),
        padding=min(int(header.low_offset), len(reader.data)) - int(header.total_size),
        signed=bool(signatures),
        signature_problems=tuple(
            problem for signature in signatures for problem in signature_problems(signature, reader.data[:begins])
        ),
    )


def _behind(reader: _Reader) -> int:
    """Return how many bytes lie from the beginning of the code signature to the slice's end."""
    from macholib.mach_o import LC_CODE_SIGNATURE

    return max(len(reader.data) - int(command.dataoff) for command, _ in reader.commands(LC_CODE_SIGNATURE))


def _check_parts(reader: _Reader) -> None:
    """Raise ObjectFileError where a segment or a table does not lie within the slice.

    dyld passes over load commands that it does not know; here they tell that one before them has another size than it
    says.
    """
    from macholib import mach_o

    for load, _, _ in reader.header.commands:
        if int(load.cmd) & ~int(mach_o.LC_REQ_DYLD) > _MOST_COMMANDS:
            raise reader.damaged(f"a load command of no kind ({int(load.cmd):#x})")
    for command, _ in reader.commands(mach_o.LC_SEGMENT, mach_o.LC_SEGMENT_64):
        name = bytes(command.segname).rstrip(b"\0").decode("utf-8", "replace")
        reader.part(f"segment {name}", int(command.fileoff), int(command.filesize))
    for load, command, _ in reader.header.commands:
        if hasattr(command, "dataoff"):
            name = mach_o.LC_NAMES.get(int(load.cmd), "a table")
            reader.part(name, int(command.dataoff), int(command.datasize))
    for command, _ in reader.commands(mach_o.LC_DYLD_INFO, mach_o.LC_DYLD_INFO_ONLY):
        for kind in ("rebase", "bind", "weak_bind", "lazy_bind", "export"):
            offset, size = int(getattr(command, f"{kind}_off")), int(getattr(command, f"{kind}_size"))
            reader.part(f"the {kind} information", offset, size)


def _cpu(number: int, subtype: int) -> str:
    if number == _CPU_ARM64 and subtype & _SUBTYPE_MASK == _ARM64E:
        return "arm64e"
    return {_CPU_X86_64: "x86_64", _CPU_ARM64: "arm64", _CPU_I386: "i386"}.get(number, f"processor {number:#x}")


def _version(number: int) -> str:
    return f"{number >> 16}.{number >> 8 & 0xFF}.{number & 0xFF}"


def _platform(reader: _Reader) -> tuple[str, str]:
    """Return the system and its oldest version that the file is for."""
    from macholib.mach_o import LC_BUILD_VERSION, LC_VERSION_MIN_MACOSX

    for command, _ in reader.commands(LC_BUILD_VERSION):
        number = int(command.platform)
        return _PLATFORMS.get(number, f"platform {number}"), _version(int(command.minos))
    for command, _ in reader.commands(LC_VERSION_MIN_MACOSX):
        return "macOS", _version(int(command.version))
    return "", ""


def _trie_exports(reader: _Reader) -> Iterator[str]:
    """Yield the names in the trie of exports, which dyld goes by; strip may have taken them from the symbol table."""
    from macholib.mach_o import LC_DYLD_EXPORTS_TRIE, LC_DYLD_INFO, LC_DYLD_INFO_ONLY

    places = [(int(command.dataoff), int(command.datasize)) for command, _ in reader.commands(LC_DYLD_EXPORTS_TRIE)]
    places += [(int(command.export_off), int(command.export_size))
               for command, _ in reader.commands(LC_DYLD_INFO, LC_DYLD_INFO_ONLY)]  # fmt: skip
    for offset, size in places:
        trie = bytes(reader.part("the trie of exports", offset, size))
        try:
            yield from _walk(trie)
        except (IndexError, ValueError) as error:
            raise reader.damaged("the trie of exports leads out of itself, or in a circle") from error


def _walk(trie: bytes) -> Iterator[str]:
    """Yield the names of a trie. Raises IndexError or ValueError for a damaged one."""
    pending: list[tuple[int, bytes]] = [(0, b"")] if trie else []
    seen = set()
    while pending:
        node, name = pending.pop()
        if node in seen:
            raise ValueError(node)
        seen.add(node)
        size, position = _uleb128(trie, node)
        if size:
            yield _c_name(name)
        position += size
        children, position = trie[position], position + 1
        for _ in range(children):
            end = trie.index(b"\0", position)
            child, following = _uleb128(trie, end + 1)
            pending.append((child, name + trie[position:end]))
            position = following


def _uleb128(data: bytes, position: int) -> tuple[int, int]:
    """Return a number that is written in as many bytes as it needs, and the position behind it."""
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if not byte & 0x80:
            return value, position
        if shift > 63:
            raise ValueError(position)


def os_version(text: str) -> tuple[int, int, int]:
    """Return a version of macOS to be compared: 11 and 11.0 are the same."""
    numbers: Mapping[int, int] = dict(enumerate(int(part) for part in text.split(".")))
    return numbers.get(0, 0), numbers.get(1, 0), numbers.get(2, 0)
