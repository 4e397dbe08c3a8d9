from __future__ import annotations

import os
from pathlib import Path

import pytest

from pythonbuild.engine.trees import Entry, Tree, in_threads, merge, scan
from pythonbuild.errors import StoreError

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def make(directory: Path) -> Path:
    (directory / "tools/lib").mkdir(parents=True)
    (directory / "empty").mkdir()
    (directory / "tools/lib/a").write_bytes(b"")
    (directory / "tools/run").write_text("#!/bin/sh\n")
    (directory / "tools/run").chmod(0o750)
    (directory / "tools/link").symlink_to("../no/../where/")
    return directory


def test_golden_digest(tmp_path: Path) -> None:
    tree = scan(make(tmp_path))
    assert tree.entries["tools/lib/a"] == Entry("f", EMPTY, 0)
    assert tree.entries["tools/run"].kind == "x"
    assert tree.entries["tools/link"] == Entry("l", "../no/../where/")
    assert tree.entries["empty"] == Entry("d")
    assert tree.digest == "14771fb3306590e2980e4681b60b1f5c9bae6ac50ccb49cfbee7986a78cd2055"
    assert Tree.parse(tree.manifest) == tree


def test_owners_times_and_other_mode_bits_do_not_count(tmp_path: Path) -> None:
    one, two = make(tmp_path / "one"), make(tmp_path / "two")
    os.utime(two / "tools/lib/a", (1, 1))
    (two / "tools/lib/a").chmod(0o600)
    (two / "tools/run").chmod(0o4711)
    (two / "empty").chmod(0o700)
    assert scan(one).digest == scan(two).digest
    (two / "tools/run").chmod(0o644)
    assert scan(one).digest != scan(two).digest


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).touch()
    tree = scan(tmp_path)
    assert Tree.parse(tree.manifest).entries.keys() == {"\udcff"}


def test_select(tmp_path: Path) -> None:
    tree = scan(make(tmp_path))
    assert sorted(tree.select("tools/lib").entries) == ["tools", "tools/lib", "tools/lib/a"]
    assert sorted(tree.select("tools").entries) == ["tools", "tools/lib", "tools/lib/a", "tools/link", "tools/run"]
    assert not tree.select("tool").entries


def test_merge_takes_the_union_and_refuses_differences() -> None:
    one = Tree({"d": Entry("d"), "d/a": Entry("f", "1", 1), "same": Entry("f", "2", 1)})
    two = Tree({"d": Entry("d"), "d/b": Entry("l", "a"), "same": Entry("f", "2", 1)})
    assert merge([("one", one), ("two", two)]).entries == {**one.entries, **two.entries}
    with pytest.raises(StoreError, match=r"d/a: .* of one and three .*different a file from three") as error:
        merge([("one", one), ("two", two), ("three", Tree({"d/a": Entry("f", "9", 1)}))])
    assert error.value.reason == "store"
    with pytest.raises(StoreError, match=r"found a directory from two, a symbolic link from three"):
        merge([("two", two), ("three", Tree({"d": Entry("l", "e")}))])


def test_devices_and_fifos_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(StoreError, match="fifo: cannot be part of a step's result: found file type 'p'"):
        scan(tmp_path)


@pytest.mark.parametrize("count", [0, 1, 7, 100, 1001])
def test_in_threads_keeps_the_order(count: int) -> None:
    assert in_threads(lambda number: number * 2, range(count), 4) == [number * 2 for number in range(count)]
