"""Byte-compile the installed library: compile_library.py DIRECTORY INSTALLED_DIRECTORY

Run by the interpreter that was built. One process and a fixed order, because byte code depends on what the process
had interned before; one optimisation level, and neither tests nor what is broken on purpose.

The files are found valid by the hash of the source, because its time stamp is not the same after a copy or in another
archive, and the hash is checked, because an edited source must count (installers edit sysconfig's data, people debug
the standard library). Reading and hashing the source takes 2 to 4 % of an import (docs/performance.rst); a start reads
no file, because what it imports is frozen.
"""

import os
import py_compile
import sys
from pathlib import Path

LEFT_OUT = {"test", "tests", "idle_test", "__pycache__"}


def main() -> None:
    directory, installed = sys.argv[1:]
    for path, folders, files in os.walk(directory):
        folders[:] = sorted(folder for folder in folders if folder not in LEFT_OUT)
        for file in sorted(files):
            if file.endswith(".py"):
                source = str(Path(path) / file)
                try:
                    py_compile.compile(
                        source,
                        dfile=installed + source[len(directory) :],
                        doraise=True,
                        optimize=0,
                        invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH,
                    )
                except py_compile.PyCompileError as error:
                    print(f"{source}: not compiled: {error.exc_value}")  # noqa: T201


main()
