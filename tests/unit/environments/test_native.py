from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pythonbuild.environments.base import Command
from pythonbuild.environments.native import NativeEnvironment


def command(place: Path, script: str) -> Command:
    return Command(("sh", "-c", script), {"PATH": "/usr/bin:/bin", "NAME": "a b'c"}, str(place), (), None, "", "step")


def test_a_command_has_its_own_variables_and_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of the caller")
    lines: list[str] = []
    environment = NativeEnvironment(tmp_path)
    script = 'echo "$NAME"; echo "${SECRET-unset}"; pwd; echo told >&2; exit 3'
    assert environment.run(command(tmp_path, script), on_line=lines.append) == 3
    assert lines == ["a b'c", "unset", str(tmp_path), "told"]


def test_death_by_a_signal_and_cancelling(tmp_path: Path) -> None:
    environment = NativeEnvironment(tmp_path)
    assert environment.run(command(tmp_path, "kill -9 $$"), on_line=lambda _line: None) == 128 + 9
    environment.close()
    assert environment.run(command(tmp_path, "true"), on_line=lambda _line: None) == 128 + 15


def test_reentering(tmp_path: Path) -> None:
    line = NativeEnvironment(tmp_path).reenter(command(tmp_path, ""))
    done = subprocess.run(["sh", "-c", f'{line} -c \'echo "$NAME $HOME"; pwd\''], capture_output=True, text=True,
                          check=True)  # fmt: skip
    assert done.stdout.splitlines() == ["a b'c ", str(tmp_path)]


def test_macos_takes_the_network_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert NativeEnvironment(tmp_path).missing_isolation == ("the file system", "the network")
    program = tmp_path / "sandbox-exec"
    program.write_text('#!/bin/sh\necho "$1 $2"\nshift 2\nexec "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    environment = NativeEnvironment(tmp_path)
    assert environment.missing_isolation == ("the file system",)
    lines: list[str] = []
    assert environment.run(command(tmp_path, "echo ran"), on_line=lines.append) == 0
    assert lines == ["-p (version 1)(allow default)(deny network*)", "ran"]
