"""What an archive is by its content: read once, from its first byte to its last, and compared with its name.

A full archive says it in PYTHON.json, in whichever format. Of an installation the version stands in the headers; the
processor, the C library and whether there is debug information in its programs and libraries.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pythonbuild.config.options import DEBUG, FREETHREADED
from pythonbuild.distribution.archive import METADATA, TOP, ArchiveError, Member, read_members
from pythonbuild.distribution.names import ArchiveName, ArchiveNameError, read_name
from pythonbuild.distribution.objectfile import ELF_MAGIC, MACHINES, Elf

_HEADER = re.compile(rf"{TOP}/include/python3\.\d+(?P<flags>[a-z]*)/patchlevel\.h")
_PROGRAM = re.compile(rf"{TOP}/(bin/python3\.\d+[a-z]*|lib/libpython3\.\d+\w*\.so[.\d]*)")
_VERSION = re.compile(r'^#define\s+PY_VERSION\s+"([^"+]+)', re.MULTILINE)
#: Build options that the directory of the headers is named after, by the flag that says so.
_FLAGS = {"t": FREETHREADED, "d": DEBUG}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Identity:
    """What the content says; "" where it says nothing. ``debug_information`` is None where there is no ELF file.

    ``options`` of an installation are known as far as headers tell: ``freethreaded``, ``debug``, both or nothing.
    """

    described: bool
    version: str = ""
    triple: str = ""
    options: str = ""
    arch: str = ""
    libc: str = ""
    debug_information: bool | None = None


def identify(path: Path) -> tuple[ArchiveName, str]:
    """Return what an archive's name tells, which its content confirms, and the file's sha256.

    Raises ArchiveNameError when the two disagree, ArchiveError for what is no whole archive.
    """
    name = read_name(path.name)
    if not path.is_file():
        raise ArchiveError(f"{path}: no such file")
    with path.open("rb") as file:
        if (found := "gz" if file.read(2) == b"\x1f\x8b" else "zst") != name.compression:
            raise ArchiveNameError(f"{path.name}: its name says .{name.compression}", found=f"the format .{found}")
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    identity = read_identity(path)
    for what, said, is_so in _differences(name, identity):
        raise ArchiveNameError(f"{path.name}: its name tells another {what}", found=is_so, expected=said,
                               advice="give it the name that the build gave it")  # fmt: skip
    return name, sha256


def _differences(name: ArchiveName, identity: Identity) -> Iterator[tuple[str, str, str]]:
    """Yield what the name says wrongly: what it is about, what it says, and what is so."""
    full = name.kind == "full"
    if identity.described != full:
        yield "kind", name.kind, "an archive with PYTHON.json" if identity.described else "an archive without it"
    if identity.version != name.version:
        yield "version", name.version, identity.version or "nothing that tells one"
    if full:
        if identity.triple != name.triple:
            yield "target", name.triple, identity.triple
        if identity.options and name.options and identity.options != name.options:
            yield "set of build options", name.options, identity.options
        return
    arch, _, system = name.triple.partition("-")
    if identity.arch and identity.arch != re.sub(r"_v\d$", "", arch):
        yield "processor", arch, identity.arch
    if identity.libc and not system.endswith(identity.libc):
        yield "C library", system, identity.libc
    if "+".join(word for word in _FLAGS.values() if word in name.options.split("+")) != identity.options:
        yield "set of build options", name.options or "a release build", identity.options or "a release build"
    if name.kind == "install_only_stripped" and identity.debug_information:
        yield "kind", name.kind, "debug information"


def read_identity(path: Path) -> Identity:
    """Read an archive to its end. Raises ArchiveError."""
    members = read_members(path)
    first = next(members, None)
    if first is None:
        raise ArchiveError(f"{path}: not an archive of a Python", found="no members")
    if first.name == METADATA and first.content is not None:
        found = _described(path, first.content)
        for _ in members:  # to the end, where the checksum stands
            pass
        return Identity(described=True, **found)
    found = _installed(first, {})
    for member in members:
        found |= _installed(member, found)
    return Identity(described=False, **found)


def _described(path: Path, content: IO[bytes]) -> dict[str, Any]:
    """Return what PYTHON.json says, in any of its formats."""
    try:
        plain = json.loads(content.read())
        texts = [plain.get(key, "") for key in ("python_version", "target_triple", "build_options")]
    except (ValueError, AttributeError, RecursionError) as error:
        raise ArchiveError(f"{path}: {METADATA} is not a JSON object", found=error) from error
    options = texts[2] or plain.get("optimizations", "")
    return {"version": str(texts[0]), "triple": str(texts[1]), "options": str(options)}


def _installed(member: Member, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what one member of an installation tells."""
    if member.content is None:
        return {}
    if header := _HEADER.fullmatch(member.name):
        version = _VERSION.search(member.content.read().decode("utf-8", "replace"))
        options = "+".join(word for flag, word in _FLAGS.items() if flag in header["flags"])
        return {"version": version[1] if version else "", "options": options}
    if not _PROGRAM.fullmatch(member.name):
        return {}
    data = member.content.read()
    if not data.startswith(ELF_MAGIC):  # a shell script, or a program of another system
        return {}
    elf = Elf(data, member.name)
    arch = next((arch for arch, number in MACHINES.items() if number == elf.machine), f"ELF machine {elf.machine}")
    loader = elf.interpreter().rpartition("/")[2]
    libc = "musl" if "musl" in loader else "gnu" if loader.startswith("ld") else known.get("libc", "")
    debug = elf.has_debug_information() or known.get("debug_information", False)
    return {"arch": known.get("arch", arch), "libc": libc, "debug_information": debug}
