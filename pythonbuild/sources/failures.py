"""Turns what the places answered into one error, in words that a user can act on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pythonbuild.errors import (
    BuildError,
    FetchError,
    FetchTemporaryError,
    HashMismatchError,
    MachineError,
    OfflineError,
    SourceError,
)
from pythonbuild.sources.places import Place, WantedFile
from pythonbuild.sources.web import PlaceError

_NAMES = 6

Failure = tuple[Place, PlaceError]


def wrong_content(file: WantedFile, found: str, *, kept: Path | None = None) -> PlaceError:
    """Return the failure of a place whose file is not the pinned one; ``kept`` is where it was set aside."""
    return PlaceError(
        f"has other content (sha256 {found}, expected {file.sha256})", found=found, kept=str(kept) if kept else ""
    )


def failed(file: WantedFile, failures: Sequence[Failure], *, downloads: Path, offline: bool) -> SourceError:
    """Return the error for a file that was had nowhere."""
    lines = tuple(dict.fromkeys(f"{place.origin} {error}" for place, error in failures))
    error = _failed(file, failures, lines, downloads, offline)
    error.places = lines
    return error


def _failed(
    file: WantedFile, failures: Sequence[Failure], lines: tuple[str, ...], downloads: Path, offline: bool
) -> SourceError:
    wrong = next(((place, error) for place, error in failures if error.found), None)
    if wrong:
        return _mismatch(file, *wrong, lines)
    if offline:
        address = f", from {file.urls[0]}" if file.urls else ""
        return OfflineError(
            f"{file.filename}: not in the download cache, and --offline forbids to fetch it",
            found="; ".join(lines) or None,
            advice=f"put it into {downloads} or name a --source-dir that has it (sha256 {file.sha256}{address})",
        )
    kind = FetchTemporaryError if any(error.temporary for _, error in failures) else FetchError
    return kind(
        f"{file.filename}: no place has a verified copy",
        found="; ".join(lines) or "no place to ask",
        expected=f"{file.size} bytes with sha256 {file.sha256}",
        advice=_advice(downloads),
    )


def _mismatch(file: WantedFile, place: Place, error: PlaceError, lines: tuple[str, ...]) -> SourceError:
    others = [line for line in lines if line != f"{place.origin} {error}"]
    kept = f"kept as {error.kept}" if error.kept else "left where it is"
    return HashMismatchError(
        f"{file.filename} from {place.shown}: wrong content",
        found=f"sha256 {error.found}",
        expected=f"sha256 {file.sha256}",
        advice=f"it is {kept} and not used; other places: {'; '.join(others) if others else 'none'}",
    )


def _advice(downloads: Path) -> str:
    return f"put it into {downloads}, or name a --source-dir or a --mirror that has it"


def together(errors: Sequence[BuildError], *, downloads: Path) -> BuildError:
    """Return one error for several files: the machine's own first, then wrong content, then all that is missing."""
    for first in (MachineError, HashMismatchError):
        for error in errors:
            if isinstance(error, first):
                return error
    if len(errors) == 1:
        return errors[0]
    names = [error.what.partition(":")[0] for error in errors]
    listed = ", ".join(names[:_NAMES]) + (f" and {len(names) - _NAMES} more" if len(names) > _NAMES else "")
    if all(isinstance(error, OfflineError) for error in errors):
        return OfflineError(
            f"{len(errors)} files are not in the download cache, and --offline forbids to fetch them",
            found=f"no {listed}",
            advice=f"put them into {downloads} or name a --source-dir that has them",
        )
    lines = dict.fromkeys(line for error in errors if isinstance(error, SourceError) for line in error.places)
    kind = FetchTemporaryError if any(error.temporary for error in errors) else FetchError
    combined = kind(
        f"{len(errors)} files could not be had ({listed})",
        found="; ".join(lines) or "no place to ask",
        advice=_advice(downloads).replace("it into", "them into").replace("has it", "has them"),
    )
    combined.places = tuple(lines)
    return combined
