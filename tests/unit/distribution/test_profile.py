"""Profiles: found as a file and in an archive, and told of."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pythonbuild.distribution.archive import pack
from pythonbuild.distribution.profile import MAGIC, PROFILE, find_profile, read_profile
from pythonbuild.distribution.python_json import HotFunction, ProfileEntry
from pythonbuild.distribution.typed_json import JsonFormatError
from pythonbuild.errors import UsageError

CONTENT = MAGIC + b"counts"
REPORT = {"sha256": "ab" * 32, "functions": 9, "functions_run": 5, "unused": 1,
          "hottest": [{"function": "Objects/dictobject.c;lookup", "count": 77}]}  # fmt: skip


def make_archive(tmp_path: Path, *, profile: bytes | None) -> Path:
    top = tmp_path / "tree/python"
    (top / "build/profile").mkdir(parents=True)
    (top / "PYTHON.json").write_text("{}")
    if profile is not None:
        (top / PROFILE).write_bytes(profile)
    return pack(tmp_path / "tree", tmp_path / "x.tar.zst", 0, threads=1).path


def test_a_file_is_itself(tmp_path: Path) -> None:
    path = tmp_path / "mine.profdata"
    path.write_bytes(CONTENT)
    assert find_profile(path, tmp_path / "kept") == path
    assert not (tmp_path / "kept").exists()


def test_of_an_archive_there_is_a_copy(tmp_path: Path) -> None:
    archive = make_archive(tmp_path, profile=CONTENT)
    kept = find_profile(archive, tmp_path / "kept")
    assert kept.read_bytes() == CONTENT
    assert kept.name == f"cpython-{hashlib.sha256(CONTENT).hexdigest()[:16]}.profdata"
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [kept.name]


def test_neither(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"neither of them")
    missing = tmp_path / "missing"
    for path, words in ((other, "something else"), (missing, "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(UsageError, match=words) as caught:
            find_profile(path, tmp_path / "kept")
        assert str(path) in str(caught.value)
        assert "an indexed profile of LLVM" in str(caught.value)


def test_an_archive_without_one(tmp_path: Path) -> None:
    archive = make_archive(tmp_path, profile=None)
    with pytest.raises(UsageError, match=r"holds no profile.*was it built with --options pgo"):
        find_profile(archive, tmp_path / "kept")


def test_what_is_said_of_it(tmp_path: Path) -> None:
    assert read_profile(tmp_path) is None
    report = tmp_path / "build/profile/report.json"
    report.parent.mkdir(parents=True)
    report.write_text(json.dumps(REPORT))
    assert read_profile(tmp_path) == ProfileEntry(
        PROFILE, "ab" * 32, 9, 5, 1, (HotFunction("Objects/dictobject.c;lookup", 77),)
    )
    report.write_text("{}")
    with pytest.raises(JsonFormatError, match="sha256"):
        read_profile(tmp_path)
