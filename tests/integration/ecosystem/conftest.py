"""One user's machine for all tests of this folder; each module of tests has a directory of its own on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild.engine.store import Store
from pythonbuild.environments.chroot import MISSING
from pythonbuild.environments.select import choose
from tests.integration.conftest import CACHE, REPOSITORY
from tests.integration.ecosystem.desktop import Desktop, desktop_root
from tests.integration.ecosystem.downloads import fetch_packages


@pytest.fixture(scope="session")
def machine(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    """The machine, with the session's build on it."""
    (interpreter,) = [path for path in (installed / "install/bin").iterdir()
                      if re.fullmatch(r"python3\.\d+", path.name)]  # fmt: skip
    version = interpreter.name.removeprefix("python")
    environment = choose("sandbox", print, CACHE)
    if environment.missing_isolation == MISSING:
        pytest.skip(f"a machine without what users have: {', '.join(MISSING)}")
    try:
        with Store(CACHE) as store:
            root, digest = desktop_root(REPOSITORY, store, environment, CACHE)
            packages = fetch_packages(version, CACHE)
            work = tmp_path_factory.mktemp("machine")
            yield Desktop(environment, root, digest, installed / "install", packages, work, version)
    finally:
        environment.close()


@pytest.fixture(scope="module")
def desktop(machine: Desktop, tmp_path_factory: pytest.TempPathFactory) -> Desktop:
    """The machine with an empty home directory, which the tests of one module share."""
    return replace(machine, work=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def venv(desktop: Desktop) -> str:
    """A virtual environment at a path with a blank; returns its Python."""
    directory = "/build/my environment"
    desktop.check(desktop.python, "-m", "venv", directory)
    return f"{directory}/bin/python"
