"""The plan of this project's own configuration: complete, in order, and keyed by what matters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild.config.locks import load_lock
from pythonbuild.config.model import LockedPackage, Pin
from pythonbuild.config.project import Project
from pythonbuild.config.recipes import with_needs
from pythonbuild.config.toolchains import compiled_by
from pythonbuild.cpython.leaving_out import NO_TK, WITHOUT, LeftOut
from pythonbuild.darwin_plan import BUILD_PYTHON
from pythonbuild.distribution.toolchain_archive import Manifest
from pythonbuild.engine.keys import action_key, dependencies
from pythonbuild.engine.model import CallAction, PinnedFile, Plan, RecipeAction
from pythonbuild.engine.trees import scan
from pythonbuild.environments.base import Environment
from pythonbuild.errors import DistributionError, UsageError
from pythonbuild.planning import find_step, lock_names, make_plan
from pythonbuild.recipe_steps import Interpreter, PlanInputs, ToolchainArchive

REPOSITORY = Path(__file__).parents[2]
LEFT_OUT = LeftOut({"_hashlib": WITHOUT, "_ssl": WITHOUT, "_tkinter": NO_TK}, no_tk=True)


class NoFiles:
    """Planning must not fetch anything."""

    def pin(self, pin: Pin) -> Path:
        raise AssertionError(pin)

    def package(self, package: LockedPackage, snapshot: str) -> Path:
        raise AssertionError(package)


@pytest.fixture(scope="module")
def inputs() -> PlanInputs:
    return plan_inputs("3.13.5")


def plan_inputs(version: str, toolchain: str = "packaged:clang-22") -> PlanInputs:
    project = Project(REPOSITORY)
    chosen = project.toolchains[toolchain]
    target = compiled_by(project.targets["x86_64-unknown-linux-gnu"], chosen)
    source = project.sources["cpython-" + ".".join(version.split(".")[:2])]
    file = PinnedFile("Python.tar.xz", "ab" * 32, lambda: Path("/nowhere"))
    locks = {name: load_lock(project.unix / "locks" / f"{name}.yml") for name in lock_names(project, target)}
    return PlanInputs(project, target, chosen, "noopt", Interpreter(version, source, file), locks, NoFiles())


def test_every_need_stands_before_its_user(inputs: PlanInputs) -> None:
    seen: set[str] = set()
    for step in make_plan(inputs).steps:
        assert set(dependencies(step)) <= seen, step.name
        assert step.name not in seen
        seen.add(step.name)


def test_goals_are_the_checks_and_the_archive(inputs: PlanInputs) -> None:
    assert make_plan(inputs).goals == ("validate-3.13.5-noopt", "archive-3.13.5-noopt")


def test_every_recipe_is_used_by_some_version() -> None:
    made = plan_inputs("3.13.5", "bootstrap:clang-19")
    plans = [made, *map(plan_inputs, ("3.11.2", "3.13.5", "3.14.10"))]
    used = {step.name for each in plans for step in make_plan(each).steps}
    others = {BUILD_PYTHON, "macos-ncurses", "macos-sdk", "macos-toolchain"}  # test_darwin_plan.py has these
    others |= {recipe for item in Project(REPOSITORY).macos_toolchains.values() for recipe in item.toolchain.recipes}
    others |= {"macos-cmake", "macos-ninja"}  # test_darwin_toolchain.py has these
    assert set(Project(REPOSITORY).recipes) - used - others == {"cpython", "cpython-profile"}


def test_dependencies_are_the_same_steps_for_every_python() -> None:
    """Rule 8: a second version costs CPython's own steps only."""
    plans = [make_plan(plan_inputs(version)) for version in ("3.11.2", "3.13.5")]
    digests = {step.name: "00" * 32 for plan in plans for step in plan.steps}
    for name in {step.name for step in plans[0].steps} & {step.name for step in plans[1].steps}:
        first, second = (action_key(plan.step(name), digests) for plan in plans)
        assert first == second, name


