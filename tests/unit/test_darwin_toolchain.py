"""Clang from source on a Mac: its steps and keys, its recipes as far as they run anywhere, and its archives."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild.config.request import Request
from pythonbuild.darwin_plan import make_native_plan
from pythonbuild.darwin_toolchain import AppleCompiler, compiler_on_a_mac, origins
from pythonbuild.distribution.toolchain_archive import Manifest, Origin, read_manifest, write_toolchain
from pythonbuild.engine.events import Event, Note
from pythonbuild.engine.keys import action_key, dependencies
from pythonbuild.engine.model import CallAction, PinnedFile, Plan
from pythonbuild.engine.trees import scan
from pythonbuild.environments.base import Environment
from pythonbuild.errors import DistributionError, UsageError
from pythonbuild.preparation import Preparation, make_fetcher
from pythonbuild.recipe_steps import PlanInputs, ToolchainArchive
from pythonbuild.toolchain_export import export, listed, take_in
from pythonbuild.toolchain_stages import agree
from pythonbuild.ways import MAC
from tests.unit.distribution.machomaker import PROGRAM, make_macho
from tests.unit.test_darwin_native import Mac
from tests.unit.test_darwin_plan import COMPILER, PROJECT, plan_inputs
from tests.unit.test_preparation import request

RECIPES = PROJECT.unix / "recipes"
TRIPLE = "aarch64-apple-darwin"
APPLE = replace(COMPILER, linker_version="ld-1115.7.3")
MADE = ("macos-llvm", "macos-compiler-rt")


def inputs_of(series: str = "19", **wishes: object) -> PlanInputs:
    return replace(plan_inputs(f"bootstrap:clang-{series}"), **wishes)  # type: ignore[arg-type]


def plan_of(series: str = "19", compiler: AppleCompiler = APPLE, **wishes: object) -> Plan:
    return make_native_plan(inputs_of(series, **wishes), compiler)


def before(plan: Plan, name: str) -> set[str]:
    """Return everything that a step needs, and what that needs."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        needs = set(dependencies(plan.step(waiting.pop()))) - found
        found |= needs
        waiting += needs
    return found


@pytest.mark.parametrize(("series", "version"), [("19", "19.1.7"), ("22", "22.1.8")])
def test_clang_is_made_first_and_compiles_everything(series: str, version: str) -> None:
    plan = plan_of(series)
    seen: set[str] = set()
    for step in plan.steps:
        assert set(dependencies(step)) <= seen, step.name
        seen.add(step.name)
    assert before(plan, "macos-compiler-rt") == {"macos-cmake", "macos-ninja", "macos-llvm"}
    assert not seen & {"binutils", "gcc", "llvm", "ninja", "sysroot", "root", "toolchain"}
    for name in ("zlib", "openssl", "tk", "cpython-3.13.5-noopt"):
        assert {*MADE, "macos-toolchain"} <= set(plan.step(name).needs), name
    assert plan.step("macos-llvm").parameters["SOURCE_VERSION"] == version
    assert plan.step("macos-compiler-rt").parameters["SOURCE_VERSION"] == version
    assert plan.step("macos-llvm").resumable


def test_what_compiles_and_what_is_named() -> None:
    plan = plan_of()
    llvm, naming, zlib = (plan.step(name).parameters for name in ("macos-llvm", "macos-toolchain", "zlib"))
    assert (llvm["CLANG"], llvm["SDK"], llvm["DARWIN_ARCH"]) == ("/clt/clang", "/clt/MacOSX.sdk", "arm64")
    assert llvm["PATH"].startswith("${STEP_TOOLS}/host/bin:/usr/bin:")
    assert naming["CLANG"] == "$STEP_TOOLS/llvm/bin/clang"
    assert naming["CLANGXX"] == "$STEP_TOOLS/llvm/bin/clang++"
    assert (naming["CLANG_VERSION"], naming["LD_VERSION"]) == ("19.1.7", "ld-1115.7.3")
    assert naming["SDK"] == "/clt/MacOSX.sdk"
    assert zlib["PATH"].startswith("${STEP_TOOLS}/bin:${STEP_TOOLS}/llvm/bin:/usr/bin:")
    assert zlib["BUILD_CC"] == zlib["CC"] == f"{TRIPLE}-clang"
    assert (zlib["AR"], zlib["LD"], zlib["STRIP"]) == ("llvm-ar", "ld", "strip")


