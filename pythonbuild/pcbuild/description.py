"""What an edit did, as plain data: what builds the tree and reads its objects back goes by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pythonbuild.cpython.leaving_out import WITHOUT
from pythonbuild.pcbuild.catalogue import CORE, Catalogue, Dependency
from pythonbuild.pcbuild.settings import DEPENDENCIES, BuiltinModule
from pythonbuild.pcbuild.worktree import Worktree


class Options(Protocol):
    """The part of the edit's options that is written down."""

    @property
    def architecture(self) -> str: ...

    @property
    def static(self) -> bool: ...

    @property
    def optimized(self) -> bool: ...

    @property
    def without(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Core:
    """What the core's own project says: libraries that it is linked with, and what is defined for its sources."""

    links: tuple[str, ...]
    defines: tuple[str, ...]


@dataclass(frozen=True)
class DescribedModule:
    """A builtin module: ``objects`` is the directory below pythoncore's own (IntDir) that its objects are in, "" for
    those of CPython's core; ``sources`` are as the projects name them. ``links`` are the libraries that it is linked
    with, ``bundled`` says which of the sources are another upstream's that CPython brings: path → that source."""

    init: str
    objects: str
    sources: tuple[str, ...]
    needs: tuple[str, ...]
    licences: tuple[str, ...]
    links: tuple[str, ...] = ()
    bundled: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Description:
    """``platform`` is MSBuild's. ``shared``, ``omitted`` and ``dropped`` say the reason by module or project.

    ``properties`` are what MSBuild has to be given (``/p:NAME=DIRECTORY``) and what for; ``transformations`` what was
    done to each file, in order; ``stale`` files that CPython's projects name and its release does not have.
    ``core_links`` are the libraries that CPython's own core is linked with, ``defines`` what its sources are told;
    ``libraries`` are those that CPython's own projects make of dependencies.
    """

    version: str
    architecture: str
    platform: str
    static: bool
    optimized: bool
    builtin: Mapping[str, DescribedModule]
    shared: Mapping[str, str]
    omitted: Mapping[str, str]
    dropped: Mapping[str, str]
    properties: Mapping[str, str]
    transformations: Mapping[str, tuple[str, ...]]
    stale: tuple[str, ...]
    core_links: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()

    @staticmethod
    def from_json(value: Any) -> Description:
        """Return the description that was written as JSON."""
        builtin = {
            name: DescribedModule(module["init"], module["objects"], tuple(module["sources"]), tuple(module["needs"]),
                                  tuple(module["licences"]), tuple(module["links"]), dict(module["bundled"]))
            for name, module in value["builtin"].items()
        }  # fmt: skip
        transformations = {name: tuple(done) for name, done in value["transformations"].items()}
        lists = {name: tuple(value[name]) for name in ("stale", "core_links", "defines", "without", "libraries")}
        return Description(**{**value, "builtin": builtin, "transformations": transformations, **lists})


def describe(
    version: str, options: Options, platform: str, catalogue: Catalogue, builtins: Sequence[BuiltinModule],
    dropped: Mapping[str, str], work: Worktree, stale: tuple[str, ...], core: Core,
) -> Description:  # fmt: skip
    """Return the description of a finished edit."""
    modules = catalogue.modules_in(version)
    builtin = {each.module.name: _builtin(each, catalogue, version) for each in builtins}
    for name, module in modules.items():
        if module.project == CORE:
            needs = catalogue.needs(module, version)
            builtin[name] = DescribedModule(module.init, "", (), tuple(need.name for need in needs),
                                            catalogue.licences(module, version), _libraries(needs))  # fmt: skip
    # The static variant has no DLL that a module of its own could be linked with.
    gone = {name: dropped[module.project] for name, module in modules.items() if module.linkage != "builtin"
            and module.project in dropped}  # fmt: skip
    shared = {
        name: module.reason for name, module in modules.items() if module.linkage == "shared" and name not in gone
    }
    needed = {need.name: need for name in [*builtin, *shared] for need in catalogue.needs(modules[name], version)}
    properties = {need.property: catalogue.properties[need.property] for need in needed.values() if need.property}
    return Description(
        version=version,
        architecture=options.architecture,
        platform=platform,
        static=options.static,
        optimized=options.optimized,
        builtin=dict(sorted(builtin.items())),
        shared=shared,
        omitted={**gone, **dict.fromkeys(options.without, WITHOUT)},
        dropped=dropped,
        properties={DEPENDENCIES: "where the dependencies are installed, with include and lib", **properties},
        transformations={name: tuple(done) for name, done in sorted(work.done.items())},
        stale=stale,
        core_links=core.links,
        defines=core.defines,
        without=options.without,
        libraries=tuple(sorted({_library(need) for need in needed.values() if need.project})),
    )


def _builtin(builtin: BuiltinModule, catalogue: Catalogue, version: str) -> DescribedModule:
    sources = tuple(item.include for item in builtin.items if item.kind != "ClInclude")
    module = builtin.module
    own = (word for setting in builtin.project.link if setting.name == "AdditionalDependencies"
           for word in setting.words if not builtin.replaced(word))  # fmt: skip
    links = tuple(dict.fromkeys([*_libraries(builtin.dependencies), *own]))
    bundled = {source: name for source in sources for name, beginnings in catalogue.bundled.items()
               if source.startswith(beginnings)}  # fmt: skip
    needs = tuple(need.name for need in builtin.dependencies)
    return DescribedModule(module.init, module.name, sources, needs, catalogue.licences(module, version), links,
                           bundled)  # fmt: skip


def _libraries(dependencies: Sequence[Dependency]) -> tuple[str, ...]:
    """Return what is linked with for the sake of dependencies."""
    return tuple(word for dependency in dependencies
                 for word in (*([_library(dependency)] if dependency.project else []), *dependency.libraries,
                              *dependency.system))  # fmt: skip


def _library(dependency: Dependency) -> str:
    """Return what a dependency's project calls its library: by its own name."""
    return f"{dependency.project}.lib"
