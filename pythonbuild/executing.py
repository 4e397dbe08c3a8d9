"""What every execution of a plan has around it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from pythonbuild.engine import resolve as forecast
from pythonbuild.engine.events import BuildFinished, EventSink
from pythonbuild.engine.executor import LocalExecutor
from pythonbuild.engine.model import Plan, Step
from pythonbuild.engine.store import Store


def waiting(plan: Plan, store: Store) -> list[Step]:
    """Return the steps that will run, or may: those whose needs are to be built first count too."""
    return [plan.step(row.step) for row in forecast.dry_run(plan, store) if row.state != "cached"]


@contextmanager
def telling_the_end(sink: EventSink, started: float, executor: LocalExecutor) -> Iterator[None]:
    """Tell how it ended, whatever happens; ``started`` by the monotonic clock."""
    ok = False
    try:
        yield
        ok = True
    finally:
        sink(BuildFinished(ok, time.monotonic() - started, executor.logs))
