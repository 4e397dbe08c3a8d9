"""Packing is reproducible, reading refuses what is not a whole archive."""

from __future__ import annotations

import errno
import gzip
import io
import os
import random
import shutil
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from pythonbuild.distribution import archive
from pythonbuild.distribution.archive import (
    ArchiveError,
    DamagedArchiveError,
    pack,
    read_members,
    read_metadata,
    unpack,
)
from pythonbuild.errors import NoSpaceError, OutputError

LONG = "python/install/" + "d" * 90 + "/" + "f" * 120


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real level and window cost a fifth of a second for the smallest archive."""
    monkeypatch.setattr(archive, "_LEVEL", 3)
    monkeypatch.setattr(archive, "_WINDOW_LOG", 22)


def make_tree(tree: Path, *, reverse: bool = False) -> Path:
    files = {
        "python/PYTHON.json": b"{}",
        "python/install/bin/python3.13": b"binary" * 9999,
        "python/install/lib/empty.py": b"",
        "python/build/a.o": os.urandom(0) + bytes(range(256)) * 20000,
        "python/licenses/LICENSE.é.txt": b"text",
        LONG: b"long",
    }
    for name in sorted(files, reverse=reverse):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[name])
    (tree / "python/install/bin/python3.13").chmod(0o700)
    (tree / "python/install/bin/python3").symlink_to("python3.13")
    (tree / "python/install/lib/lib-dynload").mkdir()
    return tree


def test_order_and_normal_form(tmp_path: Path) -> None:
    packed = pack(make_tree(tmp_path / "t"), tmp_path / "x.tar.zst", mtime=1000)
    infos = [member.info for member in read_members(packed.path)]
    names = [info.name for info in infos]
    assert names[0] == "python/PYTHON.json"
    assert names[1:] == sorted(names[1:])
    assert {(i.uid, i.gid, i.uname, i.gname, i.mtime) for i in infos} == {(0, 0, "root", "root", 1000)}
    modes = {info.name: (info.type, info.mode) for info in infos}
    assert modes["python/install/bin/python3.13"] == (tarfile.REGTYPE, 0o755)
    assert modes["python/build/a.o"] == (tarfile.REGTYPE, 0o644)
    assert modes["python/install/bin/python3"] == (tarfile.SYMTYPE, 0o777)
    assert modes["python/install/lib/lib-dynload"] == (tarfile.DIRTYPE, 0o755)
    assert packed.members == len(names)
    assert packed.size == packed.path.stat().st_size


def test_same_bytes_whatever_the_threads_and_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_JOB_SIZE", 1 << 20)  # several jobs in a small archive
    first = make_tree(tmp_path / "one")
    second = make_tree(tmp_path / "two", reverse=True)
    (second / "python/build/a.o").touch()
    os.utime(second / "python/PYTHON.json", (1, 1))
    old = os.umask(0o077)
    try:
        hashes = {
            pack(tree, tmp_path / "x.tar.zst", 5, threads=threads).sha256
            for tree in (first, second)
            for threads in (1, 2, 3)
        }
    finally:
        os.umask(old)
    assert len(hashes) == 1


def test_hard_links_are_packed_as_files(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "t")
    (tree / "python/build/b.o").hardlink_to(tree / "python/build/a.o")
    pack(tree, tmp_path / "x.tar.zst", 0)
    unpack(tmp_path / "x.tar.zst", tmp_path / "out")
    assert (tmp_path / "out/python/build/b.o").read_bytes() == (tree / "python/build/a.o").read_bytes()


def test_unpack_gives_the_tree_back(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "t")
    pack(tree, tmp_path / "x.tar.zst", 0)
    unpack(tmp_path / "x.tar.zst", tmp_path / "out")
    before = {path.relative_to(tree) for path in tree.rglob("*")}
    assert {path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*")} == before
    assert (tmp_path / "out" / LONG).read_bytes() == b"long"
    assert (tmp_path / "out/python/install/bin/python3").readlink() == Path("python3.13")
    assert os.access(tmp_path / "out/python/install/bin/python3.13", os.X_OK)


def test_metadata_is_read_without_the_rest(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "t")
    (tree / "python/build/big.o").write_bytes(os.urandom(30 << 20))
    packed = pack(tree, tmp_path / "x.tar.zst", 0)
    start = time.perf_counter()
    assert read_metadata(packed.path) == "{}"
    assert time.perf_counter() - start < 0.5


def test_nothing_to_pack(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"no file python/PYTHON\.json"):
        pack(tmp_path, tmp_path / "x.tar.zst", 0)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../x", "../../../python2"])
def test_links_must_stay_inside(tmp_path: Path, target: str) -> None:
    tree = make_tree(tmp_path / "t")
    (tree / "python/install/link").symlink_to(target)
    with pytest.raises(ArchiveError, match=r"python/install/link: symbolic link out of the archive"):
        pack(tree, tmp_path / "x.tar.zst", 0)
    assert not list(tmp_path.glob("*x.tar.zst*"))


def test_pipes_are_refused(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "t")
    os.mkfifo(tree / "python/install/pipe")
    with pytest.raises(ArchiveError, match="a device, pipe or socket"):
        pack(tree, tmp_path / "x.tar.zst", 0)


@pytest.mark.parametrize(("code", "error"), [(errno.ENOSPC, NoSpaceError), (errno.EACCES, OutputError)])
def test_output_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception]
) -> None:
    def write(self: object, data: bytes) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(archive._HashingSink, "write", write)
    with pytest.raises(error, match=r"x\.tar\.zst"):
        pack(make_tree(tmp_path / "t"), tmp_path / "x.tar.zst", 0)
    assert not list(tmp_path.glob("*x.tar.zst*"))


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flip(data: bytes) -> bytes:
    return data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: b"", "not an archive"),
        (lambda data: b"<html>", "not an archive"),
        (_cut, "damaged archive"),
        (_flip, "damaged archive"),
        (lambda data: data[:-1], "damaged archive"),
        (lambda data: data[:6], "damaged archive"),
        (lambda data: zstandard.compress(b"no tar" * 500), "damaged archive"),
        (lambda data: gzip.compress(zstandard.ZstdDecompressor().decompressobj().decompress(data))[:-9], "damaged"),
    ],
)
def test_bad_archive(tmp_path: Path, damage: Callable[[bytes], bytes], words: str) -> None:
    path = tmp_path / "x.tar.zst"
    pack(make_tree(tmp_path / "t"), path, 0)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ArchiveError, match=words) as caught:
        list(read_members(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.99])
def test_damage_inside_a_member_is_told_by_whoever_reads_it(tmp_path: Path, part: float) -> None:
    tree = make_tree(tmp_path / "t")
    (tree / "python/large").write_bytes(random.Random(5).randbytes(3_000_000))
    path = tmp_path / "x.tar.zst"
    pack(tree, path, 0)
    data = path.read_bytes()
    place = int(len(data) * part)
    for broken in (data[:place], data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]):
        path.write_bytes(broken)
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        with pytest.raises(DamagedArchiveError, match="damaged archive"):
            unpack(path, tmp_path / "out")


def test_absent_archive(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="cannot be read"):
        read_metadata(tmp_path / "none.tar.zst")


def _tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(buffer.getvalue())


def _info(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_first_member_must_be_the_metadata(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(_tar((_info("python/install/x"), b"x")))
    with pytest.raises(ArchiveError, match="not a distribution: found first member python/install/x"):
        read_metadata(path)
    path.write_bytes(_tar())
    with pytest.raises(ArchiveError, match="found no members"):
        read_metadata(path)
    path.write_bytes(_tar((_info("python/PYTHON.json"), b"\xff")))
    with pytest.raises(ArchiveError, match="not UTF-8"):
        read_metadata(path)


@pytest.mark.parametrize(
    "members",
    [
        [_info("python/../../evil")],
        [_info("/python/evil")],
        [_info("other/evil")],
        [_info("python/l", tarfile.SYMTYPE, "/tmp")],
        [_info("python/l", tarfile.SYMTYPE, "../..")],
        [_info("python/d", tarfile.SYMTYPE, "install"), _info("python/d/evil")],
        [_info("python/pipe", tarfile.FIFOTYPE)],
    ],
)
def test_unpacking_stays_inside(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(_tar(*((info, b"") for info in members)))
    with pytest.raises(ArchiveError):
        unpack(path, tmp_path / "out")
    assert not list(tmp_path.rglob("evil*"))
