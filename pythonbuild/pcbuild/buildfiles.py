"""Transformations of the two files that list the projects: pcbuild.proj, which is built, and pcbuild.sln.

A project that is dropped goes from both. One that a file does not name is no error: CPython's solution lacks some. What
must not remain is a reference to a project that is not there any more; :mod:`.references` looks for those.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from pythonbuild.errors import PcbuildError
from pythonbuild.pcbuild.xmltext import Document, Edit

#: Elements of pcbuild.proj whose Include is a list of projects, with or without their suffix.
LISTS = ("Projects", "Projects2", "FreezeProjects", "ExtensionModules", "ExternalModules", "TestModules")
_PROJECT = re.compile(rb'Project\("\{[0-9A-F-]+\}"\) = "([^"]*)", "([^"]*)", "(\{[0-9A-Fa-f-]+\})"')
_SUFFIX = ".vcxproj"


def listed_projects(document: Document) -> list[str]:
    """Return the projects that pcbuild.proj names, without their suffix, in its order."""
    names = []
    for kind in LISTS:
        for element in document.root.find(f"ItemGroup/{kind}"):
            names += [part.removesuffix(_SUFFIX) for part in _parts(element.get("Include"))]
    return [name for name in names if not name.startswith("@(")]


def drop_from_build(document: Document, dropped: Collection[str]) -> Document:
    """Take projects out of pcbuild.proj's lists, and a list with nothing left out of the file."""
    if not document.root.find("ItemGroup/Projects"):
        raise document.fail("<Projects>", "the transformation does not fit", found="none of it")
    edits: list[Edit] = []
    for kind in LISTS:
        for element in document.root.find(f"ItemGroup/{kind}"):
            parts = _parts(element.get("Include"))
            kept = [part for part in parts if part.removesuffix(_SUFFIX) not in dropped]
            if not kept:
                edits.append(document.removal(element))
            elif kept != parts:
                edits.append(document.attribute_edit(element, "Include", ";".join(kept)))
    return document.edited(edits)


def _parts(include: str) -> list[str]:
    return [part.strip() for part in include.split(";") if part.strip()]


def solution_projects(name: str, data: bytes) -> dict[str, tuple[str, str]]:
    """Return the projects of a solution: name → (path, GUID in upper case). Raises PcbuildError if it is none."""
    found = {match[1].decode(): (match[2].decode(), match[3].decode().upper()) for match in _PROJECT.finditer(data)}
    if b"Microsoft Visual Studio Solution File" not in data[:200] or not found:
        raise PcbuildError(f"{name}: Project: is not a Visual Studio solution", found=f"{len(found)} projects")
    return found


def drop_from_solution(name: str, data: bytes, dropped: Mapping[str, str]) -> bytes:
    """Take projects (name → GUID) out of a solution, with every line that speaks of them; the rest keeps its bytes."""
    present = solution_projects(name, data)
    guids = {guid.upper().encode() for guid in dropped.values()}
    for project, guid in dropped.items():
        if project in present and present[project][1] != guid.upper():
            raise PcbuildError(f'{name}: Project "{project}": has another GUID than {project}{_SUFFIX}',
                               found=present[project][1], expected=guid.upper())  # fmt: skip
    kept: list[bytes] = []
    inside = False
    for line in data.splitlines(keepends=True):
        match = _PROJECT.match(line)
        inside = inside or bool(match and match[3].upper() in guids)
        if inside:
            inside = line.strip() != b"EndProject"
            continue
        if not any(guid in line.upper() for guid in guids):
            kept.append(line)
    if inside:
        raise PcbuildError(f"{name}: EndProject: the last project that is dropped has none")
    return _without_empty_sections(kept)


def _without_empty_sections(lines: list[bytes]) -> bytes:
    """Leave out the sections of dependencies that have lost all their lines."""
    kept: list[bytes] = []
    for line in lines:
        empty = bool(kept) and kept[-1].strip().startswith(b"ProjectSection(ProjectDependencies)")
        if empty and line.strip() == b"EndProjectSection":
            kept.pop()
        else:
            kept.append(line)
    return b"".join(kept)
