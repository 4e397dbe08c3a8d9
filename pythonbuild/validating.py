"""``validate``: the checks that end every build, over archives from anywhere.

What an archive says of itself decides what is needed to check it: for a target of this project the rooms that the built
Python is run in, and the target's C library. For other targets, and where no environment can be had, the checks that
need these say that they do not apply.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from pythonbuild.config.model import ROOMS, Target
from pythonbuild.config.project import Project
from pythonbuild.config.request import Request
from pythonbuild.distribution.archive import (
    METADATA,
    TOP,
    ArchiveError,
    DamagedArchiveError,
    read_members,
    read_metadata,
)
from pythonbuild.distribution.later_json import LATER_FORMATS
from pythonbuild.distribution.python_json import FORMAT_VERSION
from pythonbuild.distribution.relink_files import RECORD
from pythonbuild.distribution.triples import interpreter_triple
from pythonbuild.engine.events import EventSink, Note
from pythonbuild.errors import EnvironmentUnavailableError, UsageError
from pythonbuild.provisions import Provisions, provisions
from pythonbuild.shipping import expected_linkages, room_roots
from pythonbuild.validation import behaviour
from pythonbuild.validation.description import OWN_FILES
from pythonbuild.validation.room import Room, make_rooms, runs_here
from pythonbuild.validation.validate import CHECKS, Report, validate

_VERSION = re.compile(r"3\.\d+\.\d+((a|b|rc)\d+)?")
_BEHAVIOUR = frozenset(check.id for check in behaviour.CHECKS)


@dataclass(frozen=True)
class Validation:
    """What came of one archive."""

    archive: Path
    report: Report
    seconds: float

    def summary(self) -> str:
        """Return the line that sums it up."""
        outcomes = [result.outcome for result in self.report.results]
        counts = [f"{outcomes.count('passed')} passed", f"{outcomes.count('failed')} failed"]
        if "not applicable" in outcomes:
            counts.append(f"{outcomes.count('not applicable')} not applicable")
        return f"{self.archive.name}: {', '.join(counts)}, in {self.seconds:.1f} s"

    def as_json(self) -> dict[str, object]:
        """Return plain data for ``--json``."""
        return {"archive": self.archive.name, "seconds": round(self.seconds, 1), **self.report.as_json()}


@dataclass(frozen=True)
class Claims:
    """What an archive says of itself, as far as it does; ``ours`` tells this project's archives, ``relinked`` that its
    extension modules are those that somebody chose.
    """

    triple: str = ""
    version: str = ""
    ours: bool = False
    relinked: bool = False


def validate_archives(
    request: Request, archives: Sequence[Path], skip: Collection[str], sink: EventSink, note: Callable[[str], None]
) -> list[Validation]:
    """Check archives, one after the other; each line of a report goes to ``note`` at once.

    Raises UsageError for an unknown check and for what is no archive, before anything is done.
    """
    skipped = skipped_checks(skip)
    claims = {archive: read_claims(archive) for archive in archives}
    done = []
    with provisions(request, sink) as provided:
        for archive in archives:
            if len(archives) > 1:
                note(f"{archive}:")
            done.append(_validate(provided, archive, claims[archive], skipped, sink, note))
            note(done[-1].summary())
    return done


def skipped_checks(skip: Collection[str]) -> frozenset[str]:
    """Return the ids of the checks that are not wanted: a word is an id, or the family that ids begin with.

    Raises UsageError.
    """
    known = [check.id for check in CHECKS]
    skipped: set[str] = set()
    for word in skip:
        meant = {name for name in known if name == word or name.startswith(f"{word}-")}
        if not meant:
            raise UsageError("--skip: unknown check", found=word, expected=f"one of {', '.join(known)}")
        skipped |= meant
    return frozenset(skipped)


def read_claims(archive: Path) -> Claims:
    """Return what PYTHON.json says, nothing of it where it cannot be read: the checks will say why.

    Raises UsageError for what is no archive, nor a directory that holds an unpacked one.
    """
    try:
        text = (archive / METADATA).read_text("utf-8") if archive.is_dir() else _metadata(archive)
        plain = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, FileNotFoundError) and not archive.exists():
            raise UsageError(f"validate: no such file {archive}") from error
        if archive.is_dir() and not (archive / METADATA).parent.is_dir():
            raise UsageError(f"validate: {archive} is a directory without {Path(METADATA).parent}/ in it",
                             expected="an archive, or a directory with an unpacked one") from error  # fmt: skip
        return Claims()
    if not isinstance(plain, dict):
        return Claims()
    texts = [plain.get(key) for key in ("target_triple", "python_version")]
    triple, version = (text if isinstance(text, str) else "" for text in texts)
    if plain.get("version") not in LATER_FORMATS:
        return Claims(triple, version, plain.get("version") == FORMAT_VERSION, bool(plain.get("relinked")))
    own = _own_file(archive)
    return Claims(triple, version, bool(own), own == RECORD)


def _own_file(archive: Path) -> str:
    """Return what tells an archive of this project from others' that are described in the same format, "" for those."""
    if archive.is_dir():
        return next((name for name in OWN_FILES if (archive / TOP / name).is_file()), "")
    names = {f"{TOP}/{name}": name for name in OWN_FILES}
    members = read_members(archive)
    try:
        return next((names[member.name] for member in members if member.name in names), "")
    except DamagedArchiveError:
        return ""  # the checks will tell
    finally:
        members.close()


