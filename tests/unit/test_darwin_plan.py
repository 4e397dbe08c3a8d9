"""The plans for macOS: the recipes of Linux, on the machine itself or in a root filesystem of Linux."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild.config.locks import load_lock
from pythonbuild.config.model import LockedPackage, Pin
from pythonbuild.config.native_targets import compiled_on, find_macos_target
from pythonbuild.config.project import Project
from pythonbuild.cpython.modules import read_modules
from pythonbuild.darwin_plan import (
    BUILD_PYTHON,
    NOT_WITHOUT_SDK,
    make_cross_plan,
    make_native_plan,
)
from pythonbuild.darwin_toolchain import AppleCompiler
from pythonbuild.engine.keys import action_key, dependencies
from pythonbuild.engine.model import PinnedFile, Plan, RecipeAction
from pythonbuild.errors import UsageError
from pythonbuild.planning import lock_names
from pythonbuild.recipe_steps import Interpreter, PlanInputs

PROJECT = Project(Path(__file__).parents[2])
CATALOGUE = read_modules(PROJECT.unix / "extension-modules.yml")
COMPILER = AppleCompiler("/clt/clang", "/clt/clang++", "/clt/MacOSX.sdk", "macosx15.2", "15.2", "16",
                         "/clt/llvm-profdata", "/opt/brew/bin")  # fmt: skip
VERSIONS = ("3.11.2", "3.13.5", "3.14.10")


class NoFiles:
    """Planning must not fetch anything."""

    def pin(self, pin: Pin) -> Path:
        raise AssertionError(pin)

    def package(self, package: LockedPackage, snapshot: str) -> Path:
        raise AssertionError(package)


def plan_inputs(toolchain: str, version: str = "3.13.5", triple: str = "aarch64-apple-darwin",
                options: str = "noopt") -> PlanInputs:  # fmt: skip
    chosen = PROJECT.macos_toolchains[toolchain]
    target = compiled_on(PROJECT.macos_targets[triple], chosen, PROJECT.targets)
    source = PROJECT.sources["cpython-" + ".".join(version.split(".")[:2])]
    file = PinnedFile("Python.tar.xz", "ab" * 32, lambda: Path("/nowhere"))
    locks = {name: load_lock(PROJECT.unix / "locks" / f"{name}.yml") for name in lock_names(PROJECT, target)}
    return PlanInputs(PROJECT, target, chosen.toolchain, options, Interpreter(version, source, file), locks, NoFiles())


def native(version: str = "3.13.5", compiler: AppleCompiler = COMPILER) -> Plan:
    return make_native_plan(plan_inputs("native:clang", version), compiler)


def cross(version: str = "3.13.5", triple: str = "aarch64-apple-darwin") -> Plan:
    return make_cross_plan(plan_inputs("cross:clang-22", version, triple))


def names(plan: Plan) -> set[str]:
    return {step.name for step in plan.steps}


@pytest.mark.parametrize("make", [native, cross])
@pytest.mark.parametrize("version", VERSIONS)
def test_every_need_stands_before_its_user(make, version: str) -> None:  # type: ignore[no-untyped-def]
    seen: set[str] = set()
    plan = make(version)
    for step in plan.steps:
        assert set(dependencies(step)) <= seen, step.name
        assert step.name not in seen
        seen.add(step.name)
    assert set(plan.goals) <= seen


def test_a_mac_builds_on_the_machine_itself() -> None:
    plan = native()
    assert plan.goals == ("validate-3.13.5-noopt", "archive-3.13.5-noopt")
    recipes = [step for step in plan.steps if isinstance(step.action, RecipeAction)]
    assert {step.action.root for step in recipes if isinstance(step.action, RecipeAction)} == {""}
    for step in recipes:
        assert step.parameters["HOST"] == step.parameters["BUILD"] == "aarch64-apple-darwin"
        assert step.parameters["MACOSX_DEPLOYMENT_TARGET"] == "11.0"
        assert step.parameters["PATH"].startswith("${STEP_TOOLS}/bin:/usr/bin:")
        assert "macos-toolchain" in step.needs or step.name == "macos-toolchain"
    assert not {name for name in names(plan) if name.startswith("root")}


def test_only_recipes_without_a_configure_script_see_other_programs() -> None:
    found = {step.name for step in native().steps if step.parameters.get("PATH", "").endswith(":/opt/brew/bin")}
    assert found == {"expat", "libffi"}


def test_what_macos_has_is_not_built_there() -> None:
    plan = native("3.11.2")
    assert {"libedit", "openssl", "sqlite", "tcl", "tk", "zlib"} <= names(plan)
    assert not names(plan) & {"ncurses", "libuuid", "libxcrypt", "libx11", "libxft", "sysroot", "toolchain"}
    assert "tcl" in plan.step("tk").needs


def test_another_sdk_or_compiler_builds_anew() -> None:
    digests = dict.fromkeys(names(native()), "00" * 32)
    keys = {
        action_key(native(compiler=compiler).step("macos-toolchain"), digests)
        for compiler in (COMPILER, replace(COMPILER, sdk_version="15.3"), replace(COMPILER, clang_version="17"))
    }
    assert len(keys) == 3


@pytest.mark.parametrize("options", ["pgo", "pgo+lto", "freethreaded+pgo+lto"])
def test_a_mac_trains_and_uses_a_profile(options: str) -> None:
    plan = make_native_plan(plan_inputs("native:clang", options=options), COMPILER)
    profile = "cpython-profile-3.13.5" + ("-freethreaded" if options.startswith("free") else "")
    train, build = plan.step(profile), plan.step(f"cpython-3.13.5-{options}")
    assert profile in build.needs
    assert {"macos-toolchain", "openssl", "setup-cpython-3.13.5"} <= set(train.needs), "its modules are trained, too"
    assert train.parameters["BUILD_OPTIONS"] == options.removesuffix("+lto")
    assert plan.step("macos-toolchain").parameters["PROFDATA"] == "/clt/llvm-profdata"


def test_lto_needs_no_profile_and_builds_dependencies_once() -> None:
    plain, lto = native(), make_native_plan(plan_inputs("native:clang", options="lto"), COMPILER)
    assert not [name for name in names(lto) if "profile" in name]
    for name in names(plain) & set(PROJECT.recipes):
        assert plain.step(name).parameters == lto.step(name).parameters, name


def test_cpython_has_a_script_of_its_own_on_macos() -> None:
    recipe = PROJECT.unix / "recipes/cpython"
    for plan in (native(), cross()):
        files = {file.name: file.path for file in plan.step("cpython-3.13.5-noopt").files}
        assert files["build.sh"] == recipe / "macos/build.sh"
        assert files["static.sh"] == recipe / "build.sh"
        assert not [name for name in files if "/" in name and name.startswith("macos")]


def test_linux_compiles_in_a_root_and_runs_nothing_of_it() -> None:
    plan = cross()
    assert plan.goals == ("check-3.13.5-noopt", "validate-3.13.5-noopt")
    for step in plan.steps:
        if isinstance(step.action, RecipeAction):
            assert step.action.root == "root"
            assert step.parameters["BUILD"] == "x86_64-linux-gnu"
            assert step.parameters["HOST"] == "aarch64-apple-darwin"
    python = f"{BUILD_PYTHON}-3.13.5"
    assert python in plan.step("cpython-3.13.5-noopt").needs
    assert plan.step("cpython-3.13.5-noopt").parameters["BUILD_PYTHON"] == "/tools/build-python/bin/python3"
    assert plan.step(python).parameters["ZLIB_ARCHIVE"] in {file.name for file in plan.step(python).sources}
    assert not names(plan) & {"tcl", "tk"}


def test_everything_that_macos_needs_is_compiled_but_what_needs_an_sdk() -> None:
    for version in VERSIONS:
        missing = names(native(version)) - names(cross(version))
        recipes = {name for name in missing if name in PROJECT.recipes}
        assert recipes == {"tcl", "tk"}
    assert NOT_WITHOUT_SDK.keys() <= CATALOGUE.modules.keys()


def test_the_deployment_target_is_the_processors() -> None:
    step = cross(triple="x86_64-apple-darwin").step("zlib")
    assert (step.parameters["MACOSX_DEPLOYMENT_TARGET"], step.parameters["DARWIN_ARCH"]) == ("10.15", "x86_64")
    assert step.parameters["CC"] == "x86_64-apple-darwin-clang"


@pytest.mark.parametrize(("triple", "message"), [
    ("universal2-apple-darwin", "is not built, but merged from builds for one processor each"),
    ("arm64-apple-darwin", "did you mean aarch64-apple-darwin?"),
    ("x86_64-unknown-linux-gnu", "unknown target for macOS: found x86_64-unknown-linux-gnu"),
])  # fmt: skip
def test_targets_that_cannot_be_built(triple: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_macos_target(PROJECT.macos_targets, triple)
    assert message in str(caught.value)
    assert "expected one of x86_64-apple-darwin, aarch64-apple-darwin" in str(caught.value)


def test_modules_on_macos() -> None:
    curses, edit = CATALOGUE.modules["_curses"].on("macos"), CATALOGUE.modules["readline"].on("macos")
    assert (curses.needs, curses.libraries) == ((), ("ncurses",))
    assert (edit.needs, edit.libraries) == (("libedit",), ("edit", "ncurses"))
    assert CATALOGUE.modules["_curses"].on("linux").needs == ("ncurses",)
    assert CATALOGUE.modules["_curses"].flags("3.11.2") == "-DHAVE_NCURSESW -lncursesw"
    assert curses.flags("3.11.2") == "-DHAVE_NCURSESW -D_XOPEN_SOURCE_EXTENDED -lncurses"
    for name in ("ossaudiodev", "spwd"):
        assert CATALOGUE.modules[name].linkage_on("macos") == ("omitted", "exists on Linux only")
    assert CATALOGUE.modules["_scproxy"].linkage_on("macos") == ("builtin", "")
