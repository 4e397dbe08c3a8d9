"""The interpreter and its tools: where it stands, what it says of itself, venv, pip."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import zipfile
from pathlib import Path

from .table import PLACE, UNIX, WINDOWS, Skip, argv, program_of, python, run, tree, works

#: Directories of the build that nothing in the installation may name.
BUILD_PATHS = ("/tools/", "/build/src", "/out/")
#: Where steps run on the machine itself: below the cache, in a directory with the step's name and some digits.
STEP_PATH = re.compile(r"/work/[\w.+\-]{1,80}-[0-9a-f]{12}/")


@works("where it stands")
def prefix() -> None:
    assert Path(sys.prefix).resolve() == tree(), sys.prefix
    assert Path(sys.exec_prefix).resolve() == tree(), sys.exec_prefix
    assert Path(sysconfig.get_path("stdlib")).resolve().is_relative_to(tree()), sysconfig.get_path("stdlib")
    assert (Path(sysconfig.get_path("include")) / "Python.h").is_file(), sysconfig.get_path("include")


@works("sysconfig names no path of the build", on=UNIX)
def sysconfig_is_clean() -> None:
    # Where the tree stands now is no path of the build, though it may be a directory of a step as well.
    told = {key: f"{value}/".replace(sys.prefix, "") for key, value in sysconfig.get_config_vars().items()}
    wrong = [f"{key}={value[:-1]}" for key, value in told.items()
             if any(path in value for path in BUILD_PATHS) or STEP_PATH.search(value)]  # fmt: skip
    assert not wrong, "; ".join(wrong)


@works("sysconfig names no path of the build", on=(WINDOWS,))
def sysconfig_stays_inside() -> None:
    # The user's own place for packages is at home.
    places = (tree(), Path(os.environ["APPDATA"]).resolve())
    paths = {key: Path(value) for key, value in sysconfig.get_config_vars().items() if isinstance(value, str)}
    wrong = [f"{key}={path}" for key, path in paths.items()
             if path.is_absolute() and not any(path.resolve().is_relative_to(place) for place in places)]  # fmt: skip
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
        code = "import sys, encodings; print(sys.prefix, sys.base_prefix, sep='\\n')"
        environment = {**os.environ, **(_shipped_libraries() if kind == "--copies" else {})}
        output = run(argv("-I", "-c", code, program=program_of(directory, "python")), env=environment)
        found = [Path(path).resolve() for path in output.splitlines()]
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
    pip = ("-I", "-m", "pip", "install", "--quiet", "--no-index", str(wheel))
    run(argv(*pip, program=program_of(directory, "python")))
    # Its first line (Windows: its end) names the environment's interpreter, whose path has blanks in it here.
    assert run([str(program_of(directory, "greet"))]) == "hello\n"
