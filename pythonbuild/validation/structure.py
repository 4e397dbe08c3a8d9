"""Checks on an archive's members: will it unpack anywhere, safely, to the same tree, and can a reader rely on its form?

They look at the members as they stand in the archive, not at what an unpacker made of them.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from pythonbuild.distribution.archive import METADATA, TOP
from pythonbuild.validation.checks import NotApplicable, Subject, check
from pythonbuild.validation.members import DUPLICATE, Entry, leads_out, unsafe_name

#: What may lie directly below ``python/``.
_PLACES = ("PYTHON.json", "SBOM.cdx.json", "build", "install", "licenses")
#: And in an archive of the installation alone.
_INSTALLATION_PLACES = ("bin", "include", "lib", "share")
_WINDOWS_PLACES = (
    "DLLs",
    "Lib",
    "Scripts",
    "include",
    "libs",
    "share",
    "tcl",
    "LICENSE.txt",
    "*.exe",
    "*.dll",
    "*.pdb",
)
_MODES = {"file": (0o644, 0o755), "directory": (0o755,), "symbolic link": (0o777,)}
#: Set-user-id, set-group-id and the sticky bit; writable for everybody.
_SPECIAL_BITS, _OTHERS_WRITE = 0o7000, 0o002


def _packed(subject: Subject) -> tuple[Entry, ...]:
    if not subject.members.packed:
        raise NotApplicable("a tree, not an archive: packing settles it")
    if not subject.members.entries:
        raise NotApplicable("there are no members")
    return subject.members.entries


@check("structure-readable", "the archive can be read to its end")
def readable(subject: Subject) -> Iterator[str]:
    """The compressed data is decompressed to its last byte, its checksum compared, and every member's header read.

    A finding means that the file was cut off or changed on its way: fetch or build it again. Nothing else is checked
    then.
    """
    if subject.members.problem:
        yield subject.members.problem
    elif not subject.members.entries:
        yield "there are no members"


@check("structure-first-member", "PYTHON.json is the first member")
def first_member(subject: Subject) -> Iterator[str]:
    """Whoever wants to know what an archive is reads its first kilobytes: so the description comes first.

    Archives of the installation alone, which have no PYTHON.json, are left in peace.
    """
    entries = _packed(subject)
    if not subject.description.format and not subject.description.problem:
        raise NotApplicable(subject.description.absent)
    if entries[0].name != METADATA:
        yield f"{entries[0].name}: the first member, expected {METADATA}"


@check("structure-names", "every member has a plain relative path below python/ and can be unpacked")
def names(subject: Subject) -> Iterator[str]:
    """No absolute path, no ``..``, no ``.`` or empty part, nothing beside ``python/``, only UTF-8 text, no member
    inside a symbolic link, and none that the file system refuses.

    An archive with such a member could write anywhere on the machine of whoever unpacks it.
    """
    for entry in subject.members.entries:
        if problem := unsafe_name(entry.name) or _unusual(entry.name):
            yield f"{entry.name!r}: {problem}"
        elif entry.skipped not in ("", DUPLICATE) and entry.kind in ("file", "directory"):
            yield f"{entry.name}: {entry.skipped}"


def _unusual(name: str) -> str:
    if PurePosixPath(name).as_posix() != name:
        return "not in its shortest form"
    if any("\udc80" <= character <= "\udcff" for character in name):
        return "not UTF-8 text"
    return "" if name.isprintable() else "holds unprintable characters"


@check("structure-prefixes", "everything lies in install, build or licenses")
def prefixes(subject: Subject) -> Iterator[str]:
    """Below ``python/`` there are PYTHON.json and the directories ``install``, ``build`` and ``licenses``, nothing
    else.

    Archives of the installation alone hold ``bin``, ``include``, ``lib`` and ``share``, for Windows what CPython's
    PC/layout makes: programs, DLLs, ``Lib`` and so on. Those of other builders may hold more.
    """
    subject.require_ours("the layout is this project's own")
    places: tuple[str, ...] = _PLACES
    if subject.description.installation:
        places = _WINDOWS_PLACES if subject.target.os == "windows" else _INSTALLATION_PLACES
    for entry in subject.members.entries:
        parts = PurePosixPath(entry.name).parts
        if len(parts) > 1 and parts[0] == TOP and not any(fnmatchcase(parts[1], place) for place in places):
            yield f"{entry.name}: expected {', '.join(places)} below {TOP}/"


@check("structure-duplicates", "no path occurs twice")
def duplicates(subject: Subject) -> Iterator[str]:
    """Of two members with one path the second wins in most unpackers, the first in others, and some stop."""
    entries = subject.members.entries
    counts = Counter(PurePosixPath(entry.name).as_posix() for entry in entries)
    yield from (f"{name}: occurs {count} times" for name, count in counts.items() if count > 1)


@check("structure-kinds", "there are only files, directories and symbolic links")
def kinds(subject: Subject) -> Iterator[str]:
    """Devices, pipes and sockets have no place in a distribution; hard links are refused because unpackers that filter
    members treat them differently, and copying tools lose them.
    """
    for entry in subject.members.entries:
        if entry.kind not in _MODES:
            yield f"{entry.name}: a {entry.kind}"


@check("structure-links", "every symbolic link is relative, stays inside and points to something")
def links(subject: Subject) -> Iterator[str]:
    """The target of each symbolic link is read as text and then followed: no absolute path, no way out of ``python/``,
    not even through another link, and at the end something that is in the archive.
    """
    inside = subject.top.resolve()
    for entry in subject.members.entries:
        if entry.kind != "symbolic link" or unsafe_name(entry.name):
            continue
        path = subject.top.parent / entry.name
        if entry.link.startswith("/"):
            yield f"{entry.name}: points to {entry.link}, an absolute path"
        elif leads_out(entry.name, entry.link):
            yield f"{entry.name}: points to {entry.link}, which is outside {TOP}/"
        elif entry.skipped not in ("", DUPLICATE):
            yield f"{entry.name}: {entry.skipped}"
        elif not path.exists():
            yield f"{entry.name}: points to {entry.link}, which is not in the archive"
        elif not path.resolve().is_relative_to(inside):
            yield f"{entry.name}: leads through another link to outside {TOP}/"


@check("structure-modes", "files are 0644 or 0755, directories 0755, and nothing runs as somebody else")
def modes(subject: Subject) -> Iterator[str]:
    """The same content gives the same archive, so modes are the two that matter: executable or not. In archives of
    other builders only set-user-id, set-group-id and sticky bits, and what everybody may write to, are told.
    """
    for entry in _packed(subject):
        if entry.kind not in _MODES:
            continue
        if subject.description.is_packed_by_us:
            if entry.mode not in _MODES[entry.kind]:
                expected = " or ".join(f"{mode:04o}" for mode in _MODES[entry.kind])
                yield f"{entry.name}: mode {entry.mode:04o}, expected {expected}"
        elif entry.kind != "symbolic link" and entry.mode & (_SPECIAL_BITS | _OTHERS_WRITE):
            yield f"{entry.name}: mode {entry.mode:04o}"


@check("structure-owners", "every member belongs to root, and all have one time")
def owners(subject: Subject) -> Iterator[str]:
    """User and group are 0 and called ``root``, and the modification time is the same everywhere: that of the source,
    not of the build. Otherwise two builds of the same source would give two archives.
    """
    entries = _packed(subject)
    subject.require_ours("normalised owners and times are this project's own rule")
    for entry in entries:
        if entry.owner != (0, 0, "root", "root"):
            user, group, user_name, group_name = entry.owner
            yield f"{entry.name}: belongs to {user} ({user_name}) and {group} ({group_name}), expected 0 (root)"
        if entry.mtime != entries[0].mtime:
            yield f"{entry.name}: time {entry.mtime:.0f}, the first member's is {entries[0].mtime:.0f}"


@check("structure-order", "the members after the first are sorted by name")
def order(subject: Subject) -> Iterator[str]:
    """Names are compared as text, byte for byte. The order of a directory differs from machine to machine; an archive's
    must not.
    """
    names = [entry.name for entry in _packed(subject)]
    subject.require_ours("the order is this project's own rule")
    rest = [name for name in names if name != METADATA]
    for before, name in itertools.pairwise(rest):
        if name < before:
            yield f"{name}: stands after {before}"


READABLE = readable
CHECKS = (readable, first_member, names, prefixes, duplicates, kinds, links, modes, owners, order)
