"""What to run next: the plan's graph, and how far each step is from the end of the build.

Pure: no threads, no files. The step with the longest remaining path goes first, because the build cannot be shorter
than its longest chain of steps, and whatever is not on it finds room beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pythonbuild.engine.keys import dependencies
from pythonbuild.engine.model import Plan, Step
from pythonbuild.errors import PlanError


def ordered_steps(plan: Plan, goals: tuple[str, ...] | None = None) -> dict[str, Step]:
    """Return the steps that the goals need, by name, every need before its user; all steps for ``goals=()``.

    Raises PlanError for duplicate names, unknown needs and cycles.
    """
    known: dict[str, Step] = {}
    for step in plan.steps:
        if known.setdefault(step.name, step) is not step:
            raise PlanError(f"the plan has two steps called {step.name}")
    wanted = plan.goals if goals is None else goals
    ordered: dict[str, Step] = {}
    for name in wanted or tuple(known):
        _visit(name, "the goals", known, ordered, [])
    return ordered


def _visit(name: str, user: str, known: Mapping[str, Step], ordered: dict[str, Step], path: list[str]) -> None:
    if name in ordered:
        return
    if name not in known:
        raise PlanError(f"{user} needs {name}, which is not a step of the plan", expected=f"one of {', '.join(known)}")
    if name in path:
        raise PlanError("the plan's steps need each other in a circle", found=" → ".join([*path, name]))
    path.append(name)
    for need in dependencies(known[name]):
        _visit(need, f"step {name}", known, ordered, path)
    path.pop()
    ordered[name] = known[name]


def users(steps: Mapping[str, Step]) -> dict[str, list[str]]:
    """Return, for each step, the steps that use its tree."""
    found: dict[str, list[str]] = {name: [] for name in steps}
    for name, step in steps.items():
        for need in dependencies(step):
            found[need].append(name)
    return found


def remaining_paths(steps: Mapping[str, Step], seconds: Callable[[Step], float]) -> dict[str, float]:
    """Return, for each step, the expected seconds of the longest chain that begins with it."""
    used_by = users(steps)
    remaining: dict[str, float] = {}
    for name in reversed(list(steps)):  # users stand after their needs
        remaining[name] = seconds(steps[name]) + max((remaining[user] for user in used_by[name]), default=0.0)
    return remaining


def all_users(steps: Mapping[str, Step], name: str) -> list[str]:
    """Return every step that uses the step's tree directly or through others, in order."""
    reached = {name}
    found = []
    for other, step in steps.items():
        if other != name and reached.intersection(dependencies(step)):
            reached.add(other)
            found.append(other)
    return found
