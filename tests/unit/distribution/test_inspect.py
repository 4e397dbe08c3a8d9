"""What inspect says of an archive, and of what is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pythonbuild.distribution import archive
from pythonbuild.distribution.archive import ArchiveError, pack
from pythonbuild.distribution.inspect import inspect_archive
from pythonbuild.distribution.typed_json import JsonFormatError
from tests.unit.distribution.trees import make_distribution


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(archive, "_LEVEL", 3)
    monkeypatch.setattr(archive, "_WINDOW_LOG", 22)
    out, _ = make_distribution(tmp_path)
    return pack(out, tmp_path / "x.tar.zst", 0).path


def test_text(packed: Path) -> None:
    text = "\n".join(inspect_archive(packed).lines())
    for words in (
        "cpython 3.13.5", "x86_64-unknown-linux-gnu", "glibc 2.17 or newer", "noopt", "packaged clang 22.1.8",
        "Extension modules: 7 (2 core, 4 builtin, 1 shared)", "ssl crypto  [Apache-2.0]", "system: m",
        "core: builtins, marshal", "shared: _testcapi", "openssl 1.2  [Apache-2.0]", "sha256 abab", "_gdbm: GPL-3",
    ):  # fmt: skip
        assert words in text, words


def test_json(packed: Path) -> None:
    plain = json.loads(json.dumps(inspect_archive(packed).as_json()))
    assert plain["archive"] == "x.tar.zst"
    assert plain["size"] == packed.stat().st_size
    assert set(plain["unpacked"]) == {"build", "install", "licenses"}
    assert plain["python_json"]["python_version"] == "3.13.5"


def test_cut_off(packed: Path) -> None:
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(ArchiveError, match="damaged archive"):
        inspect_archive(packed)


def test_no_archive(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="found a directory"):
        inspect_archive(tmp_path)
    (tmp_path / "text").write_text("text")
    with pytest.raises(ArchiveError, match="not an archive"):
        inspect_archive(tmp_path / "text")
    with pytest.raises(ArchiveError, match="cannot be read"):
        inspect_archive(tmp_path / "none")


def test_no_description(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_LEVEL", 3)
    (tmp_path / "python").mkdir()
    (tmp_path / "python/PYTHON.json").write_text('{"version": "0"}')
    path = pack(tmp_path, tmp_path / "x.tar.zst", 0).path
    with pytest.raises(JsonFormatError, match=r"x\.tar\.zst: python/PYTHON\.json: target_triple: found no such key"):
        inspect_archive(path)
