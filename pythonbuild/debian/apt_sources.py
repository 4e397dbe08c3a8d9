"""Finds the Debian mirrors that this machine's own apt configuration names.

No mirror is named in this project. What apt uses here (``sources.list`` and the deb822 ``.sources`` files, and the
lists that ``mirror+file:`` points to) is near, allowed by the network, and trusted by whoever set the machine up.
Nothing is fetched here: whether a base really serves Debian is told by the files it gives, which are verified anyway.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_SCHEMES = ("http://", "https://", "file:/")
_OPTIONS = re.compile(r"\[[^\]]*\]")


def mirror_bases(root: Path = Path("/")) -> list[str]:
    """Return the base addresses (no trailing slash) of the machine's archive mirrors, most likely first.

    A base is what a path such as ``pool/main/z/zlib/…`` or ``dists/trixie/InRelease`` is appended to. The list is
    empty where there is no apt.
    """
    bases: dict[str, None] = {}
    for uri, suites, components in _entries(root / "etc/apt"):
        # Security archives and third-party repositories have another pool; third parties rarely have "main" and
        # a suite that is a code name, and where they do, hashes and signatures keep them out.
        if "main" in components and not all("security" in suite for suite in suites):
            for base in _expand(uri, root):
                bases.setdefault(base.rstrip("/"))
    return list(bases)


def _entries(directory: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield (address, suites, components) of every enabled entry, in apt's order of reading."""
    parts = directory / "sources.list.d"
    files = [directory / "sources.list", *(sorted(parts.iterdir()) if parts.is_dir() else ())]
    for path in files:
        if path.suffix not in (".list", ".sources"):
            continue
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:  # a file of another user's, or gone meanwhile: apt itself would only complain
            continue
        yield from (_one_line(text) if path.suffix == ".list" else _deb822(text))


def _one_line(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for line in text.splitlines():
        fields = _OPTIONS.sub(" ", line.partition("#")[0]).split()
        if len(fields) >= 3 and fields[0] in ("deb", "deb-src"):
            yield fields[1], [fields[2]], fields[3:]


def _deb822(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for fields in stanzas(text):
        if fields.get("enabled", "yes").lower() in ("no", "false", "0", "off", "disable"):
            continue
        for uri in fields.get("uris", "").split():
            yield uri, fields.get("suites", "").split(), fields.get("components", "").split()


def stanzas(text: str) -> Iterator[dict[str, str]]:
    """Yield the stanzas of a deb822 text as mappings with lower-case keys; comment lines are dropped."""
    fields: dict[str, str] = {}
    key = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, key = {}, ""
        elif line[0] in " \t":
            if key:
                fields[key] += "\n" + line.strip()
        else:
            key, _, value = line.partition(":")
            key = key.strip().lower()
            fields[key] = value.strip()


def _expand(uri: str, root: Path) -> Iterator[str]:
    """Yield plain addresses: ``mirror+file:`` names a file with one mirror a line (Debian's cloud images use it)."""
    if uri.startswith("mirror+file:"):
        listed = root / uri.removeprefix("mirror+file:").lstrip("/")
        try:
            lines = listed.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return
        for line in lines:
            fields = line.partition("#")[0].split()
            if fields and fields[0].startswith(_SCHEMES):
                yield fields[0]
    elif uri.startswith(_SCHEMES):
        yield uri
