"""A program: what an interpreter would say of itself that cannot be run here, told by the build Python.

It is of the same version, and is run with ``PYTHONHOME`` naming the installation and ``_PYTHON_SYSCONFIGDATA_NAME`` its
sysconfig data, as CPython's own make runs it. What is left of the build Python's own is replaced by what that data
says; then ``tell_facts.py``, which lies beside this file, tells what it tells everywhere.
"""

import importlib
import importlib.machinery
import os
import runpy
import sys
from pathlib import Path


def stand_in() -> None:
    """Let this interpreter take itself for the one that was built."""
    data = importlib.import_module(os.environ["_PYTHON_SYSCONFIGDATA_NAME"]).build_time_vars
    sys.abiflags = data["ABIFLAGS"]
    sys.implementation._multiarch = data["MULTIARCH"]  # type: ignore[attr-defined]
    # Python/dynload_shlib.c
    importlib.machinery.EXTENSION_SUFFIXES[:] = [data["EXT_SUFFIX"], ".abi3.so", ".so"]


if __name__ == "__main__":
    stand_in()
    runpy.run_path(str(Path(__file__).with_name("tell_facts.py")), run_name="__main__")
