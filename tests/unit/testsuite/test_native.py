"""The suite on the machine itself: what is refused, and what its command is told."""

from __future__ import annotations

import json
import os
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild import host
from pythonbuild.environments import native
from pythonbuild.environments.base import Command
from pythonbuild.environments.native import NativeEnvironment
from pythonbuild.errors import UsageError
from pythonbuild.testing import run_test_suite
from pythonbuild.testsuite import running
from pythonbuild.testsuite.other import other_bench
from pythonbuild.testsuite.records import FileRun, SuiteRun
from pythonbuild.testsuite.running import Bench, Selection, run_suite
from tests.unit.distribution.trees import make_distribution
from tests.unit.test_validating import make_request

#: Stands for the driver, whose answers it gives, and tells by the name of a file what it was started with.
DRIVER = """
import json, os, sys
plan = json.loads(open(sys.argv[1], encoding="utf-8").read())
open(os.path.join(plan["scratch"], "written"), "w").close()
for record in ({"suite": {"files": 1, "version": "3.13.5"}},
               {"file": "test_told", "status": 0, "seconds": 1, "timeout": False, "unfinished": "", "skipped": "",
                "output": json.dumps([plan["scratch"], os.getcwd(), dict(os.environ)])}, {"done": True}):
    print(json.dumps(record))
"""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "driver.py").write_text(DRIVER)
    (scripts / "recorder.py").write_text("")
    monkeypatch.setattr(running, "__file__", str(scripts / "running.py"))
    return Bench(NativeEnvironment(tmp_path), None, "", tmp_path / "build", sys.executable)


def told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str, dict[str, str]]:
    """Run the stand-in and return what it says: scratch directory, working directory, variables."""
    said: list[str] = []

    def keep(record: dict[str, str], _cases: object) -> FileRun:
        said.append(record["output"])
        return FileRun("test_told", "passed", 1.0)

    monkeypatch.setattr("pythonbuild.testsuite.records.read_file", keep)
    run: SuiteRun = run_suite(bench, Selection(), lambda *_: None)
    assert [file.name for file in run.files] == ["test_told"]
    scratch, directory, variables = json.loads(said[0])
    return scratch, directory, variables


def test_everything_lies_where_it_lies(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of the caller")
    scratch, directory, variables = told(bench, monkeypatch)
    assert directory == variables["HOME"] == str(bench.work / "home")
    assert "SECRET" not in variables
    assert variables["PYTHONHASHSEED"] == "1"
    assert not Path(scratch).exists(), "it was written to, and is removed"
    assert not (bench.work / "home").exists()


def test_sockets_fit_in_the_directory_for_temporary_files(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """However long the path of the cache is: 104 characters are what macOS takes."""
    deep = replace(bench, work=tmp_path / ("d" * 100) / "build")
    scratch = Path(told(deep, monkeypatch)[0])
    assert scratch == scratch.resolve()
    assert len(str(scratch / "123" / "tmp")) < 40
    scratch.mkdir()
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(scratch / ("s" * 50)))
    (scratch / ("s" * 50)).unlink()
    scratch.rmdir()


def test_on_macos_the_path_has_the_directories_of_administration(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "MACOS", True)
    variables = told(bench, monkeypatch)[2]
    assert (variables["PATH"], variables["LANG"]) == ("/usr/bin:/bin:/usr/sbin:/sbin", "en_US.UTF-8")


def test_on_windows_the_users_directories_are_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, "WINDOWS", True)
    monkeypatch.setenv("SystemRoot", r"D:\Windows")
    monkeypatch.setenv("APPDATA", "of the caller")
    commands: list[Command] = []

    class Environment(NativeEnvironment):
        def run(self, command: Command, *, on_line: object) -> int:
            commands.append(command)
            return 1

    bench = Bench(Environment(tmp_path), None, "", tmp_path / "build", r"D:\t\python.exe")
    with pytest.raises(Exception, match="did not run to its end"):
        run_suite(bench, Selection(), lambda *_: None)
    variables = native.complete(commands[0].env)
    assert {variables[name] for name in ("USERPROFILE", "APPDATA", "LOCALAPPDATA")} == {str(tmp_path / "build/home")}
    assert variables["PATH"].startswith(r"D:\Windows\System32;D:\Windows;")
    assert (commands[0].root, commands[0].mounts) == (None, ())


@pytest.mark.parametrize(("system", "words"), [
    ("linux", "found an archive for aarch64-apple-darwin, expected one for"),
    ("macos", "found an archive for aarch64-apple-darwin, expected one for"),
])  # fmt: skip
def test_an_archive_of_another_system(tmp_path: Path, system: str, words: str) -> None:
    out, _ = make_distribution(tmp_path)
    path = out / "python/PYTHON.json"
    path.write_text(path.read_text().replace("x86_64-unknown-linux-gnu", "aarch64-apple-darwin"))
    request = make_request(tmp_path / "cache", environment="native", system=system)
    with pytest.raises(UsageError, match=words):
        run_test_suite(request, out, (), None, lambda _: None)
    assert not (tmp_path / "cache").exists()


def test_another_interpreter_of_the_machine(bench: Bench, tmp_path: Path) -> None:
    linked = tmp_path / "python3"
    linked.symlink_to(sys.executable)
    other = other_bench(bench, linked)
    assert (other.python, other.root, other.mounts) == (str(linked), None, ())
    assert other.work != bench.work
    plain = tmp_path / "plain"
    plain.write_text("")
    for path in (plain, tmp_path):
        with pytest.raises(UsageError, match="--against: not an interpreter"):
            other_bench(bench, path)
    assert os.access(sys.executable, os.X_OK)
