"""The installation alone: what is in it, what is not, and that the full distribution stays as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pythonbuild.distribution.archive import pack, read_members
from pythonbuild.distribution.kinds import TEST_PACKAGES, make_installation, with_debug_information
from pythonbuild.errors import DistributionError
from tests.unit.distribution.elfmaker import make_shared, name_sections
from tests.unit.distribution.machomaker import make_macho, make_universal
from tests.unit.distribution.trees import make_distribution, write

STDLIB = "python/install/lib/python3.13"
TESTS = ["_testcapi.so", "_testclinic_limited.cpython-313-x86_64-linux-gnu.so", "_ctypes_test.abi3.so",
         "_xxtestfuzz.so", "xxlimited.so", "xxlimited_35.so", "xxsubtype.so"]  # fmt: skip


@pytest.fixture
def full(tmp_path: Path) -> Path:
    tree, _ = make_distribution(tmp_path / "full")
    for package in TEST_PACKAGES:
        write(tree / STDLIB / package / "deeper/test_x.py", "")
    for name in TESTS:
        write(tree / STDLIB / "lib-dynload" / name, b"x") if name != "_testcapi.so" else None
    for kept in ("unittest/case.py", "ctypes/__init__.py", "test_not.py", "lib-dynload/_ssl.so", "mine/tests/x.py"):
        write(tree / STDLIB / kept, kept)
    write(tree / STDLIB / "config-3.13/libpython3.13.a", b"!<arch>\n")
    write(tree / "python/install/lib/libtclstub.a", b"!<arch>\n")
    write(tree / "python/install/share/man/man1/python3.13.1", ".TH")
    (tree / "python/install/lib/linked").symlink_to("python3.13")
    return tree


def test_what_is_in_it(full: Path, tmp_path: Path) -> None:
    make_installation(full, tmp_path / "out")
    top = tmp_path / "out/python"
    names = {path.relative_to(top).as_posix() for path in top.rglob("*") if not path.is_dir() or path.is_symlink()}
    assert sorted(path.name for path in top.iterdir()) == ["bin", "include", "lib", "share"]
    assert names == {
        "bin/python3", "bin/python3.13", "include/python3.13/Python.h", "include/python3.13/patchlevel.h",
        "lib/libpython3.13.so.1.0", "lib/libpython3.so", "lib/linked", "share/man/man1/python3.13.1",
        "lib/python3.13/os.py", "lib/python3.13/unittest/case.py", "lib/python3.13/ctypes/__init__.py",
        "lib/python3.13/test_not.py", "lib/python3.13/lib-dynload/_ssl.so", "lib/python3.13/mine/tests/x.py",
        "share/licenses/python3.13/LICENSE.cpython.txt", "share/licenses/python3.13/LICENSE.openssl.txt",
    }  # fmt: skip
    assert (top / "lib/linked").readlink() == Path("python3.13")
    assert not (top / "lib/python3.13/test").exists()
    assert os.access(top / "bin/python3.13", os.X_OK)
    assert (top / "bin/python3.13").samefile(full / "python/install/bin/python3.13")


def test_it_is_packed_without_a_description(full: Path, tmp_path: Path) -> None:
    make_installation(full, tmp_path / "out")
    packed = [pack(tmp_path / "out", tmp_path / name, 1000, threads=threads, described=False)
              for name, threads in (("a.tar.zst", 1), ("b.tar.zst", 3))]  # fmt: skip
    names = [member.name for member in read_members(tmp_path / "a.tar.zst")]
    assert names == sorted(names)
    assert names[0] == "python/bin"
    assert packed[0].sha256 == packed[1].sha256
    plain = pack(tmp_path / "out", tmp_path / "a.tar", 1000, described=False)
    assert plain.path.read_bytes()[257:262] == b"ustar"


def test_something_else_is_refused(full: Path, tmp_path: Path) -> None:
    make_installation(full, tmp_path / "out")
    with pytest.raises(DistributionError, match="not a full distribution"):
        make_installation(tmp_path / "out", tmp_path / "again")


def test_debug_information_is_told_from_symbols(full: Path, tmp_path: Path) -> None:
    make_installation(full, tmp_path / "out")
    top = tmp_path / "out/python"
    assert with_debug_information(tmp_path / "out") == []
    for name, section in (("lib/a.so", ".debug_info"), ("lib/b.so", ".symtab"), ("lib/c.so", ".zdebug_line")):
        write(top / name, name_sections(make_shared("x.so", ["libc.so.6"], ["f"]), ".strtab", section))
    (top / "lib/d.so").symlink_to("a.so")
    assert with_debug_information(tmp_path / "out") == [top / "lib/a.so", top / "lib/c.so"]


def test_debug_information_of_macos_is_names_of_objects(full: Path, tmp_path: Path) -> None:
    make_installation(full, tmp_path / "out")
    top = tmp_path / "out/python"
    write(top / "lib/a.so", make_macho(private=["f"], imports={"PyModule_Create2": 1}))
    write(top / "lib/b.so", make_macho(private=["f"], stabs=["/build/src/Modules/a.o"]))
    slices = {"arm64": make_macho(), "x86_64": make_macho(arch="x86_64", stabs=["/build/src/Modules/a.o"])}
    write(top / "lib/c.so", make_universal(slices))
    assert with_debug_information(tmp_path / "out") == [top / "lib/b.so", top / "lib/c.so"]
