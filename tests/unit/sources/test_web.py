"""Hosts that lie, break, hang, or are not there."""

from __future__ import annotations

import socket
import time

import pytest

from pythonbuild.errors import FetchError, FetchTemporaryError, HashMismatchError
from tests.unit.sources.misbehaving import (
    Answer,
    Desk,
    Server,
    breaks_after,
    claims,
    file,
    hangs,
    in_turn,
    redirect,
    resets,
    status,
    trickles,
    wanted,
    without_length,
)

DATA = bytes(range(256)) * 2000
HALF = len(DATA) // 2
PAGE = b"\n<!DOCTYPE html>\n<html><body>Log in to use this network</body></html>"


@pytest.mark.parametrize(
    "answer",
    [
        file(DATA),
        without_length(DATA),
        claims(len(DATA) + 1000, DATA),
        breaks_after(HALF, DATA),
        breaks_after(len(DATA) // 8 + 1, DATA),
        in_turn(status(503), status(429), file(DATA)),
        in_turn(resets(), file(DATA)),
        in_turn(file(DATA[:HALF]), file(DATA)),
        in_turn(file(DATA[:HALF]), file(DATA, ranges=False)),
        in_turn(hangs(DATA, sent=HALF), file(DATA)),
        in_turn(hangs(), file(DATA)),
        file(DATA, Content_Encoding="gzip"),
        file(DATA, Content_Type="text/html"),
        redirect("/real"),
    ],
    ids=lambda _: "",
)
def test_it_is_had_in_the_end(server: Server, desk: Desk, answer: Answer) -> None:
    server.answers["/a"] = answer
    server.answers["/real"] = file(DATA)
    assert desk.fetcher().fetch(wanted("a", DATA, f"{server.url}/a")).read_bytes() == DATA
    assert desk.left() == ["a"]
    assert desk.notes == []


@pytest.mark.parametrize(
    ("answer", "text", "temporary"),
    [
        (status(404), "does not have it (404)", False),
        (status(403), "answered 403 Forbidden", False),
        (status(500), "answered 500 Internal Server Error", True),
        (file(PAGE), "sent a web page instead of the file", False),
        (file(DATA + b"x"), "", False),
        (file(DATA[::-1] + b"x"), f"has more than {len(DATA)} bytes", False),
        (file(DATA[:HALF]), f"has no more than {HALF} bytes", False),
        (file(DATA[:HALF], ranges=False), f"sent {HALF} of {len(DATA)} bytes", True),
        (claims(HALF, DATA), f"sent {HALF} of {len(DATA)} bytes", True),
        (resets(), "broke the connection", True),
        (hangs(), "did not answer in 0.2 s", True),
        (hangs(DATA, sent=10), "sent nothing for 0.2 s", True),
        (trickles(DATA), "bytes in 0 s", True),
        (redirect("/a"), "sends from one address to the next without end", False),
        (redirect("http://x:y/"), "an address that cannot be used (http://x:y/)", False),
        (redirect("ftp://x/y"), "an address that cannot be used (ftp://x/y)", False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_answers(server: Server, desk: Desk, answer: Answer, text: str, temporary: bool) -> None:
    """Each is one clear line, and the next place is asked; a file that ends rightly but goes on is had."""
    server.answers["/a"] = answer
    began = time.monotonic()
    if text:
        with pytest.raises(FetchError) as caught:
            desk.fetcher().fetch(wanted("a", DATA, f"{server.url}/a"))
        assert text in str(caught.value)
        assert isinstance(caught.value, FetchTemporaryError) is temporary
        assert "\n" not in str(caught.value)
    server.answers["/good"] = file(DATA)
    good = f"{server.url}/good".replace("127.0.0.1", "localhost")
    assert desk.fetcher().fetch(wanted("a", DATA, f"{server.url}/a", good)).read_bytes() == DATA
    assert desk.left() == ["a"]
    assert len(desk.notes) <= 1
    assert time.monotonic() - began < 4


def test_what_one_place_gave_is_resumed_from_the_next(server: Server, desk: Desk) -> None:
    server.answers["/half"] = file(DATA[:HALF])
    server.answers["/all"] = file(DATA)
    desk.fetcher().fetch(wanted("a", DATA, f"{server.url}/half", f"{server.url}/all"))
    assert server.requests == [("/half", ""), ("/half", f"bytes={HALF}-"), ("/all", f"bytes={HALF}-")]


def test_a_wrong_first_half_is_not_blamed_on_the_next_place(server: Server, desk: Desk) -> None:
    server.answers["/half"] = file(b"\0" * HALF)
    server.answers["/all"] = file(DATA)
    desk.fetcher().fetch(wanted("a", DATA, f"{server.url}/half", f"{server.url}/all"))
    assert server.requests[-2:] == [("/all", f"bytes={HALF}-"), ("/all", "")]
    assert desk.left() == ["a"]


def test_a_part_of_an_earlier_run_is_resumed(server: Server, desk: Desk) -> None:
    server.answers["/a"] = hangs(DATA, sent=HALF)
    what = wanted("a", DATA, f"{server.url}/a")
    with pytest.raises(FetchTemporaryError):
        desk.fetcher().fetch(what)
    assert desk.left() == [f"partial/{what.sha256}"]
    server.answers["/a"] = file(DATA)
    desk.fetcher().fetch(what)
    assert server.requests[-1] == ("/a", f"bytes={HALF}-")


def test_a_host_that_changes_its_file_ends(server: Server, desk: Desk) -> None:
    server.answers["/a"] = in_turn(file(DATA[::-1][:HALF]), file(DATA[::-1]))
    with pytest.raises(HashMismatchError):
        desk.fetcher().fetch(wanted("a", DATA, f"{server.url}/a"))


def files(server: Server, other: str, count: int = 6) -> list[tuple[str, str, bytes]]:
    """Serve some files under /good; return (bad address, good address, content) of each."""
    made = []
    for number in range(count):
        data = bytes([number]) * 1000
        server.answers[f"/good/{number}"] = file(data)
        made.append((f"{other}/{number}", f"{server.url}/good/{number}", data))
    return made


def test_a_host_that_cannot_be_reached_is_asked_once(
    server: Server, desk: Desk, dead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    knocks: list[tuple[str, int]] = []
    real = socket.create_connection

    def spy(address: tuple[str, int], timeout: float) -> socket.socket:
        knocks.append(address)
        return real(address, timeout)

    monkeypatch.setattr(socket, "create_connection", spy)
    made = files(server, dead)
    desk.fetcher().fetch_all([wanted(f"f{i}", data, bad, good) for i, (bad, good, data) in enumerate(made)])
    assert len([address for address in knocks if f":{address[1]}" in dead]) == 1
    assert desk.notes == [f"{dead[7:]} cannot be reached (Connection refused); other places are used"]


def test_many_hosts_with_the_same_trouble_are_one_note(
    server: Server, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.create_connection

    def no_upstream(address: tuple[str, int], timeout: float) -> socket.socket:
        if address[0].endswith(".test"):
            raise socket.gaierror(-2, "Name or service not known")
        return real(address, timeout)

    monkeypatch.setattr(socket, "create_connection", no_upstream)
    server.answers["/a"] = file(DATA)
    urls = [f"https://{name}.test/a" for name in "cab"]
    for _ in range(2):
        desk.fetcher().fetch_all([wanted("a", DATA, *urls, f"{server.url}/a")])
    assert desk.notes == ["a.test, b.test, c.test cannot be reached (no such name); other places are used"]


def test_a_silent_host_is_given_up(server: Server, desk: Desk) -> None:
    silent = server.url.replace("127.0.0.1", "localhost")
    made = files(server, silent)
    for number in range(len(made)):
        server.answers[f"/{number}"] = hangs()
    began = time.monotonic()
    desk.fetcher().fetch_all([wanted(f"f{i}", data, bad, good) for i, (bad, good, data) in enumerate(made)])
    assert time.monotonic() - began < 2
    assert len([path for path in server.paths() if not path.startswith("/good")]) <= 3
    assert len(desk.notes) == 1


def test_a_host_that_fails_again_and_again_is_given_up(server: Server, desk: Desk) -> None:
    ill = server.url.replace("127.0.0.1", "localhost")
    made = files(server, ill)
    for number in range(len(made)):
        server.answers[f"/{number}"] = status(502)
    desk.fetcher(jobs=1).fetch_all([wanted(f"f{i}", data, bad, good) for i, (bad, good, data) in enumerate(made)])
    assert len([path for path in server.paths() if not path.startswith("/good")]) == 3 * 3


def test_a_redirect_to_a_dead_host_does_not_condemn_the_living(server: Server, desk: Desk, dead: str) -> None:
    server.answers["/gone"] = redirect(f"{dead}/x")
    server.answers["/b"] = file(DATA)
    fetcher = desk.fetcher()
    with pytest.raises(FetchError, match="cannot be reached"):
        fetcher.fetch(wanted("a", DATA, f"{server.url}/gone"))
    assert fetcher.fetch(wanted("b", DATA, f"{server.url}/b")).exists()


def test_a_name_that_cannot_be_resolved(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", fail)
    with pytest.raises(FetchError, match=r"upstream.test cannot be reached \(no such name\)"):
        desk.fetcher().fetch(wanted("a", DATA, "https://upstream.test/a"))


def test_hosts_that_swallow_everything_cost_little_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are given all the time, the next ones a quarter of it."""

    def swallow(*_: object, **__: object) -> None:
        time.sleep(3)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", swallow)
    urls = [f"https://host{number}.test/a" for number in range(8)]
    began = time.monotonic()
    with pytest.raises(FetchError, match=r"host0.test cannot be reached \(no connection in 0.2 s\)"):
        desk.fetcher(timing=desk.timing(connect=0.2)).fetch(wanted("a", DATA, *urls))
    assert time.monotonic() - began < 2 * 0.2 + 6 * 0.05 + 0.5


def test_a_proxy_that_refuses(desk: Desk, dead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", dead)
    with pytest.raises(FetchError, match=r"upstream.test cannot be reached through the proxy \(Connection refused\)"):
        desk.fetcher().fetch(wanted("a", DATA, "https://upstream.test/a"))


def test_a_proxy_is_used(server: Server, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    server.answers["http://upstream.test/a"] = file(DATA)
    assert desk.fetcher().fetch(wanted("a", DATA, "http://upstream.test/a")).exists()


def test_tls_that_cannot_be_trusted(server: Server, desk: Desk) -> None:
    with pytest.raises(FetchError, match=r"cannot be trusted \(TLS:|broke the connection"):
        desk.fetcher().fetch(wanted("a", DATA, f"{server.url.replace('http', 'https')}/a"))
