"""Which patches a recipe applies, told from its folders: by the same conditions as its scripts.

``patches/`` are applied to whatever the source is (driver.sh does it). Of the other folders the recipe decides; what it
decides by is in :data:`CONDITIONS`, and a folder that is not there is an error, so that no patch goes untold.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pythonbuild.config.model import Recipe
from pythonbuild.errors import DistributionError

#: Returns the text of a file of the source, its top directory stripped; "" if there is none.
ReadSource = Callable[[str], str]


@dataclass(frozen=True)
class Patch:
    """A patch as it was applied; ``path`` is relative to the checkout."""

    path: str
    sha256: str
    text: str


def _of_3_13(version: str, _read: ReadSource) -> bool:
    return version.split(".")[1] == "13"


def _before_3_14(version: str, _read: ReadSource) -> bool:
    return int(version.split(".")[1]) < 14


def _old_ssl(_version: str, read: ReadSource) -> bool:
    return "BIO_eof(biobuf)" not in read("Modules/_ssl.c")


def _never_shipped(_version: str, _read: ReadSource) -> bool:
    """What is compiled for another system than it is built on is looked at, and goes into no distribution."""
    return False


CONDITIONS: Mapping[tuple[str, str], Callable[[str, ReadSource], bool]] = {
    ("cpython", "patches-3.13"): _of_3_13,
    ("cpython", "patches-before-3.14"): _before_3_14,
    ("cpython", "patches-cross"): _never_shipped,
    ("cpython", "patches-old-ssl"): _old_ssl,
}


def applied_patches(recipe: Recipe, repository: Path, version: str, read: ReadSource) -> tuple[Patch, ...]:
    """Return the patches that a recipe applies to a version of its source, in their order.

    Raises DistributionError for a folder of patches whose condition nobody has written down.
    """
    patches = []
    for folder in sorted(path for path in recipe.directory.glob("patches*") if path.is_dir()):
        if folder.name != "patches":
            condition = CONDITIONS.get((recipe.name, folder.name))
            if condition is None:
                raise DistributionError(f"{folder}: nothing says when these patches are applied",
                                        advice="add it to pythonbuild/distribution/patches.py")  # fmt: skip
            if not condition(version, read):
                continue
        for file in sorted(folder.glob("*.patch")):
            content = file.read_bytes()
            patches.append(Patch(file.relative_to(repository).as_posix(), hashlib.sha256(content).hexdigest(),
                                 content.decode("utf-8")))  # fmt: skip
    return tuple(patches)


def read_from(archive: Path) -> ReadSource:
    """Return a reader of single files of a source archive, or of a source directory."""

    def read(name: str) -> str:
        if archive.is_dir():
            file = archive / name
            return file.read_text("utf-8", "replace") if file.is_file() else ""
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isreg() and member.name.partition("/")[2] == name:
                    content = tar.extractfile(member)
                    return content.read().decode("utf-8", "replace") if content else ""
        return ""

    return read
