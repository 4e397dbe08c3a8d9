"""PYTHON.json, the description of a distribution: format "0" and the keys this project adds.

docs/python-json.rst is the reference. The classes below are the format: a field is a key, in this order. All paths are
relative to the archive's top directory ``python/`` and use forward slashes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pythonbuild.distribution import typed_json

FORMAT_VERSION = "0"
#: What ``init_fn`` holds for the modules whose entry in the inittab is NULL.
NO_INIT_FUNCTION = "NULL"


@dataclass(frozen=True)
class LinkEntry:
    """A library to link with: in the archive (``path_static``, ``path_dynamic``), the system's, or a framework."""

    name: str
    path_static: str | None = None
    path_dynamic: str | None = None
    framework: bool = False
    system: bool = False


@dataclass(frozen=True)
class CoreEntry:
    """The interpreter without its extension modules."""

    objs: tuple[str, ...]
    links: tuple[LinkEntry, ...]
    static_lib: str | None = None
    shared_lib: str | None = None


@dataclass(frozen=True)
class ExtensionEntry:
    """One extension module. ``in_core`` modules have no objects of their own: their code is in the core's."""

    in_core: bool
    init_fn: str
    links: tuple[LinkEntry, ...]
    objs: tuple[str, ...]
    static_lib: str | None = None
    shared_lib: str | None = None
    required: bool = False
    linkage: str = "builtin"
    licenses: tuple[str, ...] = ()
    license_paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class BuildInfo:
    """What it takes to link the interpreter again."""

    core: CoreEntry
    extensions: Mapping[str, ExtensionEntry]
    inittab_object: str = ""
    inittab_source: str = ""
    inittab_cflags: tuple[str, ...] = ()
    object_file_format: str = "elf"


@dataclass(frozen=True)
class SourceEntry:
    """One upstream release that is part of the distribution."""

    name: str
    title: str
    version: str
    homepage: str
    filename: str
    sha256: str
    size: int
    urls: tuple[str, ...]
    license: str
    license_paths: tuple[str, ...]
    libraries: tuple[str, ...] = ()


@dataclass(frozen=True)
class PythonJson:
    """The whole document."""

    version: str
    target_triple: str
    os: str
    arch: str
    python_flavor: str
    python_version: str
    python_major_minor_version: str
    python_exe: str
    python_include: str
    python_stdlib: str
    build_info: BuildInfo
    build_options: str = ""
    build_date: str = ""
    libc: str = ""
    libc_floor: str = ""
    system_libraries: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()
    license_path: str | None = None
    tcl_library_path: str | None = None
    tcl_library_paths: tuple[str, ...] = ()
    omitted_extensions: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[SourceEntry, ...] = ()
    toolchain: Mapping[str, object] = field(default_factory=dict)

    def to_text(self) -> str:
        """Return the JSON text: the same bytes for the same data."""
        return typed_json.to_text(self)

    def paths(self) -> dict[str, str]:
        """Return every path the document names, by the key that names it (``build_info.core.objs[3]``)."""
        return dict(_paths(self))


#: Keys whose values are paths in the archive.
PATH_KEYS = frozenset({
    "python_exe", "python_include", "python_stdlib", "objs", "path_static", "path_dynamic", "static_lib", "shared_lib",
    "inittab_object", "inittab_source", "license_path", "license_paths", "tcl_library_path",
})  # fmt: skip


def _paths(document: PythonJson) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []

    def visit(value: object, place: str, key: str) -> None:
        if isinstance(value, dict):
            for name, item in value.items():
                # What the toolchain says of itself is not about paths in the archive.
                if place or name != "toolchain":
                    visit(item, f"{place}.{name}" if place else name, name)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                visit(item, f"{place}[{index}]", key)
        elif key in PATH_KEYS and isinstance(value, str) and value:
            found.append((place, value))

    visit(typed_json.to_plain(document), "", "")
    return found


def read_python_json(text: str, where: str = "PYTHON.json") -> PythonJson:
    """Return the document of a text. Raises JsonFormatError that names the key, or the format found."""
    document = typed_json.from_text(PythonJson, text, where)
    if document.version != FORMAT_VERSION:
        raise typed_json.JsonFormatError(f"{where}: version", found=repr(document.version),
                                         expected=f'"{FORMAT_VERSION}"')  # fmt: skip
    return document
