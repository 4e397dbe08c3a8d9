"""The programs and libraries of an installation for macOS or Windows, read once for all checks.

A file that cannot be read is no reason to leave the others alone: what is wrong with it is kept beside its name, the
checks ``macho-readable`` and ``pe-readable`` tell it, and the other checks look at what could be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pythonbuild.distribution.machofile import OBJECT, Slice, is_macho, read_slices
from pythonbuild.distribution.objectfile import ObjectFileError
from pythonbuild.distribution.peimage import PeImage, read_image

#: Debug information in a file of its own, which nothing loads.
_DSYM = 10
_MACHO_SUFFIXES = (".dylib", ".so")
_PE_SUFFIXES = (".exe", ".dll", ".pyd")


@dataclass(frozen=True)
class MachOFile:
    """A file that dyld may load: its path relative to ``python/``, its slices, and why there are none ("": it has)."""

    path: str
    slices: tuple[Slice, ...]
    problem: str = ""

    def named_slices(self) -> Iterator[tuple[str, Slice]]:
        """Yield each slice with its name in findings: the path, and the processor where there are several."""
        for part in self.slices:
            yield f"{self.path} ({part.arch})" if len(self.slices) > 1 else self.path, part


@dataclass(frozen=True)
class PeFile:
    """A file that Windows may load: its path relative to ``python/``, and why it could not be read ("": it was)."""

    path: str
    image: PeImage | None
    problem: str = ""


def read_macho_files(install: Path, top: Path, interpreter: str) -> tuple[MachOFile, ...]:
    """Read all Mach-O files of an installation that are no plain objects, and what has to be one by its name.

    ``interpreter`` is the path that PYTHON.json names, "" where there is none.
    """
    found = []
    for path in _files(install, (".a", ".o")):
        name = path.relative_to(top).as_posix()
        if is_macho(path):
            found.append(_macho_file(path, name))
        elif path.suffix in _MACHO_SUFFIXES or name == interpreter:
            found.append(MachOFile(name, (), f"{name}: no Mach-O file"))
    return tuple(file for file in found if not any(part.kind in (OBJECT, _DSYM) for part in file.slices))


def _macho_file(path: Path, name: str) -> MachOFile:
    try:
        return MachOFile(name, read_slices(path.read_bytes(), name))
    except ObjectFileError as error:
        return MachOFile(name, (), str(error))


def read_pe_files(install: Path, top: Path, interpreter: str) -> tuple[PeFile, ...]:
    """Read all programs and DLLs of an installation. ``interpreter`` as above.

    Programs below ``site-packages`` are templates that pip and setuptools bring for every processor.
    """
    found = []
    for path in _files(install, ()):
        name = path.relative_to(top).as_posix()
        template = path.suffix == ".exe" and "site-packages" in path.parts
        if name == interpreter or (path.suffix.lower() in _PE_SUFFIXES and not template):
            try:
                found.append(PeFile(name, read_image(path.read_bytes(), name)))
            except ObjectFileError as error:
                found.append(PeFile(name, None, str(error)))
    return tuple(found)


def _files(install: Path, without: tuple[str, ...]) -> Iterator[Path]:
    for path in sorted(install.rglob("*")):
        if not path.is_symlink() and path.is_file() and path.suffix not in without:
            yield path
