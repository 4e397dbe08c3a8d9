"""What an archive is, at a glance: what PYTHON.json, the SBOM and the provenance say, and the sizes of what is in it.

All formats of PYTHON.json are read, as far as they tell; an archive of an installation alone has none, and its version
stands in its headers. The SBOM is the archive's own or lies beside it, the provenance lies beside it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pythonbuild.distribution import inspect_text, sbom_text, statement, typed_json
from pythonbuild.distribution.archive import METADATA, TOP, ArchiveError, Member, read_members
from pythonbuild.distribution.later_json import FORMATS, read_any_format
from pythonbuild.distribution.left_out import RECORD, Record, parse_record
from pythonbuild.distribution.python_json import PythonJson
from pythonbuild.distribution.sbom_text import Summary
from pythonbuild.distribution.statement import StatementSummary

_SBOM = f"{TOP}/{sbom_text.NAME}"
_RECORD = f"{TOP}/{RECORD}"
_HEADER = re.compile(rf"{TOP}/(install/)?include/python3\.\d+\w*/patchlevel\.h")
_VERSION = re.compile(r'^#define\s+PY_VERSION\s+"([^"]+)"', re.MULTILINE)
_OTHER_FORMATS = frozenset(map(str, range(1, 9))) - {*FORMATS}
#: What the other formats, whose details are not read here, say in the same words.
_COMMON = ("version", "target_triple", "python_version", "python_exe", "optimizations", "build_options", "licenses")


@dataclass(frozen=True)
class Inspection:
    """An archive: its own size, the unpacked sizes of its parts in bytes, its members, and what is said of it.

    ``document`` is PYTHON.json in the words of format 0; ``plain`` is what else of it there is to read. ``version`` is
    Python's by its headers. ``sbom`` and ``provenance`` are None where there is none.
    """

    path: Path
    size: int
    sha256: str
    members: int
    unpacked: Mapping[str, int]
    document: PythonJson | None = None
    plain: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    sbom: Summary | None = None
    sbom_place: str = ""
    provenance: StatementSummary | None = None
    provenance_place: str = ""
    left_out: Record = field(default_factory=Record)

    def as_json(self) -> dict[str, object]:
        """Return plain data for ``--json``."""
        return {
            "archive": self.path.name,
            "size": self.size,
            "sha256": self.sha256,
            "members": self.members,
            "unpacked": dict(sorted(self.unpacked.items())),
            "python_version": self.version,
            "python_json": typed_json.to_plain(self.document) if self.document else dict(self.plain) or None,
            "left_out": {"extensions": dict(self.left_out.extensions), "packages": dict(self.left_out.packages)},
            "sbom": {"place": self.sbom_place, **self.sbom.as_json()} if self.sbom else None,
            "provenance": {"place": self.provenance_place, **self.provenance.as_json()} if self.provenance else None,
        }

    def lines(self) -> list[str]:
        """Return the text that people read."""
        head = {
            "Archive": f"{self.path.name} ({inspect_text.size(self.size)}, {self.members} members)",
            "SHA-256": self.sha256,
            **inspect_text.described(self.document, self.plain, self.version),
            "Unpacked": inspect_text.parts(self.unpacked),
        }
        sections = [inspect_text.rows(head)]
        if self.document is not None:
            sections += [inspect_text.extensions(self.document)]
        sections += [inspect_text.sources(self.document, self.sbom)]
        if self.document is not None:
            sections += [inspect_text.omitted(self.document, self.left_out)]
        if self.sbom is not None:
            sections += [inspect_text.bill(self.sbom, self.sbom_place)]
        if self.provenance is not None:
            sections += [inspect_text.provenance(self.provenance, self.provenance_place)]
        return [line for section in sections if section for line in ("", *section)][1:]


def inspect_archive(path: Path) -> Inspection:
    """Read an archive to its end, and what lies beside it. Raises a DistributionError for what is none."""
    if path.is_dir():
        raise ArchiveError(f"{path}: not an archive", found="a directory", expected="a .tar.zst or .tar.gz")
    unpacked, members, texts = Counter[str](), 0, dict[str, str]()
    for member in read_members(path):
        members += 1
        _keep(member, path, members, texts)
        names = PurePosixPath(member.name).parts
        if len(names) > 2:
            unpacked[names[1]] += member.info.size
    if not members:
        raise ArchiveError(f"{path}: not a distribution", found="no members", expected=f"{METADATA} first")
    document, plain = _description(texts.get(METADATA, ""), path)
    version = document.python_version if document else str(plain.get("python_version", "") or texts.get("version", ""))
    if not texts:
        raise ArchiveError(f"{path}: not a distribution", found="neither PYTHON.json nor the headers of a Python",
                           expected=f"{METADATA} first, or an installation below {TOP}/")  # fmt: skip
    sha256 = _sha256(path)
    sbom, sbom_place = _sbom(path, texts.get(_SBOM, ""))
    provenance, provenance_place = _provenance(path, sha256)
    left_out = parse_record(texts[_RECORD], f"{path}: {_RECORD}") if _RECORD in texts else Record()
    return Inspection(path, path.stat().st_size, sha256, members, dict(unpacked), document, plain, version, sbom,
                      sbom_place, provenance, provenance_place, left_out)  # fmt: skip


def _keep(member: Member, path: Path, number: int, texts: dict[str, str]) -> None:
    """Keep the texts that tell what the archive is."""
    if member.content is None:
        return
    if member.name in (METADATA, _SBOM, _RECORD):
        if member.name == METADATA and number > 1:
            raise ArchiveError(f"{path}: not a distribution", found=f"{METADATA} as member {number}",
                               expected=f"{METADATA} first")  # fmt: skip
        texts[member.name] = member.content.read().decode("utf-8", "replace")
    elif _HEADER.fullmatch(member.name):
        match = _VERSION.search(member.content.read().decode("utf-8", "replace"))
        texts["version"] = match[1].removesuffix("+") if match else ""


def _description(text: str, path: Path) -> tuple[PythonJson | None, Mapping[str, Any]]:
    if not text:
        return None, {}
    with contextlib.suppress(ValueError, RecursionError):  # read_any_format names the place
        plain = json.loads(text)
        if isinstance(plain, dict) and plain.get("version") in _OTHER_FORMATS:
            return None, {key: plain[key] for key in _COMMON if key in plain}
    return read_any_format(text, f"{path}: {METADATA}"), {}


def _sbom(path: Path, text: str) -> tuple[Summary | None, str]:
    place = path.with_name(path.name + sbom_text.SUFFIX)
    if text:
        return sbom_text.summarise(sbom_text.read_sbom(text, f"{path}: {_SBOM}")), _SBOM
    if place.is_file():
        return sbom_text.summarise(sbom_text.read_sbom(_text(place), str(place))), place.name
    return None, ""


def _provenance(path: Path, sha256: str) -> tuple[StatementSummary | None, str]:
    place = path.with_name(path.name + statement.SUFFIX)
    if not place.is_file():
        return None, ""
    return statement.summarise_statement(statement.read_statement(_text(place), str(place)), sha256), place.name


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be read", found=error.strerror or error) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
