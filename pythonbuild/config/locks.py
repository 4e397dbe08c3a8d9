"""Reads root descriptions (``cpython-unix/roots``) and reads and writes package locks (``cpython-unix/locks``).

A lock is YAML whose packages are one line each, ``name version architecture size sha256 path``, so that a relock is
read in a diff as what it is: a package went from one version to another.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from pythonbuild.config.document import SHA256, Node, read_document
from pythonbuild.config.model import Lock, LockedPackage, RootDescription

_SNAPSHOT = re.compile(r"\d{8}T\d{6}Z")
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*")
_VERSION = re.compile(r"[0-9A-Za-z.+:~-]+")
_ROOT_TEXTS = ("suite", "glibc")
_ROOT_SWITCHES = ("essential", "dependencies")
_ROOT_LISTS = ("architectures", "packages", "exclude", "directories", "drop")
_ROOT_MAPS = ("symlinks", "files")
_PACKAGE_FIELDS = "name version architecture size sha256 path"
_HEADER = "# Written by `./build-linux.py relock`; packages are: " + _PACKAGE_FIELDS + "\n"


def load_root_description(path: Path) -> RootDescription:
    """Return one root's description; its name is the file's. Raises ConfigError naming file and key.

    One that is ``like`` another has all that the other has: its lists are longer, its maps have more keys, other values
    are its own. What stands in ``without`` (elements of lists, keys of maps) it does not take over.
    """
    node = read_document(path)
    keys = node.mapping(
        required=[] if "like" in _names(node) else ["suite", "architectures", "packages"],
        optional=["like", "without", *_ROOT_TEXTS, *_ROOT_SWITCHES, *_ROOT_LISTS, *_ROOT_MAPS],
    )
    for key in _ROOT_MAPS:
        for place, child in keys[key].items() if key in keys else ():
            _inner_path(child, place)
    for child in keys["directories"].elements() if "directories" in keys else ():
        _inner_path(child, child.text())
    fields: dict[str, Any] = {}
    for key, child in keys.items():
        if key in _ROOT_TEXTS:
            fields[key] = child.text()
        elif key in _ROOT_SWITCHES:
            fields[key] = child.boolean()
        elif key in _ROOT_LISTS:
            fields[key] = child.texts()
        elif key in _ROOT_MAPS:
            fields[key] = child.text_map()
    if "like" in keys:
        return _like(path, keys, fields)
    if "without" in keys:
        raise keys["without"].fail("nothing to be without", expected="the key like beside it")
    return RootDescription(name=path.stem, paths=(path,), **{"exclude": (), "essential": False, "dependencies": True,
                                                             **fields})  # fmt: skip


def _names(node: Node) -> Collection[str]:
    return node.value if isinstance(node.value, dict) else ()


def _like(path: Path, keys: dict[str, Node], own: dict[str, Any]) -> RootDescription:
    other = path.with_name(f"{keys['like'].text()}.yml")
    if other == path or not other.is_file():
        raise keys["like"].fail("no such root", found=repr(keys["like"].text()), expected=f"a file beside {path.name}")
    base = load_root_description(other)
    missing = {child.text(): child for child in keys["without"].elements()} if "without" in keys else {}
    without = frozenset(missing)
    merged: dict[str, Any] = {}
    for key in _ROOT_LISTS:
        merged[key] = (*(entry for entry in getattr(base, key) if entry not in without), *own.get(key, ()))
        for name in getattr(base, key):
            missing.pop(name, None)
    for key in _ROOT_MAPS:
        old = getattr(base, key)
        merged[key] = {place: text for place, text in old.items() if place not in without} | own.get(key, {})
        for name in old:
            missing.pop(name, None)
    for name, child in missing.items():
        raise child.fail(f"{other.name} has no such entry", found=repr(name), expected="an element or key of it")
    others = {key: value for key, value in own.items() if key not in merged}
    return replace(base, name=path.stem, paths=(*base.paths, path), **others, **merged)


def load_root_descriptions(directory: Path) -> dict[str, RootDescription]:
    """Return every root description of a directory by name."""
    return {path.stem: load_root_description(path) for path in sorted(directory.glob("*.yml"))}


def _inner_path(node: Node, text: str) -> None:
    """Refuse what does not name a place inside the root."""
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts or text != str(path):
        raise node.fail("not a path inside the root", found=repr(text), expected="a plain absolute path")


def load_lock(path: Path) -> Lock:
    """Return a lock; its name is the file's. Raises ConfigError naming file and key."""
    keys = read_document(path).mapping(required=["suite", "architecture", "snapshot", "packages"])
    snapshot = keys["snapshot"].text()
    if not _SNAPSHOT.fullmatch(snapshot):
        raise keys["snapshot"].fail("malformed timestamp", found=repr(snapshot), expected="such as 20261122T000000Z")
    packages = tuple(_locked_package(node) for node in keys["packages"].elements())
    seen: set[str] = set()
    for package, node in zip(packages, keys["packages"].elements(), strict=True):
        if package.name in seen:
            raise node.fail("package is given twice", found=package.name)
        seen.add(package.name)
    return Lock(path.stem, keys["suite"].text(), keys["architecture"].text(), snapshot, packages)


def _locked_package(node: Node) -> LockedPackage:
    fields = node.text().split(" ")
    if len(fields) != len(_PACKAGE_FIELDS.split()):
        raise node.fail("malformed package line", found=repr(node.text()), expected=_PACKAGE_FIELDS)
    name, version, architecture, size, sha256, path = fields
    checks = (
        ("name", name, bool(_NAME.fullmatch(name))),
        ("version", version, bool(_VERSION.fullmatch(version))),
        ("architecture", architecture, bool(_NAME.fullmatch(architecture))),
        ("size", size, size.isdecimal()),
        ("sha256", sha256, bool(SHA256.fullmatch(sha256))),
        ("path", path, path.endswith(".deb") and not path.startswith("/") and ".." not in path.split("/")),
    )
    for what, value, right in checks:
        if not right:
            raise node.fail(f"malformed {what}", found=repr(value), expected=_PACKAGE_FIELDS)
    return LockedPackage(name, version, architecture, path, sha256, int(size))


def render_lock(lock: Lock) -> str:
    """Return the lock file's text."""
    lines = [
        f"suite: {lock.suite}",
        f"architecture: {lock.architecture}",
        f"snapshot: {lock.snapshot}",
        "packages:",
        *(f"  - {p.name} {p.version} {p.architecture} {p.size} {p.sha256} {p.path}" for p in lock.packages),
    ]
    return _HEADER + "\n".join(lines) + "\n"


def write_lock(lock: Lock, directory: Path) -> bool:
    """Write ``<directory>/<name>.yml`` and return whether that changed anything."""
    path = directory / f"{lock.name}.yml"
    text = render_lock(lock)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    directory.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8", newline="\n")
    beside.replace(path)
    return True
