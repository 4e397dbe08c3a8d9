"""A toolchain as small as can be: our own binutils, and a GCC that is the root filesystem's, by another name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pythonbuild.config.request import Request
from pythonbuild.distribution.toolchain_archive import Manifest, write_toolchain
from pythonbuild.engine.trees import scan
from pythonbuild.provisions import Provisions, provisions
from tests.integration.conftest import CACHE, REPOSITORY

TRIPLE = "x86_64-unknown-linux-gnu"
#: What stands for GCC: it hands on to the one that would have compiled it.
SMALL_GCC = '#!/bin/sh\nexec /usr/bin/{name} -B/tools/gnu/bin/ "$@"\n'


def request(output: Path, **wishes: object) -> Request:
    """Return a request in the cache of these tests."""
    base = {"repository": REPOSITORY, "python": "3.13.5", "python_source": None, "target_triple": TRIPLE,
            "options": "noopt", "environment": "sandbox", "jobs": 2, "cache": CACHE, "output": output}  # fmt: skip
    return Request(**{**base, **wishes})  # type: ignore[arg-type]


@contextmanager
def provided(output: Path, **wishes: object) -> Iterator[Provisions]:
    """Yield what makes single steps of a plan."""
    with provisions(request(output, **wishes), lambda _event: None) as made:
        yield made


@pytest.fixture(scope="session")
def binutils(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of binutils, built from its source for real."""
    output = tmp_path_factory.mktemp("binutils")
    with provided(output, toolchain="bootstrap", compiler="gcc") as made:
        tree = made.tree(made.made(TRIPLE, ["binutils"])["binutils"])
        copy = output / "tree"
        shutil.copytree(tree, copy, symlinks=True)
    return copy


@pytest.fixture(scope="session")
def small(binutils: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the small toolchain, as an export would have written it."""
    directory = tmp_path_factory.mktemp("small")
    programs = directory / "gcc/tools/gnu/bin"
    programs.mkdir(parents=True)
    for name in ("gcc", "g++"):
        (programs / name).write_text(SMALL_GCC.format(name=name))
        (programs / name).chmod(0o755)
    trees = {"binutils": binutils, "gcc": directory / "gcc"}
    manifest = Manifest("bootstrap:gcc-14", TRIPLE, {name: scan(tree).digest for name, tree in trees.items()}, ())
    (directory / "work").mkdir()
    write_toolchain(manifest, trees, directory / manifest.filename, directory / "work", 315532800)
    return directory / manifest.filename
