"""Reads ``cpython-unix/sources.yml``: every upstream project, its pins newest first, and how a user names one.

A name such as ``cpython-3.13`` or ``openssl-3.5`` is a *series*: an upstream project and the release line that its
pins belong to. Users name a series (``3.13``, ``cpython-3.13``) and leave the choice of the pin to what can be had,
or name one release (``3.13.5``, ``cpython-3.13.5``) and mean that one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pythonbuild.config.document import Node, read_document
from pythonbuild.config.model import Pin, ReleaseIndex, Source
from pythonbuild.errors import UsageError

_SERIES_SUFFIX = re.compile(r"-\d+(\.\d+)*$")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~_-]*")
_PYTHON_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9A-Za-z.+!]+")
#: Vendor and product, in the characters that a CPE name needs no escapes for.
_CPE = re.compile(r"[a-z0-9][a-z0-9._-]*:[a-z0-9][a-z0-9._-]*")
_REPACKED = re.compile(r"[.+](dfsg|ds)[0-9.]*$")
_PRE_RELEASES = ("dev", "a", "alpha", "b", "beta", "pre", "c", "rc")


@dataclass(frozen=True)
class Selection:
    """What a user's word for a source stands for: pins to try, newest first; ``exact`` when one release was named."""

    source: Source
    candidates: tuple[Pin, ...]
    exact: bool


def load_sources(path: Path) -> Mapping[str, Source]:
    """Return the sources by name. Raises ConfigError naming file and key."""
    top = read_document(path).mapping(required=["sources"])
    sources = {}
    seen: dict[str, Pin] = {}
    for name, node in top["sources"].items():
        sources[name] = _source(name, node, seen)
    return sources


def _source(name: str, node: Node, seen: dict[str, Pin]) -> Source:
    keys = node.mapping(
        required=["title", "homepage", "licence", "licence_files", "pins"], optional=["notes", "release_index", "cpe"]
    )
    cpe = keys["cpe"].text() if "cpe" in keys else ""
    if "cpe" in keys and not _CPE.fullmatch(cpe):
        raise keys["cpe"].fail("not a vendor and a product", found=repr(cpe), expected="such as openssl:openssl")
    return Source(
        name=name,
        title=keys["title"].text(),
        homepage=keys["homepage"].text(),
        licence=keys["licence"].text(),
        licence_files=keys["licence_files"].texts(),
        pins=_pins(name, keys["pins"], seen),
        notes=keys["notes"].text() if "notes" in keys else "",
        release_index=_release_index(keys["release_index"]) if "release_index" in keys else None,
        cpe=cpe,
    )


def _pins(source: str, node: Node, seen: dict[str, Pin]) -> tuple[Pin, ...]:
    pins: list[Pin] = []
    for element in node.elements():
        pin = _pin(source, element)
        if any(pin.version == other.version for other in pins):
            raise element.fail("version is pinned twice", found=pin.version, expected="one pin for each version")
        if pins and version_key(pin.version) > version_key(pins[-1].version):
            raise element.fail(
                "pins are not newest first", found=f"{pin.version} after {pins[-1].version}", expected="the opposite"
            )
        # All downloads share one directory, so a name stands for one content.
        other = seen.setdefault(pin.filename, pin)
        if other.sha256 != pin.sha256:
            raise element.fail(
                "filename stands for two different files",
                found=f"{pin.filename}, also pinned by {other.source} {other.version} with another sha256",
                expected="a filename of its own",
            )
        pins.append(pin)
    if not pins:
        raise node.fail("is empty", expected="at least one pin")
    return tuple(pins)


