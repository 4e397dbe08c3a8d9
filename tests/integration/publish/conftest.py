"""All kinds of archives of one build, shared by the tests of this folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pythonbuild.config.request import ARCHIVE_KINDS
from pythonbuild.distribution.names import read_name
from tests.integration.conftest import Run, build


@pytest.fixture(scope="session")
def made(first: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The first build again, with everything that can be packed of it."""
    version = read_name(first.archive.name).version
    run = build(tmp_path_factory.mktemp("dist"), "--python", version, "--archives", "all")
    assert run.status == 0, run.errors
    return run


@pytest.fixture(scope="session")
def archives(made: Run) -> dict[str, Path]:
    """The archives by kind and compression, such as ``install_only.gz``."""
    paths = [Path(event["path"]) for event in made.of("Published")]
    found = {f"{name.kind}.{name.compression}": path for path in paths if (name := read_name(path.name))}
    assert set(found) == {"full.zst", *(f"{kind}.{form}" for kind in ARCHIVE_KINDS[1:] for form in ("gz", "zst"))}
    return found


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of a user who has nothing yet, and whose uv looks nowhere but where it is told to."""
    kept = {name: value for name, value in os.environ.items() if name in ("LD_LIBRARY_PATH", "LANG")}
    return {
        **kept, "PATH": f"{tmp_path}/home/.local/bin:/usr/bin:/bin", "HOME": f"{tmp_path}/home",
        "TMPDIR": str(tmp_path), "UV_CACHE_DIR": f"{tmp_path}/uv cache", "UV_PYTHON_INSTALL_DIR": f"{tmp_path}/pythons",
        "UV_NO_CONFIG": "1", "UV_MANAGED_PYTHON": "1", "UV_NO_PROGRESS": "1", "NO_PROXY": "*",
    }  # fmt: skip
