"""The formats of PYTHON.json that can be linked again: how they are read, and how each tells of what was made.

Every format is read in the words of format 0. What the formats 7 and 8 do not say is assumed as :mod:`relinkable` has
it, and is not written into them either: their readers refuse keys that they do not know.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pythonbuild.cpython.leaving_out import RELINKED
from pythonbuild.distribution.later_json import DEFAULT_VARIANT, LATER_FORMATS, plain_text, read_any_format
from pythonbuild.distribution.link_choices import still_linked, system_sonames
from pythonbuild.distribution.python_json import (
    FORMAT_VERSION,
    NO_INIT_FUNCTION,
    ExtensionEntry,
    LinkEntry,
    SourceEntry,
    read_python_json,
)
from pythonbuild.distribution.relink_choice import Choice, RelinkError
from pythonbuild.distribution.relinkable import (
    DARWIN_LIBRARY_LDFLAGS,
    DARWIN_PROGRAM_LDFLAGS,
    ELF,
    LIBRARY_LDFLAGS,
    MACH_O,
    MAIN_OBJECT,
    PROGRAM_LDFLAGS,
    Library,
    Module,
    Relinkable,
)

_LDFLAGS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    ELF: (PROGRAM_LDFLAGS, LIBRARY_LDFLAGS),
    MACH_O: (DARWIN_PROGRAM_LDFLAGS, DARWIN_LIBRARY_LDFLAGS),
}


@dataclass(frozen=True)
class Made:
    """What was made, for the new description: what it differs in, and by which compiler it was linked.

    ``glibc`` is the newest version that it asks for, ``features`` what all of its programs ask for (``crt_features``);
    ``origin`` and ``origin_sha256`` are the archive's it came from.
    """

    choice: Choice
    compiler: str
    glibc: str
    features: tuple[str, ...]
    origin: str
    origin_sha256: str

    def record(self) -> dict[str, object]:
        """Return what format 0 keeps of it under ``relinked``, and a file of the archive in every format."""
        return {
            "from": self.origin,
            "sha256": self.origin_sha256,
            "compiler": self.compiler,
            "removed": list(self.choice.removed),
            "added": [addition.name for addition in self.choice.added],
        }


def read_relinkable(text: str, where: str) -> Relinkable:
    """Return what a description of any format says of linking.

    Raises JsonFormatError for an unknown format or a wrong value, RelinkError for what cannot be linked again.
    """
    document = read_any_format(text, where)
    info = document.build_info
    if info.object_file_format not in _LDFLAGS:
        raise RelinkError(f"{where}: build_info.object_file_format", found=info.object_file_format,
                          expected=f"{ELF} or {MACH_O}: an archive for Windows does not hold all that its link took",
                          advice="docs/relinking.rst")  # fmt: skip
    program_ldflags, library_ldflags = _LDFLAGS[info.object_file_format]
    if not (info.inittab_object and info.inittab_source):
        raise RelinkError(f"{where}: build_info.inittab_object and inittab_source", found="nothing",
                          expected="the table of builtin modules")  # fmt: skip
    tcl = document.tcl_library_paths if document.tcl_library_path else ()
    return Relinkable(
        version=document.python_version,
        triple=document.target_triple,
        options=document.build_options,
        system_libraries=document.system_libraries,
        libc_floor=document.libc_floor,
        interpreter=document.python_exe,
        include=document.python_include,
        stdlib=document.python_stdlib,
        objects=info.core.objs,
        libraries=tuple(map(_library, info.core.links)),
        modules={name: _module(name, entry) for name, entry in info.extensions.items()},
        main_object=info.main_object or MAIN_OBJECT,
        inittab_object=info.inittab_object,
        inittab_source=info.inittab_source,
        inittab_flags=info.inittab_cflags,
        shared_library=info.core.shared_lib or "",
        static_library=info.core.static_lib or "",
        program_ldflags=info.program_ldflags or program_ldflags,
        library_ldflags=info.library_ldflags or library_ldflags,
        object_format=info.object_file_format,
        tcl_directories=tuple(f"{document.tcl_library_path}/{name}" for name in tcl),
    )


def _library(link: LinkEntry) -> Library:
    return Library(link.name, link.path_static or "", link.path_dynamic or "", framework=link.framework)


def _module(name: str, entry: ExtensionEntry) -> Module:
    return Module(
        name=name,
        init_fn="" if entry.init_fn == NO_INIT_FUNCTION else entry.init_fn,
        objects=entry.objs,
        libraries=tuple(map(_library, entry.links)),
        file=entry.shared_lib or "",
        in_core=entry.in_core,
        required=entry.required,
    )


def rewrite(text: str, made: Made) -> str:
    """Return the description of what was made, from the old one and in its format."""
    return REWRITERS[read_any_format(text).version](text, made)


def keeps_tcl(wanted: Relinkable) -> bool:
    """Tell whether something is linked with Tcl, whose script libraries it would look for."""
    return any(library.name.startswith(("tcl", "tk")) for module in wanted.modules.values()
               for library in module.libraries)  # fmt: skip


def newer_of(one: str, other: str) -> str:
    """Return the newer of two versions of a C library, as text; "" is older than any."""
    return max(one, other, key=lambda text: tuple(int(part) for part in text.split(".") if part.isdigit()))


# ---------------------------------------------------------------------------------------------------------------------
# Format 0


def _rewrite_0(text: str, made: Made) -> str:
    document = read_python_json(text)
    wanted, info = made.choice.wanted, document.build_info
    added = {addition.name for addition in made.choice.added}
    extensions = {name: _entry(module) if name in added else info.extensions[name]
                  for name, module in wanted.modules.items()}  # fmt: skip
    tcl = document.tcl_library_paths if keeps_tcl(wanted) else ()
    omitted = {**document.omitted_extensions, **dict.fromkeys(made.choice.removed, RELINKED)}
    document = replace(
        document,
        build_info=replace(info, extensions=extensions, main_object=wanted.main_object,
                           program_ldflags=wanted.program_ldflags, library_ldflags=wanted.library_ldflags),
    )  # fmt: skip
    choices = still_linked(document.link_choices, document)
    gone = system_sonames(document.link_choices).keys() - system_sonames(choices).keys()
    return replace(
        document,
        system_libraries=tuple(soname for soname in document.system_libraries if soname not in gone),
        link_choices=choices,
        libc_floor=newer_of(document.libc_floor, made.glibc),
        tcl_library_path=document.tcl_library_path if tcl else None,
        tcl_library_paths=tcl,
        omitted_extensions={name: reason for name, reason in omitted.items() if name not in added},
        sources=tuple(_sources(document.sources, wanted.files())),
        interpreter=replace(document.interpreter, crt_features=made.features) if document.interpreter else None,
        relinked=made.record(),
    ).to_text()  # fmt: skip


def _entry(module: Module) -> ExtensionEntry:
    links = tuple(LinkEntry(item.name, item.static or None, item.dynamic or None, system=item.system)
                  for item in module.libraries)  # fmt: skip
    return ExtensionEntry(in_core=False, init_fn=module.init_fn, links=links, objs=module.objects)


def _sources(sources: Iterable[SourceEntry], linked: set[str]) -> Iterable[SourceEntry]:
    """Return the sources of what is still linked; CPython's, which names no libraries, is always among them."""
    for source in sources:
        libraries = tuple(path for path in source.libraries if path in linked)
        if libraries or not source.libraries:
            yield replace(source, libraries=libraries)


