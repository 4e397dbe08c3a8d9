"""From a request to a plan: which steps there are, what each of them needs, and what goes into their keys.

The one place that knows both the engine and what is built. The steps of one distribution::

    root ─► sysroot ─► toolchain ─► zlib, openssl, … ─► cpython ─► assemble ─► archive ─► validate ◄─ root-bullseye, …
                                         setup-cpython ──┤             └─────► archive-…-install_only ─► validate-…
                                    (pgo) profile-cpython┘

Between cpython and assemble there is one more, ``smaller``, where something is left out.

Steps that run a recipe see nothing of this program; steps that are Python functions carry the source files of the code
they run in their keys.
"""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pythonbuild.config.links import check_links
from pythonbuild.config.model import Lock, Target
from pythonbuild.config.options import FREETHREADED, is_freethreaded
from pythonbuild.config.project import Project
from pythonbuild.config.recipes import with_needs
from pythonbuild.cpython.modules import read_modules
from pythonbuild.cpython.setup_local import render_setup
from pythonbuild.distribution.assemble import Linked
from pythonbuild.engine.model import CallAction, CallContext, InputFile, Plan, RecipeAction, Step
from pythonbuild.errors import UsageError
from pythonbuild.packing import installation_steps
from pythonbuild.recipe_steps import (
    DRIVER,
    PlanInputs,
    recipe_files,
    recipe_step,
    root_of,
    root_step,
    script_environment,
    shared_files,
)
from pythonbuild.shipping import (
    Shipment,
    archive_step,
    assemble_step,
    code_files,
    interpreter_step,
    room_roots,
    smaller_step,
    validate_step,
)
from pythonbuild.toolchain_steps import SYSROOT, Compiler, compiler_of


def make_plan(inputs: PlanInputs) -> Plan:
    """Return the plan of one distribution. Raises ConfigError for a recipe that does not fit together."""
    if inputs.target.os == "windows":
        from pythonbuild.windows.planning import make_windows_plan

        return make_windows_plan(inputs)
    target = inputs.target
    roots = {target.root: "root", **room_roots(target)}
    return plan_with(inputs, compiler_of(inputs), [root_step(inputs, root, name) for root, name in roots.items()])


def plan_with(inputs: PlanInputs, compiler: Compiler, before_all: Sequence[Step] = ()) -> Plan:
    """Return the plan of a distribution that a compiler makes; steps that need nothing are ``before_all``."""
    interpreter, target = inputs.interpreter, inputs.target
    catalogue = read_modules(modules_file(inputs.project)).without(inputs.left_out.extensions)
    wanted = catalogue.needed_recipes(interpreter.version, target.os)
    recipes = with_needs(inputs.recipes, wanted)
    check_links(inputs.project.recipes, inputs.link, [recipe.name for recipe in recipes], interpreter.version)
    before = compiler.needs
    setup = setup_step(inputs)
    needs = [*before, *(recipe.name for recipe in recipes), setup.name]
    profile = [_profile_step(inputs, needs)] if "pgo" in inputs.options.split("+") else []
    cpython = cpython_step(inputs, [*needs, *(step.name for step in profile)])
    smaller = smaller_step(inputs.left_out, cpython) if inputs.left_out else None
    shipment = Shipment(
        project=inputs.project,
        target=target,
        options=inputs.options,
        version=interpreter.version,
        interpreter_source=interpreter.source,
        interpreter_file=interpreter.file,
        cpython=(smaller or cpython).name,
        recipes=tuple(recipes),
        pin=inputs.pin,
        compiler=compiler.told,
        tag=inputs.tag,
        locks=_build_locks(inputs),
        python_json=inputs.python_json,
        link={name: Linked(kind, inputs.sonames(name)) for name, kind in inputs.link.items()},
        left_out=inputs.left_out,
    )
    asked = interpreter_step(shipment)
    assemble = assemble_step(shipment, asked)
    archive = archive_step(shipment, assemble)
    validate = validate_step(shipment, archive)
    installations = {kind: installation_steps(shipment, assemble, kind) for kind in inputs.archives if kind != "full"}
    steps = (
        *before_all,
        *compiler.steps,
        *(recipe_step(inputs, recipe, before) for recipe in recipes),
        setup,
        *profile,
        cpython,
        *([smaller] if smaller else []),
        asked,
        assemble,
        archive,
        validate,
        *(step for pair in installations.values() for step in pair),
    )
    # Whatever is published, the full archive is checked: only its description tells what is to be run.
    goals = [validate.name, *([archive.name] if "full" in inputs.archives else [])]
    goals += [step.name for pair in installations.values() for step in reversed(pair)]
    return Plan(steps, tuple(goals))


def find_step(plan: Plan, name: str, flag: str = "STEP") -> Step:
    """Return the step a user means: its name, or a beginning that fits one step only. Raises UsageError."""
    names = [step.name for step in plan.steps]
    fitting = [name] if name in names else [other for other in names if other.startswith(name)]
    if len(fitting) == 1:
        return plan.step(fitting[0])
    near = difflib.get_close_matches(name, names, 1)
    advice = f"did you mean {near[0]}?" if near and not fitting else ""
    raise UsageError(f"{flag}: " + ("several steps fit" if fitting else "unknown step"), found=name,
                     expected=f"one of {', '.join(fitting or names)}", advice=advice)  # fmt: skip


