"""What becomes of the modules and projects of CPython's Windows build: ``cpython-windows/*.yml``, read and checked.

Both files describe all supported versions; :meth:`Catalogue.modules_in` and friends answer for one. The cross-check
compares them with the projects that a source tree has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pythonbuild.config.document import Node, read_document
from pythonbuild.cpython.modules import LINKAGES, VersionRange, version_tuple
from pythonbuild.errors import ExtensionModuleError

MODULES_FILE = "extension-modules.yml"
PROJECTS_FILE = "projects.yml"
FATES = ("core", "kept", "static", "dropped")
#: The project of pythonXY.dll, where CPython's own builtin modules are.
CORE = "pythoncore"
_KINDS = ("projects", "dependencies")


@dataclass(frozen=True)
class WindowsModule:
    """One extension module over all versions; the words are those of ``extension-modules.yml``.

    ``project`` and ``init`` have their defaults filled in. ``licences`` are entries of the sources' file, where they
    are not those of ``needs``.
    """

    name: str
    project: str
    init: str
    linkage: str
    reason: str
    versions: VersionRange
    needs: tuple[str, ...]
    licences: tuple[str, ...]
    defines: tuple[str, ...]
    compiled_by: str


@dataclass(frozen=True)
class OtherProject:
    """One project that is no extension module; the words are those of ``projects.yml``."""

    name: str
    becomes: str
    reason: str
    versions: VersionRange
    needs_dll: bool
    links_core: bool
    trained: bool


@dataclass(frozen=True)
class Dependency:
    """One library that modules need; the words are those of ``projects.yml``."""

    name: str
    versions: VersionRange
    libraries: tuple[str, ...]
    system: tuple[str, ...]
    replaces: tuple[str, ...]
    sheets: tuple[str, ...]
    defines: tuple[str, ...]
    project: str
    property: str

    def replaces_path(self, text: str) -> bool:
        """Return whether a path or library of CPython's is one that this takes the place of."""
        return text.lower().startswith(tuple(prefix.lower() for prefix in self.replaces))


@dataclass(frozen=True)
class Catalogue:
    """Both files. ``properties`` are the MSBuild properties that name places outside the source tree, ``generated``
    the files that the build makes in it, ``bundled`` how paths of sources begin that are another upstream's."""

    directory: Path
    modules: Mapping[str, WindowsModule]
    projects: Mapping[str, OtherProject]
    dependencies: Mapping[str, Dependency]
    properties: Mapping[str, str]
    generated: Mapping[str, str]
    bundled: Mapping[str, tuple[str, ...]]

    def modules_in(self, version: str) -> dict[str, WindowsModule]:
        """Return the modules of this version, those that are in the core already included, sorted."""
        return {name: module for name, module in sorted(self.modules.items()) if version in module.versions}

    def projects_in(self, version: str) -> dict[str, OtherProject]:
        return {name: project for name, project in sorted(self.projects.items()) if version in project.versions}

    def needs(self, module: WindowsModule, version: str) -> list[Dependency]:
        """Return the dependencies of a module that CPython of this version does not bring itself."""
        needed = (self.dependencies[name] for name in module.needs)
        return [dependency for dependency in needed if version in dependency.versions]

    def licences(self, module: WindowsModule, version: str) -> tuple[str, ...]:
        """Return the sources whose licences a module's code is under besides CPython's."""
        return module.licences or tuple(need.name for need in self.needs(module, version))


def read_catalogue(directory: Path) -> Catalogue:
    """Read both files of a directory. Raises ConfigError naming file and key."""
    nodes = read_document(directory / MODULES_FILE).mapping(required=("modules",))
    modules = {name: _read_module(name, node) for name, node in nodes["modules"].items()}
    others = read_document(directory / PROJECTS_FILE).mapping(required=(*_KINDS, "properties", "generated", "bundled"))
    projects = {name: _read_project(name, node) for name, node in others["projects"].items()}
    dependencies = {name: _read_dependency(name, node) for name, node in others["dependencies"].items()}
    properties, generated = others["properties"].text_map(), others["generated"].text_map()
    bundled = {name: node.texts() for name, node in others["bundled"].items()}
    catalogue = Catalogue(directory, modules, projects, dependencies, properties, generated, bundled)
    _check_names(catalogue, dict(nodes["modules"].items()), others)
    return catalogue


def _check_names(catalogue: Catalogue, modules: Mapping[str, Node], others: Mapping[str, Node]) -> None:
    """Raise ConfigError for a name in one place that the other does not have."""
    for name, module in catalogue.modules.items():
        for need in module.needs:
            if need not in catalogue.dependencies:
                raise modules[name].fail(f"needs: unknown dependency {need!r}",
                                         expected=f"one of {', '.join(catalogue.dependencies)}")  # fmt: skip
        other = catalogue.modules.get(module.compiled_by)
        if module.compiled_by and (other is None or other.linkage != "builtin" or other.compiled_by):
            raise modules[name].fail("compiled_by: not a builtin module that compiles its own sources",
                                     found=repr(module.compiled_by))  # fmt: skip
        if module.project in catalogue.projects and module.project != CORE:
            raise modules[name].fail(f"its project {module.project!r} is in {PROJECTS_FILE} too")
    cores = [project.name for project in catalogue.projects.values() if project.becomes == "core"]
    if cores != [CORE]:
        raise others["projects"].fail("exactly one project is the core", found=", ".join(cores) or "none",
                                      expected=CORE)  # fmt: skip
    for name, dependency in catalogue.dependencies.items():
        project = catalogue.projects.get(dependency.project)
        if dependency.project and (project is None or project.becomes != "static"):
            raise others["dependencies"].fail(f"{name}: project: not one that becomes static",
                                              found=repr(dependency.project))  # fmt: skip
        if dependency.property and dependency.property not in catalogue.properties:
            raise others["dependencies"].fail(f"{name}: property: not one of 'properties'",
                                              found=repr(dependency.property))  # fmt: skip


