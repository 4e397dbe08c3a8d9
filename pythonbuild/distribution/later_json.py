"""PYTHON.json of the formats 7 and 8, which the tools of the ecosystem read.

Their readers refuse a key that they do not know, so what only format 0 says (the sources, the toolchain, the oldest C
library) is not in these. What they ask of the interpreter stands in format 0 under ``interpreter`` by the same names:
a description of format 0 is all that it takes to write one of them.

Format 8 is format 7 with ``build_options``, which says more than ``optimizations``; both are written. An extension
module is a list of variants; this project's lists have one, called ``default``.

::

    to_later(read_python_json(text), "8").to_text()
    read_any_format(text)           # a PythonJson, whichever format it is; what the format does not say is empty
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pythonbuild.distribution import typed_json
from pythonbuild.distribution.python_json import (
    FORMAT_VERSION,
    BuildInfo,
    CoreEntry,
    ExtensionEntry,
    InterpreterEntry,
    LinkEntry,
    PythonJson,
    read_python_json,
)
from pythonbuild.errors import DistributionError

LATER_FORMATS = ("7", "8")
#: Every format that is written.
FORMATS = (FORMAT_VERSION, *LATER_FORMATS)
#: The variant of an extension module that is meant where there are several.
DEFAULT_VARIANT = "default"
#: The words of ``build_options`` that ``optimizations`` has, too.
_OPTIMIZATIONS = ("debug", "noopt", "pgo", "lto")
#: Licences, by their SPDX identifiers, that give a work to the public domain.
_PUBLIC_DOMAIN = frozenset({"blessing", "CC0-1.0", "Unlicense"})
#: The keys that descriptions for Apple's systems have besides, and that their readers ask for.
APPLE_SDK = ("apple_sdk_canonical_name", "apple_sdk_platform", "apple_sdk_version", "apple_sdk_deployment_target")
_SYSTEMS = {"linux": "linux", "darwin": "macos", "windows": "windows"}


class FormatError(DistributionError):
    """A description that cannot be written in another format."""

    reason = "python-json-format"


@dataclass(frozen=True)
class LaterLink:
    """A library to link with; keys that say nothing are left out."""

    name: str
    path_static: str | None = None
    path_dynamic: str | None = None
    framework: bool | None = None
    system: bool | None = None


@dataclass(frozen=True)
class LaterCore:
    """The interpreter without its extension modules."""

    objs: tuple[str, ...]
    links: tuple[LaterLink, ...]
    shared_lib: str | None = None
    static_lib: str | None = None


@dataclass(frozen=True)
class LaterVariant:
    """One way to have an extension module."""

    in_core: bool
    init_fn: str
    links: tuple[LaterLink, ...]
    objs: tuple[str, ...]
    required: bool
    variant: str
    static_lib: str | None = None
    shared_lib: str | None = None
    licenses: tuple[str, ...] | None = None
    license_paths: tuple[str, ...] | None = None
    license_public_domain: bool | None = None


@dataclass(frozen=True)
class LaterBuildInfo:
    """What it takes to link the interpreter again."""

    core: LaterCore
    extensions: Mapping[str, tuple[LaterVariant, ...]]
    inittab_object: str
    inittab_source: str
    inittab_cflags: tuple[str, ...]
    object_file_format: str


@dataclass(frozen=True)
class LaterPythonJson:
    """The whole document: a field is a key, in this order. ``build_options`` is format 8's alone."""

    version: str
    target_triple: str
    optimizations: str
    python_tag: str
    python_platform_tag: str
    python_implementation_cache_tag: str
    python_implementation_hex_version: int
    python_implementation_name: str
    python_implementation_version: tuple[str, ...]
    python_version: str
    python_major_minor_version: str
    python_paths: Mapping[str, str]
    python_paths_abstract: Mapping[str, str]
    python_config_vars: Mapping[str, str]
    python_exe: str
    python_stdlib_test_packages: tuple[str, ...]
    python_suffixes: Mapping[str, tuple[str, ...]]
    python_bytecode_magic_number: str
    python_symbol_visibility: str
    python_extension_module_loading: tuple[str, ...]
    libpython_link_mode: str
    crt_features: tuple[str, ...]
    run_tests: str
    build_info: LaterBuildInfo
    build_options: str | None = None
    python_abi_tag: str | None = None
    python_stdlib_platform_config: str | None = None
    licenses: tuple[str, ...] | None = None
    license_path: str | None = None
    tcl_library_path: str | None = None
    tcl_library_paths: tuple[str, ...] | None = None
    apple_sdk_canonical_name: str | None = None
    apple_sdk_platform: str | None = None
    apple_sdk_version: str | None = None
    apple_sdk_deployment_target: str | None = None

    def to_plain(self) -> dict[str, Any]:
        """Return what JSON holds: no key for what there is not."""
        plain: dict[str, Any] = _without_null(typed_json.to_plain(self))
        return plain

    def to_text(self) -> str:
        """Return the JSON text: the same bytes for the same data."""
        return plain_text(self.to_plain())


