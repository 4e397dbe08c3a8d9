"""What a step sees: the mounts and variables of a recipe's command, and the context of a call.

A recipe sees its root filesystem, ``/tools`` (its needs' merged), ``/recipe``, ``/sources``, all read-only, and
``/build`` and ``/out`` (a resumable one ``/resume``, too); of variables only its parameters, MAKEFLAGS and those that
say where these directories are. An environment without fixed paths shows them where they lie, so scripts that run in
one name the variables (``$STEP_TOOLS``), and parameters say ``${STEP_TOOLS}``, which is filled in when the step runs:
the key has no path of this machine.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pythonbuild.engine.files import EPOCH
from pythonbuild.engine.jobserver import Jobserver
from pythonbuild.engine.keys import dependencies
from pythonbuild.engine.model import InputFile, PinnedFile, RecipeAction, Step
from pythonbuild.engine.store import Store
from pythonbuild.engine.tokens import Tokens
from pythonbuild.engine.workdir import WorkDirectory
from pythonbuild.environments.base import Command, Environment, Mount
from pythonbuild.errors import PlanError

#: The variables that tell a recipe its directories, and their values wherever paths are fixed.
FIXED = {
    "STEP_BUILD": "/build",
    "OUT": "/out",
    "STEP_TOOLS": "/tools",
    "STEP_RECIPE": "/recipe",
    "STEP_SOURCES": "/sources",
    "STEP_RESUME": "/resume",
}
_WRITABLE = ("STEP_BUILD", "OUT", "STEP_RESUME")
_NAMED = re.compile(rf"\$\{{({'|'.join(FIXED)})\}}")


def lay_out(
    step: Step, digests: Mapping[str, str], work: WorkDirectory, store: Store, jobserver: Jobserver | Tokens,
    resume: Path | None = None, *, fixed_paths: bool = True,
) -> Command:  # fmt: skip
    """Make everything that a recipe's command sees and return the command; ``resume`` outlives the work directory.

    Without ``fixed_paths`` there is nothing to mount: the command is told where everything lies.
    """
    assert isinstance(step.action, RecipeAction)
    build = work.subdirectory("build")
    jobserver.link_into(build)
    places = {
        "STEP_BUILD": build,
        "OUT": work.subdirectory("out"),
        "STEP_TOOLS": _tools(step, digests, work, store),
        "STEP_RECIPE": _recipe_files(step.files, work.subdirectory("recipe")),
        "STEP_SOURCES": _source_files(step.sources, work.subdirectory("sources")),
        **({"STEP_RESUME": resume} if resume else {}),
    }
    seen = {name: FIXED[name] if fixed_paths else str(place) for name, place in places.items()}
    mounts = tuple(Mount(place, FIXED[name], writable=name in _WRITABLE) for name, place in places.items())
    environment = {
        **{name: _filled_in(value, seen) for name, value in step.parameters.items()},
        **seen,
        **jobserver.variables(seen["STEP_BUILD"]),
    }
    root_digest = digests[step.action.root] if step.action.root else ""
    return Command(
        argv=tuple(_filled_in(word, seen) for word in step.action.argv),
        env=environment,
        cwd=seen["STEP_BUILD"],
        mounts=mounts if fixed_paths else (),
        root=store.materialise_cached(root_digest) if root_digest else None,
        root_digest=root_digest,
        label=step.name,
    )


def _filled_in(text: str, seen: Mapping[str, str]) -> str:
    return _NAMED.sub(lambda found: seen[found[1]], text)


def _tools(step: Step, digests: Mapping[str, str], work: WorkDirectory, store: Store) -> Path:
    if step.needs:
        needs = {need: digests[need] for need in step.needs}
        tools = store.materialise_cached(needs, select=("tools",)) / "tools"
        if tools.is_dir():
            return tools
    return work.subdirectory("tools")


def _recipe_files(files: tuple[InputFile, ...], directory: Path) -> Path:
    """Copy the recipe's files, all with the same mode and time: only names and bytes are in the key."""
    for file in files:
        target = _below(directory, file.name)
        shutil.copyfile(file.path, target)
        target.chmod(0o755)
        os.utime(target, (EPOCH, EPOCH))
    return directory


def _source_files(sources: tuple[PinnedFile, ...], directory: Path) -> Path:
    for source in sources:
        target = _below(directory, source.name)
        path = source.path()
        try:
            target.hardlink_to(path)
        except OSError:  # another file system, or no hard links there
            shutil.copyfile(path, target)
    return directory


def _below(directory: Path, name: str) -> Path:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts:
        raise PlanError(f"{name!r} is not a relative path below {directory.name}/")
    target = directory / pure
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def free_bytes(path: Path) -> int:
    """Return how much this user may still write on the path's file system."""
    return shutil.disk_usage(path).free


@dataclass
class _CallFields:
    step: str
    out: Path
    work: Path
    jobs: int
    environment: Environment


class Call(_CallFields):
    """The CallContext of one run of an in-process action."""

    def __init__(
        self, step: Step, out: Path, work: Path, jobs: int, environment: Environment, digests: Mapping[str, str],
        store: Store, line: Callable[[str], None],
    ) -> None:  # fmt: skip
        super().__init__(step.name, out, work, jobs, environment)
        self._digests = {need: digests[need] for need in dependencies(step)}
        self._sources = {source.name: source for source in step.sources}
        self._store = store
        self._line = line

    def tree(self, need: str) -> Path:
        return self._store.materialise_cached(self.digest(need))

    def digest(self, need: str) -> str:
        if need not in self._digests:
            raise PlanError(f"step {self.step} reads the tree of {need}, which is not among its needs")
        return self._digests[need]

    def source(self, name: str) -> Path:
        if name not in self._sources:
            raise PlanError(f"step {self.step} reads {name}, which is not among its sources")
        return self._sources[name].path()

    def log(self, line: str) -> None:
        self._line(line)