def test_another_machine_makes_another_clang() -> None:
    """But CMake is the same, whatever compiles; and the same machine gives the same key."""
    digests = {step.name: "00" * 32 for step in plan_of().steps}
    others = (APPLE, replace(APPLE, clang_version="17"), replace(APPLE, sdk_version="26.1"),
              replace(APPLE, linker_version="ld-1221.4"))  # fmt: skip
    for name, number in (("macos-cmake", 1), ("macos-ninja", 4), ("macos-llvm", 4), ("macos-compiler-rt", 4)):
        keys = {action_key(plan_of(compiler=other).step(name), digests) for other in others}
        assert len(keys) == number, name
    assert action_key(plan_of().step("macos-llvm"), digests) == action_key(plan_of().step("macos-llvm"), digests)


def test_what_it_is_made_from_is_told() -> None:
    told = compiler_on_a_mac(inputs_of(stages=2), APPLE).told
    assert [(source.name, source.version) for source in told.sources] == [
        ("cmake", "3.31.6"), ("ninja", "1.13.2"), ("llvm-19", "19.1.7"),
    ]  # fmt: skip
    assert told.stages == 2
    assert told.steps == ("macos-llvm-stage2", "macos-compiler-rt")
    assert told.naming == "macos-toolchain"
    for source in told.sources:
        assert source.sha256 == PROJECT.sources[source.name].pins[0].sha256
        assert all(url.startswith("https://") and "//pool" not in url for url in source.urls)
    assert compiler_on_a_mac(plan_inputs("native:clang"), APPLE).told.sources == ()


def test_stages() -> None:
    two, three = plan_of(stages=2), plan_of(stages=3)
    assert two.step("macos-llvm-stage2").parameters["STAGE"] == "2"
    assert "macos-llvm" in two.step("macos-llvm-stage2").needs
    assert {"macos-llvm-stage2"} <= set(two.step("macos-compiler-rt").needs)
    assert "macos-llvm" not in two.step("zlib").needs
    assert three.step("macos-llvm-agreed").needs == ("macos-llvm-stage2", "macos-llvm-stage3")
    assert three.step("zlib").needs[:2] == ("macos-llvm-agreed", "macos-compiler-rt")
    assert three.step("macos-llvm-stage3").resumable


class Trees:
    """A context that has trees, by the names of steps."""

    step = "macos-llvm-agreed"
    jobs = 1
    environment: Environment

    def __init__(self, directory: Path) -> None:
        self.work, self.out = directory / "work", directory / "out"
        self._directory = directory
        self.lines: list[str] = []

    def tree(self, need: str) -> Path:
        return self._directory / need

    def digest(self, need: str) -> str:
        return scan(self.tree(need)).digest

    def source(self, name: str) -> Path:
        raise AssertionError(name)

    def log(self, line: str) -> None:
        self.lines.append(line)


def test_stages_are_compared_and_what_differs_is_a_part_of_a_program(tmp_path: Path) -> None:
    clang = make_macho(PROGRAM, signed=False)
    for stage, change in (("2", b"\xc3" * 16), ("3", b"\xc3" * 16), ("4", b"\xc3" * 8 + b"\x90" * 8)):
        (tmp_path / stage / "tools/llvm/bin").mkdir(parents=True)
        for name, content in (("clang-19", clang.replace(b"\xc3" * 16, change)), ("lld", clang)):
            (tmp_path / stage / "tools/llvm/bin" / name).write_bytes(content)
    context = Trees(tmp_path)
    agree(("2", "3"), context)
    assert (context.out / "tools/llvm/bin/clang-19").read_bytes() == clang
    with pytest.raises(
        DistributionError, match=r"compilers of 3 and 4 differ: found tools/llvm/bin/clang-19, exp"
    ) as e:
        agree(("3", "4"), context)
    assert "such as tools/llvm/bin/clang-19: __TEXT,__text, byte 8: c3 c3" in str(e.value)
    assert len(context.lines) == 1


# Recipes


def run_recipe(name: str, tmp_path: Path, **variables: str) -> Path:
    """Run a recipe's script as driver.sh does; return its tree."""
    places = {"STEP_BUILD": tmp_path / "build", "STEP_RECIPE": RECIPES / name, "STEP_TOOLS": tmp_path / "tools",
              "STEP_SOURCES": tmp_path / "sources", "OUT": tmp_path / "out"}  # fmt: skip
    for place in places.values():
        place.mkdir(exist_ok=True)
    line = f'. "{RECIPES}/functions.sh"; . "$STEP_RECIPE/build.sh"'
    done = subprocess.run(["bash", "-eu", "-o", "pipefail", "-c", line], cwd=places["STEP_BUILD"], capture_output=True,
                          text=True, check=False,
                          env={"PATH": os.environ["PATH"], **variables, **dict(zip(places, map(str, places.values()),
                                                                                   strict=True))})  # fmt: skip
    assert done.returncode == 0, done.stderr
    return places["OUT"]


