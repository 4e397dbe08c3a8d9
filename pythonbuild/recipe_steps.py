"""Steps that run recipes or unpack root filesystems, made from the configuration: what every plan consists of.

Steps that run a recipe see nothing of this program. What a plan is made from, :class:`PlanInputs`, stands here, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Protocol

from pythonbuild.config.links import sonames
from pythonbuild.config.locks import load_root_description
from pythonbuild.config.model import Lock, LockedPackage, Pin, Recipe, RootDescription, Source, Target, Toolchain
from pythonbuild.config.project import Project
from pythonbuild.config.recipes import MACOS, SHARED, recipes_on, with_needs
from pythonbuild.cpython.leaving_out import LeftOut
from pythonbuild.distribution.toolchain_archive import Manifest
from pythonbuild.engine.model import CallAction, CallContext, InputFile, PinnedFile, RecipeAction, Step
from pythonbuild.shipping import code_files

#: What every recipe's script is given besides the target's variables. PREFIX is what packages are configured for, which
#: goes into bytes; DEPS is where that lies while the step runs, which does not.
_FIXED_ENVIRONMENT = {
    "HOME": "${STEP_BUILD}/home",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PREFIX": "/tools/deps",
    "DEPS": "${STEP_TOOLS}/deps",
}
_ROOT_CODE = ("debian/unpack.py", "debian/deb.py", "debian/apt_sources.py")
DRIVER = ("bash", "-eu", "${STEP_RECIPE}/driver.sh")


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
class ToolchainArchive:
    """An exported toolchain that is used in the place of making one."""

    file: PinnedFile
    manifest: Manifest


@dataclass(frozen=True)
class PlanInputs:
    """All that a plan is made from; nothing in it is fetched or changed by planning.

    ``pins`` are the pins of sources whose newest could not be had, by source; all others take their newest.
    ``archives`` are the kinds that are published, ``tag`` stands in their names. ``python_json`` is the format of the
    full archive's description. ``link`` has the dependencies that are not linked statically, and how they are.
    ``left_out`` is what the distribution is to be without. ``profile`` is what a build with PGO uses, instead of
    training one by ``profile_task``. ``target`` is as ``toolchain`` compiles for it; a ``toolchain_archive`` has what
    the recipes of a bootstrap toolchain would make, else its compiler is compiled ``stages`` times, by itself from the
    second on.
    """

    project: Project
    target: Target
    toolchain: Toolchain
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
    stages: int = 1
    toolchain_archive: ToolchainArchive | None = None

    @property
    def recipes(self) -> Mapping[str, Recipe]:
        """The recipes as they are on the target's system."""
        return recipes_on(self.project.recipes, self.target.os)

    def pin(self, source: str) -> Pin:
        """Return the pin that is used of a source."""
        return self.pins.get(source) or self.project.sources[source].pins[0]

    def source_of(self, recipe: Recipe) -> str:
        """Return the name of the source that a recipe builds, "" if it has none."""
        return self.toolchain.sources.get(recipe.name, recipe.source)

    def sonames(self, name: str) -> dict[str, str]:
        """Return the sonames of a dependency that is not linked statically, by what link lines call its libraries."""
        recipe = self.project.recipes[name]
        return sonames(recipe, self.pin(recipe.source).version)


