"""Terminal descriptions: the system's from wherever it keeps them, else those that the distribution brings."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import TREE, Files, System

#: The keys that an interactive Python cannot do without. setupterm() works once in a process.
KEYS = """
import curses, json, sys
try:
    curses.setupterm(sys.argv[1])
except curses.error as error:
    print(json.dumps([str(error)]))
else:
    print(json.dumps([(curses.tigetstr(key) or b"").decode("ascii") for key in ("kbs", "kcuu1")]))
"""

#: kbs, kcuu1. The emulators send what they are told to; these are what they are told when a program starts.
EXPECTED = {
    "xterm": ("\x7f", "\x1bOA"),
    "xterm-256color": ("\x7f", "\x1bOA"),
    "screen": ("\x7f", "\x1bOA"),
    "screen-256color": ("\x7f", "\x1bOA"),
    "tmux": ("\x7f", "\x1bOA"),
    "tmux-256color": ("\x7f", "\x1bOA"),
    "linux": ("\x7f", "\x1b[A"),
    "rxvt": ("\x7f", "\x1b[A"),
    "rxvt-unicode-256color": ("\x7f", "\x1b[A"),
    "alacritty": ("\x7f", "\x1bOA"),
    "xterm-kitty": ("\x7f", "\x1bOA"),
    "vt100": ("\b", "\x1bOA"),
}


def keys(system: System, terminal: str, **where: Any) -> tuple[str, ...]:
    return tuple(system.python(KEYS, terminal, **where))


def test_shipped(make_system: Callable[[Files], System]) -> None:
    system = make_system({})
    assert {name: keys(system, name) for name in EXPECTED} == EXPECTED
    (message,) = keys(system, "no-such-terminal")
    assert "terminal" in message


@pytest.mark.parametrize("option", ["--symlinks", "--copies"])
def test_shipped_in_a_virtual_environment(make_system: Callable[[Files], System], option: str) -> None:
    system = make_system({})
    status, output = system.run(f"{TREE}/install/bin/python3", "-m", "venv", "--without-pip", option, "/build/venv")
    assert status == 0, output
    assert keys(system, "xterm", program="/build/venv/bin/python") == EXPECTED["xterm"]


@pytest.mark.parametrize(
    "place", ["etc/terminfo", "lib/terminfo", "usr/share/terminfo", "usr/lib/terminfo", "usr/local/share/terminfo"]
)
def test_the_systems_come_first(make_system: Callable[[Files], System], installed: Path, place: str) -> None:
    # A "tmux" that is a vt100 tells whose description was read.
    vt100 = (installed / "install/share/terminfo/v/vt100").read_bytes()
    system = make_system({f"{place}/t/tmux": vt100})
    assert keys(system, "tmux") == EXPECTED["vt100"]
    assert keys(system, "screen") == EXPECTED["screen"]


@pytest.mark.parametrize(
    "env", [{"TERMINFO": "/opt/ti"}, {"TERMINFO_DIRS": "/nowhere:/opt/ti"}, {"HOME": "/opt/home"}], ids=str
)
def test_the_environment_comes_first(make_system: Callable[[Files], System], installed: Path,
                                     env: dict[str, str]) -> None:  # fmt: skip
    vt100 = (installed / "install/share/terminfo/v/vt100").read_bytes()
    screen = (installed / "install/share/terminfo/s/screen").read_bytes()
    files = {"opt/ti/t/tmux": vt100, "opt/home/.terminfo/t/tmux": vt100, "usr/share/terminfo/t/tmux": screen}
    assert keys(make_system(files), "tmux", env=env) == EXPECTED["vt100"]


def test_readline_knows_the_terminal(make_system: Callable[[Files], System]) -> None:
    system = make_system({})
    arguments = (f"{TREE}/install/bin/python3", "-I", "-c", "import readline")
    status, output = system.run(*arguments, env={"TERM": "no-such-terminal"})
    assert status == 0
    assert "no-such-terminal" in output, "libedit no longer says that it does not know a terminal"
    assert system.run(*arguments, env={"TERM": "xterm-256color"}) == (0, "")


def test_moved_tree(make_system: Callable[[Files], System], installed: Path) -> None:
    system = make_system({})
    moved = system.work / "säx: y z"
    shutil.copytree(
        installed / "install", moved, symlinks=True, ignore=shutil.ignore_patterns("test", "include", "*.so*")
    )
    assert keys(system, "xterm", program=f"/build/{moved.name}/bin/python3") == EXPECTED["xterm"]
