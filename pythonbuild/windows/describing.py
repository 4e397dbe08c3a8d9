"""Puts a distribution for Windows together from the trees of the steps that built its parts, and describes it.

::

    out/python/PYTHON.json
    out/python/install/      CPython as PC/layout lays it out
    out/python/build/        objects by module (core, main, extensions), and what CPython's build said of them
    out/python/build/lib/    static libraries: of the dependencies, of SQLite, and pythonXY.lib in the static variant
    out/python/licenses/     LICENSE.<source>.txt of everything linked in or shipped beside

As on Linux (:mod:`pythonbuild.distribution.assemble`), nothing is decided here: what is linked is what CPython's build
said; a library is a dependency's if its tree has it, and the system's if it is in none of them.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pythonbuild.config.model import Pin, Source
from pythonbuild.cpython.facts import BuildFacts, ExtensionFacts, Link
from pythonbuild.cpython.readback import read_build
from pythonbuild.distribution import assemble, typed_json
from pythonbuild.distribution.assemble import DistributionFacts, Licences, place_file, place_tree
from pythonbuild.distribution.later_json import to_later
from pythonbuild.distribution.peimage import read_image
from pythonbuild.distribution.python_json import (
    FORMAT_VERSION,
    NO_INIT_FUNCTION,
    BuildInfo,
    CoreEntry,
    ExtensionEntry,
    InterpreterEntry,
    LinkEntry,
    PythonJson,
    SourceEntry,
)
from pythonbuild.errors import DistributionError

PYTHON_EXE, STDLIB, INCLUDE, DLLS = "install/python.exe", "install/Lib", "install/include", "install/DLLs"
CPYTHON, TCLTK = "cpython", "tcltk"
_LIBRARIES = "build/lib"
_TCL = "install/tcl"
_VCRUNTIME = re.compile(r"vcruntime(\d+)(_\d+)?\.dll", re.IGNORECASE)
#: What CPython brings of others in its own source: licence text, header that tells the version, and what to look for.
_BUNDLED = {
    "expat": ("Modules/expat/COPYING", "Modules/expat/expat.h",
              r"XML_MAJOR_VERSION (\d+)\s.*?XML_MINOR_VERSION (\d+)\s.*?XML_MICRO_VERSION (\d+)"),
    "mpdecimal": ("Modules/_decimal/libmpdec/README.txt", "Modules/_decimal/libmpdec/mpdecimal.h",
                  r"MPD_MAJOR_VERSION (\d+)\s.*?MPD_MINOR_VERSION (\d+)\s.*?MPD_MICRO_VERSION (\d+)"),
}  # fmt: skip


@dataclass(frozen=True)
class WindowsParts:
    """What a distribution is made of. ``trees`` are those of the dependencies by recipe, that of Tcl/Tk among them;
    ``sources`` are all that there are by name, ``read`` returns a text of CPython's source."""

    cpython: Path
    trees: Mapping[str, Path]
    sources: Mapping[str, Source]
    read: Callable[[str], str]


def assemble_windows(parts: WindowsParts, facts: DistributionFacts, out: Path) -> PythonJson:
    """Make ``out/python`` and return its description. Raises DistributionError when the parts do not fit together."""
    build = read_build(parts.cpython / "build")
    top = out / "python"
    place_tree(parts.cpython / "install", top / "install")
    place_tree(parts.cpython / "build", top / "build")
    shutil.copyfile(Path(assemble.__file__).with_name("run_tests.py"), top / "build/run_tests.py")
    document = _Describing(parts, facts, build, top).document()
    if facts.interpreter is not None:
        document = replace(document, interpreter=_interpreter(top, facts.interpreter, build))
    later = facts.python_json != FORMAT_VERSION
    text = to_later(document, facts.python_json).to_text() if later else document.to_text()
    (top / "PYTHON.json").write_text(text, encoding="utf-8", newline="\n")
    return document


def _interpreter(top: Path, said: Mapping[str, Any], build: BuildFacts) -> InterpreterEntry:
    told = {
        **{name: said[name] for name in InterpreterEntry.__dataclass_fields__ if name in said},
        "python_paths": {name: as_spelt(top, path) for name, path in said["python_paths"].items()},
        # Extension modules are linked with pythonXY.dll; a program that holds the core itself exports nothing.
        "python_symbol_visibility": "dllexport" if build.shared_library_name else "hidden",
        "crt_features": runtimes(top / "install"),
        "run_tests": "build/run_tests.py",
    }
    return typed_json.from_text(InterpreterEntry, typed_json.to_text(told), "the interpreter's answer")


