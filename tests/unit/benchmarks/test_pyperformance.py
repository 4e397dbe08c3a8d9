"""pyperformance's list, its files, and the turns of its tasks; its pins."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.cpu_clock import cpu_seconds, run_command
from benchmarks.interpreter import chosen, micro_jobs
from benchmarks.packages import REQUIREMENTS, for_every_python, install, without
from benchmarks.peers import BenchmarkError
from benchmarks.pyperformance import (
    SUBSET,
    Benchmark,
    Place,
    Task,
    make_tasks,
    read_benchmarks,
    read_results,
    values_for,
)
from pythonbuild.environments.base import Command
from pythonbuild.errors import UsageError
from tests.unit.benchmarks.peers import Answering, make_peer


def test_the_list_is_read_with_options_and_without_what_is_commented_out(tmp_path: Path) -> None:
    (tmp_path / "MANIFEST").write_text(
        "[benchmarks]\n\nname\tmetafile\n2to3\t<local>\npickle\t<local>\npickle_list\t<local:pickle>\n"
        "#hg_startup\t<local>\n\n[group default]\n"
    )
    for name, text in {"bm_2to3/pyproject.toml": "", "bm_pickle/pyproject.toml": "extra_opts = ['pickle']",
                       "bm_pickle/bm_pickle_list.toml": "extra_opts = ['list', '-x']"}.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"[tool.pyperformance]\nname = 'x'\n{text}\n")
    assert read_benchmarks(tmp_path) == {
        "2to3": Benchmark("2to3", "bm_2to3/run_benchmark.py"),
        "pickle": Benchmark("pickle", "bm_pickle/run_benchmark.py", ("pickle",)),
        "pickle_list": Benchmark("pickle_list", "bm_pickle/run_benchmark.py", ("list", "-x")),
    }


CALIBRATED: dict[str, Any] = {
    "version": "1.0",
    "metadata": {"unit": "second"},
    "benchmarks": [
        {"metadata": {"name": "one", "loops": 4}, "runs": [{"warmups": [[1, 0.05], [2, 0.02], [4, 0.03], [4, 0.025]]}]},
        {"metadata": {"name": "two"}, "runs": [{"metadata": {"loops": 1}, "warmups": [[1, 2.0]]}]},
    ],
}


def values(name: str, *seconds: float) -> dict[str, Any]:
    """Return what pyperf writes of one task: what is common to all stands above."""
    return {"metadata": {"name": name}, "benchmarks": [{"runs": [{"values": list(seconds), "warmups": [[4, 0.3]]}]}]}


def test_results_are_read_from_where_pyperf_puts_them() -> None:
    one, two = read_results(CALIBRATED)
    assert (one.name, one.loops, one.last) == ("one", 4, 0.025)
    assert (two.name, two.loops, two.last) == ("two", 1, 2.0)
    assert read_results(values("one", 0.2, 0.1))[0].values == (0.2, 0.1)


@pytest.mark.parametrize(("seconds", "count"), [(0.001, 5), (0.1, 5), (0.2, 3), (0.6, 1), (7.0, 1)])
def test_a_turn_has_more_values_of_what_is_quick(seconds: float, count: int) -> None:
    assert values_for(seconds) == count


def answering(document: dict[str, Any]) -> Any:
    def answer(command: Command) -> tuple[int, str]:
        output = command.argv[command.argv.index("--output") + 1]
        assert output.startswith("/build/")
        work = next(mount.source for mount in command.mounts if mount.target == "/build")
        (work / Path(output).name).write_text(json.dumps(document))
        return 0, "noise"

    return answer


def test_calibration_gives_a_task_for_each_figure(tmp_path: Path) -> None:
    peer = make_peer("debian", tmp_path, answering(CALIBRATED))
    benchmark = Benchmark("b", "bm_b/run_benchmark.py", ("--fast",))
    tasks, failed = make_tasks([benchmark], [peer], Place({"3.13": tmp_path}), lambda _text: None)
    assert not failed
    assert [(task.name, task.number, task.loops, task.values) for task in tasks] == [("one", 0, 4, 5), ("two", 1, 1, 1)]


def test_a_benchmark_that_does_not_run_is_named_with_its_reason(tmp_path: Path) -> None:
    peer = make_peer("debian", tmp_path, lambda _command: (1, "Traceback\nModuleNotFoundError: No module named 'dask'"))
    tasks, failed = make_tasks([Benchmark("dask", "d.py")], [peer], Place({"3.13": tmp_path}), lambda _text: None)
    assert not tasks
    assert "No module named 'dask'" in failed["dask"]


def test_a_turn_takes_the_least_value_of_its_own_task(tmp_path: Path) -> None:
    peer = make_peer("debian", tmp_path, answering(values("one", 0.3, 0.1, 0.2)))
    task = Task(Benchmark("b", "bm_b/run_benchmark.py", ("--fast",)), 2, "one", 4, 3, Place({"3.13": tmp_path}))
    assert task.turn(peer, 7) == {"one": 0.1}
    assert isinstance(peer.environment, Answering)
    command = peer.environment.commands[-1]
    words = " ".join(command.argv)
    assert "bm_b/run_benchmark.py --fast --worker --worker-task 2 --loops 4 --values 3" in words
    assert command.env["PYTHONHASHSEED"] == "7"


def test_by_the_processors_clock_the_script_is_run_by_another(tmp_path: Path) -> None:
    peer = make_peer("debian", tmp_path, answering(values("one", 0.3)))
    task = Task(Benchmark("b", "bm_b/run_benchmark.py"), 0, "one", 4, 3, Place({"3.13": tmp_path}, cpu=True))
    assert task.turn(peer, 7) == {"one": 0.3}
    assert isinstance(peer.environment, Answering)
    words = peer.environment.commands[-1].argv
    assert words[words.index("/usr/bin/python3") + 1] == "/recipe/cpu_clock.py"
    assert words[words.index("/usr/bin/python3") + 2].endswith("bm_b/run_benchmark.py")


def test_the_processors_clock_stands_still_while_one_waits() -> None:
    start = cpu_seconds()
    time.sleep(0.2)
    assert cpu_seconds() - start < 0.15
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    assert 0.3 < run_command(2, (sys.executable, "-I", "-S", "-c", burn)) < 2
    assert cpu_seconds() - start > 0.3


def test_another_task_in_its_place_is_an_error(tmp_path: Path) -> None:
    peer = make_peer("debian", tmp_path, answering(values("other", 0.3)))
    task = Task(Benchmark("b", "bm_b/run_benchmark.py"), 0, "one", 4, 3, Place({"3.13": tmp_path}))
    with pytest.raises(BenchmarkError, match="other"):
        task.turn(peer, 1)


def test_the_pins_are_hashed_and_hold_for_every_python() -> None:
    lock = REQUIREMENTS.read_text(encoding="utf-8")
    assert "python_full_version" in lock
    plain = for_every_python(lock)
    assert "python_" not in plain.replace("python_docs", "")
    assert "sys_platform == 'win32'" in plain
    names = [line.split("==")[0] for line in plain.splitlines() if "==" in line and line[0].isalnum()]
    assert len(names) == len(set(names)) > 50
    assert {"pyperformance", "pyperf"} <= set(names)
    assert plain.count("--hash=sha256:") >= len(names)
    rest = without(plain, ["pyaes", "sympy"])
    assert "pyaes==" not in rest
    assert "sympy==" not in rest
    assert plain.count("--hash") > rest.count("--hash") > 100
    assert "pyperf==" in rest


def test_a_package_without_a_wheel_is_left_away_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def run(command: Sequence[str], **_options: object) -> SimpleNamespace:
        asked.append(Path(command[-1]).read_text())
        for name in ("pyaes", "tomli"):
            if f"{name}==" in asked[-1]:
                return SimpleNamespace(returncode=1, stderr=f"ERROR: No matching distribution found for {name}==1.6.1")
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr("benchmarks.packages.subprocess.run", run)
    blocks = [f"{name}==1 \\\n    --hash=sha256:2\n" for name in ("pyaes", "pyperf", "tomli")]
    lock = blocks[0] + "    # via x\n" + blocks[1] + blocks[2]
    assert install(lock, make_peer("p", tmp_path), tmp_path / "site") == ["pyaes", "tomli"]
    assert asked[-1] == "pyperf==1 \\\n    --hash=sha256:2\n"
    assert list(tmp_path.iterdir()) == []


def test_pip_that_cannot_work_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_arguments: object, **_options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", "WARNING: retrying\nERROR: Could not find an index\n")

    monkeypatch.setattr("benchmarks.packages.subprocess.run", run)
    with pytest.raises(BenchmarkError, match="Could not find an index") as caught:
        install("pyperf==1 \\\n    --hash=sha256:2\n", make_peer("p", tmp_path), tmp_path / "site")
    assert "\n" not in str(caught.value)


def test_only_takes_known_names() -> None:
    assert chosen(["b"], ["a", "b"]) == ["b"]
    assert chosen([], ["a", "b"]) == ["a", "b"]
    with pytest.raises(UsageError, match="found c"):
        chosen(["c"], ["a", "b"])
    assert len(set(SUBSET)) == len(SUBSET)


def test_a_workload_is_a_turn_of_its_own(tmp_path: Path) -> None:
    peer = make_peer("p", tmp_path, lambda command: (0, "0.25" if command.argv[-2:] == ("pyexpat", "0.1") else "?"))
    (job,) = micro_jobs(["pyexpat"], 0.1)
    assert job.turn(peer, 1) == {"pyexpat": 0.25}
