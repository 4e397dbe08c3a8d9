"""The profile that a distribution was optimised with: found in an archive or in a file of its own.

A profile is what ``llvm-profdata merge`` writes: how often each function of CPython, and each branch in it, was taken
while an instrumented interpreter did its training. With it the same sources give the same bytes again, so it is in
every archive that was built with one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from pythonbuild.config.options import is_freethreaded
from pythonbuild.distribution import typed_json
from pythonbuild.distribution.archive import METADATA, TOP, ArchiveError, read_members
from pythonbuild.distribution.python_json import ProfileEntry
from pythonbuild.errors import UsageError

#: Where it lies in a distribution, relative to ``python/``.
PROFILE = "build/profile/cpython.profdata"
#: Beside it, what CPython's recipe found out about it: the values of a ProfileEntry.
_REPORT = "build/profile/report.json"
_PROGRAM = re.compile(r"/python3\.\d+(?P<free>t?)d?$")
#: How an indexed profile of LLVM begins (llvm/ProfileData/InstrProf.h: ``\xfflprofi\x81`` as a little-endian number).
MAGIC = bytes.fromhex("ff6c70726f666981")


def read_profile(top: Path) -> ProfileEntry | None:
    """Return what is said of a distribution's profile; None if it was built without one."""
    report = top / _REPORT
    if not report.is_file():
        return None
    said = {"profdata": PROFILE, **json.loads(report.read_text(encoding="utf-8"))}
    return typed_json.from_text(ProfileEntry, json.dumps(said), _REPORT)


def find_profile(path: Path, directory: Path, options: str = "", llvm: str = "") -> Path:
    """Return the file of a profile: ``path`` itself, or a copy in ``directory`` of the one in the archive ``path``.

    Raises UsageError for anything that is neither, and for an archive whose interpreter has the GIL where one that is
    built with ``options`` has not, or the other way round: they are of other code. So is one that another series of
    LLVM than ``llvm`` has compiled.
    """
    expected = "an indexed profile of LLVM (.profdata), or an archive of a build with pgo"
    try:
        if _is_profile(path):
            return path.resolve()
        members = read_members(path)
        try:
            for member in members:
                if member.name == METADATA and member.content is not None and options:
                    description = _described(member.content.read())
                    _check_variant(path, description, is_freethreaded(options))
                    _check_compiler(path, description, llvm)
                if member.name == f"{TOP}/{PROFILE}" and member.content is not None:
                    return _keep(member.content, directory)
        finally:
            members.close()
    except (ArchiveError, OSError) as error:
        found = error.strerror if isinstance(error, OSError) else "something else"
        raise UsageError(f"--profile: {path} cannot be used", found=found, expected=expected) from error
    raise UsageError(f"--profile: {path} holds no profile", found=f"no member {TOP}/{PROFILE}", expected=expected,
                     advice="was it built with --options pgo or pgo+lto?")  # fmt: skip


def _described(text: bytes) -> dict[str, Any]:
    """Return what an archive says of itself; nothing, if that cannot be read: the profile may be right all the same."""
    try:
        plain = json.loads(text)
    except ValueError:
        return {}
    return plain if isinstance(plain, dict) else {}


def _check_compiler(path: Path, plain: Mapping[str, Any], llvm: str) -> None:
    """Compare the compiler with the one that is to use the profile, where PYTHON.json tells it (format 0)."""
    try:
        found = str(plain["toolchain"]["tools"]["clang"])
    except (KeyError, TypeError):
        return
    if llvm and found.partition(".")[0] != llvm:
        raise UsageError(f"--profile: {path} was made by another compiler", found=f"Clang {found}",
                         expected=f"Clang {llvm}", advice="choose its toolchain, or build without --profile, which"
                         " trains one")  # fmt: skip


def _check_variant(path: Path, plain: Mapping[str, Any], wanted: bool) -> None:
    """Compare with what PYTHON.json says in every format: the interpreter's name tells its ABI."""
    program = _PROGRAM.search(str(plain.get("python_exe", "")))
    if program and bool(program["free"]) != wanted:
        kinds = ("a Python with the GIL", "a free-threaded Python")
        raise UsageError(f"--profile: {path} is of another interpreter", found=f"that of {kinds[not wanted]}",
                         expected=f"that of {kinds[wanted]}",
                         advice="give its archive, or build without --profile, which trains one")  # fmt: skip


def _is_profile(path: Path) -> bool:
    with path.open("rb") as content:
        return content.read(len(MAGIC)) == MAGIC


def _keep(content: IO[bytes], directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    beside = directory / f".profile.{os.getpid()}"
    try:
        with beside.open("wb") as copy:
            shutil.copyfileobj(content, copy)
        with beside.open("rb") as copy:
            digest = hashlib.file_digest(copy, "sha256").hexdigest()
        kept = directory / f"cpython-{digest[:16]}.profdata"
        beside.replace(kept)
    finally:
        beside.unlink(missing_ok=True)
    return kept
