"""CPython's build on Windows read back: what ``cpython-windows/recipes/cpython/collect.py`` left, as BuildFacts.

Objects are those that MSBuild left, by module; what each is linked with is what CPython's projects said (the edit of
them wrote it down); the table of builtin modules is ``PC/config.c`` itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pythonbuild.cpython.facts import DUMP, BuildFacts, ExtensionFacts, Link
from pythonbuild.cpython.setupfiles import parse_inittab
from pythonbuild.errors import DistributionError

INITTAB_SOURCE, INITTAB_OBJECT = "PC/config.c", "core/config.obj"
#: What the linker has not got from CPython's projects: the import library of the DLL that shared modules are linked to.
_SUFFIX = ".lib"


def read_windows_build(directory: Path, dump: Mapping[str, Any]) -> BuildFacts:
    """Return what one build of CPython for Windows says. Raises DistributionError when parts do not fit together."""
    description = dump["description"]
    inittab = parse_inittab((directory / INITTAB_SOURCE).read_text(encoding="utf-8"))
    own = {Path(path).name.lower(): path for path in dump["libraries"]}
    objects: Mapping[str, list[str]] = dump["modules"]
    extensions = {name: _builtin(name, init, description, objects, own) for name, init in inittab.items()}
    for name in description["shared"]:
        if name in objects:
            extensions[name] = _shared(name, objects[name], dump)
    flags = dump.get("abi_flags", "")  # archives of before there were builds without the GIL have none
    number = "".join(description["version"].split(".")[:2]) + flags
    facts = BuildFacts(
        version=description["version"],
        core_objects=tuple(sorted([*dump["core"], *dump["main"]])),
        core_links=links(description["core_links"], own),
        extensions=dict(sorted(extensions.items())),
        inittab_source=INITTAB_SOURCE,
        inittab_object=INITTAB_OBJECT,
        inittab_cflags=tuple(f"-D{word}" for word in ("NDEBUG", *description["defines"])),
        library=f"lib/python{number}.lib" if description["static"] else "",
        shared_library_name="" if description["static"] else f"python{number}.dll",
        archives={path: () for path in dump["libraries"] if not Path(path).name.startswith("python")},
        variables={"LIBDEST": "/install/Lib", "ABIFLAGS": flags},
        main_object=next(iter(dump["main"]), ""),
        program_ldflags=(),
        library_ldflags=(),
    )
    _check(facts, description, directory)
    return facts


def links(words: Iterable[str], own: Mapping[str, str]) -> tuple[Link, ...]:
    """Return the libraries of a link line, each once. ``own`` are those that CPython's build made, by file name.

    Case does not matter on Windows, and CPython's projects write it either way.
    """
    found = [word.lower() for word in words]
    return tuple(dict.fromkeys(Link(word.removesuffix(_SUFFIX), own.get(word, "")) for word in found))


def _builtin(name: str, init: str | None, description: Mapping[str, Any], objects: Mapping[str, list[str]],
             own: Mapping[str, str]) -> ExtensionFacts:  # fmt: skip
    module = description["builtin"].get(name)
    found = tuple(objects.get(name, ()))
    return ExtensionFacts(name, "builtin", init, in_core=not found, bootstrap=False, objects=found,
                          links=links(module["links"], own) if module else ())  # fmt: skip


def _shared(name: str, objects: list[str], dump: Mapping[str, Any]) -> ExtensionFacts:
    # A module for interpreters without the GIL says so: _testcapi.cp313t-win_amd64.pyd
    file = next((each for each in dump["shared_files"] if each.split(".")[0] == name), "")
    if not file:
        raise DistributionError(f"{DUMP}: module {name} has objects and no file", expected=f"{name}.pyd")
    return ExtensionFacts(name, "shared", f"PyInit_{name}", in_core=False, bootstrap=False, objects=tuple(objects),
                          links=(), shared_library=file)  # fmt: skip


def _check(facts: BuildFacts, description: Mapping[str, Any], directory: Path) -> None:
    known = {name: bool(extension.objects) for name, extension in facts.extensions.items()}
    lost = [name for name, each in description["builtin"].items() if known.get(name) != bool(each["objects"])]
    if lost:
        raise DistributionError(f"{directory / DUMP}: builtin modules are not as the projects say", found=lost)
    files = {*facts.core_objects, facts.inittab_source, facts.inittab_object, *facts.archives}
    files.update(item for extension in facts.extensions.values() for item in extension.objects)
    files.update([facts.library] if facts.library else [])
    if missing := sorted(file for file in files if not (directory / file).is_file()):
        raise DistributionError(f"{directory}: the build's files are not all there", found=f"no {', '.join(missing)}")
    if facts.inittab_object not in facts.core_objects or not facts.main_object:
        raise DistributionError(f"{directory / DUMP}: no object of {INITTAB_SOURCE}, or none with main")
