"""Reads of LLVM bitcode (``-flto``) what a linker asks first: who wrote it, for what, and its symbols.

A file is a stream of blocks of bits. Only the small ones are taken apart: IDENTIFICATION has the name of the compiler,
SYMTAB the table of symbols that LLVM writes so that nobody has to read the code for them, and STRTAB the names. The
layout is that of ``llvm/Bitstream/BitCodeEnums.h`` and ``llvm/Object/IRSymtab.h``. For macOS a header stands before it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from pythonbuild.distribution.objectfile import BITCODE_MAGICS, ObjectFileError, ObjectSymbols

_BARE, _WRAPPED = BITCODE_MAGICS
_IDENTIFICATION, _STRTAB, _SYMTAB = 13, 23, 25
_END_BLOCK, _ENTER_SUBBLOCK, _DEFINE_ABBREV, _UNABBREV_RECORD = range(4)
_FIXED, _VBR, _ARRAY, _CHAR6, _BLOB = range(1, 6)
_CHAR6_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._"
#: The versions of the symbol table whose header and symbols are as they are read here.
_VERSIONS = range(1, 5)
_SYMBOL = struct.Struct("<6I")
#: A symbol's flags; the lowest two bits are its visibility, of which one is "hidden".
_UNDEFINED, _WEAK, _GLOBAL, _FORMAT_SPECIFIC = (1 << bit for bit in (3, 4, 10, 11))
_HIDDEN = 1


@dataclass(frozen=True)
class BitcodeSymbol:
    """A name that other objects may know, or that has to come from them."""

    name: str
    is_defined: bool
    weak: bool
    hidden: bool


@dataclass(frozen=True)
class Bitcode:
    """``triple`` is what it was compiled for; ``symbols`` are the global ones."""

    triple: str
    symbols: tuple[BitcodeSymbol, ...]

    @property
    def arch(self) -> str:
        return self.triple.partition("-")[0]

    @property
    def oldest_system(self) -> tuple[str, str]:
        """The system of the triple and its version: ``("macosx", "11.0.0")`` of ``arm64-apple-macosx11.0.0``."""
        name = re.fullmatch(r"([a-z]+)([\d.]*)", self.triple.split("-")[2] if self.triple.count("-") > 1 else "")
        return (name[1], name[2] or "0") if name else ("", "0")


def read_bitcode(data: bytes | memoryview, where: str) -> Bitcode:
    """Return what a file says of itself. ``where`` names it in errors. Raises ObjectFileError."""
    with _told_as(where):
        blobs = {number: bytes(_record(body, 1)) for number, body in _blocks(data) if number in (_STRTAB, _SYMTAB)}
        if len(blobs) != 2:
            raise ObjectFileError(f"{where}: LLVM bitcode without a table of symbols", advice="compile it with -flto")
        return Bitcode(*_table(blobs[_SYMTAB], blobs[_STRTAB], where))


def bitcode_producer(data: bytes | memoryview, where: str) -> str:
    """Return what the compiler calls itself: ``22.1.8`` (LLVM's own releases), ``APPLE_1_1600.0.26.6_0``.

    Raises ObjectFileError.
    """
    with _told_as(where):
        names = ("".join(map(chr, _record(body, 1))) for number, body in _blocks(data) if number == _IDENTIFICATION)
        name = next(names, "")
        if not name:
            raise ValueError("no compiler is named")
        return name.removeprefix("LLVM")


@contextmanager
def _told_as(where: str) -> Iterator[None]:
    try:
        yield
    except (struct.error, IndexError, ValueError) as error:
        raise ObjectFileError(f"{where}: damaged LLVM bitcode", found=str(error)) from error


def bitcode_symbols(data: bytes | memoryview, where: str) -> ObjectSymbols:
    """Return the global names of bitcode. What the compiler will only add when it makes machine code (calls of memcpy)
    is not among them. Raises ObjectFileError.
    """
    symbols = read_bitcode(data, where).symbols
    absent = [symbol for symbol in symbols if not symbol.is_defined]
    return ObjectSymbols(
        defined=frozenset(symbol.name for symbol in symbols if symbol.is_defined),
        undefined=frozenset(symbol.name for symbol in absent if not symbol.weak),
        weak_undefined=frozenset(symbol.name for symbol in absent if symbol.weak),
        visible=frozenset(symbol.name for symbol in symbols if symbol.is_defined and not symbol.hidden),
    )


def _unwrapped(data: bytes) -> bytes:
    if data[:4] == _WRAPPED:
        _, offset, size = struct.unpack_from("<III", data, 4)
        data = data[offset : offset + size]
    if data[:4] != _BARE:
        raise ValueError("it does not begin as bitcode does")
    return data


def _table(table: bytes, strings: bytes, where: str) -> tuple[str, tuple[BitcodeSymbol, ...]]:
    """Return the triple and the global symbols of the table."""

    def text(offset: int, size: int) -> str:
        if offset + size > len(strings):
            raise ValueError("a name outside the names")
        return strings[offset : offset + size].decode()

    words = struct.unpack_from("<13I", table)
    if words[0] not in _VERSIONS:
        raise ObjectFileError(f"{where}: LLVM bitcode with a table of symbols of another format",
                              found=f"version {words[0]}", expected=f"1 to {_VERSIONS[-1]}")  # fmt: skip
    begin, count = words[7:9]
    triple = text(*words[11:13])
    # What C calls a name is what everybody asks for, as of Mach-O.
    mark = "_" if "-apple-" in triple else ""
    symbols = []
    for index in range(count):
        name, name_size, *_, flags = _SYMBOL.unpack_from(table, begin + _SYMBOL.size * index)
        if flags & _GLOBAL and not flags & _FORMAT_SPECIFIC:
            called = text(name, name_size).removeprefix(mark)
            symbols.append(BitcodeSymbol(called, not flags & _UNDEFINED, bool(flags & _WEAK), flags & 3 == _HIDDEN))
    return triple, tuple(symbols)


class _Bits:
    """A stream of bits, lowest first."""

    def __init__(self, data: bytes, place: int = 0) -> None:
        self._data, self.place = data, place

    @property
    def left(self) -> int:
        return 8 * len(self._data) - self.place

    def fixed(self, width: int) -> int:
        if width > self.left:
            raise ValueError("it ends too early")
        first, last = self.place // 8, (self.place + width + 7) // 8
        value = int.from_bytes(self._data[first:last], "little") >> self.place % 8
        self.place += width
        return value & ((1 << width) - 1)

    def variable(self, width: int) -> int:
        """Return a number in parts of ``width`` bits, whose highest says whether there are more."""
        value = shift = 0
        while True:
            part = self.fixed(width)
            value |= (part & ((1 << width - 1) - 1)) << shift
            if not part >> width - 1:
                return value
            shift += width - 1

    def align(self) -> None:
        self.place += -self.place % 32

    def take(self, size: int) -> bytes:
        self.align()
        if 8 * size > self.left:
            raise ValueError("it ends too early")
        start = self.place // 8
        self.place += 8 * size
        self.align()
        return self._data[start : start + size]


@dataclass(frozen=True)
class _Body:
    """A block without its head; ``width`` is that of the words that begin its parts."""

    data: bytes
    width: int


def _blocks(data: bytes | memoryview) -> Iterator[tuple[int, _Body]]:
    """Yield number and body of each of the outermost blocks."""
    bits = _Bits(_unwrapped(bytes(data)), 32)
    while bits.left >= 32:
        if bits.fixed(2) != _ENTER_SUBBLOCK:
            raise ValueError("no block where one is expected")
        number, width = bits.variable(8), bits.variable(4)
        bits.align()
        yield number, _Body(bits.take(4 * bits.fixed(32)), width)


def _record(body: _Body, wanted: int) -> list[int] | bytes:
    """Return what the first record of a kind holds, in a block without blocks. Raises ValueError if there is none."""
    bits, forms = _Bits(body.data), list[list[tuple[int, int]]]()
    while True:
        kind = bits.fixed(body.width)
        if kind == _DEFINE_ABBREV:
            forms.append(_form(bits))
            continue
        if kind in (_END_BLOCK, _ENTER_SUBBLOCK):
            raise ValueError(f"a block without record {wanted}")
        if kind == _UNABBREV_RECORD:
            code = bits.variable(6)
            values: list[int] | bytes = [bits.variable(6) for _ in range(bits.variable(6))]
        else:
            code, values = _formed(bits, forms[kind - 4])
        if code == wanted:
            return values


def _form(bits: _Bits) -> list[tuple[int, int]]:
    """Return a record's form as pairs: an encoding and its width, or zero and a value that always stands there."""
    form, count = [], bits.variable(5)
    for _ in range(count):
        if bits.fixed(1):
            form.append((0, bits.variable(8)))
        else:
            encoding = bits.fixed(3)
            form.append((encoding, bits.variable(5) if encoding in (_FIXED, _VBR) else 0))
    return form


def _formed(bits: _Bits, form: list[tuple[int, int]]) -> tuple[int, list[int] | bytes]:
    """Return code and values of a record that has a form. A blob is all that its record holds."""
    values: list[int] = []
    for place, (encoding, width) in enumerate(form):
        if encoding == _BLOB:
            return values[0], bits.take(bits.variable(6))
        if encoding == _ARRAY:
            values += [_scalar(bits, *form[place + 1]) for _ in range(bits.variable(6))]
            break
        values.append(_scalar(bits, encoding, width))
    return values[0], values[1:]


def _scalar(bits: _Bits, encoding: int, width: int) -> int:
    readers: Mapping[int, int] = {_FIXED: width, _CHAR6: 6}
    if encoding in readers:
        value = bits.fixed(readers[encoding])
        return _CHAR6_LETTERS[value] if encoding == _CHAR6 else value
    if encoding == _VBR:
        return bits.variable(width)
    if encoding:
        raise ValueError(f"encoding {encoding} of a number")
    return width
