"""The command ``cross-check``: compile for macOS on Linux what can be compiled there, make of it what a distribution
would be, and look at what comes out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pythonbuild.config.project import Project
from pythonbuild.config.request import Request
from pythonbuild.cross_shipping import lacking
from pythonbuild.darwin_plan import make_cross_plan, without_sdk
from pythonbuild.engine.events import EventSink
from pythonbuild.engine.executor import LocalExecutor
from pythonbuild.engine.model import Plan
from pythonbuild.engine.store import Store
from pythonbuild.executing import telling_the_end, waiting
from pythonbuild.preparation import fetch_inputs, make_fetcher, settle_pins
from pythonbuild.ways import CROSS_WAY

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


def cross_check(request: Request, only: Sequence[str], sink: EventSink) -> CrossChecked:
    """Compile CPython and its dependencies for macOS, here, and look at what came out; with ``only``, only these.

    Raises a BuildError: UsageError, SourceError before the first step, StepFailedError, also for a check that failed.
    """
    started = time.monotonic()
    make_plan = partial(make_cross_plan, only=only)
    project = Project(request.repository)
    with make_fetcher(request, project, sink) as fetcher, Store(request.cache) as store:
        preparation = CROSS_WAY.prepare(request, project, fetcher, sink)
        environment = CROSS_WAY.environment(request, sink)
        try:
            plan = make_plan(preparation.inputs)
            preparation = settle_pins(preparation, waiting(plan, store), fetch=True)
            preparation = fetch_inputs(preparation, waiting(make_plan(preparation.inputs), store))
            plan = make_plan(preparation.inputs)
            executor = LocalExecutor(store, environment, sink, jobs=request.jobs, cache=request.cache,
                                     keep_going=request.keep_going, steps_at_once=request.steps_at_once)  # fmt: skip
            with telling_the_end(sink, started, executor):
                results = executor.execute(plan)
            lines = tuple(_reports(plan, {name: results[name].digest for name in plan.goals}, store))
            if not only:
                lines += ("", *lacking(without_sdk(preparation.inputs).left_out))
        finally:
            environment.close()
    version = preparation.inputs.interpreter.version
    return CrossChecked(request.target_triple, version, time.monotonic() - started, lines)


def _reports(plan: Plan, trees: Mapping[str, str], store: Store) -> Iterator[str]:
    """Yield the lines of all reports: of what was compiled first, then of each archive below its name."""
    first, *others = plan.goals
    yield from (store.materialise_cached(trees[first]) / "report.txt").read_text(encoding="utf-8").splitlines()
    for goal in others:
        for report in sorted(store.materialise_cached(trees[goal]).glob("*.txt")):
            name = goal if report.name == "report.txt" else report.name.removesuffix(".txt")
            yield from ("", f"{name}:", *report.read_text(encoding="utf-8").splitlines())
