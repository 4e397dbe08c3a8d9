"""The story: from CPython's source tree to one whose build makes a pythonXY with the extension modules inside.

The projects are compared with the catalogue; each builtin module's project is read and said again inside pythoncore;
what its dependencies' DLLs needed goes; the lists of projects and the module table follow; the result is checked. All
of that happens in memory: an edit that fails leaves the tree as it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from pythonbuild.cpython.leaving_out import WITHOUT
from pythonbuild.cpython.setupfiles import cpython_version, parse_inittab
from pythonbuild.errors import PcbuildError
from pythonbuild.pcbuild.buildfiles import drop_from_build, drop_from_solution, listed_projects, solution_projects
from pythonbuild.pcbuild.catalogue import CORE, Catalogue, Dependency, cross_check
from pythonbuild.pcbuild.core import (
    add_groups,
    core_defines,
    core_link,
    drop_references,
    import_sheet,
    keep_objects_plain,
    link_core_statically,
    link_words,
    make_core_static,
    profile_property,
    reference_project,
    take_zlib_from_dependencies,
)
from pythonbuild.pcbuild.description import Core, Description, describe
from pythonbuild.pcbuild.inittab import add_to_inittab
from pythonbuild.pcbuild.libraries import make_library_static
from pythonbuild.pcbuild.projects import project_guid, read_project
from pythonbuild.pcbuild.references import HARMLESS, problems, resolve
from pythonbuild.pcbuild.settings import (
    SHEET,
    BuiltinModule,
    check_shared_sources,
    item_lines,
    link_settings,
    render_sheet,
)
from pythonbuild.pcbuild.worktree import PCBUILD, Worktree, project_file

#: MSBuild's name of each architecture's platform.
PLATFORMS = {"x86_64": "x64", "i686": "Win32", "arm64": "ARM64"}
#: Where the edit is written down in the tree; it is how a second one knows of the first.
RECORD = f"{PCBUILD}/pythonbuild.json"
_CORE_FILE = project_file(CORE)
#: What all of CPython's projects import.
_SHEET = f"{PCBUILD}/pyproject.props"
_BUILD, _SOLUTION, _CONFIG = f"{PCBUILD}/pcbuild.proj", f"{PCBUILD}/pcbuild.sln", "PC/config.c"


@dataclass(frozen=True)
class EditOptions:
    """What is built: ``static`` makes pythonXY.lib and programs that hold it instead of pythonXY.dll; ``optimized`` is
    PGO; ``without`` are modules whose projects go. The edited projects are the same for every architecture; it is
    checked that they can build this one."""

    architecture: str = "x86_64"
    static: bool = False
    optimized: bool = False
    without: tuple[str, ...] = ()

    @property
    def configurations(self) -> tuple[str, ...]:
        """The configurations that a build goes through, as projects name them."""
        names = ("PGInstrument", "PGUpdate") if self.optimized else ("Release",)
        return tuple(f"{name}|{PLATFORMS[self.architecture]}" for name in names)


def edit_tree(source: Path, version: str, options: EditOptions, catalogue: Catalogue) -> Description:
    """Edit an unpacked CPython source tree in place and return what was done, which the tree holds too (RECORD).

    A tree that was edited before with the same options stays as it is. Raises PcbuildError naming file and element
    where CPython's files are not what a transformation expects, ExtensionModuleError where they and the catalogue
    disagree.
    """
    if options.architecture not in PLATFORMS:
        raise PcbuildError(
            "unknown architecture", found=options.architecture, expected=f"one of {', '.join(PLATFORMS)}"
        )
    if (found := cpython_version(source)) != version:
        raise PcbuildError(f"{source}: is not the CPython that was asked for", found=found, expected=version)
    work = Worktree(source)
    if work.exists(RECORD):
        return _edited_before(work, version, options)
    description = _edit(work, version, options, catalogue)
    work.write()
    record = {"description": asdict(description), "files": work.digests()}
    (source / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8", newline="\n")
    return description


def _edited_before(work: Worktree, version: str, options: EditOptions) -> Description:
    """Return what a first edit did, if it was the same one and nobody has changed its files since."""
    record = json.loads(work.read(RECORD))
    description = Description.from_json(record["description"])
    wanted = (version, options.architecture, options.static, options.optimized, options.without)
    had = (description.version, description.architecture, description.static, description.optimized,
           description.without)  # fmt: skip
    if had != wanted:
        raise PcbuildError(f"{RECORD}: the tree was edited before, otherwise", found=_told(*had),
                           expected=_told(*wanted), advice="unpack the source anew")  # fmt: skip
    files = record["files"]
    now = Worktree(work.root, {name: work.read(name) if work.exists(name) else None for name in files}).digests()
    for name, digest in files.items():
        if now[name] != digest:
            raise PcbuildError(f"{name}: was changed after the tree was edited", advice="unpack the source anew")
    return description


def _told(version: str, architecture: str, static: bool, optimized: bool, without: tuple[str, ...]) -> str:
    words = [version, architecture, *["static"] * static, *["optimized"] * optimized]
    return " ".join([*words, *(f"without {name}" for name in without)])


def _edit(work: Worktree, version: str, options: EditOptions, catalogue: Catalogue) -> Description:
    cross_check(work.projects(), parse_inittab(work.read(_CONFIG).decode("utf-8")), version, catalogue)
    builtins = _read_builtins(work, version, catalogue, options.without)
    dropped = _dropped_projects(work, version, options, catalogue, builtins)
    guids = {name: project_guid(work.document(project_file(name))) for name in dropped}
    _move_into_core(work, builtins, _core_dependencies(version, catalogue))
    core_links = link_words(work.document(_CORE_FILE))
    _link(work, version, options, catalogue, builtins, dropped)
    inits = {builtin.module.name: builtin.module.init for builtin in builtins}
    work.put(_CONFIG, "add_to_inittab", add_to_inittab(_CONFIG, work.read(_CONFIG), inits))
    work.change(_CORE_FILE, "drop_references", partial(drop_references, dropped=dropped))
    work.change(_BUILD, "drop_from_build", partial(drop_from_build, dropped=dropped))
    work.put(_SOLUTION, "drop_from_solution", drop_from_solution(_SOLUTION, work.read(_SOLUTION), guids))
    for name in dropped:
        work.remove(project_file(name), "drop_project")
        work.remove(f"{project_file(name)}.filters", "drop_project")
    for sheet in sorted({sheet for each in catalogue.dependencies.values() for sheet in each.sheets}):
        work.remove(f"{PCBUILD}/{sheet}", "drop_sheet")
    if not options.optimized:
        work.change(_SHEET, "keep_objects_plain", keep_objects_plain)
    stale = _check(work, options, catalogue)
    links = tuple(dict.fromkeys([*core_links, *link_words(work.document(_SHEET))]))
    core = Core(links, core_defines(work.document(_CORE_FILE)))
    return describe(version, options, PLATFORMS[options.architecture], catalogue, builtins, dropped, work, stale, core)


def _read_builtins(work: Worktree, version: str, catalogue: Catalogue, without: Collection[str]) -> list[BuiltinModule]:
    builtins = []
    for module in catalogue.modules_in(version).values():
        if module.linkage == "builtin" and module.project != CORE and module.name not in without:
            project = read_project(work.document(project_file(module.project)))
            builtin = BuiltinModule(module, project, tuple(catalogue.needs(module, version)))
            _check_module(work, builtin, catalogue)
            builtins.append(builtin)
    core = work.document(_CORE_FILE).root.find("ItemGroup/ClCompile")
    check_shared_sources(builtins, [item.get("Include") for item in core])
    return builtins


def _check_module(work: Worktree, builtin: BuiltinModule, catalogue: Catalogue) -> None:
    """Raise PcbuildError if a project is tied to something that would be lost, or lacks the init function."""
    project, name = builtin.project, project_file(builtin.project.name)
    sheets = {sheet for dependency in builtin.dependencies for sheet in dependency.sheets}
    if set(project.sheets) != sheets:
        raise PcbuildError(f"{name}: <Import>: the property sheets are not those of its dependencies (projects.yml)",
                           found=", ".join(project.sheets) or "none", expected=", ".join(sorted(sheets)) or "none",
                           )  # fmt: skip
    known = {module.project for module in catalogue.modules.values()} | catalogue.projects.keys()
    for reference in project.references:
        if reference.removesuffix(".vcxproj") not in known:
            raise PcbuildError(f'{name}: <ProjectReference Include="{reference}">: is not known',
                               advice="say in projects.yml what becomes of it")  # fmt: skip
    pattern = re.compile(rf"\b{builtin.module.init}\s*\(".encode())
    found = False
    for item in builtin.items:
        # What only a property of the build's names is not here to be looked into.
        if item.kind == "ClCompile" and (file := resolve(item.include)):
            if not work.exists(file):
                raise PcbuildError(f'{name}: <ClCompile Include="{item.include}">: there is no {file}')
            found = found or bool(pattern.search(work.read(file)))
    if not found:
        raise PcbuildError(f"{name}: <ClCompile>: none of the sources has the init function of the module",
                           expected=builtin.module.init, advice="say in extension-modules.yml what it is called",
                           )  # fmt: skip


def _dropped_projects(work: Worktree, version: str, options: EditOptions, catalogue: Catalogue,
                      builtins: Sequence[BuiltinModule]) -> dict[str, str]:  # fmt: skip
    """Return the projects that go, with the reason."""
    modules, projects = catalogue.modules_in(version), catalogue.projects_in(version)
    needed = {dependency.project for builtin in builtins for dependency in builtin.dependencies}
    needed |= {dependency.project for dependency in _core_dependencies(version, catalogue)}
    dropped = {}
    for name, module in modules.items():
        if module.project == CORE:
            continue
        if name in options.without:
            dropped[module.project] = WITHOUT
        elif module.linkage == "builtin":
            dropped[module.project] = f"module {name} is part of {CORE}"
        elif module.linkage == "omitted":
            dropped[module.project] = module.reason
        elif options.static:
            dropped[module.project] = "it is linked with pythonXY.dll, which the static variant does not have"
    for name, project in projects.items():
        if project.becomes == "dropped":
            dropped[name] = project.reason
        elif project.becomes == "static" and name not in needed:
            dropped[name] = "no module needs it"
        elif options.static and project.needs_dll:
            dropped[name] = "it is linked with pythonXY.dll, which the static variant does not have"
    return {name: dropped[name] for name in work.projects() if name in dropped}


def _core_dependencies(version: str, catalogue: Catalogue) -> list[Dependency]:
    """Return what modules need that CPython itself has in its core."""
    modules = (module for module in catalogue.modules_in(version).values() if module.project == CORE)
    needed = {need.name: need for module in modules for need in catalogue.needs(module, version)}
    return list(needed.values())


def _move_into_core(work: Worktree, builtins: Sequence[BuiltinModule], others: Sequence[Dependency]) -> None:
    """Say in pythoncore what the modules' projects said; let dependencies be built before it."""
    headers: set[str] = set()
    groups: dict[str, list[str]] = {}
    for builtin in builtins:
        others_sources = [
            item.include
            for other in builtins
            if other.module.name == builtin.module.compiled_by
            for item in other.items
        ]
        missing = [
            item.include
            for item in builtin.items
            if item.kind in HARMLESS and (file := resolve(item.include)) and not work.on_disk(file)
        ]
        groups[builtin.label] = item_lines(builtin, [*others_sources, *missing, *headers])
        headers.update(item.include for item in builtin.items if item.kind in HARMLESS)
    work.change(_CORE_FILE, "add_groups", partial(add_groups, groups=groups))
    for dependency in others:
        if dependency.project:  # CPython's own project makes a library of it already
            continue
        if dependency.name != "zlib":
            raise PcbuildError(f"{_CORE_FILE}: no transformation takes this dependency out of the core",
                               found=dependency.name, expected="zlib")  # fmt: skip
        edit = partial(take_zlib_from_dependencies, zlib=dependency)
        work.change(_CORE_FILE, "take_zlib_from_dependencies", edit)


