"""The cpython recipe's profile_report.py, with a llvm-profdata that answers from a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "cpython-unix/recipes/cpython/profile_report.py"
ANSWER = """\
Instrumentation level: IR  entry_first = 0  instrument_loop_entries = 0
Total functions: 1000
Maximum function count: 330270
Number of functions with maximum count (< 1): {cold}
Number of functions with maximum count (>= 1): {run}
Top 25 functions with the largest internal block counts:
  _PyEval_EvalFrameDefault, max count = 330270
  Objects/dictobject.c;lookup, max count = 20
"""
_MESSAGE = "warning: Objects/x.c: {} {{}} Hash = 31 up to 13 count discarded [-Wbackend-plugin]"
CHANGED = _MESSAGE.format("function control flow change detected (hash mismatch)")
UNKNOWN = _MESSAGE.format("no profile data available for function")


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    tool = tmp_path / "llvm-profdata"
    tool.write_text(f"#!/bin/sh\ncat {tmp_path}/answer\n")
    tool.chmod(0o755)
    (tmp_path / "answer").write_text(ANSWER.format(cold=400, run=600))
    (tmp_path / "x.profdata").write_bytes(b"profile")
    return tmp_path


def run(bench: Path, command: str, *names: str, text: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{bench}:{os.environ['PATH']}"}
    return subprocess.run([sys.executable, SCRIPT, command, *(str(bench / name) for name in names)], input=text,
                          capture_output=True, text=True, check=False, env=environment)  # fmt: skip


def test_a_profile_is_told_of(bench: Path) -> None:
    done = run(bench, "check", "x.profdata")
    assert done.returncode == 0, done.stderr
    assert "1000 functions, 600 of them run" in done.stdout
    assert "330270 _PyEval_EvalFrameDefault" in done.stdout


def test_no_profile_and_an_empty_one(bench: Path) -> None:
    assert "there is no profile" in run(bench, "check", "none.profdata").stderr
    (bench / "empty.profdata").touch()
    assert "there is no profile" in run(bench, "check", "empty.profdata").stderr
    (bench / "answer").write_text(ANSWER.format(cold=1000, run=0))
    done = run(bench, "check", "x.profdata")
    assert done.returncode == 1
    assert "the profile is empty" in done.stderr


def told(changed: int, unknown: int) -> str:
    lines = [CHANGED.format(f"f{index}") for index in range(changed)]
    lines += [UNKNOWN.format(f"g{index}") for index in range(unknown)] * 2  # a header's function, in two files
    return "\n".join(["clang -c x.c", *lines, "x.c:1:2: warning: unused", "3 warnings generated.", ""])


def test_messages_on_the_profile_are_counted_others_passed_on(bench: Path) -> None:
    done = run(bench, "watch", "tally", text=told(2, 3))
    assert done.stdout == "clang -c x.c\nx.c:1:2: warning: unused\n"
    done = run(bench, "report", "x.profdata", "tally", "out/report.json")
    assert done.returncode == 0, done.stderr
    assert "changed to the profile: 2 functions f0 f1" in done.stdout
    report = json.loads((bench / "out/report.json").read_text())
    assert (report["functions"], report["functions_run"], report["unused"]) == (1000, 600, 5)
    assert report["hottest"][1] == {"function": "Objects/dictobject.c;lookup", "count": 20}
    assert len(report["sha256"]) == 64


def test_a_stale_profile(bench: Path) -> None:
    run(bench, "watch", "tally", text=told(40, 11))
    done = run(bench, "report", "x.profdata", "tally", "out/report.json")
    assert done.returncode == 1
    assert "not of this CPython: 40 of its 1000 functions have changed, 11 are unknown to it" in done.stderr
    assert not (bench / "out").exists()


def test_a_profdata_that_says_something_else(bench: Path) -> None:
    (bench / "answer").write_text("Total: 3\n")
    assert "does not tell 'Total functions'" in run(bench, "check", "x.profdata").stderr
