"""bzip2: by its own makefile for nmake, which makes the library alone."""

from pathlib import Path

from toolbox import DEPENDENCIES, install, replace, run

HERE = Path.cwd()

replace(HERE / "makefile.msc", {"-nologo": "-nologo -Brepro", "lib /out:": "lib /nologo /Brepro /out:"})
run("nmake", "-nologo", "-f", "makefile.msc", "lib")
install([HERE / "libbz2.lib"], DEPENDENCIES / "lib")
install([HERE / "bzlib.h"], DEPENDENCIES / "include")
