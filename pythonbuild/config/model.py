"""The configuration as frozen, typed objects. Floor 0: everybody may use them, they use nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: Keeps every state that the distribution's archive ever had: ``<base>/<timestamp>/pool/main/…``.
SNAPSHOT_ARCHIVE = "https://snapshot.debian.org/archive/debian"

#: What a distribution is run in: an ordinary system, one with the oldest C library, the oldest processor.
ROOMS = (SYSTEM, GLIBC_FLOOR, OLDEST_CPU) = ("system", "glibc-floor", "oldest-cpu")


@dataclass(frozen=True)
class Pin:
    """One upstream release archive, fixed by its sha256.

    ``urls`` are upstream's own addresses; ``pool_path`` is the file's path below a Debian mirror's base (the
    distribution archive's copy), ``""`` if it has none; ``pypi`` is ``name==version`` of the Python package that the
    file is of, which pip can get. ``size`` in bytes.
    """

    source: str
    version: str
    filename: str
    sha256: str
    size: int
    urls: tuple[str, ...] = ()
    pool_path: str = ""
    pypi: str = ""


@dataclass(frozen=True)
class ReleaseIndex:
    """Where upstream lists its releases: a page and a regular expression whose first group is a version in it."""

    url: str
    pattern: str


@dataclass(frozen=True)
class Source:
    """A named upstream project and its pins, newest first; ``licence`` is an SPDX expression.

    ``licence_files`` are paths inside the unpacked archive (its top directory stripped). ``release_index`` is what
    ``update`` reads. ``cpe`` is ``vendor:product`` in the names by which lists of vulnerabilities call it, "" for what
    is in none.
    """

    name: str
    title: str
    homepage: str
    licence: str
    licence_files: tuple[str, ...]
    pins: tuple[Pin, ...]
    notes: str = ""
    release_index: ReleaseIndex | None = None
    cpe: str = ""


@dataclass(frozen=True)
class SharedBuild:
    """How a recipe's package is built as shared libraries: ``<directory>/build.sh``.

    ``sonames`` maps the names that link lines call the libraries by (``ssl``) to upstream's sonames; ``{series}`` in
    one of them stands for the first two numbers of the version.
    """

    directory: Path
    sonames: Mapping[str, str]
    weight: float


@dataclass(frozen=True)
class Recipe:
    """How one package is built: ``<directory>/build.sh`` and what it needs.

    ``source`` names an entry of the sources file ("" for recipes without one); ``needs`` are other recipes whose
    trees it sees under /tools; ``parameters`` become environment variables of the script; ``includes`` are further
    files and directories (repository-relative) seen in /recipe beside the script; ``lock`` names a package lock whose
    .deb files are seen in /sources. ``needs_on`` are its needs on systems where they are others. ``shared`` is how it
    is built as shared libraries, None where it cannot be.
    ``resumable``: its script leaves in /resume what an interrupted run can go on from; ``memory`` in MiB.
    """

    name: str
    directory: Path
    source: str
    needs: tuple[str, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    includes: tuple[Path, ...] = ()
    lock: str = ""
    weight: float = 30.0
    shared: SharedBuild | None = None
    resumable: bool = False
    memory: int = 512
    needs_on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class DarwinRules:
    """What programs for macOS have to keep to.

    ``minimum_os`` is the oldest macOS that each slice of a file has to run on (``x86_64``, ``arm64``); other slices are
    not allowed. ``library_versions`` maps each of the target's ``system_libraries`` to the compatibility version that
    the oldest system's has, "" where that does not matter. ``newer_symbols`` maps functions of the system to the macOS
    that was the first to have them. ``minimum_sdk`` is the oldest SDK that all this can be compiled with.
    """

    minimum_os: Mapping[str, str]
    library_versions: Mapping[str, str]
    newer_symbols: Mapping[str, str]
    minimum_sdk: str = ""


@dataclass(frozen=True)
class WindowsRules:
    """What programs for Windows have to keep to: ``subsystem_version`` is the newest version that they may ask for.

    ``import_libraries`` are libraries of the SDK, without their suffix, that may be linked with and have no DLL of
    their name among the target's ``system_libraries``.
    """

    subsystem_version: str
    import_libraries: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """What is built for.

    ``glibc_floor`` is a version such as ``2.17``; ``system_libraries`` are the sonames that shipped binaries may
    need; ``autoconf_host`` is the triple that configure scripts understand; ``environment`` are the compiler
    variables that every recipe's script gets; ``options`` are the build options that exist for this target, best
    last. ``rooms`` says in which root filesystem each of the :data:`ROOMS` is, ``oldest_cpu`` is the processor model
    of an emulator for the oldest processor that is allowed: what was built is run there. ``autoconf_build`` is the
    machine that it is built on, "" for one of the same kind.
    """

    triple: str
    os: str
    arch: str
    libc: str
    glibc_floor: str
    debian_architecture: str
    multiarch: str
    autoconf_host: str
    root: str
    sysroot: str
    environment: Mapping[str, str]
    system_libraries: tuple[str, ...]
    options: tuple[str, ...]
    rooms: Mapping[str, str] = field(default_factory=dict)
    oldest_cpu: str = ""
    autoconf_build: str = ""
    darwin: DarwinRules | None = None
    windows: WindowsRules | None = None


@dataclass(frozen=True)
class Toolchain:
    """What a target is compiled with: a compiler, a linker and binary tools, and the root filesystem that they run in.

    ``kind`` is ``packaged`` (the compiler is in the root filesystem ``root``) or ``bootstrap`` (``recipes`` make it
    there, from source). ``compiler`` is ``clang`` or ``gcc``, ``series`` its release line. ``environment`` replaces
    variables of the target for everything that is compiled with it; ``making`` are the variables of the recipes that
    make it, and of the sysroot. ``sources`` says which source a recipe builds, where that is not its own. ``options``
    are the build options that it can do, () for all of the target's. One of ``kind`` machine is the machine's own, as
    it was found there: ``versions`` are those of its tools, ``programs`` paths of some by their variables.
    """

    name: str
    kind: str
    compiler: str
    series: str
    root: str
    environment: Mapping[str, str] = field(default_factory=dict)
    recipes: tuple[str, ...] = ()
    making: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    programs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LockedPackage:
    """One .deb of a lock: ``path`` is below a mirror's base, ``size`` in bytes."""

    name: str
    version: str
    architecture: str
    path: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Lock:
    """The .deb files that a root filesystem or a sysroot is made from, in their fixed unpacking order.

    ``snapshot`` is a snapshot archive's timestamp (``20261122T000000Z``) at which all of them could be had.
    ``locked`` is false if a package had to be replaced by another version because the locked one could be had nowhere.
    """

    name: str
    suite: str
    architecture: str
    snapshot: str
    packages: tuple[LockedPackage, ...]
    locked: bool = True


@dataclass(frozen=True)
class RootDescription:
    """What ``relock`` resolves and how the unpacked tree is finished.

    ``packages`` are the wanted packages (their dependencies follow); ``essential`` adds the distribution's essential
    set; ``exclude`` are packages that are left out even where something depends on them. ``drop`` are path patterns
    (``*`` matches slashes too) of files that are not unpacked. ``symlinks`` (path → target), ``directories`` and
    ``files`` (path → text) replace what maintainer scripts would have made. ``relock`` writes a lock per architecture.
    ``glibc`` names the source whose Python package brings the C library, "" where a Debian package does. ``paths`` are
    the files that say all this.
    """

    name: str
    suite: str
    packages: tuple[str, ...]
    exclude: tuple[str, ...]
    essential: bool
    dependencies: bool
    symlinks: Mapping[str, str] = field(default_factory=dict)
    directories: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ("amd64",)
    glibc: str = ""
    paths: tuple[Path, ...] = ()
