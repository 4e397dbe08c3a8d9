"""An SBOM for the small distribution of trees.py: right in every part, to be spoilt in one place."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from pythonbuild.config.model import Lock, LockedPackage, Recipe
from pythonbuild.distribution.bundled import bundled_packages
from pythonbuild.distribution.origins import attribute
from pythonbuild.distribution.patches import Patch
from pythonbuild.distribution.python_json import PythonJson, read_python_json
from pythonbuild.distribution.sbom import Making, render
from pythonbuild.distribution.sbom_text import NAME
from tests.unit.distribution.trees import write

PATCH = Patch("cpython-unix/recipes/openssl/patches/a.patch", "cd" * 32, "--- a/x\n+++ b/x\n")
METADATA = "Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: MIT\n\nText\n"


def make_recipe(directory: Path, name: str = "cpython", files: Mapping[str, str] | None = None) -> Recipe:
    for path, text in (files or {}).items():
        write(directory / path, text)
    directory.mkdir(parents=True, exist_ok=True)
    return Recipe(name, directory, name, ())


def make_lock(name: str, *packages: str) -> Lock:
    return Lock(name, "trixie", "amd64", "20260913T000000Z", tuple(
        LockedPackage(package, "1:2-3", "amd64", f"pool/main/x/{package}_2-3_amd64.deb", "ef" * 32, 10)
        for package in packages
    ))  # fmt: skip


def make_wheel(path: Path, name: str, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as wheel:
        info = zipfile.ZipInfo(f"{name}-{version}.dist-info/METADATA", (2026, 1, 1, 0, 0, 0))
        wheel.writestr(info, METADATA.format(name=name, version=version))
    return path


def make_pip(stdlib: Path) -> None:
    """Install a pip of one module, whose code holds that of another package."""
    packages = stdlib / "site-packages"
    write(packages / "pip/__init__.py", "")
    write(packages / "pip/_vendor/vendor.txt", "# comment\nrequests==2.34.2\n    idna==3.18\n")
    write(packages / "pip-26.1.dist-info/METADATA", METADATA.format(name="pip", version="26.1"))
    record = ["pip/__init__.py,sha256=x,0", "pip/_vendor/vendor.txt,,", "pip-26.1.dist-info/METADATA,,",
              "pip-26.1.dist-info/RECORD,,", "../../../bin/pip,,", "pip/__pycache__/gone.pyc,,"]  # fmt: skip
    write(packages / "pip-26.1.dist-info/RECORD", "\n".join(record) + "\n")
    write(stdlib.parents[1] / "bin/pip", "#!/bin/sh\n")


def add_sbom(directory: Path) -> str:
    """Write the SBOM of the distribution that make_distribution has made in a directory; return its text."""
    top = directory / "out/python"
    text = render(*sbom_inputs(directory))
    (top / NAME).write_text(text, encoding="utf-8")
    return text


def sbom_inputs(directory: Path) -> tuple[PythonJson, Making]:
    """Return what the SBOM of that distribution is made from."""
    top = directory / "out/python"
    document = read_python_json((top / "PYTHON.json").read_text("utf-8"))
    packages = bundled_packages(top, document.python_stdlib)
    trees = {"openssl": directory / "openssl"}
    recipe = make_recipe(directory / "recipe")
    origins = attribute(top, document, directory / "cpython", trees, packages, recipe)
    return document, Making(
        epoch=1700000000,
        origins=origins,
        packages=packages,
        patches={"openssl": (PATCH,)},
        addresses={"openssl": ("https://example.org/snapshot/openssl-1.2.tar.gz",)},
        needs={"openssl": ("cpython",)},
        products={"openssl": "openssl:openssl"},
        locks={"build": make_lock("build", "clang-22", "make"), "sysroot": make_lock("sysroot", "libc6-dev", "libc6")},
    )
