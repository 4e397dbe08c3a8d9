"""Gets the packages that the tests install, by pip with the machine's own configuration; every file named by its hash.

Inside there is no network, so all of it is fetched first, into one directory that pip is then pointed to.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

_REQUIREMENTS = Path(__file__).with_name("requirements")


def fetch_packages(version: str, cache: Path) -> Path:
    """Return a directory with the wheels for CPython ``version`` (such as 3.13), the tools and the sdists."""
    lists = sorted(_REQUIREMENTS.glob("*.txt"))
    key = hashlib.sha256(version.encode() + b"".join(path.read_bytes() for path in lists)).hexdigest()[:16]
    directory = cache / "tests" / f"packages-{key}"
    if directory.exists():
        return directory
    beside = directory.with_name(f"{directory.name}.{os.getpid()}")
    tag = f"cp{version.replace('.', '')}"
    wheels = ["--only-binary=:all:", "--python-version", version, "--platform", "manylinux2014_x86_64",
              "--implementation", "cp", "--abi", tag, "--abi", "abi3", "--abi", "none"]  # fmt: skip
    try:
        _download("packages", beside, *wheels)
        _download("tools", beside, *wheels)
        _download_sdists(beside)
        beside.rename(directory)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return directory


def _download_sdists(directory: Path) -> None:
    """pip asks a source archive for its metadata even when it only fetches it; the pinned setuptools answers."""
    setuptools = directory / "setuptools"
    run_pip(["install", "--no-index", "--find-links", str(directory), "--target", str(setuptools), "setuptools"])
    _download("sdists", directory, "--no-binary=:all:", "--no-build-isolation", PYTHONPATH=str(setuptools))
    shutil.rmtree(setuptools)


def _download(name: str, directory: Path, *flags: str, **variables: str) -> None:
    requirements = str(_REQUIREMENTS / f"{name}.txt")
    argv = ["download", "--no-deps", "--require-hashes", "--dest", str(directory), "--requirement", requirements]
    run_pip([*argv, *flags], **variables)


def run_pip(arguments: list[str], **variables: str) -> None:
    """Run pip; variables are added to its environment."""
    argv = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, **variables})
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"
