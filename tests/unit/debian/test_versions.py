from __future__ import annotations

import pytest

from pythonbuild.debian.versions import compare, satisfies

#: Oldest first; each is older than all that follow it.
ORDER = [
    "0~~",
    "0~~a",
    "0~",
    "0",
    "0a",
    "0+",
    "1.0~rc1-1",
    "1.0-1",
    "1.0-1+b1",
    "1.0-1+deb13u1",
    "1.0-1.1",
    "1.0-2",
    "1.0-10",
    "1.0.1-1",
    "1.10",
    "5.3.28+dfsg2-9",
    "1:0.1",
    "1:22.1.8-1~deb13u4",
    "1:22.1.8-1",
]


@pytest.mark.parametrize(("older", "newer"), [(a, b) for i, a in enumerate(ORDER) for b in ORDER[i + 1 :]])
def test_order(older: str, newer: str) -> None:
    assert compare(older, newer) < 0
    assert compare(newer, older) > 0


@pytest.mark.parametrize(("left", "right"), [("1.0", "1.00"), ("0:1.0", "1.0"), ("1.0-0", "1.0")])
def test_equal(left: str, right: str) -> None:
    assert compare(left, right) == 0


@pytest.mark.parametrize(
    ("relation", "wanted", "met"),
    [("<<", "2", True), ("<=", "1", True), ("=", "1", True), (">=", "1.1", False), (">>", "1", False)],
)
def test_relations(relation: str, wanted: str, met: bool) -> None:
    assert satisfies("1", relation, wanted) is met
