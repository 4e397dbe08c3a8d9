"""A real build by the real command, shared by the tests of all folders here.

The cache is the checkout's own (``build/``), or the directory that ``PYTHONBUILD_TEST_CACHE`` names: after
``./build-linux.py`` the tests start from what it has made, on a fresh clone they make it. The sandbox is used whatever
else there is, because everybody has it. ``PYTHONBUILD_TEST_PYTHON`` names another CPython than 3.13.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

REPOSITORY = Path(__file__).parents[2]
CACHE = Path(os.environ.get("PYTHONBUILD_TEST_CACHE") or REPOSITORY / "build").resolve()


@dataclass(frozen=True)
class Run:
    """What one run of the command said: its events as JSON objects, its exit status, and its error lines."""

    events: tuple[dict[str, Any], ...]
    status: int
    errors: str

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == kind]

    @property
    def steps(self) -> dict[str, str]:
        """Each step's status by name."""
        return {event["step"]: event["status"] for event in self.of("StepFinished")}

    @property
    def built(self) -> list[str]:
        return sorted(step for step, status in self.steps.items() if status == "built")

    @property
    def archive(self) -> Path:
        assert self.status == 0, self.errors
        (published,) = self.of("Published")
        return Path(published["path"])

    @property
    def sha256(self) -> str:
        assert self.status == 0, self.errors
        (published,) = self.of("Published")
        return str(published["sha256"])


class _ByFolder(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps the tests of a folder in one process when several run: they share what their fixtures have built.

    The main job's are the longest, and each file of them stands by itself.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = PurePosixPath(nodeid.partition("::")[0])
        return str(file if file.parent.name == "distribution" else file.parent)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Called by pytest-xdist with ``-n``."""
    return _ByFolder(config, log)


def command(checkout: Path, arguments: Sequence[str], cache: Path) -> list[str]:
    """Return the command line of a build or another command."""
    return [sys.executable, str(checkout / "build-linux.py"), *arguments, "--cache-dir", str(cache)]


def build(output: Path, *arguments: str, checkout: Path = REPOSITORY, cache: Path = CACHE,
          environment: str = "sandbox") -> Run:  # fmt: skip
    """Run a build and return what it said."""
    flags = ["--environment", environment, "--log-format", "json", "--output", str(output), *arguments]
    done = subprocess.run(command(checkout, flags, cache), capture_output=True, text=True, check=False, env=clean())
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return Run(tuple(events), done.returncode, done.stderr + done.stdout[-4000:] if done.returncode else done.stderr)


def clean() -> dict[str, str]:
    """Return the environment without what would change the command's defaults."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONBUILD_", "PYTHONPATH"))}


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The first build of the session, from whatever the cache holds."""
    run = build(tmp_path_factory.mktemp("dist"), "--python", os.environ.get("PYTHONBUILD_TEST_PYTHON") or "3.13")
    assert run.status == 0, run.errors
    return run


@pytest.fixture(scope="session")
def installed(first: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first build's archive, unpacked by this machine's tar in a directory that nothing was built in."""
    from pythonbuild.distribution.archive import unpack

    directory = tmp_path_factory.mktemp("unpacked here")
    unpack(first.archive, directory)
    return directory / "python"
