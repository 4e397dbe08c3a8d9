"""Makes a root filesystem of a lock's .deb files, without dpkg, root or a Debian host, always with the same bytes.

Packages are unpacked side by side on several threads, because decompression is what takes the time and it releases
the interpreter lock. The result cannot depend on who is faster: every path belongs to one package, recorded in
:class:`_Claims` before it is written. Two packages with the same file are settled when all are done, the way dpkg
does it (``Replaces`` in a package's control file wins, otherwise it is an error), and a link to a directory may only
come from the first package (base-files: ``/bin`` to ``/usr/bin``), which is unpacked before all others; their files
go through it.

Owners are whoever unpacks (a sandbox maps that to root), modes are 755 or 644, times are the lock's snapshot.
Maintainer scripts are not run; the root's description lists what they would have made.
"""

from __future__ import annotations

import calendar
import fnmatch
import os
import re
import tarfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pythonbuild.config.model import Lock, RootDescription
from pythonbuild.debian.deb import control_fields, open_member
from pythonbuild.errors import LockError, SourceError

#: Never needed to build anything: documentation, translations, and what only a running Debian system reads.
_DROP = (
    "/usr/share/doc/*",
    "/usr/share/doc-base/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/lintian/*",
    "/usr/share/bug/*",
    "/usr/share/bash-completion/*",
    "/usr/share/zsh/*",
    "/usr/share/fish/*",
    "/usr/share/menu/*",
    "/usr/share/applications/*",
    "/usr/share/pixmaps/*",
    "/usr/share/icons/*",
    "/usr/lib/systemd/*",
    "/etc/cron*",
    "/etc/init.d/*",
    "/var/*",
)
_COPY_CHUNK = 1 << 20


def unpack_root(
    description: RootDescription, lock: Lock, debs: Mapping[str, Path], destination: Path, jobs: int
) -> None:
    """Unpack the lock's packages into the empty directory ``destination`` and finish it as described.

    Raises LockError when two packages claim the same path, SourceError for a file that is no sound .deb.
    """
    claims = _Claims()
    packages = [_Package(package.name, debs[package.name], destination, claims, _drop_pattern(description.drop))
                for package in lock.packages]  # fmt: skip
    if packages:
        packages[0].unpack(leading=True)
    # The largest first: a large one started last would be unpacked alone.
    rest = sorted(packages[1:], key=lambda package: -package.deb.stat().st_size)
    pool = ThreadPoolExecutor(max_workers=max(1, jobs))
    try:
        for done in [pool.submit(package.unpack) for package in rest]:
            done.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    _settle(claims, {package.name: package for package in packages})
    finish_root(description, destination)
    _set_times(destination, calendar.timegm(time.strptime(lock.snapshot, "%Y%m%dT%H%M%SZ")))


def _drop_pattern(more: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in (*_DROP, *more)))


