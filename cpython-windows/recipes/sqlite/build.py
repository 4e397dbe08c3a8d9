"""SQLite: its amalgamation, one C file of all sources, which CPython's own project compiles.

Its makefile makes it, by a small Tcl of SQLite's own (jimsh), which came with 3.48.
"""

from pathlib import Path

from toolbox import OUT, fail, install, run

HERE = Path.cwd()
FILES = ("sqlite3.c", "sqlite3.h", "sqlite3ext.h")

if not (HERE / "autosetup/jimsh0.c").is_file():
    fail("this SQLite needs a tclsh to make its amalgamation; take 3.48 or newer, which brings one")
run("nmake", "-nologo", "-f", "Makefile.msc", "TOP=.", *FILES)
install([HERE / name for name in FILES], OUT / "tools/sqlite")