def _pin(source: str, node: Node) -> Pin:
    keys = node.mapping(required=["version", "filename", "sha256", "size"], optional=["urls", "pool", "pypi"])
    version, filename, size = keys["version"].text(), keys["filename"].text(), keys["size"].integer()
    if not _VERSION.fullmatch(version):
        raise keys["version"].fail("not a version", found=repr(version), expected="digits, letters and .+~_-")
    if "/" in filename or filename.startswith("."):
        raise keys["filename"].fail("not a plain file name", found=repr(filename), expected="a name without directory")
    if size <= 0:
        raise keys["size"].fail("not a size", found=size, expected="the file's size in bytes")
    for url in keys["urls"].elements() if "urls" in keys else []:
        if not _is_address(url.text()):
            raise url.fail("not an address that can be fetched", found=url.text(), expected="https://… or http://…")
    pool = keys["pool"].text() if "pool" in keys else ""
    if "pool" in keys and (not pool.startswith("pool/") or ".." in pool.split("/")):
        raise keys["pool"].fail("not a path of a distribution archive", found=repr(pool), expected="pool/main/…")
    pypi = keys["pypi"].text() if "pypi" in keys else ""
    if "pypi" in keys and not _PYTHON_PACKAGE.fullmatch(pypi):
        raise keys["pypi"].fail("not a release of a Python package", found=repr(pypi), expected="name==version")
    return Pin(
        source=source,
        version=version,
        filename=filename,
        sha256=keys["sha256"].sha256(),
        size=size,
        urls=keys["urls"].texts() if "urls" in keys else (),
        pool_path=pool,
        pypi=pypi,
    )


def _release_index(node: Node) -> ReleaseIndex:
    keys = node.mapping(required=["url", "pattern"])
    if not _is_address(keys["url"].text()):
        raise keys["url"].fail(
            "not an address that can be fetched", found=keys["url"].text(), expected="https://… or http://…"
        )
    pattern = keys["pattern"].text()
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise keys["pattern"].fail("not a regular expression", found=error) from error
    if groups != 1:
        raise keys["pattern"].fail(
            "wrong number of groups", found=groups, expected="one group, which matches the version"
        )
    return ReleaseIndex(keys["url"].text(), pattern)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def upstream_version(version: str) -> str:
    """Return a pin's version as upstream calls it: without the word for a repacked archive."""
    return _REPACKED.sub("", version)


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts versions as people do: 3.9 < 3.10, 3.15.0rc1 < 3.15.0, 1.1.1 < 1.1.1w.

    A repacked archive (``8.6.13+dfsg``) is as new as the release it was made from.
    """
    key = []
    for word in re.findall(r"\d+|[A-Za-z]+", upstream_version(version)):
        if word.isdigit():
            key.append((2, int(word), ""))
        else:
            key.append((-1 if word.lower() in _PRE_RELEASES else 1, 0, word.lower()))
    # The end stands between the words of a pre-release and everything that makes a version longer.
    return (*key, (0, 0, ""))


def select(sources: Mapping[str, Source], wanted: str, *, flag: str = "--python") -> Selection:
    """Return what the user's word stands for: a series, or one exact version; a bare number is CPython's.

    Raises UsageError that names what exists and what is near.
    """
    name = f"cpython-{wanted}" if wanted[:1].isdigit() else wanted
    if name in sources:
        return Selection(sources[name], sources[name].pins, exact=False)
    exact = {
        f"{_SERIES_SUFFIX.sub('', source.name)}-{pin.version}": (source, pin)
        for source in sources.values()
        for pin in source.pins
    }
    if name in exact:
        source, pin = exact[name]
        return Selection(source, (pin,), exact=True)
    raise _unknown(sources, name, wanted, flag, [*sources, *exact])


def _unknown(sources: Mapping[str, Source], name: str, wanted: str, flag: str, known: list[str]) -> UsageError:
    family = _SERIES_SUFFIX.sub("", name)
    relatives = [source for source in sources.values() if _SERIES_SUFFIX.sub("", source.name) == family]
    expected = ", ".join(
        f"{source.name} ({', '.join(pin.version for pin in source.pins)})" for source in relatives
    ) or "one of " + ", ".join(sources)  # fmt: skip
    near = difflib.get_close_matches(name, known, 1)
    advice = f"did you mean {near[0]}?" if near else "the sources file lists every pin"
    return UsageError(f"{flag}: unknown source", found=wanted or "nothing", expected=expected, advice=advice)
