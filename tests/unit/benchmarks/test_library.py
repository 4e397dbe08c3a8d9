"""Modules of the base's library for all interpreters."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.library import LIBRARY, take_from_base
from benchmarks.pyperformance import Benchmark, Place, Task
from pythonbuild.environments.base import Command
from pythonbuild.errors import UsageError
from tests.unit.benchmarks.peers import Answering, make_peer
from tests.unit.benchmarks.test_pyperformance import answering, values


def here(work: Path) -> Answering:
    """Let this Python do what the base was to do in its room."""

    def answer(command: Command) -> tuple[int, str]:
        words = [word.replace("/build/", f"{work}/") for word in command.argv[3:]]
        done = subprocess.run([sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)  # fmt: skip
        return done.returncode, done.stdout

    return Answering(answer)


def test_packages_and_modules_are_copied_and_compiled(tmp_path: Path) -> None:
    base = make_peer("base", tmp_path, here(tmp_path)._answer)
    other = make_peer("other", tmp_path / "other")
    take_from_base(["logging", "bisect"], [base, other])
    taken = other.work / "library"
    assert {path.name for path in taken.iterdir()} == {"logging", "bisect.py", "__pycache__"}
    assert list((taken / "logging" / "__pycache__").glob("__init__.*.pyc"))
    told = subprocess.run([sys.executable, "-c", "import logging; print(logging.__file__)"], check=True, text=True,
                          env={"PYTHONPATH": str(taken)}, stdout=subprocess.PIPE).stdout  # fmt: skip
    assert told.strip() == f"{taken}/logging/__init__.py"


@pytest.mark.parametrize(("name", "found"), [("no_such", "no_such is no module"), ("sys", "sys is no module"),
                                             ("../x", "names of top-level modules")])  # fmt: skip
def test_what_is_no_module_is_refused(tmp_path: Path, name: str, found: str) -> None:
    with pytest.raises(UsageError, match=found):
        take_from_base([name], [make_peer("base", tmp_path, here(tmp_path)._answer)])


def test_two_series_have_no_library_in_common(tmp_path: Path) -> None:
    peers = [make_peer("base", tmp_path), make_peer("other", tmp_path, series="3.11")]
    with pytest.raises(UsageError, match=r"Python 3\.11 and 3\.13"):
        take_from_base(["logging"], peers)


def test_it_stands_before_everything_else(tmp_path: Path) -> None:
    peer = make_peer("debian", tmp_path, answering(values("one", 0.3)))
    place = Place({"3.13": tmp_path}, library=True)
    Task(Benchmark("b", "bm_b/run_benchmark.py"), 0, "one", 4, 3, place).turn(peer, 1)
    assert isinstance(peer.environment, Answering)
    assert peer.environment.commands[-1].env["PYTHONPATH"].startswith(f"{LIBRARY}:/tools:")
