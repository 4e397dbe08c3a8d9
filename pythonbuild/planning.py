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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Protocol

from pythonbuild.config.links import check_links, sonames
from pythonbuild.config.locks import load_root_description
from pythonbuild.config.model import Lock, LockedPackage, Pin, Recipe, RootDescription, Source, Target
from pythonbuild.config.options import FREETHREADED, is_freethreaded
from pythonbuild.config.project import Project
from pythonbuild.config.recipes import SHARED, with_needs
from pythonbuild.cpython.leaving_out import LeftOut
from pythonbuild.cpython.modules import read_modules
from pythonbuild.cpython.setup_local import render_setup
from pythonbuild.distribution.assemble import Linked
from pythonbuild.engine.model import CallAction, CallContext, InputFile, PinnedFile, Plan, RecipeAction, Step
from pythonbuild.errors import UsageError
from pythonbuild.packing import installation_steps
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

#: What every recipe's script is given besides the target's variables; the paths are fixed by the environments.
_FIXED_ENVIRONMENT = {
    "HOME": "/build/home",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PREFIX": "/tools/deps",
    "OUT": "/out",
}
_COMPILER_STEPS = ("sysroot", "toolchain")
_ROOT_CODE = ("debian/unpack.py", "debian/deb.py", "debian/apt_sources.py")
_DRIVER = ("bash", "-eu", "/recipe/driver.sh")


class FileSource(Protocol):
    """Where pinned files come from: returns a verified copy, or raises a SourceError."""

    def pin(self, pin: Pin) -> Path: ...

    def package(self, package: LockedPackage, snapshot: str) -> Path: ...


@dataclass(frozen=True)
class Interpreter:
    """The CPython that is built: ``source`` names its series, ``file`` is its archive."""

    version: str
    source: Source
    file: PinnedFile

    @property
    def name(self) -> str:
        return f"cpython-{self.version}"


@dataclass(frozen=True)
class PlanInputs:
    """All that a plan is made from; nothing in it is fetched or changed by planning.

    ``pins`` are the pins of sources whose newest could not be had, by source; all others take their newest.
    ``archives`` are the kinds that are published, ``tag`` stands in their names. ``python_json`` is the format of the
    full archive's description. ``link`` has the dependencies that are not linked statically, and how they are.
    ``left_out`` is what the distribution is to be without. ``profile`` is what a build with PGO uses, instead of
    training one by ``profile_task``.
    """

    project: Project
    target: Target
    options: str
    interpreter: Interpreter
    locks: Mapping[str, Lock]
    files: FileSource
    pins: Mapping[str, Pin] = field(default_factory=dict)
    archives: tuple[str, ...] = ("full",)
    tag: str = ""
    python_json: str = "0"
    profile: PinnedFile | None = None
    profile_task: str = "full"
    link: Mapping[str, str] = field(default_factory=dict)
    left_out: LeftOut = field(default_factory=LeftOut)

    def pin(self, source: str) -> Pin:
        """Return the pin that is used of a source."""
        return self.pins.get(source) or self.project.sources[source].pins[0]

    def sonames(self, name: str) -> dict[str, str]:
        """Return the sonames of a dependency that is not linked statically, by what link lines call its libraries."""
        recipe = self.project.recipes[name]
        return sonames(recipe, self.pin(recipe.source).version)


