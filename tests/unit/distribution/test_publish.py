"""A directory that others install from: true names only, whole at every moment, and a list that uv can read."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pythonbuild.distribution import archive
from pythonbuild.distribution import publish as module
from pythonbuild.distribution.archive import ArchiveError, DamagedArchiveError, pack
from pythonbuild.distribution.identity import identify
from pythonbuild.distribution.kinds import make_installation
from pythonbuild.distribution.names import ArchiveNameError
from pythonbuild.distribution.publish import PublishError, find_archives, publish, uv_entries
from pythonbuild.errors import NoSpaceError, OutputError, UsageError
from tests.unit.distribution.elfmaker import name_sections
from tests.unit.distribution.trees import make_distribution, make_program, write

TRIPLE = "x86_64-unknown-linux-gnu"
FULL = f"cpython-3.13.5-{TRIPLE}-noopt-0123456789ab.tar.zst"
PLAIN = f"cpython-3.13.5+20250805-{TRIPLE}-install_only.tar.gz"
STRIPPED = f"cpython-3.13.5+20250805-{TRIPLE}-install_only_stripped.tar.zst"
KEY = "cpython-3.13.5-linux-x86_64-gnu"


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_LEVEL", 3)
    monkeypatch.setattr(archive, "_WINDOW_LOG", 22)


Change = Callable[[Path], object]


def installation(directory: Path, name: str, change: Change = lambda _: None, mtime: int = 1) -> Path:
    """Pack an installation under a name, after a change of its files."""
    tree, _ = make_distribution(directory / f"full-{name}-{mtime}")
    make_installation(tree, out := directory / f"tree-{name}-{mtime}")
    change(out / "python")
    (directory / "dist").mkdir(exist_ok=True)
    if name.endswith(".zst"):
        return pack(out, directory / "dist" / name, mtime, described=False).path
    plain = pack(out, directory / "plain.tar", mtime, described=False).path
    return write(directory / "dist" / name, gzip.compress(plain.read_bytes(), mtime=0))


def full(directory: Path, name: str = FULL) -> Path:
    tree, _ = make_distribution(directory / f"full-{name}")
    (directory / "dist").mkdir(exist_ok=True)
    return pack(tree, directory / "dist" / name, 1).path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def listed(directory: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((directory / "download-metadata.json").read_text())
    return loaded


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_everything_beside_the_archive(tmp_path: Path) -> None:
    path, out = installation(tmp_path, PLAIN), tmp_path / "a place"
    write(tmp_path / "dist" / f"{PLAIN}.cdx.json", "{}")
    write(tmp_path / "dist" / f"{PLAIN}.notes", "not published")
    done = publish([path], out)
    assert files(out) == sorted(["SHA256SUMS", PLAIN, f"{PLAIN}.cdx.json", f"{PLAIN}.sha256", "download-metadata.json"])
    assert (out / PLAIN).read_bytes() == path.read_bytes()
    assert (out / f"{PLAIN}.sha256").read_text() == f"{sha256(path)}  {PLAIN}\n"
    assert (out / "SHA256SUMS").read_text() == (
        f"{sha256(path)}  {PLAIN}\n{hashlib.sha256(b'{}').hexdigest()}  {PLAIN}.cdx.json\n"
    )
    assert listed(out) == {KEY: {
        "name": "cpython", "arch": {"family": "x86_64", "variant": None}, "os": "linux", "libc": "gnu",
        "major": 3, "minor": 13, "patch": 5, "prerelease": "", "sha256": sha256(path), "variant": None,
        "url": f"{out.as_uri()}/{PLAIN.replace('+', '%2B')}", "build": "20250805",
    }}  # fmt: skip
    assert done.lines()[-1] == f"UV_PYTHON_DOWNLOADS_JSON_URL={out.as_uri()}/download-metadata.json"
    assert done.as_json()["new"] == [PLAIN]


def test_the_best_of_each_python_is_listed(tmp_path: Path) -> None:
    newer = PLAIN.replace("20250805", "20250806")
    debug = PLAIN.replace("-install", "-debug-install")
    sums = dict.fromkeys((FULL, PLAIN, STRIPPED, newer, debug, "other.txt"), "ab" * 32)
    chosen = {key: entry["url"].rpartition("/")[2] for key, entry in uv_entries(sums, "http://x").items()}
    debug_key = KEY.replace("3.13.5", "3.13.5+debug")
    assert chosen == {KEY: newer.replace("+", "%2B"), debug_key: debug.replace("+", "%2B")}
    del sums[newer]
    assert uv_entries(sums, "http://x")[KEY]["url"].endswith("stripped.tar.zst")
    assert uv_entries({FULL: ""}, "http://x")[KEY]["build"] is None


@pytest.mark.parametrize("variant", ["", "freethreaded"])
def test_of_several_options_the_fastest_is_listed(variant: str) -> None:
    options = ["noopt", "lto", "pgo", "pgo+lto", ""]
    every = ["-".join(["", *filter(None, ["+".join(filter(None, [variant, option]))])]) for option in options]
    names = [PLAIN.replace("-install", f"{option}-install") for option in every]
    while names:
        (entry,) = uv_entries(dict.fromkeys(sorted(names), "ab" * 32), "http://x").values()
        assert entry["url"].endswith(names.pop().replace("+", "%2B"))


@pytest.mark.parametrize(("triple", "options", "key", "told"), [
    ("x86_64_v3-unknown-linux-musl", "", "linux-x86_64_v3-musl", ("x86_64", "v3", "linux", "musl", None)),
    ("armv7-unknown-linux-gnueabihf", "", "linux-armv7-gnueabihf", ("armv7", None, "linux", "gnueabihf", None)),
    ("aarch64-apple-darwin", "-freethreaded+debug", "darwin-aarch64-none",
     ("aarch64", None, "darwin", "none", "freethreaded+debug")),
    ("x86_64-pc-windows-msvc", "-pgo", "windows-x86_64-none", ("x86_64", None, "windows", "none", None)),
])  # fmt: skip
def test_platforms_in_uv_s_words(triple: str, options: str, key: str, told: tuple[str | None, ...]) -> None:
    ((found, entry),) = uv_entries({f"cpython-3.14.0rc1+1-{triple}{options}-install_only.tar.gz": ""}, "x").items()
    assert found == f"cpython-3.14.0rc1{f'+{told[4]}' if told[4] else ''}-{key}"
    assert (entry["arch"]["family"], entry["arch"]["variant"], entry["os"], entry["libc"], entry["variant"]) == told
    assert (entry["patch"], entry["prerelease"]) == (0, "rc1")


def test_publishing_adds(tmp_path: Path) -> None:
    out = tmp_path / "out"
    publish([installation(tmp_path, PLAIN)], out, "https://example.org/pythons")
    mine = {"url": "https://example.org/pypy.tar.gz", "name": "pypy"}
    write(out / "download-metadata.json", json.dumps({**listed(out), "pypy-3.11": mine}))
    done = publish([installation(tmp_path, STRIPPED), tmp_path / "dist" / PLAIN], out)
    assert done.new == (STRIPPED,)
    assert done.base_url == "https://example.org/pythons", "the server's address stays until another is given"
    entries = listed(out)
    assert entries[KEY]["url"] == f"https://example.org/pythons/{STRIPPED.replace('+', '%2B')}"
    assert entries["pypy-3.11"] == mine
    assert len((out / "SHA256SUMS").read_text().splitlines()) == 2
    (out / STRIPPED).unlink()
    again = publish([tmp_path / "dist" / PLAIN], out, "http://other.example")
    assert again.new == ()
    assert listed(out)[KEY]["url"].startswith("http://other.example/"), "what was removed is listed no more"
    assert STRIPPED not in (out / "SHA256SUMS").read_text()


def test_a_full_archive_serves_uv_as_well(tmp_path: Path) -> None:
    publish([full(tmp_path)], tmp_path / "out")
    assert listed(tmp_path / "out")[KEY]["url"].endswith(FULL)


def header(text: str) -> Change:
    return lambda top: write(top / "include/python3.13/patchlevel.h", text)


def program(data: bytes) -> Change:
    def change(top: Path) -> None:
        (top / "bin/python3.13").unlink()
        write(top / "bin/python3.13", data)

    return change


def debug_headers(top: Path) -> None:
    (top / "include/python3.13").rename(top / "include/python3.13d")


def freethreaded_headers(top: Path) -> None:
    (top / "include/python3.13").rename(top / "include/python3.13t")


LIES: dict[str, tuple[str, Change, str]] = {
    "version": (PLAIN, header('#define PY_VERSION "3.13.6"'), "another version: found 3.13.6, expected 3.13.5"),
    "no version": (PLAIN, header(""), "another version: found nothing that tells one"),
    "processor": (PLAIN, program(make_program(machine=183)), "another processor: found aarch64, expected x86_64"),
    "C library": (PLAIN, program(make_program(interpreter="/lib/ld-musl-x86_64.so.1")),
                  "another C library: found musl, expected unknown-linux-gnu"),
    "debug": (PLAIN, debug_headers, "another set of build options: found debug, expected a release build"),
    "free-threaded": (PLAIN, freethreaded_headers,
                      "another set of build options: found freethreaded, expected a release build"),
    "not free-threaded": (PLAIN.replace("-install", "-freethreaded-install"), lambda _: None,
                          "another set of build options: found a release build, expected freethreaded"),
    "no debug": (PLAIN.replace("-install", "-debug-install"), lambda _: None,
                 "another set of build options: found a release build, expected debug"),
    "stripped": (STRIPPED, program(name_sections(make_program(), ".debug_info")),
                 "another kind: found debug information, expected install_only_stripped"),
    "kind": (FULL, lambda _: None, "another kind: found an archive without it, expected full"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_names_that_are_not_true(lie: str, tmp_path: Path) -> None:
    name, change, message = LIES[lie]
    path = installation(tmp_path, name, change)
    with pytest.raises(ArchiveNameError, match=message):
        publish([path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("name", "message"), [
    (FULL.replace("3.13.5", "3.13.6"), "another version: found 3.13.5, expected 3.13.6"),
    (FULL.replace("x86_64", "aarch64"), "another target: found x86_64-unknown-linux-gnu, expected aarch64"),
    (FULL.replace("noopt", "debug"), "another set of build options: found noopt, expected debug"),
    (STRIPPED, r"another kind: found an archive with PYTHON\.json, expected install_only_stripped"),
    ("mine.tar.zst", "not an archive's name"),
])  # fmt: skip
def test_full_archives_under_wrong_names(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveNameError, match=message):
        publish([full(tmp_path, name)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_format_is_what_the_suffix_says(tmp_path: Path) -> None:
    path = installation(tmp_path, PLAIN)
    other = path.rename(path.with_suffix(".zst"))
    with pytest.raises(ArchiveNameError, match=r"its name says \.zst: found the format \.gz"):
        identify(other)


def test_what_is_no_whole_archive(tmp_path: Path) -> None:
    path = installation(tmp_path, STRIPPED)
    write(path, path.read_bytes()[:-9])
    with pytest.raises(DamagedArchiveError):
        publish([path], tmp_path / "out")
    with pytest.raises(ArchiveError, match="not an archive"):
        publish([write(path, "text")], tmp_path / "out")
    with pytest.raises(UsageError, match="publish: no such file"):
        publish([tmp_path / PLAIN], tmp_path / "out")
    with pytest.raises(UsageError, match=r"publish: no archives in .*; build some, or name them"):
        find_archives(tmp_path)
    assert not (tmp_path / "out").exists()


def test_one_bad_archive_keeps_all_from_being_published(tmp_path: Path) -> None:
    good, bad = installation(tmp_path, PLAIN), installation(tmp_path, STRIPPED, header(""))
    with pytest.raises(ArchiveNameError):
        publish([good, bad], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "dist" / "cpython-3.13.5-x86_64-unknown-linux-gnu-noopt-relinked-0123456789ab.tar.zst").touch()
    assert find_archives(tmp_path / "dist") == [good, bad]


def test_another_content_under_the_same_name(tmp_path: Path) -> None:
    out = tmp_path / "out"
    publish([installation(tmp_path, PLAIN)], out)
    before = {name: (out / name).read_bytes() for name in files(out)}
    with pytest.raises(PublishError, match=r"published already, with another content.*build it with another --tag"):
        publish([installation(tmp_path, PLAIN, mtime=2)], out)
    assert {name: (out / name).read_bytes() for name in files(out)} == before


def test_an_interrupted_attempt_is_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = installation(tmp_path, PLAIN), tmp_path / "out"

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write", stop)
        with pytest.raises(KeyboardInterrupt):
            publish([path], out)
    assert files(out) == [PLAIN], "nothing is listed, and nothing is left of the attempt"
    write(out / PLAIN, "what somebody else left")
    assert publish([path], out).new == (PLAIN,)
    assert listed(out)[KEY]["sha256"] == sha256(out / PLAIN) == sha256(path)


def test_a_file_that_changes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = installation(tmp_path, PLAIN), tmp_path / "out"
    monkeypatch.setattr(module, "identify", lambda path: (identify(path)[0], "00" * 32))
    with pytest.raises(PublishError, match="changed while it was published"):
        publish([path], out)
    assert not out.exists()


@pytest.mark.parametrize(("name", "text", "message"), [
    ("SHA256SUMS", "hello\n", r"SHA256SUMS:1: not a line of checksums: found 'hello'"),
    ("download-metadata.json", "{", r"download-metadata\.json: not JSON"),
    ("download-metadata.json", '{"a": 1}', r"download-metadata\.json: not a list of downloads"),
    ("download-metadata.json", "[]", r"download-metadata\.json: not a list of downloads"),
])  # fmt: skip
def test_what_somebody_else_has_put_there(name: str, text: str, message: str, tmp_path: Path) -> None:
    path, out = installation(tmp_path, PLAIN), tmp_path / "out"
    write(out / name, text)
    with pytest.raises(PublishError, match=message):
        publish([path], out)
    assert files(out) == [name]


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = installation(tmp_path, PLAIN), tmp_path / "out"

    def full(source: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(source))

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(NoSpaceError, match=f"publish: no space left in {out}; free some"):
        publish([path], out)
    assert not out.exists()


def test_what_a_killed_attempt_has_left(tmp_path: Path) -> None:
    path, out = installation(tmp_path, PLAIN), tmp_path / "out"
    for name in (f".{PLAIN}.123", ".SHA256SUMS.7", ".download-metadata.json.99", ".mine.12", f".{PLAIN}.notes"):
        write(out / name, "half")
    publish([path], out)
    assert [name for name in files(out) if name.startswith(".")] == [f".{PLAIN}.notes", ".mine.12"]


def test_a_file_where_the_directory_belongs(tmp_path: Path) -> None:
    path = installation(tmp_path, PLAIN)
    with pytest.raises(UsageError, match=f"publish: {re.escape(str(path))} is a file: expected first the directory"):
        publish([], path)


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    path = installation(tmp_path, PLAIN)
    with pytest.raises(OutputError, match=r"publish: .* cannot be written: .*name a directory that can"):
        publish([path], write(tmp_path / "file", "") / "out")
