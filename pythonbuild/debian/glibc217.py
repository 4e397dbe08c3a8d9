"""A root filesystem with a real glibc 2.17, for running what was built on the oldest system that it promises.

No distribution of that age is needed: the PyPI package ``ppbt`` carries a cross toolchain with a complete glibc 2.17.
The root has the C library and nothing else, not even a shell; a program runs in it with every directory of its own
mounted, or directly from this machine through the loader (:func:`run_argv`). Used by checks only, never by a build.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pythonbuild.errors import FetchError

_PACKAGE = "ppbt==0.1.8"
_SHA256 = "cdc534b53f052ff32812ea7167afd3393068b1dab92c63546b38353c286aac73"
_TOOLCHAIN = "ppbt/_toolchain/x86_64-linux-gnu.tar.xz"
_SYSROOT = PurePosixPath("x86_64-linux-gnu/x86_64-linux-gnu/sysroot")
_LOADER = "lib64/ld-linux-x86-64.so.2"
#: Of GCC, not of glibc: a program that needs them would only seem to run on every such system.
_NOT_GLIBC = ("libatomic", "libitm", "libstdc++")
_DIRECTORIES = ("build", "dev", "etc", "out", "proc", "recipe", "root", "sources", "tmp", "tools", "usr/bin")


def glibc217_root(destination: Path, cache: Path) -> Path:
    """Make the root at ``destination`` (unless it is there already) and return it.

    ``cache`` is a directory for the downloaded wheel. Raises FetchError if pip cannot get it.
    """
    if (destination / _LOADER).exists():
        return destination
    wheel = _download(cache)
    beside = destination.with_name(destination.name + ".new")
    shutil.rmtree(beside, ignore_errors=True)
    for name in _DIRECTORIES:
        (beside / name).mkdir(parents=True)
    (beside / "lib").mkdir()
    (beside / "lib64").symlink_to("lib")
    (beside / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n", encoding="utf-8")
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(_TOOLCHAIN) as packed,
        tarfile.open(fileobj=packed, mode="r|xz") as tar,
    ):
        for entry in tar:
            _extract(tar, entry, beside)
    shutil.rmtree(destination, ignore_errors=True)
    beside.rename(destination)
    return destination


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


def _download(cache: Path) -> Path:
    cache.mkdir(parents=True, exist_ok=True)
    requirements = cache / "glibc217.txt"
    requirements.write_text(f"{_PACKAGE} --hash=sha256:{_SHA256}\n", encoding="utf-8")
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    result = subprocess.run([*argv, "--dest", str(cache), "--requirement", str(requirements)], capture_output=True,
                            text=True, check=False)  # fmt: skip
    wheels = sorted(cache.glob("ppbt-0.1.8-*.whl"))
    if result.returncode != 0 or not wheels:
        lines = result.stderr.strip().splitlines()
        raise FetchError(f"{_PACKAGE}: pip could not get it", found=lines[-1] if lines else "no wheel")
    return wheels[0]


def run_argv(root: Path, program: Path, arguments: Sequence[str] = ()) -> list[str]:
    """Return a command line that runs a program of this machine on the root's glibc, without a chroot."""
    return [str(root / _LOADER), "--library-path", str(root / "lib"), str(program), *arguments]
