"""A tiny CPython source tree, in the formats of CPython's own files."""

from __future__ import annotations

import tarfile
from pathlib import Path

PATCHLEVEL = '#define PY_MAJOR_VERSION 3\n#define PY_VERSION  "3.13.9"\n'

CONFIG = """
extern PyObject* PyMarshal_Init(void);
/* -- ADDMODULE MARKER 1 -- */
struct _inittab _PyImport_Inittab[] = {
/* -- ADDMODULE MARKER 2 -- */
    {"marshal", PyMarshal_Init},
    {"sys", NULL},
    {0, 0}
};
"""

BOOTSTRAP = """*static*
# needed to start
posix posixmodule.c
_io _io/_iomodule.c _io/iobase.c
@MODULE_PWD_TRUE@pwd pwdmodule.c
"""

STDLIB = """# comment
*@MODULE_BUILDTYPE@*
@MODULE_ARRAY_TRUE@array arraymodule.c
@MODULE__CTYPES_TRUE@_ctypes _ctypes/_ctypes.c \\
   _ctypes/cfield.c @MODULE__CTYPES_MALLOC_CLOSURE@
#@MODULE_READLINE_TRUE@readline readline.c   # trailing remark
@MODULE__GDBM_TRUE@_gdbm _gdbmmodule.c
@MODULE__SCPROXY_TRUE@_scproxy _scproxy.c
*shared*
@MODULE__TESTCAPI_TRUE@_testcapi _testcapimodule.c _testcapi/unicode.c
"""

SETUP = """DESTLIB=$(LIBDEST)
#example examplemodule.c
xxsubtype xxsubtype.c  # Required
"""

MODULES = """
substitutions: {MODULE__CTYPES_MALLOC_CLOSURE: ""}
modules:
  marshal: {core_since: "3.11"}
  sys: {core_since: "3.11"}
  posix: {required_since: "3.11"}
  _io: {required_since: "3.11"}
  pwd: {required_since: "3.11"}
  array: {}
  old: {until: "3.12"}
  _ctypes: {needs: [libffi], libraries: [ffi]}
  readline:
    needs: [libedit]
    overrides:
      - {until: "3.11", flags: "-DOLD"}
      - {since: "3.13", flags: "-DUSE_LIBEDIT -ledit"}
  _gdbm: {linkage: omitted, reason: "GPL 3", needs: [gdbm]}
  _scproxy: {system: macos}
  _testcapi: {linkage: shared}
  xxsubtype: {linkage: shared}
"""

FILES = {
    "Include/patchlevel.h": PATCHLEVEL,
    "Modules/config.c.in": CONFIG,
    "Modules/Setup.bootstrap.in": BOOTSTRAP,
    "Modules/Setup.stdlib.in": STDLIB,
    "Modules/Setup": SETUP,
}


def make_directory(directory: Path, **changed: str) -> Path:
    """Write the tree; ``changed`` replaces files by the last part of their name (``Setup``, ``stdlib``, ``config``)."""
    for name, text in FILES.items():
        path = directory / "Python-3.13.9" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        short = {"patchlevel.h": "patchlevel", "config.c.in": "config", "Setup.bootstrap.in": "bootstrap",
                 "Setup.stdlib.in": "stdlib", "Setup": "setup"}[path.name]  # fmt: skip
        path.write_text(changed.get(short, text))
    return directory / "Python-3.13.9"


def make_archive(directory: Path, **changed: str) -> Path:
    tree = make_directory(directory, **changed)
    archive = directory / "Python-3.13.9.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        tar.add(tree, tree.name)
    return archive


def make_modules(directory: Path, text: str = MODULES) -> Path:
    path = directory / "extension-modules.yml"
    path.write_text(text)
    return path
