"""CPython's own account of its extension modules, read from its source archive or directory.

Four files say which modules a version has: ``Modules/config.c.in`` (the core's), ``Modules/Setup.bootstrap.in`` (those
that the build itself needs), ``Modules/Setup.stdlib.in`` (the rest, with their source files) and ``Modules/Setup``
(a few lines that are active there). :func:`read_setup_files` reads just these members of the archive.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pythonbuild.errors import ExtensionModuleError, SourceError

PATCHLEVEL = "Include/patchlevel.h"
CONFIG = "Modules/config.c.in"
BOOTSTRAP = "Modules/Setup.bootstrap.in"
STDLIB = "Modules/Setup.stdlib.in"
SETUP = "Modules/Setup"

# "@MODULE__SSL_TRUE@_ssl _ssl.c": configure makes a comment of the line when the module cannot be built. 3.11 has some
# of these lines commented out for good ("#@MODULE__CTYPES_TRUE@…"), because setup.py builds those modules there.
_CONDITION = re.compile(r"#?@MODULE_\w+_TRUE@")
_INITTAB_ENTRY = re.compile(r'\{\s*"(\w+)"\s*,\s*(\w+)\s*\}')
_TAG = re.compile(r"\*.*\*")


@dataclass(frozen=True)
class ModuleLine:
    """A module of a Setup file: the words after its name are source files and flags, as CPython wrote them."""

    name: str
    words: tuple[str, ...]
    file: str


@dataclass(frozen=True)
class SetupFiles:
    """CPython's modules by where they stand. ``source`` is the archive or directory that was read.

    ``core`` are the entries of config.c.in with their init functions (None for NULL).
    """

    source: Path
    version: str
    core: Mapping[str, str | None]
    bootstrap: Mapping[str, ModuleLine]
    stdlib: Mapping[str, ModuleLine]
    setup: Mapping[str, ModuleLine]

    def places(self) -> dict[str, str]:
        """Return the file that names each module."""
        lines = {**self.setup, **self.stdlib, **self.bootstrap}
        return {**{name: line.file for name, line in lines.items()}, **dict.fromkeys(self.core, CONFIG)}


def cpython_version(archive_or_directory: Path) -> str:
    """Return the version that CPython's patchlevel.h says, such as ``3.13.5`` or ``3.15.0a3``."""
    return _parse_version(archive_or_directory, _read_members(archive_or_directory, (PATCHLEVEL,))[PATCHLEVEL])


def read_setup_files(archive_or_directory: Path) -> SetupFiles:
    """Read CPython's Setup files. Raises SourceError if it is no CPython source."""
    texts = _read_members(archive_or_directory, (PATCHLEVEL, CONFIG, BOOTSTRAP, STDLIB, SETUP))
    return SetupFiles(
        source=archive_or_directory,
        version=_parse_version(archive_or_directory, texts[PATCHLEVEL]),
        core=parse_inittab(texts[CONFIG]),
        bootstrap=parse_setup(texts[BOOTSTRAP], BOOTSTRAP),
        stdlib=parse_setup(texts[STDLIB], STDLIB),
        setup=parse_setup(texts[SETUP], SETUP),
    )


def parse_inittab(text: str) -> dict[str, str | None]:
    """Return the inittab entries of config.c or config.c.in; the init function is None where the table says NULL."""
    table = text.partition("_PyImport_Inittab[]")[2]
    return {name: None if init == "NULL" else init for name, init in _INITTAB_ENTRY.findall(table)}


def parse_setup(text: str, file: str) -> dict[str, ModuleLine]:
    """Return the modules of a Setup file, commented-out examples left aside; the first line for a name wins."""
    lines: dict[str, ModuleLine] = {}
    for line in text.replace("\\\n", " ").splitlines():
        line = _CONDITION.sub("", line.strip()).partition("#")[0].strip()
        if not line or "=" in line or line.startswith("include ") or _TAG.fullmatch(line):
            continue
        name, *words = line.split()
        if not name.isidentifier():
            raise ExtensionModuleError(f"{file}: this line cannot be understood", found=repr(line),
                                       expected="MODULE SOURCE… FLAG…")  # fmt: skip
        lines.setdefault(name, ModuleLine(name, tuple(words), file))
    return lines


def _parse_version(source: Path, patchlevel: str) -> str:
    match = re.search(r'^#define\s+PY_VERSION\s+"([^"]+)"', patchlevel, re.MULTILINE)
    if not match:
        raise SourceError(f"{source}: {PATCHLEVEL} does not define PY_VERSION", advice="is this CPython's source?")
    # A git checkout says "3.13.5+": it is built as what it follows.
    return match[1].removesuffix("+")


def _read_members(source: Path, names: tuple[str, ...]) -> dict[str, str]:
    texts = _read_directory(source, names) if source.is_dir() else _read_archive(source, names)
    missing = [name for name in names if name not in texts]
    if missing:
        raise SourceError(f"{source}: is not CPython's source", found=f"no {missing[0]}",
                          advice="give an unpacked release or a release tarball of CPython 3.11 or newer")  # fmt: skip
    return texts


def _read_directory(source: Path, names: tuple[str, ...]) -> dict[str, str]:
    return {name: (source / name).read_text(encoding="utf-8") for name in names if (source / name).is_file()}


def _read_archive(source: Path, names: tuple[str, ...]) -> dict[str, str]:
    texts: dict[str, str] = {}
    try:
        with tarfile.open(source, "r|*") as archive:
            for member in archive:
                name = member.name.removeprefix("./").partition("/")[2]
                if name in names and member.isfile():
                    stream = archive.extractfile(member)
                    assert stream is not None
                    texts[name] = stream.read().decode("utf-8")
                    if len(texts) == len(names):
                        break
    except (OSError, EOFError, tarfile.TarError, UnicodeDecodeError) as error:
        raise SourceError(f"{source}: cannot be read as a source archive", found=error) from error
    return texts
