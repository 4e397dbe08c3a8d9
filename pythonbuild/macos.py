"""Builds for macOS: from a request to what comes of it, as :mod:`pythonbuild.build` tells it for Linux.

:func:`cross_check` compiles on Linux what can be compiled there. Everything that the command line can ask for is a
function; they emit events and return data; they never print.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from pythonbuild.config.native_targets import CROSS, compiled_on, find_macos_target
from pythonbuild.config.project import Project
from pythonbuild.config.request import Request
from pythonbuild.darwin_plan import make_cross_plan
from pythonbuild.engine.events import EventSink, Note
from pythonbuild.engine.executor import LocalExecutor
from pythonbuild.engine.store import Store
from pythonbuild.environments.select import choose
from pythonbuild.executing import telling_the_end, waiting
from pythonbuild.preparation import (
    Files,
    Preparation,
    cached_bases,
    choose_interpreter,
    fetch_inputs,
    load_locks,
    make_fetcher,
    settle_pins,
)
from pythonbuild.recipe_steps import PlanInputs
from pythonbuild.sources.fetch import Fetcher

#: What is compiled for where nobody names a target: the macOS of today's machines.
CROSS_TARGET = "aarch64-apple-darwin"


@dataclass(frozen=True)
class CrossChecked:
    """What came of it: a line for each check and each finding, and how long it took."""

    target_triple: str
    version: str
    seconds: float
    lines: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        return {"target_triple": self.target_triple, "python": self.version, "seconds": round(self.seconds, 1),
                "lines": list(self.lines)}  # fmt: skip


def cross_check(request: Request, sink: EventSink) -> CrossChecked:
    """Compile CPython and its dependencies for macOS, here, and look at what came out.

    Raises a BuildError: UsageError, SourceError before the first step, StepFailedError, also for a check that failed.
    """
    started = time.monotonic()
    project = Project(request.repository)
    with make_fetcher(request, project, sink) as fetcher, Store(request.cache) as store:
        preparation = prepare_cross(request, project, fetcher, sink)
        environment = choose(request.environment, lambda text: sink(Note(text)), request.cache)
        try:
            plan = make_cross_plan(preparation.inputs)
            preparation = settle_pins(preparation, waiting(plan, store), fetch=True)
            preparation = fetch_inputs(preparation, waiting(make_cross_plan(preparation.inputs), store))
            plan = make_cross_plan(preparation.inputs)
            executor = LocalExecutor(store, environment, sink, jobs=request.jobs, cache=request.cache,
                                     keep_going=request.keep_going, steps_at_once=request.steps_at_once)  # fmt: skip
            with telling_the_end(sink, started, executor):
                results = executor.execute(plan)
            report = store.materialise_cached(results[plan.goals[0]].digest) / "report.txt"
            lines = tuple(report.read_text(encoding="utf-8").splitlines())
        finally:
            environment.close()
    version = preparation.inputs.interpreter.version
    return CrossChecked(request.target_triple, version, time.monotonic() - started, lines)


def prepare_cross(request: Request, project: Project, fetcher: Fetcher, sink: EventSink) -> Preparation:
    """Understand a request for a cross check. Raises UsageError for a target that is not macOS'."""
    chosen = next(item for item in project.macos_toolchains.values() if item.toolchain.kind == CROSS)
    target = compiled_on(find_macos_target(project.macos_targets, request.target_triple), chosen, project.targets)
    files = Files(fetcher, cached_bases)
    inputs = PlanInputs(
        project=project,
        target=target,
        toolchain=chosen.toolchain,
        options=request.options,
        interpreter=choose_interpreter(request, project, fetcher, sink),
        locks=load_locks(request, project, target),
        files=files,
    )
    return Preparation(inputs, files, request, sink)
