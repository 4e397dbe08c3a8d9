"""diffoscope, played by a script."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pythonbuild.distribution import diffoscope


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    def look(script: str) -> list[str]:
        program = tmp_path / "diffoscope"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr("shutil.which", lambda _: str(program))
        (tmp_path / "contents/first").mkdir(parents=True, exist_ok=True)
        return diffoscope.look_deeper(tmp_path / "contents")

    return look


def test_diffoscope_is_run_where_it_is_installed(played: Callable[[str], list[str]]) -> None:
    assert played('echo "$(basename "$PWD") $@"; exit 1') == [
        "diffoscope:", "contents --no-progress --exclude-directory-metadata yes first second"
    ]  # fmt: skip
    assert played("seq 500; exit 1")[-1] == "and 300 more lines"
    assert played("echo broken >&2; exit 2") == ["diffoscope:", "diffoscope ended with status 2", "broken"]


def test_diffoscope_has_nothing_to_look_at(played: Callable[[str], list[str]], tmp_path: Path) -> None:
    played("exit 0")
    shutil.rmtree(tmp_path / "contents")
    assert diffoscope.look_deeper(tmp_path / "contents") == []


def test_diffoscope_that_cannot_be_run_or_takes_too_long(
    played: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diffoscope, "_SECONDS", 0.1)
    assert played("exec sleep 5") == ["diffoscope was ended after 0.1 seconds"]
