"""Makes tiny PE programs and DLLs without any compiler.

They hold just the headers and directories that the loader of Windows reads, so that each test can say exactly what is
wrong.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence

MACHINES = {"x86_64": 0x8664, "i686": 0x14C, "aarch64": 0xAA64}
GUI, CONSOLE = 2, 3
#: HIGH_ENTROPY_VA, DYNAMIC_BASE, NX_COMPAT: what a linker says unless it is told otherwise.
FLAGS = 0x160
CODE, DATA = 0x60000020, 0x40000040
_TEXT, _RDATA = 0x1000, 0x2000
_HEADERS, _TEXT_SIZE = 0x400, 0x200


class _Data:
    """The content of .rdata, which the directories lie in."""

    def __init__(self) -> None:
        self.content = bytearray()

    def add(self, content: bytes) -> int:
        """Return the address of what was added."""
        self.content += b"\0" * (-len(self.content) % 8)
        place = _RDATA + len(self.content)
        self.content += content
        return place


def _exports(data: _Data, name: str, exports: Sequence[str]) -> bytes:
    names = sorted(exports)
    texts = [data.add(text.encode() + b"\0") for text in names]
    count = len(names)
    functions = data.add(struct.pack(f"<{count}I", *[_TEXT] * count))
    pointers = data.add(struct.pack(f"<{count}I", *texts))
    ordinals = data.add(struct.pack(f"<{count}H", *range(count)))
    own = data.add(name.encode() + b"\0")
    directory = struct.pack("<IIHHIIIIIII", 0, 0, 0, 0, own, 1, count, count, functions, pointers, ordinals)
    return struct.pack("<II", data.add(directory), len(directory))


def _imports(data: _Data, imports: Mapping[str, Sequence[str]], wide: bool) -> bytes:
    word = "Q" if wide else "I"
    rows = b""
    for dll, names in imports.items():
        hints = [data.add(struct.pack("<H", 0) + name.encode() + b"\0") for name in names]
        table = struct.pack(f"<{len(hints) + 1}{word}", *hints, 0)
        lookup, bound = data.add(table), data.add(table)
        rows += struct.pack("<5I", lookup, 0, 0, data.add(dll.encode() + b"\0"), bound)
    rows += b"\0" * 20
    return struct.pack("<II", data.add(rows), len(rows))


def _debug(data: _Data, pdb: str) -> bytes:
    content = b"RSDS" + b"\x11" * 16 + struct.pack("<I", 1) + pdb.encode() + b"\0"
    place = data.add(content)
    raw = _HEADERS + _TEXT_SIZE + place - _RDATA
    directory = struct.pack("<IIHHIIII", 0, 0, 0, 0, 2, len(content), place, raw)
    return struct.pack("<II", data.add(directory), len(directory))


def make_pe(
    imports: Mapping[str, Sequence[str]] | None = None,
    exports: Sequence[str] = (),
    *,
    arch: str = "x86_64",
    dll: bool = True,
    name: str = "x.dll",
    flags: int | None = None,
    characteristics: int = 0,
    subsystem: int = GUI,
    subsystem_version: tuple[int, int] = (6, 0),
    pdb: str = "",
    code: int = CODE,
    checksum: bool | int = False,
    signed: bool = False,
) -> bytes:
    """Return a file with a section of code and one of data. ``checksum``: whether there is one, or which."""
    wide = arch != "i686"
    if flags is None:
        flags = FLAGS if wide else FLAGS & ~0x20
    imports = {"KERNEL32.dll": ["ExitProcess"]} if imports is None else imports
    data, empty = _Data(), struct.pack("<II", 0, 0)
    directories = [empty] * 16
    if exports:
        directories[0] = _exports(data, name, exports)
    if imports:
        directories[1] = _imports(data, imports, wide)
    if pdb:
        directories[6] = _debug(data, pdb)
    content = bytes(data.content) or b"\0"
    raw = len(content) + -len(content) % 0x200
    image = _RDATA + len(content) + -len(content) % 0x1000
    coff = struct.pack("<HHIIIHH", MACHINES[arch], 2, 0, 0, 0, 240 if wide else 224,
                       0x22 | (0x2000 if dll else 0) | characteristics)  # fmt: skip
    head = struct.pack("<HBBIIIII", 0x20B if wide else 0x10B, 14, 0, _TEXT_SIZE, raw, 0, 0 if dll else _TEXT, _TEXT)
    head += struct.pack("<Q", 0x180000000) if wide else struct.pack("<II", _RDATA, 0x400000)
    head += struct.pack("<IIHHHHHHIIIIHH", 0x1000, 0x200, *subsystem_version, 0, 0, *subsystem_version, 0, image,
                        _HEADERS, 0, subsystem, flags)  # fmt: skip
    head += struct.pack("<4Q" if wide else "<4I", 0x100000, 0x1000, 0x100000, 0x1000) + struct.pack("<II", 0, 16)
    sections = struct.pack("<8sIIIIIIHHI", b".text", 0x10, _TEXT, _TEXT_SIZE, _HEADERS, 0, 0, 0, 0, code)
    sections += struct.pack("<8sIIIIIIHHI", b".rdata", len(content), _RDATA, raw, _HEADERS + _TEXT_SIZE, 0, 0, 0, 0,
                            DATA)  # fmt: skip
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    file = bytearray((dos + b"PE\0\0" + coff + head + b"".join(directories) + sections).ljust(_HEADERS, b"\0"))
    file += b"\xc3".ljust(_TEXT_SIZE, b"\xcc") + content.ljust(raw, b"\0")
    if signed:
        _sign(file, wide)
    if checksum:
        place = _optional(file) + 64
        number = file_checksum(bytes(file), place) if checksum is True else checksum
        struct.pack_into("<I", file, place, number)
    return bytes(file)


def _optional(file: bytes | bytearray) -> int:
    """Return where the optional header begins."""
    return 0x40 + 4 + 20


def security_directory(wide: bool = True) -> int:
    """Return where the file says where its certificates are."""
    return 0x40 + 4 + 20 + (112 if wide else 96) + 8 * 4


def _sign(file: bytearray, wide: bool) -> None:
    entry, checksum = security_directory(wide), _optional(file) + 64
    digest = hashlib.sha256(file[:checksum] + file[checksum + 4 : entry] + file[entry + 8 :]).digest()
    message = b"\x30\x82" + struct.pack(">H", 300) + b"\x06" * 20 + digest + b"\x05" * 248
    certificate = struct.pack("<IHH", 8 + len(message), 0x200, 2) + message
    certificate += b"\0" * (-len(certificate) % 8)
    struct.pack_into("<II", file, entry, len(file), len(certificate))
    file += certificate


def file_checksum(file: bytes, place: int) -> int:
    """Return the checksum, computed as ImageHlp's documentation tells it: word by word."""
    content = file[:place] + b"\0" * 4 + file[place + 4 :] + b"\0" * (len(file) % 2)
    total = 0
    for (word,) in struct.iter_unpack("<H", content):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total + len(file)
