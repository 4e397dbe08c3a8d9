"""Programs in C that have the distribution's libpython in them, built the two ways that its documentation names.

The program lies in another directory than the distribution and tells the interpreter nothing: libpython finds its
standard library by where it was itself loaded from.
"""

from __future__ import annotations

import json

import pytest

from tests.integration.ecosystem.desktop import PLAIN, SCRIPTS, TREE, Desktop

#: What prints the compiler's arguments. A path with blanks comes escaped out of both, for the shell to read again.
_ASKED = {
    "config": '"$tree/bin/python$version-config" --embed --cflags --ldflags',
    "pkg-config": 'PKG_CONFIG_PATH="$tree/lib/pkgconfig" pkg-config --cflags --libs "python-$version-embed"',
}
_COMPILE = {
    PLAIN: 'cc -Wall -Werror "$source" -o "$program" -Wl,-rpath,$tree/lib $(ASKED)',
    TREE: """eval cc -Wall -Werror '"$source"' -o '"$program"' '"-Wl,-rpath,$tree/lib"' $(ASKED)""",
}


@pytest.fixture(scope="module", params=[(asked, tree) for asked in _ASKED for tree in _COMPILE],
                ids=lambda build: f"{build[0]}-{'moved' if build[1] == TREE else 'plain'}")  # fmt: skip
def program(desktop: Desktop, request: pytest.FixtureRequest) -> tuple[str, str]:
    """A built program and the directory whose libpython it was linked with."""
    asked, tree = request.param
    name = f"/build/embed {asked} {'moved' if tree == TREE else 'plain'}"
    output = desktop.check("sh", "-euc", _COMPILE[tree].replace("ASKED", _ASKED[asked]), tree=tree, program=name,
                           source=f"{SCRIPTS}/embed.c", version=desktop.version)  # fmt: skip
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
    assert told["prefix"] in (other, "/build/other")


def test_extension_module_of_a_wheel(desktop: Desktop, program: tuple[str, str]) -> None:
    """numpy's extension modules find the interpreter's functions in the program; once, they refuse a second time."""
    site = "/build/site"
    if not (desktop.work / "site").exists():
        desktop.check(desktop.python, "-m", "pip", "install", "--quiet", "--target", site, "numpy")
    name, _ = program
    assert desktop.check(name, "1", f"{SCRIPTS}/embedded_numpy.py", PYTHONPATH=site) == "6"