def test_the_wrapper_finds_clang_where_the_step_has_it(tmp_path: Path) -> None:
    step = plan_of().step("macos-toolchain")
    out = run_recipe("macos-toolchain", tmp_path, **{**step.parameters, "PATH": os.environ["PATH"]})
    told = json.loads((out / "tools/toolchain.json").read_text())
    assert told["kind"] == "bootstrap"
    assert told["tools"] == {"clang": "19.1.7", "ld": "ld-1115.7.3"}
    assert told["sdk"] == {"name": "macosx15.2", "version": "15.2"}
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "llvm/bin").mkdir(parents=True)
    for name in ("clang", "clang++"):
        (elsewhere / "llvm/bin" / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (elsewhere / "llvm/bin" / name).chmod(0o755)
        said = subprocess.run([out / f"tools/bin/{TRIPLE}-{name}", "-c", "x.c"], capture_output=True, text=True,
                              check=True, env={"STEP_TOOLS": str(elsewhere), "STEP_BUILD": "/b"})  # fmt: skip
        assert said.stdout.startswith(f"{name} -isysroot /clt/MacOSX.sdk --target=arm64-apple-macosx11.0 ")
        assert said.stdout.endswith(" -c x.c\n")


def test_a_compiler_of_which_nothing_is_known_links_by_another_linker(tmp_path: Path) -> None:
    step = make_native_plan(plan_inputs("native:clang"), COMPILER).step("macos-toolchain")
    out = run_recipe("macos-toolchain", tmp_path, **{**step.parameters, "PATH": os.environ["PATH"]})
    assert json.loads((out / "tools/toolchain.json").read_text())["tools"] == {"clang": "16"}


def test_cmake_is_taken_out_of_its_package(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    with zipfile.ZipFile(tmp_path / "sources/cmake.whl", "w") as wheel:
        for name in ("bin/cmake", "bin/ctest", "share/cmake-3.31/Modules/CMake.cmake", "doc/cmake/x"):
            wheel.writestr(f"cmake/data/{name}", f"#!/bin/sh\necho {name}\n")
    assert plan_of().step("macos-cmake").parameters["SOURCE_ARCHIVE"] == ""
    out = run_recipe("macos-cmake", tmp_path, CMAKE_PACKAGE="cmake.whl")
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()) == [
        "tools/host/bin/cmake", "tools/host/share/cmake-3.31/Modules/CMake.cmake",
    ]  # fmt: skip
    said = subprocess.run([out / "tools/host/bin/cmake"], capture_output=True, text=True, check=True)
    assert said.stdout == "bin/cmake\n"


# Archives, and what is asked for


@pytest.fixture
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mac:
    """A Mac's tools beside this machine's own, and what :mod:`platform` says on a Mac."""
    (tmp_path / "clt").mkdir()
    made = Mac(tmp_path / "clt", monkeypatch)
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    return made


def asked(tmp_path: Path, **wishes: object) -> Request:
    return request(tmp_path, **{"target_triple": TRIPLE, "environment": "auto", "python": "3.13.5", **wishes})


def prepared(tmp_path: Path, events: list[Event], **wishes: object) -> Preparation:
    wanted = asked(tmp_path, **wishes)
    with make_fetcher(wanted, PROJECT, events.append) as fetcher:
        return MAC.prepare(wanted, PROJECT, fetcher, events.append, settle=False)


@pytest.mark.parametrize(("wanted", "name"), [
    ("packaged", "native:clang"), ("native", "native:clang"), ("native:clang", "native:clang"),
    ("bootstrap", "bootstrap:clang-19"), ("bootstrap:clang-22", "bootstrap:clang-22"),
])  # fmt: skip
def test_what_a_name_means_on_a_mac(mac: Mac, tmp_path: Path, wanted: str, name: str) -> None:
    assert prepared(tmp_path, [], toolchain=wanted).inputs.toolchain.name == name


@pytest.mark.parametrize(("wishes", "message"), [
    ({"toolchain": "bootstrap", "compiler": "gcc"}, "--cc: not on macOS, where Clang builds on the machine itself"),
    ({"toolchain": "bootstrap:gcc-14"}, "--toolchain: unknown toolchain: found bootstrap:gcc-14, expected packaged, boo"
     "tstrap, or one of native:clang, bootstrap:clang-19, bootstrap:clang-22"),
    ({"toolchain": "packaged:clang-19"}, "--toolchain: unknown toolchain: found packaged:clang-19"),
    ({"toolchain": "cross:clang-22"}, "--toolchain: unknown toolchain: found cross:clang-22"),
    ({"stages": 2}, "--stages: this toolchain's compiler is not compiled by itself: found native:clang, expected a "
     "Clang from source; --toolchain bootstrap:clang-19"),
    ({"toolchain_archive": "nothing"}, "--toolchain-archive: no such file: found nothing"),
])  # fmt: skip
def test_what_makes_no_sense_is_one_line(mac: Mac, tmp_path: Path, wishes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        prepared(tmp_path, [], **wishes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def make_archive(directory: Path, triple: str = TRIPLE) -> tuple[Path, Manifest]:
    """Return an archive with a small tree for each step, as ``toolchain export`` writes it."""
    trees = {}
    for name in MADE:
        (directory / name / "tools/llvm").mkdir(parents=True)
        (directory / name / "tools/llvm" / name).write_bytes(make_macho(PROGRAM))
        trees[name] = directory / name
    digests = {name: scan(tree).digest for name, tree in trees.items()}
    sources = (Origin("llvm-19", "19.1.7", "Apache-2.0 WITH LLVM-exception", "llvm.tar.xz", "ab" * 32),)
    manifest = Manifest("bootstrap:clang-19", triple, digests, sources, 2)
    (directory / "work").mkdir()
    write_toolchain(manifest, trees, directory / manifest.filename, directory / "work", 315532800, threads=1)
    return directory / manifest.filename, manifest


def test_an_archive_gives_the_keys_of_what_was_made(tmp_path: Path) -> None:
    path, manifest = make_archive(tmp_path / "made")
    archive = ToolchainArchive(PinnedFile(path.name, "ef" * 32, lambda: path), manifest)
    made, placed = plan_of(), plan_of(toolchain_archive=archive)
    names = {step.name for step in placed.steps}
    assert {*MADE, "macos-toolchain"} <= names
    assert not names & {"macos-cmake", "macos-ninja"}
    assert isinstance(placed.step("macos-llvm").action, CallAction)
    digests = {step.name: "00" * 32 for step in made.steps}
    for name in ("macos-toolchain", "zlib", "openssl", "cpython-3.13.5-noopt"):
        assert action_key(made.step(name), digests) == action_key(placed.step(name), digests), name
    assert origins(inputs_of(toolchain_archive=archive)) == manifest.sources
    assert compiler_on_a_mac(inputs_of(toolchain_archive=archive), APPLE).told.stages == 2


def test_an_archive_is_taken_in_used_and_exported_again(mac: Mac, tmp_path: Path) -> None:
    path, manifest = make_archive(tmp_path / "made")
    events: list[Event] = []
    assert take_in(asked(tmp_path), str(path), events.append).manifest == manifest
    wishes = {"toolchain": "bootstrap", "stages": 2}
    assert prepared(tmp_path, events, **wishes).inputs.toolchain_archive is not None
    assert [event.text for event in events if isinstance(event, Note)] == [
        f"bootstrap:clang-19: {path.name}, which was imported",
    ]  # fmt: skip
    again = export(asked(tmp_path, **wishes), events.append)
    assert again.path.name == path.name
    assert again.path.read_bytes() == path.read_bytes()
    assert read_manifest(again.path) == manifest


def test_the_archive_of_another_processor(mac: Mac, tmp_path: Path) -> None:
    path, _ = make_archive(tmp_path / "made", "x86_64-apple-darwin")
    with pytest.raises(UsageError, match=r"compiles for another target: found x86_64-apple-darwin, expected aarch64-a"):
        prepared(tmp_path, [], toolchain_archive=str(path))


def test_what_there_is_and_what_there_is_nothing_to_export_of(mac: Mac, tmp_path: Path) -> None:
    path, _ = make_archive(tmp_path / "made")
    events: list[Event] = []
    assert listed(asked(tmp_path), events.append) == [
        ("native:clang", "none", "the Command Line Tools' own"),
        ("bootstrap:clang-19", "none", "made from source"),
        ("bootstrap:clang-22", "none", "made from source"),
    ]  # fmt: skip
    with pytest.raises(UsageError, match=r"nothing to export, this one is the Command Line Tools' own: found --toolch"):
        export(asked(tmp_path), events.append)
    assert path.is_file()
