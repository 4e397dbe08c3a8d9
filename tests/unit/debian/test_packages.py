from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pythonbuild.config.model import Lock, LockedPackage
from pythonbuild.debian.index import Index, IndexUnreadableError, Package
from pythonbuild.debian.packages import Debs, fetch_debs, package_urls
from pythonbuild.errors import FetchError, FetchTemporaryError, LockError, OfflineError
from tests.unit.debian.debmaker import lock_of

BASES = ["http://mirror.example/debian"]


def locked(name: str, version: str = "1") -> LockedPackage:
    return LockedPackage(name, version, "amd64", f"pool/{name}_{version}_amd64.deb", "a" * 64, 10)


class World:
    """Knows which files can be had, and which versions the mirror's index has."""

    def __init__(self, *there: str) -> None:
        self.there = there
        self.notes: list[str] = []
        self.asked: list[str] = []
        self.failure: type[Exception] = FetchError
        self.unreadable = False

    def fetch(self, filename: str, sha256: str, size: int, urls: Sequence[str]) -> Path:
        self.asked.append(filename)
        assert (sha256, size) == ("a" * 64, 10)
        assert urls[0].startswith(BASES[0])
        if filename not in self.there:
            raise self.failure(f"{filename}: no place has it")
        return Path(filename)

    def index(self, bases: Sequence[str], suite: str, architecture: str) -> Index:
        assert (list(bases), suite, architecture) == (BASES, "trixie", "amd64")
        if self.unreadable:
            raise IndexUnreadableError("no package index")
        names = {"b": Package("b", "2", "amd64", "pool/b_2_amd64.deb", "a" * 64, 10, False, (), ())}
        return Index("trixie", "amd64", "20260913T000000Z", names)

    def run(self, lock: Lock, *, locked: bool = False) -> Debs:
        return fetch_debs(lock, self.fetch, bases=BASES, locked=locked, note=self.notes.append, index=self.index)


def test_urls_are_the_mirrors_then_the_snapshot_archive() -> None:
    first, last = package_urls(locked("a"), "20260913T000000Z", BASES)
    assert first == "http://mirror.example/debian/pool/a_1_amd64.deb"
    assert last.endswith("/archive/debian/20260913T000000Z/pool/a_1_amd64.deb")


def test_all_files_by_name() -> None:
    lock = lock_of(locked("a"), locked("b"))
    debs = World("a_1_amd64.deb", "b_1_amd64.deb").run(lock, locked=True)
    assert debs.files == {"a": Path("a_1_amd64.deb"), "b": Path("b_1_amd64.deb")}
    assert debs.lock == lock


def test_a_missing_file_fails_if_locked() -> None:
    with pytest.raises(LockError, match=r"test-amd64: b 1 can be had nowhere.*run without --locked"):
        World("a_1_amd64.deb", "b_2_amd64.deb").run(lock_of(locked("a"), locked("b")), locked=True)


def test_otherwise_the_current_version_is_taken_and_told() -> None:
    world = World("a_1_amd64.deb", "b_2_amd64.deb")
    debs = world.run(lock_of(locked("a"), locked("b")))
    assert debs.files == {"a": Path("a_1_amd64.deb"), "b": Path("b_2_amd64.deb")}
    assert not debs.lock.locked
    assert "b 1 can be had nowhere, using 2 instead" in world.notes[0]


def test_a_current_version_that_is_missing_too_is_an_error() -> None:
    with pytest.raises(FetchError, match=r"b_2_amd64\.deb: no place has it"):
        World("a_1_amd64.deb").run(lock_of(locked("a"), locked("b")))


def test_without_network_the_file_s_own_failure_is_told() -> None:
    world = World()
    world.unreadable = True
    world.failure = FetchTemporaryError
    with pytest.raises(FetchTemporaryError, match=r"b_1_amd64\.deb"):
        world.run(lock_of(locked("b")))


def test_other_failures_end_it_at_once() -> None:
    world = World()
    world.failure = OfflineError
    with pytest.raises(OfflineError):
        world.run(lock_of(*[locked(f"p{number}") for number in range(100)]))
    assert len(world.asked) < 100
