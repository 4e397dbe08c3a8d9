"""Writes one Mach-O file for several processors out of one for each, as Apple's ``lipo -create`` does.

What goes in stays as it is: a slice keeps its signature, whose hashes count from the slice's own beginning. Static
libraries are joined as a whole; their processor is that of the objects in them. The layout is that of ``fat.h``.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from pythonbuild.distribution.machofile import is_macho_content, object_kinds
from pythonbuild.distribution.objectfile import LIBRARY_MAGIC, ObjectFileError, library_members

#: Slices begin at pages of 16 KiB: those of arm64 have to, and no processor has larger ones.
_ALIGNMENT = 14
_MAGIC, _MOST = 0xCAFEBABE, 1 << 32
#: Apple's numbers of the processors; the subtype is that of every processor of the kind.
_CPUS = {"x86_64": (0x01000007, 3), "arm64": (0x0100000C, 0)}


def is_joinable(data: bytes) -> bool:
    """Tell whether a file has code for one processor or more: a Mach-O file, or a static library."""
    return is_macho_content(data[:8]) or data.startswith(LIBRARY_MAGIC)


def join(slices: Sequence[bytes], where: str) -> bytes:
    """Return the universal file; ``where`` names it in errors.

    Raises ObjectFileError for files that are universal already, of other processors, of the same one, or of kinds that
    differ.
    """
    found = [(*_processor(data, where), data) for data in slices]
    kinds = {kind for _arch, kind, _data in found}
    arches = [arch for arch, _kind, _data in found]
    if len(kinds) > 1 or len(set(arches)) < len(arches):
        told = ", ".join(f"{kind} for {arch}" for arch, kind, _data in found)
        raise ObjectFileError(f"{where}: cannot become one file for several processors", found=told,
                              expected="the same kind of file, each for another processor")  # fmt: skip
    ordered = sorted(found, key=lambda item: list(_CPUS).index(item[0]))
    header, body = struct.pack(">II", _MAGIC, len(ordered)), bytearray()
    start = _aligned(8 + 20 * len(ordered))
    for arch, _kind, data in ordered:
        offset = start + _aligned(len(body))
        header += struct.pack(">5I", *_CPUS[arch], offset, len(data), _ALIGNMENT)
        body += b"\0" * (offset - start - len(body)) + data
    if start + len(body) >= _MOST:
        raise ObjectFileError(f"{where}: too large for a universal file", found=f"{start + len(body)} bytes")
    return header + b"\0" * (start - len(header)) + bytes(body)


def _aligned(size: int) -> int:
    return -(-size >> _ALIGNMENT) << _ALIGNMENT


def _processor(data: bytes, where: str) -> tuple[str, str]:
    """Return the processor of a file for one, and what kind of file it is."""
    if data.startswith(LIBRARY_MAGIC):
        arches = {arch for name, content in library_members(data, where)
                  for arch, _kind in object_kinds(content, f"{where}({name})")}  # fmt: skip
        kind = "a static library"
    else:
        pairs = object_kinds(data, where)
        arches, kind = {arch for arch, _kind in pairs}, f"Mach-O of kind {pairs[0][1]}"
    if len(arches) != 1 or not arches <= _CPUS.keys():
        raise ObjectFileError(f"{where}: not for one processor", found=", ".join(sorted(arches)) or "none",
                              expected=f"one of {', '.join(_CPUS)}")  # fmt: skip
    return arches.pop(), kind
