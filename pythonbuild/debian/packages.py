"""Gets the .deb files of a lock.

Every file is named by its sha256, so where it comes from does not matter: the download cache (which the caller's
``fetch`` knows), the machine's own mirrors, then the snapshot archive as it was at the lock's timestamp.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from pythonbuild.config.model import SNAPSHOT_ARCHIVE, Lock, LockedPackage
from pythonbuild.debian.index import IndexUnreadableError, fetch_index
from pythonbuild.debian.relock import FetchIndex, replace_packages
from pythonbuild.errors import FetchError, HashMismatchError, LockError


class Fetch(Protocol):
    """Returns a verified file; raises a SourceError if no address gives it. Called from several threads."""

    def __call__(self, filename: str, sha256: str, size: int, urls: Sequence[str]) -> Path: ...


@dataclass(frozen=True)
class Debs:
    """The files of a lock by package name, and the lock that they really are (``lock.locked`` tells)."""

    lock: Lock
    files: Mapping[str, Path]


def package_urls(package: LockedPackage, snapshot: str, bases: Sequence[str]) -> list[str]:
    """Return where a .deb is looked for, in order."""
    return [f"{base}/{package.path}" for base in (*bases, f"{SNAPSHOT_ARCHIVE}/{snapshot}")]


def fetch_debs(
    lock: Lock,
    fetch: Fetch,
    *,
    bases: Sequence[str],
    locked: bool,
    note: Callable[[str], None],
    jobs: int = 8,
    index: FetchIndex = fetch_index,
) -> Debs:
    """Return every .deb of the lock.

    A package that can be had nowhere is an error if ``locked``; otherwise its version in the mirror's verified index
    is taken, with a warning through ``note``, and the returned lock says so.
    """
    files, missing = _fetch_all(lock, fetch, bases, jobs)
    if not missing:
        return Debs(lock, files)
    name, reason = next(iter(missing.items()))
    if locked:
        rest = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        version = next(package.version for package in lock.packages if package.name == name)
        raise LockError(
            f"{lock.name}: {name} {version}{rest} can be had nowhere",
            found=str(reason),
            advice="run without --locked to take the mirror's current version, or relock",
        )
    try:
        current = index(bases, lock.suite, lock.architecture)
    except IndexUnreadableError as error:
        raise reason from error  # no network, most likely; the file's own failure says it best
    lock = replace_packages(lock, missing, current, note=note)
    files, missing = _fetch_all(lock, fetch, bases, jobs)
    for reason in missing.values():
        raise reason
    return Debs(lock, files)


def _fetch_all(
    lock: Lock, fetch: Fetch, bases: Sequence[str], jobs: int
) -> tuple[dict[str, Path], dict[str, FetchError | HashMismatchError]]:
    """Fetch in parallel; what could not be had is returned with its error. Other errors (offline, no space) end it."""
    files: dict[str, Path] = {}
    missing: dict[str, FetchError | HashMismatchError] = {}

    def one(package: LockedPackage) -> Path | FetchError | HashMismatchError:
        urls = package_urls(package, lock.snapshot, bases)
        try:
            return fetch(PurePosixPath(package.path).name, package.sha256, package.size, urls)
        except (FetchError, HashMismatchError) as error:
            return error

    pool = ThreadPoolExecutor(max_workers=max(1, jobs))
    try:
        for package, result in zip(lock.packages, pool.map(one, lock.packages), strict=True):
            if isinstance(result, Path):
                files[package.name] = result
            else:
                missing[package.name] = result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return files, missing
