"""Reads the targets of other systems: ``cpython-unix/targets-macos.yml`` and ``cpython-windows/targets.yml``.

They stand in files of their own because ``build-linux.py`` cannot build for them: whatever asks for the targets of
``targets.yml`` can go on to build for each of them. ``validate`` reads all three files, ``build-windows.py`` builds for
those of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pythonbuild.config.document import Node, read_document
from pythonbuild.config.model import DarwinRules, Target, WindowsRules

_VERSION = re.compile(r"\d+(\.\d+){0,2}")
_SLICES = ("x86_64", "arm64")


def load_macos_targets(path: Path) -> Mapping[str, Target]:
    """Return the targets by triple. Raises ConfigError naming file and key."""
    top = read_document(path).mapping(required=["system_libraries", "newer_symbols", "targets"])
    libraries = {name: _version(node, empty=True) for name, node in top["system_libraries"].items()}
    newer = {name: _version(node) for name, node in top["newer_symbols"].items()}
    found = {}
    for triple, node in top["targets"].items():
        keys = node.mapping(required=["arch", "minimum_os"])
        slices = {name: _version(version) for name, version in keys["minimum_os"].mapping(optional=_SLICES).items()}
        if not slices:
            raise keys["minimum_os"].fail("is empty", expected=f"a version for one of {', '.join(_SLICES)}")
        found[triple] = _target(triple, "macos", keys["arch"].text(), "libSystem", tuple(libraries),
                                darwin=DarwinRules(slices, libraries, newer))  # fmt: skip
    return found


def load_windows_targets(path: Path) -> Mapping[str, Target]:
    """Return the targets by triple. Raises ConfigError naming file and key."""
    top = read_document(path).mapping(required=["system_libraries", "import_libraries", "targets"])
    libraries, imports = top["system_libraries"].texts(), top["import_libraries"].texts()
    found = {}
    for triple, node in top["targets"].items():
        keys = node.mapping(required=["arch", "subsystem_version", "options"])
        rules = WindowsRules(_version(keys["subsystem_version"]), imports)
        options = keys["options"].texts()
        if not options:
            raise keys["options"].fail("is empty", expected="at least one build option such as noopt")
        target = _target(triple, "windows", keys["arch"].text(), "ucrt", libraries, windows=rules)
        found[triple] = replace(target, options=options)
    return found


def _version(node: Node, *, empty: bool = False) -> str:
    """Return up to three numbers with dots between; ``empty`` lets pass "", too."""
    text = node.text()
    if not _VERSION.fullmatch(text) and not (empty and not text):
        raise node.fail("malformed version", found=repr(text), expected='a text such as "10.15"')
    return text


def _target(
    triple: str, system: str, arch: str, libc: str, libraries: tuple[str, ...], *,
    darwin: DarwinRules | None = None, windows: WindowsRules | None = None,
) -> Target:  # fmt: skip
    return Target(
        triple=triple, os=system, arch=arch, libc=libc, glibc_floor="", debian_architecture="", multiarch="",
        autoconf_host="", root="", sysroot="", environment={}, system_libraries=libraries, options=(),
        darwin=darwin, windows=windows,
    )  # fmt: skip
