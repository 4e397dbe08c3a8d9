"""PYTHON.json, the description of a distribution: format "0" and the keys this project adds.

docs/python-json.rst is the reference. The classes below are the format: a field is a key, in this order, and
docs/schemas/python-json-0.json says the same for other programs. All paths are relative to the archive's top directory
``python/`` and use forward slashes. The formats 7 and 8 are :mod:`pythonbuild.distribution.later_json`'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
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
    main_object: str = ""
    program_ldflags: tuple[str, ...] = ()
    library_ldflags: tuple[str, ...] = ()


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
class LinkChoice:
    """How a dependency is linked that is not static: ``kind`` is ``shared`` (in ``install/lib``) or ``system``;
    ``libraries`` are the sonames that are linked with, by the names that links have.
    """

    kind: str
    libraries: Mapping[str, str]


@dataclass(frozen=True)
class InterpreterEntry:
    """What the interpreter says of itself, and its files of it: the keys that the formats 7 and 8 have for it.

    Where it names its own place, as in ``python_config_vars``, it says ``/install``.
    """

    python_tag: str
    python_abi_tag: str | None
    python_platform_tag: str
    python_implementation_cache_tag: str
    python_implementation_hex_version: int
    python_implementation_name: str
    python_implementation_version: tuple[str, ...]
    python_paths: Mapping[str, str]
    python_paths_abstract: Mapping[str, str]
    python_config_vars: Mapping[str, str]
    python_stdlib_platform_config: str | None
    python_stdlib_test_packages: tuple[str, ...]
    python_suffixes: Mapping[str, tuple[str, ...]]
    python_bytecode_magic_number: str
    python_symbol_visibility: str
    python_extension_module_loading: tuple[str, ...]
    libpython_link_mode: str
    crt_features: tuple[str, ...]
    run_tests: str


@dataclass(frozen=True)
class HotFunction:
    """A function that the profile knows, and how often the most frequent part of it was run in training."""

    function: str
    count: int


@dataclass(frozen=True)
class ProfileEntry:
    """The profile that the compiler was given: what it knows of CPython, and how much of that could not be used."""

    profdata: str
    sha256: str
    functions: int
    functions_run: int
    unused: int
    hottest: tuple[HotFunction, ...] = ()


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
    interpreter: InterpreterEntry | None = None
    relinked: Mapping[str, object] = field(default_factory=dict)
    profile: ProfileEntry | None = None
    link_choices: Mapping[str, LinkChoice] = field(default_factory=dict)

    def to_text(self) -> str:
        """Return the JSON text: the same bytes for the same data."""
        plain = typed_json.to_plain(self)
        if not self.link_choices:  # where nobody chose, nothing says that somebody could have
            del plain["link_choices"]
        return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"

    def paths(self) -> dict[str, str]:
        """Return every path the document names, by the key that names it (``build_info.core.objs[3]``)."""
        return dict(named_paths(typed_json.to_plain(self)))


#: Keys whose values are paths in the archive.
PATH_KEYS = frozenset({
    "python_exe", "python_include", "python_stdlib", "objs", "path_static", "path_dynamic", "static_lib", "shared_lib",
    "inittab_object", "inittab_source", "main_object", "license_path", "license_paths", "tcl_library_path", "run_tests",
    "python_stdlib_platform_config", "profdata",
})  # fmt: skip
#: Keys that hold texts of others, which are not about paths in the archive.
_OTHER_TEXTS = frozenset({"toolchain", "relinked", "python_config_vars", "python_paths_abstract"})


def named_paths(plain: object, place: str = "", key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every path that a PYTHON.json of any format names, after the key that names it."""
    if isinstance(plain, dict):
        for name, item in plain.items():
            if name in _OTHER_TEXTS:
                continue
            here = f"{place}.{name}" if place else name
            if name == "tcl_library_paths" and isinstance(item, list):  # they are below the other key's directory
                above = plain.get("tcl_library_path")
                yield from ((f"{here}[{index}]", f"{above}/{text}") for index, text in enumerate(item) if above)
            else:
                yield from named_paths(item, here, "python_paths" if key == "python_paths" else name)
    elif isinstance(plain, list):
        for index, item in enumerate(plain):
            yield from named_paths(item, f"{place}[{index}]", key)
    elif key in PATH_KEYS | {"python_paths"} and isinstance(plain, str) and plain:
        yield place, plain


def read_python_json(text: str, where: str = "PYTHON.json") -> PythonJson:
    """Return the document of a text. Raises JsonFormatError that names the key, or the format found."""
    document = typed_json.from_text(PythonJson, text, where)
    if document.version != FORMAT_VERSION:
        raise typed_json.JsonFormatError(f"{where}: version", found=repr(document.version),
                                         expected=f'"{FORMAT_VERSION}"')  # fmt: skip
    return document
