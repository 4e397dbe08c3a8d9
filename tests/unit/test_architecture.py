"""The modules stand as docs/architecture.rst lists them: whoever imports stands above what it imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "pythonbuild"
#: Between packages of these floors there are no imports at all.
SEPARATE = {1, 2}


def places() -> dict[str, tuple[int, int]]:
    """Return the floor of each listed package or module, and the line it is listed in."""
    text = (REPOSITORY / "docs/architecture.rst").read_text(encoding="utf-8")
    listing = text.split("\n    pythonbuild/\n")[1].split("\n    cpython-unix/")[0]
    found = {}
    for number, line in enumerate(listing.splitlines()):
        match = re.fullmatch(r"      (\S+) +(\d|–)  (.+)", line)
        assert match, f"docs/architecture.rst: cannot be read: {line}"
        floor = 9 if match[2] == "–" else int(match[2])
        for name in (match[1], *re.findall(r"\b[a-z_]+\.py\b", match[3])):
            found[name.removesuffix(".py").rstrip("/")] = (floor, number)
    return found


def modules() -> dict[str, ast.Module]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_bytes())
    return found


def imports(tree: ast.Module, known: dict[str, ast.Module]) -> Iterator[str]:
    """Yield the modules of the library that a module imports, be it inside of functions or for its types only."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.startswith("pythonbuild."):
                inner = name.removeprefix("pythonbuild.")
                yield inner if inner in known else inner.rpartition(".")[0]


MODULES = modules()
IMPORTS = {name: sorted(set(imports(tree, MODULES)) - {name, ""}) for name, tree in MODULES.items()}


def place(name: str, listed: dict[str, tuple[int, int]]) -> tuple[int, int]:
    top = name.partition(".")[0]
    assert top in listed, f"docs/architecture.rst does not say where pythonbuild/{top} stands"
    return listed[top]


def test_no_modules_import_each_other() -> None:
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("name", sorted(name for name in IMPORTS if name))
def test_a_module_imports_from_below(name: str) -> None:
    listed = places()
    floor, line = place(name, listed)
    for imported in IMPORTS[name]:
        if imported.partition(".")[0] == name.partition(".")[0]:
            continue
        other, other_line = place(imported, listed)
        if other == floor:
            assert floor not in SEPARATE, f"{name} imports {imported}, of the same floor"
            assert other_line >= line, f"{name} imports {imported}, which is listed above it"
        else:
            assert other < floor, f"{name} imports {imported}, of a floor above"


def test_the_listing_has_nothing_that_is_not_there() -> None:
    files = {path.stem for path in PACKAGE.rglob("*.py")}
    assert [name for name in places() if name not in files and not (PACKAGE / name).is_dir()] == []
