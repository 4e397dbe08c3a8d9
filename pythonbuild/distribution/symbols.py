"""The names that a linker sees, in objects and static libraries for any system: ELF, Mach-O, COFF or LLVM bitcode."""

from __future__ import annotations

from pathlib import Path

from pythonbuild.distribution.bitcode import bitcode_symbols
from pythonbuild.distribution.cofffile import is_coff, read_coff
from pythonbuild.distribution.machofile import is_macho_content, macho_object_symbols
from pythonbuild.distribution.objectfile import BITCODE_MAGICS, ELF_MAGIC, Elf, ObjectSymbols, library_members


def object_symbols(path: Path) -> ObjectSymbols:
    """Return the global names of one object file. Raises ObjectFileError for what is none."""
    return _symbols(path.read_bytes(), str(path))


def library_symbols(path: Path) -> list[tuple[str, ObjectSymbols]]:
    """Return member names and global names of a static library's objects; members that are no objects are left out."""
    return [
        (name, _symbols(content, f"{path}({name})"))
        for name, content in library_members(path.read_bytes(), str(path))
        if bytes(content[:4]) in (ELF_MAGIC, *BITCODE_MAGICS) or is_macho_content(bytes(content[:8]))
    ]


def _symbols(content: bytes | memoryview, where: str) -> ObjectSymbols:
    if bytes(content[:4]) in BITCODE_MAGICS:
        return bitcode_symbols(content, where)
    if is_macho_content(bytes(content[:8])):
        return macho_object_symbols(content, where)
    if is_coff(content):
        return read_coff(content, where).symbols
    return Elf(content, where).symbols()
