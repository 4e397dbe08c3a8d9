"""Writes an archive again with PYTHON.json in another format.

From format 0 to 7 and 8, and between these two. Back to format 0 there is no way: the sources, the toolchain and the
oldest C library stand in no other format. Everything comes out of the archive, which is streamed through; nothing of it
is run, so it may be for any target. All other members stay as they are, with owner, modes and times as this project
writes them, and the new archive has the name and the bytes that a build in that format gives.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from pythonbuild.distribution.archive import (
    METADATA,
    TOP,
    ArchiveError,
    Member,
    Packed,
    read_members,
    read_metadata,
    write_archive,
)
from pythonbuild.distribution.later_json import FORMATS, FormatError, between_later, format_of, plain_text, to_later
from pythonbuild.distribution.names import ArchiveName
from pythonbuild.distribution.output import output_directory
from pythonbuild.distribution.python_json import FORMAT_VERSION, named_paths, read_python_json
from pythonbuild.distribution.schemas import problems
from pythonbuild.engine.trees import DIRECTORY, Entry, Tree


def convert(archive: Path, version: str, output: Path, *, threads: int = 0) -> Packed:
    """Write ``archive`` into the directory ``output`` with its description in format ``version``.

    Raises FormatError for what cannot be converted, ArchiveError for what is no whole archive, OutputError. Nothing is
    left in ``output`` then.
    """
    text = convert_description(read_metadata(archive), version, f"{archive}: {METADATA}")
    plain = json.loads(text)
    entries: dict[str, Entry] = {TOP: DIRECTORY}
    with output_directory(output):
        beside = output / f".convert-{os.getpid()}.tar.zst"
        try:
            packed = write_archive(beside, _members(archive, text.encode(), entries), threads=threads)
            _check_paths(archive, plain, entries)
            name = ArchiveName(plain["python_version"], plain["target_triple"],
                               plain.get("build_options") or plain["optimizations"], "full", "zst",
                               digest=Tree(entries).digest[:12])  # fmt: skip
            beside.replace(output / str(name))
        finally:
            beside.unlink(missing_ok=True)
    return replace(packed, path=output / str(name))


def convert_description(text: str, version: str, where: str) -> str:
    """Return a PYTHON.json in another format. Raises JsonFormatError and FormatError."""
    found = format_of(text, where)
    known = " or ".join(f'"{name}"' for name in FORMATS)
    if found not in FORMATS:
        raise FormatError(f"{where}: version", found=repr(found), expected=known)
    if found == version:
        raise FormatError(f"{where}: nothing to convert", found=f"format {version} already",
                          advice="name another one with --python-json")  # fmt: skip
    if version == FORMAT_VERSION:
        raise FormatError(f"{where}: cannot be written in format {version}", found=f"format {found}",
                          expected="what only format 0 says: sources, toolchain, C library",
                          advice="build it, or take the archive that this one was made from")  # fmt: skip
    if found == FORMAT_VERSION:
        new = to_later(read_python_json(text, where), version).to_text()
    else:
        _refuse(where, json.loads(text), found)
        new = plain_text(between_later(json.loads(text), version))
    _refuse(where, json.loads(new), version)
    return new


def _refuse(where: str, plain: object, version: str) -> None:
    """Refuse a description that is not what its format wants."""
    if problem := next(problems(plain, version), None):
        raise FormatError(f"{where}: not format {version}", found=problem)


def _members(
    archive: Path, text: bytes, entries: dict[str, Entry]
) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Yield the members of the new archive; what they are is put into ``entries`` when they have been read."""
    mtime = 0
    for member in read_members(archive):
        if member.name == METADATA:
            mtime = int(member.info.mtime)
            content = cast(IO[bytes], BytesIO(text))
        else:
            content = cast(IO[bytes], member.content)
        info = _normalised(archive, member, mtime)
        if not info.isreg():
            entries[info.name] = Entry("l", info.linkname) if info.issym() else DIRECTORY
            yield info, None
            continue
        info.size = len(text) if member.name == METADATA else info.size
        hashed = _Hashed(content)
        yield info, cast(IO[bytes], hashed)
        entries[info.name] = Entry("x" if info.mode & 0o111 else "f", hashed.sha256.hexdigest(), info.size)


class _Hashed:
    """A member's content, hashed on its way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self.sha256.update(data)
        return data


def _normalised(archive: Path, member: Member, mtime: int) -> tarfile.TarInfo:
    """Return a member's header as this project writes it."""
    old, parts = member.info, PurePosixPath(member.name).parts
    if len(parts) < 2 or parts[0] != TOP or ".." in parts:
        raise ArchiveError(f"{archive}: unexpected member", found=member.name, expected=f"paths below {TOP}/ only")
    info = tarfile.TarInfo(member.name.rstrip("/"))
    info.uname = info.gname = "root"
    info.mtime, info.size = mtime, old.size
    if old.isreg():
        info.mode = 0o755 if old.mode & 0o111 else 0o644
    elif old.isdir():
        info.type, info.mode, info.size = tarfile.DIRTYPE, 0o755, 0
    elif old.issym():
        info.type, info.mode, info.linkname = tarfile.SYMTYPE, 0o777, old.linkname
    else:
        raise ArchiveError(f"{archive}: unexpected kind of member", found=member.name,
                           expected="files, directories and symbolic links")  # fmt: skip
    return info


def _check_paths(archive: Path, plain: dict[str, Any], entries: dict[str, Entry]) -> None:
    """Refuse a description that names what is not in the archive; directories need no member of their own."""
    present = {str(parent) for name in entries for parent in PurePosixPath(name).parents} | entries.keys()
    for key, path in named_paths(plain):
        if f"{TOP}/{path}" not in present:
            raise FormatError(f"{archive}: {key}", found=f"{path}, which is not in the archive")
