"""The reader of object files, against made files, damaged files, and pyelftools on this very interpreter."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from pythonbuild.distribution.objectfile import Elf, ObjectFileError, ObjectSymbols, library_members
from pythonbuild.distribution.symbols import library_symbols
from tests.unit.distribution.elfmaker import make_library, make_object, make_shared

LAYOUTS = [(64, "<"), (64, ">"), (32, "<"), (32, ">")]


@pytest.mark.parametrize(("bits", "order"), LAYOUTS)
def test_symbols(bits: int, order: str) -> None:
    data = make_object(["a", "b"], ["c"], ["w"], local=["l"], hidden=["h"], bits=bits, order=order)
    symbols = Elf(data, "x.o").symbols()
    assert symbols == ObjectSymbols(frozenset("abh"), frozenset("c"), frozenset("w"), frozenset("ab"))


@pytest.mark.parametrize(("bits", "order"), LAYOUTS)
def test_dynamic(bits: int, order: str) -> None:
    data = make_shared("libx.so.1", ["libc.so.6", "libm.so.6"], ["f"], old=["g"], hidden=["h"], rpath="$ORIGIN:/x",
                       versions={"libc.so.6": ["GLIBC_2.2.5", "GLIBC_2.17"], "libm.so.6": ["GLIBC_2.29"]},
                       bits=bits, order=order)  # fmt: skip
    dynamic = Elf(data, "libx").dynamic()
    assert dynamic is not None
    assert (dynamic.soname, dynamic.needed) == ("libx.so.1", ("libc.so.6", "libm.so.6"))
    assert dynamic.rpath == ("$ORIGIN", "/x")
    assert dynamic.versions == {"libc.so.6": ("GLIBC_2.2.5", "GLIBC_2.17"), "libm.so.6": ("GLIBC_2.29",)}
    assert dynamic.exported == {"f", "g"}
    assert dynamic.linkable == {"f"}


def test_object_is_not_dynamic() -> None:
    assert Elf(make_object(["a"]), "x.o").dynamic() is None


def test_same_as_pyelftools() -> None:
    path = Path(sys.executable).resolve()
    ours = Elf(path.read_bytes(), str(path)).dynamic()
    with path.open("rb") as file:
        elf: Any = ELFFile(file)
        tags = list(elf.get_section_by_name(".dynamic").iter_tags())
        exported = {
            symbol.name
            for symbol in elf.get_section_by_name(".dynsym").iter_symbols()
            if symbol["st_shndx"] != "SHN_UNDEF" and symbol["st_info"]["bind"] != "STB_LOCAL"
            and symbol["st_other"]["visibility"] in ("STV_DEFAULT", "STV_PROTECTED")
        }  # fmt: skip
        versions = {
            need.name: tuple(version.name for version in wanted)
            for need, wanted in elf.get_section_by_name(".gnu.version_r").iter_versions()
        }
    assert ours is not None
    assert ours.needed == tuple(tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED")
    assert ours.exported == exported
    assert ours.versions == versions


def test_library(tmp_path: Path) -> None:
    path = tmp_path / "libx.a"
    members = {"a.o": make_object(["a"], ["b"]), "a_name_longer_than_sixteen.o": make_object(["b"]), "text": b"odd"}
    path.write_bytes(make_library(members))
    assert [(name, set(symbols.defined)) for name, symbols in library_symbols(path)] == [
        ("a.o", {"a"}), ("a_name_longer_than_sixteen.o", {"b"}),
    ]  # fmt: skip
    assert {name: bytes(content) for name, content in library_members(path.read_bytes(), "x")} == members


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a static library"),
        (b"<html>", "not a static library"),
        (b"!<thin>\n", "thin library"),
        (b"!<arch>\njunk", "no member header at byte 8"),
        (make_library({"a.o": make_object(["a"])})[:-5], "ends inside a member"),
    ],
)
def test_bad_library(data: bytes, words: str) -> None:
    with pytest.raises(ObjectFileError, match=words):
        list(library_members(data, "libx.a"))


@pytest.mark.parametrize("data", [b"", b"MZ", b"\x7fELF", make_object(["a"])[:70], b"\x7fELF\x07\x07" + b"\0" * 60])
def test_bad_elf(data: bytes) -> None:
    with pytest.raises(ObjectFileError, match=r"x\.o: (not an|damaged) ELF file"):
        Elf(data, "x.o").symbols()


def test_every_cut_is_an_error_or_an_answer() -> None:
    whole = make_shared("libx.so", ["libc.so.6"], ["f"], versions={"libc.so.6": ["GLIBC_2.5"]})
    for size in range(0, len(whole), 7):
        try:
            Elf(whole[:size], "x").dynamic()
        except ObjectFileError:
            continue
