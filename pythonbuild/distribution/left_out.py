"""What a build was told to leave out: taken out of the standard library, and told in the archive.

Extension modules are never built (:mod:`pythonbuild.cpython.leaving_out`); the standard library's own packages are
installed by CPython whatever it was built with, and removed from its tree here. ``build/left-out.json`` tells of both
in every format of PYTHON.json: the formats 7 and 8 have no key for it, and format 0 none for packages.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from pythonbuild.cpython.leaving_out import NO_TESTS, NO_TK, WITHOUT, LeftOut
from pythonbuild.distribution.archive import TOP, read_members
from pythonbuild.distribution.kinds import TEST_PACKAGES
from pythonbuild.distribution.python_json import PythonJson
from pythonbuild.distribution.relink_files import RECORD as RELINKED_RECORD
from pythonbuild.errors import DistributionError

#: The record's place in the archive, and in the tree of CPython's own build.
RECORD = "build/left-out.json"
#: What of the standard library is there for Tk alone, and the programs that need it, by patterns.
TK_PARTS = ("idlelib", "tkinter", "turtle.py", "turtledemo")
_TK_PROGRAMS = ("idle3*",)


@dataclass(frozen=True)
class Record:
    """What was left out, with the reasons: extension modules, and packages and modules of the standard library."""

    extensions: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)

    def to_text(self) -> str:
        """Return the JSON text: the same bytes for the same data."""
        return json.dumps({"extensions": dict(sorted(self.extensions.items())),
                           "packages": dict(sorted(self.packages.items()))}, indent=2) + "\n"  # fmt: skip

    def wishes(self) -> dict[str, Any]:
        """Return the request's fields that ask for the same."""
        reasons = {*self.extensions.values(), *self.packages.values()}
        named = tuple(name for name, reason in sorted(self.extensions.items()) if reason == WITHOUT)
        return {"without": named, "no_tests": NO_TESTS in reasons, "no_tk": NO_TK in reasons}


def make_smaller(tree: Path, left_out: LeftOut) -> Record:
    """Remove from CPython's tree what is left out of it, and leave the record of that and of the extension modules."""
    places = ("lib/python3.*/os.py", "Lib/os.py")  # the second is Windows'
    libraries = [path.parent for place in places for path in (tree / "install").glob(place)]
    if len(libraries) != 1:
        raise DistributionError(f"{tree}: not an installed CPython", expected="one standard library")
    packages = dict(_remove_parts(libraries[0], left_out))
    if left_out.no_tk:
        for pattern in _TK_PROGRAMS:
            for path in (tree / "install" / "bin").glob(pattern):
                path.unlink()
    record = Record(left_out.extensions, packages)
    (tree / RECORD).write_text(record.to_text(), encoding="utf-8", newline="\n")
    return record


def _remove_parts(stdlib: Path, left_out: LeftOut) -> Iterator[tuple[str, str]]:
    """Remove parts of the standard library; yield their names and why. Those of Tk go first, and take tests along."""
    unwanted = [(part, NO_TK) for part in TK_PARTS if left_out.no_tk]
    unwanted += [(part, NO_TESTS) for part in TEST_PACKAGES if left_out.no_tests]
    for part, reason in unwanted:
        path = stdlib / part
        if path.is_dir():
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()
            for compiled in (stdlib / "__pycache__").glob(f"{path.stem}.*.pyc"):
                compiled.unlink()
        else:
            continue  # not in this version, or gone with what it is part of
        yield part.removesuffix(".py").replace("/", "."), reason


def read_record(top: Path) -> Record:
    """Return what was left out of an unpacked archive's build; of most, nothing."""
    path = top / RECORD
    return parse_record(path.read_text("utf-8", "replace"), RECORD) if path.is_file() else Record()


def record_of(archive: Path) -> Record:
    """Return what was left out of the build of an archive, which is read up to the record."""
    name = f"{TOP}/{RECORD}"
    members = read_members(archive)
    try:
        found = next((member for member in members if member.name == name and member.content), None)
        text = found.content.read().decode("utf-8", "replace") if found and found.content else ""
    finally:
        members.close()
    return parse_record(text, f"{archive}: {name}") if text else Record()


def parse_record(text: str, where: str) -> Record:
    """Read a record. Raises DistributionError for what is none."""
    try:
        plain: Any = json.loads(text)
    except ValueError as error:
        raise DistributionError(f"{where}: not JSON", found=error) from error
    parts = plain if isinstance(plain, dict) else {}
    extensions, packages = parts.get("extensions"), parts.get("packages")
    if not (_is_told(extensions) and _is_told(packages)):
        raise DistributionError(f"{where}: not a record of what was left out",
                                expected="extensions and packages, each with its reason")  # fmt: skip
    return Record(extensions, packages)


def _is_told(part: object) -> TypeGuard[Mapping[str, str]]:
    return isinstance(part, dict) and all(isinstance(reason, str) for reason in part.values())


def left_out_extensions(top: Path, document: PythonJson) -> set[str]:
    """Return the extension modules that an unpacked archive says it is without, in whichever format."""
    relinked = document.relinked or _relinked(top / RELINKED_RECORD)
    names = {*document.omitted_extensions, *read_record(top).extensions, *_names(relinked, "removed")}
    return names - _names(relinked, "added")


def _relinked(path: Path) -> Mapping[str, Any]:
    try:
        plain = json.loads(path.read_text("utf-8", "replace")) if path.is_file() else {}
    except ValueError as error:
        raise DistributionError(f"{RELINKED_RECORD}: not JSON", found=error) from error
    return plain if isinstance(plain, dict) else {}


def _names(relinked: Mapping[str, Any], key: str) -> set[str]:
    value = relinked.get(key)
    return {name for name in value if isinstance(name, str)} if isinstance(value, list) else set()
