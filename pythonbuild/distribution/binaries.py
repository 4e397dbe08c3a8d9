"""What the programs and libraries of an installation tell of themselves, in the words of PYTHON.json's later formats.

The interpreter need not run for this: the newest version of glibc's symbols that anything asks for, and whether the
interpreter's own symbols can be seen by the extension modules that it loads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from pythonbuild.distribution.objectfile import Dynamic, Elf, is_elf
from pythonbuild.errors import DistributionError

#: The symbol that stands for all of the interpreter's own.
_API_SYMBOL = "Py_BytesMain"
_GLIBC_VERSION = re.compile(r"GLIBC_(\d+(?:\.\d+)+)")


def crt_features(install: Path) -> tuple[str, ...]:
    """Return what the installation's programs and libraries ask of the C library: ``crt_features``."""
    paths = (path for path in sorted(install.rglob("*")) if path.suffix not in (".a", ".o"))
    files = (path for path in paths if path.is_file() and not path.is_symlink() and is_elf(path))
    return features_of(Elf(path.read_bytes(), path.name).dynamic() for path in files)


def features_of(files: Iterable[Dynamic | None]) -> tuple[str, ...]:
    """Return ``crt_features`` for what the files tell the dynamic loader (None: nothing, they are static)."""
    known = [file for file in files if file is not None]
    if not known:
        return ("static",)
    names = {version for file in known for versions in file.versions.values() for version in versions}
    versions = {tuple(map(int, match[1].split("."))) for name in names if (match := _GLIBC_VERSION.fullmatch(name))}
    if not versions:
        return ()
    return ("glibc-dynamic", f"glibc-max-symbol-version:{'.'.join(map(str, max(versions)))}")


def symbol_visibility(interpreter: Path) -> str:
    """Return ``python_symbol_visibility`` of an ELF interpreter. Raises DistributionError where it shows no symbols."""
    dynamic = Elf(interpreter.read_bytes(), interpreter.name).dynamic()
    if dynamic is None or _API_SYMBOL not in dynamic.exported:
        raise DistributionError(f"{interpreter}: extension modules could not use it", found=f"no symbol {_API_SYMBOL}",
                                expected="one that others can bind to")  # fmt: skip
    return "global-default"
