"""The plans for macOS, which share recipes, Setup.local and CPython's step with Linux'.

On a Mac the recipes run on the machine itself, by the compiler of the Command Line Tools (:mod:`.darwin_native`)::

    macos-toolchain ─► zlib, openssl, … ─► cpython ─► interpreter ─► assemble ─► archive ─► validate

or by a Clang that this one compiles first (:mod:`.darwin_toolchain`).

On Linux the same recipes are compiled by Clang in a root filesystem, as far as that goes without an SDK: with the
headers of macOS' C library and a stub of libSystem, no frameworks, and without ever running what was compiled::

    root ─► macos-sdk ─► macos-toolchain ─► macos-ncurses ─► zlib, openssl, … ─► cpython ─► check
                                                   build-python ────────────────┘  └─► smaller ─► … ─► validate

What the recipes' trees hold is looked at by :mod:`pythonbuild.validation`, as a distribution's is; and then they are
made one, to be looked at (:mod:`.cross_shipping`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from pythonbuild.config.model import Recipe
from pythonbuild.config.recipes import with_needs
from pythonbuild.cpython.modules import read_modules
from pythonbuild.cross_shipping import cross_ending
from pythonbuild.darwin_toolchain import TOOLCHAIN, AppleCompiler, compiler_on_a_mac, naming_step
from pythonbuild.engine.model import CallAction, CallContext, PinnedFile, Plan, Step
from pythonbuild.errors import UsageError
from pythonbuild.planning import cpython_step, modules_file, plan_with, setup_step
from pythonbuild.recipe_steps import PlanInputs, recipe_step, root_step
from pythonbuild.shipping import VALIDATE_CODE, code_files

SDK, NCURSES, BUILD_PYTHON = "macos-sdk", "macos-ncurses", "build-python"
#: The source whose file has what can be had of an SDK without Apple.
SDK_SOURCE = "ziglang"
#: What cannot be compiled without an SDK, and why.
NOT_WITHOUT_SDK = {
    "_scproxy": "needs the headers of the frameworks CoreFoundation and SystemConfiguration",
    "_remote_debugging": "needs mach/mach_vm.h, which is in no package",
    "_testexternalinspection": "needs mach/mach_vm.h, which is in no package",
    "_tkinter": "needs Tk, which needs the headers of the framework Cocoa",
}
#: The recipes that are linked with the system's ncurses.
_ON_NCURSES = ("libedit",)
#: The recipes whose archives are exports of a repository.
_WITHOUT_CONFIGURE = ("expat", "libffi")
_CHECK_CODE = (*VALIDATE_CODE, "darwin_plan.py", "cross_check.py")


#: Clang in the root filesystem, with the SDK that ``macos-sdk`` makes.
CROSS_COMPILER = AppleCompiler("clang", "clang++", "$STEP_TOOLS/sdk")


def make_native_plan(inputs: PlanInputs, compiler: AppleCompiler) -> Plan:
    """Return the plan of a distribution that is built on a Mac."""
    plan = plan_with(inputs, compiler_on_a_mac(inputs, compiler))
    return replace(plan, steps=tuple(_with_autotools(step, compiler.autotools) for step in plan.steps))


def _with_autotools(step: Step, directory: str) -> Step:
    """Let the recipes find autoreconf whose sources have no configure script, and no others: what else is in that
    directory is nobody's business.
    """
    if step.name not in _WITHOUT_CONFIGURE:
        return step
    return replace(step, parameters={**step.parameters, "PATH": f"{step.parameters['PATH']}:{directory}"})


def make_cross_plan(inputs: PlanInputs, only: Sequence[str] = ()) -> Plan:
    """Return the plan that compiles for macOS on Linux and looks at what came out. Each goal's tree holds a report.

    With ``only`` it is about these dependencies, and without CPython. Raises UsageError for one that is not used.
    """
    inputs = without_sdk(inputs)
    sdk = _sdk_step(inputs)
    toolchain = naming_step(inputs, CROSS_COMPILER, (SDK,))
    ncurses = recipe_step(inputs, inputs.recipes[NCURSES], (SDK, TOOLCHAIN))
    before = (SDK, TOOLCHAIN)
    recipes = _chosen(needed_recipes(inputs), only)
    names = [recipe.name for recipe in recipes]
    last: tuple[Step, ...] = ()
    goals: tuple[str, ...] = ()
    cpython = None
    if not only:
        setup, python = setup_step(inputs), _build_python_step(inputs)
        cpython = _cpython_step(inputs, [*before, NCURSES, *names, python.name, setup.name])
        ending = cross_ending(inputs, cpython, python, recipes)
        last, goals = (setup, python, cpython, *ending.steps), ending.goals
    check = _check_step(inputs, cpython, names)
    steps = (
        root_step(inputs, inputs.target.root, "root"),
        sdk,
        toolchain,
        ncurses,
        *(
            recipe_step(inputs, recipe, (*before, NCURSES) if recipe.name in _ON_NCURSES else before)
            for recipe in recipes
        ),
        *last,
        check,
    )
    return Plan(steps, (check.name, *goals))


def without_sdk(inputs: PlanInputs) -> PlanInputs:
    """Leave out what cannot be compiled without an SDK, of what this version has."""
    existing = read_modules(modules_file(inputs.project)).existing(inputs.interpreter.version)
    missing = {name: reason for name, reason in NOT_WITHOUT_SDK.items() if name in existing}
    left_out = replace(inputs.left_out, extensions={**inputs.left_out.extensions, **missing})
    return replace(inputs, left_out=left_out)


def _chosen(recipes: list[Recipe], only: Sequence[str]) -> list[Recipe]:
    known = {recipe.name: recipe for recipe in recipes}
    if unknown := [name for name in only if name not in known]:
        raise UsageError("cross-check: no dependency of CPython on macOS that can be compiled here", found=unknown[0],
                         expected=f"one of {', '.join(known)}")  # fmt: skip
    return with_needs(known, only) if only else recipes


def _cpython_step(inputs: PlanInputs, needs: Sequence[str]) -> Step:
    cpython = cpython_step(inputs, needs)
    given = {**cpython.parameters, "BUILD_PYTHON": "/tools/build-python/bin/python3"}
    return replace(cpython, parameters=given)


def needed_recipes(inputs: PlanInputs) -> list[Recipe]:
    """Return the recipes of all that CPython is linked with on macOS, every need before its user."""
    catalogue = read_modules(modules_file(inputs.project)).without(inputs.left_out.extensions)
    return with_needs(inputs.recipes, catalogue.needed_recipes(inputs.interpreter.version, inputs.target.os))


def _sdk_step(inputs: PlanInputs) -> Step:
    step = recipe_step(inputs, inputs.recipes[SDK])
    pin = inputs.pin(SDK_SOURCE)
    package = PinnedFile(pin.filename, pin.sha256, partial(inputs.files.pin, pin))
    return replace(step, sources=(package,), parameters={**step.parameters, "SDK_PACKAGE": package.name})


def _build_python_step(inputs: PlanInputs) -> Step:
    recipe, interpreter = inputs.recipes[BUILD_PYTHON], inputs.interpreter
    step = recipe_step(inputs, recipe)
    pin = inputs.pin("zlib")
    zlib = PinnedFile(pin.filename, pin.sha256, partial(inputs.files.pin, pin))
    own = {"SOURCE_ARCHIVE": interpreter.file.name, "SOURCE_VERSION": interpreter.version, "ZLIB_ARCHIVE": zlib.name}
    return replace(step, name=f"{BUILD_PYTHON}-{interpreter.version}", sources=(interpreter.file, zlib),
                   parameters={**step.parameters, **own})  # fmt: skip


def _check_step(inputs: PlanInputs, cpython: Step | None, recipes: list[str]) -> Step:
    """Return the step that looks at everything that was compiled; its tree holds ``report.txt``."""

    def run(context: CallContext) -> None:
        from pythonbuild.cross_check import check_trees

        trees = {name: context.tree(name) for name in recipes}
        report = check_trees(context.tree(cpython.name) if cpython else None, trees, inputs.target, context.work)
        for line in report.lines():
            context.log(line)
        report.raise_if_failed("cross-check")
        (context.out / "report.txt").write_text("\n".join(report.lines()) + "\n", encoding="utf-8", newline="\n")

    return Step(
        name=f"check-{cpython.name.removeprefix('cpython-') if cpython else 'dependencies'}",
        action=CallAction(run),
        needs=(*([cpython.name] if cpython else []), *recipes),
        files=code_files(Path(__file__).parents[1], *_CHECK_CODE),
        parameters={"target": repr(inputs.target)},
        target=inputs.target.triple,
        weight=10,
    )
