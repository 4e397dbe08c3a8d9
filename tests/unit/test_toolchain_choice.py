"""Which toolchain a request means, and how an exported one gets into its place."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild.config.project import Project
from pythonbuild.distribution.archive import ArchiveError
from pythonbuild.errors import BuildError, UsageError
from pythonbuild.preparation import make_fetcher
from pythonbuild.toolchain_choice import Choice, choose_toolchain, find_archive, import_toolchain
from tests.unit.distribution.test_toolchain_archive import make_archive
from tests.unit.test_preparation import REPOSITORY, request


def choose(tmp_path: Path, **wishes: object) -> Choice:
    asked, project = request(tmp_path, **wishes), Project(REPOSITORY)
    with make_fetcher(asked, project, lambda _: None) as fetcher:
        return choose_toolchain(asked, project.toolchains, fetcher)


def test_the_named_archive_is_used_and_says_which_toolchain_it_is(tmp_path: Path) -> None:
    path, manifest = make_archive(tmp_path / "made")
    choice = choose(tmp_path, toolchain_archive=str(path))
    assert choice.toolchain.name == "bootstrap:clang-19"
    assert choice.archive is not None
    assert not choice.imported
    assert choice.archive.manifest == manifest
    assert choice.archive.file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_archive_by_its_hash_comes_from_where_sources_come_from(tmp_path: Path) -> None:
    path, _ = make_archive(tmp_path / "made")
    data = path.read_bytes()
    pinned = f"{path.name}@{hashlib.sha256(data).hexdigest()}:{len(data)}"
    choice = choose(tmp_path, toolchain_archive=pinned, source_dirs=(path.parent,))
    assert choice.archive is not None
    assert choice.archive.file.path().read_bytes() == data
    with pytest.raises(BuildError, match=r"nothing has|not in the download cache|forbids"):
        choose(tmp_path / "elsewhere", toolchain_archive=pinned)


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"toolchain": "packaged:clang-19"}, "is another toolchain than --toolchain names: found packaged:clang-19"),
        ({"compiler": "gcc"}, "found packaged --cc gcc, expected bootstrap:clang-19"),
        ({"target_triple": "aarch64-unknown-linux-gnu"}, "compiles for another target"),
        ({"stages": 3}, "another number of stages: found 1, expected 3"),
    ],
)
def test_an_archive_that_is_not_what_was_asked_for(tmp_path: Path, wishes: dict[str, object], said: str) -> None:
    path, _ = make_archive(tmp_path / "made")
    with pytest.raises(UsageError, match=said):
        choose(tmp_path, toolchain_archive=str(path), **wishes)


@pytest.mark.parametrize("wanted", ["nothing", "/", "x@y:3", "x.tar.zst@" + "g" * 64 + ":4"])
def test_no_archive(tmp_path: Path, wanted: str) -> None:
    with pytest.raises(UsageError, match="--toolchain-archive: no such file"):
        choose(tmp_path, toolchain_archive=wanted)


def test_an_imported_toolchain_is_used_where_it_is_asked_for(tmp_path: Path) -> None:
    path, manifest = make_archive(tmp_path / "made")
    assert choose(tmp_path, toolchain="bootstrap").archive is None
    kept, same = import_toolchain(path, tmp_path / "cache", Project(REPOSITORY).toolchains)
    assert same == manifest
    assert kept.read_bytes() == path.read_bytes()
    choice = choose(tmp_path, toolchain="bootstrap")
    assert choice.imported
    assert choice.archive is not None
    assert choice.archive.manifest == manifest
    for wishes in ({}, {"toolchain": "bootstrap:clang-22"}, {"toolchain": "bootstrap", "compiler": "gcc"},
                   {"toolchain": "bootstrap", "stages": 2}):  # fmt: skip
        assert choose(tmp_path, **wishes).archive is None
    assert [entry.name for entry in (tmp_path / "cache/toolchains").iterdir()] == [kept.name]


def test_nothing_damaged_is_imported(tmp_path: Path) -> None:
    path, _ = make_archive(tmp_path / "made")
    damaged = tmp_path / path.name
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    damaged.write_bytes(data)
    for bad in (damaged, REPOSITORY / "README.rst"):
        with pytest.raises(ArchiveError):
            import_toolchain(bad, tmp_path / "cache", Project(REPOSITORY).toolchains)
    assert list((tmp_path / "cache/toolchains").iterdir()) == []


def test_stages_are_a_clang_s_from_source(tmp_path: Path) -> None:
    assert choose(tmp_path, toolchain="bootstrap", stages=3).toolchain.name == "bootstrap:clang-19"
    for wishes in ({}, {"toolchain": "bootstrap", "compiler": "gcc"}):
        with pytest.raises(UsageError, match=r"--stages: .*--toolchain bootstrap:clang-19"):
            choose(tmp_path, stages=2, **wishes)


def test_a_file_wins_over_what_looks_like_a_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = make_archive(tmp_path / "made")
    name = "x@" + "a" * 64 + ":3"
    (tmp_path / name).write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)
    asked = replace(request(tmp_path), toolchain_archive=name)
    with make_fetcher(asked, Project(REPOSITORY), lambda _: None) as fetcher:
        assert find_archive(name, fetcher) == (tmp_path / name).resolve()
