"""What inspect says of an archive, and of what is none."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from pythonbuild.cpython.leaving_out import NO_TK, WITHOUT
from pythonbuild.distribution import archive, statement
from pythonbuild.distribution.archive import ArchiveError, pack
from pythonbuild.distribution.inspect import inspect_archive
from pythonbuild.distribution.later_json import to_later
from pythonbuild.distribution.left_out import RECORD, Record
from pythonbuild.distribution.sbom_text import SbomError
from pythonbuild.distribution.statement import StatementError
from pythonbuild.distribution.typed_json import JsonFormatError
from tests.unit.distribution.provenances import PATCH, add_sbom
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


def test_sbom_and_provenance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_LEVEL", 3)
    monkeypatch.setattr(archive, "_WINDOW_LOG", 22)
    out, _ = make_distribution(tmp_path)
    text = add_sbom(tmp_path)
    packed = pack(out, tmp_path / "x.tar.zst", 0)
    made = statement.Provenance({"python": "3.13", "archives": ("full",)}, {}, (), (
        statement.Made("zlib", "12" * 32, "34" * 32, ()),), statement.Commit("ab" * 20, changed=False))  # fmt: skip
    beside = tmp_path / "x.tar.zst.intoto.json"
    beside.write_text(statement.render_statement({"x.tar.zst": packed.sha256}, made))
    inspection = inspect_archive(packed.path)
    shown = "\n".join(inspection.lines())
    serial = json.loads(text)["serialNumber"]
    for words in (
        f"SHA-256:       {packed.sha256}", f"python/SBOM.cdx.json, {serial}", f"patch {PATCH.path}  sha256:cdcd",
        "toolchain:   clang 22.1.8", "2 packages (build), 2 packages (sysroot)", "x.tar.zst.intoto.json, about this",
        "request:     python=3.13, archives=full", f"checkout:    {'ab' * 20}", "    zlib  121212121212  343434343434",
    ):  # fmt: skip
        assert words in shown, (words, shown)
    plain = json.loads(json.dumps(inspection.as_json()))
    assert plain["sbom"]["serial_number"] == serial
    (openssl,) = (part for part in plain["sbom"]["components"] if part["name"] == "openssl")
    assert openssl["patches"] == [f"{PATCH.path} sha256:{PATCH.sha256}"]
    assert plain["provenance"]["steps"] == {"zlib": {"action_key": "12" * 32, "tree": "34" * 32}}
    beside.write_text(statement.render_statement({"x.tar.zst": "00" * 32}, made))
    assert "NOT about this archive" in "\n".join(inspect_archive(packed.path).lines())
    beside.write_text("{")
    with pytest.raises(StatementError, match=r"x\.tar\.zst\.intoto\.json: not JSON"):
        inspect_archive(packed.path)


def tarball(directory: Path, files: dict[str, str]) -> Path:
    with tarfile.open(directory / "y.tar.gz", "w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return directory / "y.tar.gz"


def test_an_installation_alone(tmp_path: Path) -> None:
    header = '#define PY_VERSION      "3.13.5"\n'
    path = tarball(tmp_path, {"python/bin/python3.13": "x", "python/include/python3.13/patchlevel.h": header})
    inspection = inspect_archive(path)
    assert (inspection.version, inspection.document, inspection.sbom) == ("3.13.5", None, None)
    shown = "\n".join(inspection.lines())
    assert "Python:        3.13.5\nDescription:   none: an installation alone" in shown
    make_distribution(tmp_path)
    (tmp_path / "y.tar.gz.cdx.json").write_text(add_sbom(tmp_path))
    shown = "\n".join(inspect_archive(path).lines())
    assert "SBOM:          y.tar.gz.cdx.json, urn:uuid:" in shown
    assert "  openssl 1.2  [Apache-2.0]" in shown
    (tmp_path / "y.tar.gz.cdx.json").write_text("[]")
    with pytest.raises(SbomError, match=r"y\.tar\.gz\.cdx\.json: not an SBOM"):
        inspect_archive(path)


def test_another_format(tmp_path: Path) -> None:
    plain = {
        "version": "5", "target_triple": "x86_64-unknown-linux-gnu", "python_version": "3.9.7", "optimizations": "pgo",
        "python_exe": "install/bin/python3", "licenses": ["Python-2.0"], "other": 1,
    }  # fmt: skip
    inspection = inspect_archive(tarball(tmp_path, {"python/PYTHON.json": json.dumps(plain)}))
    shown = "\n".join(inspection.lines())
    for words in ("Python:        3.9.7", "Build options: pgo", "PYTHON.json of format 5", "Licences:      Python-2.0"):
        assert words in shown
    assert inspection.as_json()["python_json"] == {key: value for key, value in plain.items() if key != "other"}


def test_something_else(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"neither PYTHON\.json nor the headers of a Python"):
        inspect_archive(tarball(tmp_path, {"README": "x"}))
    with pytest.raises(ArchiveError, match="as member 2, expected"):
        inspect_archive(tarball(tmp_path, {"README": "x", "python/PYTHON.json": "{}"}))
    with pytest.raises(ArchiveError, match="no members"):
        inspect_archive(tarball(tmp_path, {}))


@pytest.mark.parametrize("version", ["0", "7"])
def test_what_was_left_out_is_told_in_every_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(archive, "_LEVEL", 3)
    out, document = make_distribution(tmp_path)
    if version != "0":
        (out / "python/PYTHON.json").write_text(to_later(document, version).to_text())
    (out / "python" / RECORD).write_text(Record({"_bz2": WITHOUT}, {"tkinter": NO_TK}).to_text())
    inspection = inspect_archive(pack(out, tmp_path / "x.tar.zst", 0).path)
    assert {f"  _bz2: {WITHOUT}", f"  tkinter: {NO_TK}"} <= set(inspection.lines())
    assert inspection.as_json()["left_out"] == {"extensions": {"_bz2": WITHOUT}, "packages": {"tkinter": NO_TK}}