def plain_text(plain: Mapping[str, Any]) -> str:
    """Return plain data as the text of a PYTHON.json."""
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_null(item) for key, item in value.items() if item is not None}
    return [_without_null(item) for item in value] if isinstance(value, list) else value


def to_later(document: PythonJson, version: str) -> LaterPythonJson:
    """Return a description of format 0 in format 7 or 8.

    Raises FormatError for one that does not say what the interpreter says of itself.
    """
    interpreter = document.interpreter
    if interpreter is None:
        raise FormatError("PYTHON.json: interpreter", found="no such key",
                          advice="it was built before other formats could be written; build it again")  # fmt: skip
    options = document.build_options.split("+")
    return LaterPythonJson(
        version=version,
        target_triple=document.target_triple,
        optimizations="+".join(word for word in options if word in _OPTIMIZATIONS) or "noopt",
        build_options=document.build_options if version == "8" else None,
        python_version=document.python_version,
        python_major_minor_version=document.python_major_minor_version,
        python_exe=document.python_exe,
        build_info=_later_build_info(document.build_info),
        licenses=spdx_identifiers(document.licenses),
        license_path=document.license_path,
        tcl_library_path=document.tcl_library_path,
        tcl_library_paths=document.tcl_library_paths if document.tcl_library_path else None,
        **vars(interpreter),
        **_apple_sdk(document),
    )


def _apple_sdk(document: PythonJson) -> dict[str, Any]:
    """Return what is told of the SDK, which only Apple's systems have: format 0 says it of the toolchain."""
    sdk, deployment = document.toolchain.get("sdk"), document.toolchain.get("deployment_target")
    if document.os != "macos" or not isinstance(sdk, dict):
        return {}
    return dict(zip(APPLE_SDK, map(str, (sdk["name"], "macosx", sdk["version"], deployment)), strict=True))


def spdx_identifiers(expressions: tuple[str, ...]) -> tuple[str, ...]:
    """Return the identifiers in SPDX expressions, sorted; an exception stays with its licence (``X WITH Y``)."""
    words = (re.split(r"\s+(?:AND|OR)\s+", re.sub(r"[()]", " ", text).strip()) for text in expressions)
    return tuple(sorted({" ".join(word.split()) for group in words for word in group if word.strip()}))


def _later_build_info(info: BuildInfo) -> LaterBuildInfo:
    return LaterBuildInfo(
        core=LaterCore(
            info.core.objs, _later_links(info.core.links), info.core.shared_lib, info.core.static_lib
        ),
        extensions={name: (_variant(entry),) for name, entry in info.extensions.items()},
        inittab_object=info.inittab_object,
        inittab_source=info.inittab_source,
        inittab_cflags=info.inittab_cflags,
        object_file_format=info.object_file_format,
    )  # fmt: skip


def _variant(entry: ExtensionEntry) -> LaterVariant:
    licenses = spdx_identifiers(entry.licenses)
    return LaterVariant(
        in_core=entry.in_core,
        init_fn=entry.init_fn,
        links=_later_links(entry.links),
        objs=entry.objs,
        required=entry.required,
        variant=DEFAULT_VARIANT,
        static_lib=entry.static_lib,
        shared_lib=entry.shared_lib,
        licenses=licenses,
        license_paths=entry.license_paths,
        license_public_domain=True if licenses and _PUBLIC_DOMAIN.issuperset(licenses) else None,
    )


