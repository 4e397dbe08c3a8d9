"""The archives for whoever only installs: derived from a full distribution, which stays the one that is built.

``install_only`` is what lies in ``python/install``, directly below ``python/``, as the ecosystem's tools expect it::

    python/bin  python/include  python/lib  python/share
    python/share/licenses/python3.13/LICENSE.<source>.txt

and for Windows as PC/layout lays it out (``python.exe``, ``DLLs``, ``Lib``, ``include``, ``libs``, ``tcl``),

without what only serves the tests of CPython itself, and without static libraries. The licence texts travel with the
installation, in the folder that distributions keep such texts in; a directory beside ``bin`` would land in the root of
whatever the archive is unpacked over. Nothing has to be rewritten: all that an installation says of its own place is
relative to ``python/install``, which has become ``python``.

``install_only_stripped`` has no debug information in its programs and libraries. Symbol tables stay: profilers, crash
reports and debuggers name functions by them, and they are all that is left to find them by. So does the unwind table,
which is loaded memory. On Windows debug information is in files of its own (``.pdb``), which are left out.
"""

from __future__ import annotations

import fnmatch
import json
import os
from collections.abc import Iterator
from pathlib import Path

from pythonbuild.distribution import machofile
from pythonbuild.distribution.archive import METADATA, TOP
from pythonbuild.distribution.assemble import link_or_copy, place_file
from pythonbuild.distribution.machofile import is_macho
from pythonbuild.distribution.objectfile import Elf, is_elf
from pythonbuild.errors import DistributionError

#: Directories of the standard library that hold nothing but CPython's tests, those of every series.
TEST_PACKAGES = (
    "ctypes/test", "distutils/tests", "distutils/command/tests", "idlelib/idle_test", "lib2to3/tests", "sqlite3/test",
    "test", "tkinter/test", "unittest/test",
)  # fmt: skip
#: Extension modules that only these tests import; the last three are examples that are built for them.
TEST_MODULES = ("_ctypes_test", "_test*", "_xxtestfuzz", "xxlimited", "xxlimited_35", "xxsubtype")
#: What the standard library is called on Windows; extension modules are beside it, in DLLs.
WINDOWS_STDLIB = "Lib"
#: What else is left out, by patterns of paths in the installation (a ``*`` stands for slashes, too).
_STATIC_LIBRARIES = "lib/*.a"


def make_installation(tree: Path, out: Path) -> None:
    """Make ``out``/python, the installation of the full distribution ``tree``/python; its files are hard links.

    Raises DistributionError when ``tree`` holds something else.
    """
    install, top = tree / TOP / "install", out / TOP
    stdlib = _stdlib(tree, install)
    for path in _kept(install, stdlib):
        target = top / path.relative_to(install)
        if path.is_dir() and not path.is_symlink():
            target.mkdir(parents=True)
        else:
            link_or_copy(str(path), str(target))
    series = stdlib.name if stdlib.name != WINDOWS_STDLIB else _series(tree)
    for text in sorted((tree / TOP / "licenses").iterdir()):
        place_file(text, top / "share/licenses" / series / text.name)


def _stdlib(tree: Path, install: Path) -> Path:
    found = [path.parent for place in ("lib/python3.*/os.py", "Lib/os.py") for path in install.glob(place)]
    if len(found) != 1 or not (tree / METADATA).is_file():
        raise DistributionError(f"{tree}: not a full distribution", expected=f"{METADATA} and one standard library")
    return found[0]


def _series(tree: Path) -> str:
    """Return the name that a standard library has on other systems, where Windows calls it Lib."""
    return f"python{json.loads((tree / METADATA).read_text('utf-8'))['python_major_minor_version']}"


def _kept(install: Path, stdlib: Path) -> Iterator[Path]:
    """Yield what belongs into the installation, directories before what is in them."""
    for directory, subdirectories, files in os.walk(install):
        here = Path(directory)
        subdirectories[:] = sorted(name for name in subdirectories if not _left_out(here / name, install, stdlib))
        yield here
        yield from (here / name for name in sorted(files) if not _left_out(here / name, install, stdlib))
        yield from (here / name for name in subdirectories if (here / name).is_symlink())


def _left_out(path: Path, install: Path, stdlib: Path) -> bool:
    place = path.relative_to(install)
    if fnmatch.fnmatchcase(place.as_posix(), _STATIC_LIBRARIES):
        return True
    if place.parent.name == "DLLs":
        return any(fnmatch.fnmatchcase(place.name.split(".")[0], pattern) for pattern in TEST_MODULES)
    if not path.is_relative_to(stdlib):
        return False
    name = path.relative_to(stdlib).as_posix()
    module = path.name.split(".")[0]
    return name in TEST_PACKAGES or (
        path.parent.name == "lib-dynload" and any(fnmatch.fnmatchcase(module, pattern) for pattern in TEST_MODULES)
    )


def with_debug_information(tree: Path) -> list[Path]:
    """Return the installed programs and libraries that have debug information, sorted."""
    return sorted(
        path
        for path in (tree / TOP).rglob("*")
        if path.is_file() and not path.is_symlink() and _has_debug_information(path)
    )  # fmt: skip


def _has_debug_information(path: Path) -> bool:
    if is_elf(path):
        return Elf(path.read_bytes(), str(path)).has_debug_information()
    return is_macho(path) and machofile.has_debug_information(path.read_bytes(), str(path))
