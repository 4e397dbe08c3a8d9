"""The target of an archive that does not say it: what its interpreter is, for macOS or Windows.

Archives of the installation alone have no description. Those for Linux are told apart by the checks themselves, which
look for the machine's own target; the rules of other systems are others from the beginning.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

from pythonbuild.distribution.archive import TOP, DamagedArchiveError, read_members
from pythonbuild.distribution.machofile import is_macho_content, object_kinds
from pythonbuild.distribution.objectfile import ObjectFileError
from pythonbuild.distribution.peimage import MACHINES

_INTERPRETER = re.compile(rf"{TOP}/(install/)?(bin/python3\.\d+t?d?|python\.exe)")
_ARCHS = {"x86_64": "x86_64", "arm64": "aarch64"}


def interpreter_triple(archive: Path) -> str:
    """Return the triple that the interpreter of an archive, or of an unpacked one, is for; "" if it cannot be told.

    Raises ArchiveError for what is no archive.
    """
    for content in _interpreters(archive):
        return _triple(content)
    return ""


def _interpreters(archive: Path) -> Iterator[bytes]:
    if archive.is_dir():
        for pattern in ("bin/python3.*", "install/bin/python3.*", "python.exe", "install/python.exe"):
            for path in sorted((archive / TOP).glob(pattern)):
                if _INTERPRETER.fullmatch(path.relative_to(archive).as_posix()) and path.is_file():
                    yield path.read_bytes()
        return
    members = read_members(archive)
    try:
        for member in members:
            if member.content is not None and _INTERPRETER.fullmatch(member.name):
                yield member.content.read()
    except DamagedArchiveError:
        return  # the checks will tell
    finally:
        members.close()


def _triple(content: bytes) -> str:
    if is_macho_content(content[:8]):
        try:
            found = {_ARCHS.get(arch, "") for arch, _ in object_kinds(content, "the interpreter")}
        except ObjectFileError:
            return ""
        arch = found.pop() if len(found) == 1 else "universal2"
        return f"{arch}-apple-darwin" if arch else ""
    if content[:2] == b"MZ":
        try:
            (start,) = struct.unpack_from("<I", content, 0x3C)
            signature, machine = struct.unpack_from("<4sH", content, start)
        except struct.error:
            return ""
        arch = next((arch for arch, number in MACHINES.items() if number == machine), "")
        return f"{arch}-pc-windows-msvc" if arch and signature == b"PE\0\0" else ""
    return ""
