"""Puts a distribution together from the trees of the steps that built its parts.

::

    out/python/PYTHON.json
    out/python/install/      CPython as installed
    out/python/build/        CPython's objects where its own build had them, and what it said of them
    out/python/build/lib/    the static libpython, and the static libraries of the dependencies that are linked in
    out/python/install/lib/  (here, too) the shared libraries of those that are linked so
    out/python/build/run_tests.py    runs CPython's own tests
    out/python/licenses/     LICENSE.<source>.txt of everything linked in

Nothing is decided here: what is linked comes from CPython's own build (:mod:`pythonbuild.cpython.readback`); a library
on a link line is looked for in the dependencies' trees, and is the target system's own if it is in none of them.
Whether that may be so is for the validation to say. Files are hard links into the trees, which are never written to.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from pythonbuild.config.model import Pin, Source, Target
from pythonbuild.cpython.facts import BuildFacts, ExtensionFacts, Link
from pythonbuild.cpython.readback import read_build
from pythonbuild.distribution import typed_json
from pythonbuild.distribution.binaries import crt_features, symbol_visibility
from pythonbuild.distribution.later_json import to_later
from pythonbuild.distribution.link_choices import SHIPPED, system_sonames, write_choices
from pythonbuild.distribution.profile import read_profile
from pythonbuild.distribution.python_json import (
    FORMAT_VERSION,
    NO_INIT_FUNCTION,
    BuildInfo,
    CoreEntry,
    ExtensionEntry,
    InterpreterEntry,
    LinkChoice,
    LinkEntry,
    ProfileEntry,
    PythonJson,
    SourceEntry,
)
from pythonbuild.errors import DistributionError

#: Where a dependency's tree has its libraries, and where the archive has them.
_LIBRARIES = PurePosixPath("tools/deps/lib")
_ARCHIVE_LIBRARIES = PurePosixPath("build/lib")
#: The script that runs CPython's tests, beside this module and in the archive.
_RUN_TESTS = "run_tests.py"
#: The name of CPython's own licence folder and file, whatever its series.
_CPYTHON = "cpython"


@dataclass(frozen=True)
class Component:
    """An upstream release that a recipe built: its source and the pin that was used."""

    source: Source
    pin: Pin


@dataclass(frozen=True)
class Linked:
    """How a dependency is linked that is not static: ``kind`` is ``shared`` or ``system``, ``sonames`` are its shared
    libraries by the names that link lines call them by.
    """

    kind: str
    sonames: Mapping[str, str]


@dataclass(frozen=True)
class DistributionFacts:
    """What cannot be read from the trees.

    ``components`` maps recipe names to what they were built from, ``cpython`` included. ``toolchain`` is the
    toolchain's description of itself; ``omitted`` maps the extension modules that were left out to their reasons;
    ``epoch`` is SOURCE_DATE_EPOCH. ``interpreter`` is what the built interpreter says of itself (None: it could not be
    asked): the values of an InterpreterEntry less those that its files tell. ``python_json`` is the format of the
    description. ``ldflags`` are what the toolchain tells the linker besides what CPython's Makefile does (hardening).
    ``link`` has the recipes whose libraries are not linked statically.
    """

    target: Target
    options: str
    components: Mapping[str, Component]
    epoch: int
    toolchain: Mapping[str, object] = field(default_factory=dict)
    omitted: Mapping[str, str] = field(default_factory=dict)
    interpreter: Mapping[str, Any] | None = None
    python_json: str = FORMAT_VERSION
    ldflags: tuple[str, ...] = ()
    link: Mapping[str, Linked] = field(default_factory=dict)


def interpreter_path(build: BuildFacts) -> str:
    """Return the interpreter's path in the tree that CPython's build gave, and in the archive."""
    return f"install/bin/python{'.'.join(build.version.split('.')[:2])}{build.variables.get('ABIFLAGS', '')}"


def stdlib_path(build: BuildFacts) -> str:
    """Return the standard library's path in the tree and in the archive; a free-threaded build has its own."""
    return build.variables["LIBDEST"].lstrip("/")