def _link(work: Worktree, version: str, options: EditOptions, catalogue: Catalogue,
          builtins: Sequence[BuiltinModule], dropped: Collection[str]) -> None:  # fmt: skip
    """Link the modules' libraries: into pythonXY.dll, or in the static variant into the programs."""
    for name, project in catalogue.projects_in(version).items():
        if project.becomes == "static" and name not in dropped:
            work.change(project_file(name), "make_library_static", make_library_static)
            guid = project_guid(work.document(project_file(name)))
            work.change(_CORE_FILE, "reference_project", partial(reference_project, project=name, guid=guid))
    others = _core_dependencies(version, catalogue)
    own = core_link(work.document(_CORE_FILE), [each.project for each in others if each.project])
    links = link_settings(own if options.static else [], builtins, others)
    work.put(f"{PCBUILD}/{SHEET}", "render_sheet", render_sheet(links))
    if not options.static:
        work.change(_CORE_FILE, "import_sheet", partial(import_sheet, sheet=SHEET))
        return
    profile = profile_property(work.document(_CORE_FILE))
    work.change(_CORE_FILE, "make_core_static", make_core_static)
    for name, project in catalogue.projects_in(version).items():
        if project.links_core:
            edit = partial(link_core_statically, trained=project.trained, profile=profile)
            work.change(project_file(name), "link_core_statically", edit)
            work.change(project_file(name), "import_sheet", partial(import_sheet, sheet=SHEET))


