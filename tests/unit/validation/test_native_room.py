"""The machine itself as a room: what is run sees an empty home and writes to a copy; which machines run what."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pythonbuild import host
from pythonbuild.config.model import ROOMS, Target
from pythonbuild.config.project import Project
from pythonbuild.distribution.python_json import PythonJson
from pythonbuild.environments.base import Command
from pythonbuild.environments.native import NativeEnvironment
from pythonbuild.validation import room as room_module
from pythonbuild.validation.room import Room, make_rooms, runs_here, runs_on
from pythonbuild.validation.suite import run_suite
from tests.unit.distribution.trees import make_distribution

REPOSITORY = Path(__file__).parents[3]
KNOWN = Project(REPOSITORY).known_targets

#: Stands in for the interpreter: tells where it is and what it has, and writes beside its library.
PROGRAM = """#!{python}
import json, os, pathlib, sys, time
place = pathlib.Path(sys.argv[0])
home = os.environ.get("HOME") or os.environ["USERPROFILE"]
found = sorted(os.listdir(home))
pathlib.Path("left here").write_text("x")
(place.parent / "written").write_text("x")
given = json.loads(pathlib.Path(sys.argv[-1]).read_text())
print(json.dumps({{"begin": "work x"}}))
print(json.dumps({{"end": "work x", "ok": False, "detail": json.dumps([sys.argv, dict(os.environ), os.getcwd(), found,
                                                                     given["place"]])}}))
