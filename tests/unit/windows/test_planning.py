"""The plan of a build for Windows: which steps there are, and what goes into their keys."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from pythonbuild.config.model import ROOMS, LockedPackage, Pin, Toolchain
from pythonbuild.config.project import Project
from pythonbuild.config.request import Request
from pythonbuild.config.toolchains import compiled_by
from pythonbuild.cpython.leaving_out import NO_TESTS, NO_TK, WITHOUT
from pythonbuild.cpython.modules import read_modules
from pythonbuild.engine.keys import step_inputs
from pythonbuild.engine.model import CallAction, PinnedFile, Plan, RecipeAction
from pythonbuild.environments.native import NativeEnvironment
from pythonbuild.errors import UsageError
from pythonbuild.planning import lock_names, make_plan, modules_file
from pythonbuild.recipe_steps import Interpreter, PlanInputs
from pythonbuild.validation.validate import Report
from pythonbuild.windows.host import Host
from pythonbuild.windows.leaving_out import left_out
from pythonbuild.windows.planning import choose_tools, edit_options, make_windows_plan
from pythonbuild.windows.shipping import runs_here

REPOSITORY = Path(__file__).parents[3]
PROJECT = Project(REPOSITORY, "windows")
EVERYWHERE = read_modules(modules_file(PROJECT)).modules
FOUND = {"PERL": r"C:\perl\bin\perl.exe", "NASM": r"C:\nasm\nasm.exe"}


class NoFiles:
    """Planning fetches nothing."""

    def pin(self, pin: Pin) -> Path:
        raise AssertionError(pin)

    def package(self, package: LockedPackage, snapshot: str) -> Path:
        raise AssertionError(package)


def inputs(triple: str = "x86_64-pc-windows-msvc", options: str = "noopt", **changes: Any) -> PlanInputs:
    toolchain = Toolchain("machine:msvc-14.44", "machine", "msvc", "14.44", "", environment={"INCLUDE": r"C:\vc"},
                          versions={"msvc": "14.44"}, programs=changes.pop("programs", FOUND))  # fmt: skip
    source = PROJECT.sources["cpython-3.13"]
    file = PinnedFile("Python-3.13.5.tar.xz", "0" * 64, Path)
    return PlanInputs(PROJECT, compiled_by(PROJECT.targets[triple], toolchain), toolchain, options,
                      Interpreter("3.13.5", source, file), {}, NoFiles(), **changes)  # fmt: skip


def names(plan: Plan) -> list[str]:
    return [step.name for step in plan.steps]


def test_the_steps() -> None:
    plan = make_plan(inputs(archives=("full", "install_only")))
    assert set(names(plan)) == {
        "bzip2", "libffi", "mpdecimal", "openssl", "sqlite", "tcltk", "xz", "zlib", "pcbuild-3.13.5-noopt",
        "cpython-3.13.5-noopt", "interpreter-3.13.5-noopt", "assemble-3.13.5-noopt", "archive-3.13.5-noopt",
        "validate-3.13.5-noopt", "archive-3.13.5-noopt-install_only", "validate-3.13.5-noopt-install_only",
    }  # fmt: skip
    assert plan.goals == ("validate-3.13.5-noopt", "archive-3.13.5-noopt", "validate-3.13.5-noopt-install_only",
                          "archive-3.13.5-noopt-install_only")  # fmt: skip
    for step in plan.steps:
        assert set(step.needs) <= set(names(plan)[: names(plan).index(step.name)]), step.name
    openssl = plan.step("openssl")
    assert (openssl.parameters["PERL"], openssl.parameters["NASM"]) == (FOUND["PERL"], FOUND["NASM"])
    assert "PERL" not in plan.step("zlib").parameters
    assert plan.step("zlib").parameters["INCLUDE"] == r"C:\vc"
    assert lock_names(PROJECT, inputs().target) == {}


def test_recipes_run_on_the_machine_itself() -> None:
    for step in make_plan(inputs()).steps:
        if isinstance(step.action, RecipeAction):
            assert step.action.root == ""
            assert step.action.argv[-1] == "${STEP_RECIPE}/driver.py"
            assert {"driver.py", "patching.py", "toolbox.py", "build.py"} <= {file.name for file in step.files}


@pytest.mark.parametrize("triple", ["x86_64-pc-windows-msvc", "aarch64-pc-windows-msvc"])
def test_pinned_programs_where_the_machine_has_none(triple: str) -> None:
    plan = make_plan(inputs(triple, programs={}))
    openssl = plan.step("openssl")
    assert openssl.parameters["PERL"] == "${STEP_TOOLS}/strawberry-perl/perl/bin/perl.exe"
    assert "strawberry-perl" in openssl.needs
    assert ("nasm" in openssl.needs) == (triple.startswith("x86_64"))
    assert openssl.parameters["NASM"] == ("${STEP_TOOLS}/nasm/nasm.exe" if triple.startswith("x86_64") else "")


def test_the_static_variant_has_no_tcl() -> None:
    plan = make_plan(inputs(options="static+pgo"))
    assert "tcltk" not in names(plan)
    options = edit_options(inputs("aarch64-pc-windows-msvc", "static+noopt"))
    assert (options.architecture, options.static, options.optimized) == ("arm64", True, False)


def test_keys_change_with_the_compiler_and_the_options() -> None:
    digests = dict.fromkeys(names(make_plan(inputs())), "d")
    other = replace(inputs(), target=replace(inputs().target, environment={"INCLUDE": r"D:\vc"}))
    plans = {name: make_plan(each) for name, each in (("", inputs()), ("other", other))}
    keys = {name: step_inputs(plan.step("zlib"), digests) for name, plan in plans.items()}
    assert keys[""] != keys["other"]
    edits = [step_inputs(plan.step("pcbuild-3.13.5-noopt"), digests) for plan in plans.values()]
    assert edits[0] == edits[1]


def request(**changes: Any) -> Request:
    base = {"repository": REPOSITORY, "python": "3.13", "python_source": None, "options": "noopt", "jobs": 1,
            "target_triple": "x86_64-pc-windows-msvc", "environment": "native", "cache": Path("/c"),
            "output": Path("/o"), "system": "windows"}  # fmt: skip
    return Request(**{**base, **changes})


def test_what_is_left_out() -> None:
    assert not left_out(request(), PROJECT, "3.13.5", EVERYWHERE)
    gone = left_out(request(no_tests=True, no_tk=True), PROJECT, "3.13.5", EVERYWHERE)
    assert gone.extensions["_tkinter"] == NO_TK
    assert gone.extensions["_testcapi"] == NO_TESTS
    assert "_ssl" not in gone.extensions
    plan = make_plan(inputs(left_out=gone))
    assert "smaller-3.13.5-noopt" in names(plan)
    assert "tcltk" not in names(plan)
    parameters = plan.step("cpython-3.13.5-noopt").parameters
    assert (parameters["WITHOUT_TESTS"], parameters["WITHOUT_TK"]) == ("yes", "yes")


@pytest.mark.parametrize(("changes", "message"), [
    ({"link": (("openssl", "shared"),)}, "--link openssl=shared: not there for Windows: found pythonXY.dll holds"),
    ({"link": (("zstd", "shared"),)}, "zstd=shared: not there for Windows: found zstd's sources are compiled into"),
    ({"link": (("expat", "system"),)}, "expat=system: not there for Windows: found no expat that Windows has"),
    ({"link": (("tk", "shared"),)}, "tk=shared: .* found Tcl and Tk are DLLs beside _tkinter in every build"),
    ({"link": (("opensl", "shared"),)}, "--link: unknown dependency: found opensl, .*; did you mean openssl"),
    ({"toolchain": "bootstrap"}, "--toolchain: builds for Windows use the machine's Visual Studio"),
    ({"debug_shell": "zlib"}, "--debug-shell: not there for Windows"),
])  # fmt: skip
def test_wishes_that_windows_does_not_know(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        choose_tools(request(**changes), PROJECT, PROJECT.targets["x86_64-pc-windows-msvc"])


def test_modules_that_are_left_out() -> None:
    """Their projects go, and so does what only they need; test modules go along with what they test."""
    gone = left_out(request(without=("_sqlite3", "_ctypes")), PROJECT, "3.13.5", EVERYWHERE)
    assert gone.extensions == dict.fromkeys(["_ctypes", "_ctypes_test", "_sqlite3"], WITHOUT)
    assert gone.along == {"_ctypes_test": "_ctypes"}
    plan = make_plan(inputs(left_out=gone))
    assert not {"sqlite", "libffi"} & {*names(plan)}
    assert edit_options(inputs(left_out=gone)).without == ("_ctypes", "_ctypes_test", "_sqlite3")
    assert "openssl" in names(plan)


@pytest.mark.parametrize(("name", "message"), [
    ("_socket", "--without: _socket cannot be left out: found the new interpreter installs pip"),
    ("zlib", r"--without: zlib cannot be left out: found its code is part of the interpreter itself \(in_core\)"),
    ("math", "math cannot be left out: found no project of its own: it is part of pythonXY.dll, or not there"),
    ("_sqlite", "CPython has no extension module _sqlite; did you mean _sqlite3"),
    ("openssl", "openssl is a library, no extension module; leave out what .*: --without _hashlib,_ssl"),
    ("_zstd", "there is no _zstd to be left out: found CPython 3.13.5 has no such module: since 3.14"),
    ("_tkinter", "there is no _tkinter to be left out: found it is in no build: it would be linked with pythonXY"),
])  # fmt: skip
def test_modules_that_cannot_be_left_out(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        left_out(request(without=(name,)), PROJECT, "3.13.5", EVERYWHERE, static=True)
    assert "\n" not in caught.value.render()


def test_what_still_needs_a_module_is_named() -> None:
    everywhere = {**EVERYWHERE, "_ssl": replace(EVERYWHERE["_ssl"], imports=("_hashlib",))}
    with pytest.raises(UsageError, match=r"_hashlib cannot be left out: found _ssl, .* --without _hashlib,_ssl"):
        left_out(request(without=("_hashlib",)), PROJECT, "3.13.5", everywhere)


def test_perl_and_nasm_are_there_for_openssl_alone() -> None:
    gone = left_out(request(without=("_ssl", "_hashlib")), PROJECT, "3.13.5", EVERYWHERE)
    assert not {"openssl", "strawberry-perl", "nasm"} & {*names(make_plan(inputs(left_out=gone, programs={})))}


def test_without_the_gil() -> None:
    plan = make_plan(inputs(options="freethreaded+pgo"))
    assert plan.step("cpython-3.13.5-freethreaded+pgo").parameters["BUILD_OPTIONS"] == "freethreaded+pgo"
    assert edit_options(inputs(options="freethreaded+pgo")) == edit_options(inputs(options="pgo"))


def test_zstd_and_zlib_ng_are_dependencies_since_3_14() -> None:
    assert not {"zstd", "zlib-ng"} & {*names(make_plan(inputs()))}
    later = replace(inputs(), interpreter=replace(inputs().interpreter, version="3.14.0"))
    plan = make_plan(later)
    assert {"zstd", "zlib-ng"} <= {*names(plan)}
    assert "zlib" not in names(plan)


class Context:
    """What the step that validates asks for; its archive is what a stand-in of the checks is given."""

    def __init__(self, directory: Path) -> None:
        self.work, self.out, self.environment = directory / "work", directory / "out", NativeEnvironment(directory)
        for path in (self.work, self.out, directory / "archive/dist"):
            path.mkdir(parents=True)
        (directory / "archive/dist/python.tar.zst").touch()
        self.tree = lambda _step: directory / "archive"
        self.log = print


@pytest.mark.parametrize(("machine", "triple", "step", "system"), [
    ("amd64", "x86_64-pc-windows-msvc", "validate-3.13.5-noopt", "run"),
    ("amd64", "i686-pc-windows-msvc", "validate-3.13.5-noopt", "run"),
    ("amd64", "aarch64-pc-windows-msvc", "validate-3.13.5-noopt", "the machine cannot run programs for Windows on"),
    ("amd64", "x86_64-pc-windows-msvc", "validate-3.13.5-noopt-install_only", "archives of the installation alone"),
])  # fmt: skip
def test_what_is_built_is_run_where_the_machine_can(
    machine: str, triple: str, step: str, system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(sys, "platform", "win32")
    given: list[dict[str, Any]] = []

    def validate(*_arguments: object, rooms: dict[str, Any], **_options: object) -> Report:
        given.append(rooms)
        return Report(())

    monkeypatch.setattr("pythonbuild.validation.validate.validate", validate)
    plan = make_windows_plan(inputs(triple, archives=("full", "install_only")), Host("Windows", machine, {}))
    made = plan.step(step)
    assert isinstance(made.action, CallAction)
    made.action.function(cast("Any", Context(tmp_path)))
    (rooms,) = given
    assert set(rooms) == set(ROOMS)
    if system == "run":
        assert rooms["system"].root is None
        assert rooms["system"].work.is_relative_to(tmp_path / "work")
    else:
        assert rooms["system"].startswith(system)
    elsewhere = make_windows_plan(inputs(triple, archives=("full", "install_only")), Host("Windows", "arm64", {}))
    differ = made.parameters != elsewhere.step(step).parameters
    assert differ == (system.startswith("the machine")), "the report of a machine that cannot run it is another one"


@pytest.mark.parametrize(("system", "machine", "arch", "runs"), [
    ("Windows", "amd64", "x86_64", True), ("Windows", "amd64", "i686", True), ("Windows", "amd64", "aarch64", False),
    ("Windows", "arm64", "x86_64", True), ("Linux", "x86_64", "x86_64", False),
])  # fmt: skip
def test_where_the_interpreter_can_be_asked(system: str, machine: str, arch: str, runs: bool) -> None:
    target = PROJECT.targets[f"{arch}-pc-windows-msvc"]
    assert runs_here(Host(system, machine, {}), target) == runs