def as_spelt(top: Path, path: str) -> str:
    """Return a path as the tree spells it: CPython says ``Include`` where its PC/layout puts ``include``."""
    spelt: list[str] = []
    for part in path.split("/"):
        here = top.joinpath(*spelt)
        names = [each.name for each in here.iterdir()] if here.is_dir() else []
        spelt.append(part if part in names else next((name for name in names if name.lower() == part.lower()), part))
    return "/".join(spelt)


def runtimes(install: Path) -> tuple[str, ...]:
    """Return ``crt_features``: the C runtimes of MSVC that the interpreter and its DLL import from."""
    names = {name.lower() for path in (*install.glob("python*.exe"), *install.glob("python3*.dll"))
             for name in read_image(path.read_bytes(), path.name).imports}  # fmt: skip
    return tuple(sorted({f"vcruntime:{match[1]}" for name in names if (match := _VCRUNTIME.fullmatch(name))}))


@dataclass
class _Describing:
    """The description while it is made; ``used`` are the dependencies' libraries that were asked for, by path."""

    parts: WindowsParts
    facts: DistributionFacts
    build: BuildFacts
    top: Path
    used: dict[str, str] = field(default_factory=dict)

    def document(self) -> PythonJson:
        build, target = self.build, self.facts.target
        core = CoreEntry(
            objs=tuple(_in_build(build.core_objects)),
            links=self._links(build.core_links),
            static_lib=f"build/{build.library}" if build.library else None,
            shared_lib=f"install/{build.shared_library_name}" if build.shared_library_name else None,
        )
        extensions = {name: self._extension(each) for name, each in build.extensions.items()}
        shipped = self._tcl_dlls()
        owners = self._owners(extensions, shipped)
        texts = self._texts([CPYTHON, *sorted(set(owners.values()))])
        entries = {name: _with_licences(entry, owners, texts, self._source) for name, entry in extensions.items()}
        scripts = sorted(path.name for path in (self.top / _TCL).glob("t*[0-9]") if path.is_dir())
        return PythonJson(
            version=FORMAT_VERSION,
            target_triple=target.triple,
            os=target.os,
            arch=target.arch,
            python_flavor="cpython",
            python_version=build.version,
            python_major_minor_version=".".join(build.version.split(".")[:2]),
            python_exe=PYTHON_EXE,
            python_include=INCLUDE,
            python_stdlib=STDLIB,
            build_info=BuildInfo(
                core=core,
                extensions=dict(sorted(entries.items())),
                inittab_object=f"build/{build.inittab_object}",
                inittab_source=f"build/{build.inittab_source}",
                inittab_cflags=build.inittab_cflags,
                object_file_format="coff",
                main_object=f"build/{build.main_object}",
            ),
            build_options=self.facts.options,
            build_date=datetime.fromtimestamp(self.facts.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            libc=target.libc,
            libc_floor=target.glibc_floor,
            system_libraries=target.system_libraries,
            licenses=(self.facts.components[CPYTHON].source.licence,),
            license_path=texts[CPYTHON],
            tcl_library_path=_TCL if scripts else None,
            tcl_library_paths=tuple(scripts),
            omitted_extensions=self.facts.omitted,
            sources=tuple(self._entry(name, owners, texts) for name in sorted(texts)),
            toolchain=self.facts.toolchain,
        )

    def _extension(self, extension: ExtensionFacts) -> ExtensionEntry:
        own = self._links(extension.links)
        if extension.name == "_tkinter" and TCLTK in self.parts.trees:
            own = tuple(LinkEntry(Path(path).stem, path_dynamic=path) for path in self._tcl_dlls()
                        if "zlib" not in path)  # fmt: skip
        return ExtensionEntry(
            in_core=extension.in_core,
            init_fn=extension.init_fn or NO_INIT_FUNCTION,
            links=own,
            objs=tuple(_in_build(extension.objects)),
            shared_lib=f"{DLLS}/{extension.shared_library}" if extension.shared_library else None,
            required=extension.in_core,
            linkage=extension.linkage,
        )

    def _links(self, links: Iterable[Link]) -> tuple[LinkEntry, ...]:
        return tuple(self._link(link) for link in links)

    def _link(self, link: Link) -> LinkEntry:
        """Return the link of a library: of CPython's own build, of a dependency, or of the system."""
        if link.archive:
            return LinkEntry(link.name, path_static=f"build/{link.archive}")
        having = [(recipe, file) for recipe, tree in sorted(self.parts.trees.items())
                  if (file := tree / "tools/deps/lib" / f"{link.name}.lib").is_file()]  # fmt: skip
        if len(having) > 1:
            raise DistributionError(f"{link.name}.lib: two dependencies bring this library",
                                    found=" and ".join(recipe for recipe, _ in having))  # fmt: skip
        if not having:
            return LinkEntry(link.name, system=True)
        (recipe, file), path = having[0], f"{_LIBRARIES}/{link.name}.lib"
        if path not in self.used:
            place_file(file, self.top / path)
            self.used[path] = recipe
        return LinkEntry(link.name, path_static=path)

    def _tcl_dlls(self) -> list[str]:
        """Return the DLLs of the installation that are Tcl's and Tk's: PC/layout put them there."""
        if TCLTK not in self.parts.trees:
            return []
        names = {path.name.lower() for path in (self.parts.trees[TCLTK] / "tools/deps/DLLs").iterdir()}
        dlls = [path for path in sorted((self.top / DLLS).glob("*.dll")) if path.name.lower() in names]
        return [path.relative_to(self.top).as_posix() for path in dlls]

    def _owners(self, extensions: Mapping[str, ExtensionEntry], shipped: Iterable[str]) -> dict[str, str]:
        """Return what is another upstream's: path → recipe, or the source that CPython brings in its own."""
        owners = {**self.used, **dict.fromkeys(shipped, TCLTK)}
        dump = json.loads((self.parts.cpython / "build/cpython-build.json").read_text("utf-8"))
        for name, module in dump["description"]["builtin"].items():
            made = [link.archive for link in self.build.extensions[name].links if link.archive]
            owners |= {f"build/{archive}": need for archive, need in zip(made, module["needs"], strict=bool(made))}
            stems = {_stem(source): owner for source, owner in module["bundled"].items()}
            for path in extensions[name].objs:
                if owner := stems.get(Path(path).stem):
                    owners[path] = owner
        return owners

    def _texts(self, owners: Iterable[str]) -> dict[str, str]:
        """Place the licence texts; return where they are, by recipe or source."""
        licences = Licences(self.top, self.parts.cpython, self.parts.trees, self.facts.components)
        for owner in owners:
            if owner in self.facts.components:
                licences.place([owner])
                continue
            path = f"licenses/LICENSE.{owner}.txt"
            text = self.parts.read(_BUNDLED[owner][0])
            if not text:
                raise DistributionError(f"{_BUNDLED[owner][0]}: not in CPython's source", expected="a licence text")
            (self.top / path).write_text(text, encoding="utf-8", newline="\n")
            licences.paths[owner] = path
        return licences.paths

    def _source(self, owner: str) -> Source:
        component = self.facts.components.get(owner)
        return component.source if component else self.parts.sources[owner]

    def _entry(self, owner: str, owners: Mapping[str, str], texts: Mapping[str, str]) -> SourceEntry:
        source, pin = self._source(owner), self._pin(owner)
        libraries = (path for path, other in owners.items() if other == owner)
        name = owner if owner == CPYTHON else source.name
        return assemble.source_entry(name, source, pin, texts[owner], libraries)

    def _pin(self, owner: str) -> Pin:
        """Return the pin of a source; for what CPython brings, CPython's own, with the version that its header says."""
        if owner in self.facts.components:
            return self.facts.components[owner].pin
        _, header, pattern = _BUNDLED[owner]
        match = re.search(pattern, self.parts.read(header), re.DOTALL)
        if not match:
            raise DistributionError(f"{header}: says no version of {owner}", advice="CPython has changed")
        return replace(self.facts.components[CPYTHON].pin, version=".".join(match.groups()))


def _in_build(paths: Iterable[str]) -> list[str]:
    return [f"build/{path}" for path in paths]


def _stem(source: str) -> str:
    """Return the stem of a path as CPython's projects write it."""
    return source.rpartition("\\")[2].rpartition(".")[0]


def _with_licences(entry: ExtensionEntry, owners: Mapping[str, str], texts: Mapping[str, str],
                   source: Callable[[str], Source]) -> ExtensionEntry:  # fmt: skip
    """Return the entry with the licences of what it links and holds; CPython's own holds for every module."""
    paths = [*(link.path_static or link.path_dynamic or "" for link in entry.links), *entry.objs]
    found = sorted({owners[path] for path in paths if path in owners})
    return replace(entry, licenses=tuple(sorted({source(owner).licence for owner in found})),
                   license_paths=tuple(sorted({texts[owner] for owner in found})))  # fmt: skip
