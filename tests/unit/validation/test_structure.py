"""What is wrong with an archive's members is seen by the right check, and never written to the disk."""

from __future__ import annotations

import errno
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from pythonbuild.distribution.archive import ArchiveError, pack
from pythonbuild.errors import NoSpaceError
from pythonbuild.validation import members
from tests.unit.validation.bench import Bench, assert_refused

Member = tuple[tarfile.TarInfo, bytes]
Change = Callable[[list[Member]], object]


def read(path: Path) -> list[Member]:
    data = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [(info, file.read() if (file := tar.extractfile(info)) else b"") for info in tar]


def write(path: Path, rows: list[Member]) -> Path:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
        for info, content in rows:
            tar.addfile(info, io.BytesIO(content))
    path.write_bytes(zstandard.ZstdCompressor(level=1).compress(buffer.getvalue()))
    return path


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def spoilt(bench: Bench, directory: Path, change: Change) -> Path:
    """Write the bench's archive with a change."""
    rows = read(pack(bench.out, directory / "right.tar.zst", 1700000000).path)
    change(rows)
    return write(directory / "wrong.tar.zst", rows)


def new(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644, content: bytes = b"") -> Member:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.size, info.mtime = kind, link, mode, len(content), 1700000000
    info.uname = info.gname = "root"
    return info, content


def add(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644, content: bytes = b"") -> Change:
    return lambda rows: rows.append(new(name, kind, link, mode, content))


def change(name: str, **values: object) -> Change:
    def apply(rows: list[Member]) -> None:
        info = next(info for info, _ in rows if info.name == name)
        for key, value in values.items():
            setattr(info, key, value)

    return apply


OS = "python/install/lib/python3.13/os.py"
SYMBOLIC = tarfile.SYMTYPE

