"""The packages that pyperformance's benchmarks import, for one series of Python.

One directory for each series and ABI, below the cache directory, from requirements/benchmarks.txt: all interpreters of
a series import the same files, which pip has checked by their hashes. pip runs here, with this machine's configuration,
not in the interpreters: they have no network, and a distributor's Python may have no pip. Only wheels are taken:
building one would bring in tools that no hash pins. What has no wheel for a series is left away, and the benchmarks
that import it will be left out by name.
"""

from __future__ import annotations

import hashlib
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.peers import HERE, PACKAGES, REPOSITORY, SCRIPTS, BenchmarkError, Peer, Rooms
from pythonbuild.environments.base import Mount

REQUIREMENTS = REPOSITORY / "requirements" / "benchmarks.txt"

#: What wheels call the C libraries that the room's can stand in for; pip takes the first that fits.
_GLIBCS = ("2_34", "2_28", "2_27", "2_26", "2_24", "2_17", "2_12", "2_5")
_OLD_NAMES = ("2014", "2010", "1")

_MISSING = re.compile(r"No matching distribution found for ([A-Za-z0-9._-]+)==")
_ONLY_PYTHON = re.compile(r" ; python_(?:full_)?version [^\\\n]*")


def packages_for(peer: Peer, rooms: Rooms, note: Callable[[str], None]) -> Path:
    """Return the directory of an interpreter's series."""
    lock = REQUIREMENTS.read_text(encoding="utf-8")
    series = f"{peer.facts.series}{peer.facts.abi}"

    def make(directory: Path) -> None:
        note(f"installing pyperformance and what its benchmarks import for Python {series} (once)")
        for name in install(for_every_python(lock), peer, directory):
            note(f"no wheel of {name} for Python {series}")
        peer.run(("-I", f"{SCRIPTS}/compile_modules.py", PACKAGES),
                 (Mount(directory, PACKAGES, writable=True), Mount(HERE, SCRIPTS)))  # fmt: skip

    return rooms.prepared(f"packages-{series}-{hashlib.sha256(lock.encode()).hexdigest()[:16]}", make)


def for_every_python(lock: str) -> str:
    """Return a lock without conditions on Python: pip would ask them of the Python that it runs on itself."""
    return _ONLY_PYTHON.sub("", lock)


def install(lock: str, peer: Peer, directory: Path) -> list[str]:
    """Fill a directory; return the names of packages that have no wheel for this Python."""
    missing: list[str] = []
    while True:
        requirements = directory.with_name(f"{directory.name}.txt")
        requirements.write_text(without(lock, missing), encoding="utf-8")
        done = subprocess.run(_pip(peer, directory, requirements), capture_output=True, text=True, check=False)
        requirements.unlink()
        if not done.returncode:
            return missing
        found = _MISSING.search(done.stderr)
        if not found or found[1] in missing:
            lines = [line for line in done.stderr.splitlines() if "ERROR" in line] or ["no message"]
            raise BenchmarkError("pip cannot install requirements/benchmarks.txt", found=lines[-1],
                                 advice="it needs a network or an index (pip config list)")  # fmt: skip
        missing.append(found[1])


def without(lock: str, names: list[str]) -> str:
    """Return a lock without some packages: each is a line that ends in a backslash, and indented lines."""
    kept, keep = [], True
    for line in lock.splitlines(keepends=True):
        if line[:1].strip() and not line.startswith("#"):
            keep = re.split(r"[=\s]", line, maxsplit=1)[0] not in names
        if keep:
            kept.append(line)
    return "".join(kept)


def _pip(peer: Peer, directory: Path, requirements: Path) -> list[str]:
    machine = platform.machine()
    platforms = [f"manylinux_{glibc}_{machine}" for glibc in _GLIBCS]
    platforms += [f"manylinux{name}_{machine}" for name in _OLD_NAMES]
    series = peer.facts.series.replace(".", "")
    abis = [f"cp{series}{peer.facts.abi}", "none"] + ([] if "t" in peer.facts.abi else ["abi3"])
    return [
        sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-compile",
        "--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", str(directory),
        "--python-version", peer.facts.series, "--implementation", "cp", "--upgrade",
        *(word for name in abis for word in ("--abi", name)),
        *(word for name in platforms for word in ("--platform", name)),
        "--requirement", str(requirements),
    ]  # fmt: skip
