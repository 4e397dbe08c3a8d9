"""Action keys: when two runs of a step must give the same tree.

The key is the sha256 over the canonical JSON of a step's *inputs*: everything that can change its result and nothing
else. Needs enter by the content digest of their trees, not by their own keys; so a need that was rebuilt to the same
bytes leaves the keys of its users alone and the rebuild stops there (early cutoff). The inputs are kept with the
result, and the difference between two of them answers ``why STEP``.

Whoever changes what goes in here, or how the engine runs a step, raises ENGINE_VERSION; golden tests pin the values.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pythonbuild.engine.model import CallAction, InputFile, Step
from pythonbuild.errors import ConfigError, PlanError

ENGINE_VERSION = 1

#: Variables that change how fast a step runs but never what it yields.
NO_CACHE_PARAMETERS = frozenset({"JOBS", "MAKEFLAGS"})

#: A need whose digest is not known yet (it has to be built first). Never part of a key.
UNKNOWN = "?"

Inputs = dict[str, Any]


def canonical_json(value: object) -> bytes:
    """Return the one spelling of a JSON value: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def step_inputs(step: Step, digests: Mapping[str, str]) -> Inputs:
    """Return everything that can change the step's result; ``digests`` has the tree digest of each step it uses."""
    return {
        "engine": ENGINE_VERSION,
        "step": step.name,
        "target": step.target,
        "action": _action(step, digests),
        "files": _named(step, ((file.name, _file_digest(file)) for file in step.files), "input file"),
        "sources": _named(step, ((source.name, source.sha256) for source in step.sources), "source"),
        "parameters": {name: value for name, value in step.parameters.items() if name not in NO_CACHE_PARAMETERS},
        "needs": [[need, digests.get(need, UNKNOWN)] for need in step.needs],
    }


def action_key(step: Step, digests: Mapping[str, str]) -> str:
    """Return the step's action key, given the tree digests of its needs (and of its root) by step name."""
    return key_of(step_inputs(step, digests))


def key_of(inputs: Inputs) -> str:
    """Return the action key of a step's inputs."""
    return hashlib.sha256(canonical_json(inputs)).hexdigest()


def dependencies(step: Step) -> tuple[str, ...]:
    """Return the steps whose trees this step uses: its needs, and its root filesystem if it has one."""
    if isinstance(step.action, CallAction) or step.action.root in ("", *step.needs):
        return step.needs
    return (*step.needs, step.action.root)


def _action(step: Step, digests: Mapping[str, str]) -> dict[str, Any]:
    if isinstance(step.action, CallAction):
        function: Any = step.action.function
        while hasattr(function, "func"):  # functools.partial: its arguments belong into the step's parameters
            function = function.func
        named = function if hasattr(function, "__qualname__") else type(function)
        return {"kind": "call", "function": f"{named.__module__}.{named.__qualname__}"}
    recipe: dict[str, Any] = {"kind": "recipe", "argv": list(step.action.argv)}
    if step.action.root:
        recipe["root"] = [step.action.root, digests.get(step.action.root, UNKNOWN)]
    return recipe


def _named(step: Step, pairs: Iterable[tuple[str, str]], kind: str) -> dict[str, str]:
    named: dict[str, str] = {}
    for name, digest in pairs:
        if named.setdefault(name, digest) != digest:
            raise PlanError(f"step {step.name}: two different files have the {kind} name {name!r}")
    return named


_digests: dict[tuple[Path, int, int, int], str] = {}


def _file_digest(file: InputFile) -> str:
    """Hash an input file; the same file is an input of many steps, so each state of it is read once."""
    try:
        status = file.path.stat()
        state = (file.path, status.st_ino, status.st_mtime_ns, status.st_size)
        if state not in _digests:
            _digests[state] = hashlib.sha256(file.path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(f"{file.path}: cannot be read", found=error.strerror) from error
    return _digests[state]


def explain(old: Inputs, new: Inputs) -> list[str]:
    """Say in words which inputs differ, one line each; empty when none does."""
    lines = []
    if old.get("engine") != new["engine"]:
        lines.append(f"the engine's version changed from {old.get('engine')} to {new['engine']}")
    if old.get("step") != new["step"]:
        lines.append(f"the step was called {old.get('step')} before")
    if old.get("target") != new["target"]:
        lines.append(f"target changed from {old.get('target')!r} to {new['target']!r}")
    lines += _explain_action(old.get("action", {}), new["action"])
    lines += _explain_map("file", old.get("files", {}), new["files"])
    lines += _explain_map("source", old.get("sources", {}), new["sources"])
    lines += _explain_map("parameter", old.get("parameters", {}), new["parameters"], values=True)
    lines += _explain_needs(old.get("needs", []), new["needs"])
    return lines


def _explain_action(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    lines = [
        f"action's {name} changed from {old.get(name)!r} to {new.get(name)!r}"
        for name in ("kind", "argv", "function")
        if old.get(name) != new.get(name)
    ]
    if old.get("root") != new.get("root") and new.get("root"):
        lines += _explain_needs([old["root"]] if old.get("root") else [], [new["root"]], word="root filesystem")
    return lines


def _explain_map(word: str, old: dict[str, str], new: dict[str, str], *, values: bool = False) -> list[str]:
    lines = []
    for name in sorted({*old, *new}):
        if name not in new:
            lines.append(f"{word} {name} is gone")
        elif name not in old:
            lines.append(f"{word} {name} is new" + (f": {new[name]!r}" if values else ""))
        elif old[name] != new[name]:
            before, after = (repr(old[name]), repr(new[name])) if values else (_short(old[name]), _short(new[name]))
            lines.append(f"{word} {name} changed from {before} to {after}")
    return lines


def _explain_needs(old: list[list[str]], new: list[list[str]], *, word: str = "need") -> list[str]:
    before, after = dict(old), dict(new)
    lines = [f"{word} {name} is gone" for name in before if name not in after]
    for name, digest in after.items():
        if digest == UNKNOWN:
            lines.append(f"{word} {name} has to be built first; its result may change")
        elif name not in before:
            lines.append(f"{word} {name} is new")
        elif before[name] != digest:
            lines.append(f"{word} {name} has another result: {_short(before[name])} became {_short(digest)}")
    if not lines and old != new:
        lines.append(f"the order of {word}s changed")
    return lines


def _short(digest: str) -> str:
    return digest[:12]