def test_a_step_sees_no_variable_but_the_declared_ones(inputs: PlanInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {step.name: dict(step.parameters) for step in make_plan(inputs).steps}
    monkeypatch.setenv("CFLAGS", "-O0")
    monkeypatch.setenv("PREFIX", "/somewhere")
    assert {step.name: dict(step.parameters) for step in make_plan(inputs).steps} == before


def test_where_the_checkout_lies_is_not_in_any_key(inputs: PlanInputs) -> None:
    plan = make_plan(inputs)
    for step in plan.steps:
        named = [*step.parameters.values(), *(file.name for file in step.files), *(s.name for s in step.sources)]
        assert not any(str(REPOSITORY) in text for text in named), step.name


def test_recipes_bring_their_script_and_the_driver(inputs: PlanInputs) -> None:
    for step in make_plan(inputs).steps:
        if isinstance(step.action, RecipeAction):
            assert {"driver.sh", "build.sh", "recipe.yml"} <= {file.name for file in step.files}, step.name


def test_another_floor_changes_the_sysroot_s_key(inputs: PlanInputs) -> None:
    other = replace(inputs, target=replace(inputs.target, glibc_floor="2.28"))
    digests = {step.name: "00" * 32 for step in make_plan(inputs).steps}
    assert action_key(make_plan(inputs).step("sysroot"), digests) != action_key(
        make_plan(other).step("sysroot"), digests
    )


def test_the_description_s_format_changes_the_last_steps_only(inputs: PlanInputs) -> None:
    plans = make_plan(inputs), make_plan(replace(inputs, python_json="8"))
    digests = {step.name: "00" * 32 for step in plans[0].steps}
    keys = [{step.name: action_key(step, digests) for step in plan.steps} for plan in plans]
    assert {name for name in keys[0] if keys[0][name] != keys[1][name]} == {"assemble-3.13.5-noopt"}


def test_the_interpreter_is_asked_before_the_distribution_is_assembled(inputs: PlanInputs) -> None:
    plan = make_plan(inputs)
    assert plan.step("interpreter-3.13.5-noopt").needs == ("cpython-3.13.5-noopt", "root-bullseye")
    assert "interpreter-3.13.5-noopt" in plan.step("assemble-3.13.5-noopt").needs
    assert "docs/schemas/python-json-8.json" in {file.name for file in plan.step("validate-3.13.5-noopt").files}


def test_needs_of_needs_are_seen(inputs: PlanInputs) -> None:
    plan, recipes = make_plan(inputs), inputs.project.recipes
    for recipe in with_needs(recipes, ["tk"]):
        for need in with_needs(recipes, recipe.needs):
            assert need.name in plan.step(recipe.name).needs


@pytest.mark.parametrize(("word", "found"), [("openssl", "openssl"), ("cpython", "cpython-3.13.5-noopt"),
                                             ("valid", "validate-3.13.5-noopt")])  # fmt: skip
def test_a_step_may_be_named_by_its_beginning(inputs: PlanInputs, word: str, found: str) -> None:
    assert find_step(make_plan(inputs), word).name == found


def test_unknown_and_ambiguous_steps(inputs: PlanInputs) -> None:
    plan: Plan = make_plan(inputs)
    with pytest.raises(UsageError, match=r"unknown step: found opnssl.*did you mean openssl"):
        find_step(plan, "opnssl")
    with pytest.raises(UsageError, match=r"several steps fit: found lib, expected one of lib"):
        find_step(plan, "lib")


def test_archives_of_the_installation_are_packed_and_checked_when_they_are_wanted(inputs: PlanInputs) -> None:
    plan = make_plan(replace(inputs, archives=("install_only", "install_only_stripped"), tag="1"))
    assert plan.goals == (
        "validate-3.13.5-noopt",
        "validate-3.13.5-noopt-install_only", "archive-3.13.5-noopt-install_only",
        "validate-3.13.5-noopt-install_only_stripped", "archive-3.13.5-noopt-install_only_stripped",
    )  # fmt: skip
    step = plan.step("archive-3.13.5-noopt-install_only")
    assert {"assemble-3.13.5-noopt", "root"} <= set(step.needs)
    digests = {step.name: "00" * 32 for step in plan.steps}
    other = make_plan(replace(inputs, archives=("install_only",), tag="2")).step(step.name)
    assert action_key(step, digests) != action_key(other, digests), "the tag is part of the name"


def with_pgo(inputs: PlanInputs, **changes: object) -> Plan:
    return make_plan(replace(inputs, options="pgo+lto", **changes))  # type: ignore[arg-type]


def test_a_profile_is_trained_where_one_is_used(inputs: PlanInputs) -> None:
    assert "cpython-profile-3.13.5" not in {step.name for step in make_plan(inputs).steps}
    plan = with_pgo(inputs)
    train, use = plan.step("cpython-profile-3.13.5"), plan.step("cpython-3.13.5-pgo+lto")
    assert train.name in use.needs
    assert (train.parameters["PROFILE_TASK"], use.parameters.get("PROFILE_TASK")) == ("full", None)
    assert (train.parameters["BUILD_OPTIONS"], use.parameters["BUILD_OPTIONS"]) == ("pgo", "pgo+lto")
    seen = {file.name for file in train.files}
    assert {"build.sh", "driver.sh", "prepare.sh", "patches-before-3.14/getpath-know-libpython.patch"} <= seen
    # Both are made of the same source.
    patches = [{file.name for file in step.files if file.name.startswith("patches")} for step in (train, use)]
    assert patches[0] == patches[1]
    assert "training/train.py" in seen - {file.name for file in use.files}


def test_all_options_share_one_training(inputs: PlanInputs) -> None:
    steps = [
        make_plan(replace(inputs, options=options)).step("cpython-profile-3.13.5") for options in ("pgo", "pgo+lto")
    ]
    digests = dict.fromkeys(dependencies(steps[0]), "00" * 32)
    assert action_key(steps[0], digests) == action_key(steps[1], digests)


def test_a_free_threaded_interpreter_is_trained_by_itself(inputs: PlanInputs) -> None:
    every = ("pgo", "freethreaded+pgo", "freethreaded+pgo+lto")
    plans = [make_plan(replace(inputs, options=options)) for options in every]
    digests = {step.name: "00" * 32 for plan in plans for step in plan.steps}
    with_gil = plans[0].step("cpython-profile-3.13.5")
    trainings = [plan.step("cpython-profile-3.13.5-freethreaded") for plan in plans[1:]]
    assert [step.parameters["BUILD_OPTIONS"] for step in trainings] == ["freethreaded+pgo"] * 2
    first, second = (action_key(step, digests) for step in trainings)
    assert first == second != action_key(with_gil, digests)
    for plan in plans[1:]:
        assert "cpython-profile-3.13.5" not in {step.name for step in plan.steps}
    use = plans[2].step("cpython-3.13.5-freethreaded+pgo+lto")
    assert trainings[0].name in use.needs
    assert (use.parameters["BUILD_OPTIONS"], use.memory) == ("freethreaded+pgo+lto", 2048)
    given = PinnedFile("cpython.profdata", "cd" * 32, lambda: Path("/nowhere"))
    placed = make_plan(replace(inputs, options="freethreaded+pgo+lto", profile=given))
    assert placed.step(trainings[0].name).sources == (given,)
    assert action_key(placed.step(use.name), digests) == action_key(use, digests)


def test_the_same_profile_gives_the_same_key_however_it_came(inputs: PlanInputs) -> None:
    given = PinnedFile("cpython.profdata", "cd" * 32, lambda: Path("/nowhere"))
    plans = [with_pgo(inputs), with_pgo(inputs, profile_task="quick"), with_pgo(inputs, profile=given)]
    digests = {step.name: "00" * 32 for plan in plans for step in plan.steps}
    trainings = {action_key(plan.step("cpython-profile-3.13.5"), digests) for plan in plans}
    assert len(trainings) == len(plans)
    assert len({action_key(plan.step("cpython-3.13.5-pgo+lto"), digests) for plan in plans}) == 1


def test_dependencies_are_the_same_steps_for_all_options(inputs: PlanInputs) -> None:
    plain, *others = make_plan(inputs), with_pgo(inputs), make_plan(replace(inputs, options="freethreaded+noopt"))
    digests = {step.name: "00" * 32 for plan in (plain, *others) for step in plan.steps}
    own = {step.name for step in plain.steps if "3.13.5" in step.name} - {"setup-cpython-3.13.5"}
    for step in plain.steps:
        if step.name not in own:
            for other in others:
                assert action_key(step, digests) == action_key(other.step(step.name), digests), step.name


CHOICES = {"openssl": "shared", "xz": "system"}


def test_link_choices_change_the_affected_steps_only(inputs: PlanInputs) -> None:
    plans = make_plan(inputs), make_plan(replace(inputs, link=CHOICES))
    digests = {step.name: "00" * 32 for step in plans[0].steps}
    keys = [{step.name: action_key(step, digests) for step in plan.steps} for plan in plans]
    assert {name for name in keys[0] if keys[0][name] != keys[1][name]} == {
        "openssl", "xz", "cpython-3.13.5-noopt", "interpreter-3.13.5-noopt", "assemble-3.13.5-noopt",
        "validate-3.13.5-noopt",
    }  # fmt: skip


def test_shipped_and_the_system_s_are_built_alike(inputs: PlanInputs) -> None:
    """The same libraries and the same interpreter: what is shipped of them differs, and what its rooms have."""
    plans = [make_plan(replace(inputs, link={"openssl": kind})) for kind in ("shared", "system")]
    digests = {step.name: "00" * 32 for step in plans[0].steps}
    keys = [{step.name: action_key(step, digests) for step in plan.steps} for plan in plans]
    assert {name for name in keys[0] if keys[0][name] != keys[1][name]} == {
        "assemble-3.13.5-noopt", "validate-3.13.5-noopt",
    }  # fmt: skip
    assert "openssl" in plans[1].step("validate-3.13.5-noopt").needs


def test_a_shared_build_sees_the_ordinary_one_under_another_name(inputs: PlanInputs) -> None:
    plan = make_plan(replace(inputs, link=CHOICES))
    files = {file.name: file.path for file in plan.step("openssl").files}
    recipe = REPOSITORY / "cpython-unix/recipes/openssl"
    assert files["build.sh"] == recipe / "shared/build.sh"
    assert files["static.sh"] == recipe / "build.sh"
    assert {"driver.sh", "shared.sh", "recipe.yml", "shared.yml"} <= files.keys()
    assert any(name.startswith("patches/") for name in files)
    assert plan.step("openssl").parameters["SONAMES"] == "crypto=libcrypto.so.3 ssl=libssl.so.3"
    assert plan.step("cpython-3.13.5-noopt").parameters["SONAMES"] == "libcrypto.so.3 liblzma.so.5 libssl.so.3"
    assert {"openssl", "xz"} <= set(plan.step("interpreter-3.13.5-noopt").needs)


def test_ordinary_builds_do_not_see_the_shared_ones(inputs: PlanInputs) -> None:
    for step in make_plan(inputs).steps:
        assert not any("shared" in file.name or file.name == "static.sh" for file in step.files), step.name
        assert "SONAMES" not in step.parameters


def test_a_dependency_of_another_version_cannot_be_chosen(inputs: PlanInputs) -> None:
    with pytest.raises(UsageError, match=r"--link zstd=shared: no extension module of this CPython 3\.13\.5"):
        make_plan(replace(inputs, link={"zstd": "shared"}))


def test_only_what_the_rest_needs_is_in_the_plan_of_a_smaller_build(inputs: PlanInputs) -> None:
    whole, smaller = make_plan(inputs), make_plan(replace(inputs, left_out=LEFT_OUT))
    names = {step.name for step in smaller.steps}
    gone = {step.name for step in whole.steps} - names
    assert gone >= {"openssl", "tcl", "tk", "libx11", "xorgproto", "libxft", "fontconfig", "freetype"}
    assert {"expat", "zlib", "sqlite"} <= names, "others are linked with these"
    assert names - {step.name for step in whole.steps} == {"smaller-3.13.5-noopt"}
    sources = {source.name for step in smaller.steps for source in step.sources}
    unwanted = {source.name for source in whole.step("openssl").sources}
    assert unwanted
    assert not unwanted & sources, "what is not built is not fetched"
    assert smaller.step("interpreter-3.13.5-noopt").needs[0] == "smaller-3.13.5-noopt"
    assert "smaller-3.13.5-noopt" in smaller.step("assemble-3.13.5-noopt").needs
    assert smaller.goals == whole.goals


def test_what_is_not_affected_keeps_its_key(inputs: PlanInputs) -> None:
    plans = make_plan(inputs), make_plan(replace(inputs, left_out=LEFT_OUT))
    digests = {step.name: "00" * 32 for plan in plans for step in plan.steps}
    keys = [{step.name: action_key(step, digests) for step in plan.steps} for plan in plans]
    assert {name for name in keys[1] if keys[0].get(name) != keys[1][name]} == {
        "setup-cpython-3.13.5", "cpython-3.13.5-noopt", "smaller-3.13.5-noopt", "interpreter-3.13.5-noopt",
        "assemble-3.13.5-noopt", "archive-3.13.5-noopt",
    }  # fmt: skip


def test_a_whole_build_s_keys_know_nothing_of_leaving_out(inputs: PlanInputs) -> None:
    for step in make_plan(inputs).steps:
        assert "left out" not in step.parameters, step.name
    setup = make_plan(inputs).step("setup-cpython-3.13.5")
    assert setup.parameters == {"version": "3.13.5"}


def test_a_bootstrap_makes_the_compiler_and_everything_needs_it() -> None:
    plan = make_plan(plan_inputs("3.13.5", "bootstrap:clang-19"))
    names = [step.name for step in plan.steps]
    chain = ["root", "binutils", "gcc", "llvm", "compiler-rt", "toolchain", "zlib"]
    assert [name for name in names if name in chain] == chain
    for step in plan.steps:
        if isinstance(step.action, RecipeAction) and names.index(step.name) > names.index("toolchain"):
            assert step.needs[:4] == ("llvm", "compiler-rt", "sysroot", "toolchain"), step.name
    assert plan.step("gcc").parameters["CC"] == "gcc"
    assert plan.step("sysroot").parameters["BUILD_CC"] == "gcc"
    assert plan.step("zlib").parameters["PATH"].startswith("/tools/bin:/tools/llvm/bin:")
    assert plan.step("gcc").resumable
    assert plan.step("llvm").resumable


def test_a_packaged_compiler_is_the_root_s() -> None:
    names = {step.name for step in make_plan(plan_inputs("3.13.5", "packaged:clang-19")).steps}
    assert not names & {"binutils", "gcc", "llvm", "compiler-rt"}


def test_stages() -> None:
    inputs = plan_inputs("3.13.5", "bootstrap:clang-19")
    two = make_plan(replace(inputs, stages=2))
    assert two.step("llvm-stage2").needs == (*two.step("llvm").needs, "llvm")
    assert two.step("llvm-stage2").parameters["STAGE"] == "2"
    assert "llvm-stage2" in two.step("compiler-rt").needs
    assert "llvm-agreed" not in [step.name for step in two.steps]
    three = make_plan(replace(inputs, stages=3))
    assert three.step("llvm-agreed").needs == ("llvm-stage2", "llvm-stage3")
    assert three.step("zlib").needs[:2] == ("llvm-agreed", "compiler-rt")


def test_stages_that_differ_are_no_result(tmp_path: Path) -> None:
    plan = make_plan(replace(plan_inputs("3.13.5", "bootstrap:clang-19"), stages=3))
    action = plan.step("llvm-agreed").action
    assert isinstance(action, CallAction)
    for name, code in (("llvm-stage2", "same"), ("llvm-stage3", "same"), ("other", "another")):
        (tmp_path / name / "tools/llvm/bin").mkdir(parents=True)
        (tmp_path / name / "tools/llvm/bin/clang").write_text(code)
    action.function(Trees(tmp_path, {}))
    assert (tmp_path / "out/tools/llvm/bin/clang").read_text() == "same"
    with pytest.raises(DistributionError, match=r"llvm-stage2 and llvm-stage3 differ: found tools/llvm/bin/clang"):
        action.function(Trees(tmp_path, {"llvm-stage3": "other"}))


class Trees:
    """A context that has trees, by the names of steps; ``moved`` says which are those of others."""

    step = "llvm-agreed"
    jobs = 1
    environment: Environment

    def __init__(self, directory: Path, moved: dict[str, str]) -> None:
        self.work = directory / "work"
        self.out = directory / "out"
        self._directory = directory
        self._moved = moved

    def tree(self, need: str) -> Path:
        return self._directory / self._moved.get(need, need)

    def digest(self, need: str) -> str:
        return scan(self.tree(need)).digest

    def source(self, name: str) -> Path:
        raise AssertionError(name)

    def log(self, line: str) -> None: ...


def test_an_exported_toolchain_gives_the_keys_of_a_made_one() -> None:
    inputs = plan_inputs("3.13.5", "bootstrap:clang-19")
    trees = {"llvm": "ab" * 32, "compiler-rt": "cd" * 32}
    manifest = Manifest("bootstrap:clang-19", "x86_64-unknown-linux-gnu", trees, ())
    archive = ToolchainArchive(PinnedFile("toolchain.tar.zst", "ef" * 32, lambda: Path("/nowhere")), manifest)
    made, placed = make_plan(inputs), make_plan(replace(inputs, toolchain_archive=archive))
    names = {step.name for step in placed.steps}
    assert {"llvm", "compiler-rt", "sysroot"} <= names
    assert not names & {"binutils", "gcc", "ninja"}
    digests = {step.name: "00" * 32 for step in made.steps}
    for name in ("zlib", "openssl", "cpython-3.13.5-noopt", "toolchain", "sysroot"):
        assert action_key(made.step(name), digests) == action_key(placed.step(name), digests), name
