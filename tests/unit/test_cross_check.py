"""What was compiled for macOS on Linux: the checks pass what is right, and each finds what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from pythonbuild.config.project import Project
from pythonbuild.cross_check import check_trees, objects
from pythonbuild.validation.checks import Result, Subject, run_check
from pythonbuild.validation.description import Description
from pythonbuild.validation.members import tree_members
from tests.unit.distribution.bitcodemaker import make_bitcode
from tests.unit.distribution.elfmaker import make_library, make_object
from tests.unit.distribution.machomaker import OBJECT, PROGRAM, make_macho, make_macho_object

NOT_HERE = "1 objects are LLVM bitcode, which those of CPython are with lto, and only then"
TARGET = Project(Path(__file__).parents[2]).macos_targets["aarch64-apple-darwin"]


def check(directory: Path, members: dict[str, bytes]) -> Result:
    """Return what came of the objects of one dependency's library."""
    library = directory / "zlib/tools/deps/lib/libz.a"
    library.parent.mkdir(parents=True)
    library.write_bytes(make_library(members))
    (directory / "work").mkdir()
    (result,) = check_trees(None, {"zlib": directory / "zlib"}, TARGET, directory / "work").results
    return result


def make(**options: object) -> bytes:
    return make_macho(**{"kind": OBJECT, "libraries": (), "signed": False, **options})  # type: ignore[arg-type]


def test_objects_of_the_target(tmp_path: Path) -> None:
    result = check(tmp_path, {"adler32.o": make_macho_object(["_adler32"]), "crc32.o": make(minimum_os="10.15")})
    assert (result.outcome, result.findings) == ("passed", ())
    assert result.remarks == ("2 objects, 0 of them LLVM bitcode, 0 do not say for which macOS they are",)


@pytest.mark.parametrize(("content", "options", "findings"), [
    (make_bitcode(["Py_Main"], triple="arm64-apple-macosx11.0.0"), "lto", ()),
    (make_bitcode(["Py_Main"]), "noopt", (NOT_HERE,)),
    (make_macho_object(["Py_Main"]), "lto", (NOT_HERE.replace("1", "0", 1),)),
])  # fmt: skip
def test_cpython_is_bitcode_with_lto_and_only_then(
    tmp_path: Path, content: bytes, options: str, findings: tuple[str, ...]
) -> None:
    (tmp_path / "build/Programs").mkdir(parents=True)
    (tmp_path / "build/Programs/python.o").write_bytes(content)
    subject = Subject(
        tmp_path, tree_members(tmp_path), Description(plain={"build_options": options}, absent="nothing"), TARGET
    )
    assert run_check(objects, subject).findings == findings


@pytest.mark.parametrize(("content", "finding"), [
    (make(arch="x86_64"), "Mach-O type 1 for x86_64"),
    (make(minimum_os="12.0"), "is for macOS 12.0.0, the target's oldest is 11.0"),
    (make(platform=2), "is for iOS 11.0.0, the target's oldest is 11.0"),
    (make(kind=PROGRAM), "Mach-O type 2 for arm64"),
    (make_object(["adler32"]), "no Mach-O object"),
    (make_bitcode(triple="arm64-apple-macosx12.0.0"),
     "LLVM bitcode for arm64-apple-macosx12.0.0, the target's oldest is 11.0"),
    (make_bitcode(triple="x86_64-apple-macosx10.15.0"),
     "LLVM bitcode for x86_64-apple-macosx10.15.0, the target's oldest is arm64"),
    (make_bitcode(triple="arm64-apple-ios11.0"), "LLVM bitcode for arm64-apple-ios11.0, the target's oldest is 11.0"),
], ids=["processor", "macos", "system", "program", "elf", "macos of bitcode", "processor of bitcode",
        "system of bitcode"])  # fmt: skip
def test_what_is_not_for_the_target_is_found(tmp_path: Path, content: bytes, finding: str) -> None:
    result = check(tmp_path, {"good.o": make_macho_object(["_a"]), "bad.o": content})
    assert result.outcome == "failed"
    assert result.findings[0] == f"build/lib/libz.a(bad.o): {finding}"
    assert result.findings[1:] == (() if "bitcode" not in finding else (NOT_HERE,))


def test_nothing_at_all_is_no_success(tmp_path: Path) -> None:
    assert check(tmp_path, {}).findings == ("there are no objects",)
