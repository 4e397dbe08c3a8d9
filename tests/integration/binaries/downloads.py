"""Gets wheels for other systems, by pip with the machine's own configuration; every file named by its hash.

``wheels/PLATFORM.txt`` lists those of a platform, as pip calls it; ``any.txt`` those that are for all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from pathlib import Path

from tests.integration.ecosystem.downloads import run_pip

_LISTS = Path(__file__).with_name("wheels")
PLATFORMS = tuple(sorted(path.stem for path in _LISTS.glob("*.txt")))


def fetch_wheels(cache: Path) -> Path:
    """Return a directory with a directory of wheels for each platform."""
    lists = sorted(_LISTS.glob("*.txt"))
    key = hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in lists)).hexdigest()[:16]
    directory = cache / "tests" / f"wheels-{key}"
    if directory.exists():
        return directory
    beside = directory.with_name(f"{directory.name}.{os.getpid()}")
    try:
        for path in lists:
            run_pip(["download", "--no-deps", "--require-hashes", "--only-binary=:all:", "--python-version", "3.13",
                     "--implementation", "cp", "--abi", "cp313", "--abi", "none", "--platform", path.stem,
                     "--dest", str(beside / path.stem), "--requirement", str(path)])  # fmt: skip
        beside.rename(directory)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return directory


def files_of(wheels: Path, platform: str, package: str) -> dict[str, bytes]:
    """Return the files of one package's wheel by their paths."""
    (path,) = (wheels / platform).glob(f"{package}-*.whl")
    with zipfile.ZipFile(path) as wheel:
        return {info.filename: wheel.read(info) for info in wheel.infolist() if not info.is_dir()}
