"""How an archive was made, as an in-toto statement with SLSA's provenance (v1): what was asked for, what went in, and
each step's action key and tree.

It says nothing of when, where and by whom: whoever builds the same from the same checkout gets the same bytes, and can
put their own signature to them. docs/provenance.rst tells of every part.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pythonbuild import __version__
from pythonbuild.errors import DistributionError

#: What a statement beside an archive adds to the archive's name.
SUFFIX = ".intoto.json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "tag:python-build,2026:distribution/v1"
BUILDER = "tag:python-build,2026:unattested-builder/v1"
#: What every statement of provenance has.
_PARTS: Mapping[str, type] = {
    "subject": list,
    "predicate.buildDefinition.resolvedDependencies": list,
    "predicate.buildDefinition.externalParameters": dict,
    "predicate.runDetails": dict,
}


class StatementError(DistributionError):
    """Not a statement that can be read."""

    reason = "statement"


@dataclass(frozen=True)
class Input:
    """A file that steps read: its name, its sha256, where it can be had, and the names of these steps."""

    name: str
    sha256: str
    addresses: tuple[str, ...]
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Made:
    """A step, its action key, the digest of the tree that it gave, and the steps that it needed."""

    step: str
    key: str
    tree: str
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Commit:
    """The checkout's commit; ``changed`` if files of it were not what the commit has."""

    digest: str
    changed: bool


@dataclass(frozen=True)
class Provenance:
    """All that a statement says besides its subject."""

    request: Mapping[str, object]
    settled: Mapping[str, object]
    inputs: Sequence[Input]
    steps: Sequence[Made]
    commit: Commit | None = None
    version: str = field(default=__version__)


def render_statement(subjects: Mapping[str, str], provenance: Provenance) -> str:
    """Return the statement about files (name → sha256), the archive first."""
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": dict(provenance.request),
            "internalParameters": dict(provenance.settled),
            "resolvedDependencies": [*_checkout(provenance.commit), *map(_dependency, provenance.inputs)],
        },
        "runDetails": {
            "builder": {"id": BUILDER, "version": {"python-build": provenance.version}},
            "byproducts": [_byproduct(step) for step in provenance.steps],
        },
    }
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in subjects.items()],
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }
    return json.dumps(statement, indent=1, ensure_ascii=False) + "\n"


def _checkout(commit: Commit | None) -> list[dict[str, Any]]:
    if commit is None:
        return []
    return [{"name": "checkout", "digest": {"gitCommit": commit.digest}, "annotations": {"changed": commit.changed}}]


def _dependency(source: Input) -> dict[str, Any]:
    described: dict[str, Any] = {"name": source.name, "digest": {"sha256": source.sha256}}
    if source.addresses:
        described["uri"] = source.addresses[0]
    return {**described, "annotations": {"steps": list(source.steps)}}


def _byproduct(step: Made) -> dict[str, Any]:
    annotations = {"actionKey": step.key, "needs": list(step.needs)}
    return {"name": step.step, "digest": {"sha256": step.tree}, "annotations": annotations}


def read_statement(text: str, where: str) -> dict[str, Any]:
    """Return a statement's plain data. Raises StatementError for what is not one of provenance."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StatementError(f"{where}: not JSON", found=error) from error
    for key, expected in (("_type", STATEMENT_TYPE), ("predicateType", PREDICATE_TYPE)):
        found = plain.get(key) if isinstance(plain, dict) else None
        if found != expected:
            raise StatementError(f"{where}: {key}", found=repr(found), expected=repr(expected))
    for place, kind in _PARTS.items():
        value: Any = plain
        for key in place.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if not isinstance(value, kind):
            raise StatementError(f"{where}: {place}", found=type(value).__name__, expected=kind.__name__)
    return dict(plain)


@dataclass(frozen=True)
class StatementSummary:
    """A statement at a glance; ``matches`` tells whether it is about the archive that it lies beside."""

    matches: bool
    request: Mapping[str, object]
    commit: str
    dependencies: int
    steps: Mapping[str, tuple[str, str]]

    def as_json(self) -> dict[str, object]:
        return {
            "matches": self.matches,
            "request": dict(self.request),
            "commit": self.commit,
            "resolved_dependencies": self.dependencies,
            "steps": {step: {"action_key": key, "tree": tree} for step, (key, tree) in self.steps.items()},
        }


def summarise_statement(plain: Mapping[str, Any], archive_sha256: str) -> StatementSummary:
    """Return what ``inspect`` shows of a statement."""
    definition, details = plain["predicate"]["buildDefinition"], plain["predicate"]["runDetails"]
    dependencies = [item for item in definition["resolvedDependencies"] if isinstance(item, dict)]
    commit = next((item for item in dependencies if "gitCommit" in item.get("digest", {})), {})
    changed = " with changes" if commit.get("annotations", {}).get("changed") else ""
    return StatementSummary(
        matches=any(item.get("digest", {}).get("sha256") == archive_sha256 for item in plain["subject"]),
        request=definition["externalParameters"],
        commit=f"{commit['digest']['gitCommit']}{changed}" if commit else "",
        dependencies=len(dependencies) - bool(commit),
        steps={
            str(item.get("name")): (str(item.get("annotations", {}).get("actionKey", "")),
                                    str(item.get("digest", {}).get("sha256", "")))
            for item in details.get("byproducts", [])
        },
    )  # fmt: skip
