"""What a distribution's SBOM is made from: collects it from the configuration and the trees, and writes it.

The step that assembles a distribution calls it; what it reads beside the trees is in that step's key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pythonbuild.config.model import SNAPSHOT_ARCHIVE, Lock, Pin, Recipe
from pythonbuild.config.project import Project
from pythonbuild.distribution.python_json import PythonJson
from pythonbuild.engine.model import InputFile

#: Files of recipes that the SBOM tells of: patches, and what CPython's recipe adds of its own.
_PARTS = ("patches*/*.patch", "newer/**/*", "python-config.sh")


@dataclass(frozen=True)
class Materials:
    """What is built: CPython's ``version`` from ``interpreter``, its pin, and ``recipes``, which it is linked with.

    ``pin`` tells which pin of a source was used. ``locks`` are those of the root filesystem that the compiler runs in
    (``build``) and of what it compiles against (``sysroot``).
    """

    project: Project
    version: str
    interpreter: Pin
    recipes: tuple[Recipe, ...]
    pin: Callable[[str], Pin]
    locks: Mapping[str, Lock]

    @property
    def sources(self) -> dict[str, str]:
        """Each recipe's source, by the recipe's name."""
        return {recipe.name: recipe.source for recipe in self.recipes if recipe.source}

    def files(self) -> tuple[InputFile, ...]:
        """Return the files that are read, for the key of the step that writes the SBOM."""
        recipes = (self.project.recipes["cpython"], *self.recipes)
        found = [path for recipe in recipes for pattern in _PARTS for path in sorted(recipe.directory.glob(pattern))]
        paths = [path for path in found if path.is_file()]
        return tuple(InputFile(path.relative_to(self.project.repository).as_posix(), path) for path in paths)

    def parameters(self) -> dict[str, str]:
        """Return the rest of what it depends on, for the same key."""
        needs = {f"needs of {recipe.name}": " ".join(recipe.needs) for recipe in self.recipes}
        return needs | {f"lock {name}": repr(lock) for name, lock in self.locks.items()}


def write_sbom(materials: Materials, document: PythonJson, cpython_tree: Path, trees: Mapping[str, Path],
               source: Path, top: Path) -> None:  # fmt: skip
    """Write ``top``/SBOM.cdx.json. ``trees`` are those of the recipes by name; ``source`` is CPython's archive."""
    from pythonbuild.distribution.bundled import bundled_packages
    from pythonbuild.distribution.origins import CPYTHON, attribute
    from pythonbuild.distribution.patches import applied_patches, read_from
    from pythonbuild.distribution.sbom import Making, render
    from pythonbuild.distribution.sbom_text import NAME

    recipes, sources, repository = materials.project.recipes, materials.sources, materials.project.repository
    read = read_from(source)
    patches = {CPYTHON: applied_patches(recipes["cpython"], repository, materials.version, read)}
    for recipe, name in sources.items():
        patches[name] = applied_patches(recipes[recipe], repository, materials.pin(name).version, read)
    facts = json.loads((cpython_tree / "build" / "cpython-build.json").read_text(encoding="utf-8"))
    packages = bundled_packages(top, document.python_stdlib)
    dependencies = {name: trees[recipe] for recipe, name in sources.items()}
    making = Making(
        epoch=int(facts["source_date_epoch"]),
        origins=attribute(top, document, cpython_tree, dependencies, packages, recipes["cpython"]),
        packages=packages,
        patches=patches,
        addresses=_addresses(materials, CPYTHON),
        needs={name: [sources[need] for need in recipes[recipe].needs if need in sources]
               for recipe, name in sources.items()},
        locks=materials.locks,
        products=_products(materials, CPYTHON),
    )  # fmt: skip
    (top / NAME).write_text(render(document, making), encoding="utf-8", newline="\n")


def _products(materials: Materials, interpreter: str) -> dict[str, str]:
    """Return vendor and product of each source that lists of vulnerabilities know."""
    known = materials.project.sources
    names = {interpreter: materials.interpreter.source, **{name: name for name in materials.sources.values()}}
    return {name: known[source].cpe for name, source in names.items() if source in known and known[source].cpe}


def _addresses(materials: Materials, interpreter: str) -> dict[str, tuple[str, ...]]:
    """Return where each source can be had for ever: in the snapshot archive, if the distribution archive has it."""
    snapshot = max((lock.snapshot for lock in materials.locks.values()), default="")
    pins = {interpreter: materials.interpreter, **{name: materials.pin(name) for name in materials.sources.values()}}
    return {
        name: (f"{SNAPSHOT_ARCHIVE}/{snapshot}/{pin.pool_path}",)
        for name, pin in pins.items()
        if pin.pool_path and snapshot
    }
