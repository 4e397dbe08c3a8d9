"""What a step sees: the mounts and variables of a recipe's command, and the context of a call.

A recipe sees its root filesystem, ``/tools`` (its needs' merged), ``/recipe``, ``/sources``, all read-only, and
``/build`` and ``/out`` (a resumable one ``/resume``, too); of variables only its parameters and MAKEFLAGS.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pythonbuild.engine.files import EPOCH
from pythonbuild.engine.jobserver import Jobserver
from pythonbuild.engine.keys import dependencies
from pythonbuild.engine.model import InputFile, PinnedFile, RecipeAction, Step
from pythonbuild.engine.store import Store
from pythonbuild.engine.workdir import WorkDirectory
from pythonbuild.environments.base import Command, Environment, Mount
from pythonbuild.errors import PlanError

BUILD, OUT, TOOLS, RECIPE, SOURCES, RESUME = "/build", "/out", "/tools", "/recipe", "/sources", "/resume"


def lay_out(
    step: Step, digests: Mapping[str, str], work: WorkDirectory, store: Store, jobserver: Jobserver,
    resume: Path | None = None,
) -> Command:  # fmt: skip
    """Make everything that a recipe's command sees and return the command; ``resume`` outlives the work directory."""
    assert isinstance(step.action, RecipeAction)
    root_digest = digests[step.action.root]
    build = work.subdirectory("build")
    jobserver.link_into(build)
    mounts = (
        Mount(build, BUILD, writable=True),
        Mount(work.subdirectory("out"), OUT, writable=True),
        Mount(_tools(step, digests, work, store), TOOLS),
        Mount(_recipe_files(step.files, work.subdirectory("recipe")), RECIPE),
        Mount(_source_files(step.sources, work.subdirectory("sources")), SOURCES),
        *([Mount(resume, RESUME, writable=True)] if resume else []),
    )
    environment = {**step.parameters, "MAKEFLAGS": jobserver.makeflags(BUILD)}
    root = store.materialise_cached(root_digest)
    return Command(step.action.argv, environment, BUILD, mounts, root, root_digest, step.name)


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
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


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
