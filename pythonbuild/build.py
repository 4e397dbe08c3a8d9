"""The story: a request becomes a plan, the plan is executed, the result is published.

Everything the command line can ask for is a function here. They emit events and return data; they never print.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pythonbuild.config.project import Project
from pythonbuild.config.request import Request
from pythonbuild.distribution.output import output_directory
from pythonbuild.engine import collect
from pythonbuild.engine import resolve as forecast
from pythonbuild.engine.events import EventSink, Note, Published
from pythonbuild.engine.executor import LocalExecutor
from pythonbuild.engine.model import Plan
from pythonbuild.engine.store import Store
from pythonbuild.errors import OutputError, UsageError
from pythonbuild.executing import telling_the_end, waiting
from pythonbuild.planning import find_step
from pythonbuild.preparation import Preparation, cached_bases, fetch_inputs, make_fetcher, settle_pins
from pythonbuild.provenance import write_companions
from pythonbuild.ways import way_of_this_machine


@dataclass(frozen=True)
class PlanRow:
    """One step of a dry run; ``key`` is "" while it depends on results that are still to be built."""

    step: str
    status: str
    key: str
    expected_seconds: float | None


def build(request: Request, sink: EventSink) -> list[Path]:
    """Build, check and publish what was asked for; return the paths of the archives.

    Raises a BuildError: UsageError before anything is done, SourceError before the first step, StepFailedError.
    """
    started, way = time.monotonic(), way_of_this_machine()
    with output_directory(request.output), _prepared(request, sink) as (preparation, store):
        environment = way.environment(request, sink)
        try:
            plan = way.plan(preparation.inputs)
            shell = find_step(plan, request.debug_shell, "--debug-shell").name if request.debug_shell else ""
            preparation = settle_pins(preparation, waiting(plan, store), fetch=True)
            preparation = fetch_inputs(preparation, waiting(way.plan(preparation.inputs), store))
            plan = way.plan(preparation.inputs)
            executor = LocalExecutor(store, environment, sink, jobs=request.jobs, cache=request.cache,
                                     keep_going=request.keep_going, debug_shell=shell,
                                     steps_at_once=request.steps_at_once)  # fmt: skip
            with telling_the_end(sink, started, executor):
                results = executor.execute(plan)
                trees = {name: results[name].digest for name in plan.goals}
                archives = publish(plan, trees, store, request.output, sink)
                write_companions(archives, request, preparation.inputs, plan, results, store)
                return list(archives)
        finally:
            environment.close()


def publish(plan: Plan, trees: dict[str, str], store: Store, output: Path, sink: EventSink) -> dict[Path, str]:
    """Put the archives of the goals into the output directory, unless the same bytes are there already.

    Returns the sha256 of each.
    """
    published = {}
    for name in plan.goals:
        for path, entry in store.tree(trees[name]).entries.items():
            if path.startswith("dist/") and entry.is_file:
                target = output / Path(path).name
                if not _is(target, entry.size, entry.content):
                    _place(store, trees[name], path, target)
                sink(Published(target, entry.size, entry.content))
                published[target] = entry.content
    return published


def _is(path: Path, size: int, sha256: str) -> bool:
    if not path.is_file() or path.stat().st_size != size:
        return False
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == sha256


def _place(store: Store, tree: str, path: str, target: Path) -> None:
    """Copy one file of a tree beside its place, then rename it there: never half an archive."""
    beside = target.parent / f".{target.name}.{os.getpid()}"
    try:
        store.materialise(tree, beside, select=(path,), copy=True)
        (beside / path).chmod(0o644)
        os.utime(beside / path, (time.time(), time.time()))
        (beside / path).replace(target)
    except OSError as error:
        raise OutputError(f"--output: {target} cannot be written", found=error.strerror) from error
    finally:
        _remove(beside)


def _remove(directory: Path) -> None:
    import shutil

    shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _prepared(request: Request, sink: EventSink) -> Iterator[tuple[Preparation, Store]]:
    project = Project(request.repository, request.system)
    with make_fetcher(request, project, sink) as fetcher, Store(request.cache) as store:
        yield way_of_this_machine().prepare(request, project, fetcher, sink), store


def _plan_at_hand(preparation: Preparation, store: Store) -> Plan:
    """Return the plan that a build would follow, as far as that can be told without fetching."""
    plan = way_of_this_machine().plan
    return plan(settle_pins(preparation, waiting(plan(preparation.inputs), store), fetch=False).inputs)


def dry_run(request: Request, sink: EventSink) -> list[PlanRow]:
    """Return what a build would do to each step; nothing is fetched but what a series needs to be settled."""
    with _prepared(request, sink) as (preparation, store):
        plan = _plan_at_hand(preparation, store)
        weights = {step.name: step.weight for step in plan.steps}
        return [
            PlanRow(row.step, row.state, row.key or "", weights[row.step] if row.expected is None else row.expected)
            for row in forecast.dry_run(plan, store)
        ]


def why(request: Request, step: str, sink: EventSink) -> list[str]:
    """Say which inputs of a step changed since it was last built."""
    with _prepared(request, sink) as (preparation, store):
        plan = _plan_at_hand(preparation, store)
        return forecast.why(plan, store, find_step(plan, step).name)


def collect_garbage(request: Request, max_bytes: int) -> list[str]:
    """Bound the size of the store; return what was freed, in lines."""
    with Store(request.cache) as store:
        return collect.gc(store, max_bytes).lines()


def relock(request: Request, sink: EventSink, root: str = "") -> list[Path]:
    """Resolve the packages of the root filesystems and sysroots again, or of one; return the locks that changed."""
    from pythonbuild.config.locks import load_root_descriptions
    from pythonbuild.debian.relock import relock as rewrite

    project = Project(request.repository)
    known = load_root_descriptions(project.unix / "roots")
    if root and root not in known:
        raise UsageError("relock: no such root", found=root, expected=f"one of {', '.join(known)}")
    descriptions = [known[root]] if root else known.values()
    changed = rewrite(descriptions, project.unix / "locks", cached_bases(), note=lambda text: sink(Note(text)))
    for path in changed:
        sink(Note(f"{path} changed"))
    if not changed:
        sink(Note("no lock changed"))
    return changed


def update(request: Request, sink: EventSink) -> list[str]:
    """Return proposals for newer pins, one line each."""
    from pythonbuild.sources.update import propose

    project = Project(request.repository)
    proposals = propose(project.sources.values(), note=lambda text: sink(Note(text, "warning")))
    return [proposal.line() for proposal in proposals] or ["every pin is the newest release"]