class _Claims:
    """Which package a path belongs to, and as what; answers are the same in any order of unpacking."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owners: dict[str, tuple[str, str]] = {}
        self.conflicts: list[tuple[str, str, str]] = []

    def claim(self, path: str, kind: str, package: str) -> bool:
        """Record a path; False if the package must not write it (now)."""
        with self._lock:
            owner, other = self._owners.setdefault(path, (package, kind))
            if kind == other and (owner == package or kind == "directory"):
                return owner == package
            if "directory" in (kind, other):
                raise LockError(
                    f"packages {min(owner, package)} and {max(owner, package)} disagree about /{path}",
                    found=f"a directory in one, a {other if kind == 'directory' else kind} in the other",
                    advice="exclude one of them in the root's description",
                )
            if owner == package:
                raise SourceError(f"package {package} has /{path} twice")
            self.conflicts.append((path, owner, package))
            return False


class _Package:
    """One package on its way to the disk."""

    def __init__(self, name: str, deb: Path, destination: Path, claims: _Claims, drop: re.Pattern[str]) -> None:
        self.name = name
        self.deb = deb
        self._destination = destination
        self._claims = claims
        self._drop = drop
        self._made: set[str] = set()

    def unpack(self, *, leading: bool = False) -> None:
        """Write all files; ``leading`` for the one package whose links to directories others go through."""
        with open_member(self.deb, "data") as tar:
            for entry in tar:
                path = self._place(entry.name)
                if path is None or self._drop.match("/" + path):
                    continue
                if entry.isdir():
                    self._directory(path)
                elif "/" not in path and entry.issym() and not leading:
                    # It would catch other packages' files, depending on who comes first.
                    raise LockError(f"package {self.name} has a link in the top directory", found=f"/{path}",
                                    expected="links there only in the first package")  # fmt: skip
                elif self._claims.claim(path, "link" if entry.issym() else "file", self.name):
                    self._write(tar, entry, path)

    def unpack_only(self, paths: frozenset[str]) -> None:
        """Write these files again, over another package's."""
        with open_member(self.deb, "data") as tar:
            for entry in tar:
                path = self._place(entry.name)
                if path in paths:
                    (self._destination / path).unlink()
                    self._write(tar, entry, path)

    def _place(self, name: str) -> str | None:
        """Return where an entry belongs, below the root, with the links of directories resolved; None for the root."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if not parts:
            return None
        if ".." in parts:
            raise SourceError(f"{self.deb}: entry leads out of the root", found=repr(name))
        # After base-files there are no links to directories but its own, all of them in the top directory.
        top = self._destination / parts[0]
        if len(parts) > 1 and top.is_symlink():
            parts[:1] = top.readlink().parts
            if ".." in parts or "/" in parts:
                raise SourceError(f"{self.deb}: entry leads out of the root", found=repr(name))
        return "/".join(parts)

    def _directory(self, path: str) -> None:
        """Make a directory and those above it, each one claimed: nothing is ever written through a link."""
        if path in self._made or not path:
            return
        if "/" not in path and (self._destination / path).is_symlink():
            return  # a package that ships ./lib/ where base-files has the link
        self._directory(path.rpartition("/")[0])
        self._claims.claim(path, "directory", self.name)
        (self._destination / path).mkdir(mode=0o755, exist_ok=True)
        self._made.add(path)

    def _write(self, tar: tarfile.TarFile, entry: tarfile.TarInfo, path: str) -> None:
        self._directory(path.rpartition("/")[0])
        place = self._destination / path
        if entry.issym():
            place.symlink_to(entry.linkname)
        elif entry.islnk():
            original = self._place(entry.linkname)
            if original is None or not (self._destination / original).exists():
                raise LockError(f"package {self.name}: /{path} is a hard link to a file that is not unpacked",
                                found=entry.linkname, advice="drop both or none of them")  # fmt: skip
            os.link(self._destination / original, place, follow_symlinks=False)
        elif entry.isreg():
            content = tar.extractfile(entry)
            assert content is not None
            with place.open("xb") as file:
                while chunk := content.read(_COPY_CHUNK):
                    file.write(chunk)
            place.chmod(0o755 if entry.mode & 0o111 else 0o644)
        # device nodes and pipes: the environment brings /dev


def _settle(claims: _Claims, packages: Mapping[str, _Package]) -> None:
    """Give every path that two packages have to the one that replaces the other."""
    again: dict[str, set[str]] = {}
    for path, writer, other in sorted(claims.conflicts):
        if _replaces(packages[other], writer):
            again.setdefault(other, set()).add(path)
        elif not _replaces(packages[writer], other):
            raise LockError(
                f"packages {min(writer, other)} and {max(writer, other)} both have /{path}",
                advice="exclude one of them in the root's description",
            )
    for name, paths in sorted(again.items()):
        packages[name].unpack_only(frozenset(paths))


def _replaces(package: _Package, other: str) -> bool:
    names = re.findall(r"[a-z0-9][a-z0-9+.-]+(?=\s*(?:[(,:]|$))", control_fields(package.deb).get("replaces", ""))
    return other in names


def finish_root(description: RootDescription, destination: Path) -> None:
    """Make what the description lists."""
    for path in description.directories:
        (destination / path.lstrip("/")).mkdir(mode=0o755, parents=True, exist_ok=True)
    for path, target in description.symlinks.items():
        place = _inside(destination, path)
        place.unlink(missing_ok=True)
        place.symlink_to(target)
    for path, text in description.files.items():
        place = _inside(destination, path)
        place.unlink(missing_ok=True)
        place.write_text(text, encoding="utf-8")
        place.chmod(0o644)


def _inside(destination: Path, path: str) -> Path:
    place = destination / path.lstrip("/")
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    return place


def _set_times(destination: Path, moment: int) -> None:
    """Give every entry one time, and every directory its mode whatever the umask was; bottom up."""
    for directory, directories, files in os.walk(destination, topdown=False):
        here = Path(directory)
        for name in (*files, *directories):
            os.utime(here / name, (moment, moment), follow_symlinks=False)
        here.chmod(0o755)
    os.utime(destination, (moment, moment))
