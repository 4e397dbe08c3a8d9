"""The members of an archive, as they stand in it, and their careful unpacking.

A check has to see what an archive holds, and above all what it should not hold: ``distribution.archive.unpack`` stops
at the first member that is wrong, this one notes it, leaves it out and goes on. Nothing is ever written outside the
directory, whatever the names and links say, and no link that leads out of it is made.

A tree that was never packed has members, too, but no order, owners or times.
"""

from __future__ import annotations

import errno
import os
import stat
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pythonbuild.distribution.archive import TOP, DamagedArchiveError, Member, read_members
from pythonbuild.errors import NoSpaceError

_CHUNK = 1 << 20
_KINDS: Mapping[bytes, str] = {
    tarfile.DIRTYPE: "directory", tarfile.SYMTYPE: "symbolic link", tarfile.LNKTYPE: "hard link",
    tarfile.CHRTYPE: "character device", tarfile.BLKTYPE: "block device", tarfile.FIFOTYPE: "named pipe",
}  # fmt: skip
#: Why the second of two members with one path is left out.
DUPLICATE = "is there already"


@dataclass(frozen=True)
class Entry:
    """One member. ``link`` is where a link points to; ``skipped`` says why it was not unpacked."""

    name: str
    kind: str
    mode: int
    link: str = ""
    owner: tuple[int, int, str, str] = (0, 0, "", "")
    mtime: float = 0
    skipped: str = ""


@dataclass(frozen=True)
class Members:
    """All members in their order. ``packed`` tells an archive from a tree; ``problem`` why its end was not reached."""

    entries: tuple[Entry, ...]
    packed: bool
    problem: str = ""


def tree_members(tree: Path) -> Members:
    """Return the members that an archive of ``tree``/python would have."""
    entries = []
    for directory, subdirectories, files in os.walk(tree / TOP):
        for name in (*subdirectories, *files):
            path = Path(directory, name)
            status = path.lstat()
            link = str(path.readlink()) if path.is_symlink() else ""
            entries.append(
                Entry(path.relative_to(tree).as_posix(), _kind(status.st_mode), status.st_mode & 0o7777, link)
            )
    return Members(tuple(sorted(entries, key=lambda entry: entry.name)), packed=False)


def _kind(mode: int) -> str:
    for test, kind in ((stat.S_ISREG, "file"), (stat.S_ISDIR, "directory"), (stat.S_ISLNK, "symbolic link"),
                       (stat.S_ISFIFO, "named pipe"), (stat.S_ISSOCK, "socket")):  # fmt: skip
        if test(mode):
            return kind
    return "device"


def unpack_members(path: Path, directory: Path) -> Members:
    """Unpack an archive into ``directory`` as far as it can be done safely, and return all of its members.

    Raises ArchiveError for what is no archive at all, NoSpaceError when the disk is full.
    """
    entries: list[Entry] = []
    try:
        # Extended by one member at a time: what came before the damage stays.
        entries.extend(_entry(member.info, _unpack(member, directory)) for member in read_members(path))
    except DamagedArchiveError as error:
        return Members(tuple(entries), packed=True, problem=str(error))
    return Members(tuple(entries), packed=True)


def _entry(info: tarfile.TarInfo, skipped: str) -> Entry:
    kind = "file" if info.isreg() else _KINDS.get(info.type, f"member of type {info.type!r}")
    owner = (info.uid, info.gid, info.uname, info.gname)
    return Entry(info.name, kind, info.mode, info.linkname, owner, info.mtime, skipped)


def _unpack(member: Member, directory: Path) -> str:
    """Unpack one member; return "" or why it was left out."""
    info = member.info
    if reason := unsafe_name(info.name):
        return reason
    target = directory / info.name
    parents = list(target.parents)[: len(PurePosixPath(info.name).parts) - 1]
    if any(parent.is_symlink() for parent in parents):
        return "lies inside a symbolic link"
    try:
        return _write(info, member.content, directory, target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpaceError(
                f"{directory}: no space left while unpacking", advice="free some, or set TMPDIR"
            ) from error
        return f"cannot be unpacked: {error.strerror}"


def unsafe_name(name: str) -> str:
    """Return why nothing must be written under a member's name, or ""."""
    parts = name.split("/")
    if name.startswith("/"):
        return "an absolute path"
    if ".." in parts:
        return "a path with .."
    if PurePosixPath(name).parts[:1] != (TOP,):
        return f"not below {TOP}/"
    return ""


def _write(info: tarfile.TarInfo, content: IO[bytes] | None, directory: Path, target: Path) -> str:
    if info.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return ""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink() or target.exists():
        return DUPLICATE
    if info.issym():
        if leads_out(info.name, info.linkname):
            return f"leads out of {TOP}/"
        target.symlink_to(info.linkname)
    elif info.islnk():
        source = directory / info.linkname
        # Only to what was unpacked as a file of its own: nothing outside, and no way through a symbolic link.
        if (
            unsafe_name(info.linkname)
            or not source.is_file()
            or source.resolve() != directory.resolve() / info.linkname
        ):
            return f"a hard link to {info.linkname}, which is no file of the archive"
        target.hardlink_to(source)
    elif content is not None:
        with target.open("xb") as file:
            while chunk := content.read(_CHUNK):
                file.write(chunk)
        target.chmod(0o644 | info.mode & 0o111)
    return ""


def leads_out(name: str, link: str) -> bool:
    """Tell whether a symbolic link leads out of ``python/``, by its text alone."""
    if link.startswith("/"):
        return True
    depth = len(PurePosixPath(name).parts) - 1
    for part in link.split("/"):
        depth += {"": 0, ".": 0, "..": -1}.get(part, 1)
        if depth < 1:
            return True
    return False