def assemble(
    cpython_tree: Path, dependency_trees: Mapping[str, Path], facts: DistributionFacts, out: Path
) -> PythonJson:
    """Make ``out/python`` and return its description. Raises DistributionError when the parts do not fit together."""
    build = read_build(cpython_tree / "build")
    top = out / "python"
    place_tree(cpython_tree / "install", top / "install")
    place_tree(cpython_tree / "build", top / "build")
    libraries = _Libraries(dependency_trees, facts.link)
    entries = _Entries(build, libraries)
    core = entries.core()
    extensions = {name: entries.extension(extension) for name, extension in sorted(build.extensions.items())}
    for library in libraries.used.values():
        place_file(library.file, top / library.path)
    licences = Licences(top, cpython_tree, dependency_trees, facts.components)
    licences.place([_CPYTHON, *libraries.recipes()])
    tcl = _tcl_scripts(top / "install")
    shutil.copyfile(Path(__file__).with_name(_RUN_TESTS), top / "build" / _RUN_TESTS)
    document = _document(build, facts, core, extensions, libraries, licences, tcl, read_profile(top))
    write_choices(top, document.python_stdlib, document.link_choices)
    if facts.interpreter is not None:
        document = replace(document, interpreter=_interpreter(top, document, facts.interpreter))
    later = facts.python_json != FORMAT_VERSION
    text = to_later(document, facts.python_json).to_text() if later else document.to_text()
    (top / "PYTHON.json").write_text(text, encoding="utf-8", newline="\n")
    return document


def _interpreter(top: Path, document: PythonJson, said: Mapping[str, Any]) -> InterpreterEntry:
    """Return what the interpreter said of itself, and what its files tell."""
    told = {
        **{name: said[name] for name in InterpreterEntry.__dataclass_fields__ if name in said},
        "python_symbol_visibility": symbol_visibility(top / document.python_exe),
        "crt_features": crt_features(top / "install"),
        "run_tests": f"build/{_RUN_TESTS}",
    }
    return typed_json.from_text(InterpreterEntry, typed_json.to_text(told), "the interpreter's answer")


def place_tree(source: Path, target: Path) -> None:
    """Reproduce a tree with hard links, or copies where the file system has none; existing directories are merged."""
    if not source.is_dir():
        raise DistributionError(f"{source}: the tree lacks this directory", advice="look at the step's log")
    shutil.copytree(source, target, symlinks=True, copy_function=link_or_copy, dirs_exist_ok=True)


def place_file(source: Path, target: Path) -> None:
    """Reproduce one file (a symbolic link's target, not the link)."""
    target.parent.mkdir(parents=True, exist_ok=True)
    link_or_copy(str(source.resolve()), str(target))


def link_or_copy(source: str, target: str, *, follow_symlinks: bool = True) -> str:
    """Reproduce one file by a hard link where that can be done, a symbolic link as it is (shutil's copy function)."""
    if not follow_symlinks or os.path.islink(source):  # noqa: PTH114 - shutil passes texts
        os.symlink(os.readlink(source), target)  # noqa: PTH115, PTH211
        return target
    try:
        os.link(source, target)
    except FileExistsError as error:
        raise DistributionError(f"{target}: two trees bring this file", found=source) from error
    except OSError:  # another file system, or one without hard links
        shutil.copy2(source, target)
    return target


@dataclass(frozen=True)
class _Library:
    """A library of a dependency: its recipe, its file there, and its path in the archive ("" for the system's)."""

    recipe: str
    file: Path
    path: str
    kind: str = "static"

    def link(self, name: str) -> LinkEntry:
        """Return the link of the library, which link lines call so."""
        if self.kind == "system":
            return LinkEntry(name, system=True)
        return LinkEntry(name, path_dynamic=self.path) if self.kind == "shared" else LinkEntry(name, self.path)


