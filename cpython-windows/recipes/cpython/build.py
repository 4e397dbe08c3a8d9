"""CPython: PCbuild, which was edited by an earlier step, built by build.bat, and laid out by CPython's own PC/layout.

    BUILD_OPTIONS   noopt or pgo, with static+ before it for a pythonXY.lib instead of the DLL
    WITHOUT_TESTS, WITHOUT_TK   yes: what is not built

Leaves in $OUT the installation (install/) and what it was linked from (build/, by collect.py).
"""

import json
import os
import shutil
import sys
from pathlib import Path

from collect import collect
from toolbox import BUILD, OUT, TOOLS, fail, run, run_batch

SOURCE = Path.cwd()
EDITED = TOOLS / "pcbuild"
RECORD = "PCbuild/pythonbuild.json"
OPTIONS = os.environ["BUILD_OPTIONS"].split("+")
ARCH_NAME = os.environ["ARCH_NAME"]
#: What the linker and the compiler are told besides what CPython's projects say: nothing of this machine or of today,
#: and no directory of debug information.
LINKER, COMPILER = "/Brepro /PDBALTPATH:%_PDB%", "/Brepro"


def lay_over() -> "dict":
    """Replace CPython's projects by the edited ones; return what the edit says of itself."""
    record = json.loads((EDITED / RECORD).read_text(encoding="utf-8"))
    for name, digest in record["files"].items():
        if digest:
            shutil.copyfile(EDITED / name, SOURCE / name)
        else:
            (SOURCE / name).unlink()
    shutil.copyfile(EDITED / RECORD, SOURCE / RECORD)
    return record["description"]


def properties(description: "dict") -> "list[str]":
    """Return what MSBuild is given, each between quotation marks as cmd wants it."""
    places = {
        "PythonBuildDependencies": TOOLS / "deps",
        "sqlite3Dir": TOOLS / "sqlite",
        "mpdecimalDir": TOOLS / "mpdecimal",
        "tcltkDir": TOOLS / "tcltk" / ARCH_NAME,
    }
    # Without the second, _tkinter would have the directory of Tcl compiled in.
    words = ['"/p:IncludeExternals=true"', '"/p:BuildForRelease=true"']
    words += (f'"/p:{switch}=false"' for switch in switched_off())
    for name in sorted(description["properties"]):
        if name not in places:
            fail(f"the projects want the property {name}, which this recipe does not know")
        place = str(places[name])
        # It has to end with a backslash, which has to be doubled before a quotation mark.
        place += "\\\\" if name == "tcltkDir" and os.name == "nt" else os.sep * (name == "tcltkDir")
        if not (name == "tcltkDir" and "IncludeTkinter" in switched_off()):
            words.append(f'"/p:{name}={place}"')
    return words


def switched_off() -> "list[str]":
    """Return the properties of pcbuild.proj that leave something out."""
    names = ["IncludeTests"] if os.environ["WITHOUT_TESTS"] == "yes" else []
    return [*names, *(["IncludeTkinter"] if os.environ["WITHOUT_TK"] == "yes" or "static" in OPTIONS else [])]


def lay_out(description: "dict", built: Path) -> None:
    """Run CPython's own tool that makes an installation of a build."""
    major, minor, micro = (int(part) for part in description["version"].split("."))
    hexversion = f"{major:02x}{minor:02x}{micro:02x}f0"
    placeholders = []
    if description["static"]:  # the tool wants the DLLs, and whoever loads pythonXY.lib has none
        for name in (f"python{major}{minor}.dll", f"python{major}.dll"):
            if not (built / name).exists():
                (built / name).touch()
                placeholders.append(name)
    # Of the standard library, what a build leaves out is taken out by a step after this one.
    wanted = ("dev", "symbols", "stable", "venv", "pip", "tests", "tcltk", "idle")
    install = OUT / "install"
    run(sys.executable, "PC/layout", "--source", SOURCE, "--build", built, "--arch", ARCH_NAME, "--copy", install,
        "--temp", BUILD / "layout", *(f"--include-{name}" for name in wanted), cwd=SOURCE,
        extra={"PYTHON_HEXVERSION": hexversion})  # fmt: skip
    for name in placeholders:
        (install / name).unlink()
    (install / "Scripts").mkdir()  # where pip puts programs; the interpreter names it among its directories
    if not (install / "Lib/site-packages/pip").is_dir():
        fail("PC/layout left no pip in Lib/site-packages")


def main() -> None:
    description = lay_over()
    configuration = "PGUpdate" if "pgo" in OPTIONS else "Release"
    run_batch(
        "PCbuild\\build.bat", "-E", "-p", description["platform"],
        *(["--pgo"] if "pgo" in OPTIONS else ["-c", "Release"]),
        *properties(description), cwd=SOURCE,
        # PCbuild looks for a Python that it may use, and would fetch one. MSBuild leaves processes for the next build,
        # which keep this one's directory from being removed.
        extra={"PYTHON_FOR_BUILD": sys.executable, "LINK": LINKER, "CL": COMPILER, "MSBUILDDISABLENODEREUSE": "1"},
    )  # fmt: skip
    built = SOURCE / "PCbuild" / ARCH_NAME
    collect(SOURCE, built, description, configuration, OUT / "build")
    lay_out(description, built)


main()
