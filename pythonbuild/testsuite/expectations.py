"""Reads ``cpython-unix/expected-failures.yml``: which tests of CPython's suite may fail, where, and why.

::

    tests:
      test_readline.TestReadline.test_write_read_limited_history:
        kind: fails
        versions: ">=3.13"
        reason: libedit's history file has a header line, which …

A key is a test's id (see :mod:`pythonbuild.testsuite.records`); a class, a module or a file stands for everything in
it. ``versions`` is a range such as ``>=3.11,<3.13``, a series such as ``3.13``, or a list of these, any of which will
do; without it, all. ``targets`` is a list of triples, or of systems (``linux``, ``macos``, ``windows``) that stand for
all of theirs; without it, all.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from pythonbuild.config.document import Node, read_document
from pythonbuild.config.model import Target
from pythonbuild.config.sources import version_key

#: The last one is no word of the file: the archive says what was left out.
Kind = Literal["fails", "flaky", "machine", "left out"]

#: What a kind says; in the order of docs/test-suite.rst.
KINDS: Mapping[Kind, str] = {
    "fails": "fails whenever it is run; passing, it makes the entry stale",
    "flaky": "fails now and then, whoever built the Python",
    "machine": "fails with every Python in such a room, or on such a machine (--against shows it)",
}

_ID = re.compile(r"test_[A-Za-z0-9_]+(\.[^\s.]+)*")
_CLAUSE = re.compile(r"(>=|<=|==|<|>)\s*(3\.\d+(?:\.\d+)?(?:(?:a|b|rc)\d+)?)")
_SERIES = re.compile(r"3\.\d+")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, "<": operator.lt, ">": operator.gt,
}  # fmt: skip


@dataclass(frozen=True)
class Expectation:
    """One entry. ``versions`` holds alternatives, each a tuple of clauses that all have to be true."""

    test: str
    kind: Kind
    reason: str
    versions: tuple[tuple[tuple[str, str], ...], ...] = ()
    targets: tuple[str, ...] = ()

    def applies(self, version: str, target: str) -> bool:
        """Tell whether the entry speaks of this Python."""
        fits = not self.versions or any(
            all(_COMPARE[sign](version_key(version), version_key(than)) for sign, than in clauses)
            for clauses in self.versions
        )
        return fits and (not self.targets or target in self.targets)

    def covers(self, test: str) -> bool:
        """Tell whether the entry speaks of this test."""
        return f"{test}.".startswith(f"{self.test}.")


def load_expectations(path: Path, known: Mapping[str, Target]) -> tuple[Expectation, ...]:
    """Return the entries; ``known`` are the targets that they may speak of. Raises ConfigError naming file and key."""
    top = read_document(path).mapping(required=["tests"])
    return tuple(_entry(name, node, known) for name, node in top["tests"].items())


def _entry(name: str, node: Node, known: Mapping[str, Target]) -> Expectation:
    if not _ID.fullmatch(name):
        raise node.fail(
            "not a test's id", found=repr(name), expected="such as test_json or test_json.TestCase.test_one"
        )
    keys = node.mapping(required=["kind", "reason"], optional=["versions", "targets"])
    reason = " ".join(keys["reason"].text().split())
    if len(reason.split()) < 3 or not reason.endswith("."):
        raise keys["reason"].fail("not a reason", found=repr(reason), expected="a sentence that ends with a full stop")
    return Expectation(
        test=name,
        kind=cast(Kind, keys["kind"].choice(*KINDS)),
        reason=reason,
        versions=_versions(keys["versions"]) if "versions" in keys else (),
        targets=_targets(keys["targets"], known) if "targets" in keys else (),
    )


def _versions(node: Node) -> tuple[tuple[tuple[str, str], ...], ...]:
    elements = node.elements() if isinstance(node.value, list) else [node]
    if not elements:
        raise node.fail("is empty", expected="at least one version")
    return tuple(_alternative(element) for element in elements)


def _alternative(node: Node) -> tuple[tuple[str, str], ...]:
    text = node.text().strip()
    if _SERIES.fullmatch(text):
        return ((">=", text), ("<", f"3.{int(text.partition('.')[2]) + 1}"))
    clauses = []
    for part in text.split(","):
        match = _CLAUSE.fullmatch(part.strip())
        if not match:
            raise node.fail(
                "malformed version range", found=repr(text), expected="such as 3.13, >=3.13 or >=3.11,<3.13"
            )
        clauses.append((match[1], match[2]))
    return tuple(clauses)


def _targets(node: Node, known: Mapping[str, Target]) -> tuple[str, ...]:
    """Return the triples that are named, those of each system in its place."""
    systems = sorted({target.os for target in known.values()})
    if not node.elements():
        raise node.fail("is empty", expected="at least one target triple or system")
    found: list[str] = []
    for element in node.elements():
        word = element.choice(*systems, *known)
        found += [triple for triple, target in known.items() if word in (triple, target.os)]
    return tuple(dict.fromkeys(found))
