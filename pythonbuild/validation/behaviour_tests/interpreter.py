"""The interpreter and its tools: where it stands, what it says of itself, venv, pip."""

from __future__ import annotations

import os
import sys
import sysconfig
import zipfile
from pathlib import Path

from .table import PLACE, Skip, argv, python, run, works

#: Directories of the build that nothing in the installation may name.
BUILD_PATHS = ("/tools/", "/build/src", "/out/")


@works("where it stands")
def prefix() -> None:
    tree = Path(sys.executable).resolve().parent.parent
    assert Path(sys.prefix).resolve() == tree, sys.prefix
    assert Path(sys.exec_prefix).resolve() == tree, sys.exec_prefix
    assert Path(sysconfig.get_path("stdlib")).resolve().is_relative_to(tree), sysconfig.get_path("stdlib")
    assert (Path(sysconfig.get_path("include")) / "Python.h").is_file(), sysconfig.get_path("include")


@works("sysconfig names no path of the build")
def sysconfig_is_clean() -> None:
    wrong = [f"{key}={value}" for key, value in sysconfig.get_config_vars().items()
             if isinstance(value, str) and any(path in value + "/" for path in BUILD_PATHS)]  # fmt: skip
    assert not wrong, "; ".join(wrong)


@works("pip")
def pip_works() -> None:
    output = python("-I", "-m", "pip", "--version")
    assert output.startswith("pip "), output


@works("venv, with symbolic links and with copies")
def venv_works() -> None:
    for kind in ("--symlinks", "--copies"):
        directory = Path(f"venv{kind}").resolve()
        python("-I", "-m", "venv", kind, "--without-pip", str(directory))
        code = "import sys, encodings; print(sys.prefix, sys.base_prefix)"
        environment = {**os.environ, **(_shipped_libraries() if kind == "--copies" else {})}
        output = run(argv("-I", "-c", code, program=directory / "bin/python"), env=environment)
        found = [Path(path).resolve() for path in output.split()]
        assert found == [directory, Path(sys.prefix).resolve()], f"{kind}: {output}"


def _shipped_libraries() -> dict[str, str]:
    """Return the variable that tells a copied interpreter where the shared libraries are that are shipped beside the
    right one, if any: docs/link-choices.rst says that it has to be told.
    """
    stdlib = Path(sysconfig.get_path("stdlib"))
    if not (stdlib / "link-choices.json").is_file():
        return {}
    places = [str(stdlib.parent), os.environ.get("LD_LIBRARY_PATH", "")]
    return {"LD_LIBRARY_PATH": ":".join(filter(None, places))}


@works("ensurepip has its wheel")
def ensurepip_works() -> None:
    assert python("-I", "-m", "ensurepip", "--version").startswith("pip ")


@works("a wheel is installed into an environment with pip, and its program runs", "zlib")
def installed_wheel() -> None:
    if PLACE.emulator:
        raise Skip("pip is Python code, nothing of it depends on the processor, and it would take a minute")
    directory, wheel = Path("env with pip").resolve(), Path("greeting-1.0-py3-none-any.whl").resolve()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("greeting.py", "def main():\n    print('hello')\n")
        info = "greeting-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", "[console_scripts]\ngreet = greeting:main\n")
        archive.writestr(f"{info}/RECORD", "")
    python("-I", "-m", "venv", str(directory))
    run(argv("-I", "-m", "pip", "install", "--quiet", "--no-index", str(wheel), program=directory / "bin/python"))
    # Its first line names the environment's interpreter, whose path has blanks in it here.
    assert run([str(directory / "bin/greet")]) == "hello\n"
