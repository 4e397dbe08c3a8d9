"""One free-threaded build, shared by the tests of this folder: one more CPython, about three minutes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pythonbuild.distribution.archive import unpack
from pythonbuild.distribution.names import read_name
from pythonbuild.engine.store import Store
from pythonbuild.environments.chroot import MISSING
from pythonbuild.environments.select import choose
from tests.integration.conftest import CACHE, REPOSITORY, Run, build
from tests.integration.ecosystem.desktop import Desktop, desktop_root
from tests.integration.ecosystem.downloads import fetch_packages

OPTIONS = "freethreaded+noopt"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The build, with an archive of the installation beside the full one."""
    output = tmp_path_factory.mktemp("freethreaded")
    run = build(output, "--python", "3.13", "--options", OPTIONS, "--archives", "full,install_only")
    assert run.status == 0, run.errors
    return run


@pytest.fixture(scope="session")
def archives(made: Run) -> dict[str, Path]:
    """The archives by kind and compression."""
    paths = [Path(event["path"]) for event in made.of("Published")]
    return {f"{name.kind}.{name.compression}": path for path in paths if (name := read_name(path.name))}


@pytest.fixture(scope="session")
def archive(archives: dict[str, Path]) -> Path:
    return archives["full.zst"]


@pytest.fixture(scope="session")
def tree(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The full archive, unpacked."""
    directory = tmp_path_factory.mktemp("freethreaded unpacked")
    unpack(archive, directory)
    return directory / "python"


@pytest.fixture(scope="session")
def desktop(tree: Path, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    """A user's machine with GCC and the build on it; ``version`` is what the interpreter's own name ends with."""
    environment = choose("sandbox", print, CACHE)
    if environment.missing_isolation == MISSING:
        pytest.skip(f"a machine without what users have: {', '.join(MISSING)}")
    series = ".".join(read_name(archive.name).version.split(".")[:2])
    try:
        with Store(CACHE) as store:
            root, digest = desktop_root(REPOSITORY, store, environment, CACHE)
            work = tmp_path_factory.mktemp("home")
            shutil.copy(Path(__file__).with_name("counting.c"), work)
            packages = fetch_packages(series, CACHE)
            yield Desktop(environment, root, digest, tree / "install", packages, work, f"{series}t")
    finally:
        environment.close()
