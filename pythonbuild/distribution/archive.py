"""Packs a tree into ``.tar.zst`` so that the same tree gives the same bytes, and reads archives back.

What could differ between two machines is fixed: the order of members (PYTHON.json first, so that a reader has the
metadata after the first kilobytes; everything else sorted), owner, group, modes, times, the tar dialect, and the
compressor's parameters. zstd's multi-threaded mode cuts the stream into jobs of a fixed size, so its output does not
depend on how many threads work on them; the single-threaded mode gives other bytes and is never used.

zstd comes with the pinned packages of this program, so it is the same everywhere. gzip's bytes are those of whichever
zlib a Python is linked with: ``.tar.gz`` archives are packed as a plain tar here, and compressed by the pinned gzip of
the build's root filesystem (:mod:`pythonbuild.shipping`).

Nothing here holds more than a few mebibytes of an archive in memory.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import tarfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

import zstandard

from pythonbuild.errors import DistributionError, NoSpaceError, OutputError

TOP = "python"
METADATA = f"{TOP}/PYTHON.json"


@dataclass(frozen=True)
class Form:
    """What kind of archive: the directory that all is below, and the member that comes first and tells of the rest."""

    top: str
    metadata: str

    @property
    def first(self) -> str:
        return f"{self.top}/{self.metadata}"


DISTRIBUTION = Form(TOP, "PYTHON.json")

# Measured on a distribution of 170 MB (CPython 3.11, noopt, loaded machine), MB and seconds of CPU for levels 12: 32.8
# and 9, 15: 32.2 and 35, 16: 30.8 and 56, 17: 30.0 and 71; without long-distance matching all are 3 % larger.
_LEVEL, _QUICK_LEVEL = 16, 12
# A window of 128 MiB is the most that a decompressor accepts without being asked. Long-distance matching finds the
# same code again in the interpreter, libpython.so, libpython.a and the objects, which lie that far apart.
_WINDOW_LOG = 27
# With a large window zstd makes jobs so large that a whole archive is one of them; fixed here, threads have work.
_JOB_SIZE = 32 << 20
_CHUNK = 1 << 20

_ZSTD_MAGIC, _GZIP_MAGIC = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"


class ArchiveError(DistributionError):
    """Not an archive that can be read, or a tree that cannot be packed."""

    reason = "archive"


class DamagedArchiveError(ArchiveError):
    """It begins like an archive, but cannot be read to its end."""

    reason = "damaged-archive"


@dataclass(frozen=True)
class Packed:
    """A written archive: its size in bytes, its sha256, and how many members it has."""

    path: Path
    size: int
    sha256: str
    members: int


@dataclass(frozen=True)
class Member:
    """One member of an archive; ``content`` is open for regular files while the iterator stands on it."""

    info: tarfile.TarInfo
    content: IO[bytes] | None

    @property
    def name(self) -> str:
        return self.info.name


def pack(tree: Path, out: Path, mtime: int, *, threads: int = 0, described: bool = True,
         quick: bool = False, form: Form = DISTRIBUTION) -> Packed:  # fmt: skip
    """Write ``tree``/python (or what ``form`` calls its top) to the archive ``out`` (through a file beside it, so that
    ``out`` is whole or absent).

    A name that ends with ``.tar`` asks for no compression. ``threads`` 0 means one for each core; the bytes are the
    same whatever it is. ``described`` archives begin with PYTHON.json (or what ``form`` has). Raises ArchiveError for
    what an archive cannot hold, NoSpaceError and OutputError when ``out`` cannot be written. ``quick`` archives are
    some percent larger, and packed in a third of the time.
    """
    members = _tree_members(tree, _member_names(tree, form, described=described), mtime)
    return write_archive(out, members, threads=threads, quick=quick)


def write_archive(
    out: Path, members: Iterable[tuple[tarfile.TarInfo, IO[bytes] | None]], *, threads: int = 0, quick: bool = False
) -> Packed:  # fmt: skip
    """Write members to the archive ``out`` as :func:`pack` does; with each its content, None unless it is a file."""
    partial = out.with_name(f".{out.name}.partial-{os.getpid()}")
    try:
        with partial.open("wb") as file:
            sink = _HashingSink(file)
            with _compressed(out, cast(IO[bytes], sink), threads, _QUICK_LEVEL if quick else _LEVEL) as stream:
                count = _write_members(members, stream)
        partial.replace(out)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpaceError(f"{out}: no space left while packing", advice="free some, or use --output") from error
        raise OutputError(f"{out}: cannot be written", found=error.strerror or error, advice="use --output") from error
    finally:
        partial.unlink(missing_ok=True)
    return Packed(out, sink.size, sink.sha256.hexdigest(), count)


def _compressed(out: Path, sink: IO[bytes], threads: int, level: int) -> AbstractContextManager[IO[bytes]]:
    if out.suffix == ".tar":
        return nullcontext(sink)
    return cast(AbstractContextManager[IO[bytes]], _compressor(threads, level).stream_writer(sink, closefd=False))


def _compressor(threads: int, level: int) -> zstandard.ZstdCompressor:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level,
        window_log=_WINDOW_LOG,
        enable_ldm=True,
        job_size=_JOB_SIZE,
        threads=max(1, threads or len(os.sched_getaffinity(0))),  # 0 would choose the single-threaded mode
        write_checksum=True,
    )
    return zstandard.ZstdCompressor(compression_params=parameters)


class _HashingSink:
    """The archive's file, counted and hashed on its way to the disk."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self.sha256.update(data)
        self.size += len(data)
        return len(data)


