from __future__ import annotations

import ctypes
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pythonbuild import host
from pythonbuild.cli.render import Renderer, choose_format
from pythonbuild.cli.render.github import GithubRenderer
from pythonbuild.cli.render.jsonlines import JsonRenderer
from pythonbuild.cli.render.plain import PlainRenderer
from pythonbuild.cli.render.text import clock, duration, printable, size
from pythonbuild.engine.events import (
    BuildFinished,
    BuildStarted,
    Event,
    FetchProgress,
    Note,
    Published,
    StepFinished,
    StepLine,
    StepProgress,
    StepStarted,
)  # fmt: skip

LOGS = Path("/cache/logs/1")


def events() -> list[Event]:
    """Return a build in which everything happens once."""
    return [
        Note("environment: sandbox"),
        FetchProgress("openssl.tar.gz", 1_000_000, 53_000_000, "upstream"),
        FetchProgress("openssl.tar.gz", 53_000_000, 53_000_000, "upstream", finished=True),
        FetchProgress("a.deb", 20_000, 20_000, finished=True),
        FetchProgress("b.deb", 22_000, 22_000, finished=True),
        BuildStarted(("root", "zlib", "tcl", "tk"), {"zlib": 3.0}, "sandbox", 2),
        StepFinished("root", "cached", 0.0, "d1"),
        StepStarted("zlib", 3.0, LOGS / "zlib.log"),
        StepStarted("tcl", None, LOGS / "tcl.log"),
        StepLine("zlib", "\x1b[32mcc\x1b[0m -c zlib.c"),
        StepLine("tcl", "::error::not ours"),
        StepProgress("tcl", 3, 40),
        StepProgress("tcl", 4, 40),
        StepProgress("tcl", 7, 40),
        Note("a package is gone", "warning"),
        StepFinished("zlib", "built", 3.21, "d2", LOGS / "zlib.log"),
        StepFinished("tcl", "failed", 64.0, "", LOGS / "tcl.log", "exit status 2",
                     ("make: *** [all] Error 2", "\x1b[1mlast\x1b[0m"), "./build-linux.py --debug-shell tcl"),
        StepFinished("tk", "skipped", 0.0, detail="needs tcl"),
        BuildFinished(False, 75.0, LOGS),
        Published(Path("/dist/cpython.tar.zst"), 32_100_000, "ab" * 32),
    ]  # fmt: skip


def clock_from(start: float) -> Callable[[], float]:
    return lambda: start


def rendered(make: Callable[[Callable[[str], None]], Renderer]) -> list[str]:
    lines: list[str] = []
    renderer = make(lines.append)
    for event in events():
        renderer.show(event)
    renderer.close()
    return lines


def test_plain() -> None:
    assert (
        rendered(lambda write: PlainRenderer(write, clock_from(5.0)))
        == """\
  0:00  note      environment: sandbox
  0:00  fetched   openssl.tar.gz  53.0 MB from upstream
  0:00  fetched   2 small files  42.0 kB
  0:00  build     4 steps in sandbox with 2 jobs
  0:00  start     zlib  (last time 3.0 s)
  0:00  start     tcl
  0:00  warning   a package is gone
  0:00  built     zlib  3.2 s
  0:00  failed    tcl  1 min 04 s: exit status 2
  | make: *** [all] Error 2
  | last
  log: /cache/logs/1/tcl.log
  re-enter: ./build-linux.py --debug-shell tcl
  0:00  skipped   tk: needs tcl

step  result         time
root  cached
zlib  built         3.2 s
tcl   failed   1 min 04 s
tk    skipped
4 steps: 1 built, 1 cached, 1 failed, 1 skipped in 1 min 15 s

/dist/cpython.tar.zst
    32.1 MB  sha256 abababababababababababababababababababababababababababababababab

logs: /cache/logs/1""".splitlines()
    )


def test_plain_tells_how_far_a_long_step_is() -> None:
    lines: list[str] = []
    now = 0.0
    renderer = PlainRenderer(lines.append, lambda: now)
    renderer.show(StepStarted("llvm", None, LOGS / "llvm.log"))
    for second in range(100):
        now = float(second)
        renderer.show(StepProgress("llvm", second, 100))
    assert lines[1:] == [
        "  0:20  progress  llvm  20 %, 20 of 100", "  0:40  progress  llvm  40 %, 40 of 100",
        "  1:00  progress  llvm  60 %, 60 of 100", "  1:20  progress  llvm  80 %, 80 of 100",
    ]  # fmt: skip


def test_plain_tells_slow_downloads() -> None:
    lines: list[str] = []
    now = 0.0
    renderer = PlainRenderer(lines.append, lambda: now)
    for second in range(50):
        now = float(second)
        renderer.show(FetchProgress("big.tar", second * 1_000_000, 99_000_000))
    assert lines == ["  0:20  fetch     big.tar  20.0 MB of 99.0 MB", "  0:40  fetch     big.tar  40.0 MB of 99.0 MB"]


def test_github() -> None:
    assert (
        rendered(lambda write: GithubRenderer(write, "TOKEN", clock_from(5.0)))
        == """\
environment: sandbox
fetched openssl.tar.gz  53.0 MB from upstream
fetched 2 small files  42.0 kB
4 steps in sandbox with 2 jobs
::warning::a package is gone
::group::zlib: built in 3.2 s
::stop-commands::TOKEN
cc -c zlib.c
::TOKEN::
::endgroup::
::group::tcl: failed in 1 min 04 s
::stop-commands::TOKEN
::error::not ours
::TOKEN::
::endgroup::
::stop-commands::TOKEN
  | make: *** [all] Error 2
  | last
  log: /cache/logs/1/tcl.log
  re-enter: ./build-linux.py --debug-shell tcl
::TOKEN::
::error title=step tcl failed::exit status 2
::group::tk: skipped in 0.0 s
::endgroup::
::group::4 steps: 1 built, 1 cached, 1 failed, 1 skipped in 1 min 15 s
::stop-commands::TOKEN
step  result         time
root  cached
zlib  built         3.2 s
tcl   failed   1 min 04 s
tk    skipped
::TOKEN::
::endgroup::

/dist/cpython.tar.zst
    32.1 MB  sha256 abababababababababababababababababababababababababababababababab

logs: /cache/logs/1""".splitlines()
    )


