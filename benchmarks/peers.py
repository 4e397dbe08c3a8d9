"""The interpreters that are compared, and the room in which they run.

An interpreter is named by

    debian:trixie        the distribution's own python3.13, of pinned packages (cpython-unix/roots/trixie.yml)
    cpython-….tar.zst    an archive of ours, of any kind
    /usr/bin/python3     a Python of a system: one below a ``usr`` runs with all of that system's /usr
    /any/bin/python3     a Python with its installation in one directory

All of them run in the sandbox, with the same file system but for themselves, the same environment, limits and user, and
no network. All but those of another system share Debian trixie's C library, so that what is compared is Python: an
archive of ours is mounted into the very root that Debian's Python is part of. One with its own /usr has its own C
library, as it has on its system.

Each starts from compiled modules, as it does after its installation or its first use: Debian's packages compile
theirs in a maintainer script, which unpacking does not run, and a mounted tree cannot be written to. What is missing
is compiled once, by the interpreter itself, into a copy below the cache directory.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pythonbuild.distribution.archive import read_members, unpack
from pythonbuild.engine.files import FileLock, remove_tree
from pythonbuild.engine.store import Store
from pythonbuild.engine.workdir import WorkDirectory
from pythonbuild.environments.base import Command, Environment, Mount
from pythonbuild.environments.select import choose
from pythonbuild.errors import BuildError, UsageError
from pythonbuild.provisions import locked_root
from pythonbuild.testsuite.other import other_bench
from pythonbuild.testsuite.running import Bench

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
#: Where things are inside.
TREE, SCRIPTS, PACKAGES, WORK = "/opt/python", "/recipe", "/tools", "/build"

_DEBIAN = {"debian:trixie": ("trixie", "3.13")}
#: No single turn of a benchmark takes a tenth of it on an idle machine.
_LIMIT_SECONDS = 600
_KEPT_SECONDS = 14 * 86400

#: What an interpreter tells of itself.
_ASK = """
import json, platform, sys, sysconfig
print(json.dumps({"version": platform.python_version(), "compiler": platform.python_compiler(),
                  "series": "%d.%d" % sys.version_info[:2], "abi": sys.abiflags, "libc": " ".join(platform.libc_ver()),
                  "options": sysconfig.get_config_var("CONFIG_ARGS") or ""}))
