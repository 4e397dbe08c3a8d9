"""Source archives compile on a machine whose only compiler is its own GCC, as the interpreter's sysconfig says."""

from __future__ import annotations

import pytest

from tests.integration.ecosystem.desktop import SCRIPTS, TREE, Desktop

_PACKAGES = ("greenlet", "markupsafe", "msgpack")


@pytest.fixture(scope="module")
def site(desktop: Desktop) -> str:
    """A directory with all of them, compiled in isolated builds as pip makes them by itself."""
    output = desktop.check(desktop.python, "-m", "pip", "install", "--verbose", "--target", "/build/site",
                           "--no-binary", ",".join(_PACKAGES), *_PACKAGES)  # fmt: skip
    first_words = {words[0] for line in output.splitlines() if (words := line.split())}
    assert {"cc", "c++"} <= first_words, f"sysconfig's compilers were not called:\n{output}"
    assert not {"clang", "clang++", "gcc", "g++"} & first_words
    # What GCC does not know would only be a warning for some flags; a directory of the build is in no command.
    assert "command-line option" not in output
    assert " /install" not in output
    return "/build/site"


@pytest.mark.parametrize("package", _PACKAGES)
def test_compiles_and_works(desktop: Desktop, site: str, package: str) -> None:
    assert desktop.check(desktop.python, f"{SCRIPTS}/sdists.py", package, PYTHONPATH=site) == f"{package} works"


def test_no_clang(desktop: Desktop) -> None:
    """The machine has GCC alone; otherwise the tests above would show nothing."""
    assert desktop.run("clang", "--version").status == 127
    assert "Free Software Foundation" in desktop.check("cc", "--version")


def test_compiler_of_sysconfig(desktop: Desktop) -> None:
    """An extension in one file, compiled by hand with nothing but what sysconfig and python3.X-config print."""
    assert desktop.check(desktop.python, f"{SCRIPTS}/by_hand.py", TREE) == "42"
