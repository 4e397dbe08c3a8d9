"""What is built for the table of build times, and what is computed from it."""

from __future__ import annotations

import sys

import pytest

from benchmarks import build_time
from benchmarks.build_time import AGAIN, COLD, SECOND, STEP_BY_STEP, Measured, as_text, builds


def test_a_second_option_finds_the_cache_of_the_first() -> None:
    first, second = builds("pgo+lto", "noopt", ["--profile-task", "quick"])
    assert (first.name, second.name) == (COLD, SECOND)
    assert first.cache == second.cache
    assert first.flags == ("--options", "pgo+lto", "--profile-task", "quick")
    assert second.flags == ("--options", "noopt", "--profile-task", "quick")


def test_step_by_step_is_cold_too() -> None:
    cold, again, slow = builds("noopt", "", [])
    assert [build.name for build in (cold, again, slow)] == [COLD, AGAIN, STEP_BY_STEP]
    assert again.flags == cold.flags
    assert again.cache == cold.cache != slow.cache
    assert slow.flags == (*cold.flags, "--steps-at-once", "1")


def test_the_ratio_of_a_second_option() -> None:
    text = as_text({COLD: Measured(1000.0, 1800.0), SECOND: Measured(250.0, 400.0)}, 2)
    assert "cold                     1000.0 s wall   1800.0 s CPU     90% of 2 cores" in text
    assert text.splitlines()[1].endswith("80% of 2 cores")
    assert text.splitlines()[-1] == "ratio     second option / cold = 0.250"


def test_the_ratio_without_a_second_option() -> None:
    rows = {COLD: Measured(300.0, 600.0), AGAIN: Measured(0.5, 0.4), STEP_BY_STEP: Measured(400.0, 600.0)}
    assert as_text(rows, 2).splitlines()[-1] == "ratio     cold / cold, step by step = 0.750"


def test_a_dry_run_prints_commands_only(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(build_time, "measure", lambda command: pytest.fail(f"ran {command}"))
    monkeypatch.setattr(sys, "argv", ["build_time.py", "--dry-run", "--options", "pgo+lto", "--then", "lto", "--",
                                      "--profile-task", "quick"])  # fmt: skip
    build_time.main()
    commands = [line for line in capsys.readouterr().out.splitlines() if line.startswith("command")]
    assert [" ".join(line.split()[-4:]) for line in commands] == [
        "--options pgo+lto --profile-task quick", "--options lto --profile-task quick",
    ]  # fmt: skip


def test_a_second_option_is_another_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["build_time.py", "--options", "lto", "--then", "lto"])
    with pytest.raises(SystemExit) as ended:
        build_time.main()
    assert ended.value.code == 2
    assert "--then: lto" in capsys.readouterr().err


def test_what_fails_ends_with_its_last_words() -> None:
    with pytest.raises(SystemExit, match="no room left"):
        build_time.measure([sys.executable, "-c", "print('no room left'); raise SystemExit(1)"])


def test_a_command_is_measured_with_its_children() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(3_000_000))'])"
    measured = build_time.measure([sys.executable, "-c", code])
    assert measured.wall > 0
    assert measured.cpu > 0.03
