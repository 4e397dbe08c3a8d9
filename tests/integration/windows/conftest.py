"""One made-up machine for all tests here, with Clang and lld of the root filesystem that builds for Linux use."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pythonbuild.config.request import Request
from pythonbuild.provisions import provisions
from tests.integration.conftest import CACHE, REPOSITORY
from tests.integration.windows.machine import Done, FakeWindows, make_machine

TRIPLE = "x86_64-unknown-linux-gnu"


@pytest.fixture(scope="session")
def compiler() -> Iterator[Path]:
    """The root filesystem that has Clang and lld."""
    request = Request(repository=REPOSITORY, python="3.13.5", python_source=None, target_triple=TRIPLE,
                      options="noopt", environment="sandbox", jobs=2, cache=CACHE, output=CACHE / "none")  # fmt: skip
    with provisions(request, lambda _event: None) as made:
        yield made.tree(made.made(TRIPLE, ["root"])["root"])


@pytest.fixture(scope="session")
def windows(compiler: Path) -> Iterator[FakeWindows]:
    """The machine. Its path is short, as it has to be on Windows."""
    root = Path(tempfile.mkdtemp(prefix="pbw-"))
    yield make_machine(root, compiler)
    shutil.rmtree(root)


@pytest.fixture(scope="session")
def built(windows: FakeWindows, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The first build: every kind of archive."""
    done = windows.build(tmp_path_factory.mktemp("dist"), "--python", "3.13.5", "--archives", "all")
    assert done.status == 0, done.errors
    return done
