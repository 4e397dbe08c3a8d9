"""The order of places, the download cache, and who may share it."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from pythonbuild.config.model import Pin
from pythonbuild.errors import FetchError, HashMismatchError, MachineError, NoSpaceError, OfflineError, UsageError
from pythonbuild.sources import cache as cache_module
from pythonbuild.sources.places import Places, WantedFile
from tests.unit.sources.misbehaving import Desk, Server, file, hangs, status, wanted

DATA = bytes(range(256)) * 2000
WRONG = DATA[::-1]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_every_place_in_its_order(server: Server, desk: Desk, tmp_path: Path) -> None:
    """No place has it: all of them were asked, in the order of the design."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    fetcher = desk.fetcher(
        source_dirs=(tmp_path,),
        mirrors=(f"{server.url}/m/", mirror.as_uri()),
        pool_bases=(f"{server.url}/debian",),
        snapshot="20261122T000000Z",
        snapshot_archive=f"{server.url}/snap",
    )
    what = wanted("a+b.tar.xz", DATA, f"{server.url}/up/1", f"{server.url}/up/2", pool="pool/main/a/a+b.orig.tar.xz")
    with pytest.raises(FetchError, match=r"a\+b.tar.xz: no place has a verified copy") as caught:
        fetcher.fetch(what)
    assert server.paths() == [
        "/up/1",
        "/up/2",
        f"/m/{what.sha256}",
        "/m/a+b.tar.xz",
        "/debian/pool/main/a/a+b.orig.tar.xz",
        "/snap/20261122T000000Z/pool/main/a/a+b.orig.tar.xz",
    ]
    assert not caught.value.temporary
    assert "does not have it (404)" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert desk.left() == []
    assert desk.progress[-1] == ("a+b.tar.xz", 0, 0)


@pytest.mark.parametrize("name", ["a.tar.xz", "a.orig.tar.xz", "v1.tar.xz", digest(DATA)])
def test_a_source_dir_is_asked_before_any_host(desk: Desk, tmp_path: Path, dead: str, name: str) -> None:
    """A file is recognised by its own name, the pool's, the address's, and its hash."""
    given = tmp_path / "given"
    given.mkdir()
    (given / name).write_bytes(DATA)
    what = wanted("a.tar.xz", DATA, f"{dead}/v1.tar.xz", pool="pool/main/a/a.orig.tar.xz")
    path = desk.fetcher(source_dirs=(given,), offline=True).fetch(what)
    assert path == desk.downloads / "a.tar.xz"
    assert path.read_bytes() == DATA
    assert (given / name).exists()


@pytest.mark.parametrize("form", ["plain", "uri"])
@pytest.mark.parametrize("by_hash", [True, False])
def test_directory_mirrors(desk: Desk, tmp_path: Path, form: str, by_hash: bool) -> None:
    what = wanted("a.tar.xz", DATA)
    (tmp_path / (what.sha256 if by_hash else what.filename)).write_bytes(DATA)
    mirror = str(tmp_path) if form == "plain" else tmp_path.as_uri()
    assert desk.fetcher(mirrors=(mirror,)).fetch(what).read_bytes() == DATA


def test_pins_and_plain_files(server: Server, desk: Desk) -> None:
    server.answers["/a"] = file(DATA)
    pin = Pin("x", "1", "x-1.tar", digest(DATA), len(DATA), (f"{server.url}/a",))
    fetcher = desk.fetcher()
    assert not fetcher.have(pin)
    assert fetcher.fetch(pin).read_bytes() == DATA
    assert fetcher.have(pin)
    assert fetcher.nearby(pin)
    assert fetcher.fetch_file("x.deb", digest(DATA), len(DATA), [f"{server.url}/a"]).name == "x.deb"


