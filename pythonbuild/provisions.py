"""For commands that build no distribution but need something that a build makes: a root filesystem, the sysroot.

The same plan, store and keys as a build's; only the wanted steps are done, and an environment is only looked for when
one of them has to run, or when the command itself runs something in it. All of it goes Linux' :class:`Way`, unless
another one is given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Protocol

from pythonbuild.config.locks import load_lock, load_root_description
from pythonbuild.config.model import Lock, Toolchain
from pythonbuild.config.project import Project
from pythonbuild.config.request import Request
from pythonbuild.debian.packages import fetch_debs
from pythonbuild.debian.unpack import unpack_root
from pythonbuild.engine import resolve as forecast
from pythonbuild.engine.events import EventSink, Note
from pythonbuild.engine.executor import LocalExecutor
from pythonbuild.engine.keys import dependencies
from pythonbuild.engine.model import CallAction, CallContext, InputFile, PinnedFile, Plan, Step
from pythonbuild.engine.store import Store
from pythonbuild.environments.base import Environment
from pythonbuild.environments.select import choose
from pythonbuild.planning import make_plan
from pythonbuild.preparation import Preparation, cached_bases, fetch_inputs, make_fetcher, prepare, settle_pins
from pythonbuild.recipe_steps import PlanInputs
from pythonbuild.shipping import code_files
from pythonbuild.sources.fetch import Fetcher


class Prepare(Protocol):
    """Understands a request; with ``settle`` false nobody asks whether the newest CPython can be had."""

    def __call__(self, request: Request, project: Project, fetcher: Fetcher, sink: EventSink, *,
                 settle: bool = True) -> Preparation: ...  # fmt: skip


@dataclass(frozen=True)
class Way:
    """``prepare`` understands a request, ``plan`` makes the plan, ``environment`` is where its steps run.

    ``toolchains`` are those that it can compile with, by name.
    """

    prepare: Prepare
    plan: Callable[[PlanInputs], Plan]
    environment: Callable[[Request, EventSink], Environment]
    toolchains: Callable[[Project], Mapping[str, Toolchain]]


def isolated(request: Request, sink: EventSink) -> Environment:
    """Return the request's environment. Raises EnvironmentUnavailableError."""
    return choose(request.environment, lambda text: sink(Note(text)), request.cache)


def _toolchains(project: Project) -> Mapping[str, Toolchain]:
    return project.toolchains


LINUX = Way(prepare, make_plan, isolated, _toolchains)


@contextmanager
def provisions(request: Request, sink: EventSink, way: Way = LINUX) -> Iterator[Provisions]:
    """Yield what a command can ask for; ends the environment, if one was chosen, with the block."""
    project = Project(request.repository)
    with make_fetcher(request, project, sink) as fetcher, Store(request.cache) as store:
        made = Provisions(request, project, fetcher, store, sink, way)
        try:
            yield made
        finally:
            made.close()


