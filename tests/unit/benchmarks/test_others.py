"""Sizes, starts, workloads, compiled modules, and the interpreters' names."""

from __future__ import annotations

import io
import json
import os
import py_compile
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from benchmarks import comparing, size, workloads
from benchmarks.compile_modules import compile_missing, is_valid
from benchmarks.peers import HERE, BenchmarkError, Rooms
from benchmarks.startup import Start
from pythonbuild.engine.workdir import WorkDirectory
from pythonbuild.errors import UsageError
from tests.unit.benchmarks.peers import Answering, make_peer


def test_sizes_by_directory_and_the_biggest_files(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        contents = {"PYTHON.json": b"{}", "lib/a/b/c.py": b"x" * 3000, "lib/a/d.py": bytes(1000),
                    "bin/python3": os.urandom(500)}  # fmt: skip
        for name, content in contents.items():
            info = tarfile.TarInfo(f"python/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    sizes = size.measure(archive, depth=2, files=1)
    assert (sizes.unpacked, sizes.files, sizes.compressed) == (4502, 4, archive.stat().st_size)
    parts = {part.name: part for part in sizes.parts}
    assert {name: (part.files, part.unpacked) for name, part in parts.items()} == {
        "python": (1, 2), "python/lib/a": (2, 4000), "python/bin": (1, 500),
    }  # fmt: skip
    assert parts["python/lib/a"].compressed < 200
    assert parts["python/bin"].compressed >= 500  # noise cannot be compressed
    assert sizes.biggest == (("python/lib/a/b/c.py", 3000),)
    assert "python/lib/a" in size.as_text(sizes)
    assert size.part_of("python/lib/a/b/c.py", 1) == "python/lib"


def test_a_file_that_is_no_archive_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                               capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    for name in ("none.tar.zst", "text.tar.gz"):
        (tmp_path / "text.tar.gz").write_text("text")
        monkeypatch.setattr(sys, "argv", ["size.py", str(tmp_path / name)])
        assert size.main() == 1
        assert capsys.readouterr().err.count("\n") == 1


def test_a_start_is_measured_by_the_interpreter_itself() -> None:
    done = subprocess.run([sys.executable, "-I", HERE / "starts.py", "3", "-I", "-S", "-c", "pass"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    seconds = json.loads(done.stdout)
    assert 0 < seconds["cpu"] < 10
    assert 0 < seconds["wall"] < 10


def test_a_start_that_fails_is_no_figure() -> None:
    done = subprocess.run([sys.executable, "-I", HERE / "starts.py", "1", "-c", "import no_such_module"],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 1
    assert "failed with status 1" in done.stderr


def test_the_figures_of_a_start(tmp_path: Path) -> None:
    peer = make_peer("p", tmp_path, lambda _command: (0, '{"wall": 0.02, "cpu": 0.01}'))
    assert Start(("-I", "-c", "import json"), 20).turn(peer, 1) == {"wall: import json": 0.02, "CPU: import json": 0.01}
    assert Start(("-I", "-S", "-c", "pass"), 20).name == "-I -S -c pass"


@pytest.mark.parametrize("function", workloads.WORKLOADS, ids=lambda function: function.__name__)
def test_every_workload_works_twice(function: workloads.Workload) -> None:
    assert function() is not None
    assert function() is not None


def test_workloads_do_what_they_are_named_for() -> None:
    assert workloads.ssl_handshake() in {"TLSv1.2", "TLSv1.3"}
    assert len(workloads.pyexpat()) == 1201  # type: ignore[arg-type]
    assert len(workloads.sqlite_rows()) == 500  # type: ignore[arg-type]
    assert len({function.__name__ for function in workloads.WORKLOADS}) == len(workloads.WORKLOADS)


def test_only_what_is_missing_or_stale_is_compiled(tmp_path: Path) -> None:
    for name in ("missing", "fresh", "stale", "unchecked", "wrong"):
        (tmp_path / f"{name}.py").write_text("x = 1\n")
    (tmp_path / "wrong.py").write_text("no python\n")
    (tmp_path / "test").mkdir()
    (tmp_path / "test/big.py").write_text("x = 1\n")
    py_compile.compile(str(tmp_path / "fresh.py"))
    py_compile.compile(str(tmp_path / "stale.py"))
    py_compile.compile(str(tmp_path / "unchecked.py"), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    for name in ("stale", "unchecked"):
        os.utime(tmp_path / f"{name}.py", (1, 1))
    assert compile_missing(tmp_path) == 2
    assert compile_missing(tmp_path) == 0
    assert not (tmp_path / "test/__pycache__").exists()
    assert not is_valid(b"short", 1, 1)
    assert not is_valid(b"\0" * 16, 0, 0)


def test_an_interpreter_that_fails_is_one_line_with_its_last_words(tmp_path: Path) -> None:
    peer = make_peer("p", tmp_path, lambda _command: (1, "Traceback\n  File\nValueError: no\n\n"))
    with pytest.raises(BenchmarkError, match="found ValueError: no") as caught:
        peer.run(("-c", "import a\nimport b"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("argument", ["no/such/python", "no/such.tar.zst", "debian:sarge"])
def test_an_interpreter_that_is_not_there_is_a_wrong_argument(tmp_path: Path, argument: str) -> None:
    work = WorkDirectory(tmp_path / "work", "benchmark")
    rooms = Rooms(tmp_path, None, Answering(lambda _command: (0, "")), work, print)  # type: ignore[arg-type]
    try:
        with pytest.raises(UsageError, match=argument):
            rooms.peer(argument)
    finally:
        work.close()


def test_what_was_prepared_once_is_not_made_again_and_a_failure_leaves_nothing(tmp_path: Path) -> None:
    work = WorkDirectory(tmp_path / "work", "benchmark")
    rooms = Rooms(tmp_path, None, Answering(lambda _command: (0, "")), work, print)  # type: ignore[arg-type]
    made: list[Path] = []

    def fail(directory: Path) -> None:
        (directory / "half").touch()
        raise BenchmarkError("no")

    def make(directory: Path) -> None:
        made.append(directory)
        (directory / "file").touch()

    try:
        with pytest.raises(BenchmarkError):
            rooms.prepared("x", fail)
        for _ in range(2):
            assert [path.name for path in rooms.prepared("x", make).iterdir()] == ["file"]
        assert len(made) == 1
        rooms.prepared("old", make)
        os.utime(tmp_path / "benchmarks/old", (1, 1))
        rooms.remove_stale()
        assert [path.name for path in (tmp_path / "benchmarks").iterdir()] == ["x"]
    finally:
        work.close()


@pytest.mark.parametrize(("words", "told"), [
    (["python3"], "at least one other"),
    (["a", "b", "--rounds", "0"], "--rounds"),
    (["a", "b", "--json", "no/such/directory/x.json"], "--json: no such directory"),
])  # fmt: skip
def test_wrong_flags_are_refused_before_anything_runs(words: list[str], told: str,
                                                      capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    arguments = comparing.parser("", 3).parse_args(words)
    assert comparing.compare("x", arguments, lambda _peers, _rooms: pytest.fail("nothing to run")) == 2
    assert told in capsys.readouterr().err
