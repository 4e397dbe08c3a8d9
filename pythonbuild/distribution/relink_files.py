"""What becomes of an archive's files when its interpreter is linked again: what comes, and what has no use any more."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from pythonbuild.distribution.objectfile import LIBRARY_MAGIC, library_members
from pythonbuild.distribution.python_json import named_paths
from pythonbuild.distribution.relink_choice import Choice
from pythonbuild.distribution.relink_forms import keeps_tcl
from pythonbuild.distribution.relinkable import Relinkable

#: What CPython's own make said of the link that is no longer the one there is, and what tells of the new one.
STALE, RECORD = "build/cpython-build.json", "build/relinked.json"
_INSTALLED_TABLES = "config-*/config.c"


def place_additions(top: Path, choice: Choice) -> None:
    """Copy the files of the modules that are added to where the new description has them."""
    for addition in choice.added:
        for source, target in addition.paths().items():
            (top / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, top / target)


def write_record(top: Path, record: Mapping[str, object]) -> None:
    """Leave a record of what was linked again: formats 7 and 8 have no key for it. In archives of other builders there
    was none of CPython's make either.
    """
    if any((top / path).is_file() for path in (STALE, RECORD)):
        (top / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8", newline="\n")


def installed_tables(top: Path, old: Relinkable) -> list[Path]:
    """Return the copies of the table of builtin modules that are installed for readers."""
    table = (top / old.inittab_source).read_bytes()
    return [path for path in (top / old.stdlib).glob(_INSTALLED_TABLES) if path.read_bytes() == table]


def named_files(text: str) -> set[str]:
    """Return every path that a description names."""
    return {path for _, path in named_paths(json.loads(text))}


def remove_unused(top: Path, old: Relinkable, choice: Choice, before: set[str], after: set[str]) -> list[str]:
    """Remove the files that the old description names (``before``) and the new one does not; return their paths.

    Of a static library of CPython's own the objects that it was made of lie beside it, and go with it.
    """
    gone = {*before, STALE} - after
    for path in sorted(gone):
        if path.endswith(".a") and (top / path).is_file():
            gone |= {item for item in _members_beside(top, path) if item not in after}
    removed = []
    for path in sorted(gone):
        if (top / path).is_file():
            (top / path).unlink()
            removed.append(path)
            # An installation keeps its directories: without lib-dynload the interpreter finds no exec_prefix.
            if not path.startswith("install/"):
                _remove_empty(top, PurePosixPath(path).parent)
    if not keeps_tcl(choice.wanted):
        for path in old.tcl_directories:
            if (top / path).is_dir():
                shutil.rmtree(top / path)
                removed.append(path)
    return removed


def _members_beside(top: Path, library: str) -> list[str]:
    content = (top / library).read_bytes()
    if not content.startswith(LIBRARY_MAGIC):
        return []
    beside = PurePosixPath(library).parent
    return [str(beside / name) for name, _ in library_members(content, library) if (top / beside / name).is_file()]


def _remove_empty(top: Path, directory: PurePosixPath) -> None:
    while directory.parts and not any((top / directory).iterdir()):
        (top / directory).rmdir()
        directory = directory.parent
