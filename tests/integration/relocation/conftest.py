"""Real distributions, moved: each version in a plain directory and in one whose path no shell likes.

A moved tree is made of hard links to the unpacked archive: nothing in it may be written to in place.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pythonbuild.distribution.archive import unpack
from tests.integration.conftest import build

PLACES = {"plain": "opt/python", "awkward": "ein Ort für 蛇/two  spaces"}


@dataclass(frozen=True)
class Tree:
    """An installation in a place; ``home`` is a directory for the tests of it, which has nothing to do with it."""

    prefix: Path
    series: str
    home: Path

    @property
    def python(self) -> Path:
        return self.prefix / "bin" / f"python{self.series}"

    def environment(self, **variables: str) -> dict[str, str]:
        """Return the environment of a user's process."""
        return {"PATH": "/usr/bin:/bin", "HOME": str(self.home), "LC_ALL": "C.UTF-8", **variables}

    def run(self, command: Sequence[str | Path], cwd: Path | None = None, env: Mapping[str, str] | None = None,
            words: str = "", ordinary: bool = False) -> str:  # fmt: skip
        """Run a command that must succeed, if ``ordinary`` not as root; ``words`` is its input. Return its output."""
        user: dict[str, Any] = {}
        if ordinary and os.geteuid() == 0:
            user = {"user": 65534, "group": 65534, "extra_groups": []}
        done = subprocess.run(command, cwd=cwd or self.home, env=self.environment(**(env or {})), check=False,
                              input=words, capture_output=True, text=True, encoding="utf-8", **user)  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return str(done.stdout)

    def say(self, code: str, *flags: str) -> str:
        """Run Python code; return its output without the last newline."""
        return self.run([self.python, *flags, "-c", code]).removesuffix("\n")


def copy(source: Path, target: Path) -> None:
    """Make a tree of hard links."""
    shutil.copytree(source, target, symlinks=True, copy_function=os.link)


@pytest.fixture(scope="session", params=["3.13", "3.11.2"])
def unpacked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the ``install`` directory of a distribution's archive."""
    if request.param == "3.13":
        installed: Path = request.getfixturevalue("installed")
        return installed / "install"
    run = build(tmp_path_factory.mktemp("dist"), "--python", request.param)
    directory = tmp_path_factory.mktemp("unpacked")
    unpack(run.archive, directory)
    return directory / "python/install"


@pytest.fixture
def anywhere() -> Iterator[Path]:
    """Return a directory that every user of the machine can reach."""
    with tempfile.TemporaryDirectory(prefix="relocation") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def moved(unpacked: Path, anywhere: Path, place: str) -> Tree:
    prefix = anywhere / PLACES[place]
    prefix.parent.mkdir(parents=True)
    copy(unpacked, prefix)
    home = anywhere / "home"
    home.mkdir()
    (library,) = (prefix / "lib").glob("python3.*")
    return Tree(prefix, library.name.removeprefix("python"), home)


@pytest.fixture(params=list(PLACES))
def tree(request: pytest.FixtureRequest, unpacked: Path, anywhere: Path) -> Tree:
    """Return each version in each place."""
    return moved(unpacked, anywhere, request.param)


@pytest.fixture
def awkward(unpacked: Path, anywhere: Path) -> Tree:
    """Return each version in the awkward place."""
    return moved(unpacked, anywhere, "awkward")
