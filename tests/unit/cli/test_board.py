from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios
import textwrap
from pathlib import Path

from pythonbuild.cli.render.board import State, board_rows
from pythonbuild.engine.events import (
    BuildStarted,
    Event,
    FetchProgress,
    StepFinished,
    StepLine,
    StepProgress,
    StepStarted,
)

LOG = Path("/log")


def state(*timed: tuple[float, Event]) -> State:
    made = State(begin=0.0)
    for now, event in timed:
        made.update(event, now)
    return made


def running() -> State:
    return state(
        (1.0, FetchProgress("late.tar", 5_000_000, 10_000_000)),
        (2.0, BuildStarted(("root", "zlib", "openssl", "cpython"),
                           {"root": 20.0, "zlib": 3.0, "openssl": 60.0, "cpython": 120.0}, "docker", 2)),
        (2.0, StepFinished("root", "cached", 0.0)),
        (3.0, StepStarted("zlib", 3.0, LOG)),
        (3.0, StepStarted("openssl", 60.0, LOG)),
        (4.0, StepLine("openssl", "\x1b[1mcc\x1b[0m -c a/very/long/path/to/some/file.c -o some/file.o")),
        (6.0, StepFinished("zlib", "built", 3.0)),
    )  # fmt: skip


def test_wide() -> None:
    assert board_rows(running(), 13.0, 80, 24) == [
        "  openssl                0:10/1:00  cc -c a/very/long/path/to/some/file.c -o so…",
        "  ↓ ━━━━━━━━━━            50%  late.tar  5.0 MB of 10.0 MB",
        "2 of 4 steps, 1 cached   0:13   about 2:34 left",
    ]


def test_a_step_that_tells_how_far_it_is() -> None:
    board = running()
    board.update(StepProgress("openssl", 1, 4), 13.0)
    rows = board_rows(board, 13.0, 80, 24)
    assert rows[0] == "  openssl                0:10/1:00   25%  cc -c a/very/long/path/to/some/file.c…"
    # 30 s for the three quarters that are left of it, then the interpreter: two steps at once on average, at most.
    assert rows[-1] == "2 of 4 steps, 1 cached   0:13   about 2:16 left"


def test_narrow() -> None:
    assert board_rows(running(), 13.0, 30, 24) == [
        "  openssl               0:10",
        "  ↓  50%  late.tar",
        "2 of 4 steps, 1 cached   0:13…",
    ]


def test_nothing_is_wider_or_higher_than_the_terminal() -> None:
    crowded = running()
    for number in range(30):
        crowded.update(StepStarted(f"step-{number}", None, LOG), 5.0)
        crowded.update(StepLine(f"step-{number}", "x" * 500), 5.0)
        crowded.update(FetchProgress(f"file-{number}", number, 0), 5.0)
    for width in (1, 9, 20, 63, 64, 200):
        for height in (1, 3, 5, 24, 80):
            rows = board_rows(crowded, 9.0, width, height)
            assert max(map(len, rows)) <= width
            assert len(rows) <= max(3, height - 1)


def test_what_does_not_fit_is_counted() -> None:
    crowded = running()
    for number in range(9):
        crowded.update(StepStarted(f"step-{number}", None, LOG), 5.0)
        crowded.update(FetchProgress(f"file-{number}", number, 0), 5.0)
    rows = board_rows(crowded, 9.0, 80, 9)
    assert rows[2] == "  … and 8 more steps"
    assert rows[5] == "  … and 8 more downloads"


def test_estimate() -> None:
    started = state((0.0, BuildStarted(("a", "b"), {"a": 10.0, "b": 30.0}, "docker", 2)))
    assert started.remaining(0.0) == 40.0
    started.update(StepStarted("a", 10.0, LOG), 0.0)
    started.update(StepStarted("b", 30.0, LOG), 0.0)
    assert started.remaining(5.0) == 25.0  # the longest step that runs
    assert started.remaining(50.0) == 0.0
    never = state((0.0, BuildStarted(("a", "b"), {"a": 10.0, "b": None}, "docker", 2)))
    assert never.remaining(0.0) is None
    assert "left" not in never.headline(1.0)


def test_before_and_after_failure() -> None:
    assert state().headline(3.0) == "preparing   0:03"
    failed = running()
    failed.update(StepFinished("openssl", "failed", 9.0), 12.0)
    assert "1 FAILED" in failed.headline(12.0)


def test_on_a_terminal(tmp_path: Path) -> None:
    """Draw on a real pseudo-terminal: the board comes, and is gone at the end; what matters stays."""
    script = tmp_path / "draw.py"
    script.write_text(
        textwrap.dedent("""\
        import sys, time
        from pathlib import Path
        from pythonbuild.cli.render import Screen
        from pythonbuild.engine.events import *
        screen = Screen("board", sys.stdout, sys.stdout)
        screen(BuildStarted(("zlib",), {"zlib": 3.0}, "sandbox", 2))
        screen(StepStarted("zlib", 3.0, Path("/log")))
        screen(StepLine("zlib", "cc -c zlib.c"))
        time.sleep(0.5)
        screen(StepFinished("zlib", "built", 0.5))
        screen(BuildFinished(True, 0.5, Path("/logs")))
        screen.close()
        """)
    )
    output = _on_terminal([sys.executable, str(script)])
    assert "cc -c zlib.c" in output
    assert "0 of 1 steps" in output
    closing = output[output.rindex("\x1b[2K") :]  # after the board was erased
    assert "1 step: 1 built in 0.5 s" in closing
    assert output.count("\x1b[?25l") == output.count("\x1b[?25h") == 1  # the cursor is back
    assert "Traceback" not in output


def _on_terminal(command: list[str]) -> str:
    pid, master = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environ = {"TERM": "xterm", "PYTHONPATH": str(Path(__file__).parents[3]), "LC_ALL": "C.UTF-8"}
        os.execve(command[0], command, environ)
    chunks = []
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.waitpid(pid, 0)
    os.close(master)
    return re.sub(r"\r\n", "\n", b"".join(chunks).decode())
