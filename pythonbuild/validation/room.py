"""Where the built Python is run: an environment, a root filesystem, and fixed places in it.

Each room stands for something that users have (``config.model.ROOMS``): an ordinary system, a system with the oldest
glibc that the target allows, the oldest processor. The tree is at ``/sources`` (a path that nothing was built at),
read-only like everything else; ``/build`` is an empty directory that may be written to; this project's script is in
``/recipe``. On macOS there is one room, the machine itself: nothing else can be had there, and everything lies where it
lies.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pythonbuild.config.model import OLDEST_CPU, ROOMS, SYSTEM, Target
from pythonbuild.debian.glibc_floor import read_library, version_number
from pythonbuild.environments.base import Command, Environment, Mount

TREE = "/sources"
WORK = "/build"
SCRIPTS = "/recipe"
#: The name of a directory, see below.
LIBRARIES = "libraries"

#: Where the roots' loaders look for libraries.
_LIBRARY_PLACES = ("lib/*", "usr/lib/*", "lib64", "usr/lib64")
#: What Python calls macOS and its processor, and what targets do.
_SYSTEMS, _ARCHITECTURES = {"darwin": "macos"}, {"arm64": "aarch64"}
#: How much longer everything takes on an emulated processor.
_EMULATED_PATIENCE = 10.0


@dataclass(frozen=True)
class Room:
    """An environment and a root filesystem (None: the machine's own); ``work`` is an empty directory on the host.

    ``emulator`` is the command of the root that programs are given to, () for the machine's own processor.
    A directory ``libraries`` in ``work`` holds shared libraries that the system is to have besides its own.
    """

    environment: Environment
    root: Path | None
    root_digest: str
    work: Path
    emulator: tuple[str, ...] = ()

    @property
    def patience(self) -> float:
        """How many times longer than usual a program may take."""
        return _EMULATED_PATIENCE if self.emulator else 1.0

    @cached_property
    def glibc(self) -> str:
        """The version of the root's own glibc, "" where it has none."""
        for place in _LIBRARY_PLACES:
            for path in sorted(self.root.glob(f"{place}/libc.so.6") if self.root else ()):
                versions = {version_number(symbol.version) for symbol in read_library(path).symbols}
                return ".".join(map(str, max(version for version in versions if version)))
        return ""

    def has_library(self, soname: str) -> bool:
        """Tell whether the system has a library that is looked for by its soname."""
        places = ("lib", "usr/lib", *_LIBRARY_PLACES)
        own = (next(self.root.glob(f"{place}/{soname}"), None) if self.root else None for place in places)
        return (self.work / LIBRARIES / soname).is_file() or any(own)

    def run(self, top: Path, arguments: Sequence[str], scripts: Path, on_line: Callable[[str], None]) -> int:
        """Run a program of the tree ``top`` and return its exit status; ``arguments[0]`` is relative to ``top``."""
        more = (self.work / LIBRARIES).is_dir()
        mounts = (Mount(top, TREE), Mount(scripts, SCRIPTS), Mount(self.work, WORK, writable=True))
        fixed = self.environment.fixed_paths
        seen = {mount.target: mount.target if fixed else str(mount.source) for mount in mounts}
        work = seen[WORK]
        env = {"PATH": "/usr/bin:/bin", "HOME": work, "TMPDIR": work, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        return self.environment.run(
            Command(
                argv=(*self.emulator, f"{seen[TREE]}/{arguments[0]}", *(_placed(word, seen) for word in arguments[1:])),
                env={**env, **({"LD_LIBRARY_PATH": f"{work}/{LIBRARIES}"} if more else {})},
                cwd=work,
                mounts=mounts if fixed else (),
                root=self.root,
                root_digest=self.root_digest,
                label="validate",
            ),
            on_line=on_line,
        )


def _placed(word: str, seen: Mapping[str, str]) -> str:
    """Return an argument that names something in one of the room's places as it is called there."""
    for place, real in seen.items():
        if word == place or word.startswith(f"{place}/"):
            return real + word.removeprefix(place)
    return word


def make_rooms(
    target: Target, environment: Environment, root: Callable[[str], tuple[Path, str]], work: Path
) -> dict[str, Room | str]:
    """Return the rooms of a target, or the reason why there is none.

    ``root`` gives the directory and the digest of a root filesystem by its name; ``work`` is an empty directory.
    """
    if why := runs_here(target):
        return dict.fromkeys(ROOMS, why)
    rooms: dict[str, Room | str] = {}
    for name in ROOMS:
        if name == SYSTEM and target.os == "macos":
            place = work / name
            place.mkdir()
            rooms[name] = Room(environment, None, "", place)
            continue
        if name not in target.rooms:
            rooms[name] = f"targets.yml names no root filesystem for it ({target.triple})"
            continue
        place = work / name
        place.mkdir()
        emulator = _emulator(target) if name == OLDEST_CPU else ()
        rooms[name] = Room(environment, *root(target.rooms[name]), place, emulator)
    return rooms


def runs_here(target: Target) -> str:
    """Return why this machine cannot run what is built for a target, "" if it can."""
    machine = platform.machine()
    if (_SYSTEMS.get(sys.platform, sys.platform), _ARCHITECTURES.get(machine, machine)) == (target.os, target.arch):
        return ""
    return f"programs for {target.triple} do not run on this machine"


def _emulator(target: Target) -> tuple[str, ...]:
    """Return the command that runs programs on the oldest processor; the root has Debian's qemu-user-static."""
    return (f"/usr/bin/qemu-{target.arch}-static", "-cpu", target.oldest_cpu)
