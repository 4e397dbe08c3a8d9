"""What CPython installs whatever it was built with is taken out of its tree, and the record tells of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild.cpython.leaving_out import NO_TESTS, NO_TK, WITHOUT, LeftOut
from pythonbuild.distribution.archive import pack
from pythonbuild.distribution.left_out import (
    RECORD,
    Record,
    left_out_extensions,
    make_smaller,
    parse_record,
    read_record,
    record_of,
)
from pythonbuild.distribution.relink_files import RECORD as RELINKED_RECORD
from pythonbuild.errors import DistributionError
from tests.unit.distribution.trees import make_distribution, write

INSTALLED = (
    "bin/idle3", "bin/idle3.13", "bin/pydoc3", "lib/python3.13/os.py", "lib/python3.13/turtle.py",
    "lib/python3.13/__pycache__/turtle.cpython-313.pyc", "lib/python3.13/__pycache__/os.cpython-313.pyc",
    "lib/python3.13/turtledemo/__init__.py", "lib/python3.13/tkinter/__init__.py", "lib/python3.13/tkinter/test/x.py",
    "lib/python3.13/idlelib/idle.py", "lib/python3.13/idlelib/idle_test/__init__.py", "lib/python3.13/test/__init__.py",
    "lib/python3.13/test/support/__init__.py", "lib/python3.13/lib2to3/tests/x.py", "lib/python3.13/lib2to3/main.py",
)  # fmt: skip
TK = {path for path in INSTALLED if any(word in path for word in ("idle", "turtle", "tkinter"))}
TESTS = {path for path in INSTALLED if any(word in path for word in ("/test/", "/tests/", "idle_test"))}
ALL = LeftOut({"_ssl": WITHOUT, "_tkinter": NO_TK, "_testcapi": NO_TESTS}, no_tests=True, no_tk=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for path in INSTALLED:
        write(tmp_path / "tree/install" / path, "")
    (tmp_path / "tree/build").mkdir()
    return tmp_path / "tree"


def installed(tree: Path) -> set[str]:
    return {path.relative_to(tree / "install").as_posix() for path in (tree / "install").rglob("*") if path.is_file()}


@pytest.mark.parametrize(("left_out", "gone"), [
    (LeftOut({"_ssl": WITHOUT}), set()),
    (LeftOut(no_tests=True), TESTS),
    (LeftOut(no_tk=True), TK),
    (LeftOut(no_tests=True, no_tk=True), TESTS | TK),
])  # fmt: skip
def test_what_is_removed(tree: Path, left_out: LeftOut, gone: set[str]) -> None:
    record = make_smaller(tree, left_out)
    assert installed(tree) == set(INSTALLED) - gone
    assert read_record(tree) == record
    assert record.extensions == left_out.extensions


def test_the_record_names_what_was_there_with_its_reason(tree: Path) -> None:
    record = make_smaller(tree, ALL)
    assert record.packages == {
        "idlelib": NO_TK, "tkinter": NO_TK, "turtle": NO_TK, "turtledemo": NO_TK, "test": NO_TESTS,
        "lib2to3.tests": NO_TESTS,
    }  # fmt: skip
    assert record.wishes() == {"without": ("_ssl",), "no_tests": True, "no_tk": True}
    assert (tree / RECORD).read_text() == record.to_text() == parse_record(record.to_text(), "here").to_text()


def test_the_test_module_of_what_was_named_is_asked_for_with_it() -> None:
    record = Record({"_ctypes": WITHOUT, "_ctypes_test": WITHOUT})
    assert record.wishes() == {"without": ("_ctypes", "_ctypes_test"), "no_tests": False, "no_tk": False}


def test_a_tree_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(DistributionError, match="not an installed CPython"):
        make_smaller(tmp_path, ALL)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"extensions": {}, "packages": []}',
                                  '{"extensions": {"_ssl": 1}, "packages": {}}'])  # fmt: skip
def test_a_record_that_is_none(text: str) -> None:
    with pytest.raises(DistributionError, match="here: not "):
        parse_record(text, "here")


def test_the_record_is_read_from_an_archive(tmp_path: Path) -> None:
    out, _ = make_distribution(tmp_path)
    pack(out, tmp_path / "whole.tar.zst", 1700000000)
    assert record_of(tmp_path / "whole.tar.zst") == Record()
    write(out / "python" / RECORD, Record({"_ssl": WITHOUT}).to_text())
    pack(out, tmp_path / "smaller.tar.zst", 1700000000)
    assert record_of(tmp_path / "smaller.tar.zst") == Record({"_ssl": WITHOUT})


def test_what_an_archive_is_without_in_every_format(tmp_path: Path) -> None:
    out, document = make_distribution(tmp_path)
    top = out / "python"
    later = replace(document, omitted_extensions={})
    assert left_out_extensions(top, document) == {"_gdbm"}
    assert left_out_extensions(top, later) == set()
    write(top / RECORD, Record({"_ssl": WITHOUT, "_bz2": WITHOUT}).to_text())
    assert left_out_extensions(top, later) == {"_ssl", "_bz2"}
    relinked = {"removed": ["math"], "added": ["_bz2"]}
    assert left_out_extensions(top, replace(document, relinked=relinked)) == {"_gdbm", "_ssl", "math"}
    write(top / RELINKED_RECORD, json.dumps(relinked))
    assert left_out_extensions(top, later) == {"_ssl", "math"}
    write(top / RELINKED_RECORD, "{")
    with pytest.raises(DistributionError, match=r"build/relinked\.json: not JSON"):
        left_out_extensions(top, later)
