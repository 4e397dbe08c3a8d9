"""The behaviour suite itself, run by this very Python, and how it is run by a built one."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from pythonbuild import validation
from pythonbuild.validation.behaviour_tests.standard_library import IMPORT_EVERYTHING
from pythonbuild.validation.suite import parse_output, run_suite
from tests.unit.distribution.trees import make_distribution
from tests.unit.validation.rooms import FakeEnvironment, make_room

SUITE = Path(validation.__file__).with_name("behaviour_suite.py")


def run_here(directory: Path, modules: dict[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    place = {"system": "linux", "emulator": [], "patience": 1}
    (directory / "suite.json").write_text(json.dumps({"modules": modules, "omitted": ["_left_out"], "place": place}))
    run = subprocess.run([sys.executable, "-I", SUITE, "suite.json"], cwd=directory, capture_output=True, text=True,
                         timeout=120)  # fmt: skip
    parsed = parse_output(run.stdout.splitlines(), run.returncode)
    assert parsed.ending == "", run.stderr
    return parsed.failures, parsed.ran


def linkage(name: str) -> str:
    return "builtin" if name in sys.builtin_module_names else "shared"


def test_suite_on_this_python(tmp_path: Path) -> None:
    candidates = ["zlib", "_bz2", "_lzma", "_ctypes", "_hashlib", "_ssl", "pyexpat", "_elementtree", "_decimal"]
    modules = {name: linkage(name) for name in candidates if _is_there(name)}
    failures, ran = run_here(tmp_path, modules)
    assert {f"import {name}" for name in modules} <= set(ran)
    # This Python has more builtin modules than were listed, may be a virtual environment's, was not moved; a
    # distributor may have split its library into packages, or have built it without headers of newer system calls.
    allowed = {"import nothing more than is listed", "work where it stands", "work pip",
               "work ensurepip has its wheel", "work sysconfig names no path of the build",
               "work venv, with symbolic links and with copies",
               "work every module of the standard library imports",
               "work system calls that the oldest glibc has no function for"}  # fmt: skip
    assert {name: detail for name, detail in failures.items() if name not in allowed} == {}
    assert "work zlib" in ran
    assert not any("SQLite" in name for name in ran)


def _is_there(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    other = "shared" if linkage("math") == "builtin" else "builtin"
    failures, _ = run_here(tmp_path, {"no_such_module": "builtin", "math": other})
    assert "No module named 'no_such_module'" in failures["import no_such_module"]
    assert f"expected {other}" in failures["import math"]


def test_how_it_is_run(tmp_path: Path) -> None:
    out, document = make_distribution(tmp_path)
    room = make_room(tmp_path)
    assert run_suite(room, out / "python", document, "linux").ending == ""
    assert isinstance(room.environment, FakeEnvironment)
    command = room.environment.commands[0]
    assert command.argv[0] == "/sources/install/bin/python3.13"
    assert command.cwd == "/build"
    assert {mount.target: mount.writable for mount in command.mounts} == {
        "/sources": False, "/recipe": False, "/build": True,
    }  # fmt: skip
    assert room.environment.scripts == [{"behaviour_suite.py", "behaviour_tests", "suite.json"}]


def test_an_emulated_room_gives_the_interpreter_to_the_emulator(tmp_path: Path) -> None:
    out, document = make_distribution(tmp_path)
    room = make_room(tmp_path, ("/usr/bin/qemu", "-cpu", "old"))
    run_suite(room, out / "python", document, "linux")
    assert isinstance(room.environment, FakeEnvironment)
    argv = room.environment.commands[0].argv
    assert argv[:4] == ("/usr/bin/qemu", "-cpu", "old", "/sources/install/bin/python3.13")
    assert room.patience > 1


@pytest.mark.parametrize(
    ("lines", "status", "ending"),
    [
        ([], 1, "the suite ended with status 1"),
        (["{}", "[]", "3"], 0, "the suite ended with status 0: [] | 3"),
        (['{"done": true}'], 3, "the suite ended with status 3"),
        (['{"done": true}', "noise"], 0, ""),
    ],
)
def test_ending(lines: list[str], status: int, ending: str) -> None:
    assert parse_output(lines, status).ending == ending


@pytest.mark.parametrize(("text", "problem"), [
    ("", ""),
    ("import _gone", ""),
    ("try:\n import _gone\nexcept ImportError:\n raise ImportError('not built')", ""),
    ("import _another", "needs: No module named '_another'"),
    ("raise ImportError('no reason')", "needs: no reason"),
    ("import elsewhere", "needs: No module named 'elsewhere'"),
])  # fmt: skip
def test_modules_that_miss_what_was_left_out_are_no_failure(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "needs.py").write_text(text)
    names = ["needs", "_gone", "elsewhere"]
    library = f"import sys; sys.path.append({str(tmp_path)!r}); sys.stdlib_module_names = frozenset({names})\n"
    command = [sys.executable, "-I", "-c", library + IMPORT_EVERYTHING, "elsewhere", "_gone,tkinter"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (run.stderr.strip(), run.returncode) == (problem, 1 if problem else 0)