def test_github_escapes() -> None:
    lines: list[str] = []
    GithubRenderer(lines.append, "T").error("usage", "50% of\r\nit", 2)
    assert lines == ["::error title=usage::50%25 of%0D%0Ait"]


def test_json() -> None:
    lines = rendered(lambda write: JsonRenderer(write, clock_from(12.3456)))
    documents = [json.loads(line) for line in lines]
    assert [document["event"] for document in documents] == [type(event).__name__ for event in events()]
    assert documents[0] == {"event": "Note", "time": 12.346, "text": "environment: sandbox", "level": "info"}
    assert documents[16] == {
        "event": "StepFinished", "time": 12.346, "step": "tcl", "status": "failed", "seconds": 64.0, "digest": "",
        "log": "/cache/logs/1/tcl.log", "detail": "exit status 2",
        "tail": ["make: *** [all] Error 2", "\x1b[1mlast\x1b[0m"], "reenter": "./build-linux.py --debug-shell tcl",
    }  # fmt: skip
    assert documents[5]["expected"] == {"zlib": 3.0}


def test_json_tells_the_final_error() -> None:
    lines: list[str] = []
    JsonRenderer(lines.append, clock_from(1.0)).error("fetch", "no copy", 1)
    assert json.loads(lines[0]) == {"event": "Error", "time": 1.0, "reason": "fetch", "message": "no copy",
                                    "exit_code": 1}  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "environ", "terminal", "chosen"),
    [
        ("auto", {"TERM": "xterm"}, True, "board"),
        ("auto", {"TERM": "xterm"}, False, "plain"),
        ("auto", {"TERM": "dumb"}, True, "plain"),
        ("auto", {"GITHUB_ACTIONS": "true", "TERM": "xterm"}, True, "github"),
        ("plain", {"GITHUB_ACTIONS": "true"}, True, "plain"),
        ("board", {"TERM": "xterm"}, False, "plain"),
        ("json", {}, True, "json"),
    ],
)
def test_format(wanted: str, environ: dict[str, str], terminal: bool, chosen: str) -> None:
    assert choose_format(wanted, environ, terminal) == chosen


class Console:
    """kernel32 of a Windows whose console is so new (3), or too old (2), or no console (0)."""

    def __init__(self, age: int) -> None:
        self.age = age
        self.mode = 0

        def handle(_number: ctypes.c_uint32) -> int:
            return 7

        self.GetStdHandle = handle

    def GetConsoleMode(self, handle: ctypes.c_void_p, mode: Any) -> int:  # noqa: N802
        assert handle.value == 7
        mode._obj.value = 3
        return int(self.age > 0)

    def SetConsoleMode(self, _handle: object, mode: ctypes.c_uint32) -> int:  # noqa: N802
        self.mode = mode.value
        return int(self.age > 2)


@pytest.mark.parametrize(
    ("environ", "age", "chosen"),
    [
        ({}, 3, "board"),
        ({}, 2, "plain"),
        ({}, 0, "plain"),
        ({"TERM": "dumb"}, 3, "plain"),
        ({"TERM": "vt"}, 0, "board"),
    ],
)
def test_windows_consoles_are_asked_whether_they_draw(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], age: int, chosen: str
) -> None:
    console = Console(age)
    monkeypatch.setattr(ctypes, "WinDLL", lambda _name: console, raising=False)
    assert choose_format("auto", {}, True) == "plain"
    monkeypatch.setattr(host, "WINDOWS", True)
    assert choose_format("auto", environ, True) == chosen
    assert console.mode == (7 if age > 1 and not environ else 0)


def test_texts() -> None:
    assert [duration(value) for value in (0, 9.94, 9.96, 59.4, 59.6, 3599, 3600, 7260)] == [
        "0.0 s", "9.9 s", "10 s", "59 s", "1 min 00 s", "59 min 59 s", "1 h 00 min", "2 h 01 min"]  # fmt: skip
    assert [size(value) for value in (0, 999, 1000, 999_949, 999_951, 32_100_000, 2e12)] == [
        "0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "32.1 MB", "2000.0 GB"]  # fmt: skip
    assert [clock(value) for value in (0, 61.9, 3661)] == ["0:00", "1:01", "1:01:01"]


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("\x1b[1;31merror:\x1b[0m x\n", "error: x"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
        ("10%\r50%\r100%\r\n", "100%"),
        ("a\x07b\x00c", "a b c"),
        ("\tindented", "    indented"),
        ("cut off \x1b[3", "cut off 3"),
        ("größer …", "größer …"),
    ],
)
def test_printable(raw: str, clean: str) -> None:
    assert printable(raw) == clean


def test_board_falls_back_to_lines_until_a_step_runs() -> None:
    from pythonbuild.cli.render.board import BoardRenderer

    stream = io.StringIO()
    renderer = BoardRenderer(stream, clock_from(0.0))
    renderer.show(BuildStarted(("root",), {}, "sandbox", 2))
    renderer.show(StepFinished("root", "cached", 0.0))
    renderer.show(BuildFinished(True, 0.4, LOGS))
    renderer.close()
    assert "\x1b" not in stream.getvalue()
    assert "1 step: 1 cached in 0.4 s" in stream.getvalue()