class _Libraries:
    """Finds the libraries that link lines name; ``used`` are those of the archive that were asked for, by path, and
    ``chosen`` those that are not static, as PYTHON.json tells of them.
    """

    def __init__(self, trees: Mapping[str, Path], link: Mapping[str, Linked]) -> None:
        self._known: dict[str, _Library] = {}
        self._link = link
        self._asked: set[str] = set()
        self.used: dict[str, _Library] = {}
        for recipe, linked in link.items():
            for name, soname in linked.sonames.items():
                path = f"{SHIPPED}/{soname}" if linked.kind == "shared" else ""
                file = trees[recipe] / _LIBRARIES / soname
                self._known[f"lib{name}.a"] = _Library(recipe, file, path, linked.kind)
        for recipe, tree in sorted(trees.items()):
            for file in sorted((tree / _LIBRARIES).glob("lib*.a")):
                # A library may have a second name (libncurses.a → libncursesw.a): one file in the archive.
                real = file.resolve()
                path = str(_ARCHIVE_LIBRARIES / real.name)
                other = self._known.setdefault(file.name, _Library(recipe, real, path))
                if other.recipe != recipe:
                    raise DistributionError(f"{file.name}: two dependencies bring this library",
                                            found=f"{other.recipe} and {recipe}")  # fmt: skip

    def find(self, name: str) -> _Library | None:
        library = self._known.get(f"lib{name}.a")
        if library is not None:
            self._asked.add(name)
            if library.path:
                self.used[library.path] = library
        return library

    def chosen(self) -> dict[str, LinkChoice]:
        found = {
            recipe: {name: soname for name, soname in sorted(linked.sonames.items()) if name in self._asked}
            for recipe, linked in sorted(self._link.items())
        }
        return {recipe: LinkChoice(self._link[recipe].kind, names) for recipe, names in found.items() if names}

    def recipes(self) -> list[str]:
        return sorted({library.recipe for library in self.used.values()})


class _Entries:
    """Turns what CPython's build says into the entries of PYTHON.json."""

    def __init__(self, build: BuildFacts, libraries: _Libraries) -> None:
        self._build = build
        self._libraries = libraries
        self._stdlib = stdlib_path(build)

    def core(self) -> CoreEntry:
        build = self._build
        return CoreEntry(
            objs=tuple(_in_build(build.core_objects)),
            links=self._links(build.core_links),
            static_lib=f"build/{build.library}" if build.library else None,
            shared_lib=f"install/lib/{build.shared_library_name}" if build.shared_library_name else None,
        )

    def extension(self, extension: ExtensionFacts) -> ExtensionEntry:
        shared = extension.shared_library
        return ExtensionEntry(
            in_core=not extension.objects,
            init_fn=extension.init_fn or NO_INIT_FUNCTION,
            links=self._links(extension.links),
            objs=tuple(_in_build(extension.objects)),
            static_lib=None,
            shared_lib=f"{self._stdlib}/lib-dynload/{shared}" if shared else None,
            required=extension.in_core or extension.bootstrap,
            linkage=extension.linkage,
        )

    def _links(self, links: Iterable[Link]) -> tuple[LinkEntry, ...]:
        return tuple(self._link(link) for link in dict.fromkeys(links))

    def _link(self, link: Link) -> LinkEntry:
        if link.framework:
            return LinkEntry(link.name, framework=True, system=True)
        if link.archive:
            return LinkEntry(link.name, path_static=f"build/{link.archive}")
        library = self._libraries.find(link.name)
        return library.link(link.name) if library else LinkEntry(link.name, system=True)


def _in_build(paths: Iterable[str]) -> list[str]:
    return [f"build/{path}" for path in paths]


class Licences:
    """Places the licence texts and knows which recipe's text is where."""

    def __init__(self, top: Path, cpython_tree: Path, trees: Mapping[str, Path],
                 components: Mapping[str, Component]) -> None:  # fmt: skip
        self._top = top
        self._trees = {**trees, _CPYTHON: cpython_tree}
        self._components = components
        self.paths: dict[str, str] = {}

    def component(self, recipe: str) -> Component:
        try:
            return self._components[recipe]
        except KeyError:
            raise DistributionError(f"recipe {recipe}: linked, but nothing says what it was built from") from None

    def place(self, recipes: Iterable[str]) -> None:
        for recipe in recipes:
            source = self.component(recipe).source.name
            folder = self._trees[recipe] / "licenses" / (_CPYTHON if recipe == _CPYTHON else source)
            files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
            if not files:
                raise DistributionError(f"{folder}: no licence text", advice="name it in licence_files of sources.yml")
            name = f"licenses/LICENSE.{_CPYTHON if recipe == _CPYTHON else source}.txt"
            self.paths[recipe] = name
            target = self._top / name
            if target.exists():  # two recipes of one source (libraries of one upstream project)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_joined(folder, files))


