"""Who is whose turn, and what becomes of a job that one interpreter cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.peers import BenchmarkError, Peer
from benchmarks.turns import take_turns
from tests.unit.benchmarks.peers import make_peer


@dataclass
class Noted:
    """A job that writes down its turns."""

    name: str
    turns: list[tuple[str, str, int]]
    fails: tuple[str, int] = ("", 0)
    counts: dict[str, int] = field(default_factory=dict)

    def turn(self, peer: Peer, seed: int) -> Mapping[str, float]:
        self.turns.append((self.name, peer.name, seed))
        if self.fails == (peer.name, seed):
            raise BenchmarkError(f"{peer.name}: {self.name}", found="ModuleNotFoundError")
        return {self.name: len(self.turns)}


def test_interpreters_alternate_and_nobody_is_always_first(tmp_path: Path) -> None:
    turns: list[tuple[str, str, int]] = []
    peers = [make_peer("a", tmp_path), make_peer("b", tmp_path)]
    measured = take_turns(peers, [Noted("x", turns), Noted("y", turns)], 2, lambda _text: None)
    first, second = turns[:4], turns[4:]
    assert first == [("x", "a", 1), ("x", "b", 1), ("y", "a", 1), ("y", "b", 1)]
    assert second == [("x", "b", 2), ("x", "a", 2), ("y", "b", 2), ("y", "a", 2)]
    assert measured.times == {"x": [[1, 6], [2, 5]], "y": [[3, 8], [4, 7]]}
    assert not measured.left_out


@pytest.mark.parametrize("seed", [1, 3])
def test_what_one_cannot_do_is_left_out_for_all_with_the_reason(tmp_path: Path, seed: int) -> None:
    turns: list[tuple[str, str, int]] = []
    told: list[str] = []
    peers = [make_peer("a", tmp_path), make_peer("b", tmp_path)]
    jobs = [Noted("x", turns, fails=("b", seed)), Noted("y", turns)]
    measured = take_turns(peers, jobs, 4, told.append)
    assert list(measured.times) == ["y"]
    assert [len(row) for row in measured.times["y"]] == [4, 4]
    assert measured.left_out == {"x": "b: x: found ModuleNotFoundError"}
    assert any("left out: x" in line for line in told)
    assert ("x", "a", 4) not in turns
