"""Makes LLVM bitcode without any compiler: the blocks that say who wrote it, and what symbols it has. No code."""

from __future__ import annotations

import struct
from collections.abc import Sequence

_UNDEFINED, _WEAK, _GLOBAL, _FORMAT_SPECIFIC, _HIDDEN = 1 << 3, 1 << 4, 1 << 10, 1 << 11, 1
CHAR6 = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._"


class Writer:
    """A stream of bits, lowest first."""

    def __init__(self) -> None:
        self._bits: list[int] = []

    def fixed(self, value: int, width: int) -> None:
        self._bits += [value >> place & 1 for place in range(width)]

    def variable(self, value: int, width: int) -> None:
        more = 1 << width - 1
        while value >= more:
            self.fixed(value & (more - 1) | more, width)
            value >>= width - 1
        self.fixed(value, width)

    def align(self) -> None:
        self._bits += [0] * (-len(self._bits) % 32)

    def content(self) -> bytes:
        self.align()
        bits = self._bits
        return bytes(sum(bit << place for place, bit in enumerate(bits[start : start + 8]))
                     for start in range(0, len(bits), 8))  # fmt: skip


def _block(number: int, body: bytes, width: int) -> bytes:
    head = Writer()
    head.fixed(1, 2)
    head.variable(number, 8)
    head.variable(width, 4)
    head.align()
    return head.content() + struct.pack("<I", len(body) // 4) + body


def _blob(number: int, content: bytes) -> bytes:
    """Return a block with one record, whose form is: a 1, and a blob."""
    body = Writer()
    body.fixed(2, 3)  # a form
    body.variable(2, 5)
    body.fixed(1, 1)
    body.variable(1, 8)
    body.fixed(0, 1)
    body.fixed(5, 3)
    body.fixed(4, 3)  # the record
    body.variable(len(content), 6)
    body.align()
    end = struct.pack("<I", 0)
    return _block(number, body.content() + content + b"\0" * (-len(content) % 4) + end, 3)


def _identification(producer: str) -> bytes:
    body = Writer()
    body.fixed(3, 5)  # a record without a form: the epoch
    body.variable(2, 6)
    body.variable(1, 6)
    body.variable(0, 6)
    body.fixed(2, 5)  # a form: a 1, and an array of letters
    body.variable(3, 5)
    body.fixed(1, 1)
    body.variable(1, 8)
    body.fixed(0, 1)
    body.fixed(3, 3)
    body.fixed(0, 1)
    body.fixed(4, 3)
    body.fixed(4, 5)  # the record
    body.variable(len(producer), 6)
    for letter in producer:
        body.fixed(CHAR6.index(letter), 6)
    body.fixed(0, 5)
    return _block(13, body.content(), 5)


def make_bitcode(
    defined: Sequence[str] = (), undefined: Sequence[str] = (), weak: Sequence[str] = (), *,
    hidden: Sequence[str] = (), local: Sequence[str] = (), intrinsic: Sequence[str] = (),
    triple: str = "arm64-apple-macosx11.0.0", producer: str = "LLVM22.1.8", version: int = 4, wrapped: bool = True,
    with_table: bool = True,
) -> bytes:  # fmt: skip
    """Return a file of bitcode with these symbols of C; ``hidden`` and ``local`` ones are defined, too."""
    strings = b""
    mark = "_" if "-apple-" in triple else ""

    def place(text: str) -> tuple[int, int]:
        nonlocal strings
        strings += text.encode()
        return len(strings) - len(text.encode()), len(text.encode())

    kinds = [(defined, _GLOBAL), (undefined, _GLOBAL | _UNDEFINED), (weak, _GLOBAL | _UNDEFINED | _WEAK),
             (hidden, _GLOBAL | _HIDDEN), (local, 0), (intrinsic, _GLOBAL | _UNDEFINED | _FORMAT_SPECIFIC)]  # fmt: skip
    rows = [
        struct.pack("<6I", *place(name if names is intrinsic else mark + name), 0, 0, 0xFFFFFFFF, flags)
        for names, flags in kinds
        for name in names
    ]
    header = [version, *place(producer), 0, 0, 0, 0, 76, len(rows), 0, 0, *place(triple), *place("x.c"), 0, 0, 0, 0]
    table = _blob(25, struct.pack("<19I", *header) + b"".join(rows)) if with_table else b""
    content = b"BC\xc0\xde" + _identification(producer) + _block(8, b"\0" * 8, 3) + table + _blob(23, strings)
    if not wrapped:
        return content
    return struct.pack("<5I", 0x0B17C0DE, 0, 20, len(content), 0xFFFFFFFF) + content + b"\0" * (-len(content) % 16)