class Provisions:
    """The environment and the trees of steps that were asked for."""

    def __init__(self, request: Request, project: Project, fetcher: Fetcher, store: Store, sink: EventSink,
                 way: Way) -> None:  # fmt: skip
        self.request = request
        self.project = project
        self.fetcher = fetcher
        self._store = store
        self._sink = sink
        self._way = way
        self._environment: Environment | None = None

    @property
    def environment(self) -> Environment:
        """The request's environment. Raises EnvironmentUnavailableError."""
        if self._environment is None:
            self._environment = self._way.environment(self.request, self._sink)
        return self._environment

    def close(self) -> None:
        if self._environment is not None:
            self._environment.close()

    def inputs(self, triple: str) -> PlanInputs:
        """Return what a plan for a target would be made from."""
        return self._prepare(triple).inputs

    def cached(self, triple: str, steps: Collection[str]) -> dict[str, str] | None:
        """Return the digests of the steps' trees, None unless all of them are in the store."""
        plan = restricted(self._way.plan(self._prepare(triple).inputs), steps)
        return self._cached(plan, steps)

    def made(self, triple: str, steps: Collection[str]) -> dict[str, str]:
        """Return the digests of the steps' trees for a target; what is not in the store is made.

        Raises a BuildError as a build does.
        """
        preparation = self._prepare(triple)
        plan = restricted(self._way.plan(preparation.inputs), steps)
        digests = self._cached(plan, steps)
        if digests is not None:
            return digests
        environment = self.environment
        preparation = settle_pins(preparation, self._waiting(plan), fetch=True)
        plan = restricted(self._way.plan(preparation.inputs), steps)
        plan = restricted(self._way.plan(fetch_inputs(preparation, self._waiting(plan)).inputs), steps)
        executor = LocalExecutor(self._store, environment, self._sink, jobs=self.request.jobs, cache=self.request.cache)
        results = executor.execute(plan)
        return {name: results[name].digest for name in steps}

    def tree(self, digest: str) -> Path:
        """Return a read-only directory that holds a tree, kept for as long as this process lives."""
        return self._store.materialise_cached(digest)

    def _prepare(self, triple: str) -> Preparation:
        request = replace(self.request, target_triple=triple)
        return self._way.prepare(request, self.project, self.fetcher, self._sink, settle=False)

    def _cached(self, plan: Plan, steps: Collection[str]) -> dict[str, str] | None:
        rows = {row.step: row for row in forecast.dry_run(plan, self._store)}
        records = {name: self._store.lookup(rows[name].key or "") for name in steps if rows[name].state == "cached"}
        digests = {name: record.tree for name, record in records.items() if record}
        return digests if len(digests) == len(steps) else None

    def _waiting(self, plan: Plan) -> list[Step]:
        return [plan.step(row.step) for row in forecast.dry_run(plan, self._store) if row.state != "cached"]


def restricted(plan: Plan, goals: Collection[str]) -> Plan:
    """Return the part of a plan that some of its steps need."""
    wanted = set(goals)
    for step in reversed(plan.steps):
        if step.name in wanted:
            wanted.update(dependencies(step))
    return Plan(tuple(step for step in plan.steps if step.name in wanted), tuple(goals))


def locked_root(repository: Path, name: str, architecture: str, store: Store, environment: Environment, cache: Path,
                note: Callable[[str], None]) -> tuple[Path, str]:  # fmt: skip
    """Return a root filesystem that no target names, and its digest: a directory of the store.

    Its packages are fetched unless the store has what they give. Raises a SourceError when they cannot be had.
    """
    lock = load_lock(repository / "cpython-unix" / "locks" / f"{name}-{architecture}.yml")
    plan = _root_plan(repository, name, lock, {})
    if forecast.dry_run(plan, store)[0].state != "cached":
        with Fetcher(cache / "downloads") as fetcher:
            debs = fetch_debs(lock, fetcher.fetch_file, bases=cached_bases(), locked=False, note=note)
        plan = _root_plan(repository, name, debs.lock, debs.files)
    results = LocalExecutor(store, environment, lambda _event: None, jobs=2, cache=cache).execute(plan)
    digest = results[plan.goals[0]].digest
    return store.materialise_cached(digest), digest


def _root_plan(repository: Path, name: str, lock: Lock, files: Mapping[str, Path]) -> Plan:
    """Return the plan of one step that unpacks the packages; ``files`` are needed when it runs."""
    path = repository / "cpython-unix" / "roots" / f"{name}.yml"
    description = load_root_description(path)

    def unpack(context: CallContext) -> None:
        unpack_root(description, lock, files, context.out, context.jobs)

    step = Step(
        name=f"root-{name}",
        action=CallAction(unpack),
        files=(InputFile(f"roots/{path.name}", path), *code_files(repository, "debian/unpack.py", "debian/deb.py")),
        sources=tuple(
            PinnedFile(PurePosixPath(package.path).name, package.sha256, partial(files.__getitem__, package.name))
            for package in lock.packages
        ),
    )
    return Plan((step,), goals=(step.name,))