def _read_module(name: str, node: Node) -> WindowsModule:
    optional = ("since", "until", "project", "init", "linkage", "reason", "needs", "licences", "defines", "compiled_by")
    keys = node.mapping(optional=optional)
    linkage = keys["linkage"].choice(*LINKAGES) if "linkage" in keys else "builtin"
    if (linkage != "builtin") != ("reason" in keys):
        raise node.fail("a module has a 'reason' exactly when it is not builtin", found=f"linkage {linkage}")
    for key in ("defines", "compiled_by", "init"):
        if key in keys and linkage != "builtin":
            raise keys[key].fail("only a builtin module has it", found=f"linkage {linkage}")
    return WindowsModule(
        name=name,
        project=keys["project"].text() if "project" in keys else name,
        init=keys["init"].text() if "init" in keys else f"PyInit_{name}",
        linkage=linkage,
        reason=keys["reason"].text() if "reason" in keys else "",
        versions=_read_range(keys),
        needs=_texts(keys, "needs"),
        licences=_texts(keys, "licences"),
        defines=_texts(keys, "defines"),
        compiled_by=keys["compiled_by"].text() if "compiled_by" in keys else "",
    )


def _read_project(name: str, node: Node) -> OtherProject:
    flags = ("needs_dll", "links_core", "trained")
    keys = node.mapping(required=("becomes",), optional=("since", "until", "reason", *flags))
    becomes = keys["becomes"].choice(*FATES)
    if (becomes in ("kept", "dropped")) != ("reason" in keys):
        raise node.fail("a project has a 'reason' exactly when it is kept or dropped", found=f"becomes {becomes}")
    return OtherProject(
        name=name,
        becomes=becomes,
        reason=keys["reason"].text() if "reason" in keys else "",
        versions=_read_range(keys),
        **{flag: keys[flag].boolean() if flag in keys else False for flag in flags},
    )


def _read_dependency(name: str, node: Node) -> Dependency:
    optional = ("since", "until", "libraries", "system", "replaces", "sheets", "defines", "project", "property")
    keys = node.mapping(optional=optional)
    if ("libraries" in keys) == ("property" in keys):
        raise node.fail("a dependency has either 'libraries' or a 'property' that names where it is")
    return Dependency(
        name=name,
        versions=_read_range(keys),
        libraries=_texts(keys, "libraries"),
        system=_texts(keys, "system"),
        replaces=_texts(keys, "replaces"),
        sheets=_texts(keys, "sheets"),
        defines=_texts(keys, "defines"),
        project=keys["project"].text() if "project" in keys else "",
        property=keys["property"].text() if "property" in keys else "",
    )


def _texts(keys: Mapping[str, Node], key: str) -> tuple[str, ...]:
    return keys[key].texts() if key in keys else ()


def _read_range(keys: Mapping[str, Node]) -> VersionRange:
    bounds = []
    for key in ("since", "until"):
        text = keys[key].text() if key in keys else ""
        numbers = version_tuple(text)
        if key in keys and (len(numbers) < 2 or ".".join(map(str, numbers)) != text):
            raise keys[key].fail("malformed version", found=repr(text), expected="such as '3.12' or '3.12.4'")
        bounds.append(numbers)
    since, until = bounds
    if until and since[: len(until)] > until:
        raise keys["since"].fail("begins after it ends", found=keys["since"].text(), expected="since ≤ until")
    return VersionRange(since, until)


def cross_check(existing: Collection[str], table: Collection[str], version: str, catalogue: Catalogue) -> None:
    """Compare the projects that a source tree has, and its module table, with the catalogue, both ways.

    ``existing`` are names of projects, ``table`` the modules of PC/config.c. Raises ExtensionModuleError that names
    every project and module on which they disagree.
    """
    problems = list(_disagreements(existing, table, version, catalogue))
    if problems:
        raise ExtensionModuleError(
            f"{catalogue.directory} and PCbuild of CPython {version} disagree: {'; '.join(problems)}",
            advice=f"say in {MODULES_FILE} or {PROJECTS_FILE} what becomes of these",
        )


def _disagreements(existing: Collection[str], table: Collection[str], version: str,
                   catalogue: Catalogue) -> Iterator[str]:  # fmt: skip
    modules, projects = catalogue.modules_in(version), catalogue.projects_in(version)
    known = {module.project for module in modules.values()} | projects.keys()
    for name in sorted(set(existing) - known):
        yield f"project {name} is new"
    for name in sorted(projects.keys() - set(existing)):
        yield f"project {name} is gone"
    for name, module in modules.items():
        if module.project not in existing:
            yield f"module {name} has no project {module.project}"
        elif module.project == CORE and name not in table:
            yield f"module {name} is not one of the core's (PC/config.c)"
        elif module.project != CORE and name in table:
            yield f"module {name} has a project and is one of the core's already (PC/config.c)"
