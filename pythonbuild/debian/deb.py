"""Reads a .deb: an ar archive whose member ``data.tar.*`` holds the files.

Only the standard library and ``zstandard`` are used, and nothing is run. Members are read as a stream, so that a
package's size does not matter.
"""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import zstandard

from pythonbuild.debian.apt_sources import stanzas
from pythonbuild.errors import SourceError

_AR_MAGIC = b"!<arch>\n"
_AR_HEADER = 60
_BUFFER = 1 << 20


class _Section(io.RawIOBase):
    """A part of a file as a file of its own (read-only)."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__()
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(min(len(buffer), self._left))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def open_member(deb: Path, member: str) -> Iterator[tarfile.TarFile]:
    """Open ``data`` or ``control`` of a .deb as a tar stream. Raises SourceError on anything that is not a .deb."""
    try:
        with deb.open("rb") as file:
            name, size = _find(deb, file, member)
            section: IO[bytes] = io.BufferedReader(_Section(file, size), _BUFFER)
            with (
                _decompressed(deb, name, section) as stream,
                tarfile.open(fileobj=stream, mode="r|", encoding="utf-8", bufsize=_BUFFER) as tar,
            ):
                yield tar
    except (tarfile.TarError, lzma.LZMAError, gzip.BadGzipFile, zstandard.ZstdError, EOFError) as error:
        raise SourceError(
            f"{deb}: not a sound .deb", found=error, advice="delete it, it will be fetched again"
        ) from error


def _find(deb: Path, file: BinaryIO, member: str) -> tuple[str, int]:
    """Move to the member's data; return its name and size."""
    if file.read(len(_AR_MAGIC)) != _AR_MAGIC:
        raise SourceError(f"{deb}: not a .deb", found="no ar archive")
    while header := file.read(_AR_HEADER):
        name = header[:16].decode("ascii", "replace").rstrip().rstrip("/")
        text = header[48:58].strip()
        if len(header) != _AR_HEADER or header[58:] != b"`\n" or not text.isdigit():
            break
        if name.split(".")[0] == member:
            return name, int(text)
        file.seek(int(text) + int(text) % 2, 1)
    raise SourceError(f"{deb}: not a sound .deb", found=f"no member {member}.tar.*")


def _decompressed(deb: Path, name: str, section: IO[bytes]) -> IO[bytes]:
    kind = name.rpartition(".")[2]
    if kind == "xz":
        return lzma.LZMAFile(section)
    if kind == "zst":
        return zstandard.ZstdDecompressor().stream_reader(section)
    if kind == "gz":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=section))
    if kind == "tar":
        return section
    raise SourceError(f"{deb}: compression is not known", found=name, expected="xz, zst, gz or none")


def control_fields(deb: Path) -> dict[str, str]:
    """Return the fields of the package's own ``control`` file (lower-case keys)."""
    with open_member(deb, "control") as tar:
        for entry in tar:
            if entry.name.removeprefix("./") == "control":
                content = tar.extractfile(entry)
                assert content is not None
                return next(stanzas(content.read().decode("utf-8", "replace")), {})
    raise SourceError(f"{deb}: not a sound .deb", found="no control file")
