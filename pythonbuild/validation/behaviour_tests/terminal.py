"""Terminals: descriptions, full-screen programs, line editing."""

from __future__ import annotations

import contextlib
import os
import pty
import struct
import subprocess
import tempfile
import textwrap
import threading
from pathlib import Path

from .table import LINUX, MACOS, UNIX, Skip, argv, python, run, works


def write_terminal_description(directory: str) -> None:
    """Write a compiled terminfo entry of our own, so that the test does not depend on the machine's."""
    names = b"suite|made by the behaviour suite\0"
    strings = {10: b"\x1b[%i%p1%d;%p2%dH\0", 87: b"\x1bOA\0", 5: b"\x1b[2J\0"}  # cup, kcuu1, clear
    table, offsets = b"", []
    for index in range(88):
        offsets.append(len(table) if index in strings else -1)
        table += strings.get(index, b"")
    flags = bytes([0, 1])
    numbers = [80, 8, 24]
    padding = b"\0" * ((len(names) + len(flags)) % 2)
    header = struct.pack("<6h", 0o432, len(names), len(flags), len(numbers), len(offsets), len(table))
    entry = header + names + flags + padding + struct.pack("<3h", *numbers) + struct.pack("<88h", *offsets) + table
    for folder in ("s", "73"):
        path = Path(directory, folder)
        path.mkdir(exist_ok=True)
        (path / "suite").write_bytes(entry)


@works("ncurses: terminal descriptions", "_curses", on=UNIX)
def curses_terminfo() -> None:
    code = """
        import curses, os
        curses.setupterm("suite", fd=os.open(os.devnull, os.O_WRONLY))
        assert curses.tigetstr("kcuu1") == b"\\x1bOA", curses.tigetstr("kcuu1")
        assert curses.tigetnum("cols") == 80
        assert curses.tparm(curses.tigetstr("cup"), 4, 7) == b"\\x1b[5;8H"
    """
    with tempfile.TemporaryDirectory() as directory:
        write_terminal_description(directory)
        python("-c", textwrap.dedent(code), env={**os.environ, "TERMINFO": directory})


@works("ncurses: descriptions that are brought along", "_curses", on=(LINUX,))
def curses_shipped() -> None:
    if not Path("/proc/self/exe").exists():
        raise Skip("this environment has no /proc, which tells where the interpreter is")
    # A room may have some of its own, but hardly the last one.
    require_descriptions("xterm-256color", "linux", "xterm-ghostty")


@works("ncurses: the system's descriptions", "_curses", on=(MACOS,))
def curses_of_the_system() -> None:
    require_descriptions("xterm-256color", "vt100")


def require_descriptions(*names: str) -> None:
    # setupterm() works once in a process.
    code = """
        import curses, os, sys
        curses.setupterm(sys.argv[1], fd=os.open(os.devnull, os.O_WRONLY))
        assert curses.tigetstr("kcuu1") and curses.tigetstr("kbs")
    """
    for name in names:
        python("-c", textwrap.dedent(code), name)


@works("ncurses: windows and panels on a pseudo-terminal", "_curses", "_curses_panel", on=UNIX)
def curses_windows() -> None:
    code = """
        import curses, curses.panel
        screen = curses.initscr()
        panel = curses.panel.new_panel(curses.newwin(3, 10, 2, 2))
        panel.window().addstr(1, 1, "grüße")
        curses.panel.update_panels()
        curses.doupdate()
        assert panel.window().inch(1, 1) & 0xFF == ord("g")
        curses.endwin()
    """
    try:
        controller, terminal = pty.openpty()
    except OSError as error:
        raise Skip(f"no pseudo-terminal: {error}") from error
    # Somebody has to read the terminal, or the writer waits for ever.
    reader = threading.Thread(target=drain, args=(controller,), daemon=True)
    reader.start()
    with tempfile.TemporaryDirectory() as directory:
        write_terminal_description(directory)
        environment = {**os.environ, "TERMINFO": directory, "TERM": "suite", "LINES": "24", "COLUMNS": "80"}
        run(argv("-c", textwrap.dedent(code)), stdin=terminal, stdout=terminal, stderr=subprocess.PIPE,
            env=environment)  # fmt: skip
    os.close(terminal)


def drain(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(descriptor, 4096):
            pass


@works("libedit: history and key bindings", "readline", on=UNIX)
def readline_works() -> None:
    import readline

    assert "libedit" in readline.__doc__, "is not libedit's"
    readline.parse_and_bind("bind ^I rl_complete")
    readline.clear_history()
    readline.add_history("one")
    readline.add_history("two")
    assert readline.get_current_history_length() == 2
    readline.write_history_file("history")
    readline.clear_history()
    readline.read_history_file("history")
    assert "two" in Path("history").read_text()