"""


class BenchmarkError(BuildError):
    """A benchmark that cannot be run."""

    reason = "benchmark"


@dataclass(frozen=True)
class Facts:
    """What an interpreter tells of itself."""

    version: str
    compiler: str
    series: str
    abi: str
    libc: str
    options: str


@dataclass(frozen=True)
class Peer:
    """An interpreter in its room. ``work`` is a directory of the host that it sees at /build and may write to."""

    name: str
    python: str
    environment: Environment
    root: Path
    root_digest: str
    work: Path
    mounts: tuple[Mount, ...] = ()
    facts: Facts = field(default=Facts("", "", "", "", "", ""))

    def run(self, argv: Sequence[str], mounts: Sequence[Mount] = (), **variables: str) -> str:
        """Let the interpreter run with arguments and return what it wrote.

        Raises BenchmarkError with its last line when it fails.
        """
        env = {"PATH": "/usr/bin:/bin", "HOME": WORK, "LANG": "C.UTF-8", "TERM": "dumb", **variables}
        everything = (Mount(self.work, WORK, writable=True), *self.mounts, *mounts)
        lines: list[str] = []
        command = Command(("timeout", str(_LIMIT_SECONDS), self.python, *argv), env, WORK, everything, self.root,
                          self.root_digest, "benchmark")  # fmt: skip
        status = self.environment.run(command, on_line=lines.append)
        if status:
            last = next((line.strip() for line in reversed(lines) if line.strip()), f"exit status {status}")
            raise BenchmarkError(f"{self.name} failed", found=last[:300])
        return "\n".join(lines)


class Rooms:
    """Makes peers of names, below one cache directory."""

    def __init__(self, cache: Path, store: Store, environment: Environment, work: WorkDirectory,
                 note: Callable[[str], None]) -> None:  # fmt: skip
        self._cache = cache
        self._home = cache / "benchmarks"
        self._store = store
        self._environment = environment
        self._work = work
        self._note = note
        self._trixie: tuple[Path, str] | None = None
        self._count = 0

    def peer(self, argument: str) -> Peer:
        """Return the interpreter of a command line's argument. Raises UsageError for what is none."""
        self._count += 1
        work = self._work.subdirectory(f"{self._count}")
        (work / "build").mkdir()
        if argument in _DEBIAN:
            peer = self._distributor(argument, work / "build")
        elif ".tar" in Path(argument).name:
            peer = self._archive(Path(argument), work / "build")
        else:
            peer = self._program(Path(argument), work / "build")
        facts = Facts(**json.loads(peer.run(("-I", "-c", _ASK))))
        return replace(peer, facts=facts)

    def prepared(self, key: str, make: Callable[[Path], None]) -> Path:
        """Return a directory of the cache that was made once; ``make`` fills it, and fails as a whole or not at all."""
        path = self._home / key
        self._home.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._home / f"{key}.lock")
        lock.acquire()
        try:
            if not path.exists():
                beside = self._work.subdirectory("beside")
                make(beside)
                beside.rename(path)
            os.utime(path)
        finally:
            lock.release(remove=True)
        return path

    def remove_stale(self) -> None:
        """Remove what no run has used for two weeks: interpreters of former builds, above all."""
        for path in self._home.glob("*/"):
            if time.time() - path.stat().st_mtime > _KEPT_SECONDS:
                remove_tree(path)

    def _room(self) -> tuple[Path, str]:
        if self._trixie is None:
            self._trixie = locked_root(REPOSITORY, "trixie", "amd64", self._store, self._environment, self._cache,
                                       self._note)  # fmt: skip
        return self._trixie

    def _distributor(self, argument: str, work: Path) -> Peer:
        root, digest = self._room()
        series = _DEBIAN[argument][1]
        library = f"/usr/lib/python{series}"
        bare = Peer(argument, f"/usr/bin/python{series}", self._environment, root, digest, work)

        def make(directory: Path) -> None:
            shutil.copytree(root / library[1:], directory, symlinks=True, dirs_exist_ok=True)
            self.compile_modules(bare, directory, library)

        compiled = self.prepared(f"library-{digest[:16]}", make)
        return Peer(argument, bare.python, self._environment, root, digest, work, (Mount(compiled, library),))

    def _archive(self, archive: Path, work: Path) -> Peer:
        if not archive.is_file():
            raise UsageError(f"{archive}: no such archive")
        root, digest = self._room()
        status = archive.stat()

        def make(directory: Path) -> None:
            unpack(archive, directory)
            remove_tree(directory / "python" / "build")  # objects and libraries for linking: nothing that runs
            for member in read_members(archive):  # a compiled module names the time of its source
                if member.info.isfile() and (directory / member.name).exists():
                    os.utime(directory / member.name, (member.info.mtime, member.info.mtime))
            install = directory / "python" / "install"
            install = install if install.is_dir() else directory / "python"
            bare = Peer(archive.name, f"{TREE}/bin/python3", self._environment, root, digest, work)
            for library in (install / "lib").glob("python3.*"):
                self.compile_modules(bare, install, TREE, f"{TREE}/lib/{library.name}")

        name = f"{archive.name.partition('.tar')[0]}-{status.st_size}-{status.st_mtime_ns:x}"
        top = self.prepared(name, make) / "python"
        install = top / "install" if (top / "install").is_dir() else top
        return Peer(archive.name.partition(".tar")[0], f"{TREE}/bin/python3", self._environment, root, digest, work,
                    (Mount(install, TREE),))  # fmt: skip

    def _program(self, path: Path, work: Path) -> Peer:
        if not path.is_file() or not os.access(path, os.X_OK):
            raise UsageError(f"{path}: not an interpreter", expected=f"a Python, an archive, or {', '.join(_DEBIAN)}")
        root, digest = self._room()
        python = path.resolve()
        if "usr" in (parent.name for parent in python.parents):
            bench = other_bench(Bench(self._environment, root, digest, work, ""), python)
            return Peer(str(path), bench.python, self._environment, bench.root or root, bench.root_digest, work,
                        bench.mounts)  # fmt: skip
        if python.parent.name != "bin":
            raise UsageError(f"{path}: where is its installation?", expected="DIRECTORY/bin/python3")
        return Peer(str(path), f"{TREE}/bin/{python.name}", self._environment, root, digest, work,
                    (Mount(python.parent.parent, TREE),))  # fmt: skip

    def compile_modules(self, peer: Peer, directory: Path, target: str, library: str = "") -> None:
        """Let an interpreter compile what lacks its compiled form in a directory, which it sees at ``target``."""
        count = peer.run(("-I", f"{SCRIPTS}/compile_modules.py", library or target),
                         (Mount(directory, target, writable=True), Mount(HERE, SCRIPTS)))  # fmt: skip
        self._note(f"{peer.name}: {count} modules compiled (once)")


@contextlib.contextmanager
def rooms(cache: Path, note: Callable[[str], None]) -> Iterator[Rooms]:
    """Yield what makes peers; their rooms end with the block."""
    cache = cache.resolve()
    environment = choose("sandbox", note, cache)
    work = WorkDirectory(cache / "work", "benchmark")
    try:
        with Store(cache) as store:
            made = Rooms(cache, store, environment, work, note)
            made.remove_stale()
            yield made
    finally:
        environment.close()
        work.close()


def unique_names(names: Sequence[str]) -> Mapping[int, str]:
    """Return a short name for each position: an archive's options and digest say more than its target."""
    short = [name.replace("-x86_64-unknown-linux-gnu", "") for name in names]
    return {i: name if short.count(name) == 1 else f"{name} ({i + 1})" for i, name in enumerate(short)}
