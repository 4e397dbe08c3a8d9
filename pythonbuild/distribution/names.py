"""The names of archives: what they tell without a look inside.

::

    cpython-3.13.15-x86_64-unknown-linux-gnu-noopt-864a5205ac85.tar.zst             full, and a digest of its content
    cpython-3.13.15+20261007-x86_64-unknown-linux-gnu-install_only.tar.gz           as installers of Pythons expect it
    cpython-3.13.15+20261007-x86_64-unknown-linux-gnu-debug-install_only.tar.gz     not the target's best build options

A full archive's name holds the first digits of the tree's digest: the same inputs give the same name, and nothing else
does. The others' names hold a tag in its place, as the ecosystem's tools know it; by it they tell the builds of one
version apart, and the greatest is the newest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from pythonbuild.config.request import ARCHIVE_KINDS
from pythonbuild.errors import DistributionError

TAG = re.compile(r"[0-9A-Za-z][0-9A-Za-z._]*")
_VERSION = r"cpython-(?P<version>3\.\d+\.\d+(?:(?:a|b|rc)\d+)?)"
_TRIPLE = r"(?P<triple>\w+-(?:unknown-linux-\w+|apple-darwin|pc-windows-msvc))"
_OPTIONS = r"(?P<options>[a-z]+(?:\+[a-z]+)*)"
_FORMS = (
    re.compile(rf"{_VERSION}-{_TRIPLE}-{_OPTIONS}-(?P<digest>[0-9a-f]{{12}})\.tar\.(?P<compression>zst)", re.ASCII),
    re.compile(rf"{_VERSION}\+(?P<tag>{TAG.pattern})-{_TRIPLE}(?:-{_OPTIONS})?-(?P<kind>{'|'.join(ARCHIVE_KINDS)})"
               r"\.tar\.(?P<compression>gz|zst)", re.ASCII),
)  # fmt: skip


class ArchiveNameError(DistributionError):
    """A file whose name is not that of an archive, or says something else than its content."""

    reason = "archive-name"


@dataclass(frozen=True)
class ArchiveName:
    """What a name tells. ``options`` is "" for the best that the target has; ``tag`` and ``digest`` exclude each other.

    ``compression`` is ``gz`` or ``zst``.
    """

    version: str
    triple: str
    options: str
    kind: str
    compression: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        if self.digest:
            return f"cpython-{self.version}-{self.triple}-{self.options}-{self.digest}.tar.{self.compression}"
        options = f"-{self.options}" if self.options else ""
        return f"cpython-{self.version}+{self.tag}-{self.triple}{options}-{self.kind}.tar.{self.compression}"


def read_name(name: str) -> ArchiveName:
    """Return what an archive's name tells. Raises ArchiveNameError."""
    for form in _FORMS:
        if match := form.fullmatch(name):
            told = {"kind": "full", **{key: value or "" for key, value in match.groupdict().items()}}
            return ArchiveName(**told)
    raise ArchiveNameError(
        f"{name}: not an archive's name",
        expected="cpython-VERSION+TAG-TRIPLE-KIND.tar.gz or .tar.zst, or the name that the build gave",
    )


def default_tag(epoch: int) -> str:
    """Return the day of SOURCE_DATE_EPOCH, such as ``20261007``: the same for everybody who builds the same source."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y%m%d")
