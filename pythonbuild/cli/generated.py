"""The documents that are generated: one table, one command that writes them, one check for continuous integration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pythonbuild.cli.reference import render as render_flags
from pythonbuild.config.project import Project
from pythonbuild.config.recipes import with_needs
from pythonbuild.distribution.licences import render_licences
from pythonbuild.distribution.reference import render as render_python_json
from pythonbuild.distribution.schemas import render_format_7
from pythonbuild.errors import ConfigError
from pythonbuild.validation.reference import render as render_checks
from pythonbuild.windows.steps import PROGRAMS


def _licences(repository: Path) -> str:
    project = Project(repository)
    toolchains = (*project.toolchains.values(), *(chosen.toolchain for chosen in project.macos_toolchains.values()))
    compilers = {recipe for toolchain in toolchains for recipe in toolchain.recipes}
    making = {recipe.name for recipe in with_needs(project.recipes, sorted(compilers))}
    shipped = {name: recipe for name, recipe in project.recipes.items() if name not in making}
    # Some sources are in distributions for Windows alone; the programs that help to build these are in none.
    windows = Project(repository, "windows")
    theirs = {name: recipe for name, recipe in windows.recipes.items() if name not in PROGRAMS}
    return render_licences(windows.sources, {**theirs, **shipped})


#: Each document's path in the checkout and what gives its text.
DOCUMENTS: Mapping[str, Callable[[Path], str]] = {
    "docs/checks.rst": lambda _: render_checks(),
    "docs/flags.rst": lambda _: render_flags(),
    "docs/python-json.rst": render_python_json,
    "docs/schemas/python-json-7.json": render_format_7,
    "python-licenses.rst": _licences,
}


def write(repository: Path) -> list[str]:
    """Write every document that is not up to date; return their paths."""
    written = []
    for name, render in DOCUMENTS.items():
        text = render(repository)
        if _read(repository / name) != text:
            (repository / name).write_text(text, encoding="utf-8", newline="\n")
            written.append(name)
    return written


def check(repository: Path) -> None:
    """Raise ConfigError that names the first document that is not what would be written."""
    for name, render in DOCUMENTS.items():
        found, expected = _read(repository / name).splitlines(), render(repository).splitlines()
        if found != expected:
            pairs = enumerate(zip(found, expected, strict=False), 1)
            line = next((number for number, (a, b) in pairs if a != b), min(len(found), len(expected)) + 1)
            raise ConfigError(f"{name}:{line}: not up to date", advice="run ./build-linux.py generate")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
