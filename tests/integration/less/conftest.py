"""One build that leaves out a good deal, shared by the tests of this folder: one more CPython, about three minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pythonbuild.distribution.archive import unpack
from pythonbuild.distribution.names import read_name
from tests.integration.conftest import Run, build

WITHOUT = ("_dbm", "_hashlib", "_sqlite3", "_ssl", "readline")
#: The names in another order than the tests write them, in two flags.
FLAGS = ("--without", "readline,_ssl", "--without", "_hashlib,_dbm,_sqlite3", "--no-tests", "--no-tk")


@pytest.fixture(scope="session")
def version(first: Run) -> str:
    return read_name(first.archive.name).version


@pytest.fixture(scope="session")
def smaller(version: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The build, with an archive of the installation beside the full one."""
    output = tmp_path_factory.mktemp("smaller")
    run = build(output, "--python", version, "--archives", "full,install_only", *FLAGS)
    assert run.status == 0, run.errors
    return run


@pytest.fixture(scope="session")
def archives(smaller: Run) -> dict[str, Path]:
    """The archives by kind and compression."""
    paths = [Path(event["path"]) for event in smaller.of("Published")]
    return {f"{name.kind}.{name.compression}": path for path in paths if (name := read_name(path.name))}


@pytest.fixture(scope="session")
def archive(archives: dict[str, Path]) -> Path:
    return archives["full.zst"]


@pytest.fixture(scope="session")
def tree(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The full archive, unpacked."""
    directory = tmp_path_factory.mktemp("smaller unpacked")
    unpack(archive, directory)
    return directory / "python"
