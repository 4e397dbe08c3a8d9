"""Checks on PYTHON.json: whoever links the interpreter again from it must find all that it takes, and nothing untrue.

Symbols are resolved as a linker would do it: an object's undefined names are looked for in the other objects, then in
the static libraries that the module or the core lists (whose members have undefined names in turn), then in the
target's own C library.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from pythonbuild.distribution.python_json import NO_INIT_FUNCTION, LinkEntry
from pythonbuild.validation.checks import NotApplicable, Subject, check
from pythonbuild.validation.linking import Resolver, SystemLibraries

_PATCHLEVEL = re.compile(r'^#define PY_VERSION\s+"([^"+]+)\+?"', re.MULTILINE)


def _listed_objects(subject: Subject) -> list[str]:
    info = subject.document.build_info
    return [*info.core.objs, *(path for entry in info.extensions.values() for path in entry.objs)]


def _all_links(subject: Subject) -> Iterator[tuple[str, LinkEntry]]:
    info = subject.document.build_info
    yield from ((f"core: link {link.name}", link) for link in info.core.links)
    for name, entry in info.extensions.items():
        yield from ((f"extensions.{name}: link {link.name}", link) for link in entry.links)


@check("metadata-paths", "every path in PYTHON.json exists in the archive")
def paths(subject: Subject) -> Iterator[str]:
    for key, path in subject.document.paths().items():
        parts = PurePosixPath(path).parts
        if not parts or parts[0] not in ("install", "build", "licenses") or ".." in parts:
            yield f"{key}: {path} is not a path below install, build or licenses"
        elif not (subject.top / path).exists():
            yield f"{key}: {path} is not in the archive"


@check("metadata-target", "PYTHON.json names the target, and the version that the headers name")
def target(subject: Subject) -> Iterator[str]:
    document, expected = subject.document, subject.target
    for key, value in (("target_triple", expected.triple), ("os", expected.os), ("arch", expected.arch)):
        if getattr(document, key) != value:
            yield f"{key}: {getattr(document, key)}, expected {value}"
    header = subject.top / document.python_include / "patchlevel.h"
    match = _PATCHLEVEL.search(header.read_text(encoding="utf-8")) if header.is_file() else None
    found = match[1] if match else "no version"
    if found != document.python_version:
        yield f"python_version: {document.python_version}, {document.python_include}/patchlevel.h has {found}"


@check("metadata-objects", "every object that CPython linked is listed, once, and is there")
def objects(subject: Subject) -> Iterator[str]:
    listed = Counter(_listed_objects(subject))
    yield from (f"{path}: listed {count} times" for path, count in listed.items() if count > 1)
    build = subject.build
    archives = {f"build/{path}" for path in build.archives}
    linked = {f"build/{path}" for path in build.core_objects}
    linked.update(f"build/{path}" for extension in build.extensions.values() for path in extension.objects)
    yield from (f"{path}: linked by CPython, not listed" for path in sorted(linked - listed.keys()))
    yield from (f"{path}: listed, not linked by CPython" for path in sorted(listed.keys() - linked))
    links = {link.path_static for _, link in _all_links(subject)}
    yield from (f"{path}: linked by CPython, in no links" for path in sorted(archives - links))
    # What else lies in build/ would be an object that nobody accounts for.
    members = {f"build/{path}" for paths in build.archives.values() for path in paths}
    present = {path.relative_to(subject.top).as_posix() for path in (subject.top / "build").rglob("*.o")}
    yield from (f"{path}: in the archive, but not listed" for path in sorted(present - listed.keys() - members))


@check("metadata-extensions", "the extension modules are exactly those that this version and target have")
def extensions(subject: Subject) -> Iterator[str]:
    listed = {name: entry.linkage for name, entry in subject.document.build_info.extensions.items()}
    built = {name: extension.linkage for name, extension in subject.build.extensions.items()}
    yield from _differences(listed, dict(built), "CPython's build")
    if subject.expected is not None:
        yield from _differences(listed, dict(subject.expected), "the extension modules' file")
    dynload = subject.top / subject.document.python_stdlib / "lib-dynload"
    files = {path.relative_to(subject.top).as_posix() for path in dynload.glob("*.so")}
    entries = {entry.shared_lib for entry in subject.document.build_info.extensions.values() if entry.shared_lib}
    yield from (f"{path}: not the shared_lib of any extension" for path in sorted(files - entries))


def _differences(listed: dict[str, str], other: dict[str, str], origin: str) -> Iterator[str]:
    yield from (f"{name}: listed, not in {origin}" for name in sorted(listed.keys() - other.keys()))
    yield from (f"{name}: in {origin}, not listed" for name in sorted(other.keys() - listed.keys()))
    for name in sorted(listed.keys() & other.keys()):
        if listed[name] != other[name]:
            yield f"{name}: listed as {listed[name]}, in {origin} as {other[name]}"


@check("metadata-ownership", "modules without objects are the core's, and shared modules have their file")
def ownership(subject: Subject) -> Iterator[str]:
    for name, entry in sorted(subject.document.build_info.extensions.items()):
        if entry.in_core == bool(entry.objs):
            yield f"{name}: in_core is {str(entry.in_core).lower()} with {len(entry.objs)} objects"
        if (entry.linkage == "shared") != (entry.shared_lib is not None):
            yield f"{name}: linkage {entry.linkage} with shared_lib {entry.shared_lib}"


@check("metadata-init-functions", "every extension module's init function is defined by its objects")
def init_functions(subject: Subject) -> Iterator[str]:
    info = subject.document.build_info
    core = _defined(subject, info.core.objs)
    for name, entry in sorted(info.extensions.items()):
        if entry.init_fn == NO_INIT_FUNCTION:
            if not entry.in_core:
                yield f"{name}: init_fn is {NO_INIT_FUNCTION}, which only modules of the core may have"
        elif entry.init_fn not in (core if entry.in_core else _defined(subject, entry.objs)):
            yield f"{name}: {entry.init_fn} is defined by none of {'the core' if entry.in_core else 'its'} objects"


def _defined(subject: Subject, paths: Iterable[str]) -> set[str]:
    return set().union(*(subject.object(path).defined for path in paths))


@check("metadata-links", "every link says where its library comes from, and the system's are the target's")
def links(subject: Subject) -> Iterator[str]:
    allowed = subject.target.system_libraries
    for place, link in _all_links(subject):
        kinds = [link.path_static is not None or link.path_dynamic is not None, link.system and not link.framework,
                 link.framework]  # fmt: skip
        if kinds.count(True) != 1:
            yield f"{place}: expected one of a path, system and framework"
        elif link.system and not link.framework and not any(name.startswith(f"lib{link.name}.so") for name in allowed):
            yield f"{place}: lib{link.name} is no library of the target, and no dependency brings it"


@check("metadata-symbols", "every symbol left undefined is defined by another object, a listed link or the system")
def symbols(subject: Subject) -> Iterator[str]:
    if subject.sysroot is None:
        raise NotApplicable("the target's C library is not at hand")
    info = subject.document.build_info
    resolver = Resolver(subject.library, SystemLibraries(subject.sysroot, subject.target))
    required = [entry for entry in info.extensions.values() if entry.required]
    # The core calls into the modules that it cannot do without, so these are one with it. The inittab names every
    # builtin module's init function: that is how the core holds the others.
    core_objs = [*info.core.objs, *(path for entry in required for path in entry.objs)]
    core_links = [*info.core.links, *(link for entry in required for link in entry.links)]
    core_defined = _defined(subject, core_objs)
    inittab = {entry.init_fn for entry in info.extensions.values() if entry.linkage == "builtin"}

    unresolved = resolver.unresolved([subject.object(path) for path in core_objs], inittab, core_links)
    for symbol, user in _users(subject, core_objs, unresolved):
        yield f"core: {symbol} (used by {user}) is defined nowhere"
    for name, entry in sorted(info.extensions.items()):
        own = [subject.object(path) for path in entry.objs]
        unresolved = resolver.unresolved(own, core_defined, dict.fromkeys([*entry.links, *core_links]))
        for symbol, user in _users(subject, entry.objs, unresolved):
            yield f"{name}: {symbol} (used by {user}) is defined nowhere among what it lists"


def _users(subject: Subject, objs: Iterable[str], unresolved: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Pair each name with the library member, or the object, that uses it."""
    for name, member in sorted(unresolved.items()):
        user = next((path for path in objs if name in subject.object(path).undefined), "")
        yield name, member or user


@check("metadata-licences", "everything that is linked in has its licence and its licence text in the archive")
def licences(subject: Subject) -> Iterator[str]:
    document = subject.document
    known = {library: source for source in document.sources for library in source.libraries}
    for path in subject.dependency_libraries:
        if path not in known:
            yield f"{path}: linked, but no entry of sources has it"
    for source in document.sources:
        if not source.license:
            yield f"sources: {source.name} has no licence"
        texts = [subject.top / path for path in source.license_paths]
        if not texts or not all(text.is_file() and text.stat().st_size for text in texts):
            yield f"sources: {source.name} has no licence text"
    for name, entry in sorted(document.build_info.extensions.items()):
        expected = {known[link.path_static].license for link in entry.links if link.path_static in known}
        if set(entry.licenses) != expected:
            wanted = ", ".join(sorted(expected)) or "none"
            yield f"{name}: licences {', '.join(entry.licenses) or 'none'}, of its links {wanted}"


CHECKS = (paths, target, objects, extensions, ownership, init_functions, links, symbols, licences)
