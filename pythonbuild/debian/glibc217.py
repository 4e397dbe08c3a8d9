"""A real glibc 2.17 for a root filesystem, to run what was built on the oldest system that it promises.

No distribution of that age is needed: the PyPI package ``ppbt`` (pinned in sources.yml) carries a cross toolchain with
a complete glibc 2.17. Used by checks only, never by a build.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pythonbuild.errors import SourceError

_TOOLCHAIN = "ppbt/_toolchain/x86_64-linux-gnu.tar.xz"
_SYSROOT = PurePosixPath("x86_64-linux-gnu/x86_64-linux-gnu/sysroot")
_LOADER = "lib64/ld-linux-x86-64.so.2"
#: Of GCC, not of glibc: a program that needs them would only seem to run on every such system.
_NOT_GLIBC = ("libatomic", "libitm", "libstdc++")


def add_glibc217(wheel: Path, root: Path) -> None:
    """Put the C library, its loader and ``getconf`` into a root that has no C library. Raises SourceError."""
    for name in ("lib", "usr/bin"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "lib64").symlink_to("lib")
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(_TOOLCHAIN) as packed,
            tarfile.open(fileobj=packed, mode="r|xz") as tar,
        ):
            for entry in tar:
                _extract(tar, entry, root)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise SourceError(f"{wheel.name}: no glibc 2.17 in it", found=error) from error
    if not (root / _LOADER).exists():
        raise SourceError(f"{wheel.name}: no glibc 2.17 in it", found=f"no {_LOADER}")


def _extract(tar: tarfile.TarFile, entry: tarfile.TarInfo, root: Path) -> None:
    """Take the shared libraries of lib and the program getconf."""
    path = PurePosixPath(entry.name)
    if path.parent not in (_SYSROOT / "lib", _SYSROOT / "usr/bin"):
        return
    place = root / path.relative_to(_SYSROOT)
    if (".so" not in path.name and path.name != "getconf") or path.name.startswith(_NOT_GLIBC):
        return
    if entry.issym() and "/" not in entry.linkname:
        place.symlink_to(entry.linkname)
    elif entry.isreg() and (content := tar.extractfile(entry)):
        place.write_bytes(content.read())
        place.chmod(0o755)


def run_argv(root: Path, program: Path, arguments: Sequence[str] = ()) -> list[str]:
    """Return a command line that runs a program of this machine on the root's glibc, without a chroot."""
    return [str(root / _LOADER), "--library-path", str(root / "lib"), str(program), *arguments]
