"""Where every file of a distribution comes from: exactly one component each, told by what is found, never guessed.

In this order, the first that knows a file answers:

1. what this project adds: files of recipes' own folders, and what assembling writes;
2. the libraries and licence texts that PYTHON.json names with their source;
3. Python packages, by their own lists of installed files (:mod:`pythonbuild.distribution.bundled`);
4. a dependency whose tree has ``tools/deps/<path>`` for what is ``install/<path>``: terminal descriptions, Tcl scripts;
5. the tree that CPython's own build gave.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from pythonbuild.config.model import Recipe
from pythonbuild.distribution.bundled import Package
from pythonbuild.distribution.link_choices import path_of
from pythonbuild.distribution.python_json import PythonJson
from pythonbuild.errors import DistributionError

#: The parts of an archive whose files must all be attributed. (The two descriptions beside them are about the rest.)
PARTS = ("build", "install", "licenses")
#: References of components in an SBOM, and so the values of what :func:`attribute` returns.
CPYTHON = "cpython"
OWN = "python-build"

_DEPENDENCY_PREFIX = "tools/deps"
#: What the recipe of CPython puts into its source or its tree: a folder laid over the source, and a script.
_OVERLAY = "newer"
_SCRIPT = "python-config.sh"
#: What this project's own code writes (:mod:`pythonbuild.distribution.assemble` and :mod:`.left_out`).
_WRITTEN = ("build/run_tests.py", "build/left-out.json")


def package_reference(package: Package) -> str:
    """Return the reference of a Python package in the SBOM."""
    return f"pypi:{package.name}@{package.version}"


def attribute(
    top: Path, document: PythonJson, cpython_tree: Path, trees: Mapping[str, Path], packages: Sequence[Package],
    cpython_recipe: Recipe,
) -> dict[str, str]:  # fmt: skip
    """Return the component of each file and link below the :data:`PARTS`, by path relative to ``python/``.

    ``trees`` are those of the dependencies by source name. Raises DistributionError for a file of unknown origin.
    """
    known: dict[str, str] = {}
    for part in (_own(top, document, cpython_recipe), _named(document), _packaged(packages)):
        for path, component in part:
            known.setdefault(path, component)
    origins = {}
    for path in files(top):
        origins[path] = known.get(path) or _dependency(path, trees) or _built(path, cpython_tree)
        if not origins[path]:
            raise DistributionError(f"{path}: nothing tells where this file is from",
                                    advice="pythonbuild/distribution/origins.py has the rules")  # fmt: skip
    return origins


def files(top: Path) -> list[str]:
    """Return the paths of all files and links below the parts of an archive, sorted."""
    found = []
    for part in PARTS:
        for directory, subdirectories, names in os.walk(top / part):
            links = [name for name in subdirectories if Path(directory, name).is_symlink()]
            found += [Path(directory, name).relative_to(top).as_posix() for name in (*names, *links)]
    return sorted(found)


def _own(top: Path, document: PythonJson, recipe: Recipe) -> Iterator[tuple[str, str]]:
    yield from ((path, OWN) for path in (*_WRITTEN, path_of(document.python_stdlib)))
    overlay = recipe.directory / _OVERLAY
    for file in sorted(path for path in overlay.rglob("*") if path.is_file()):
        path = file.relative_to(overlay)
        if path.suffix == ".c":
            yield f"build/{path.with_suffix('.o').as_posix()}", OWN
        elif path.parts[0] == "Include":
            yield f"{document.python_include}/{PurePosixPath(*path.parts[1:])}", OWN
    if (recipe.directory / _SCRIPT).is_file():
        for script in (top / "install" / "bin").glob("python*-config"):
            if not script.is_symlink():
                yield script.relative_to(top).as_posix(), OWN


def _named(document: PythonJson) -> Iterator[tuple[str, str]]:
    for source in document.sources:
        for path in (*source.libraries, *source.license_paths):
            yield path, source.name


def _packaged(packages: Sequence[Package]) -> Iterator[tuple[str, str]]:
    for package in packages:
        for path in package.files:
            yield path, package_reference(package)


def _dependency(path: str, trees: Mapping[str, Path]) -> str:
    part, _, below = path.partition("/")
    if part != "install":
        return ""
    place = f"{_DEPENDENCY_PREFIX}/{below}"
    having = sorted(name for name, tree in trees.items() if os.path.lexists(tree / place))
    if len(having) > 1:
        raise DistributionError(f"{path}: two trees bring this file", found=" and ".join(having))
    return having[0] if having else ""


def _built(path: str, cpython_tree: Path) -> str:
    return CPYTHON if os.path.lexists(cpython_tree / path) else ""
