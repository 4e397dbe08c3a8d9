"""Makes tiny Mach-O programs, libraries and objects without any compiler, ad-hoc signed as codesign does it.

They hold just the load commands and tables that dyld reads, so that each test can say exactly what is wrong.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence

OBJECT, PROGRAM, LIBRARY, BUNDLE = 1, 2, 6, 8
CPUS = {"x86_64": (0x01000007, 3), "arm64": (0x0100000C, 0), "arm64e": (0x0100000C, 2)}
TWO_LEVEL = 0x80
SYSTEM = "/usr/lib/libSystem.B.dylib"
#: Library ordinals in symbols that say something else than a number.
ANYWHERE = 0xFE
_SEGMENT, _SYMTAB, _LOAD_DYLIB, _ID_DYLIB, _WEAK_DYLIB = 0x19, 2, 0xC, 0xD, 0x80000018
_RPATH, _SIGNATURE, _VERSION_MIN, _BUILD_VERSION, _TRIE = 0x8000001C, 0x1D, 0x24, 0x32, 0x80000033
_PAGE = 4096


def version(text: str) -> int:
    numbers = [int(part) for part in text.split(".")] + [0, 0]
    return numbers[0] << 16 | numbers[1] << 8 | numbers[2]


def _command(number: int, content: bytes) -> bytes:
    content += b"\0" * (-len(content) % 8)
    return struct.pack("<II", number, 8 + len(content)) + content


def _dylib(number: int, name: str, compatibility: str) -> bytes:
    return _command(number, struct.pack("<IIII", 24, 2, 0x10000, version(compatibility)) + name.encode() + b"\0")


def _segment(name: str, offset: int, size: int, sections: bytes = b"") -> bytes:
    count = len(sections) // 80
    head = struct.pack("<16sQQQQiiII", name.encode(), offset, size, offset, size, 5, 5, count, 0)
    return _command(_SEGMENT, head + sections)


def _section(offset: int, size: int) -> bytes:
    return struct.pack("<16s16sQQIIIIIIII", b"__text", b"__TEXT", offset, size, offset, 4, 0, 0, 0, 0, 0, 0)


def make_trie(names: Sequence[str]) -> bytes:
    """Return a trie of exports with one node for each name, below the root."""
    edges = [name.encode() + b"\0" for name in names]
    first = 2 + sum(len(edge) + 2 for edge in edges)  # addresses of two bytes each
    root = bytes([0, len(edges)])
    for index, edge in enumerate(edges):
        place = first + 4 * index
        root += edge + bytes([place & 0x7F | 0x80, place >> 7])
    return root + b"\x02\x00\x10\x00" * len(edges)


def _directory_size(limit: int) -> int:
    return 44 + 2 + 32 * -(-limit // _PAGE)


def sign(code: bytes, *, flags: int = 2) -> bytes:
    """Return the signature of a file up to it: a code directory alone, as it is for ad-hoc ones (flags 2)."""
    pages = [hashlib.sha256(code[start : start + _PAGE]).digest() for start in range(0, len(code), _PAGE)]
    head = struct.pack(">9I4BI", 0xFADE0C02, _directory_size(len(code)), 0x20001, flags, 46, 44, 0, len(pages),
                       len(code), 32, 2, 0, 12, 0)  # fmt: skip
    directory = head + b"x\0" + b"".join(pages)
    return struct.pack(">5I", 0xFADE0CC0, 20 + len(directory), 1, 0, 20) + directory


def make_macho(
    kind: int = BUNDLE,
    *,
    arch: str = "arm64",
    minimum_os: str = "11.0",
    platform: int = 1,
    old_version: bool = False,
    libraries: Iterable[tuple[str, str]] = ((SYSTEM, "1.0.0"),),
    weak_libraries: Iterable[str] = (),
    install_name: str = "",
    rpaths: Iterable[str] = (),
    exports: Sequence[str] = (),
    exported_table: Sequence[str] = (),
    private: Sequence[str] = (),
    imports: Mapping[str, int] | None = None,
    weak: Sequence[str] = (),
    stabs: Sequence[str] = (),
    flags: int = TWO_LEVEL,
    padding: int = 2048,
    signed: bool = True,
    signature_flags: int = 2,
) -> bytes:
    """Return a file of one slice.

    ``exports`` are in the trie, ``exported_table`` and the ``private`` ones in the symbol table; ``imports`` maps names
    to the number of the library, from 1, ``weak`` ones are the first library's; ``stabs`` are names of objects that
    have debug information. ``old_version``: the minimum is said by
    LC_VERSION_MIN_MACOSX.
    """
    strings, rows = b"\0", b""
    table = [(name, 0x0F, 0, 1) for name in exported_table] + [(name, 0x1F, 0, 1) for name in private]
    table += [(name, 0x01, ordinal << 8, 0) for name, ordinal in (imports or {}).items()]
    table += [(name, 0x01, 1 << 8 | 0x40, 0) for name in weak]
    table += [(name, 0x66, 1, 0) for name in stabs]
    for name, info, description, value in table:
        rows += struct.pack("<IBBHQ", len(strings), info, 1 if value else 0, description, value)
        strings += f"_{name}".encode() + b"\0"
    trie = make_trie([f"_{name}" for name in exports]) if exports else b""
    commands = [_dylib(_LOAD_DYLIB, name, compatibility) for name, compatibility in libraries]
    commands += [_dylib(_WEAK_DYLIB, name, "1.0.0") for name in weak_libraries]
    commands += [_dylib(_ID_DYLIB, install_name, "1.0.0")] if install_name else []
    commands += [_command(_RPATH, struct.pack("<I", 12) + rpath.encode() + b"\0") for rpath in rpaths]
    if old_version:
        commands.append(_command(_VERSION_MIN, struct.pack("<II", version(minimum_os), 0)))
    elif minimum_os:
        commands.append(_command(_BUILD_VERSION, struct.pack("<IIII", platform, version(minimum_os), 0, 0)))
    # The sizes of these do not depend on what they say: so they are made twice.
    text = end = size = 0
    for _ in range(2):
        linkedit = text + 16
        late = [
            _segment("__TEXT", 0, linkedit, _section(text, 16)),
            _segment("__LINKEDIT", linkedit, max(end + size - linkedit, 0)),
            _command(_TRIE, struct.pack("<II", linkedit, len(trie))),
            _command(_SYMTAB, struct.pack("<IIII", linkedit + len(trie), len(table),
                                          linkedit + len(trie) + len(rows), len(strings))),
        ]  # fmt: skip
        late += [_command(_SIGNATURE, struct.pack("<II", end, size))] if signed else []
        content = b"".join([*commands, *late])
        text = 32 + len(content) + padding
        end = text + 16 + len(trie) + len(rows) + len(strings)
        end += -end % 16
        size = 20 + _directory_size(end) if signed else 0
    cpu, subtype = CPUS[arch]
    head = struct.pack("<IiiIIIII", 0xFEEDFACF, cpu, subtype, kind, len(commands) + len(late), len(content), flags, 0)
    code = head + content + b"\0" * padding + b"\xc3" * 16 + trie + rows + strings
    code += b"\0" * (end - len(code))
    return code + sign(code, flags=signature_flags) if signed else code


def make_macho_object(defined: Sequence[str] = (), undefined: Sequence[str] = (), weak: Sequence[str] = (), *,
                      hidden: Sequence[str] = (), arch: str = "arm64") -> bytes:  # fmt: skip
    """Return an object; ``hidden`` names are defined, but nothing made of the object can export them."""
    return make_macho(OBJECT, arch=arch, libraries=(), exported_table=defined, private=hidden,
                      imports=dict.fromkeys(undefined, 0), weak=weak, signed=False)  # fmt: skip


def make_universal(slices: Mapping[str, bytes]) -> bytes:
    """Return a universal file of slices by processor."""
    head = struct.pack(">II", 0xCAFEBABE, len(slices))
    content, table = b"", b""
    for arch, data in slices.items():
        content += b"\0" * (-len(content) % _PAGE)
        table += struct.pack(">iiIII", *CPUS[arch], _PAGE + len(content), len(data), 12)
        content += data
    return (head + table).ljust(_PAGE, b"\0") + content
