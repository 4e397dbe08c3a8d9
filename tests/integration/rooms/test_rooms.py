"""The rooms show what they are for: a right distribution passes in all of them, and each refuses what it must."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pythonbuild.config.model import Target
from pythonbuild.environments import sandbox
from pythonbuild.environments.base import Probe
from pythonbuild.environments.chroot import MISSING
from pythonbuild.environments.docker import probe_docker
from pythonbuild.environments.native import NativeEnvironment
from pythonbuild.provisions import provisions
from pythonbuild.validation.room import Room, make_rooms
from pythonbuild.validation.validate import CHECKS, Report, validate
from tests.integration.rooms.conftest import copy, make_request, rooms_of

BEHAVIOUR = tuple(check.id for check in CHECKS if check.id.startswith("behaviour-"))
OTHERS = [check.id for check in CHECKS if check.id not in BEHAVIOUR]


def behaviour(top: Path, target: Target, rooms: dict[str, Room], *only: str) -> Report:
    """Run the suite in some of the rooms, all unless told."""
    left_out = [name for name in BEHAVIOUR if only and name.removeprefix("behaviour-") not in only]
    return validate(top.parent, target, rooms=rooms, skip=[*OTHERS, *left_out])


def findings(report: Report) -> list[str]:
    return [finding for result in report.failed for finding in result.findings]


def test_a_right_distribution_passes_in_every_room(installed: Path, target: Target, rooms: dict[str, Room]) -> None:
    report = behaviour(installed, target, rooms)
    assert {result.id: result.outcome for result in report.results} == dict.fromkeys(BEHAVIOUR, "passed"), findings(
        report
    )
    skipped = {remark for result in report.results for remark in result.remarks if "skipped" in remark}
    # What is skipped is known by name: a test that is quietly skipped everywhere would be none.
    for remark in skipped:
        assert remark.startswith(("work Tk skipped", "work a wheel is installed", "work system calls")), remark
    assert all(result.remarks[0].endswith("tests ran") for result in report.results)
    assert all(int(result.remarks[0].split()[0]) > 100 for result in report.results)


@pytest.mark.parametrize("kind", ["chroot", "docker"])
def test_in_the_other_environments(
    installed: Path, target: Target, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "docker" and not (probe := probe_docker()).ok:
        pytest.skip(probe.advice)
    if kind == "chroot":
        if os.geteuid() != 0:
            pytest.skip("only root may chroot")
        monkeypatch.setattr(sandbox, "probe_sandbox", lambda: Probe(ok=True, level="chroot", missing=MISSING))
    with provisions(make_request("docker" if kind == "docker" else "sandbox"), print) as provided:
        report = behaviour(installed, target, rooms_of(provided, target, tmp_path))
    assert {result.id: result.outcome for result in report.results} == dict.fromkeys(BEHAVIOUR, "passed"), findings(
        report
    )


def interpreter_cut_short(top: Path) -> None:
    program = (top / "install/bin/python3").resolve()
    beginning = program.read_bytes()[:100_000]
    program.unlink()
    program.write_bytes(beginning)
    program.chmod(0o755)


def interpreter_gone(top: Path) -> None:
    (top / "install/bin/python3").resolve().unlink()


def no_collections(top: Path) -> None:
    shutil.rmtree(top / "install/lib/python3.13/collections")


def no_sqlite3(top: Path) -> None:
    shutil.rmtree(top / "install/lib/python3.13/sqlite3")


def no_tcl_library(top: Path) -> None:
    for place in (top / "install/lib").glob("tcl*"):
        shutil.rmtree(place)


def no_shared_module(top: Path) -> None:
    (module,) = (top / "install/lib/python3.13/lib-dynload").glob("_testcapi.*.so")
    module.unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (interpreter_cut_short, "the suite ended with status"),
        (interpreter_gone, "the suite ended with status 127"),
        (no_collections, "the suite ended with status 1"),
        (no_sqlite3, "No module named 'sqlite3'"),
        (no_tcl_library, "work Tcl: "),
        (no_shared_module, "import _testcapi: ModuleNotFoundError"),
    ],
)
def test_what_is_missing_is_found(
    installed: Path, target: Target, rooms: dict[str, Room], tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    top = copy(installed, tmp_path / "copy")
    spoil(top)
    report = behaviour(top, target, rooms, "system")
    assert [result.id for result in report.failed] == ["behaviour-system"]
    assert any(words in finding for finding in findings(report)), findings(report)


@pytest.fixture
def machine(target: Target, tmp_path: Path) -> Iterator[dict[str, Room]]:
    """The room that macOS and Windows have: the machine itself."""

    def root(name: str) -> tuple[Path, str]:
        raise AssertionError(name)

    environment = NativeEnvironment(tmp_path / "cache")
    (tmp_path / "machine").mkdir()
    rooms = make_rooms(target, environment, root, tmp_path / "machine")
    yield {name: room for name, room in rooms.items() if isinstance(room, Room)}
    environment.close()


def test_the_machine_itself_finds_what_is_missing_and_nothing_else(
    installed: Path, target: Target, machine: dict[str, Room], tmp_path: Path
) -> None:
    """One run shows both: what was taken away is named, and everything else works there."""
    top = copy(installed, tmp_path / "copy")
    no_tcl_library(top)
    no_shared_module(top)
    before = {path: path.lstat().st_mtime_ns for path in top.rglob("*")}
    report = behaviour(top, target, machine, "system")
    assert {path: path.lstat().st_mtime_ns for path in top.rglob("*")} == before
    assert {line.partition(": ")[0] for line in findings(report)} == {"import _testcapi", "work Tcl"}
    (result,) = report.results
    assert int(result.remarks[0].split()[0]) > 100
    assert all(remark.startswith(("work Tk skipped", "work system calls")) for remark in result.remarks[1:]), result


def test_the_machine_itself_has_no_python_that_starts(
    installed: Path, target: Target, machine: dict[str, Room], tmp_path: Path
) -> None:
    top = copy(installed, tmp_path / "copy")
    no_collections(top)
    report = behaviour(top, target, machine, "system")
    assert [result.id for result in report.failed] == ["behaviour-system"]
    assert any("the suite ended with status 1" in line for line in findings(report)), findings(report)


def test_a_module_that_crashes_at_import_is_named(
    spoilt_module: Callable[[str], Path], target: Target, rooms: dict[str, Room]
) -> None:
    report = behaviour(spoilt_module("abort()"), target, rooms, "system")
    assert [result.id for result in report.failed] == ["behaviour-system"]
    assert any("import xxlimited: the interpreter ended in it with status 134" in line for line in findings(report))


def test_a_newer_c_library_is_refused_by_the_oldest_alone(
    spoilt_module: Callable[[str], Path], target: Target, rooms: dict[str, Room]
) -> None:
    """getrandom() came with glibc 2.25: bullseye has it, 2.17 has not."""
    top = spoilt_module("char byte; getrandom(&byte, 1, 0)")
    report = behaviour(top, target, rooms, "system", "glibc-floor")
    assert [result.id for result in report.failed] == ["behaviour-glibc-floor"]
    assert any("GLIBC_2.25" in line for line in findings(report)), findings(report)


#: Each of a step in the history of the x86-64 processor after its first models.
INSTRUCTIONS = {
    "pni": "haddps %%xmm0, %%xmm0",
    "ssse3": "pshufb %%xmm0, %%xmm0",
    "sse4_1": "pmulld %%xmm0, %%xmm0",
    "sse4_2": "pcmpgtq %%xmm0, %%xmm0",
    "popcnt": "popcnt %%rax, %%rax",
    "avx": "vxorps %%ymm0, %%ymm0, %%ymm0",
    "avx2": "vpxor %%ymm0, %%ymm0, %%ymm0",
    "bmi1": "andn %%rax, %%rax, %%rax",
    "bmi2": "mulx %%rax, %%rax, %%rax",
    "fma": "vfmadd231ps %%xmm0, %%xmm0, %%xmm0",
    "avx512f": "vpxord %%zmm0, %%zmm0, %%zmm0",
}


@pytest.mark.parametrize("feature", INSTRUCTIONS)
def test_a_newer_instruction_is_refused_by_the_oldest_processor(
    spoilt_module: Callable[[str], Path], rooms: dict[str, Room], tmp_path: Path, feature: str
) -> None:
    statement = f'__asm__ volatile ("{INSTRUCTIONS[feature]}" ::: "rax", "rdx", "xmm0", "cc")'
    top = spoilt_module(statement)

    def imported(room: str) -> tuple[int, list[str]]:
        lines: list[str] = []
        argv = ("install/bin/python3", "-I", "-c", "import math; print('started', flush=True); import xxlimited")
        return rooms[room].run(top, argv, tmp_path, lines.append), lines

    status, lines = imported("oldest-cpu")
    assert "started" in lines, lines
    assert status == 132, lines  # SIGILL
    flags = Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split()
    assert imported("system")[0] == (0 if feature in flags else 132)


def test_the_suite_names_the_module_that_needs_a_newer_processor(
    spoilt_module: Callable[[str], Path], target: Target, rooms: dict[str, Room]
) -> None:
    top = spoilt_module('__asm__ volatile ("popcnt %%rax, %%rax" ::: "rax", "cc")')
    report = behaviour(top, target, rooms, "oldest-cpu")
    assert [result.id for result in report.failed] == ["behaviour-oldest-cpu"]
    assert any("import xxlimited: the interpreter ended in it with status 132" in line for line in findings(report))
