"""A person at a terminal, typing at the interpreter's prompt: run as ``keys.py TERM EDITOR``.

The terminal is real for the interpreter (a pseudo-terminal) and complete for us: pyte keeps the screen that a person
would look at. Keys send what a terminal of that kind sends, which for the arrows depends on the mode that the program
has asked for. Each line that is typed calls ``tell``, which writes its argument to a file: what arrives there is what
the interpreter made of the keys, and the screen has to show that same line before it is sent.
"""

from __future__ import annotations

import fcntl
import os
import pathlib
import select
import struct
import subprocess
import sys
import termios
import time

import pyte

#: Cursor keys of a terminal without and with DECCKM, "application cursor keys"; the console of Linux does not know it.
_XTERM = {"up": ("\x1b[A", "\x1bOA"), "down": ("\x1b[B", "\x1bOB"), "right": ("\x1b[C", "\x1bOC"),
          "left": ("\x1b[D", "\x1bOD"), "home": ("\x1b[H", "\x1bOH"), "end": ("\x1b[F", "\x1bOF"),
          "delete": ("\x1b[3~", "\x1b[3~")}  # fmt: skip
_SCREEN = _XTERM | {"home": ("\x1b[1~", "\x1b[1~"), "end": ("\x1b[4~", "\x1b[4~")}
_LINUX = {name: (normal, normal) for name, (normal, _) in _SCREEN.items()}
_KEYS = {"linux": _LINUX, "screen": _SCREEN, "screen-256color": _SCREEN, "tmux": _SCREEN, "tmux-256color": _SCREEN,
         "xterm": _XTERM, "xterm-256color": _XTERM}  # fmt: skip
_PLAIN = {"enter": "\r", "backspace": "\x7f", "^H": "\x08", "^D": "\x04"}
_DECCKM = 1 << 5  # private mode 1, as pyte keeps it
_PROMPT = ">>> "
_PATIENCE = 60.0

_STARTUP = """\
import sys

def tell(text):
    with open("told", "a") as file:
        print(text, file=file)

sys.ps1 = ">>> "
"""

#: What is typed (names of keys in lists), what the line then says, what ``tell`` is called with.
_LINES: list[tuple[list[str | list[str]], str, str]] = [
    (["tell('one')"], "tell('one')", "one"),
    ([["up"]], "tell('one')", "one"),
    (["tell('ac')", ["left"] * 3, "b"], "tell('abc')", "abc"),
    (["tell('twoZ')", ["left"] * 2, ["backspace"]], "tell('two')", "two"),
    (["tell('threeZZ", ["backspace", "^H"], "')"], "tell('three')", "three"),
    (["ell('home'", ["home"], "t", ["end"], ")"], "tell('home')", "home"),
    (["tell('Zdelete')", ["home"], ["right"] * 6, ["delete"]], "tell('delete')", "delete"),
    ([["up"] * 3, ["down"]], "tell('home')", "home"),
    (["tell('ümlaut')", ["left"] * 8, ["right"], ["backspace"], "U"], "tell('Umlaut')", "Umlaut"),
]


class Terminal:
    """The interpreter on a pseudo-terminal, and its screen."""

    def __init__(self, term: str, variables: dict[str, str]) -> None:
        self.keys = _KEYS.get(term, _XTERM)
        self.screen = pyte.Screen(80, 24)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.descriptor = ours
        self.screen.write_process_input = lambda text: os.write(ours, text.encode())
        env = {"TERM": term, "HOME": os.environ["HOME"], "LC_ALL": "C.UTF-8", "PYTHONSTARTUP": "startup.py"}
        self.process = subprocess.Popen(
            [sys.executable, "-q"], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env=env | variables,
        )  # fmt: skip
        os.close(theirs)

    def send(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def press(self, key: str) -> None:
        application = _DECCKM in self.screen.mode
        self.send(_PLAIN.get(key) or self.keys[key][application])

    @property
    def line(self) -> str:
        """The line that the cursor is in; blanks at the end do not show."""
        return str(self.screen.display[self.screen.cursor.y]).rstrip()

    def look(self, seconds: float) -> None:
        """Show what the interpreter writes in this time, at least once."""
        if select.select([self.descriptor], [], [], seconds)[0]:
            try:
                data = os.read(self.descriptor, 65536)
            except OSError:  # the other end is closed
                data = b""
            self.raw += data
            self.stream.feed(data)
            if not data:
                time.sleep(seconds)

    def wait(self, line: str, told: int) -> None:
        """Wait until the cursor's line is this one and ``tell`` was called this often."""
        end = time.monotonic() + _PATIENCE
        while (self.line, len(read_told())) != (line.rstrip(), told):
            if time.monotonic() > end or self.process.poll() is not None:
                screen = "\n".join(text for text in self.screen.display if text.strip())
                sys.exit(f"expected the line {line!r} and {told} calls, found {self.line!r} and {read_told()}\n"
                         f"screen:\n{screen}\nraw: {self.raw[-300:]!r}")  # fmt: skip
            self.look(0.05)


def read_told() -> list[str]:
    return pathlib.Path("told").read_text().splitlines()


def main(term: str, editor: str) -> None:
    """Type all lines; ``editor`` is the one that has to answer: pyrepl or readline."""
    os.chdir(os.environ["HOME"])
    pathlib.Path("startup.py").write_text(_STARTUP)
    pathlib.Path("told").write_text("")
    for name in (".python_history", ".editrc", ".inputrc"):
        pathlib.Path(name).unlink(missing_ok=True)
    variables = {"PYTHON_BASIC_REPL": "1"} if editor == "readline" else {}
    terminal = Terminal(term, variables)
    terminal.wait(_PROMPT, 0)
    expected: list[str] = []
    for typed, line, told in _LINES:
        for part in typed:
            if isinstance(part, str):
                terminal.send(part)
            else:
                for key in part:
                    terminal.look(0.02)  # people are slower than a program that reads a whole buffer at once
                    terminal.press(key)
        terminal.wait(_PROMPT + line, len(expected))
        expected.append(told)
        terminal.press("enter")
        terminal.wait(_PROMPT, len(expected))
    assert read_told() == expected
    # Only pyrepl asks the terminal to mark what is pasted.
    assert (b"\x1b[?2004h" in terminal.raw) == (editor == "pyrepl"), terminal.raw
    terminal.press("^D")
    end = time.monotonic() + _PATIENCE
    while terminal.process.poll() is None and time.monotonic() < end:
        terminal.look(0.05)
    assert terminal.process.poll() == 0, "^D did not end it"
    for complaint in (b"warning", b"termcap", b"dumb"):
        assert complaint not in terminal.raw, terminal.raw
    print(f"{term} works")


if __name__ == "__main__":
    main(*sys.argv[1:])
