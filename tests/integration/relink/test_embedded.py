"""The example of the documentation: a C program with Python inside, and the standard library as a zip file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild.distribution.relink_choice import Wishes
from tests.integration.conftest import REPOSITORY, Run
from tests.integration.ecosystem.desktop import Desktop
from tests.integration.relink.conftest import Linker

EXAMPLE = REPOSITORY / "docs/examples/embedded"
#: As the documentation has it.
LEFT_OUT = ("_ssl", "_hashlib", "_sqlite3", "_tkinter", "_dbm", "_curses", "_curses_panel", "readline")


@pytest.fixture(scope="module")
def machine(first: Run, linker: Linker, machine_of: Callable[[Path], Desktop], desktop: Desktop,
            tmp_path_factory: pytest.TempPathFactory) -> Desktop:  # fmt: skip
    """The machine with the program at /build/an app/app, and nothing of what it was made from."""
    done = linker(first.archive, Wishes(without=LEFT_OUT))
    builder = machine_of(done.packed.path)
    for path in EXAMPLE.iterdir():
        (builder.work / path.name).write_bytes(path.read_bytes())
    (builder.work / "an app").mkdir()
    output = builder.check("/build/python/install/bin/python3", "make_app.py", "app.c", "an app", "gcc", "-O2",
                           "-Wall", "-Wextra", "-Werror")  # fmt: skip
    assert output == ""
    work = tmp_path_factory.mktemp("app")
    shutil.copytree(builder.work / "an app", work / "an app")
    return replace(desktop, work=work)


def test_the_documentation_names_these_modules() -> None:
    assert f"--without {','.join(LEFT_OUT)}" in (REPOSITORY / "docs/relinking.rst").read_text()


def test_everything_is_inside(machine: Desktop) -> None:
    code = ("import sys, json, asyncio, decimal, socket, ctypes, lzma, xml.etree.ElementTree as tree\n"
            "async def main(): return tree.fromstring('<a>1</a>').text\n"
            "inside = asyncio.run(main()), str(decimal.Decimal(1) / 4)\n"
            "print(json.dumps([sys.path, sys.prefix, json.__file__, *inside]))")  # fmt: skip
    place = "/build/an app/app.zip"
    for variables in ({}, {"PYTHONHOME": "/nonexistent", "PYTHONPATH": "/usr/lib/python3"}):
        told = json.loads(machine.check("/build/an app/app", "-c", code, **variables))
        assert told == [[place], place, f"{place}/json/__init__.pyc", "1", "0.25"]


def test_only_the_system_is_needed(machine: Desktop) -> None:
    names = [line.split()[0] for line in machine.check("ldd", "/build/an app/app").splitlines()]
    assert {Path(name).name.partition(".so")[0] for name in names} <= {
        "linux-vdso", "libc", "libm", "libdl", "libpthread", "librt", "libutil", "ld-linux-x86-64"}  # fmt: skip


def test_texts_whatever_the_locale(machine: Desktop) -> None:
    assert machine.check("/build/an app/app", "-c", "import sys; print(sys.argv[1])", "größer", LC_ALL="C") == "größer"
