"""Newer releases are proposed with all that a pin needs; no network is one clear line."""

from __future__ import annotations

import hashlib

import pytest

from pythonbuild.config.model import Pin, ReleaseIndex, Source
from pythonbuild.errors import FetchError, SourceError
from pythonbuild.sources.update import propose
from tests.unit.sources.misbehaving import QUICK, Server, claims, file, in_turn, status

INDEX = b'<a href="3.9.1/">3.9.1/</a> <a href="3.13.5/">x</a> <a href="3.13.15/">x</a> <a href="3.13.9/">x</a>'
NEW = b"the new archive" * 1000


def source(base: str, *, pinned: str = "3.13.5", pattern: str = r'href="(3\.13\.\d+)/"', url: str = "") -> Source:
    address = url or f"{base}/{pinned}/Python-{pinned}.tar.xz"
    pin = Pin("cpython-3.13", pinned, f"Python-{pinned}.tar.xz", "0" * 64, 1, (address,))
    index = ReleaseIndex(f"{base}/index", pattern)
    return Source("cpython-3.13", "CPython", "https://home.test", "PSF-2.0", (), (pin,), release_index=index)


def test_a_newer_release_becomes_a_pin(server: Server) -> None:
    server.answers["/index"] = file(INDEX)
    server.answers["/3.13.15/Python-3.13.15.tar.xz"] = in_turn(claims(len(NEW), NEW[:10]), file(NEW))
    [proposal] = propose([source(server.url)], timing=QUICK)
    sha256 = hashlib.sha256(NEW).hexdigest()
    url = f"{server.url}/3.13.15/Python-3.13.15.tar.xz"
    assert proposal.pin == Pin("cpython-3.13", "3.13.15", "Python-3.13.15.tar.xz", sha256, len(NEW), (url,))
    assert proposal.line() == (
        "cpython-3.13: 3.13.15 is newer than the newest pin 3.13.5 "
        f"(filename Python-3.13.15.tar.xz, sha256 {sha256}, size {len(NEW)}, from {url})"
    )


def test_nothing_newer(server: Server) -> None:
    server.answers["/index"] = file(INDEX)
    assert propose([source(server.url, pinned="3.13.15")], timing=QUICK) == []


def test_other_spellings_of_a_version(server: Server) -> None:
    server.answers["/index"] = file(INDEX)
    server.answers["/R_3_13_15.tar.xz"] = file(NEW)
    [proposal] = propose([source(server.url, url=f"{server.url}/R_3_13_5.tar.xz")], timing=QUICK)
    assert proposal.pin is not None
    assert proposal.pin.filename == "Python-3.13.15.tar.xz"


def test_an_archive_that_cannot_be_found(server: Server) -> None:
    server.answers["/index"] = file(INDEX)
    [gone] = propose([source(server.url)], timing=QUICK)
    assert "Python-3.13.15.tar.xz: 127.0.0.1" in gone.line()
    assert "does not have it (404)" in gone.line()
    [unknown] = propose([source(server.url, url=f"{server.url}/3130500.tar.xz")], timing=QUICK)
    assert "see https://home.test" in unknown.line()


def test_an_index_that_cannot_be_read_is_a_note(server: Server, dead: str) -> None:
    server.answers["/index"] = file(INDEX)
    notes: list[str] = []
    sources = [source(dead), source(server.url, pinned="3.13.15"), source(server.url, pattern="(nothing)")]
    assert propose(sources, note=notes.append, timing=QUICK) == []
    assert "cannot be reached (Connection refused); its sources are not looked at" in notes[0]
    assert "matches the pattern '(nothing)'" in notes[1]


def test_no_network_is_one_line(server: Server, dead: str) -> None:
    server.answers["/index"] = status(503)
    with pytest.raises(FetchError, match="no release index could be read: found") as caught:
        propose([source(dead), source(server.url)], timing=QUICK)
    assert caught.value.exit_code == 1
    assert all(text in str(caught.value) for text in ("cannot be reached", "answered 503"))
    assert "\n" not in str(caught.value)


def test_no_index_at_all() -> None:
    with pytest.raises(SourceError, match="no source says where its releases are listed"):
        propose([])
