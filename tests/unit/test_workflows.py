"""The workflows run this program as its users do; actionlint (tests/run.py lint) knows the rest of what is in them."""

from __future__ import annotations

import fnmatch
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pythonbuild.cli.arguments import parse
from pythonbuild.config.project import Project

REPOSITORY = Path(__file__).resolve().parents[2]
WORKFLOWS = REPOSITORY / ".github" / "workflows"
#: Made of two others, on a machine of one kind that cannot run the other half.
MERGED = "universal2-apple-darwin"


def job(name: str) -> Any:
    return yaml.safe_load((WORKFLOWS / f"{name}.yml").read_text("utf-8"))["jobs"]["build"]


@pytest.mark.parametrize("name", ["linux", "macos", "windows"])
def test_every_target_is_built_on_a_machine_that_can_run_it(name: str) -> None:
    matrix = job(name)["strategy"]["matrix"]
    known = {triple for triple, target in Project(REPOSITORY).known_targets.items() if target.os == name}
    assert set(matrix["target"]) == known - {MERGED}
    assert [row["target"] for row in matrix["include"]] == matrix["target"]
    for row in matrix["include"]:
        arm = row["target"].startswith("aarch64")
        assert row["runner"].startswith({"linux": "ubuntu", "macos": "macos", "windows": "windows"}[name])
        assert (("arm" in row["runner"]) if name != "macos" else "intel" not in row["runner"]) == arm


@pytest.mark.parametrize("name", ["linux", "macos", "windows"])
def test_commands_are_the_programs_own(name: str) -> None:
    script = f"build-{name}.py"
    start = ["python", script] if name == "windows" else [f"./{script}"]
    every = [shlex.split(step["run"]) for step in job(name)["steps"] if "run" in step]
    ran = [words for words in every if words[: len(start)] == start]
    assert ran == every
    # Patterns of file names need a shell that fills them in.
    assert job(name).get("defaults", {}).get("run", {}).get("shell") == ("bash" if name == "windows" else None)
    matrix = job(name)["strategy"]["matrix"]
    variables = {key: matrix[text.split()[1].removeprefix("matrix.")][0] for key, text in job(name)["env"].items()}
    commands = [parse(words[len(start) :], variables, name) for words in ran]
    assert [command.command.name for command in commands] == ["doctor", "", "validate", "test-distribution", ""]
    assert all(command["optimized"] for command in commands if not command.command.name)


def test_both_processors_are_united() -> None:
    united = yaml.safe_load((WORKFLOWS / "macos.yml").read_text("utf-8"))["jobs"]["universal2"]
    assert united["needs"] == "build"
    assert united["strategy"]["matrix"]["python"] == job("macos")["strategy"]["matrix"]["python"]
    ran = [shlex.split(step["run"]) for step in united["steps"] if "run" in step]
    commands = [parse(words[1:], {}, "macos") for words in ran if words[0] == "./build-macos.py"]
    assert [command.command.name for command in commands] == ["universal2", "validate"]
    # What the builds upload is fetched, but not their logs.
    pattern = next(step["with"]["pattern"] for step in united["steps"] if "pattern" in step.get("with", {}))
    names = [step["with"]["name"] for step in job("macos")["steps"] if "upload-artifact" in step.get("uses", "")]
    said = [name.replace("${{ matrix.target }}", "x86_64-apple-darwin") for name in names]
    assert [fnmatch.fnmatchcase(name, pattern) for name in said] == [True, False]


def test_the_checkout_is_the_same_bytes_everywhere() -> None:
    """Files are hashed as they lie there: no system may change their line ends."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True).stdout
    told = subprocess.run(["git", "check-attr", "-z", "--stdin", "text"], cwd=REPOSITORY, input=names,
                          capture_output=True, check=True).stdout.split(b"\0")  # fmt: skip
    assert len(told) > 1000
    assert {told[index + 2] for index in range(0, len(told) - 3, 3)} == {b"unset"}
    ends = {name for name in names.decode().split("\0") if name and b"\r\n" in (REPOSITORY / name).read_bytes()}
    assert ends == set()