def make_plan(inputs: PlanInputs) -> Plan:
    """Return the plan of one distribution. Raises ConfigError for a recipe that does not fit together."""
    interpreter, target = inputs.interpreter, inputs.target
    catalogue = read_modules(modules_file(inputs.project)).without(inputs.left_out.extensions)
    wanted = catalogue.needed_recipes(interpreter.version, target.os)
    recipes = with_needs(inputs.project.recipes, [*_COMPILER_STEPS, *wanted])
    check_links(inputs.project.recipes, inputs.link, [recipe.name for recipe in recipes], interpreter.version)
    setup = _setup_step(inputs)
    profile = [_profile_step(inputs, setup, wanted)] if "pgo" in inputs.options.split("+") else []
    cpython = _cpython_step(inputs, [setup, *profile], wanted)
    smaller = smaller_step(inputs.left_out, cpython) if inputs.left_out else None
    shipment = Shipment(
        project=inputs.project,
        target=target,
        options=inputs.options,
        version=interpreter.version,
        interpreter_source=interpreter.source,
        interpreter_file=interpreter.file,
        cpython=(smaller or cpython).name,
        recipes=tuple(recipe for recipe in recipes if recipe.name not in _COMPILER_STEPS),
        pin=inputs.pin,
        tag=inputs.tag,
        locks=_build_locks(inputs, recipes),
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
        _root_step(inputs, target.root, "root"),
        *(_root_step(inputs, root, name) for root, name in room_roots(target).items()),
        *(_recipe_step(inputs, recipe) for recipe in recipes),
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
    roots = {target.root: "root", **room_roots(target)}
    names = {f"{root}-{target.debian_architecture}": step for root, step in roots.items()}
    names |= {recipe.lock: recipe.name for recipe in with_needs(project.recipes, _COMPILER_STEPS) if recipe.lock}
    return names


def _build_locks(inputs: PlanInputs, recipes: Iterable[Recipe]) -> dict[str, Lock]:
    """Return the locks of what the compiler runs in (``build``) and of what recipes read (``sysroot``)."""
    root = inputs.locks[f"{inputs.target.root}-{inputs.target.debian_architecture}"]
    return {"build": root, **{recipe.name: inputs.locks[recipe.lock] for recipe in recipes if recipe.lock}}


def modules_file(project: Project) -> Path:
    """Return the file that says what is known of CPython's extension modules."""
    return project.unix / "extension-modules.yml"


def _root_step(inputs: PlanInputs, root: str, name: str) -> Step:
    project = inputs.project
    lock = inputs.locks[f"{root}-{inputs.target.debian_architecture}"]
    path = project.unix / "roots" / f"{root}.yml"
    description = load_root_description(path)
    sources = _locked_files(inputs.files, lock)
    code, glibc = list(_ROOT_CODE), ""
    if description.glibc:
        pin = inputs.pin(description.glibc)
        code, glibc = [*code, "debian/glibc217.py"], pin.filename
        sources += (PinnedFile(glibc, pin.sha256, partial(inputs.files.pin, pin)),)
    return Step(
        name=name,
        action=CallAction(partial(_unpack_root, description, lock, glibc)),
        files=(InputFile(f"roots/{path.name}", path), *code_files(project.repository, *code)),
        sources=sources,
        parameters={"suite": lock.suite, "order": " ".join(package.name for package in lock.packages)},
        weight=25 if name == "root" else 5,
    )


def _unpack_root(description: RootDescription, lock: Lock, glibc: str, context: CallContext) -> None:
    from pythonbuild.debian.glibc217 import add_glibc217
    from pythonbuild.debian.unpack import unpack_root

    debs = {package.name: context.source(PurePosixPath(package.path).name) for package in lock.packages}
    unpack_root(description, lock, debs, context.out, context.jobs)
    if glibc:
        add_glibc217(context.source(glibc), context.out)


def _locked_files(files: FileSource, lock: Lock) -> tuple[PinnedFile, ...]:
    return tuple(
        PinnedFile(PurePosixPath(package.path).name, package.sha256, partial(files.package, package, lock.snapshot))
        for package in lock.packages
    )


def _recipe_step(inputs: PlanInputs, recipe: Recipe) -> Step:
    before = [name for name in _COMPILER_STEPS if recipe.name not in _COMPILER_STEPS]
    needs = [need.name for need in with_needs(inputs.project.recipes, recipe.needs)]
    source = inputs.project.sources[recipe.source] if recipe.source else None
    pin = inputs.pin(source.name) if source else None
    sources = [PinnedFile(pin.filename, pin.sha256, partial(inputs.files.pin, pin))] if pin else []
    if recipe.lock:
        sources += _locked_files(inputs.files, inputs.locks[recipe.lock])
    shared = recipe.shared if recipe.name in inputs.link else None
    parameters = _script_environment(inputs.target, recipe, source, pin.version if pin else "", sources[:1])
    if shared:
        words = (f"{name}={soname}" for name, soname in inputs.sonames(recipe.name).items())
        parameters = {**parameters, "SONAMES": " ".join(words)}
    return Step(
        name=recipe.name,
        action=RecipeAction(_DRIVER, root="root"),
        needs=tuple(dict.fromkeys([*before, *needs])),
        files=_shared_files(inputs.project, recipe) if shared else _recipe_files(inputs.project, recipe),
        sources=tuple(sources),
        parameters=parameters,
        target=inputs.target.triple,
        weight=shared.weight if shared else recipe.weight,
    )


def _recipe_files(project: Project, recipe: Recipe) -> tuple[InputFile, ...]:
    files = [InputFile("driver.sh", project.unix / "recipes" / "driver.sh")]
    files += [file for file in _files_below(recipe.directory, "") if PurePosixPath(file.name).parts[0] != SHARED]
    for path in recipe.includes:
        files += _files_below(path, f"{path.name}/") if path.is_dir() else [InputFile(path.name, path)]
    return tuple(files)


def _files_below(directory: Path, prefix: str) -> list[InputFile]:
    paths = [path for path in sorted(directory.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    return [InputFile(prefix + path.relative_to(directory).as_posix(), path) for path in paths]


def _shared_files(project: Project, recipe: Recipe) -> tuple[InputFile, ...]:
    """Return the files of a build with shared libraries: its script stands in for the ordinary one, which it may run
    as static.sh, and shared.sh is what all of them have in common.
    """
    ordinary = [replace(file, name="static.sh") if file.name == "build.sh" else file
                for file in _recipe_files(project, recipe)]  # fmt: skip
    own = sorted(path for path in (recipe.directory / SHARED).iterdir() if path.is_file())
    return (
        *ordinary,
        InputFile("shared.sh", project.unix / "recipes" / "shared.sh"),
        *(InputFile("shared.yml" if path.name == "recipe.yml" else path.name, path) for path in own),
    )


def _script_environment(target: Target, recipe: Recipe, source: Source | None, version: str,
                        archives: Sequence[PinnedFile]) -> dict[str, str]:  # fmt: skip
    return {
        **_FIXED_ENVIRONMENT,
        **target.environment,
        "TARGET_TRIPLE": target.triple,
        "HOST": target.autoconf_host,
        "BUILD": target.autoconf_host,
        "MULTIARCH": target.multiarch,
        "GLIBC_FLOOR": target.glibc_floor,
        "SOURCE_ARCHIVE": archives[0].name if source else "",
        "SOURCE_VERSION": version,
        "LICENCE_NAME": source.name if source else "",
        "LICENCE_FILES": "\n".join(source.licence_files) if source else "",
        **recipe.parameters,
    }


def _setup_step(inputs: PlanInputs) -> Step:
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


def _cpython_step(inputs: PlanInputs, before: Sequence[Step], wanted: Iterable[str]) -> Step:
    """Return the step that builds CPython; ``before`` are what it needs besides the compiler and the dependencies."""
    step = _on_dependencies(inputs, "cpython", before, wanted)
    return replace(
        step,
        name=f"{inputs.interpreter.name}-{inputs.options}",
        parameters={**step.parameters, "LICENCE_NAME": "cpython", "BUILD_OPTIONS": inputs.options},
        memory=2048 if "lto" in inputs.options.split("+") else 1024,
    )


def _on_dependencies(inputs: PlanInputs, recipe_name: str, before: Sequence[Step], wanted: Iterable[str]) -> Step:
    """Return a step that runs a recipe on CPython's source, with all that CPython is linked with."""
    interpreter, recipe = inputs.interpreter, inputs.project.recipes[recipe_name]
    needs = with_needs(inputs.project.recipes, [*wanted, *recipe.needs])
    environment = _script_environment(inputs.target, recipe, interpreter.source, interpreter.version,
                                      [interpreter.file])  # fmt: skip
    if inputs.link:
        files = sorted({soname for name in inputs.link for soname in inputs.sonames(name).values()})
        environment = {**environment, "SONAMES": " ".join(files)}
    return Step(
        name=f"{recipe_name}-{interpreter.version}",
        action=RecipeAction(_DRIVER, root="root"),
        needs=(*_COMPILER_STEPS, *(need.name for need in needs), *(step.name for step in before)),
        files=_shared_files(inputs.project, recipe) if inputs.link else _recipe_files(inputs.project, recipe),
        sources=(interpreter.file,),
        parameters=environment,
        target=inputs.target.triple,
        weight=recipe.weight,
        memory=1024,
    )


def _profile_step(inputs: PlanInputs, setup: Step, wanted: Iterable[str]) -> Step:
    """Return the step whose tree holds ``tools/profile/cpython.profdata``: trained, or the one that was given.

    The same profile is the same tree of a step of the same name, whichever way it came: what uses it has the same key.
    A free-threaded interpreter has other code, and a profile of its own.
    """
    train = _on_dependencies(inputs, "cpython-profile", [setup], wanted)
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
