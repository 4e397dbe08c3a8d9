"""The file of expected failures is read whole, or refused with file and key named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pythonbuild.config.project import Project
from pythonbuild.errors import ConfigError
from pythonbuild.testsuite.expectations import Expectation, load_expectations

PROJECT = Project(Path(__file__).parents[3])
REAL = PROJECT.unix / "expected-failures.yml"
REASON = "The room has no compiler."


def load(path: Path, value: Any) -> tuple[Expectation, ...]:
    path.write_text(value if isinstance(value, str) else yaml.safe_dump(value))
    return load_expectations(path, PROJECT.known_targets)


def entry(path: Path, **keys: Any) -> Expectation:
    return load(path, {"tests": {"test_cext": {"kind": "machine", "reason": REASON, **keys}}})[0]


def test_reads_everything(tmp_path: Path) -> None:
    keys = {"versions": ["3.11", ">=3.13,<3.15"], "targets": ["x86_64-unknown-linux-gnu"]}
    read = entry(tmp_path / "e.yml", **keys, reason="The room\n  has no compiler.")
    assert (read.test, read.kind, read.reason) == ("test_cext", "machine", REASON)
    assert read.targets == ("x86_64-unknown-linux-gnu",)


@pytest.mark.parametrize(
    ("versions", "fitting", "others"),
    [
        (None, ["3.11.2", "3.15.0a1"], []),
        ("3.13", ["3.13.0", "3.13.15"], ["3.12.14", "3.14.0", "3.14.0a1"]),
        (">=3.13", ["3.13.0", "3.14.0"], ["3.12.14", "3.11.2"]),
        (">=3.11, <3.13.5", ["3.11.0", "3.13.4"], ["3.13.5", "3.10.1"]),
        ("==3.13.5", ["3.13.5"], ["3.13.15"]),
        (["3.11", ">3.13.5"], ["3.11.2", "3.13.6"], ["3.12.0", "3.13.5"]),
    ],
)
def test_versions(tmp_path: Path, versions: Any, fitting: list[str], others: list[str]) -> None:
    read = entry(tmp_path / "e.yml", **({"versions": versions} if versions else {}))
    assert [version for version in [*fitting, *others] if read.applies(version, "any")] == fitting


def test_targets(tmp_path: Path) -> None:
    """A triple stands for itself, a system for all of its targets."""
    read = entry(tmp_path / "e.yml", targets=["x86_64-apple-darwin", "windows"])
    fitting = {target for target in PROJECT.known_targets if read.applies("3.13.0", target)}
    windows = {target for target in PROJECT.known_targets if target.endswith("-pc-windows-msvc")}
    assert windows
    assert fitting == {"x86_64-apple-darwin", *windows}


def test_an_entry_covers_what_is_below_it(tmp_path: Path) -> None:
    read = entry(tmp_path / "e.yml")
    assert [read.covers(test) for test in ("test_cext", "test_cext.T.test_a", "test_cextra.T.test_a", "test_")] == [
        True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("document", "place", "message"),
    [
        ({}, "", "missing"),
        ({"tests": {}, "more": 1}, "more", "unknown key"),
        ({"tests": {"json": {}}}, "tests.json", "not a test's id"),
        ({"tests": {"test_a b": {}}}, "tests.test_a b", "not a test's id"),
        ({"tests": {"test_a": {"kind": "fails"}}}, "tests.test_a", "reason"),
        ({"tests": {"test_a": {"kind": "fail", "reason": REASON}}}, "tests.test_a.kind", "unknown value"),
        ({"tests": {"test_a": {"kind": "fails", "reason": "why"}}}, "tests.test_a.reason", "not a reason"),
        ({"tests": {"test_a": {"kind": "fails", "reason": "no end of it"}}}, "tests.test_a.reason", "not a reason"),
        ({"tests": {"test_a": {"kind": "fails", "reason": REASON, "version": "3.13"}}}, "tests.test_a", "unknown key"),
        ({"tests": {"test_a": {"kind": "fails", "reason": REASON, "versions": "new"}}}, "test_a.versions", "malformed"),
        (
            {"tests": {"test_a": {"kind": "fails", "reason": REASON, "versions": [">3.13,"]}}},
            "versions[0]",
            "malformed",
        ),
        ({"tests": {"test_a": {"kind": "fails", "reason": REASON, "versions": []}}}, "test_a.versions", "is empty"),
        ({"tests": {"test_a": {"kind": "fails", "reason": REASON, "targets": []}}}, "test_a.targets", "is empty"),
        (
            {"tests": {"test_a": {"kind": "fails", "reason": REASON, "targets": ["linux", "x86_64-linux"]}}},
            "test_a.targets[1]",
            "unknown value",
        ),
        ("tests:\n  test_a: {kind: fails}\n  test_a: {kind: flaky}\n", "", "given twice"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, document: Any, place: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "e.yml", document)
    assert str(tmp_path / "e.yml") in str(caught.value)
    assert place in str(caught.value)
    assert message in str(caught.value)


def test_the_projects_own_file() -> None:
    entries = load_expectations(REAL, PROJECT.known_targets)
    assert entries
    names = [entry.test for entry in entries]
    assert names == sorted(names), "sorted, so that an entry is found"
