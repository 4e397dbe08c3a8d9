"""pip as a place: real pip, whose own configuration leads to a directory instead of the network."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from pythonbuild.errors import FetchError, OfflineError
from pythonbuild.sources.places import WantedFile
from tests.unit.sources.misbehaving import Desk

NAME = "greeting-1.0-py3-none-any.whl"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel that pip finds."""
    directory = tmp_path / "index"
    directory.mkdir()
    with zipfile.ZipFile(directory / NAME, "w") as archive:
        info = "greeting-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(directory))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return directory / NAME


def wanted(wheel: Path, **changes: str) -> WantedFile:
    content = wheel.read_bytes()
    values = {"sha256": hashlib.sha256(content).hexdigest(), "pypi": "greeting==1.0", **changes}
    return WantedFile(NAME, values["sha256"], len(content), pypi=values["pypi"])


def test_pip_brings_the_file_into_the_cache(wheel: Path, desk: Desk) -> None:
    path = desk.fetcher().fetch(wanted(wheel))
    assert path.parent == desk.downloads
    assert path.read_bytes() == wheel.read_bytes()
    assert list((desk.downloads / "partial").iterdir()) == []


def test_wrong_content_is_refused(wheel: Path, desk: Desk) -> None:
    with pytest.raises(FetchError, match=r"pip could not get greeting==1.0 \(.*(?i:hash).*\)"):
        desk.fetcher().fetch(wanted(wheel, sha256="ab" * 32))
    assert not (desk.downloads / NAME).exists()


def test_what_pip_does_not_find_is_told(wheel: Path, desk: Desk) -> None:
    with pytest.raises(FetchError, match=r"pip could not get greeting==2.0 \(.*greeting==2.0.*\)") as caught:
        desk.fetcher().fetch(wanted(wheel, pypi="greeting==2.0"))
    assert "\n" not in str(caught.value)


def test_offline_asks_no_pip(wheel: Path, desk: Desk) -> None:
    with pytest.raises(OfflineError):
        desk.fetcher(offline=True).fetch(wanted(wheel))


def test_a_source_directory_comes_first(wheel: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "/nonexistent")
    assert desk.fetcher(source_dirs=(wheel.parent,)).fetch(wanted(wheel)).name == NAME
