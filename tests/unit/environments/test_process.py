from __future__ import annotations

import os
import sys
import threading
import time

import pytest

from pythonbuild.environments import process
from pythonbuild.environments.process import CANCELLED, LONGEST_LINE, ProcessGroup, lines, process_start


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([], []),
        ([b"one\ntwo\n"], ["one", "two"]),
        ([b"on", b"e\nt", b"wo"], ["one", "two"]),
        ([b"gr\xc3", b"\xbc\xc3\x9f\n"], ["grüß"]),
        ([b"\xff\n\xc3"], ["\ufffd", "\ufffd"]),
        ([b"dos\r\n\r\nlast\r"], ["dos", "", "last"]),
        ([b"a\x0bb\x85c\n"], ["a\x0bb\ufffdc"]),
    ],
)
def test_lines(chunks: list[bytes], expected: list[str]) -> None:
    assert list(lines(chunks)) == expected


def test_a_line_without_end_is_handed_on_in_pieces() -> None:
    pieces = list(lines([b"x" * LONGEST_LINE] * 3))
    assert "".join(pieces) == "x" * (3 * LONGEST_LINE)
    assert len(pieces) > 1


def test_run_returns_the_status_and_hands_on_the_output() -> None:
    output: list[str] = []
    script = "import os, sys; print('ä', os.read(0, 1), flush=True); sys.exit(3)"
    assert ProcessGroup().run([sys.executable, "-X", "utf8", "-c", script], on_line=output.append) == 3
    assert output == ["ä b''"]


def test_death_by_signal_is_128_and_its_number() -> None:
    assert ProcessGroup().run([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], on_line=print) == 137


def test_cancel_kills_what_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.2)
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    group = ProcessGroup()
    ready = threading.Event()
    statuses: list[int] = []
    thread = threading.Thread(
        target=lambda: statuses.append(group.run([sys.executable, "-c", script], on_line=lambda _line: ready.set()))
    )
    started = time.monotonic()
    thread.start()
    assert ready.wait(10)
    group.cancel()
    thread.join(10)
    assert statuses == [137]
    assert time.monotonic() - started < 10
    assert group.run([sys.executable, "-c", ""], on_line=print) == CANCELLED


def test_process_start_tells_processes_of_the_same_pid_apart() -> None:
    assert process_start(os.getpid()).isdigit()
    assert process_start(1 << 22) == ""