def _joined(folder: Path, files: list[Path]) -> bytes:
    """Return the one text as it is, or several after each other, each below a line with its name."""
    if len(files) == 1:
        return files[0].read_bytes()
    return b"\n\n".join(
        f"===== {file.relative_to(folder).as_posix()} =====\n\n".encode() + file.read_bytes().strip(b"\n") + b"\n"
        for file in files
    )


def _tcl_scripts(install: Path) -> tuple[str, ...]:
    """Return the folders of Tcl's and Tk's script libraries, which CPython's recipe put where Tcl looks for them."""
    folders = (path for path in (install / "lib").iterdir() if path.is_dir() and not path.is_symlink())
    return tuple(sorted(path.name for path in folders if path.name.startswith(("tcl", "tk"))))


def _document(build: BuildFacts, facts: DistributionFacts, core: CoreEntry, extensions: Mapping[str, ExtensionEntry],
              libraries: _Libraries, licences: Licences, tcl: tuple[str, ...],
              profile: ProfileEntry | None) -> PythonJson:  # fmt: skip
    major_minor = ".".join(build.version.split(".")[:2])
    abi = f"python{major_minor}{build.variables.get('ABIFLAGS', '')}"
    target = facts.target
    return PythonJson(
        version=FORMAT_VERSION,
        target_triple=target.triple,
        os=target.os,
        arch=target.arch,
        python_flavor="cpython",
        python_version=build.version,
        python_major_minor_version=major_minor,
        python_exe=interpreter_path(build),
        python_include=f"install/include/{abi}",
        python_stdlib=stdlib_path(build),
        build_info=BuildInfo(
            core=core,
            extensions={name: _with_licences(entry, libraries, licences) for name, entry in extensions.items()},
            inittab_object=f"build/{build.inittab_object}",
            inittab_source=f"build/{build.inittab_source}",
            inittab_cflags=build.inittab_cflags,
            object_file_format="mach-o" if target.os == "macos" else "elf",
            main_object=f"build/{build.main_object}",
            program_ldflags=(*build.program_ldflags, *facts.ldflags),
            library_ldflags=(*build.library_ldflags, *facts.ldflags),
        ),
        build_options=facts.options,
        build_date=datetime.fromtimestamp(facts.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        libc=target.libc,
        libc_floor=target.glibc_floor,
        system_libraries=(*target.system_libraries, *sorted(system_sonames(libraries.chosen()))),
        licenses=(licences.component(_CPYTHON).source.licence,),
        license_path=licences.paths[_CPYTHON],
        tcl_library_path="install/lib" if tcl else None,
        tcl_library_paths=tcl,
        omitted_extensions=facts.omitted,
        sources=tuple(_source(recipe, libraries, licences) for recipe in sorted(licences.paths)),
        toolchain=facts.toolchain,
        profile=profile,
        link_choices=libraries.chosen(),
    )


def _with_licences(entry: ExtensionEntry, libraries: _Libraries, licences: Licences) -> ExtensionEntry:
    """Return the entry with the licences of the dependencies it links; CPython's own holds for every module."""
    paths = [link.path_static or link.path_dynamic or "" for link in entry.links]
    recipes = sorted({libraries.used[path].recipe for path in paths if path in libraries.used})
    return ExtensionEntry(
        **{
            **vars(entry),
            "licenses": tuple(sorted({licences.component(recipe).source.licence for recipe in recipes})),
            "license_paths": tuple(sorted({licences.paths[recipe] for recipe in recipes})),
        }
    )


def _source(recipe: str, libraries: _Libraries, licences: Licences) -> SourceEntry:
    component = licences.component(recipe)
    source, pin = component.source, component.pin
    paths = (path for path, library in libraries.used.items() if library.recipe == recipe)
    name = _CPYTHON if recipe == _CPYTHON else source.name
    return source_entry(name, source, pin, licences.paths[recipe], paths)


def source_entry(name: str, source: Source, pin: Pin, licence_path: str, libraries: Iterable[str]) -> SourceEntry:
    """Return what is told of a release that is part of a distribution; ``libraries`` are those made from it."""
    return SourceEntry(
        name=name,
        title=source.title,
        version=pin.version,
        homepage=source.homepage,
        filename=pin.filename,
        sha256=pin.sha256,
        size=pin.size,
        urls=pin.urls,
        license=source.licence,
        license_paths=(licence_path,),
        libraries=tuple(sorted(libraries)),
    )
