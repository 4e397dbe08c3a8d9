"""Archives of the installation alone: ours are held to this project's rules, those of others are not."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from pythonbuild.distribution.archive import pack
from pythonbuild.distribution.kinds import make_installation
from pythonbuild.validation.validate import Report
from tests.unit.distribution.trees import write
from tests.unit.validation.bench import Bench, assert_refused

OURS = {"structure-prefixes", "structure-owners", "structure-order", "leaks-binaries", "leaks-text"}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def tree(bench: Bench, tmp_path: Path) -> Path:
    make_installation(bench.out, tmp_path / "installation")
    return tmp_path / "installation"


def run(bench: Bench, tree: Path, tmp_path: Path) -> Report:
    return bench.run(pack(tree, tmp_path / "x.tar.zst", 5, described=False).path, expected=None, rooms={})


def passed(report: Report) -> set[str]:
    return {result.id for result in report.results if result.outcome == "passed"}


def test_ours_are_right(bench: Bench, tree: Path, tmp_path: Path) -> None:
    report = run(bench, tree, tmp_path)
    assert report.ok, report.lines()
    assert passed(report) >= {*OURS, "structure-readable", "structure-modes", "elf-machine", "elf-needed", "elf-loader"}


def test_the_layout_is_that_of_an_installation(bench: Bench, tree: Path, tmp_path: Path) -> None:
    write(tree / "python/build/x.o", "")
    assert_refused(run(bench, tree, tmp_path), "structure-prefixes", "python/build: expected bin, include, lib, share")


def test_traces_of_the_build_are_found(bench: Bench, tree: Path, tmp_path: Path) -> None:
    write(tree / "python/lib/python3.13/mine.py", "x = '/tools/deps/lib'")
    (tree / "python/lib/libpython3.so").unlink()
    data = (bench.top / "install/lib/libpython3.so").read_bytes()
    write(tree / "python/lib/libpython3.so", data + b"\0/build/src/x.c\0")
    report = run(bench, tree, tmp_path)
    assert_refused(report, "leaks-text", "lib/python3.13/mine.py: names /tools/deps/lib")
    assert_refused(report, "leaks-binaries", "lib/libpython3.so: names /build/src/x.c")
    assert not any(finding.startswith("install/") for result in report.failed for finding in result.findings)


def test_order_and_owners(bench: Bench, tree: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        for path in sorted((tree / "python").rglob("*"), reverse=True):
            info = tar.gettarinfo(path, path.relative_to(tree).as_posix())
            info.uname, info.type = "somebody", tarfile.REGTYPE if info.islnk() else info.type
            data = path.read_bytes() if info.isreg() else b""
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    report = bench.run(tmp_path / "x.tar.gz", expected=None, rooms={})
    assert_refused(report, "structure-order", "stands after")
    assert_refused(report, "structure-owners", "(somebody)")


def test_those_of_others_are_left_in_peace(bench: Bench, tree: Path, tmp_path: Path) -> None:
    (tree / "python/share/licenses/python3.13/LICENSE.cpython.txt").unlink()
    write(tree / "python/whatever/x.py", "x = '/tools/deps/lib'")
    report = run(bench, tree, tmp_path)
    assert report.ok, report.lines()
    assert not passed(report) & OURS
