"""The check of an edited source tree: every file that a project names is there.

A path may begin with an MSBuild property. Those that name a place in the source tree are resolved; those that the
catalogue declares name places outside it and are the build's concern; any other is an error.

CPython's own projects name some headers and icons that its releases do not have. MSBuild does not miss them, so they
stay as they are; :data:`HARMLESS` are the elements of which that is true.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from pythonbuild.pcbuild.xmltext import Document, Element

_ITEMS = ("ClCompile", "ClInclude", "CustomBuild", "MASM", "Manifest", "Midl", "None", "ProjectReference",
          "ResourceCompile", "Text")  # fmt: skip
HARMLESS = ("ClInclude", "None")
_PROPERTY = re.compile(r"\$\((\w+)\)\\?")
#: Properties that name a place in the source tree: it, from its root.
_INSIDE = {"PySourcePath": "", "MSBuildThisFileDirectory": "PCbuild/"}


@dataclass(frozen=True)
class Problem:
    """A path that leads nowhere: the kind of the element that has it, and the line that says so."""

    kind: str
    path: str
    message: str


def problems(document: Document, exists: Callable[[str], bool], outside: Collection[str]) -> Iterator[Problem]:
    """Iterate over the paths of a project or property sheet of PCbuild that lead nowhere.

    ``exists`` says whether the source tree has a file (a path from its root, with ``/``); ``outside`` are the
    properties that name places outside.
    """
    for element, path in _paths(document.root):
        place = f"{document.name}:{element.line}: {element}"
        resolved = resolve(path)
        if not resolved:
            name = _PROPERTY.match(path)
            if name and name[1] not in outside:
                yield Problem(element.name, path, f"{place}: begins with the property {name[1]}, which is not declared")
        elif not exists(resolved):
            yield Problem(element.name, path, f"{place}: there is no {resolved}")


def resolve(path: str) -> str:
    """Return where a path of a project in PCbuild leads, from the source tree's root; "" if a property decides it."""
    match = _PROPERTY.match(path)
    if match and match[1] not in _INSIDE:
        return ""
    start, rest = (_INSIDE[match[1]], path[match.end() :]) if match else ("PCbuild/", path)
    parts: list[str] = []
    for part in (start + rest.replace("\\", "/")).split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _paths(root: Element) -> Iterator[tuple[Element, str]]:
    for element in root.find("ItemGroup/*"):
        if element.name in _ITEMS and "@(" not in element.get("Include"):
            yield from ((element, part.strip()) for part in element.get("Include").split(";") if part.strip())
    for element in [*root.find("Import"), *root.find("ImportGroup/Import")]:
        yield element, element.get("Project")