def test_cached_files_are_verified_once_in_a_process(
    server: Server, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/a"] = file(DATA)
    what = wanted("a", DATA, f"{server.url}/a")
    desk.fetcher().fetch(what)
    hashed: list[Path] = []
    real = cache_module.sha256_of

    def spy(path: Path) -> str:
        hashed.append(path)
        return real(path)

    monkeypatch.setattr(cache_module, "sha256_of", spy)
    fetcher = desk.fetcher()
    fetcher.fetch(what)
    fetcher.fetch(what)
    assert len(hashed) == 1
    assert len(server.requests) == 1


def test_a_corrupt_cached_file_is_set_aside_and_fetched_again(server: Server, desk: Desk) -> None:
    server.answers["/a"] = file(DATA)
    what = wanted("a", DATA, f"{server.url}/a")
    desk.downloads.mkdir()
    (desk.downloads / "a").write_bytes(WRONG)
    assert desk.fetcher().fetch(what).read_bytes() == DATA
    kept = f"bad/a.{digest(WRONG)[:12]}"
    assert desk.left() == ["a", kept]
    assert (desk.downloads / kept).read_bytes() == WRONG
    [note] = desk.notes
    assert all(text in note for text in (digest(WRONG), digest(DATA), kept))


def test_wrong_content_is_an_error_with_both_hashes(server: Server, desk: Desk) -> None:
    server.answers["/a"] = file(WRONG)
    with pytest.raises(HashMismatchError) as caught:
        desk.fetcher().fetch(wanted("a.tar", DATA, f"{server.url}/a"))
    kept = f"bad/a.tar.{digest(WRONG)[:12]}"
    assert desk.left() == [kept]
    text = str(caught.value)
    assert all(part in text for part in ("a.tar", f"{server.url}/a", digest(WRONG), digest(DATA), kept))


def test_after_wrong_content_the_next_place_is_tried(server: Server, desk: Desk, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "a").write_bytes(b"short and wrong")
    server.answers["/bad"] = file(WRONG)
    server.answers["/good"] = file(DATA)
    what = wanted("a", DATA, f"{server.url}/bad", f"{server.url}/good")
    assert desk.fetcher(source_dirs=(given,)).fetch(what).read_bytes() == DATA
    assert len(desk.notes) == 2
    assert str(given / "a") in desk.notes[0]
    assert digest(b"short and wrong") in desk.notes[0]
    assert digest(WRONG) in desk.notes[1]
    assert (given / "a").read_bytes() == b"short and wrong"


def test_wrong_content_in_a_source_dir(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(WRONG)
    with pytest.raises(HashMismatchError, match="left where it is"):
        desk.fetcher(source_dirs=(tmp_path,)).fetch(wanted("a", DATA))


def test_offline_asks_nobody(server: Server, desk: Desk) -> None:
    server.answers["/a"] = file(DATA)
    what = wanted("a.tar", DATA, f"{server.url}/a")
    with pytest.raises(OfflineError) as caught:
        desk.fetcher(offline=True, mirrors=(server.url,)).fetch(what)
    assert all(part in str(caught.value) for part in ("a.tar", str(desk.downloads), what.sha256, f"{server.url}/a"))
    assert server.requests == []
    with pytest.raises(OfflineError, match=r"2 files are not in the download cache.*found no a.tar, b.tar"):
        desk.fetcher(offline=True).fetch_all([what, wanted("b.tar", WRONG, f"{server.url}/b")])
    assert desk.left() == []


def test_many_files_in_parallel_and_one_error_for_all(server: Server, desk: Desk) -> None:
    contents = {f"f{number}": os.urandom(5000) for number in range(20)}
    for name, data in contents.items():
        server.answers[f"/{name}"] = file(data)
    files = [wanted(name, data, f"{server.url}/{name}") for name, data in contents.items()]
    paths = desk.fetcher().fetch_all(files)
    assert [path.read_bytes() for path in paths] == list(contents.values())
    gone = [wanted(f"g{number}", str(number).encode(), f"{server.url}/g{number}") for number in range(8)]
    with pytest.raises(
        FetchError, match=r"8 files could not be had \(g0, g1, .* and 2 more\): found 127.0.0.1:\d+ does"
    ):
        desk.fetcher().fetch_all([*files, *gone])


def test_a_failed_file_does_not_stop_the_others(server: Server, desk: Desk) -> None:
    server.answers["/b"] = file(DATA)
    with pytest.raises(FetchError, match="a: no place has"):
        desk.fetcher(jobs=1).fetch_all([wanted("a", WRONG, f"{server.url}/a"), wanted("b", DATA, f"{server.url}/b")])
    assert desk.left() == ["b"]


def test_unexpected_exceptions_are_raised(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    fetcher = desk.fetcher()
    monkeypatch.setattr(fetcher, "fetch", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fetcher.fetch_all([wanted("a", DATA)])


def test_cancel_ends_a_running_fetch_soon(server: Server, desk: Desk) -> None:
    server.answers["/a"] = status(503)
    fetcher = desk.fetcher(timing=desk.timing(backoff=30))
    threading.Timer(0.2, fetcher.cancel).start()
    began = time.monotonic()
    assert fetcher.fetch_all([wanted("a", DATA, f"{server.url}/a")]) == []
    assert time.monotonic() - began < 3


def test_progress_is_told(server: Server, desk: Desk) -> None:
    server.answers["/a"] = file(DATA)
    desk.fetcher().fetch(wanted("a", DATA, f"{server.url}/a"))
    assert desk.progress[-1] == ("a", len(DATA), len(DATA))
    assert [done for _, done, _ in desk.progress] == sorted(done for _, done, _ in desk.progress)


def test_two_fetchers_fetch_a_file_once(server: Server, desk: Desk) -> None:
    """The second waits for the first, then finds the file in the cache."""
    server.answers["/a"] = hangs(DATA, sent=1000)
    what = wanted("a", DATA, f"{server.url}/a")
    results: list[Path] = []
    patient = desk.timing(read=10, stall=10)
    threads = [
        threading.Thread(target=lambda: results.append(desk.fetcher(timing=patient).fetch(what))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    while not (desk.downloads / "partial" / what.sha256).exists() or not server.requests:
        time.sleep(0.01)
    time.sleep(0.2)
    assert len(server.requests) == 1
    server.answers["/a"] = file(DATA)
    server.released.set()  # the first connection breaks, the same fetcher resumes
    for thread in threads:
        thread.join()
    assert [path.read_bytes() for path in results] == [DATA, DATA]
    assert len(server.requests) == 2
    assert desk.left() == ["a"]


def test_waiting_for_another_build_is_told(server: Server, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers["/a"] = file(DATA)
    what = wanted("a", DATA, f"{server.url}/a")
    part = desk.downloads / "partial" / what.sha256
    part.parent.mkdir(parents=True)
    with part.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        threading.Timer(1.3, lambda: fcntl.flock(other, fcntl.LOCK_UN)).start()
        assert desk.fetcher().fetch(what).read_bytes() == DATA
    assert desk.notes == ["a: waiting for another build that is fetching it"]


def test_a_part_that_was_complete_when_its_build_was_killed(desk: Desk) -> None:
    what = wanted("a", DATA)
    (desk.downloads / "partial").mkdir(parents=True)
    (desk.downloads / "partial" / what.sha256).write_bytes(DATA)
    assert desk.fetcher(offline=True).fetch(what).read_bytes() == DATA
    assert desk.left() == ["a"]


def test_no_space_is_known_before_a_transfer(server: Server, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers["/a"] = file(DATA)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=17))
    with pytest.raises(NoSpaceError, match=f"found 17 bytes free, expected {len(DATA)} bytes"):
        desk.fetcher().fetch_all([wanted("a", DATA, f"{server.url}/a")] * 3)
    assert desk.left() == []


def test_no_space_in_the_middle(server: Server, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers["/a"] = file(DATA)
    real = os.write

    def write(descriptor: int, data: memoryview) -> int:
        if len(data) > 100_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(NoSpaceError, match="no space left: found No space left on device; free some"):
        desk.fetcher().fetch(wanted("a", DATA, f"{server.url}/a"))
    assert desk.left() == []


def test_a_cache_that_cannot_be_written(desk: Desk) -> None:
    desk.downloads.write_text("a file stands where the directory should be")
    with pytest.raises(MachineError, match=r"the download cache cannot be used.*--cache-dir"):
        desk.fetcher().fetch(wanted("a", DATA))


def test_wrong_places_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--source-dir: .*absent is not a directory"):
        Places(source_dirs=(tmp_path / "absent",))
    for mirror in ("s3://bucket", "http://", "", "http://[::1/", "http://x:99999/"):
        with pytest.raises(UsageError, match="--mirror: not an address"):
            Places(mirrors=(mirror,))
    with pytest.raises(UsageError, match=r"--mirror: .*absent is not a directory"):
        Places(mirrors=((tmp_path / "absent").as_uri(),))


def test_messages_hold_no_password(server: Server, dead: str, desk: Desk) -> None:
    server.answers["/a"] = file(b"abc")
    for base, error in ((dead, FetchError), (server.url, HashMismatchError)):
        mirror = base.replace("http://", "http://me:secret@")
        with pytest.raises(error) as caught:
            desk.fetcher(mirrors=(mirror,)).fetch(WantedFile("a", "0" * 64, 3))
        assert "secret" not in str(caught.value)
        assert base.removeprefix("http://") in str(caught.value)
