"""Reads the targets of other systems: ``cpython-unix/targets-macos.yml`` and ``cpython-windows/targets.yml``.

They stand in files of their own because ``build-linux.py`` cannot build for them: whatever asks for the targets of
``targets.yml`` can go on to build for each of them. ``validate`` reads all three files, ``build-windows.py`` builds for
those of its own.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pythonbuild.config.document import Node, read_document
from pythonbuild.config.model import DarwinRules, Target, Toolchain, WindowsRules
from pythonbuild.config.toolchains import BOOTSTRAP
from pythonbuild.errors import UsageError

#: How the names of toolchains for macOS begin: a Mac's own, on another system, or made from source on a Mac.
NATIVE, CROSS = "native", "cross"
MACOS_KINDS = (NATIVE, CROSS, BOOTSTRAP)
_VERSION = re.compile(r"\d+(\.\d+){0,2}")
_SLICES = ("x86_64", "arm64")


@dataclass(frozen=True)
class MacosToolchain:
    """A toolchain for macOS; ``built_on`` is the target of the Linux that a cross compiler runs on, else ""."""

    toolchain: Toolchain
    built_on: str


def load_macos_targets(path: Path) -> Mapping[str, Target]:
    """Return the targets by triple. Raises ConfigError naming file and key."""
    top = _macos(path)
    environment, sdk = top["environment"].text_map(), _version(top["minimum_sdk"])
    libraries = {name: _version(node, empty=True) for name, node in top["system_libraries"].items()}
    newer = {name: _version(node) for name, node in top["newer_symbols"].items()}
    found = {}
    for triple, node in top["targets"].items():
        keys = node.mapping(required=["arch", "minimum_os"], optional=["autoconf_host", "options"])
        slices = {name: _version(version) for name, version in keys["minimum_os"].mapping(optional=_SLICES).items()}
        if not slices:
            raise keys["minimum_os"].fail("is empty", expected=f"a version for one of {', '.join(_SLICES)}")
        target = _target(triple, "macos", keys["arch"].text(), "libSystem", tuple(libraries),
                         darwin=DarwinRules(slices, libraries, newer, sdk))  # fmt: skip
        found[triple] = _built(target, node, keys, environment) if "options" in keys else target
    return found


def _macos(path: Path) -> dict[str, Node]:
    return read_document(path).mapping(
        required=["environment", "minimum_sdk", "toolchains", "system_libraries", "newer_symbols", "targets"]
    )


def _built(target: Target, node: Node, keys: Mapping[str, Node], environment: Mapping[str, str]) -> Target:
    """Return a target for macOS with what its recipes are given."""
    if target.darwin is None or len(target.darwin.minimum_os) != 1 or "autoconf_host" not in keys:
        raise node.fail("what is built needs autoconf_host, and one processor", found=", ".join(keys))
    options = keys["options"].texts()
    if not options:
        raise keys["options"].fail("is empty", expected="at least one build option such as noopt")
    ((arch, oldest),) = target.darwin.minimum_os.items()
    own = {"CC": f"{target.triple}-clang", "CXX": f"{target.triple}-clang++", "DARWIN_ARCH": arch,
           "MACOSX_DEPLOYMENT_TARGET": oldest}  # fmt: skip
    return replace(target, autoconf_host=keys["autoconf_host"].text(), options=options,
                   environment={**environment, **own})  # fmt: skip


def load_macos_toolchains(path: Path, linux: Mapping[str, Target]) -> Mapping[str, MacosToolchain]:
    """Return what compiles for macOS, by name; ``linux`` are the targets whose root filesystems it may run in.

    Raises ConfigError naming file and key.
    """
    found = {}
    known = dict.fromkeys(option for target in load_macos_targets(path).values() for option in target.options)
    for name, node in _macos(path)["toolchains"].items():
        kind, _, compiler = name.partition(":")
        keys = node.mapping(required=["environment"], optional=["built_on", "options", "recipes", "making", "sources"])
        if kind not in MACOS_KINDS or not compiler:
            raise node.fail("malformed name", found=name, expected=f"{' or '.join(MACOS_KINDS)}, a colon, the compiler")
        if (kind == CROSS) != ("built_on" in keys):
            raise node.fail("built_on is what a cross compiler has, and no other", found=kind)
        if (kind == BOOTSTRAP) != ("recipes" in keys):
            raise node.fail("recipes are what a bootstrap toolchain has, and no other", found=kind)
        on = keys["built_on"].choice(*linux) if "built_on" in keys else ""
        compiler, _, series = compiler.partition("-")
        root = linux[on].root if on else ""
        toolchain = Toolchain(
            name, kind, compiler, series, root, environment=keys["environment"].text_map(),
            options=tuple(item.choice(*known) for item in keys["options"].elements()) if "options" in keys else (),
            recipes=keys["recipes"].texts() if "recipes" in keys else (),
            making=keys["making"].text_map() if "making" in keys else {},
            sources=keys["sources"].text_map() if "sources" in keys else {},
        )  # fmt: skip
        found[name] = MacosToolchain(toolchain, on)
    return found


def compiled_on(target: Target, chosen: MacosToolchain, linux: Mapping[str, Target]) -> Target:
    """Return a target for macOS as it is when the toolchain compiles: in its root, with its variables."""
    own = {"BUILD_CC": target.environment["CC"]} if chosen.toolchain.kind == BOOTSTRAP else {}
    environment = {**target.environment, **own, **chosen.toolchain.environment}
    if not chosen.built_on:
        return replace(target, environment=environment)
    machine = linux[chosen.built_on]
    return replace(target, environment=environment, root=machine.root, autoconf_build=machine.autoconf_host,
                   debian_architecture=machine.debian_architecture)  # fmt: skip


def find_macos_target(targets: Mapping[str, Target], triple: str) -> Target:
    """Return a target for macOS that can be built. Raises UsageError that names those."""
    able = [name for name, target in targets.items() if target.options]
    if triple in able:
        return targets[triple]
    if triple in targets:
        raise UsageError("--target-triple: is not built, but merged from builds for one processor each", found=triple,
                         expected=f"one of {', '.join(able)}")  # fmt: skip
    near = difflib.get_close_matches(triple, able, 1)
    raise UsageError("--target-triple: unknown target for macOS", found=triple, expected=f"one of {', '.join(able)}",
                     advice=f"did you mean {near[0]}?" if near else "")  # fmt: skip


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
