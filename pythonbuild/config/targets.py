"""Reads ``cpython-unix/targets.yml``."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pythonbuild.config.document import Node, read_document
from pythonbuild.config.model import OLDEST_CPU, ROOMS, Target
from pythonbuild.errors import UsageError

_TEXTS = (
    "os",
    "arch",
    "libc",
    "glibc_floor",
    "debian_architecture",
    "multiarch",
    "autoconf_host",
    "root",
    "sysroot",
)

#: How the triples end that another script builds for, on its own system.
_BUILT_ELSEWHERE = {"-apple-darwin": "build-macos.py, on macOS", "-pc-windows-msvc": "build-windows.py, on Windows",
                    "-unknown-linux-gnu": "build-linux.py, on Linux"}  # fmt: skip


def load_targets(path: Path) -> Mapping[str, Target]:
    """Return the targets by triple. Raises ConfigError naming file and key."""
    top = read_document(path).mapping(required=["targets"])
    return {triple: _target(triple, node) for triple, node in top["targets"].items()}


def _target(triple: str, node: Node) -> Target:
    keys = node.mapping(required=[*_TEXTS, "environment", "system_libraries", "options"],
                        optional=["rooms", "oldest_cpu"])  # fmt: skip
    options = keys["options"].texts()
    if not options:
        raise keys["options"].fail("is empty", expected="at least one build option such as noopt")
    rooms = keys["rooms"].mapping(optional=ROOMS) if "rooms" in keys else {}
    if OLDEST_CPU in rooms and "oldest_cpu" not in keys:
        raise rooms[OLDEST_CPU].fail("which processor?", expected="the key oldest_cpu beside rooms")
    return Target(
        triple=triple,
        **dict[str, Any]({key: keys[key].text() for key in _TEXTS}),
        environment=keys["environment"].text_map(),
        system_libraries=keys["system_libraries"].texts(),
        options=options,
        rooms={room: node.text() for room, node in rooms.items()},
        oldest_cpu=keys["oldest_cpu"].text() if "oldest_cpu" in keys else "",
    )


def find_target(targets: Mapping[str, Target], triple: str) -> Target:
    """Return one target. Raises UsageError that names what exists."""
    if triple in targets:
        return targets[triple]
    for ending, place in _BUILT_ELSEWHERE.items():
        if triple.endswith(ending) and not any(target.endswith(ending) for target in targets):
            raise UsageError("--target-triple: is built by another script", found=triple,
                             expected=f"one of {', '.join(targets)}", advice=f"build it by {place}")  # fmt: skip
    near = difflib.get_close_matches(triple, targets, 1)
    advice = f"did you mean {near[0]}?" if near else "docs/adding-a-target.rst tells how to add one"
    raise UsageError("--target-triple: unknown target", found=triple, expected=f"one of {', '.join(targets)}",
                     advice=advice)  # fmt: skip
