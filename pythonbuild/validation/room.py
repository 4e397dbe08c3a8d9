"""Where the built Python is run: an environment, a root filesystem, and fixed places in it.

Each room stands for something that users have (``config.model.ROOMS``): an ordinary system, a system with the oldest
glibc that the target allows, the oldest processor. The tree is at ``/sources`` (a path that nothing was built at),
read-only like everything else; ``/build`` is an empty directory that may be written to; this project's script is in
``/recipe``.

In ``native`` (macOS, Windows; on Linux where it is asked for) there is one room, the machine itself. Everything lies
where it lies; what is run is a copy of the installation, since there it can write beside its library.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from pythonbuild import host
from pythonbuild.config.model import OLDEST_CPU, ROOMS, SYSTEM, Target
from pythonbuild.debian.glibc_floor import read_library, version_number
from pythonbuild.environments.base import Command, Environment, Mount
from pythonbuild.environments.user import short_directory, user_variables

TREE = "/sources"
WORK = "/build"
SCRIPTS = "/recipe"
#: The name of a directory, see below.
LIBRARIES = "libraries"

#: Where the roots' loaders look for libraries.
_LIBRARY_PLACES = ("lib/*", "usr/lib/*", "lib64", "usr/lib64")
#: What Python calls systems and processors, and what targets do.
_SYSTEMS = {"darwin": "macos", "win32": "windows"}
_ARCHITECTURES = {"arm64": "aarch64", "amd64": "x86_64", "x86": "i686"}
#: What a processor's Windows runs besides its own programs. (macOS is asked.)
_EMULATED = {"x86_64": ("i686",), "aarch64": ("x86_64", "i686")}
#: How much longer everything takes on an emulated processor, and on a machine that does other things, looks for viruses
#: in every new program, or reads a copy for the first time.
_EMULATED_PATIENCE, _MACHINE_PATIENCE = 10.0, 5.0
#: Seconds after which whatever runs on the machine itself is ended; the suite ends itself before.
_LONGEST = 900.0


@dataclass(frozen=True)
class Room:
    """An environment and a root filesystem (None: the machine itself); ``work`` is an empty directory on the host.

    ``emulator`` is the command of the root that programs are given to, () for the machine's own processor.
    A directory ``libraries`` in ``work`` holds shared libraries that the system is to have besides its own.
    """

    environment: Environment
    root: Path | None
    root_digest: str
    work: Path
    emulator: tuple[str, ...] = ()
    _copies: dict[Path, Path] = field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def patience(self) -> float:
        """How many times longer than usual a program may take."""
        if self.environment.fixed_paths:
            return _EMULATED_PATIENCE if self.emulator else 1.0
        return _MACHINE_PATIENCE

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
        if not self.environment.fixed_paths:
            return self._run_here(top, arguments, scripts, on_line)
        more = (self.work / LIBRARIES).is_dir()
        env = {"PATH": "/usr/bin:/bin", "HOME": WORK, "TMPDIR": WORK, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        return self.environment.run(
            Command(
                argv=(*self.emulator, f"{TREE}/{arguments[0]}", *arguments[1:]),
                env={**env, **({"LD_LIBRARY_PATH": f"{WORK}/{LIBRARIES}"} if more else {})},
                cwd=WORK,
                mounts=(Mount(top, TREE), Mount(scripts, SCRIPTS), Mount(self.work, WORK, writable=True)),
                root=self.root,
                root_digest=self.root_digest,
                label="validate",
            ),
            on_line=on_line,
        )

    def _run_here(self, top: Path, arguments: Sequence[str], scripts: Path, on_line: Callable[[str], None]) -> int:
        """Run a program on the machine itself, as somebody who has an empty home and nothing else."""
        tree = self._own_copy(top, PurePosixPath(arguments[0]).parts[0])
        with short_directory(self.work) as home:
            seen = {TREE: tree, SCRIPTS: scripts, WORK: home}
            # Each system takes another one of them for the place of temporary files.
            temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(home))
            return self.environment.run(
                Command(
                    argv=(str(tree / arguments[0]), *(_placed(word, seen) for word in arguments[1:])),
                    env={**user_variables(str(home)), **temporary},
                    cwd=str(home),
                    mounts=(),
                    root=None,
                    root_digest="",
                    label="validate",
                    seconds=_LONGEST,
                ),
                on_line=on_line,
            )

    def _own_copy(self, top: Path, part: str) -> Path:
        """Return a directory with a copy of a part of the tree, which may be written to; it is made once."""
        if top not in self._copies:
            place = self.work / f"moved{len(self._copies)}"
            shutil.copytree(host.extended(top / part), host.extended(place / part), symlinks=True)
            self._copies[top] = place
        return self._copies[top]


def _placed(word: str, seen: Mapping[str, Path]) -> str:
    """Return an argument that names something in one of the room's places as it is called there."""
    for place, real in seen.items():
        if word == place or word.startswith(f"{place}/"):
            return str(real / word.removeprefix(place).lstrip("/"))
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
    if not environment.fixed_paths:
        return _machine_alone(environment, work)
    for name in ROOMS:
        if name not in target.rooms:
            rooms[name] = f"targets.yml names no root filesystem for it ({target.triple})"
            continue
        place = work / name
        place.mkdir()
        emulator = _emulator(target) if name == OLDEST_CPU else ()
        rooms[name] = Room(environment, *root(target.rooms[name]), place, emulator)
    return rooms


def _machine_alone(environment: Environment, work: Path) -> dict[str, Room | str]:
    """Return the one room of an environment that has no other system than the machine's own."""
    place = work / SYSTEM
    place.mkdir()
    none = f"there is one room in the environment {environment.name}, the machine itself"
    return {**dict.fromkeys(ROOMS, none), SYSTEM: Room(environment, None, "", place)}


def runs_here(target: Target) -> str:
    """Return why this machine cannot run what is built for a target, "" if it can."""
    system = _SYSTEMS.get(sys.platform, sys.platform)
    if runs_on(system, platform.machine(), target):
        return ""
    return f"programs for {target.triple} do not run on this {'machine' if system == target.os else 'system'}"


def runs_on(system: str, machine: str, target: Target) -> bool:
    """Tell whether a system (as targets call it) and a processor (as Python does) run what is built for a target."""
    own = _ARCHITECTURES.get(machine.lower(), machine)
    if system != target.os or own == target.arch:
        return system == target.os
    if system == "windows":
        return target.arch in _EMULATED.get(own, ())
    return target.darwin is not None and any(map(_apple_runs, target.darwin.minimum_os))


def _apple_runs(arch: str) -> bool:
    """Ask a Mac whether it runs programs for a processor; for Intel's, Rosetta may be there or not."""
    command = ["/usr/bin/arch", f"-{arch}", "/usr/bin/true"]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _emulator(target: Target) -> tuple[str, ...]:
    """Return the command that runs programs on the oldest processor; the root has Debian's qemu-user-static."""
    return (f"/usr/bin/qemu-{target.arch}-static", "-cpu", target.oldest_cpu)