def lock_names(project: Project, target: Target) -> dict[str, str]:
    """Return the locks that a target's plan uses: lock name → name of the step that reads it."""
    if target.os == "windows":
        return {}
    roots = {**({target.root: "root"} if target.root else {}), **room_roots(target)}
    names = {f"{root}-{target.debian_architecture}": step for root, step in roots.items()}
    if target.os != "linux":
        return names
    names |= {recipe.lock: recipe.name for recipe in (project.recipes[SYSROOT],) if recipe.lock}
    return names


def _build_locks(inputs: PlanInputs) -> dict[str, Lock]:
    """Return the locks of what the compiler runs in (``build``) and of what the sysroot is made from."""
    if not inputs.target.root:
        return {}
    root = inputs.locks[f"{inputs.target.root}-{inputs.target.debian_architecture}"]
    return {"build": root, SYSROOT: inputs.locks[inputs.project.recipes[SYSROOT].lock]}


def modules_file(project: Project) -> Path:
    """Return the file that says what is known of CPython's extension modules."""
    return project.unix / "extension-modules.yml"


def setup_step(inputs: PlanInputs) -> Step:
    project, interpreter, target = inputs.project, inputs.interpreter, inputs.target
    template = project.unix / "Setup.local.j2"
    modules = modules_file(project)
    left_out = inputs.left_out.extensions

    def render(context: CallContext) -> None:
        archive = context.source(interpreter.file.name)
        render_setup(archive, interpreter.version, target.triple, modules, template, context.out, left_out)

    return Step(
        name=f"setup-{interpreter.name}",
        action=CallAction(render),
        files=(
            InputFile(modules.name, modules),
            InputFile(template.name, template),
            *code_files(project.repository, "cpython/*.py", "config/document.py"),
        ),
        sources=(interpreter.file,),
        # What is left out joins the key where there is something, so that the key of a whole build stays what it was.
        parameters={"version": interpreter.version, **({"left out": repr(dict(left_out))} if left_out else {})},
        target=target.triple,
        weight=3,
    )


def cpython_step(inputs: PlanInputs, needs: Sequence[str]) -> Step:
    """Return the step that builds CPython."""
    step = _on_dependencies(inputs, "cpython", needs)
    return replace(
        step,
        name=f"{inputs.interpreter.name}-{inputs.options}",
        parameters={**step.parameters, "LICENCE_NAME": "cpython", "BUILD_OPTIONS": inputs.options},
        memory=2048 if "lto" in inputs.options.split("+") else 1024,
    )


def _on_dependencies(inputs: PlanInputs, recipe_name: str, needs: Sequence[str]) -> Step:
    """Return a step that runs a recipe on CPython's source, with all that CPython is linked with."""
    interpreter, recipe = inputs.interpreter, inputs.project.recipes[recipe_name]
    environment = script_environment(inputs.target, recipe, interpreter.source, interpreter.version,
                                     [interpreter.file], inputs.target.environment)  # fmt: skip
    if inputs.link:
        files = sorted({soname for name in inputs.link for soname in inputs.sonames(name).values()})
        environment = {**environment, "SONAMES": " ".join(files)}
    shared, system = bool(inputs.link), inputs.target.os
    return Step(
        name=f"{recipe_name}-{interpreter.version}",
        action=RecipeAction(DRIVER, root=root_of(inputs.target)),
        needs=tuple(needs),
        files=shared_files(inputs.project, recipe) if shared else recipe_files(inputs.project, recipe, system),
        sources=(interpreter.file,),
        parameters=environment,
        target=inputs.target.triple,
        weight=recipe.weight,
        memory=1024,
    )


def _profile_step(inputs: PlanInputs, needs: Sequence[str]) -> Step:
    """Return the step whose tree holds ``tools/profile/cpython.profdata``: trained, or the one that was given.

    The same profile is the same tree of a step of the same name, whichever way it came: what uses it has the same key.
    A free-threaded interpreter has other code, and a profile of its own.
    """
    train = _on_dependencies(inputs, "cpython-profile", needs)
    variant = is_freethreaded(inputs.options)
    train = replace(train, name=f"{train.name}-{FREETHREADED}" if variant else train.name)
    if inputs.profile is None:
        own = {"PROFILE_TASK": inputs.profile_task, "LICENCE_FILES": "",
               "BUILD_OPTIONS": f"{FREETHREADED}+pgo" if variant else "pgo"}  # fmt: skip
        return replace(train, parameters={**train.parameters, **own})
    given = inputs.profile

    def place(context: CallContext) -> None:
        target = context.out / "tools/profile/cpython.profdata"
        target.parent.mkdir(parents=True)
        shutil.copyfile(context.source(given.name), target)

    return Step(
        name=train.name,
        action=CallAction(place),
        sources=(given,),
        files=code_files(inputs.project.repository, "planning.py"),
        weight=1,
    )
