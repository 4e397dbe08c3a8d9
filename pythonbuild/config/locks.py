"""Reads root descriptions (``cpython-unix/roots``) and reads and writes package locks (``cpython-unix/locks``).

A lock is YAML whose packages are one line each, ``name version architecture size sha256 path``, so that a relock is
read in a diff as what it is: a package went from one version to another.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from pythonbuild.config.document import SHA256, Node, read_document
from pythonbuild.config.model import Lock, LockedPackage, RootDescription

_SNAPSHOT = re.compile(r"\d{8}T\d{6}Z")
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*")
_VERSION = re.compile(r"[0-9A-Za-z.+:~-]+")
_PACKAGE_FIELDS = "name version architecture size sha256 path"
_HEADER = "# Written by `./build-linux.py relock`; packages are: " + _PACKAGE_FIELDS + "\n"


def load_root_description(path: Path) -> RootDescription:
    """Return one root's description; its name is the file's. Raises ConfigError naming file and key."""
    keys = read_document(path).mapping(
        required=["suite", "architectures", "packages"],
        optional=["exclude", "essential", "dependencies", "symlinks", "directories", "files", "drop", "glibc"],
    )
    for key in ("symlinks", "files"):
        for place, node in keys[key].items() if key in keys else ():
            _inner_path(node, place)
    for node in keys["directories"].elements() if "directories" in keys else ():
        _inner_path(node, node.text())
    return RootDescription(
        name=path.stem,
        suite=keys["suite"].text(),
        architectures=keys["architectures"].texts(),
        packages=keys["packages"].texts(),
        exclude=keys["exclude"].texts() if "exclude" in keys else (),
        essential=keys["essential"].boolean() if "essential" in keys else False,
        dependencies=keys["dependencies"].boolean() if "dependencies" in keys else True,
        symlinks=keys["symlinks"].text_map() if "symlinks" in keys else {},
        directories=keys["directories"].texts() if "directories" in keys else (),
        files=keys["files"].text_map() if "files" in keys else {},
        drop=keys["drop"].texts() if "drop" in keys else (),
        glibc=keys["glibc"].text() if "glibc" in keys else "",
    )


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
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
    return True
