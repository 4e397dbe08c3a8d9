"""Tcl and Tk for Windows, as CPython's own installers have them: for the project of _tkinter, and by the places that an
installation has them at, by which the SBOM tells where its files are from.
"""

import os
import shutil
from pathlib import Path

from toolbox import DEPENDENCIES, install, keep_source

OWN = Path.cwd() / os.environ["ARCH_NAME"]

keep_source("tcltk", f"{OWN.name}/include/tcl.h")
install(sorted((OWN / "bin").glob("*.dll")), DEPENDENCIES / "DLLs")
shutil.copytree(OWN / "lib", DEPENDENCIES / "tcl")
