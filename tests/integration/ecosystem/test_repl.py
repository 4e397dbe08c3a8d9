"""The keys that people use at the prompt work in every usual terminal, on a machine without any terminfo.

inside/keys.py types at a pseudo-terminal and looks at the screen. With the system's descriptions missing, those that
the distribution brings along have to be found, by both line editors: libedit (through the module readline) and pyrepl,
which from 3.13 on is what people get.
"""

from __future__ import annotations

import pytest

from tests.integration.ecosystem.desktop import SCRIPTS, Desktop

_TERMINFO = ("/etc/terminfo", "/lib/terminfo", "/usr/lib/terminfo", "/usr/share/terminfo", "/usr/share/misc/termcap",
             "/etc/termcap")  # fmt: skip
_TERMINALS = ("xterm-256color", "screen", "screen-256color", "tmux", "tmux-256color", "linux")


@pytest.fixture(scope="module")
def site(desktop: Desktop) -> str:
    """A directory with the terminal emulator."""
    desktop.check(desktop.python, "-m", "pip", "install", "--quiet", "--target", "/build/site", "pyte")
    return "/build/site"


@pytest.mark.parametrize("directory", _TERMINFO)
def test_the_machine_has_no_terminfo(desktop: Desktop, directory: str) -> None:
    assert desktop.run("test", "-e", directory).status == 1


@pytest.mark.parametrize("terminal", _TERMINALS)
@pytest.mark.parametrize("repl", ["default", "basic"])
def test_keys(desktop: Desktop, site: str, terminal: str, repl: str) -> None:
    """``default`` is what starts without further ado, ``basic`` what PYTHON_BASIC_REPL=1 asks for."""
    has_pyrepl = tuple(map(int, desktop.version.split("."))) >= (3, 13)
    editor = "pyrepl" if repl == "default" and has_pyrepl else "readline"
    output = desktop.check(desktop.python, f"{SCRIPTS}/keys.py", terminal, editor, PYTHONPATH=site)
    assert output == f"{terminal} works"