sys.stdout.flush()
time.sleep({sleep})
print(json.dumps({{"done": True}}))
"""


@pytest.fixture
def distribution(tmp_path: Path) -> tuple[Path, PythonJson]:
    out, document = make_distribution(tmp_path / "made")
    put_program(out / "python")
    return out / "python", document


def put_program(top: Path, sleep: int = 0) -> None:
    path = top / "install/bin/python3.13"
    path.unlink()
    path.write_text(PROGRAM.format(python=sys.executable, sleep=sleep))
    path.chmod(0o755)


def native_room(directory: Path) -> Room:
    (directory / "work").mkdir()
    return Room(NativeEnvironment(directory / "cache"), None, "", directory / "work")


def told(room: Room, top: Path, document: PythonJson) -> Any:
    run = run_suite(room, top, document, "macos")
    assert run.ending == ""
    return json.loads(run.failures["work x"])


def test_what_is_run_has_an_empty_home_and_a_copy(
    distribution: tuple[Path, PythonJson], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "of the caller")
    top, document = distribution
    before = sorted(top.rglob("*"))
    room = native_room(tmp_path)
    argv, variables, cwd, found, place = told(room, top, document)
    moved = Path(argv[0]).parents[2]
    assert argv[0] == str(moved / "install/bin/python3.13")
    assert tmp_path / "work" in moved.parents
    assert (moved / "install/bin/written").is_file()
    assert sorted(top.rglob("*")) == before, "the archive's own tree was written to"
    assert [Path(word).name for word in argv[-2:]] == ["behaviour_suite.py", "suite.json"]
    home = Path(variables.pop("HOME"))
    # Shorter than any path of a socket may be, whatever the cache directory is called.
    assert len(str(home)) < 20
    assert {variables.pop(name) for name in ("TMPDIR", "TEMP", "TMP")} == {cwd} == {str(home)}
    assert variables.pop("LC_CTYPE", "C.UTF-8") == "C.UTF-8"  # which this Python sets itself
    assert variables == {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm"}
    assert found == []
    assert place == {"system": "macos", "emulator": [], "patience": room.patience}
    assert room.patience > 1
    assert not home.exists()
    assert told(room, top, document)[0][0] == argv[0], "copied once"
    assert len(list((tmp_path / "work").iterdir())) == 1


def test_what_hangs_is_ended(
    distribution: tuple[Path, PythonJson], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top, document = distribution
    put_program(top, sleep=600)
    monkeypatch.setattr(room_module, "_LONGEST", 1.0)
    run = run_suite(native_room(tmp_path), top, document, "linux")
    assert run.ending == (
        "the suite ended with status 143: it was ended after 1 seconds, the longest that it may take"
    )  # fmt: skip


def test_an_interpreter_that_is_not_there(distribution: tuple[Path, PythonJson], tmp_path: Path) -> None:
    top, document = distribution
    (top / "install/bin/python3.13").unlink()
    run = run_suite(native_room(tmp_path), top, document, "linux")
    assert run.ending.startswith("the suite ended with status 127: ")
    shutil.rmtree(top / "install")
    with pytest.raises(FileNotFoundError):
        run_suite(native_room(tmp_path / "made"), top, document, "linux")


@pytest.mark.parametrize(("system", "machine", "triple", "runs"), [
    ("linux", "x86_64", "x86_64-unknown-linux-gnu", True),
    ("linux", "aarch64", "x86_64-unknown-linux-gnu", False),
    ("linux", "x86_64", "x86_64-pc-windows-msvc", False),
    ("linux", "x86_64", "x86_64-apple-darwin", False),
    ("windows", "AMD64", "x86_64-pc-windows-msvc", True),
    ("windows", "AMD64", "i686-pc-windows-msvc", True),
    ("windows", "AMD64", "aarch64-pc-windows-msvc", False),
    ("windows", "ARM64", "aarch64-pc-windows-msvc", True),
    ("windows", "ARM64", "x86_64-pc-windows-msvc", True),
    ("windows", "x86", "i686-pc-windows-msvc", True),
    ("windows", "x86", "x86_64-pc-windows-msvc", False),
    ("macos", "arm64", "aarch64-apple-darwin", True),
    ("macos", "x86_64", "x86_64-apple-darwin", True),
])  # fmt: skip
def test_which_machine_runs_what(system: str, machine: str, triple: str, runs: bool) -> None:
    assert runs_on(system, machine, KNOWN[triple]) == runs


@pytest.mark.parametrize(("machine", "triple", "can", "runs"), [
    ("arm64", "x86_64-apple-darwin", "arm64 x86_64", True),
    ("arm64", "x86_64-apple-darwin", "arm64", False),
    ("x86_64", "aarch64-apple-darwin", "x86_64", False),
    ("x86_64", "aarch64-apple-darwin", "arm64 x86_64", True),  # a Python for Intel's, under Rosetta
    ("x86_64", "universal2-apple-darwin", "x86_64", True),
])  # fmt: skip
def test_a_mac_is_asked_for_the_other_processor(
    machine: str, triple: str, can: str, runs: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arch = tmp_path / "arch"
    arch.write_text(f'#!/bin/sh\ncase " {can} " in *" ${{1#-}} "*) shift; exec "$@";; esac\nexit 1\n')
    arch.chmod(0o755)
    plain_run = subprocess.run

    def run(command: list[str], **options: Any) -> Any:
        assert command[0] == "/usr/bin/arch"
        return plain_run([str(arch), *command[1:]], **options)

    monkeypatch.setattr(subprocess, "run", run)
    assert runs_on("macos", machine, KNOWN[triple]) == runs


def no_root(name: str) -> tuple[Path, str]:
    raise AssertionError(name)


@pytest.mark.parametrize(("platform", "machine", "triple"), [
    ("darwin", "arm64", "aarch64-apple-darwin"), ("win32", "AMD64", "i686-pc-windows-msvc"),
    ("linux", "x86_64", "x86_64-unknown-linux-gnu"),
])  # fmt: skip
def test_the_machine_is_the_only_room(
    platform: str, machine: str, triple: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = NativeEnvironment(tmp_path / "cache")
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(sys, "platform", platform)
    rooms = make_rooms(KNOWN[triple], environment, no_root, tmp_path)
    assert set(rooms) == set(ROOMS)
    made = {name: room for name, room in rooms.items() if isinstance(room, Room)}
    assert [(name, room.root, room.emulator) for name, room in made.items()] == [("system", None, ())]
    assert rooms["glibc-floor"] == "there is one room in the environment native, the machine itself"


def test_what_does_not_run_here_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "AMD64")
    monkeypatch.setattr(sys, "platform", "win32")
    target: Target = KNOWN["aarch64-pc-windows-msvc"]
    rooms = make_rooms(target, NativeEnvironment(tmp_path), no_root, tmp_path)
    assert set(rooms.values()) == {"programs for aarch64-pc-windows-msvc do not run on this machine"}
    assert runs_here(KNOWN["x86_64-apple-darwin"]) == "programs for x86_64-apple-darwin do not run on this system"


def test_windows_has_its_own_variables(
    distribution: tuple[Path, PythonJson], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment's own side of Windows is run by tests/unit/test_windows_like.py."""
    top, _ = distribution
    room = native_room(tmp_path)
    seen: list[Command] = []
    monkeypatch.setattr(host, "WINDOWS", True)
    monkeypatch.setattr(os, "environ", {"SystemRoot": r"C:\Windows"})

    def run(_self: NativeEnvironment, command: Command, **_options: object) -> int:
        seen.append(command)
        return 0

    monkeypatch.setattr(NativeEnvironment, "run", run)
    room.run(top, ("install/bin/python3.13", "-I", "/recipe/behaviour_suite.py"), tmp_path / "scripts", print)
    (command,) = seen
    home = str(tmp_path / "work/s")
    assert command.env == {
        "PATH": r"C:\Windows\System32;C:\Windows;C:\Windows\System32\Wbem",
        **dict.fromkeys(("USERPROFILE", "APPDATA", "LOCALAPPDATA", "TMPDIR", "TEMP", "TMP"), home),
    }  # fmt: skip
    assert command.cwd == home
    assert command.argv[1:] == ("-I", str(tmp_path / "scripts/behaviour_suite.py"))
    assert command.seconds > 0
