"""The rooms of the validation, as the command prepares them, and a compiler for what shall go wrong in them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pythonbuild.config.model import Target
from pythonbuild.config.project import Project
from pythonbuild.config.request import EnvironmentName, Request
from pythonbuild.environments.base import Command, Mount
from pythonbuild.provisions import Provisions, provisions
from pythonbuild.shipping import room_roots
from pythonbuild.validation.room import Room, make_rooms
from tests.integration.conftest import CACHE, REPOSITORY

TRIPLE = "x86_64-unknown-linux-gnu"


def make_request(environment: EnvironmentName = "sandbox") -> Request:
    return Request(
        repository=REPOSITORY, python="3.13", python_source=None, target_triple=TRIPLE, options="noopt",
        environment=environment, jobs=2, cache=CACHE, output=CACHE / "none",
    )  # fmt: skip


@pytest.fixture(scope="session")
def provided() -> Iterator[Provisions]:
    with provisions(make_request(), print) as made:
        yield made


@pytest.fixture(scope="session")
def target() -> Target:
    return Project(REPOSITORY).targets[TRIPLE]


def rooms_of(provided: Provisions, target: Target, work: Path) -> dict[str, Room]:
    roots = room_roots(target)
    digests = provided.made(TRIPLE, list(roots.values()))

    def root(name: str) -> tuple[Path, str]:
        return provided.tree(digests[roots[name]]), digests[roots[name]]

    rooms = make_rooms(target, provided.environment, root, work)
    return {name: room for name, room in rooms.items() if isinstance(room, Room)}


@pytest.fixture
def rooms(provided: Provisions, target: Target, tmp_path: Path) -> dict[str, Room]:
    work = tmp_path / "rooms"
    work.mkdir()
    made = rooms_of(provided, target, work)
    assert set(made) == {"system", "glibc-floor", "oldest-cpu"}
    return made


#: A module in C; what stands in place of DO happens when it is imported.
MODULE = """
#include <Python.h>
#include <stdlib.h>
#include <sys/random.h>
static struct PyModuleDef definition = { PyModuleDef_HEAD_INIT, .m_name = "xxlimited", .m_size = 0 };
PyMODINIT_FUNC PyInit_xxlimited(void) { DO; return PyModuleDef_Init(&definition); }
"""


@pytest.fixture
def spoilt_module(provided: Provisions, installed: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Returns a function that gives a copy of the distribution whose module xxlimited does something else.

    It is compiled by the compiler of the build's root for that system's own glibc, which is a new one.
    """

    def make(statement: str) -> Path:
        top = copy(installed, tmp_path / "spoilt")
        build = tmp_path / "compile"
        build.mkdir()
        (build / "module.c").write_text(MODULE.replace("DO", statement))
        digest = provided.made(TRIPLE, ["root"])["root"]
        lines: list[str] = []
        status = provided.environment.run(
            Command(
                argv=("/usr/lib/llvm-22/bin/clang", "-shared", "-fPIC", "-O1", "-Wl,-s",
                      "-I/sources/install/include/python3.13", "-o", "module.so", "module.c"),
                env={"PATH": "/usr/lib/llvm-22/bin:/usr/bin:/bin"},
                cwd="/build",
                mounts=(Mount(top, "/sources"), Mount(build, "/build", writable=True)),
                root=provided.tree(digest),
                root_digest=digest,
                label="compile",
            ),
            on_line=lines.append,
        )  # fmt: skip
        assert status == 0, lines
        (place,) = top.glob("install/lib/python3.13/lib-dynload/xxlimited.*.so")
        place.unlink()
        shutil.copyfile(build / "module.so", place)
        return top

    return make


def copy(installed: Path, place: Path) -> Path:
    """Copy a distribution as hard links; whoever changes a file of it has to replace the file."""
    shutil.copytree(installed, place / "python", symlinks=True, copy_function=lambda a, b: Path(b).hardlink_to(a))
    return place / "python"
