"""Compiles the modules of a directory whose compiled form is missing or stale. Run by the interpreter: DIRECTORY

compileall would also replace what is checked by its hash or not at all; those are what the distribution chose to ship.
"""

from __future__ import annotations

import importlib.util
import py_compile
import struct
import sys
from pathlib import Path


def is_valid(compiled: bytes, source_time: int, source_size: int) -> bool:
    """Tell whether an interpreter takes a compiled module, from its first 16 bytes."""
    if len(compiled) < 16 or compiled[:4] != importlib.util.MAGIC_NUMBER:
        return False
    flags, time, size = struct.unpack("<3I", compiled[4:16])
    return bool(flags & 1) or (time, size) == (source_time & 0xFFFFFFFF, source_size & 0xFFFFFFFF)


def compile_missing(directory: Path) -> int:
    """Compile what has to be; return how many. Sources that are no Python (templates, tests of syntax) are left."""
    count = 0
    for source in sorted(directory.rglob("*.py")):
        if {"test", "tests"} & set(source.relative_to(directory).parts):
            continue
        compiled, status = Path(importlib.util.cache_from_source(str(source))), source.stat()
        if compiled.exists() and is_valid(compiled.read_bytes()[:16], int(status.st_mtime), status.st_size):
            continue
        try:
            py_compile.compile(str(source), doraise=True)
        except (py_compile.PyCompileError, UnicodeDecodeError, ValueError):
            continue
        count += 1
    return count


if __name__ == "__main__":
    print(compile_missing(Path(sys.argv[1])))