def _member_names(tree: Path, form: Form, *, described: bool) -> list[str]:
    """Return what is packed, in order: the metadata, then every other path below the top, sorted as text."""
    if described and not (tree / form.first).is_file():
        raise ArchiveError(f"{tree}: nothing to pack", found=f"no file {form.first}")
    names = []
    for directory, subdirectories, files in os.walk(tree / form.top, onerror=_raise):
        below = PurePosixPath(Path(directory).relative_to(tree))
        names += [str(below / name) for name in (*subdirectories, *files)]
    first = [form.first] if described else []
    return [*first, *sorted(set(names).difference(first))]


def _raise(error: OSError) -> None:
    raise error


def _tree_members(
    tree: Path, names: list[str], mtime: int
) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:  # fmt: skip
    for name in names:
        info = _member(tree, name, mtime)
        if info.isreg():
            with (tree / name).open("rb") as content:
                yield info, content
        else:
            yield info, None


def _write_members(members: Iterable[tuple[tarfile.TarInfo, IO[bytes] | None]], stream: IO[bytes]) -> int:
    count = 0
    # The GNU dialect stores long names in one plain way; nothing of a PAX header's many choices can creep in.
    with tarfile.open(
        fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT, bufsize=_CHUNK, encoding="utf-8", errors="surrogateescape"
    ) as tar:
        for info, content in members:
            tar.addfile(info, content)
            tar.members = []  # type: ignore[attr-defined] # as in read_members: nobody asks for them again
            count += 1
    return count


def _member(tree: Path, name: str, mtime: int) -> tarfile.TarInfo:
    path = tree / name
    info = tarfile.TarInfo(name)
    info.uname = info.gname = "root"
    info.mtime = mtime
    if path.is_symlink():
        info.type, info.mode, info.linkname = tarfile.SYMTYPE, 0o777, str(path.readlink())
        _check_link(name, info.linkname, PurePosixPath(name).parts[0])
    elif path.is_dir():
        info.type, info.mode = tarfile.DIRTYPE, 0o755
    elif path.is_file():
        status = path.stat()
        info.size, info.mode = status.st_size, 0o755 if status.st_mode & 0o111 else 0o644
    else:
        raise ArchiveError(f"{path}: cannot be packed", found="a device, pipe or socket",
                           expected="a file, directory or symbolic link")  # fmt: skip
    return info


def _check_link(name: str, target: str, top: str) -> None:
    """Refuse a symbolic link that leads out of ``top``, wherever the archive is unpacked."""
    normal = os.path.normpath(os.path.join(os.path.dirname(name), target))  # noqa: PTH118, PTH120 - names, not files
    if target.startswith("/") or not (normal == top or normal.startswith(f"{top}/")):
        raise ArchiveError(f"{name}: symbolic link out of the archive", found=target, expected=f"a path inside {top}/")


