"""The system's libraries as the archive's programs know them, and static libraries, which are written by hand."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pythonbuild.debian.glibc_floor import Library, Symbol
from pythonbuild.distribution.relink_choice import RelinkError
from pythonbuild.distribution.relink_system import assembly, chosen_symbols, make_stubs, version_script
from pythonbuild.distribution.staticlib import write_library
from pythonbuild.distribution.symbols import library_symbols
from pythonbuild.distribution.symbolversions import Imports, read_imports
from pythonbuild.errors import DistributionError
from tests.unit.distribution.compilers import FakeCompiler
from tests.unit.distribution.elfmaker import make_object, make_shared


def symbol(name: str, version: str, *, default: bool = True, kind: str = "function", place: int = 1) -> Symbol:
    return Symbol(name, version, default, kind, weak=False, place=(1, place), size=8)


LIBRARIES = {
    "libc.so.6": Library("libc.so.6", (
        symbol("malloc", "GLIBC_2.2.5"), symbol("pow", "GLIBC_2.29"), symbol("__libc_start_main", "GLIBC_2.34"),
        symbol("pthread_create", "GLIBC_2.34"), symbol("getentropy", "GLIBC_2.25"),
        symbol("pthread_yield", "GLIBC_2.2.5", default=False), symbol("secret", "GLIBC_PRIVATE"),
        symbol("environ", "GLIBC_2.2.5", kind="object", place=9),
        symbol("__environ", "GLIBC_2.2.5", kind="object", place=9), symbol("errno", "GLIBC_2.2.5", kind="tls_object"),
    )),
    "libpthread.so.0": Library("libpthread.so.0", (symbol("placeholder", "GLIBC_2.2.5", default=False),)),
}  # fmt: skip
IMPORTS = Imports(
    {"pow": ("libc.so.6", "GLIBC_2.2.5"), "pthread_create": ("libpthread.so.0", "GLIBC_2.2.5"),
     "pthread_yield": ("libpthread.so.0", "GLIBC_2.2.5"), "__libc_start_main": ("libc.so.6", "GLIBC_2.2.5")},
    frozenset({"getentropy"}),
)  # fmt: skip


def test_the_archives_own_versions_are_bound_to() -> None:
    offered = {library: {item.name: item.version for item in symbols}
               for library, symbols in chosen_symbols(LIBRARIES, IMPORTS).items()}  # fmt: skip
    assert offered["libpthread.so.0"] == {"pthread_create": "GLIBC_2.2.5", "pthread_yield": "GLIBC_2.2.5"}
    assert offered["libc.so.6"]["pow"] == "GLIBC_2.2.5"
    # The start files of a new compiler want the function that they were made for.
    assert offered["libc.so.6"]["__libc_start_main"] == "GLIBC_2.34"
    assert not {"pthread_create", "getentropy", "secret"} & offered["libc.so.6"].keys()


def test_a_symbol_that_the_machine_has_not() -> None:
    wanted = Imports({"ancient": ("libc.so.6", "GLIBC_2.0")}, frozenset())
    with pytest.raises(RelinkError, match="the C library of this machine has no ancient"):
        chosen_symbols(LIBRARIES, wanted)


def test_stubs() -> None:
    symbols = LIBRARIES["libc.so.6"].symbols[-3:]
    text = assembly(symbols)
    # Two names of one object stay together, or a copy relocation would part them.
    assert "__environ:\n.zero 8" in text
    assert text.count(".balign") == 1
    assert ".type errno, %tls_object" in text
    assert version_script([symbol("a", "V1"), symbol("b", "V2"), symbol("c", "V1")]) == "V1 { a; c; };\nV2 { b; };\n"


def test_imports_are_read_with_their_versions(tmp_path: Path) -> None:
    versions = {"libc.so.6": ["GLIBC_2.2.5", "GLIBC_2.17"], "libm.so.6": ["GLIBC_2.2.5"]}
    bound = {"malloc": ("libc.so.6", "GLIBC_2.17"), "sin": ("libm.so.6", "GLIBC_2.2.5")}
    (tmp_path / "a").write_bytes(make_shared(versions=versions, bound=bound, weak=["getentropy"], exports=["x"]))
    (tmp_path / "b").write_bytes(make_shared(versions={"libc.so.6": ["GLIBC_2.25"]}, weak=["other"],
                                             bound={"getentropy": ("libc.so.6", "GLIBC_2.25")}))  # fmt: skip
    imports = read_imports([tmp_path / "a", tmp_path / "b"])
    assert imports.versions == {**bound, "getentropy": ("libc.so.6", "GLIBC_2.25")}
    assert imports.optional == {"other"}


def test_a_static_library(tmp_path: Path) -> None:
    names = ["a.o", "b/a.o", "a name that is longer than the field.o"]
    for number, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(make_object([f"f{number}", f"g{number}"], ["malloc"]) + b"\0" * number)
    path = tmp_path / "lib.a"
    write_library(path, [tmp_path / name for name in names])
    members = [(name, set(symbols.defined)) for name, symbols in library_symbols(path)]
    assert members == [("a.o", {"f0", "g0"}), ("a.o", {"f1", "g1"}), (names[2], {"f2", "g2"})]
    data = path.read_bytes()
    (count,) = struct.unpack_from(">I", data, 68)
    offsets = struct.unpack_from(f">{count}I", data, 72)
    texts = data[72 + 4 * count :].split(b"\0")[:count]
    assert texts == [b"f0", b"g0", b"f1", b"g1", b"f2", b"g2"]
    assert [data[offset : offset + 4] for offset in offsets] == [b"a.o/"] * 4 + [b"/0  "] * 2
    assert all(data[offset + 60 : offset + 64] == b"\x7fELF" for offset in offsets)


def test_bitcode_in_a_static_library(tmp_path: Path) -> None:
    (tmp_path / "a.o").write_bytes(b"BC\xc0\xde")
    with pytest.raises(DistributionError, match="LLVM bitcode"):
        write_library(tmp_path / "lib.a", [tmp_path / "a.o"])


def test_a_compiler_for_another_c_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = FakeCompiler(tmp_path)
    with pytest.raises(
        RelinkError, match=r"cc has no lib(c|pthread)\.so.*: expected a compiler for systems with glibc"
    ):
        make_stubs(compiler, IMPORTS, "system")
    (tmp_path / "libc.so").write_text("INPUT(x)")
    monkeypatch.setattr(compiler, "find", lambda _name: tmp_path / "libc.so")
    with pytest.raises(RelinkError, match="expected a 64-bit little-endian ELF file"):
        make_stubs(compiler, IMPORTS, "system")
