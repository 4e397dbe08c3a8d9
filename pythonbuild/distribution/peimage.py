"""Reads what the loader of Windows reads of a PE file: headers, sections, imports, exports; and its certificates.

pefile decodes them; what it lets pass because malware does it, and no linker, is refused here. It is Python alone, like
macholib (``machofile.py`` says why that matters), and imported when the first PE file is looked at.

Whatever is not a well-formed file raises :class:`ObjectFileError`.
"""

from __future__ import annotations

import hashlib
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pythonbuild.distribution.objectfile import ObjectFileError

#: Machine numbers of COFF headers by the target's architecture.
MACHINES = {"x86_64": 0x8664, "i686": 0x14C, "aarch64": 0xAA64}
#: Flags of the optional header.
HIGH_ENTROPY_VA, DYNAMIC_BASE, NX_COMPAT, GUARD_CF = 0x20, 0x40, 0x100, 0x4000
#: Flags of the file header.
RELOCS_STRIPPED, DLL = 0x1, 0x2000
GUI, CONSOLE = 2, 3
_EXECUTE, _WRITE = 0x20000000, 0x80000000
_EXPORT, _IMPORT, _SECURITY, _DEBUG, _LOAD_CONFIG, _DELAY_IMPORT = 0, 1, 4, 6, 10, 13
#: Directories whose entries have attributes of these names in pefile.
_PARSED = {_EXPORT: "DIRECTORY_ENTRY_EXPORT", _IMPORT: "DIRECTORY_ENTRY_IMPORT", _DEBUG: "DIRECTORY_ENTRY_DEBUG",
           _LOAD_CONFIG: "DIRECTORY_ENTRY_LOAD_CONFIG", _DELAY_IMPORT: "DIRECTORY_ENTRY_DELAY_IMPORT"}  # fmt: skip
_PE32, _PE32_PLUS = 0x10B, 0x20B
#: WIN_CERTIFICATE: length, revision, type; the entries are aligned to eight bytes.
_CERTIFICATE = struct.Struct("<IHH")
_REVISION, _PKCS7 = 0x200, 2
_SEQUENCE, _LONG_LENGTH = 0x30, 0x82
_HASHES = ("sha1", "sha256", "sha384", "sha512")

#: What pefile raises for files that are damaged in one way or another, besides its own error.
_DAMAGE = (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError, struct.error)


@dataclass(frozen=True)
class PeImage:
    """A program or DLL. ``imports`` are the DLLs that it needs, also those that are loaded at the first call.

    ``flags`` are the optional header's DllCharacteristics. ``writable_code`` names the sections that are writable and
    executable. ``debug_paths`` are the names of the debug information's files, as the linker had them. ``checksum`` is
    what the header says (0: nothing), ``sum`` what it is. ``guarded``: there is a table for control flow guard.
    ``emulation_compatible`` tells ARM64EC, code for arm64 behind a header for x86_64.
    """

    machine: int
    bits: int
    characteristics: int
    flags: int
    subsystem: int
    subsystem_version: tuple[int, int]
    imports: tuple[str, ...]
    exports: frozenset[str]
    debug_paths: tuple[str, ...]
    writable_code: tuple[str, ...]
    checksum: int
    sum: int
    guarded: bool
    emulation_compatible: bool
    signed: bool
    certificate_problems: tuple[str, ...]


def read_image(data: bytes, where: str) -> PeImage:
    """Read a file. ``where`` names it in errors. Raises ObjectFileError."""
    from pefile import PE, PEFormatError

    try:
        pe = PE(data=data, fast_load=True)
        _check_layout(pe, data, where)
        pe.parse_data_directories(list(_PARSED))
        _check_directories(pe, where)
        return _image(pe, data)
    except PEFormatError as error:
        raise ObjectFileError(f"{where}: damaged PE file", found=str(error.value)) from error
    except _DAMAGE as error:
        raise ObjectFileError(f"{where}: damaged PE file", found=str(error) or type(error).__name__) from error


def _damaged(where: str, found: str) -> ObjectFileError:
    return ObjectFileError(f"{where}: damaged PE file", found=found)