#: (what is spoilt, the check that must see it, words of its finding)
CASES: dict[str, tuple[Change, str, str]] = {
    "another first member": (lambda rows: rows.insert(0, rows.pop()), "structure-first-member",
                             "the first member, expected python/PYTHON.json"),
    "an absolute path": (add("/python/install/evil"), "structure-names", "'/python/install/evil': an absolute path"),
    "a way out": (add("python/install/../../evil"), "structure-names", "a path with .."),
    "beside the tree": (add("evil"), "structure-names", "'evil': not below python/"),
    "a longer form": (add("python/./install/x"), "structure-names", "not in its shortest form"),
    "not UTF-8": (add("python/install/\udcff"), "structure-names", "not UTF-8 text"),
    "unprintable": (add("python/install/a\nb"), "structure-names", "unprintable"),
    "inside a link": (lambda rows: rows.extend([new("python/install/there", SYMBOLIC, "lib"),
                                                new("python/install/there/x")]),
                      "structure-names", "python/install/there/x: lies inside a symbolic link"),
    "inside a file": (add(f"{OS}/x"), "structure-names", f"{OS}/x: cannot be unpacked: "),
    "a name that no file system takes": (add(f"python/install/{'x' * 300}"), "structure-names", "File name too long"),
    "another directory": (add("python/lib/x"), "structure-prefixes",
                          "python/lib/x: expected PYTHON.json, SBOM.cdx.json"),
    "a file twice": (add(OS), "structure-duplicates", f"{OS}: occurs 2 times"),
    "a link where a file is": (add(OS, SYMBOLIC, "abc.py"), "structure-duplicates", f"{OS}: occurs 2 times"),
    "a hard link": (add("python/install/x", tarfile.LNKTYPE, OS), "structure-kinds", "python/install/x: a hard link"),
    "a pipe": (add("python/install/x", tarfile.FIFOTYPE), "structure-kinds", "python/install/x: a named pipe"),
    "a device": (add("python/install/x", tarfile.CHRTYPE), "structure-kinds", "python/install/x: a character device"),
    "a kind that nobody knows": (add("python/install/x", b"Z"), "structure-kinds", "a member of type b'Z'"),
    "an absolute link": (add("python/install/x", SYMBOLIC, "/etc/passwd", 0o777), "structure-links",
                         "points to /etc/passwd, an absolute path"),
    "a link out": (add("python/install/x", SYMBOLIC, "../../x", 0o777), "structure-links", "../../x, which is outside"),
    "a link to nothing": (add("python/install/x", SYMBOLIC, "y", 0o777), "structure-links",
                          "points to y, which is not in the archive"),
    "a link to itself": (add("python/install/x", SYMBOLIC, "x", 0o777), "structure-links", "points to x, which is not"),
    "a link out through another": (
        lambda rows: rows.extend([new("python/install/a", SYMBOLIC, "../build"),
                                  new("python/install/b", SYMBOLIC, "lib/../lib/python3.13/../../a/../..", 0o777)]),
        "structure-links", "python/install/b: leads through another link to outside"),
    "everybody may write": (change(OS, mode=0o666), "structure-modes", f"{OS}: mode 0666, expected 0644 or 0755"),
    "set-user-id": (change("python/install/bin/python3.13", mode=0o4755), "structure-modes", "mode 4755"),
    "a closed directory": (change("python/install", mode=0o700), "structure-modes", "python/install: mode 0700"),
    "another owner": (change(OS, uid=1000, uname="me"), "structure-owners", f"{OS}: belongs to 1000 (me) and 0 (root)"),
    "another time": (change(OS, mtime=1700000001), "structure-owners", f"{OS}: time 1700000001, the first"),
    "another order": (lambda rows: rows.append(rows.pop(1)), "structure-order", "python/build: stands after"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_wrong(bench: Bench, tmp_path: Path, name: str) -> None:
    spoil, identifier, words = CASES[name]
    beside = sorted(tmp_path.parent.iterdir())
    spoilt(bench, tmp_path, spoil)
    assert_refused(bench.run(tmp_path / "wrong.tar.zst"), identifier, words)
    members.unpack_members(tmp_path / "wrong.tar.zst", tmp_path / "unpacked")
    assert [path.name for path in (tmp_path / "unpacked").iterdir()] == ["python"]
    assert sorted(tmp_path.parent.iterdir()) == beside


def test_right(bench: Bench, tmp_path: Path) -> None:
    report = bench.run(pack(bench.out, tmp_path / "x.tar.zst", 1700000000).path)
    others = {result.outcome for result in report.results
              if not result.id.startswith(("provenance-", "macho-", "pe-"))}  # fmt: skip
    assert others == {"passed"}, report.lines()


def test_a_repacked_archive_is_as_right(bench: Bench, tmp_path: Path) -> None:
    assert bench.run(spoilt(bench, tmp_path, lambda rows: None)).ok


def damaged(kind: str, data: bytes) -> bytes:
    middle = len(data) // 2
    return {
        "cut off": data[:middle],
        "one bit": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "the checksum": data[:-1] + bytes([data[-1] ^ 1]),
        "nothing inside": zstandard.ZstdCompressor().compress(b"\0" * 10240),
        "not a tar": zstandard.ZstdCompressor().compress(b"hello " * 1000),
    }[kind]


@pytest.mark.parametrize("kind", ["cut off", "one bit", "the checksum", "nothing inside", "not a tar"])
def test_what_cannot_be_read_to_its_end_is_looked_at_no_further(bench: Bench, tmp_path: Path, kind: str) -> None:
    path = pack(bench.out, tmp_path / "x.tar.zst", 0).path
    path.write_bytes(damaged(kind, path.read_bytes()))
    report = bench.run(path)
    assert [(result.id, result.outcome) for result in report.results] == [("structure-readable", "failed")]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip file", b"<html>"])
def test_what_is_no_archive_is_an_error(bench: Bench, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ArchiveError, match="not an archive"):
        bench.run(tmp_path / "x")
    with pytest.raises(ArchiveError, match="cannot be read"):
        bench.run(tmp_path / "no such file")


def test_a_full_disk_is_no_finding(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = pack(bench.out, tmp_path / "x.tar.zst", 0).path
    monkeypatch.setattr(members, "_write", full)
    with pytest.raises(NoSpaceError, match="no space left while unpacking"):
        bench.run(path)


def test_hard_links_are_unpacked_for_the_other_checks(bench: Bench, tmp_path: Path) -> None:
    path = spoilt(bench, tmp_path, add("python/install/x", tarfile.LNKTYPE, OS))
    members.unpack_members(path, tmp_path / "unpacked")
    assert (tmp_path / "unpacked/python/install/x").samefile(tmp_path / "unpacked" / OS)


@pytest.mark.parametrize("link", ["/etc/passwd", "python/../../x", "python/install", "nowhere"])
def test_hard_links_lead_to_files_of_the_archive_only(bench: Bench, tmp_path: Path, link: str) -> None:
    path = spoilt(bench, tmp_path, add("python/install/x", tarfile.LNKTYPE, link))
    entry = members.unpack_members(path, tmp_path / "unpacked").entries[-1]
    assert entry.skipped == f"a hard link to {link}, which is no file of the archive"
    assert not (tmp_path / "unpacked/python/install/x").exists()


def test_a_tree_has_the_members_of_its_archive(bench: Bench, tmp_path: Path) -> None:
    packed = members.unpack_members(pack(bench.out, tmp_path / "x.tar.zst", 0).path, tmp_path / "unpacked")
    tree = members.tree_members(bench.out)
    assert not tree.packed
    assert sorted((entry.name, entry.kind, entry.link) for entry in packed.entries) == [
        (entry.name, entry.kind, entry.link) for entry in tree.entries
    ]


def test_a_tree_is_looked_at_too(bench: Bench) -> None:
    (bench.top / "install/x").symlink_to("/etc/passwd")
    os.mkfifo(bench.top / "install/y")
    (bench.top / "z").mkdir()
    report = bench.run()
    assert_refused(report, "structure-links", "install/x: points to /etc/passwd, an absolute path")
    assert_refused(report, "structure-kinds", "install/y: a named pipe")
    assert_refused(report, "structure-prefixes", "python/z: expected PYTHON.json")
