#!/usr/bin/env python3
"""How large archives are, and what makes them so.

    benchmarks/size.py dist/cpython-….tar.zst [OTHER …] [--depth 2] [--files 10] [--json FILE]

For each archive, of any kind: its size as it is downloaded and unpacked; the same of every directory down to a depth,
with what a directory would take if it were compressed alone (zstd, level 9: the shares matter, not the sum); and the
biggest files. Nothing is unpacked to disk.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import zstandard

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pythonbuild.distribution.archive import read_members
from pythonbuild.errors import BuildError

_CHUNK = 1 << 20
_LEVEL = 9


@dataclass(frozen=True)
class Part:
    """A directory with all below it that has no line of its own: files, bytes, bytes when compressed alone."""

    name: str
    files: int
    unpacked: int
    compressed: int


@dataclass(frozen=True)
class Sizes:
    """What was found in an archive."""

    archive: str
    compressed: int
    unpacked: int
    files: int
    parts: tuple[Part, ...]
    biggest: tuple[tuple[str, int], ...]


class _Adding:
    """A part while its files come by."""

    def __init__(self) -> None:
        self.files = self.unpacked = self.compressed = 0
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL).compressobj()

    def take(self, chunk: bytes) -> None:
        self.unpacked += len(chunk)
        self.compressed += len(self._compressor.compress(chunk))

    def part(self, name: str) -> Part:
        return Part(name, self.files, self.unpacked, self.compressed + len(self._compressor.flush()))


def part_of(name: str, depth: int) -> str:
    """Return the directory that a file counts for: at most so many levels below ``python``."""
    return "/".join(name.split("/")[:-1][: depth + 1])


def measure(archive: Path, depth: int, files: int) -> Sizes:
    """Read an archive once. Raises ArchiveError for what is none."""
    parts: dict[str, _Adding] = {}
    sizes: list[tuple[str, int]] = []
    for member in read_members(archive):
        if member.content is None:
            continue
        part = parts.setdefault(part_of(member.name, depth), _Adding())
        part.files += 1
        while chunk := member.content.read(_CHUNK):
            part.take(chunk)
        sizes.append((member.name, member.info.size))
    return Sizes(
        archive=archive.name,
        compressed=archive.stat().st_size,
        unpacked=sum(size for _, size in sizes),
        files=len(sizes),
        parts=tuple(adding.part(name) for name, adding in sorted(parts.items())),
        biggest=tuple(sorted(sizes, key=lambda row: (-row[1], row[0]))[:files]),
    )


def as_text(sizes: Sizes) -> str:
    """Return the tables of one archive."""
    rows = [("part", "files", "unpacked", "alone")]
    rows += [(part.name, str(part.files), megabytes(part.unpacked), megabytes(part.compressed)) for part in
             sorted(sizes.parts, key=lambda part: (-part.unpacked, part.name))]  # fmt: skip
    lines = [sizes.archive, f"  {megabytes(sizes.compressed)} MB compressed, {megabytes(sizes.unpacked)} MB unpacked, "
             f"{sizes.files} files"]  # fmt: skip
    lines += _table(rows)
    lines += _table([("biggest files", "unpacked"), *((name, megabytes(size)) for name, size in sizes.biggest)])
    return "\n".join(lines) + "\n"


def megabytes(size: int) -> str:
    """Return a number of bytes in millions."""
    return f"{size / 1e6:.2f}"


def _table(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *rest in rows:
        yield (
            "  "
            + first.ljust(widths[0])
            + "".join(f"  {cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True))
        )


def main() -> int:
    """Print the tables and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archives", nargs="+", type=Path, metavar="ARCHIVE")
    parser.add_argument("--depth", type=int, default=2, help="levels of directories below python/ [%(default)s]")
    parser.add_argument("--files", type=int, default=10, help="how many of the biggest files [%(default)s]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    arguments = parser.parse_args()
    try:
        found = []
        for archive in arguments.archives:
            found.append(measure(archive, arguments.depth, arguments.files))
            print(as_text(found[-1]))
        if arguments.json:
            arguments.json.write_text(json.dumps([asdict(sizes) for sizes in found], indent=1) + "\n", encoding="utf-8")
    except BuildError as error:
        print(f"size.py: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"size.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
