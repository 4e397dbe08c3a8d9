"""Compiles a small extension by what sysconfig says, imports it, prints what it returns."""

from __future__ import annotations

import importlib
import pathlib
import shlex
import subprocess
import sys
import sysconfig

SOURCE = """
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *answer(PyObject *module, PyObject *unused) { return PyLong_FromLong(42); }

static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, "What else."}, {NULL}};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "byhand", NULL, -1, methods};

PyMODINIT_FUNC PyInit_byhand(void) { return PyModule_Create(&module); }
"""


def main(tree: str) -> None:
    pathlib.Path("byhand.c").write_text(SOURCE)
    # Never split: a directory may have blanks in its name. The rest are command lines.
    include = sysconfig.get_paths()["include"]
    assert include.startswith(tree + "/"), include
    commands = {name: shlex.split(sysconfig.get_config_var(name)) for name in ("CC", "CFLAGS", "CCSHARED", "LDSHARED")}
    library = "byhand" + sysconfig.get_config_var("EXT_SUFFIX")
    for command in (
        [*commands["CC"], *commands["CFLAGS"], *commands["CCSHARED"], "-Werror", f"-I{include}", "-c", "byhand.c"],
        [*commands["LDSHARED"], "byhand.o", "-o", library],
        [sysconfig.get_config_var("AR"), "rc", "libbyhand.a", "byhand.o"],
    ):
        subprocess.run(command, check=True)
    sys.path.insert(0, str(pathlib.Path.cwd()))
    print(importlib.import_module("byhand").answer())


if __name__ == "__main__":
    main(sys.argv[1])