def _metadata(archive: Path) -> str:
    """Return PYTHON.json's text, "{}" if an archive has none at its beginning."""
    if not archive.exists():
        raise FileNotFoundError(archive)
    try:
        return read_metadata(archive)
    except DamagedArchiveError:
        return "{}"
    except ArchiveError as error:
        members = read_members(archive)
        try:
            next(members, None)
        except DamagedArchiveError:
            return "{}"
        except ArchiveError:
            raise UsageError(f"validate: {error.what}", found=error.found, expected=error.expected) from error
        finally:
            members.close()
        return "{}"


def _validate(
    provided: Provisions, archive: Path, claims: Claims, skipped: frozenset[str], sink: EventSink,
    note: Callable[[str], None],
) -> Validation:  # fmt: skip
    started = time.monotonic()
    target = _target(provided.project, provided.request, claims.triple or interpreter_triple(archive))
    with tempfile.TemporaryDirectory(prefix="rooms-") as work:
        rooms, digests = _rooms(provided, target, claims, skipped, Path(work), sink)
        sysroot = provided.tree(digests["sysroot"]) / "tools" / "sysroot" if "sysroot" in digests else None
        report = validate(
            archive, target, sysroot=sysroot, expected=_expected(provided.project, target, claims), rooms=rooms,
            skip=skipped, note=note,
        )  # fmt: skip
    return Validation(archive, report, time.monotonic() - started)


def _target(project: Project, request: Request, triple: str) -> Target:
    """Return the target that an archive is for; of one that this project has not got, the machine's own."""
    known = project.known_targets
    return known.get(triple) or known.get(request.target_triple) or next(iter(project.targets.values()))


def _expected(project: Project, target: Target, claims: Claims) -> dict[str, str] | None:
    if claims.relinked or not (claims.ours and claims.triple == target.triple and _VERSION.fullmatch(claims.version)):
        return None
    if target.os == "windows":
        return None  # which modules the core has itself, CPython's own table says; the edit compares it with our file
    return expected_linkages(project.unix / "extension-modules.yml", claims.version, target.os)


def _rooms(
    provided: Provisions, target: Target, claims: Claims, skipped: frozenset[str], work: Path, sink: EventSink
) -> tuple[dict[str, Room | str], dict[str, str]]:
    """Return the rooms, or why there are none, and the digests of the trees that were made."""
    if not claims.ours:
        return dict.fromkeys(ROOMS, "the archive is not one of this project's: nothing tells what to run"), {}
    if claims.triple != target.triple:
        return dict.fromkeys(ROOMS, f"the archive is for {claims.triple}, which this project has no rooms for"), {}
    sysroot = ["sysroot"] if target.os == "linux" else []
    at_hand = (provided.cached(target.triple, sysroot) if sysroot else None) or {}
    if why := "skipped" if skipped >= _BEHAVIOUR else runs_here(target):
        return dict.fromkeys(ROOMS, why), at_hand
    try:
        environment = provided.environment
    except EnvironmentUnavailableError as error:
        if provided.request.environment != "auto":
            raise
        sink(Note(f"{error.what}: the built Python is not run", "warning"))
        return dict.fromkeys(ROOMS, str(error)), at_hand
    roots = room_roots(target) if environment.fixed_paths else {}
    digests = provided.made(target.triple, [*roots.values(), *sysroot]) if environment.fixed_paths else at_hand

    def root(name: str) -> tuple[Path, str]:
        return provided.tree(digests[roots[name]]), digests[roots[name]]

    return make_rooms(target, environment, root, work), digests
