"""COFF objects of both forms, and what is none."""

from __future__ import annotations

import struct

import pytest

from pythonbuild.distribution.cofffile import is_coff, read_coff
from pythonbuild.distribution.objectfile import ObjectFileError, library_members

BIG = bytes.fromhex("c7a1bad1eebaa94baf20faf66aa4dcb8")


def symbols(rows: list[tuple[str, int, int, int]], big: bool) -> bytes:
    """Return a symbol table and its texts: rows of name, value, section and storage class."""
    table, texts = b"", b""
    for name, value, section, kind in rows:
        raw = name.encode()
        if len(raw) > 8:
            raw, texts = struct.pack("<II", 0, 4 + len(texts)), texts + raw + b"\0"
        table += struct.pack("<8sIiHBB" if big else "<8sIhHBB", raw, value, section, 0, kind, 0)
    return table + struct.pack("<I", 4 + len(texts)) + texts


def plain(rows: list[tuple[str, int, int, int]], machine: int = 0x8664) -> bytes:
    return struct.pack("<HHIIIHH", machine, 0, 0, 20, len(rows), 0, 0) + symbols(rows, big=False)


def big(rows: list[tuple[str, int, int, int]], machine: int = 0x8664) -> bytes:
    header = struct.pack("<HHHHI", 0, 0xFFFF, 2, machine, 0) + BIG + b"\0" * 16 + struct.pack("<III", 0, 56, len(rows))
    return header + symbols(rows, big=True)


ROWS = [("PyInit__ssl", 0, 1, 2), ("malloc", 0, 0, 2), ("table", 64, 0, 2), ("own", 0, 1, 3), ("weak", 0, 0, 105)]


@pytest.mark.parametrize("content", [plain(ROWS), big(ROWS)])
def test_names(content: bytes) -> None:
    found = read_coff(content, "a.obj")
    assert is_coff(content)
    assert (found.machine, found.compiled_later) == (0x8664, False)
    assert found.symbols.defined == {"PyInit__ssl", "table"}
    assert found.symbols.undefined == {"malloc"}
    assert found.symbols.weak_undefined == {"weak"}


def test_names_for_32_bits_have_an_underscore_that_c_does_not_see() -> None:
    found = read_coff(plain([("_PyInit__ssl", 0, 1, 2), ("__imp__Py_Main", 0, 0, 2)], 0x14C), "a.obj")
    assert found.symbols.defined == {"PyInit__ssl"}
    assert found.symbols.undefined == {"_imp__Py_Main"}


def test_what_the_linker_is_to_compile() -> None:
    found = read_coff(struct.pack("<HHHHI", 0, 0xFFFF, 1, 0xAA64, 0) + b"\x38" * 60, "a.obj")
    assert (found.machine, found.compiled_later) == (0xAA64, True)


@pytest.mark.parametrize("content", [b"", b"MZ" + b"\0" * 40, plain(ROWS)[:60], big(ROWS)[:70], plain(ROWS)[:-3]])
def test_what_is_no_object(content: bytes) -> None:
    with pytest.raises(ObjectFileError, match=r"a\.obj"):
        read_coff(content, "a.obj")


def test_long_names_in_microsofts_libraries() -> None:
    """Microsoft's librarian ends them by a zero."""

    def member(name: str, content: bytes) -> bytes:
        return f"{name:<16}{0:<12}{0:<6}{0:<6}{0:<8}{len(content):<10}`\n".encode() + content

    names = b"obj\\a_long_name.obj\0second_long_name.obj\0"
    library = b"!<arch>\n" + member("/", b"index!") + member("//", names + b"\0" * (len(names) % 2))
    library += member("/0", b"first!") + member("/20", b"second")
    assert [(name, bytes(content)) for name, content in library_members(library, "x.lib")] == [
        ("obj\\a_long_name.obj", b"first!"), ("second_long_name.obj", b"second")]  # fmt: skip