def root_step(inputs: PlanInputs, root: str, name: str) -> Step:
    project = inputs.project
    lock = inputs.locks[f"{root}-{inputs.target.debian_architecture}"]
    description = load_root_description(project.unix / "roots" / f"{root}.yml")
    sources = locked_files(inputs.files, lock)
    code, glibc = list(_ROOT_CODE), ""
    if description.glibc:
        pin = inputs.pin(description.glibc)
        code, glibc = [*code, "debian/glibc217.py"], pin.filename
        sources += (PinnedFile(glibc, pin.sha256, partial(inputs.files.pin, pin)),)
    return Step(
        name=name,
        action=CallAction(partial(_unpack_root, description, lock, glibc)),
        files=(
            *(InputFile(f"roots/{path.name}", path) for path in description.paths),
            *code_files(project.repository, *code),
        ),
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


def locked_files(files: FileSource, lock: Lock) -> tuple[PinnedFile, ...]:
    return tuple(
        PinnedFile(PurePosixPath(package.path).name, package.sha256, partial(files.package, package, lock.snapshot))
        for package in lock.packages
    )


def recipe_step(inputs: PlanInputs, recipe: Recipe, before: Sequence[str] = (),
                environment: Mapping[str, str] | None = None) -> Step:  # fmt: skip
    """Return the step of a recipe; ``before`` are steps that it needs besides what its recipe says.

    ``environment`` are the variables in the place of the target's.
    """
    needs = [need.name for need in with_needs(inputs.recipes, recipe.needs)]
    chosen = inputs.source_of(recipe)
    source = inputs.project.sources[chosen] if chosen else None
    pin = inputs.pin(source.name) if source else None
    sources = [PinnedFile(pin.filename, pin.sha256, partial(inputs.files.pin, pin))] if pin else []
    shared = recipe.shared if recipe.name in inputs.link else None
    given = inputs.target.environment if environment is None else environment
    files = shared_files(inputs.project, recipe) if shared else recipe_files(inputs.project, recipe, inputs.target.os)
    parameters = script_environment(inputs.target, recipe, source, pin.version if pin else "", sources[:1], given)
    if recipe.lock:
        sources += locked_files(inputs.files, inputs.locks[recipe.lock])
    if shared:
        words = (f"{name}={soname}" for name, soname in inputs.sonames(recipe.name).items())
        parameters = {**parameters, "SONAMES": " ".join(words)}
    return Step(
        name=recipe.name,
        action=RecipeAction(DRIVER, root=root_of(inputs.target)),
        needs=tuple(dict.fromkeys([*before, *needs])),
        files=files,
        sources=tuple(sources),
        parameters=parameters,
        target=inputs.target.triple,
        weight=shared.weight if shared else recipe.weight,
        memory=recipe.memory,
        resumable=recipe.resumable,
    )


def root_of(target: Target) -> str:
    """Return the step whose tree a target's recipes run in, "" where they run on the machine itself."""
    return "root" if target.root else ""


def recipe_files(project: Project, recipe: Recipe, system: str = "linux") -> tuple[InputFile, ...]:
    """Return the files of an ordinary build on an operating system. Where the recipe has a script of its own for it,
    that stands in for the ordinary one, which it may run as static.sh.
    """
    files = [InputFile(name, project.unix / "recipes" / name) for name in ("driver.sh", "functions.sh")]
    files += [
        file for file in _files_below(recipe.directory, "") if PurePosixPath(file.name).parts[0] not in (SHARED, MACOS)
    ]
    for path in recipe.includes:
        files += _files_below(path, f"{path.name}/") if path.is_dir() else [InputFile(path.name, path)]
    own = recipe.directory / MACOS / "build.sh"
    if system == MACOS and own.is_file():
        files = [*_ordinary_as_static(files), InputFile("build.sh", own)]
    return tuple(files)


def _ordinary_as_static(files: Sequence[InputFile]) -> list[InputFile]:
    return [replace(file, name="static.sh") if file.name == "build.sh" else file for file in files]


def _files_below(directory: Path, prefix: str) -> list[InputFile]:
    paths = [path for path in sorted(directory.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    return [InputFile(prefix + path.relative_to(directory).as_posix(), path) for path in paths]


def shared_files(project: Project, recipe: Recipe) -> tuple[InputFile, ...]:
    """Return the files of a build with shared libraries: its script stands in for the ordinary one, which it may run
    as static.sh, and shared.sh is what all of them have in common.
    """
    own = sorted(path for path in (recipe.directory / SHARED).iterdir() if path.is_file())
    return (
        *_ordinary_as_static(recipe_files(project, recipe)),
        InputFile("shared.sh", project.unix / "recipes" / "shared.sh"),
        *(InputFile("shared.yml" if path.name == "recipe.yml" else path.name, path) for path in own),
    )


def script_environment(target: Target, recipe: Recipe, source: Source | None, version: str,
                       archives: Sequence[PinnedFile], given: Mapping[str, str]) -> dict[str, str]:  # fmt: skip
    """Return the variables of a recipe's script; ``given`` are those of the compiler."""
    return {
        **_FIXED_ENVIRONMENT,
        **given,
        "TARGET_TRIPLE": target.triple,
        "HOST": target.autoconf_host,
        "BUILD": target.autoconf_build or target.autoconf_host,
        "MULTIARCH": target.multiarch,
        "GLIBC_FLOOR": target.glibc_floor,
        "SOURCE_ARCHIVE": archives[0].name if source else "",
        "SOURCE_VERSION": version,
        "LICENCE_NAME": source.name if source else "",
        "LICENCE_FILES": "\n".join(source.licence_files) if source else "",
        **recipe.parameters,
    }