def _later_links(links: tuple[LinkEntry, ...]) -> tuple[LaterLink, ...]:
    return tuple(
        LaterLink(link.name, link.path_static, link.path_dynamic, link.framework or None, link.system or None)
        for link in links
    )


def between_later(plain: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Return a description of format 7 in format 8, or the other way; every other key stays as it is."""
    changed = dict[str, Any]()
    for key, value in plain.items():
        if key != "build_options":
            changed[key] = version if key == "version" else value
        if key == "build_info" and version == "8":  # it stands where this project writes it
            changed["build_options"] = plain["optimizations"]
    return changed


def read_any_format(text: str, where: str = "PYTHON.json") -> PythonJson:
    """Return what a description of format 0, 7 or 8 says, in the words of format 0.

    ``version`` tells the format. What 7 and 8 do not say (sources, toolchain, the C library) is empty. Raises
    JsonFormatError that names the key, or the format found.
    """
    version = format_of(text, where)
    if version == FORMAT_VERSION:
        return read_python_json(text, where)
    if version not in LATER_FORMATS:
        raise typed_json.JsonFormatError(f"{where}: version", found=repr(version),
                                         expected=" or ".join(f'"{known}"' for known in FORMATS))  # fmt: skip
    return _from_later(typed_json.from_text(LaterPythonJson, text, where))


def format_of(text: str, where: str = "PYTHON.json") -> str:
    """Return the format that a description says it is of, "" if it does not."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise typed_json.JsonFormatError(f"{where}: not JSON", found=error) from error
    version = plain.get("version") if isinstance(plain, dict) else None
    return version if isinstance(version, str) else ""


def _from_later(later: LaterPythonJson) -> PythonJson:
    info = later.build_info
    return PythonJson(
        version=later.version,
        target_triple=later.target_triple,
        os=next((system for word, system in _SYSTEMS.items() if word in later.target_triple), ""),
        arch=later.target_triple.partition("-")[0],
        python_flavor=later.python_implementation_name,
        python_version=later.python_version,
        python_major_minor_version=later.python_major_minor_version,
        python_exe=later.python_exe,
        python_include=later.python_paths.get("include", ""),
        python_stdlib=later.python_paths.get("stdlib", ""),
        build_info=BuildInfo(
            core=CoreEntry(info.core.objs, _links(info.core.links), info.core.static_lib, info.core.shared_lib),
            extensions={name: _extension(variants) for name, variants in info.extensions.items() if variants},
            inittab_object=info.inittab_object,
            inittab_source=info.inittab_source,
            inittab_cflags=info.inittab_cflags,
            object_file_format=info.object_file_format,
        ),
        build_options=later.build_options or later.optimizations,
        licenses=later.licenses or (),
        license_path=later.license_path,
        tcl_library_path=later.tcl_library_path,
        tcl_library_paths=later.tcl_library_paths or (),
        interpreter=InterpreterEntry(**{name: getattr(later, name) for name in InterpreterEntry.__dataclass_fields__}),
    )


def _extension(variants: tuple[LaterVariant, ...]) -> ExtensionEntry:
    chosen = next((variant for variant in variants if variant.variant == DEFAULT_VARIANT), variants[0])
    return ExtensionEntry(
        in_core=chosen.in_core,
        init_fn=chosen.init_fn,
        links=_links(chosen.links),
        objs=chosen.objs,
        static_lib=chosen.static_lib,
        shared_lib=chosen.shared_lib,
        required=chosen.required,
        linkage="shared" if chosen.shared_lib and not chosen.in_core else "builtin",
        licenses=chosen.licenses or (),
        license_paths=chosen.license_paths or (),
    )


def _links(links: tuple[LaterLink, ...]) -> tuple[LinkEntry, ...]:
    return tuple(
        LinkEntry(link.name, link.path_static, link.path_dynamic, bool(link.framework), bool(link.system))
        for link in links
    )
