"""CPython: PCbuild, which was edited by an earlier step, built by build.bat, and laid out by CPython's own PC/layout.

    BUILD_OPTIONS   noopt or pgo, with static+ before it for a pythonXY.lib instead of the DLL, and freethreaded+ before
                    all of it for an interpreter without the GIL, whose files have a t in their names
    WITHOUT_TESTS, WITHOUT_TK   yes: what is not built

Leaves in $OUT the installation (install/) and what it was linked from (build/, by collect.py).
"""

import json
import os
import re
import shutil
import sys
from pathlib import Path

from collect import collect, read_profile
from toolbox import BUILD, OUT, TOOLS, fail, run, run_batch

SOURCE = Path.cwd()
EDITED = TOOLS / "pcbuild"
RECORD = "PCbuild/pythonbuild.json"
OPTIONS = os.environ["BUILD_OPTIONS"].split("+")
ARCH_NAME = os.environ["ARCH_NAME"]
FREETHREADED = "freethreaded" in OPTIONS
#: What of the ABI is in names of files.
ABI_FLAGS = "t" if FREETHREADED else ""
#: What the linker and the compiler are told besides what CPython's projects say: nothing of this machine or of today,
#: and no directory of debug information.
LINKER, COMPILER = "/Brepro /PDBALTPATH:%_PDB%", "/Brepro"
#: So many arguments build.bat gives to MSBuild, and drops what follows.
HANDED_ON = 9


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
        "zlibNgDir": TOOLS / "zlib-ng",
        "zstdDir": TOOLS / "zstd",
    }
    # Without the second, _tkinter would have the directory of Tcl compiled in.
    words = ['"/p:IncludeExternals=true"', '"/p:BuildForRelease=true"']
    words += (f'"/p:{switch}=false"' for switch in switched_off())
    for name in sorted(description["properties"]):
        if name not in places:
            fail(f"the projects want the property {name}, which this recipe does not know")
        place = str(places[name])
        # Some have to end with a backslash, which has to be doubled before a quotation mark.
        if name in ("tcltkDir", "zstdDir"):
            place += "\\\\" if os.name == "nt" else os.sep
        if not (name == "tcltkDir" and "IncludeTkinter" in switched_off()):
            words.append(f'"/p:{name}={place}"')
    # As many as there can be from 3.14 on.
    if len(words) > HANDED_ON:
        fail(f"build.bat hands {HANDED_ON} arguments on to MSBuild, and there are {len(words)}: {' '.join(words)}")
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
        for name in (f"python{major}{minor}{ABI_FLAGS}.dll", f"python{major}{ABI_FLAGS}.dll"):
            if not (built / name).exists():
                (built / name).touch()
                placeholders.append(name)
    # Of the standard library, what a build leaves out is taken out by a step after this one.
    wanted = ["dev", "symbols", "stable", "venv", "pip", "tests", "tcltk", "idle"]
    # Without the second there would be a python3.13t.exe and no python.exe.
    wanted += ["freethreaded", "alias"] if FREETHREADED else []
    install = OUT / "install"
    run(sys.executable, "PC/layout", "--source", SOURCE, "--build", built, "--arch", ARCH_NAME, "--copy", install,
        "--temp", BUILD / "layout", *(f"--include-{name}" for name in wanted), cwd=SOURCE,
        extra={"PYTHON_HEXVERSION": hexversion})  # fmt: skip
    for name in placeholders:
        (install / name).unlink()
    (install / "Scripts").mkdir()  # where pip puts programs; the interpreter names it among its directories
    if not (install / "Lib/site-packages/pip").is_dir():
        fail("PC/layout left no pip in Lib/site-packages")
    if FREETHREADED:
        tell_compilers(install / "include/pyconfig.h")


def tell_compilers(header: Path) -> None:
    """Let whatever is compiled for this interpreter know that it has no GIL.

    Since 3.14 CPython leaves that to who compiles, because both kinds are installed with one header there.
    """
    text = header.read_text(encoding="utf-8")
    if not re.search(r"^\s*#\s*define\s+Py_GIL_DISABLED\b", text, re.MULTILINE):
        own = "/* This interpreter has no GIL. */\n#ifndef Py_GIL_DISABLED\n#define Py_GIL_DISABLED 1\n#endif\n\n"
        header.write_text(own + text, encoding="utf-8", newline="\n")


def main() -> None:
    description = lay_over()
    configuration = "PGUpdate" if "pgo" in OPTIONS else "Release"
    run_batch(
        "PCbuild\\build.bat", "-E", "-p", description["platform"],
        *(["--pgo"] if "pgo" in OPTIONS else ["-c", "Release"]), *(["--disable-gil"] if FREETHREADED else []),
        *properties(description), cwd=SOURCE,
        # PCbuild looks for a Python that it may use, and would fetch one. MSBuild leaves processes for the next build,
        # which keep this one's directory from being removed.
        extra={"PYTHON_FOR_BUILD": sys.executable, "LINK": LINKER, "CL": COMPILER, "MSBUILDDISABLENODEREUSE": "1"},
    )  # fmt: skip
    built = SOURCE / "PCbuild" / ARCH_NAME
    told = {"configuration": configuration, "abi_flags": ABI_FLAGS,
            "training": read_profile(built, description, ABI_FLAGS) if "pgo" in OPTIONS else {}}  # fmt: skip
    collect(SOURCE, built, description, told, OUT / "build")
    lay_out(description, built)


main()