def _check_layout(pe: Any, data: bytes, where: str) -> None:
    """Refuse sections that the loader would not map, and sizes that do not belong together."""
    optional, sections = pe.OPTIONAL_HEADER, pe.sections
    alignment, file_alignment = optional.SectionAlignment, optional.FileAlignment
    if optional.Magic not in (_PE32, _PE32_PLUS) or not sections or len(sections) != pe.FILE_HEADER.NumberOfSections:
        raise _damaged(where, f"optional header {optional.Magic:#x} with {len(sections)} sections")
    if any(not number or number & (number - 1) for number in (alignment, file_alignment)):
        raise _damaged(where, f"sections aligned to {alignment}, in the file to {file_alignment}")
    if file_alignment > alignment:
        raise _damaged(where, f"sections aligned to {alignment}, in the file to {file_alignment}")
    end = _round(optional.SizeOfHeaders, alignment)
    for section in sections:
        name = _section_name(section)
        start, size = section.PointerToRawData, section.SizeOfRawData
        if size and start + size > len(data):
            raise _damaged(where, f"the file ends at byte {len(data)}, inside of section {name} (to {start + size})")
        if size and (start % file_alignment or start < optional.SizeOfHeaders):
            raise _damaged(where, f"section {name} begins at byte {start}")
        if section.VirtualAddress != end:
            raise _damaged(where, f"section {name} at address {section.VirtualAddress:#x}, expected {end:#x}")
        end += _round(section.Misc_VirtualSize or size, alignment)
    if optional.SizeOfImage != end:
        raise _damaged(where, f"an image of {optional.SizeOfImage:#x} bytes, whose sections end at {end:#x}")
    entry = optional.AddressOfEntryPoint
    code = next((section for section in sections if section.contains_rva(entry)), None)
    if (entry or not pe.FILE_HEADER.Characteristics & DLL) and not (code and code.Characteristics & _EXECUTE):
        raise _damaged(where, f"it begins to run at address {entry:#x}, where no code is")


