"""CPython's own tests on the built archive, by the real command; and that the command notices what is broken.

The files in made/ end in every way that a file of the suite can, but by hanging. Their names are not those of tests,
because they are no tests of this project.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.integration.conftest import CACHE, REPOSITORY, Run, clean, command

MADE = Path(__file__).with_name("made")

#: Files that are quick and that between them use every library the interpreter is linked with.
QUICK = (
    "test_bz2,test_capi,test_ctypes,test_curses,test_dbm,test_getpath,test_hashlib,test_json,test_lzma,test_os,"
    "test_pyexpat,test_readline,test_site,test_sqlite3,test_sysconfig,test_uuid,test_zlib"
)


@dataclass(frozen=True)
class Told:
    """What one run of the command said."""

    status: int
    report: dict[str, Any]
    errors: str

    def tests(self, key: str) -> list[str]:
        return [entry["test"] for entry in self.report[key]]


def run_tests(archive: Path, *arguments: str, environment: str = "sandbox") -> Told:
    flags = ["test-distribution", str(archive), "--environment", environment, "--json", *arguments]
    done = subprocess.run(command(REPOSITORY, flags, CACHE), capture_output=True, text=True, check=False, env=clean())
    assert done.stdout.startswith("{"), done.stderr
    return Told(done.returncode, json.loads(done.stdout), done.stderr)


def test_a_selection_passes(first: Run, tmp_path: Path) -> None:
    tested = run_tests(first.archive, "--tests", QUICK, "--strict", "--junit", str(tmp_path / "junit.xml"))
    assert tested.tests("unexpected") == [], tested.report["unexpected"]
    assert tested.tests("stale") == []
    assert tested.status == 0, tested.errors
    outcomes = {name: file["outcome"] for name, file in tested.report["files"].items()}
    assert len(outcomes) >= len(QUICK.split(","))
    assert set(outcomes.values()) <= {"passed", "failed"}, outcomes
    assert tested.report["tests"] > 1500
    top = ET.parse(tmp_path / "junit.xml").getroot()
    assert (top.get("failures"), int(top.get("tests", "0"))) == ("0", tested.report["tests"])


def test_on_the_machine_itself(first: Run) -> None:
    """As on macOS and on Windows: nothing is mounted, and the paths are long ones of the cache."""
    tested = run_tests(first.archive, "--tests", "test_asyncio.test_unix_events,test_zlib", environment="native")
    assert (tested.status, tested.tests("unexpected")) == (0, []), tested.errors
    assert tested.report["tests"] > 150
    assert "environment: native" in tested.errors
    assert not list((CACHE / "work").glob("test-distribution-*"))


@pytest.fixture(scope="module")
def broken(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unpacked distribution with a wrong library module, and the files of made/ among its tests."""
    top = tmp_path_factory.mktemp("broken")
    shutil.copytree(installed / "install", top / "python" / "install", symlinks=True, copy_function=os.link)
    shutil.copy(installed / "PYTHON.json", top / "python")
    library = add_made_tests(top / "python" / "install")
    wrong = (library / "colorsys.py").read_text().replace("ONE_THIRD = 1.0/3.0", "ONE_THIRD = 1.0/3.1")
    assert "3.1" in wrong
    (library / "colorsys.py").unlink()  # the file is linked to the one it is a copy of
    (library / "colorsys.py").write_text(wrong)
    return top


def add_made_tests(prefix: Path) -> Path:
    (library,) = (prefix / "lib").glob("python3.*")
    for path in MADE.glob("*.txt"):
        shutil.copy(path, library / "test" / f"test_{path.stem}.py")
    return library


def test_what_is_broken_is_told(broken: Path) -> None:
    tests = ",".join(["test_colorsys", *(f"test_{path.stem}" for path in MADE.glob("*.txt"))])
    tested = run_tests(broken, "--tests", tests)
    assert tested.status == 1
    unexpected = tested.tests("unexpected")
    assert any(test.startswith("test_colorsys.ColorsysTest.") for test in unexpected)
    assert {
        "test_zzz_crash",
        "test_zzz_outcomes.Class.setUpClass",
        "test_zzz_outcomes.Outcomes.test_cleanup",
        "test_zzz_outcomes.Outcomes.test_fails",
        "test_zzz_outcomes.Outcomes.test_raises",
        "test_zzz_outcomes.Outcomes.test_subtest_and_skip",
        "test_zzz_outcomes.Outcomes.test_subtests",
        "test_zzz_outcomes.Outcomes.test_unexpected",
        "test_zzz_outcomes.double",
    } <= set(unexpected)
    assert any(test.startswith("test_zzz_import") for test in unexpected)
    files = tested.report["files"]
    assert {name: files[f"test_zzz_{name}"]["outcome"] for name in ("crash", "empty", "skipped", "altered")} == {
        "crash": "crashed",
        "empty": "empty",
        "skipped": "skipped",
        "altered": "passed",
    }
    assert "SIGABRT in test_zzz_crash.Crash.test_b_crashes" in files["test_zzz_crash"]["detail"]
    assert files["test_zzz_altered"]["altered"] is True


def test_another_python_tells_what_is_the_machines(broken: Path, installed: Path, tmp_path: Path) -> None:
    python = other_python(installed, tmp_path / "other")
    tested = run_tests(broken, "--tests", "test_colorsys,test_zzz_crash,test_json", "--against", str(python))
    assert tested.status == 1
    theirs = tested.report["against"]["theirs"]
    assert theirs.pop("test_zzz_crash") == "fails"
    assert theirs
    assert set(theirs.values()) == {"passes"}
    assert not any(name.startswith("test_json") for name in theirs)


def other_python(installed: Path, root: Path) -> Path:
    """Make a root filesystem with another Python in its /usr: the same one, unbroken, and this machine's C library."""
    shutil.copytree(installed / "install", root / "usr", symlinks=True, copy_function=os.link)
    add_made_tests(root / "usr")
    (python,) = (path for path in (root / "usr" / "bin").glob("python3.*") if re.fullmatch(r"python3\.\d+", path.name))
    listed = subprocess.run(["ldd", python], capture_output=True, text=True, check=True).stdout
    for library in re.findall(r"(/\S+) \(0x", listed):
        target = Path(f"{root}/usr{library.removeprefix('/usr')}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
    return python


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["{archive}", "--tests", "test_jsn"], 2, "did you mean test_json?"),
        (["{archive}", "--against", "/etc/passwd"], 2, "--against: not such an interpreter"),
        (["/nowhere.tar.zst"], 1, "/nowhere.tar.zst"),
        ([str(MADE)], 2, "not a distribution"),
    ],
)
def test_wrong_words(first: Run, arguments: list[str], status: int, message: str) -> None:
    words = [word.format(archive=first.archive) for word in arguments]
    line = command(REPOSITORY, ["test-distribution", *words, "--environment", "sandbox"], CACHE)
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=clean())
    last = done.stderr.strip().split("\n")[-1]
    assert (done.returncode, message in last, "Traceback" in done.stderr) == (status, True, False), done.stderr
