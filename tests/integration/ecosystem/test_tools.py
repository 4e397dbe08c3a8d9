"""virtualenv and tox, the ones from the package index, with the built Python as what they run on."""

from __future__ import annotations

import json

import pytest

from tests.integration.ecosystem.desktop import PACKAGES, TREE, Desktop

_PYPROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "greeter"
version = "1.0"
dependencies = ["markupsafe"]

[tool.setuptools]
py-modules = ["greeter"]

[tool.tox]
env_list = ["work", "lint"]

[tool.tox.env.work]
commands = [["python", "-c", "import greeter, sys; print(greeter.greet('<you>'), sys.prefix)"]]

[tool.tox.env.lint]
skip_install = true
commands = [["python", "-W", "error", "-m", "compileall", "-q", "greeter.py"]]
"""
_MODULE = """\
from markupsafe import escape


def greet(name: str) -> str:
    return f"Hello, {escape(name)}"
"""
_TELL = """\
import json, os, sys, sysconfig, ssl
print(json.dumps([sys.prefix, sys.base_prefix, sys.version_info[:2], sysconfig.get_paths()["stdlib"]]))
"""


@pytest.fixture(scope="module")
def python(desktop: Desktop, venv: str) -> str:
    """A virtual environment with the tools in it."""
    desktop.check(venv, "-m", "pip", "install", "--quiet", "--only-binary=:all:", "virtualenv", "tox")
    return venv


@pytest.mark.parametrize(("how", "interpreter"), [("--symlinks", "venv"), ("--copies", "distribution")])
def test_virtualenv(desktop: Desktop, python: str, how: str, interpreter: str) -> None:
    """Environments made from a venv and from the distribution itself, which virtualenv asks what it is."""
    base = python if interpreter == "venv" else desktop.python
    made = f"/build/made from {interpreter} {how}"
    desktop.check(python, "-m", "virtualenv", "--no-download", "--extra-search-dir", PACKAGES, how, "--python", base,
                  made)  # fmt: skip
    major, minor = map(int, desktop.version.split("."))
    told = json.loads(desktop.check(f"{made}/bin/python", "-c", _TELL))
    assert told == [made, TREE, [major, minor], f"{TREE}/lib/python{desktop.version}"]
    desktop.check(f"{made}/bin/pip", "install", "--quiet", "psutil")
    assert desktop.check(f"{made}/bin/python", "-c", "import psutil; print(psutil.__file__)").startswith(made)


def test_tox(desktop: Desktop, python: str) -> None:
    """tox builds a package in an isolated environment, installs it with what it needs, and runs its commands."""
    project = desktop.work / "my project"
    project.mkdir()
    (project / "pyproject.toml").write_text(_PYPROJECT)
    (project / "greeter.py").write_text(_MODULE)
    # No tool of the machine's PATH may stand in for the ones under test.
    output = desktop.check(python, "-m", "tox", "run", "-c", "/build/my project", PIP_NO_BINARY="markupsafe",
                           TOX_OVERRIDE="env_run_base.pass_env+=PIP_*")  # fmt: skip
    assert "Hello, &lt;you&gt; /build/my project/.tox/work" in output
    assert "congratulations" in output