class _ZstdReader:
    """Decompressed bytes of a .zst file. Unlike the library's own reader it knows a cut-off file from a whole one."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()
        self._buffer = bytearray()

    def read(self, size: int = -1, /) -> bytes:
        while not self._decompressor.eof and (size < 0 or len(self._buffer) < size):
            chunk = self._file.read(_CHUNK // 16)
            if not chunk:
                raise EOFError("the file ends inside the compressed data")
            self._buffer += self._decompressor.decompress(chunk)
        if size < 0:
            size = len(self._buffer)
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    """Raise ArchiveError in place of whatever the libraries raise."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError, tarfile.TarError) as error:
        raise DamagedArchiveError(f"{path}: damaged archive", found=error, advice="fetch or build it again") from error
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be read", found=error.strerror or error) from error


class _Content:
    """A member's content. Whoever reads it meets the archive's damage, so it is named here, too."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        with _errors_of(self._path):
            return self._file.read(size)


@contextmanager
def _decompressed(path: Path) -> Iterator[IO[bytes]]:
    with _errors_of(path), path.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic == _ZSTD_MAGIC:
            yield cast(IO[bytes], _ZstdReader(file))
        elif magic[:2] == _GZIP_MAGIC:
            with gzip.GzipFile(fileobj=file) as stream:
                yield cast(IO[bytes], stream)
        else:
            raise ArchiveError(f"{path}: not an archive", found=f"a file that begins with {magic!r}",
                               expected="a .tar.zst or .tar.gz")  # fmt: skip


def read_members(path: Path) -> Generator[Member, None, None]:
    """Yield an archive's members in their order. Raises ArchiveError for anything but a whole archive."""
    with _decompressed(path) as stream:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_CHUNK // 16) as tar:
            for info in tar:
                file = tar.extractfile(info) if info.isreg() else None
                yield Member(info, cast(IO[bytes], _Content(path, file)) if file else None)
                tar.members = []  # type: ignore[attr-defined] # tarfile remembers every member for random access, which a stream has not
        while stream.read(_CHUNK):  # to the end of the compressed data, where its checksum stands
            pass


def read_metadata(path: Path, form: Form = DISTRIBUTION) -> str:
    """Return the text of PYTHON.json (or of what ``form`` has in its place), decompressing no more than the archive's
    beginning.

    Raises ArchiveError when the first member is another one.
    """
    members = read_members(path)
    try:
        first = next(members, None)
        if first is None or first.name != form.first or first.content is None:
            found = f"first member {first.name}" if first else "no members"
            kind = "distribution" if form is DISTRIBUTION else form.top
            raise ArchiveError(f"{path}: not a {kind}", found=found, expected=f"{form.first} first")
        return first.content.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ArchiveError(f"{path}: {form.first} is not UTF-8 text", found=error) from error
    finally:
        members.close()


def unpack(path: Path, directory: Path, form: Form = DISTRIBUTION) -> None:
    """Unpack an archive into ``directory``. Raises ArchiveError for a member that would leave it."""
    for member in read_members(path):
        info, target = member.info, directory / member.name
        parts = PurePosixPath(info.name).parts
        if not parts or parts[0] != form.top or ".." in parts:
            raise ArchiveError(f"{path}: unexpected member", found=info.name, expected=f"paths below {form.top}/ only")
        if any(parent.is_symlink() for parent in list(target.parents)[: len(parts) - 1]):
            raise ArchiveError(f"{path}: a member inside a symbolic link", found=info.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if info.isdir():
            target.mkdir(exist_ok=True)
        elif info.issym():
            _check_link(info.name, info.linkname, form.top)
            target.symlink_to(info.linkname)
        elif member.content is not None:
            with target.open("xb") as file:
                while chunk := member.content.read(_CHUNK):
                    file.write(chunk)
            target.chmod(info.mode & 0o755)
        else:
            raise ArchiveError(f"{path}: unexpected kind of member", found=info.name,
                               expected="files, directories and symbolic links")  # fmt: skip