def _check(work: Worktree, options: EditOptions, catalogue: Catalogue) -> tuple[str, ...]:
    """Check the edited tree; return the files that CPython's own projects name and its source does not have."""
    stale: list[str] = []
    names = [project_file(name) for name in work.projects()]
    sheets = [f"{PCBUILD}/{path.name}" for path in sorted((work.root / PCBUILD).glob("*.props"))]
    for name in [*names, *(sheet for sheet in sheets if work.exists(sheet))]:
        for problem in problems(work.document(name), work.exists, catalogue.properties):
            file = resolve(problem.path)
            if file in catalogue.generated:
                continue
            if problem.kind not in HARMLESS or not file or work.on_disk(file):
                raise PcbuildError(
                    problem.message, advice="CPython's projects have changed: see docs/building-windows.rst"
                )
            stale.append(file)
    existing = set(work.projects())
    for project in listed_projects(work.document(_BUILD)):
        if project not in existing:
            raise PcbuildError(f"{_BUILD}: {project}: there is no such project")
    for project, (path, _) in solution_projects(_SOLUTION, work.read(_SOLUTION)).items():
        if path.endswith(".vcxproj") and path.removesuffix(".vcxproj") not in existing:
            raise PcbuildError(f"{_SOLUTION}: {project}: there is no such project", found=path)
    static = [name for name in existing if name in catalogue.projects and catalogue.projects[name].becomes == "static"]
    _check_configurations(work, [*listed_projects(work.document(_BUILD)), *static], options)
    return tuple(sorted(set(stale)))


def _check_configurations(work: Worktree, built: Sequence[str], options: EditOptions) -> None:
    for project in built:
        document = work.document(project_file(project))
        had = {element.get("Include") for element in document.root.find("ItemGroup/ProjectConfiguration")}
        for configuration in options.configurations:
            if configuration not in had:
                raise document.fail(f'<ProjectConfiguration Include="{configuration}">', "cannot be built",
                                    found=f"{len(had)} others")  # fmt: skip
