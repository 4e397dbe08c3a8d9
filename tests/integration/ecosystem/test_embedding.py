"""Programs in C that have the distribution's libpython in them, built the two ways that its documentation names.

The program lies in another directory than the distribution and tells the interpreter nothing: libpython finds its
standard library by where it was itself loaded from.
"""

from __future__ import annotations

import json
import shlex

import pytest

from tests.integration.ecosystem.desktop import PLAIN, SCRIPTS, TREE, Desktop

_BUILDS = {
    "config": "cc -Wall -Werror {source} -o {program} $({tree}/bin/python{version}-config --embed --cflags --ldflags) "
    "-Wl,-rpath,{tree}/lib",
    "pkg-config": "cc -Wall -Werror {source} -o {program} $(pkg-config --cflags --libs python-{version}-embed) "
    "-Wl,-rpath,{tree}/lib",
    # A path with blanks comes escaped out of pkg-config, for the shell to read again.
    "pkg-config, blanks": "eval cc -Wall -Werror {source} -o {program} "
    "$(pkg-config --cflags --libs python-{version}-embed) -Wl,-rpath,{tree}/lib",
}


@pytest.fixture(scope="module", params=_BUILDS)
def program(desktop: Desktop, request: pytest.FixtureRequest) -> tuple[str, str]:
    """A built program and the directory whose libpython it was linked with."""
    tree = TREE if "blanks" in request.param else PLAIN
    name = f"/build/embed-{request.param.replace(', ', '-')}"
    quoted = shlex.quote(shlex.quote(tree)) if tree == TREE else tree
    text = _BUILDS[request.param].format(source=f"{SCRIPTS}/embed.c", program=name, tree=quoted,
                                         version=desktop.version)  # fmt: skip
    output = desktop.check("sh", "-euc", text, PKG_CONFIG_PATH=f"{tree}/lib/pkgconfig")
    assert output == "", "the compiler has nothing to say"
    return name, tree


def test_finds_its_standard_library(desktop: Desktop, program: tuple[str, str]) -> None:
    """Twice in one process, with threads of Python's and of the program's."""
    name, tree = program
    lines = desktop.check(name, "2", f"{SCRIPTS}/embedded.py").splitlines()
    stdlib = f"{tree}/lib/python{desktop.version}"
    told = {"prefix": tree, "exec_prefix": tree, "json": f"{stdlib}/json/__init__.py"}
    assert [json.loads(line) for line in lines] == [told, told]


def test_the_loaded_library_counts(desktop: Desktop, program: tuple[str, str]) -> None:
    """The same program with another copy of the distribution: what the loader is told decides, not the link."""
    name, tree = program
    other = PLAIN if tree == TREE else TREE
    # The variable's value is split at blanks, so a link leads to the other copy.
    desktop.check("ln", "-sfn", other, "/build/other")
    library = f"/build/other/lib/libpython{desktop.version}.so.1.0"
    told = json.loads(desktop.check(name, "1", f"{SCRIPTS}/embedded.py", LD_PRELOAD=library))
    assert told["prefix"] == other


def test_extension_module_of_a_wheel(desktop: Desktop, program: tuple[str, str]) -> None:
    """numpy's extension modules find the interpreter's functions in the program; once, they refuse a second time."""
    site = "/build/site"
    if not (desktop.work / "site").exists():
        desktop.check(desktop.python, "-m", "pip", "install", "--quiet", "--target", site, "numpy")
    name, _ = program
    assert desktop.check(name, "1", f"{SCRIPTS}/embedded_numpy.py", PYTHONPATH=site) == "6"
