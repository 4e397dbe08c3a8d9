"""Toolchains as archives: the same bytes for the same trees, and nothing that was changed gets through."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild.distribution.archive import ArchiveError, pack
from pythonbuild.distribution.toolchain_archive import (
    FORM,
    Manifest,
    Origin,
    place_toolchain,
    read_manifest,
    verify_toolchain,
    write_toolchain,
)
from pythonbuild.engine.trees import scan

ORIGIN = Origin("llvm-19", "19.1.7", "Apache-2.0 WITH LLVM-exception", "llvm.tar.xz", "ab" * 32, ("https://a.b/c",))


def make_tree(directory: Path) -> Path:
    (directory / "tools/llvm/bin").mkdir(parents=True)
    (directory / "tools/llvm/bin/clang-19").write_text("compiler\n")
    (directory / "tools/llvm/bin/clang-19").chmod(0o755)
    (directory / "tools/llvm/bin/clang").symlink_to("clang-19")
    return directory


def make_archive(directory: Path) -> tuple[Path, Manifest]:
    directory.mkdir()
    tree = make_tree(directory / "tree")
    manifest = Manifest("bootstrap:clang-19", "x86_64-unknown-linux-gnu", {"llvm": scan(tree).digest}, (ORIGIN,))
    (directory / "work").mkdir()
    out = directory / manifest.filename
    write_toolchain(manifest, {"llvm": tree}, out, directory / "work", 315532800, threads=2)
    return out, manifest


def test_there_and_back(tmp_path: Path) -> None:
    (path, manifest), (again, _) = make_archive(tmp_path / "one"), make_archive(tmp_path / "another place")
    assert path.read_bytes() == again.read_bytes()
    assert path.name.startswith("toolchain-bootstrap-clang-19.1.7-x86_64-unknown-linux-gnu-")
    assert read_manifest(path) == verify_toolchain(path, tmp_path / "verify") == manifest
    place_toolchain(path, "llvm", manifest.trees["llvm"], tmp_path / "out", tmp_path / "unpacked")
    assert (tmp_path / "out/tools/llvm/bin/clang").read_text() == "compiler\n"
    assert scan(tmp_path / "out").digest == manifest.trees["llvm"]


def test_a_tree_that_is_not_the_one_it_is_called_is_refused(tmp_path: Path) -> None:
    path, manifest = make_archive(tmp_path / "one")
    wrong = replace(manifest, trees={"llvm": "00" * 32})
    (tmp_path / "two").mkdir()
    forged = tmp_path / "forged.tar.zst"
    write_toolchain(wrong, {"llvm": make_tree(tmp_path / "tree")}, forged, tmp_path / "two", 0)
    with pytest.raises(ArchiveError, match=r"the tree of llvm is damaged.*expected 0000"):
        verify_toolchain(forged, tmp_path / "verify")
    with pytest.raises(ArchiveError, match="the tree of llvm is damaged"):
        place_toolchain(path, "llvm", "00" * 32, tmp_path / "out", tmp_path / "unpacked")
    missing = tmp_path / "missing.tar.zst"
    (tmp_path / "three").mkdir()
    write_toolchain(replace(manifest, trees={"gcc": "00" * 32}), {}, missing, tmp_path / "three", 0)
    with pytest.raises(ArchiveError, match="the tree of gcc is missing"):
        verify_toolchain(missing, tmp_path / "nothing")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "unknown format: found 2, expected 1"),
        ({"name": None, "trees": []}, "malformed"),
        ({"trees": {"../x": "ab"}}, "trees is malformed"),
        ({"trees": {}}, "trees is malformed"),
        ({"sources": [{"name": "x"}]}, "malformed: found KeyError"),
        ({"sources": "llvm"}, "malformed"),
    ],
)
def test_a_malformed_manifest_is_named(tmp_path: Path, change: dict[str, object], said: str) -> None:
    top = tmp_path / "tree" / FORM.top
    top.mkdir(parents=True)
    plain = json.loads(Manifest("bootstrap:clang-19", "x", {"llvm": "ab"}, (ORIGIN,)).render())
    (top / FORM.metadata).write_text(json.dumps({**plain, **change}))
    path = tmp_path / "x.tar.zst"
    pack(tmp_path / "tree", path, 0, form=FORM)
    with pytest.raises(ArchiveError, match=said):
        read_manifest(path)


def test_other_archives_are_no_toolchains(tmp_path: Path) -> None:
    (tmp_path / "python").mkdir()
    (tmp_path / "python/PYTHON.json").write_text("{}")
    pack(tmp_path, tmp_path / "x.tar.zst", 0)
    with pytest.raises(ArchiveError, match=r"not a toolchain: found first member python/PYTHON\.json"):
        read_manifest(tmp_path / "x.tar.zst")
