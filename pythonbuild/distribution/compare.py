"""Compares two archives: says that they are the same, or names the first member that differs and where in it.

Equal bytes are equal archives, and that is all there is to read. Otherwise both are read twice: once to learn what each
member is (kind, mode, link, time, owner, size, sha256), once more to set aside the contents of the first few members
that differ, which :mod:`pythonbuild.distribution.explain` then looks into. Contents are on disk meanwhile, so that
memory does not depend on the archives.

The members' order follows the first archive, with what only the second has sorted in where it stands there; "first"
means first in this order.
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pythonbuild.distribution.archive import ArchiveError, read_members
from pythonbuild.distribution.explain import explain

Kind = Literal["missing", "added", "order", "type", "mode", "link", "size", "content", "time", "owner", "packing"]

#: So many members are looked into; of the others it is only said that they differ.
EXPLAINED = 20
_CHUNK = 1 << 20
_TYPES = {tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file", tarfile.DIRTYPE: "directory",
          tarfile.SYMTYPE: "symbolic link", tarfile.LNKTYPE: "hard link"}  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """One way in which a member differs; ``member`` is "" for what concerns the archive as a whole."""

    member: str
    kind: Kind
    detail: str

    def line(self) -> str:
        return f"{self.member or 'the archive'}: {self.kind}: {self.detail}"


@dataclass(frozen=True)
class Comparison:
    """What comparing gave; ``differences`` is empty when the archives are the same byte by byte."""

    first: Path
    second: Path
    sha256: tuple[str, str]
    sizes: tuple[int, int]
    differences: tuple[Difference, ...] = ()

    @property
    def identical(self) -> bool:
        return not self.differences

    def as_json(self) -> dict[str, object]:
        """Return plain data for ``--json``."""
        return {
            "identical": self.identical,
            "first": {"path": str(self.first), "size": self.sizes[0], "sha256": self.sha256[0]},
            "second": {"path": str(self.second), "size": self.sizes[1], "sha256": self.sha256[1]},
            "differences": [asdict(difference) for difference in self.differences],
        }

    def lines(self) -> list[str]:
        """Return the text that people read: the verdict first."""
        if self.identical:
            return [f"identical: {self.sizes[0]} bytes, sha256 {self.sha256[0]}"]
        first = self.differences[0]
        members = len({difference.member for difference in self.differences if difference.member})
        count = f"{members} member{'s differ' if members != 1 else ' differs'}"
        lines = [f"different: {count}; first {first.line()}" if first.member else f"different: {first.line()}"]
        lines += [f"  {difference.line()}" for difference in self.differences[: EXPLAINED * 2]]
        surplus = len(self.differences) - EXPLAINED * 2
        lines += [f"  and {surplus} more differences"] if surplus > 0 else []
        for path, size, sha256 in zip((self.first, self.second), self.sizes, self.sha256, strict=True):
            lines.append(f"{path}: {size} bytes, sha256 {sha256}")
        return lines


@dataclass(frozen=True)
class _Member:
    """What an archive says of one member, and the hash of its content."""

    kind: str
    mode: int
    link: str
    size: int
    time: int | float
    owner: str
    sha256: str


def compare(first: Path, second: Path, keep: Path | None = None) -> Comparison:
    """Compare two archives. Raises ArchiveError when they differ and one of them is not an archive.

    ``keep`` gets the contents that were looked into, below ``first/`` and ``second/``.
    """
    hashes, sizes = (_sha256(first), _sha256(second)), (first.stat().st_size, second.stat().st_size)
    if hashes[0] == hashes[1]:
        return Comparison(first, second, hashes, sizes)
    members = _members(first), _members(second)
    differences = list(_metadata_differences(*members))
    changed = [difference.member for difference in differences if difference.kind == "content"][:EXPLAINED]
    if changed:
        with _contents((first, second), changed, keep) as (one, other):
            details = {name: explain(name, one / name, other / name) for name in changed}
        differences = [
            Difference(difference.member, difference.kind, details.get(difference.member, difference.detail))
            if difference.kind == "content" else difference
            for difference in differences
        ]  # fmt: skip
    if not differences:
        differences = [
            Difference("", "packing", "the members are the same; they were packed or compressed differently")
        ]
    return Comparison(first, second, hashes, sizes, tuple(differences))


def compare_texts(first: Path, second: Path) -> Comparison:
    """Compare two files that are no archives; one of them may be missing, which is a difference."""
    there = [path.is_file() for path in (first, second)]
    hashes = _sha256(first) if there[0] else "", _sha256(second) if there[1] else ""
    sizes = first.stat().st_size if there[0] else 0, second.stat().st_size if there[1] else 0
    if hashes[0] == hashes[1]:
        return Comparison(first, second, hashes, sizes)
    if all(there):
        found = Difference(second.name, "content", explain(second.name, first, second))
    else:
        found = Difference(second.name, "added" if there[1] else "missing", "only one of the builds has it")
    return Comparison(first, second, hashes, sizes, (found,))


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be read", found=error.strerror or error) from error


def _members(path: Path) -> dict[str, _Member]:
    """Return an archive's members in their order. The last of several with one name counts, as for tar."""
    members = {}
    for member in read_members(path):
        info, digest = member.info, hashlib.sha256()
        while member.content is not None and (chunk := member.content.read(_CHUNK)):
            digest.update(chunk)
        members[info.name] = _Member(
            kind=_TYPES.get(info.type, f"type {info.type!r}"),
            mode=info.mode,
            link=info.linkname,
            size=info.size,
            time=info.mtime,
            owner=f"{info.uname}:{info.gname} ({info.uid}:{info.gid})",
            sha256=digest.hexdigest(),
        )
    return members