def _round(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


def _check_directories(pe: Any, where: str) -> None:
    """Refuse directories that lie outside of the image, and those in which pefile found nothing."""
    for index, directory in enumerate(pe.OPTIONAL_HEADER.DATA_DIRECTORY):
        start, size = directory.VirtualAddress, directory.Size
        name = directory.name.removeprefix("IMAGE_DIRECTORY_ENTRY_").lower()
        if index == _SECURITY or not start:
            continue
        if start + size > pe.OPTIONAL_HEADER.SizeOfImage:
            raise _damaged(where, f"the {name} directory ends at address {start + size:#x}, outside of the image")
        if index in _PARSED and size and not getattr(pe, _PARSED[index], None):
            raise _damaged(where, f"nothing in the {name} directory")


def _section_name(section: Any) -> str:
    return bytes(section.Name).rstrip(b"\0").decode("utf-8", "replace")


def _image(pe: Any, data: bytes) -> PeImage:
    optional = pe.OPTIONAL_HEADER
    exports = pe.DIRECTORY_ENTRY_EXPORT.symbols if hasattr(pe, "DIRECTORY_ENTRY_EXPORT") else ()
    config = getattr(pe, "DIRECTORY_ENTRY_LOAD_CONFIG", None)
    place = _certificates(pe)
    return PeImage(
        machine=pe.FILE_HEADER.Machine,
        bits=64 if optional.Magic == _PE32_PLUS else 32,
        characteristics=pe.FILE_HEADER.Characteristics,
        flags=optional.DllCharacteristics,
        subsystem=optional.Subsystem,
        subsystem_version=(optional.MajorSubsystemVersion, optional.MinorSubsystemVersion),
        imports=tuple(dict.fromkeys(_imports(pe))),
        exports=frozenset(_text(symbol.name) for symbol in exports if symbol.name),
        debug_paths=tuple(_debug_paths(pe)),
        writable_code=tuple(
            _section_name(section) for section in pe.sections
            if section.Characteristics & _WRITE and section.Characteristics & _EXECUTE
        ),
        checksum=optional.CheckSum,
        sum=_sum(data, optional.get_field_absolute_offset("CheckSum")),
        guarded=bool(config and getattr(config.struct, "GuardCFFunctionTable", 0)),
        emulation_compatible=bool(config and getattr(config.struct, "CHPEMetadataPointer", 0)),
        signed=any(place),
        certificate_problems=tuple(_certificate_problems(pe, data, *place)) if any(place) else (),
    )  # fmt: skip


def _text(name: bytes) -> str:
    return name.rstrip(b"\0").decode("utf-8", "replace")


def _imports(pe: Any) -> Iterator[str]:
    for attribute in ("DIRECTORY_ENTRY_IMPORT", "DIRECTORY_ENTRY_DELAY_IMPORT"):
        for entry in getattr(pe, attribute, ()):
            yield _text(entry.dll)


def _debug_paths(pe: Any) -> Iterator[str]:
    for item in getattr(pe, "DIRECTORY_ENTRY_DEBUG", ()):
        path = getattr(item.entry, "PdbFileName", None) if item.entry is not None else None
        if path is not None:
            yield _text(path)


def _sum(data: bytes, place: int) -> int:
    """Return the checksum as ImageHlp computes it: sums of 16-bit words, with the carry, and the file's length.

    pefile's own takes seconds for a DLL of some megabytes.
    """
    content = data[:place] + b"\0\0\0\0" + data[place + 4 :] + b"\0" * (len(data) % 2)
    words = array("H", content)
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total + len(data)


def _certificates(pe: Any) -> tuple[int, int]:
    """Return where the certificates stand: offset in the file, not an address, and size."""
    directories = pe.OPTIONAL_HEADER.DATA_DIRECTORY
    if len(directories) <= _SECURITY:
        return 0, 0
    return directories[_SECURITY].VirtualAddress, directories[_SECURITY].Size


def _certificate_problems(pe: Any, data: bytes, start: int, size: int) -> Iterator[str]:
    """Yield what is wrong with the table of certificates, one line each. Who has signed is not looked at."""
    last = max(section.PointerToRawData + section.SizeOfRawData for section in pe.sections)
    if start < last or start % 8 or start + size > len(data):
        yield f"the certificates are said to be at byte {start} to {start + size} of {len(data)}"
        return
    if start + size != len(data):
        yield f"{len(data) - start - size} bytes follow the certificates"
    digests = _digests(pe, data, start, size)
    position = start
    while position < start + size:
        length, revision, kind = _CERTIFICATE.unpack_from(data, position)
        content = data[position + _CERTIFICATE.size : position + length]
        if length <= _CERTIFICATE.size or position + length > start + size:
            yield f"the certificate at byte {position} has {length} bytes"
            return
        if (revision, kind) != (_REVISION, _PKCS7) or not _is_sequence(content):
            yield f"the certificate at byte {position} is no PKCS #7 message"
        elif not any(digest in content for digest in digests):
            yield "changed after it was signed: the certificate names another hash"
        position += _round(length, 8)


def _is_sequence(content: bytes) -> bool:
    """Tell whether this begins with a DER sequence that ends where the content does, but for the padding."""
    if len(content) < 4 or content[0] != _SEQUENCE or content[1] != _LONG_LENGTH:
        return False
    return 0 <= len(content) - 4 - int.from_bytes(content[2:4], "big") < 8


def _digests(pe: Any, data: bytes, start: int, size: int) -> list[bytes]:
    """Return the file's hashes, as Authenticode takes them: without checksum, and without what says it is signed."""
    checksum = pe.OPTIONAL_HEADER.get_field_absolute_offset("CheckSum")
    entry = pe.OPTIONAL_HEADER.DATA_DIRECTORY[_SECURITY].get_file_offset()
    parts = (data[:checksum], data[checksum + 4 : entry], data[entry + 8 : start], data[start + size :])
    return [hashlib.new(name, b"".join(parts), usedforsecurity=False).digest() for name in _HASHES]
