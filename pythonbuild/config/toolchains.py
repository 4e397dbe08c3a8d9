"""Reads ``cpython-unix/toolchains.yml``, and says which toolchain a user means."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pythonbuild.config.document import Node, read_document
from pythonbuild.config.model import Target, Toolchain
from pythonbuild.errors import UsageError

KINDS = (PACKAGED, BOOTSTRAP) = ("packaged", "bootstrap")
COMPILERS = ("clang", "gcc")


def load_toolchains(path: Path) -> Mapping[str, Toolchain]:
    """Return the toolchains by name, the preferred first. Raises ConfigError naming file and key."""
    top = read_document(path).mapping(required=["toolchains"])
    return {name: _toolchain(name, node) for name, node in top["toolchains"].items()}


def _toolchain(name: str, node: Node) -> Toolchain:
    keys = node.mapping(
        required=["kind", "compiler", "series", "root"],
        optional=["environment", "recipes", "making", "sources", "options"],
    )
    kind, compiler = keys["kind"].choice(*KINDS), keys["compiler"].choice(*COMPILERS)
    series = keys["series"].text()
    if name != f"{kind}:{compiler}-{series}":
        raise node.fail("name and content differ", found=name, expected=f"{kind}:{compiler}-{series}")
    if (kind == BOOTSTRAP) != ("recipes" in keys):
        raise node.fail("recipes are what a bootstrap toolchain has, and no other", found=kind)
    return Toolchain(
        name=name,
        kind=kind,
        compiler=compiler,
        series=series,
        root=keys["root"].text(),
        environment=keys["environment"].text_map() if "environment" in keys else {},
        recipes=keys["recipes"].texts() if "recipes" in keys else (),
        making=keys["making"].text_map() if "making" in keys else {},
        sources=keys["sources"].text_map() if "sources" in keys else {},
        options=keys["options"].texts() if "options" in keys else (),
    )


def find_toolchain(toolchains: Mapping[str, Toolchain], wanted: str, compiler: str = "") -> Toolchain:
    """Return the toolchain of ``--toolchain`` (a name, or a kind) and ``--cc``. Raises UsageError."""
    expected = f"{', '.join(KINDS)}, or one of {', '.join(toolchains)}"
    if wanted in toolchains:
        if compiler and toolchains[wanted].compiler != compiler:
            raise UsageError("--cc: the toolchain has another compiler", found=f"--toolchain {wanted} --cc {compiler}",
                             expected=f"--toolchain {toolchains[wanted].kind} --cc {compiler}")  # fmt: skip
        return toolchains[wanted]
    if wanted not in KINDS:
        near = difflib.get_close_matches(wanted, [*KINDS, *toolchains], 1)
        raise UsageError("--toolchain: unknown toolchain", found=wanted, expected=expected,
                         advice=f"did you mean {near[0]}?" if near else "")  # fmt: skip
    if compiler and compiler not in COMPILERS:
        raise UsageError("--cc: unknown compiler", found=compiler, expected=f"one of {', '.join(COMPILERS)}")
    return next(
        toolchain
        for toolchain in toolchains.values()
        if toolchain.kind == wanted and toolchain.compiler == (compiler or COMPILERS[0])
    )


def compiled_by(target: Target, toolchain: Toolchain) -> Target:
    """Return the target as it is when the toolchain compiles: in its root, with its variables."""
    return replace(target, root=toolchain.root, environment={**target.environment, **toolchain.environment})