# ---------------------------------------------------------------------------------------------------------------------
# Formats 7 and 8


def _rewrite_later(text: str, made: Made) -> str:
    plain: dict[str, Any] = json.loads(text)
    wanted, extensions = made.choice.wanted, plain["build_info"]["extensions"]
    for name in made.choice.removed:
        del extensions[name]
    for addition in made.choice.added:
        extensions[addition.name] = [_variant(wanted.modules[addition.name])]
    plain["build_info"]["extensions"] = dict(sorted(extensions.items()))
    plain["crt_features"] = list(made.features)
    if not keeps_tcl(wanted):
        plain.pop("tcl_library_path", None)
        plain.pop("tcl_library_paths", None)
    return plain_text(plain)


def _variant(module: Module) -> dict[str, Any]:
    links = [{"name": item.name, **({"system": True} if item.system else {"path_static": item.static})}
             for item in module.libraries]  # fmt: skip
    return {"in_core": False, "init_fn": module.init_fn, "links": links, "objs": list(module.objects),
            "required": False, "variant": DEFAULT_VARIANT}  # fmt: skip


REWRITERS: Mapping[str, Callable[[str, Made], str]] = {
    FORMAT_VERSION: _rewrite_0,
    **dict.fromkeys(LATER_FORMATS, _rewrite_later),
}
