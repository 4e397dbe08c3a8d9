"""A series gives the newest pin that can be had, says when it is not the newest, and does not ask in vain twice."""

from __future__ import annotations

import hashlib
import json
import time

import pytest

from pythonbuild.config.model import Pin
from pythonbuild.errors import FetchError, HashMismatchError, OfflineError
from pythonbuild.sources import resolve as module
from pythonbuild.sources.resolve import resolve
from tests.unit.sources.misbehaving import Desk, Server, file

CONTENT = {version: version.encode() * 100 for version in ("3.13.18", "3.13.15", "3.13.5")}


def pins(base: str) -> list[Pin]:
    return [
        Pin(
            "cpython-3.13",
            version,
            f"{version}.tar",
            hashlib.sha256(data).hexdigest(),
            len(data),
            (f"{base}/{version}",),
        )
        for version, data in CONTENT.items()
    ]


def test_the_newest(server: Server, desk: Desk) -> None:
    server.answers["/3.13.18"] = file(CONTENT["3.13.18"])
    assert resolve(desk.fetcher(), pins(server.url), exact=False).version == "3.13.18"
    assert desk.notes == []


def test_an_older_one_with_a_note_and_no_second_request(server: Server, desk: Desk) -> None:
    server.answers["/3.13.15"] = file(CONTENT["3.13.15"])
    for _ in range(2):
        assert resolve(desk.fetcher(), pins(server.url), exact=False).version == "3.13.15"
    assert server.paths() == ["/3.13.18", "/3.13.15"]
    first, second = desk.notes
    assert first.startswith("cpython-3.13: taking 3.13.15, which is not the newest pin; 3.13.18 could not be had (127.")
    assert "does not have it (404)" in first
    assert "3.13.18 could not be had (nowhere 0 min ago, name it exactly to ask again)" in second


def test_what_was_remembered_is_asked_again(server: Server, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """… with other places, after its time, and when the exact version is named."""
    server.answers["/3.13.15"] = file(CONTENT["3.13.15"])
    resolve(desk.fetcher(), pins(server.url), exact=False)
    resolve(desk.fetcher(mirrors=(f"{server.url}/mirror",)), pins(server.url), exact=False)
    assert "/mirror/3.13.18.tar" in server.paths()
    asked = server.paths().count("/3.13.18")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + module.MEMORY + 1)
    resolve(desk.fetcher(), pins(server.url), exact=False)
    assert server.paths().count("/3.13.18") == asked + 1
    server.answers["/3.13.18"] = file(CONTENT["3.13.18"])
    assert resolve(desk.fetcher(), pins(server.url)[:1], exact=True).version == "3.13.18"
    assert resolve(desk.fetcher(), pins(server.url), exact=False).version == "3.13.18"


def test_a_memory_does_not_make_a_build_fail(server: Server, desk: Desk) -> None:
    """When nothing could be had an hour ago, everything is asked again."""
    with pytest.raises(FetchError, match=r"3\.13\.18\.tar: no place has"):
        resolve(desk.fetcher(), pins(server.url), exact=False)
    server.answers["/3.13.18"] = file(CONTENT["3.13.18"])
    assert resolve(desk.fetcher(), pins(server.url), exact=False).version == "3.13.18"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": "y"}', json.dumps({"x": None})])
def test_a_broken_memory_is_none(server: Server, desk: Desk, text: str) -> None:
    server.answers["/3.13.5"] = file(CONTENT["3.13.5"])
    desk.downloads.mkdir()
    (desk.downloads / "unavailable.json").write_text(text)
    assert resolve(desk.fetcher(), pins(server.url), exact=False).version == "3.13.5"
    assert "3.13.18, 3.13.15 could not be had" in desk.notes[-1]
    assert len(json.loads((desk.downloads / "unavailable.json").read_text())) == 2


def test_exact_takes_that_or_fails(server: Server, desk: Desk) -> None:
    server.answers["/3.13.15"] = file(CONTENT["3.13.15"])
    with pytest.raises(FetchError, match=r"3\.13\.18\.tar"):
        resolve(desk.fetcher(), pins(server.url), exact=True)
    assert resolve(desk.fetcher(), pins(server.url)[1:2], exact=True).version == "3.13.15"


def test_wrong_content_is_never_passed_over(server: Server, desk: Desk) -> None:
    server.answers["/3.13.18"] = file(CONTENT["3.13.18"][::-1])
    server.answers["/3.13.15"] = file(CONTENT["3.13.15"])
    with pytest.raises(HashMismatchError):
        resolve(desk.fetcher(), pins(server.url), exact=False)


def test_offline_takes_the_newest_in_the_cache(server: Server, desk: Desk) -> None:
    with pytest.raises(OfflineError, match=r"3\.13\.18\.tar: not in the download cache"):
        resolve(desk.fetcher(offline=True), pins(server.url), exact=False)
    desk.downloads.mkdir(exist_ok=True)
    (desk.downloads / "3.13.15.tar").write_bytes(CONTENT["3.13.15"])
    assert resolve(desk.fetcher(offline=True), pins(server.url), exact=False).version == "3.13.15"
    assert desk.notes == [
        "cpython-3.13: taking 3.13.15, which is not the newest pin; 3.13.18 could not be had (--offline)"
    ]
    assert server.requests == []


def test_a_source_dir_that_has_it_beats_the_memory(server: Server, desk: Desk) -> None:
    server.answers["/3.13.15"] = file(CONTENT["3.13.15"])
    given = desk.downloads.parent / "given"
    given.mkdir()
    resolve(desk.fetcher(source_dirs=(given,)), pins(server.url), exact=False)
    (given / "3.13.18.tar").write_bytes(CONTENT["3.13.18"])
    assert resolve(desk.fetcher(source_dirs=(given,)), pins(server.url), exact=False).version == "3.13.18"
