"""Where a pinned file may be had, in the order in which the places are tried.

A place is a file below a local directory, an address on a host, or pip. Which of them comes first is decided here and
nowhere else: the download cache is asked before all of them, then ``--source-dir``, upstream's addresses, the user's
mirrors, the distribution archive's pool, the snapshot archive, pip. A place is never trusted: what it gives is
verified.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from pythonbuild.config.model import SNAPSHOT_ARCHIVE, Pin
from pythonbuild.errors import UsageError


@dataclass(frozen=True)
class WantedFile:
    """A file named by its content; ``urls`` are its own addresses, ``pool_path`` its path below an archive's base.

    ``pypi`` is the release of the Python package that it is of.
    """

    filename: str
    sha256: str
    size: int
    urls: tuple[str, ...] = ()
    pool_path: str = ""
    pypi: str = ""

    @staticmethod
    def of(pin: Pin) -> WantedFile:
        return WantedFile(pin.filename, pin.sha256, pin.size, pin.urls, pin.pool_path, pin.pypi)

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return the names under which a directory may hold it."""
        names = [self.filename, PurePosixPath(self.pool_path).name]
        names += [PurePosixPath(unquote(urlsplit(url).path)).name for url in self.urls]
        return tuple(dict.fromkeys([*filter(None, names), self.sha256]))


@dataclass(frozen=True)
class Place:
    """One place: one of ``path``, ``url`` and ``pip`` is set. ``origin`` is what messages call it."""

    origin: str
    path: Path | None = None
    url: str = ""
    pip: bool = False

    @property
    def remote(self) -> bool:
        """Tell whether it needs the network."""
        return bool(self.url) or self.pip

    @property
    def shown(self) -> str:
        """Return the whole address for messages, without user name and password."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=self.origin).geturl() if self.url else str(self.path)


@dataclass(frozen=True)
class Places:
    """Everything but the file itself that decides where it is looked for.

    ``pool_bases`` is called when the first file was not had from upstream or a mirror: reading the machine's apt
    configuration is the caller's business. ``snapshot`` is a timestamp such as ``20261122T000000Z`` or ``""``.
    """

    source_dirs: tuple[Path, ...] = ()
    mirrors: tuple[str, ...] = ()
    pool_bases: Callable[[], Sequence[str]] = tuple
    snapshot: str = ""
    snapshot_archive: str = SNAPSHOT_ARCHIVE

    def __post_init__(self) -> None:
        for directory in self.source_dirs:
            if not directory.is_dir():
                raise UsageError(f"--source-dir: {directory} is not a directory")
        for mirror in self.mirrors:
            root = place_at(mirror, flag="--mirror").path
            if root and not root.is_dir():
                raise UsageError(f"--mirror: {root} is not a directory")

    def of(self, file: WantedFile) -> Iterator[Place]:
        """Yield the places of one file, best first."""
        for directory in self.source_dirs:
            for name in file.aliases:
                yield Place(str(directory / name), path=directory / name)
        for url in file.urls:
            yield place_at(url)
        for mirror in self.mirrors:
            for name in (file.sha256, file.filename):
                yield place_at(mirror, name)
        if file.pool_path:
            for base in self.pool_bases():
                yield place_at(base, file.pool_path)
            if self.snapshot:
                yield place_at(f"{self.snapshot_archive}/{self.snapshot}", file.pool_path)
        if file.pypi:
            yield Place("pip", pip=True)

    def local(self, file: WantedFile) -> list[Path]:
        """Return the existing local files that may be it, without asking any host."""
        without_pool = WantedFile(file.filename, file.sha256, file.size, file.urls)
        return [place.path for place in self.of(without_pool) if place.path and is_there(place.path)]


def place_at(base: str, below: str = "", *, flag: str = "") -> Place:
    """Return the place of a file below a mirror's base: http(s)://, file:// or a plain directory."""
    try:
        parts = urlsplit(base)
        origin = host_of(base)
    except ValueError as error:
        raise _no_address(base, flag) from error
    if parts.scheme in ("http", "https") and parts.hostname:
        url = f"{base.rstrip('/')}/{quote(below, safe='/+~')}" if below else base
        return Place(origin, url=url)
    if parts.scheme == "file" or (not parts.scheme and base):
        root = Path(unquote(parts.path) if parts.scheme else base)
        path = root / below if below else root
        return Place(str(path), path=path)
    raise _no_address(base, flag)


def _no_address(base: str, flag: str) -> UsageError:
    what = "not an address that files can be had from"
    return UsageError(f"{flag}: {what}" if flag else what, found=repr(base),
                      expected="http://…, https://…, file:///… or a directory")  # fmt: skip


def is_there(path: Path) -> bool:
    """Return whether there seems to be such a file; one that may not be looked at counts, so that its error is told."""
    try:
        return path.is_file()
    except OSError:
        return True


def host_of(url: str) -> str:
    """Return ``host`` or ``host:port``, without user name and password: it appears in messages.

    Raises ValueError if it is none.
    """
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
