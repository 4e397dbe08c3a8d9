"""Interpreters that answer at once, for tests of those who let them run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.peers import Facts, Peer
from pythonbuild.environments.base import Command

Answer = Callable[[Command], tuple[int, str]]


class Answering:
    """An environment in which a command's output is what a function says."""

    name = "sandbox"
    fixed_paths = True
    missing_isolation: tuple[str, ...] = ()

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.commands: list[Command] = []

    def run(self, command: Command, *, on_line: Callable[[str], None]) -> int:
        self.commands.append(command)
        status, output = self._answer(command)
        for line in output.splitlines():
            on_line(line)
        return status

    def shell(self, command: Command) -> int:
        return self.run(command, on_line=lambda _line: None)

    def reenter(self, command: Command) -> str:
        return " ".join(command.argv)

    def cancel(self) -> None:
        """Nothing runs."""

    def close(self) -> None:
        """Nothing is held."""


def make_peer(name: str, work: Path, answer: Answer = lambda _command: (0, ""), series: str = "3.13") -> Peer:
    facts = Facts(f"{series}.5", "GCC 14", series, "", "glibc 2.41", "")
    return Peer(name, "/usr/bin/python3", Answering(answer), work, "digest", work, (), facts)
