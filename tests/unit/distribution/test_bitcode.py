"""LLVM bitcode is read as far as a linker asks first; what is damaged is one error that names it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from pythonbuild.distribution.binaries import object_format
from pythonbuild.distribution.bitcode import bitcode_producer, read_bitcode
from pythonbuild.distribution.objectfile import ObjectFileError
from pythonbuild.distribution.symbols import library_symbols, object_symbols
from tests.unit.distribution.bitcodemaker import make_bitcode
from tests.unit.distribution.elfmaker import make_library, make_object
from tests.unit.distribution.machomaker import make_macho_object

SAMPLE = make_bitcode(["PyInit_x"], ["malloc"], ["maybe"], hidden=["secret"], local=["static"],
                      intrinsic=["llvm.memcpy"])  # fmt: skip


@pytest.mark.parametrize("wrapped", [True, False])
def test_who_wrote_it_and_for_what(wrapped: bool) -> None:
    content = make_bitcode(["a"], wrapped=wrapped)
    assert bitcode_producer(content, "a.o") == "22.1.8"
    found = read_bitcode(content, "a.o")
    assert (found.triple, found.arch, found.oldest_system) == (
        "arm64-apple-macosx11.0.0",
        "arm64",
        ("macosx", "11.0.0"),
    )


@pytest.mark.parametrize(("triple", "system"), [
    ("x86_64-apple-macosx10.15", ("macosx", "10.15")),
    ("x86_64-unknown-linux-gnu", ("linux", "0")),
    ("arm64-apple-ios17.0-simulator", ("ios", "17.0")),
    ("wasm32", ("", "0")),
])  # fmt: skip
def test_systems_of_triples(triple: str, system: tuple[str, str]) -> None:
    assert read_bitcode(make_bitcode(triple=triple), "a.o").oldest_system == system


def test_apple_s_compiler_has_a_name_of_its_own() -> None:
    content = make_bitcode(producer="APPLE_1_1600.0.26.6_0", with_table=False)
    assert bitcode_producer(content, "a.o") == "APPLE_1_1600.0.26.6_0"


@pytest.mark.parametrize("content", [make_bitcode(wrapped=False)[:8], b"BC\xc0\xde"])
def test_no_compiler_at_all(content: bytes) -> None:
    with pytest.raises(ObjectFileError, match=r"a\.o: damaged LLVM bitcode"):
        bitcode_producer(content, "a.o")


def test_global_names_only(tmp_path: Path) -> None:
    (tmp_path / "x.o").write_bytes(SAMPLE)
    symbols = object_symbols(tmp_path / "x.o")
    assert symbols.defined == {"PyInit_x", "secret"}
    assert symbols.visible == {"PyInit_x"}
    assert symbols.undefined == {"malloc"}
    assert symbols.weak_undefined == {"maybe"}


def test_names_are_those_of_c_on_every_system() -> None:
    for triple in ("arm64-apple-macosx11.0.0", "x86_64-unknown-linux-gnu"):
        content = make_bitcode(["Py_Main", "_Py_Gid_Converter"], triple=triple)
        assert {symbol.name for symbol in read_bitcode(content, "x.o").symbols} == {"Py_Main", "_Py_Gid_Converter"}
        assert (b"__Py_Gid_Converter" in content) == ("apple" in triple)


def test_members_of_a_static_library(tmp_path: Path) -> None:
    (tmp_path / "libx.a").write_bytes(make_library({"x.o": SAMPLE, "y.o": make_macho_object(["y"])}))
    found = {name: symbols.defined for name, symbols in library_symbols(tmp_path / "libx.a")}
    assert found == {"x.o": {"PyInit_x", "secret"}, "y.o": {"y"}}


@pytest.mark.parametrize(("content", "called"), [
    (SAMPLE, "llvm-bitcode:22.1.8"),
    (make_macho_object(["y"]), "mach-o"),
    (make_object(["y"]), "elf"),
])  # fmt: skip
def test_what_python_json_calls_it(tmp_path: Path, content: bytes, called: str) -> None:
    (tmp_path / "x.o").write_bytes(content)
    assert object_format(tmp_path / "x.o") == called


@pytest.mark.parametrize(("content", "message"), [
    (make_bitcode(with_table=False), "x.o: LLVM bitcode without a table of symbols"),
    (make_bitcode(version=9), "another format: found version 9, expected 1 to 4"),
    (SAMPLE[:20] + b"\xff" * 40, "x.o: damaged LLVM bitcode: found "),
    (SAMPLE[:20], "x.o: damaged LLVM bitcode: found it does not begin as bitcode does"),
    (b"BC\xc0\xde" + b"\0" * 40, "x.o: damaged LLVM bitcode: found no block where one is expected"),
])  # fmt: skip
def test_what_cannot_be_read(content: bytes, message: str) -> None:
    with pytest.raises(ObjectFileError) as caught:
        read_bitcode(content, "x.o")
    assert message in str(caught.value)


def test_it_may_end_anywhere() -> None:
    plain = make_bitcode(["a"], wrapped=False)
    for end in range(4, len(plain) - 4, 4):
        with pytest.raises(ObjectFileError):
            read_bitcode(plain[:end], "x.o")


def test_every_bit_may_be_wrong() -> None:
    for place in range(len(SAMPLE)):
        changed = bytearray(SAMPLE)
        changed[place] ^= 0xFF
        with contextlib.suppress(ObjectFileError):
            read_bitcode(bytes(changed), "x.o")
