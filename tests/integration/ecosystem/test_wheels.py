"""Wheels with compiled code install by pip and work, alone and together in one process."""

from __future__ import annotations

import pytest

from tests.integration.ecosystem.desktop import SCRIPTS, Desktop

_PACKAGES = ("cryptography", "lxml", "numpy", "pillow", "psutil")


@pytest.fixture(scope="module")
def python(desktop: Desktop, venv: str) -> str:
    """A virtual environment with all of them."""
    desktop.check(venv, "-m", "pip", "install", "--quiet", "--only-binary=:all:", *_PACKAGES)
    return venv


@pytest.mark.parametrize("package", [*_PACKAGES, "openssl_twice", "together"])
def test_works(desktop: Desktop, python: str, package: str) -> None:
    assert desktop.check(python, f"{SCRIPTS}/wheels.py", package) == f"{package} works"


def test_pip_check(desktop: Desktop, python: str) -> None:
    """Every installed wheel is for this interpreter and has what it needs."""
    assert desktop.check(python, "-m", "pip", "check") == "No broken requirements found."
