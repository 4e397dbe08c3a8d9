"""What the programs and libraries of an installation tell of themselves, in the words of PYTHON.json's later formats.

The interpreter need not run for this: the newest version of glibc's symbols that anything asks for, and whether the
interpreter's own symbols can be seen by the extension modules that it loads.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from pythonbuild.distribution.bitcode import bitcode_producer
from pythonbuild.distribution.machofile import is_macho, read_slices
from pythonbuild.distribution.objectfile import Dynamic, Elf, is_bitcode, is_elf
from pythonbuild.errors import DistributionError

#: The symbol that stands for all of the interpreter's own.
_API_SYMBOL = "Py_BytesMain"
_GLIBC_VERSION = re.compile(r"GLIBC_(\d+(?:\.\d+)+)")


def crt_features(install: Path) -> tuple[str, ...]:
    """Return what the installation's programs and libraries ask of the C library: ``crt_features``."""
    paths = (path for path in sorted(install.rglob("*")) if path.suffix not in (".a", ".o"))
    files = [path for path in paths if path.is_file() and not path.is_symlink()]
    if any(is_macho(path) for path in files):
        return ("libSystem",)
    return features_of(Elf(path.read_bytes(), path.name).dynamic() for path in files if is_elf(path))


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


def object_format(path: Path) -> str:
    """Return ``object_file_format`` of an object. Bitcode is read by the same LLVM or a newer one: it says which."""
    if is_bitcode(path):
        return f"llvm-bitcode:{bitcode_producer(path.read_bytes(), path.name)}"
    return "mach-o" if is_macho(path) else "elf"


def symbol_visibility(interpreter: Path) -> str:
    """Return ``python_symbol_visibility`` of an interpreter. Raises DistributionError where it shows no symbols."""
    if not all(_API_SYMBOL in names for names in _exported(interpreter)):
        raise DistributionError(f"{interpreter}: extension modules could not use it", found=f"no symbol {_API_SYMBOL}",
                                expected="one that others can bind to")  # fmt: skip
    return "global-default"


def _exported(program: Path) -> list[Collection[str]]:
    """Return the names that a program shows to what it loads, of each of its slices."""
    content = program.read_bytes()
    if is_macho(program):
        return [part.exported for part in read_slices(content, program.name)]
    dynamic = Elf(content, program.name).dynamic()
    return [dynamic.exported if dynamic else ()]
