"""What a plan would do, told without doing it: dry runs, expected times, and ``why STEP``.

Only records are read, never a tree, so this is a matter of milliseconds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pythonbuild.engine.keys import Inputs, dependencies, explain, key_of, step_inputs
from pythonbuild.engine.model import Plan, Step
from pythonbuild.engine.schedule import ordered_steps
from pythonbuild.engine.store import Record, Store
from pythonbuild.errors import PlanError

State = Literal["cached", "to build", "depends on others"]


@dataclass(frozen=True)
class Forecast:
    """What would happen to a step. ``key`` is None when it depends on results that are still to be built.

    ``expected`` are the seconds its newest run took, None if it never ran here.
    """

    step: str
    key: str | None
    state: State
    expected: float | None


def expected_seconds(store: Store, step: str) -> float | None:
    """Return how long the newest run of a step of that name took, None if it never ran here."""
    record = store.newest(step)
    return record.seconds if record else None


def dry_run(plan: Plan, store: Store) -> list[Forecast]:
    """Return what executing the plan would do to each step, in the plan's order."""
    steps = ordered_steps(plan, ())
    found = _resolve(steps, store)
    return [
        Forecast(name, key_of(inputs) if state != "depends on others" else None, state, expected_seconds(store, name))
        for name, (inputs, state, _) in found.items()
    ]


def why(plan: Plan, store: Store, step: str) -> list[str]:
    """Say whether a step is cached, and if not, which input changed since its newest run; one line each."""
    steps = ordered_steps(plan, ())
    if step not in steps:
        raise PlanError(f"{step} is not a step of the plan", expected=f"one of {', '.join(steps)}")
    return _why(step, steps, _resolve(steps, store), store)


_Resolved = tuple[Inputs, State, Record | None]


def _resolve(steps: Mapping[str, Step], store: Store) -> dict[str, _Resolved]:
    """Return each step's inputs, its state and its record."""
    digests: dict[str, str] = {}
    resolved: dict[str, _Resolved] = {}
    for name, step in steps.items():
        inputs = step_inputs(step, digests)
        if not all(need in digests for need in dependencies(step)):
            resolved[name] = (inputs, "depends on others", None)
            continue
        record = store.peek(key_of(inputs))
        resolved[name] = (inputs, "cached" if record else "to build", record)
        if record:
            digests[name] = record.tree
    return resolved


def _why(step: str, steps: Mapping[str, Step], resolved: Mapping[str, _Resolved], store: Store) -> list[str]:
    inputs, state, record = resolved[step]
    if record is not None:
        built = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        return [f"{step} is cached: built on {built} in {record.seconds:.1f} s, no input has changed since"]
    newest = store.newest(step)
    if newest is None:
        return [f"{step} has never been built here"]
    lines = [f"{step}: {line}" for line in explain(newest.inputs, inputs)]
    if state == "depends on others":
        for need in dependencies(steps[step]):
            if resolved[need][2] is None:
                lines += [line for line in _why(need, steps, resolved, store) if line not in lines]
    if not lines:
        lines = [f"{step}: no input has changed, but its result {newest.tree[:12]} is no longer in the store"]
    return lines
