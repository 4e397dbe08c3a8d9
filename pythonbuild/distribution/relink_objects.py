"""For which processor an object or a program is, in words that can be compared, whatever its format."""

from __future__ import annotations

from pathlib import Path

from pythonbuild.distribution.machofile import is_macho, object_kinds
from pythonbuild.distribution.objectfile import Elf, is_elf


def is_object(path: Path) -> bool:
    """Tell whether a file begins like an object or a program."""
    return is_elf(path) or is_macho(path)


def machine_of(path: Path) -> str:
    """Return what an object or a program is for. Raises ObjectFileError for anything else."""
    data = path.read_bytes()
    if is_macho(path):
        return f"Mach-O processor {'+'.join(arch for arch, _ in object_kinds(data, str(path)))}"
    return f"ELF machine {Elf(data, str(path)).machine}"
