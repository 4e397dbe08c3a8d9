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


def make_archive(tmp_path: Path, *, profile: bytes | None, description: str = "{}") -> Path:
    top = tmp_path / "tree/python"
    (top / "build/profile").mkdir(parents=True)
    (top / "PYTHON.json").write_text(description)
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


@pytest.mark.parametrize(("program", "options", "found"), [
    ("python3.13", "freethreaded+pgo", "that of a Python with the GIL, expected that of a free-threaded Python"),
    ("python3.13t", "pgo+lto", "that of a free-threaded Python, expected that of a Python with the GIL"),
])  # fmt: skip
def test_of_other_code(tmp_path: Path, program: str, options: str, found: str) -> None:
    description = json.dumps({"python_exe": f"install/bin/{program}"})
    archive = make_archive(tmp_path, profile=CONTENT, description=description)
    with pytest.raises(UsageError, match=f"is of another interpreter: found {found}"):
        find_profile(archive, tmp_path / "kept", options)
    assert not (tmp_path / "kept").exists()
    right = "freethreaded+pgo+lto" if program.endswith("t") else "pgo"
    assert find_profile(archive, tmp_path / "kept", right).read_bytes() == CONTENT


def test_of_another_compiler(tmp_path: Path) -> None:
    description = json.dumps({"toolchain": {"tools": {"clang": "22.1.8"}}})
    archive = make_archive(tmp_path, profile=CONTENT, description=description)
    with pytest.raises(UsageError, match=r"was made by another compiler: found Clang 22\.1\.8, expected Clang 19"):
        find_profile(archive, tmp_path / "kept", "pgo", "19")
    assert find_profile(archive, tmp_path / "kept", "pgo", "22").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "description", ["{", "[]", "{}", '{"toolchain": 3}', '{"toolchain": {"tools": {"gcc": "14"}}}']
)
def test_an_archive_that_does_not_tell_its_interpreter(tmp_path: Path, description: str) -> None:
    archive = make_archive(tmp_path, profile=CONTENT, description=description)
    assert find_profile(archive, tmp_path / "kept", "freethreaded+pgo", "22").read_bytes() == CONTENT


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
