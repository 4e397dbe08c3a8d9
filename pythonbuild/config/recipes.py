"""Reads the recipes: every folder of ``cpython-unix/recipes``, or ``cpython-windows/recipes``, with a ``recipe.yml``.

What a recipe does is a script of bash (``build.sh``), and for Windows, where there is none, of Python (``build.py``).

A folder ``shared`` in it, with a ``recipe.yml`` and a ``build.sh`` of its own, is how the same package is built as
shared libraries (:mod:`pythonbuild.config.links`). The ordinary build does not see that folder. A folder ``macos`` has
the ``build.sh`` of a recipe that has one of its own there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from pythonbuild.config.document import Node, read_document
from pythonbuild.config.model import Recipe, SharedBuild

_DEFAULT_WEIGHT = 30.0
_DEFAULT_MEMORY = 512
#: The folder of a recipe that says how it is built on macOS where it differs, and the name of that system.
MACOS = "macos"
#: The systems besides Linux that recipes are for.
_SYSTEMS = (MACOS,)
#: The folder of a recipe that says how shared libraries are built, and what a soname looks like.
SHARED = "shared"
_SONAME = re.compile(r"lib[\w.+{}-]+\.so(\.\d+)*")


def load_recipes(directory: Path, script: str = "build.sh") -> Mapping[str, Recipe]:
    """Return the recipes by name. Raises ConfigError naming file and key, also for needs that do not exist.

    ``script`` is what the script of a recipe is called.
    """
    recipes = {}
    nodes = {}
    for path in sorted(directory.glob("*/recipe.yml")):
        node = read_document(path)
        recipes[path.parent.name] = _recipe(path.parent, node, directory.parent.parent, script)
        nodes[path.parent.name] = node
    for name, recipe in recipes.items():
        for need in recipe.needs:
            if need not in recipes:
                raise nodes[name].fail(f"needs: unknown recipe {need!r}", expected=f"one of {', '.join(recipes)}")
        for system, needs in recipe.needs_on.items():
            for need in needs:
                if need not in recipes:
                    raise nodes[name].fail(f"needs_on.{system}: unknown recipe {need!r}",
                                           expected=f"one of {', '.join(recipes)}")  # fmt: skip
    return recipes


def recipes_on(recipes: Mapping[str, Recipe], system: str) -> Mapping[str, Recipe]:
    """Return the recipes with the needs that they have on an operating system."""
    return {name: replace(recipe, needs=recipe.needs_on.get(system, recipe.needs)) for name, recipe in recipes.items()}


def _recipe(directory: Path, node: Node, repository: Path, script: str) -> Recipe:
    keys = node.mapping(optional=["source", "needs", "parameters", "includes", "lock", "weight", "resumable",
                                  "memory", "needs_on"])  # fmt: skip
    includes = []
    for element in keys["includes"].elements() if "includes" in keys else []:
        path = repository / element.text()
        if not path.exists():
            raise element.fail(
                "no such file or directory", found=element.text(), expected="a path below the repository"
            )
        includes.append(path)
    if not (directory / script).is_file():
        raise node.fail(f"no {script} beside it")
    return Recipe(
        name=directory.name,
        directory=directory,
        source=keys["source"].text() if "source" in keys else "",
        needs=keys["needs"].texts() if "needs" in keys else (),
        parameters=keys["parameters"].text_map() if "parameters" in keys else {},
        includes=tuple(includes),
        lock=keys["lock"].text() if "lock" in keys else "",
        weight=keys["weight"].number() if "weight" in keys else _DEFAULT_WEIGHT,
        shared=_shared_build(directory / SHARED),
        resumable=keys["resumable"].boolean() if "resumable" in keys else False,
        memory=keys["memory"].integer() if "memory" in keys else _DEFAULT_MEMORY,
        needs_on={
            system: node.texts()
            for system, node in (keys["needs_on"].mapping(optional=_SYSTEMS) if "needs_on" in keys else {}).items()
        },
    )


def _shared_build(directory: Path) -> SharedBuild | None:
    path = directory / "recipe.yml"
    if not path.is_file():
        return None
    node = read_document(path)
    keys = node.mapping(required=["sonames"], optional=["weight"])
    sonames = keys["sonames"].text_map()
    if not sonames:
        raise keys["sonames"].fail("is empty", expected="what link lines call each library: its soname")
    for name, item in keys["sonames"].items():
        if not _SONAME.fullmatch(sonames[name]) or re.search(r"[{}]", sonames[name].replace("{series}", "")):
            raise item.fail("not a soname", found=repr(sonames[name]), expected="such as libssl.so.3")
    if not (directory / "build.sh").is_file():
        raise node.fail("no build.sh beside it")
    return SharedBuild(directory, sonames, keys["weight"].number() if "weight" in keys else _DEFAULT_WEIGHT)


def with_needs(recipes: Mapping[str, Recipe], wanted: Iterable[str]) -> list[Recipe]:
    """Return the wanted recipes and all they need, every need before its user."""
    ordered: dict[str, Recipe] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in ordered:
            return
        recipe = recipes[name]
        if name in path:
            raise Node(None, recipe.directory / "recipe.yml", "needs").fail(
                "recipes need each other in a circle", found=" → ".join((*path[path.index(name) :], name))
            )
        for need in recipe.needs:
            visit(need, (*path, name))
        ordered[name] = recipe

    for name in wanted:
        visit(name, ())
    return list(ordered.values())