def _metadata_differences(first: Mapping[str, _Member], second: Mapping[str, _Member]) -> Iterator[Difference]:
    for name in _merged(list(first), list(second)):
        if name not in second:
            yield Difference(name, "missing", f"the second archive has no such {first[name].kind}")
        elif name not in first:
            yield Difference(name, "added", f"the first archive has no such {second[name].kind}")
        elif first[name] != second[name]:
            yield from _member_differences(name, first[name], second[name])
    common = [[name for name in one if name in other] for one, other in ((first, second), (second, first))]
    for one, other in zip(*common, strict=True):
        if one != other:
            yield Difference(one, "order", f"the second archive has {other} in its place")
            return


def _merged(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """Return all names: the first's order, with what only the second has after the name it follows there."""
    known = set(first)
    following: dict[str, list[str]] = {}
    before = ""
    for name in second:
        if name in known:
            before = name
        else:
            following.setdefault(before, []).append(name)
    merged = following.get("", [])
    for name in first:
        merged += [name, *following.get(name, [])]
    return merged


def _member_differences(name: str, one: _Member, other: _Member) -> Iterator[Difference]:
    """Yield how a member differs, what matters most first."""
    if one.kind != other.kind:
        yield Difference(name, "type", f"{one.kind}, {other.kind}")
        return
    if one.sha256 != other.sha256:
        yield Difference(name, "content", f"{one.size} bytes, {other.size} bytes")
    elif one.size != other.size:
        yield Difference(name, "size", f"{one.size}, {other.size}")
    if one.link != other.link:
        yield Difference(name, "link", f"{one.link}, {other.link}")
    if one.mode != other.mode:
        yield Difference(name, "mode", f"{one.mode:04o}, {other.mode:04o}")
    if one.time != other.time:
        yield Difference(name, "time", f"{one.time}, {other.time}")
    if one.owner != other.owner:
        yield Difference(name, "owner", f"{one.owner}, {other.owner}")


@contextmanager
def _contents(archives: Sequence[Path], names: Sequence[str], keep: Path | None) -> Iterator[list[Path]]:
    """Yield two directories with these members of the archives."""
    with tempfile.TemporaryDirectory(prefix="compare-") as temporary:
        directories = [(keep or Path(temporary)) / label for label in ("first", "second")]
        for archive, directory in zip(archives, directories, strict=True):
            for member in read_members(archive):
                if member.name in names and member.content is not None and _is_plain(member.name):
                    target = directory / member.name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with target.open("wb") as file:
                        shutil.copyfileobj(member.content, file, _CHUNK)
        yield directories


def _is_plain(name: str) -> bool:
    """Tell whether a member's name stays inside the directory that it is put into."""
    return not name.startswith("/") and ".." not in Path(name).parts
