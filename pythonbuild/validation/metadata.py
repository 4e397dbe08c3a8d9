"""Checks on PYTHON.json: whoever links the interpreter again from it must find all that it takes, and nothing untrue.

Symbols are resolved as a linker would do it: an object's undefined names are looked for in the other objects, then in
the static libraries that the module or the core lists (whose members have undefined names in turn), then in the
target's own C library.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePosixPath

from pythonbuild.cpython.setupfiles import parse_inittab
from pythonbuild.distribution.cofffile import MACHINES as COFF_MACHINES
from pythonbuild.distribution.cofffile import read_coff
from pythonbuild.distribution.later_json import APPLE_SDK
from pythonbuild.distribution.objectfile import BITCODE_MAGICS, ET_REL, MACHINES, Elf, library_members
from pythonbuild.distribution.profile import MAGIC
from pythonbuild.distribution.python_json import FORMAT_VERSION, NO_INIT_FUNCTION, LinkEntry
from pythonbuild.distribution.schemas import FILES, problems
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


@check("metadata-format", "PYTHON.json is there and has the form of its format")
def format_(subject: Subject) -> Iterator[str]:
    """The file is JSON, its ``version`` is a format that is known, every key that this format requires is there, and
    every value is of the right type. The formats 0, 7 and 8 are described in :doc:`python-json`; of the formats 1 to 8
    that other builders write only what they have in common is looked at.

    The checks that need the description do not apply where it cannot be read.
    """
    description = subject.description
    if description.problem:
        yield description.problem
    elif not description.format:
        raise NotApplicable(description.absent)


@check("metadata-schema", "no key of PYTHON.json is missing or unknown, and every text has the form of its key")
def schema(subject: Subject) -> Iterator[str]:
    """The description is held against the JSON Schema of its format, which is in docs/schemas for the formats 0, 7 and
    8, also that of other builders: all keys are there, those with defaults too, and no other; hashes, versions, dates,
    the linkage of a module and so on look as they should. A key that nobody knows is a spelling mistake, or a change of
    the format that docs/python-json.rst does not tell; readers of the formats 7 and 8 refuse it.
    """
    description = subject.description
    if description.problem or description.format not in FILES:
        raise NotApplicable(description.absent)
    yield from problems(description.plain, description.format)


@check("metadata-paths", "every path in PYTHON.json exists in the archive")
def paths(subject: Subject) -> Iterator[str]:
    """Each value that names a file or a directory is looked up: objects, libraries, licence texts, the interpreter. In
    archives of this project it lies in ``install``, ``build`` or ``licenses``. This is checked for the formats of other
    builders, too.
    """
    if not subject.description.format:
        raise NotApplicable(subject.description.absent)
    places = ("install", "build", "licenses") if subject.description.is_ours else ()
    for key, path in subject.description.paths().items():
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or (places and parts[0] not in places):
            yield f"{key}: {path} is not a path below install, build or licenses"
        elif not (subject.top / path).exists():
            yield f"{key}: {path} is not in the archive"


@check("metadata-target", "PYTHON.json names the target, and the version that the headers name")
def target(subject: Subject) -> Iterator[str]:
    """Triple, system and processor are those of the target that is validated for, and the version is what
    ``patchlevel.h`` says and begins with the shorter one. For macOS, the formats 7 and 8 tell of the SDK.
    """
    document, expected = subject.document, subject.target
    for key, value in (("target_triple", expected.triple), ("os", expected.os), ("arch", expected.arch)):
        if getattr(document, key) != value:
            yield f"{key}: {getattr(document, key)}, expected {value}"
    header = subject.top / document.python_include / "patchlevel.h"
    match = _PATCHLEVEL.search(header.read_text(encoding="utf-8")) if header.is_file() else None
    found = match[1] if match else "no version"
    if found != document.python_version:
        yield f"python_version: {document.python_version}, {document.python_include}/patchlevel.h has {found}"
    if not document.python_version.startswith(f"{document.python_major_minor_version}."):
        yield f"python_major_minor_version: {document.python_major_minor_version}, of {document.python_version}"
    if document.os == "macos" and document.version != FORMAT_VERSION:
        yield from (f"{key}: not told" for key in APPLE_SDK if not subject.description.plain.get(key))


@check("metadata-profile", "a build with PGO has its profile, and no other has one")
def profile(subject: Subject) -> Iterator[str]:
    """With ``pgo`` among the build options PYTHON.json tells of the profile, the file has the hash that it tells, and
    is one of LLVM's. Without, there is none.
    """
    document = subject.document
    if document.version != FORMAT_VERSION:
        raise NotApplicable(f"format {document.version} tells of no profile")
    if document.os == "windows":
        raise NotApplicable("MSVC's profiles are of one linker run each, and are not kept")
    said, wanted = document.profile, "pgo" in document.build_options.split("+")
    if (said is not None) != wanted:
        yield f"profile: {'none' if wanted else 'there is one'}, the build options are {document.build_options}"
    if said is not None and (file := subject.top / said.profdata).is_file():
        content = file.read_bytes()
        if hashlib.sha256(content).hexdigest() != said.sha256:
            yield f"profile.sha256: {said.sha256}, {said.profdata} has {hashlib.sha256(content).hexdigest()}"
        if not content.startswith(MAGIC):
            yield f"{said.profdata}: begins with {content[:8].hex()}, a profile of LLVM with {MAGIC.hex()}"


@check("metadata-objects", "every object that CPython linked is listed, once, and is there")
def objects(subject: Subject) -> Iterator[str]:
    """``core.objs`` and the modules' ``objs`` are compared with the link lines of CPython's own build, which stand in
    ``build/cpython-build.json``: the same objects, each once, and no object in ``build`` that nobody accounts for.
    Whoever links the interpreter again gets the same one. Where it was linked again, ``relink`` took its objects from
    this very list, and only those that nobody accounts for are looked for.
    """
    listed = Counter(_listed_objects(subject))
    yield from (f"{path}: listed {count} times" for path, count in listed.items() if count > 1)
    if subject.relinked:
        members = {str(PurePosixPath(path).with_name(member)) for path in _static_libraries(subject)
                   for member, _ in subject.library(path)}  # fmt: skip
        yield from (f"{path}: in the archive, but not listed" for path in _unlisted(subject, listed.keys() | members))
        return
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
    yield from (f"{path}: in the archive, but not listed" for path in _unlisted(subject, listed.keys() | members))


def _unlisted(subject: Subject, known: Collection[str]) -> list[str]:
    paths = (path for pattern in ("*.o", "*.obj") for path in (subject.top / "build").rglob(pattern))
    present = {path.relative_to(subject.top).as_posix() for path in paths}
    return sorted(present.difference(known))


def _static_libraries(subject: Subject) -> set[str]:
    return {link.path_static for _, link in _all_links(subject) if link.path_static}


@check("metadata-inittab", "the table of builtin modules names exactly those that are listed as builtin")
def inittab(subject: Subject) -> Iterator[str]:
    """The C source of the table (``inittab_source``) has an entry for every builtin module, with its ``init_fn``, and
    no other; the copies of it in the installation are the same.
    """
    info = subject.document.build_info
    source = subject.top / info.inittab_source
    table = parse_inittab(source.read_text(encoding="utf-8"))
    listed = {name: None if entry.init_fn == NO_INIT_FUNCTION else entry.init_fn
              for name, entry in info.extensions.items() if entry.linkage == "builtin"}  # fmt: skip
    yield from (f"{name}: listed, not in {info.inittab_source}" for name in sorted(listed.keys() - table.keys()))
    yield from (f"{name}: in {info.inittab_source}, not listed" for name in sorted(table.keys() - listed.keys()))
    for name in sorted(listed.keys() & table.keys()):
        if listed[name] != table[name]:
            yield f"{name}: init_fn {listed[name]}, in {info.inittab_source} {table[name]}"
    for copy in sorted((subject.top / subject.document.python_stdlib).glob("config-*/config.c")):
        if copy.read_bytes() != source.read_bytes():
            yield f"{copy.relative_to(subject.top).as_posix()}: not the same as {info.inittab_source}"


@check("metadata-object-files", "every object and every member of a static library is for the target's processor")
def object_files(subject: Subject) -> Iterator[str]:
    """The ELF header of every ``.o`` file, and of every object in the ``.a`` files, names the target's machine and its
    word size, and that the file is a relocatable object. LLVM bitcode is let pass in builds with link-time
    optimisation. For Windows, the COFF header of every ``.obj`` file, and of every object in the ``.lib`` files of
    ``build``, names the target's machine, and only builds with PGO have objects that the linker is to compile.
    """
    if subject.target.os == "windows":
        yield from _coff_files(subject)
        return
    if subject.target.os != "linux":
        raise NotApplicable(f"the target's system is {subject.target.os}: no ELF files")
    subject.require_target()
    machine = MACHINES.get(subject.target.arch)
    if machine is None:
        raise NotApplicable(f"no machine number is known for {subject.target.arch}")
    bits = 32 if subject.target.arch in ("i686", "armv7") else 64
    bitcode = "lto" in str(subject.description.plain.get("build_options", ""))
    for name, content in object_contents(subject):
        if bytes(content[:4]) in BITCODE_MAGICS:
            if not bitcode:
                yield f"{name}: LLVM bitcode in a build without link-time optimisation"
            continue
        elf = Elf(content, name)
        if (elf.machine, elf.bits) != (machine, bits):
            yield f"{name}: ELF machine {elf.machine} with {elf.bits} bits, expected {machine} with {bits}"
        elif elf.type != ET_REL:
            yield f"{name}: no relocatable object (ELF type {elf.type})"


def _coff_files(subject: Subject) -> Iterator[str]:
    subject.require_target()
    expected = COFF_MACHINES.get(subject.target.arch)
    optimised = "pgo" in subject.document.build_options.split("+")
    for path in sorted((subject.top / "build").rglob("*")):
        name = path.relative_to(subject.top).as_posix()
        if path.suffix == ".obj":
            contents: Iterable[tuple[str, bytes | memoryview]] = [(name, path.read_bytes())]
        elif path.suffix == ".lib":
            contents = [(f"{name}({member})", each) for member, each in library_members(path.read_bytes(), name)]
        else:
            continue
        for where, content in contents:
            coff = read_coff(content, where)
            if coff.machine != expected:
                yield f"{where}: COFF machine {coff.machine:#06x}, expected {expected:#06x}"
            elif coff.compiled_later and not optimised:
                yield f"{where}: left to be compiled by the linker (/GL) in a build without PGO"


def object_contents(subject: Subject) -> Iterator[tuple[str, bytes | memoryview]]:
    """Yield every object of the archive, also those in static libraries, with its name in findings."""
    for path in sorted(subject.top.rglob("*.[ao]")):
        if path.is_symlink() or not path.is_file():
            continue
        name = path.relative_to(subject.top).as_posix()
        if path.suffix == ".o":
            yield name, path.read_bytes()
        else:
            yield from ((f"{name}({member})", content) for member, content in library_members(path.read_bytes(), name))


@check("metadata-extensions", "the extension modules are exactly those that this version and target have")
def extensions(subject: Subject) -> Iterator[str]:
    """The names and how each is linked are compared with what CPython's build made, with
    ``cpython-unix/extension-modules.yml`` for this version and target, and with the files in ``lib-dynload`` (for
    Windows, the ``.pyd`` files in ``DLLs``). Neither a
    missing module nor one too many is let pass, unless the archive says that it was left out on demand. Where the
    interpreter was linked again, only the files are compared.
    """
    listed = {name: entry.linkage for name, entry in subject.document.build_info.extensions.items()}
    if not subject.relinked:
        built = {name: extension.linkage for name, extension in subject.build.extensions.items()}
        yield from _differences(listed, dict(built), "CPython's build")
    if subject.expected is not None:
        expected = {name: linkage for name, linkage in subject.expected.items()
                    if name in listed or name not in subject.left_out}  # fmt: skip
        yield from _differences(listed, expected, "the extension modules' file")
    if subject.document.os == "windows":
        shared = subject.install.glob("DLLs/*.pyd")
    else:
        shared = (subject.top / subject.document.python_stdlib / "lib-dynload").glob("*.so")
    files = {path.relative_to(subject.top).as_posix() for path in shared}
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
    """``in_core`` says that a module has no objects of its own, and only shared modules have a ``shared_lib``."""
    for name, entry in sorted(subject.document.build_info.extensions.items()):
        if entry.in_core == bool(entry.objs):
            yield f"{name}: in_core is {str(entry.in_core).lower()} with {len(entry.objs)} objects"
        if (entry.linkage == "shared") != (entry.shared_lib is not None):
            yield f"{name}: linkage {entry.linkage} with shared_lib {entry.shared_lib}"


@check("metadata-init-functions", "every extension module's init function is defined by its objects")
def init_functions(subject: Subject) -> Iterator[str]:
    """The symbol ``init_fn`` is defined by one of the module's ``objs``, or of the core's for modules in the core. An
    inittab that names it can then be linked.
    """
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
    """Each link is one of three: a library of the archive (``path_static`` or ``path_dynamic``), one of the target's
    ``system_libraries`` or of those that were chosen to be the system's, or a framework.
    """
    chosen = {word for choice in subject.link_choices.values() if choice.kind == "system" for word in choice.libraries}
    allowed = (*subject.target.system_libraries, *(f"lib{name}.so" for name in chosen))
    for place, link in _all_links(subject):
        kinds = [link.path_static is not None or link.path_dynamic is not None, link.system and not link.framework,
                 link.framework]  # fmt: skip
        if kinds.count(True) != 1:
            yield f"{place}: expected one of a path, system and framework"
        elif link.system and not link.framework and not _is_of_system(subject, link.name, allowed):
            yield f"{place}: lib{link.name} is no library of the target, and no dependency brings it"


#: What link lines call libSystem, which is libc, libm and more.
_LIBSYSTEM = ("c", "dl", "m", "pthread")


def _is_of_system(subject: Subject, name: str, allowed: Iterable[str]) -> bool:
    if subject.target.darwin is not None:
        files = [PurePosixPath(path).name for path in allowed]
        return name in _LIBSYSTEM or any(file.startswith(f"lib{name}.") for file in files)
    if subject.target.windows is None:
        return any(library.startswith(f"lib{name}.so") for library in allowed)
    names = (f"{name}.dll", f"{name}.drv")
    return name in subject.target.windows.import_libraries or any(library in names for library in allowed)


@check("metadata-link-choices", "what is not linked statically is in the archive, or the system's, as was chosen")
def link_choices(subject: Subject) -> Iterator[str]:
    """``link-choices.json`` of the installation tells which dependencies are shared libraries or the system's. Those
    that are shared lie in ``lib``, called by their sonames, which are what the file says; those of the system do not.
    Each is needed by some program or library, and format 0 of PYTHON.json says the same (``link_choices``). There is no
    such file where everything is linked statically.
    """
    choices, document = subject.link_choices, subject.description.document
    if document is not None and document.version == FORMAT_VERSION and dict(document.link_choices) != choices:
        yield "link_choices: not what link-choices.json of the installation says"
    if document is None and not choices:
        raise NotApplicable(f"nothing tells of other than static linking; {subject.description.absent}")
    files = {file.path: file.dynamic for file in subject.shared_objects}
    needed = {name for dynamic in files.values() if dynamic for name in dynamic.needed}
    place = (subject.install / "lib").relative_to(subject.top).as_posix()
    for name, choice in choices.items():
        for soname in choice.libraries.values():
            path = f"{place}/{soname}"
            dynamic = files.get(path)
            if choice.kind == "shared" and dynamic is None:
                yield f"{path}: no shared library, expected that of {name}"
            elif dynamic is not None and choice.kind != "shared":
                yield f"{path}: shipped, and {name} is to be the system's"
            elif dynamic is not None and dynamic.soname != soname:
                yield f"{path}: its soname is {dynamic.soname or 'missing'}"
            if soname not in needed:
                yield f"{name}: no program or library needs {soname}"


@check("metadata-symbols", "every symbol left undefined is defined by another object, a listed link or the system")
def symbols(subject: Subject) -> Iterator[str]:
    """Symbols are resolved as a linker would: every name that the core's and each module's objects leave undefined is
    looked for in the other objects, in the static libraries that are listed (whose members have undefined names in
    turn), and in the target's own C library. A name that is found nowhere means that a link is missing from the list.
    """
    if subject.sysroot is None:
        raise NotApplicable("the target's C library is not at hand")
    info = subject.document.build_info
    resolver = Resolver(subject.library, SystemLibraries(subject.sysroot, subject.target), _shared_names(subject))
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


def _shared_names(subject: Subject) -> dict[str, frozenset[str]]:
    """Return what the libraries offer that are not linked statically, by the names that links have.

    The system's are not at hand; the linker saw that they offer what the interpreter imports.
    """
    files = {file.path: file.dynamic for file in subject.shared_objects if file.dynamic}
    interpreter = files.get(subject.document.python_exe)
    imported = interpreter.imported if interpreter else frozenset()
    offered = {link.name: files[link.path_dynamic].linkable for _, link in _all_links(subject)
               if link.path_dynamic in files}  # fmt: skip
    for choice in subject.link_choices.values():
        if choice.kind == "system":
            offered |= dict.fromkeys(choice.libraries, imported)
    return offered


def _users(subject: Subject, objs: Iterable[str], unresolved: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Pair each name with the library member, or the object, that uses it."""
    for name, member in sorted(unresolved.items()):
        user = next((path for path in objs if name in subject.object(path).undefined), "")
        yield name, member or user


@check("metadata-licences", "everything that is linked in has its licence and its licence text in the archive")
def licences(subject: Subject) -> Iterator[str]:
    """Every library of the archive that the core or a module links belongs to one of ``sources``, each of which has an
    SPDX expression and a licence text that is not empty; CPython's own text is there, and each module lists the
    licences and the texts of what it links, no more and no less. Only format 0 tells the sources.
    """
    document = subject.document
    if document.version != FORMAT_VERSION:
        raise NotApplicable(f"format {document.version} does not tell what the libraries were built from")
    known = {library: source for source in document.sources for library in source.libraries}
    dynamic = {link.path_dynamic for _, link in _all_links(subject) if link.path_dynamic}
    for path in (*subject.dependency_libraries, *sorted(dynamic)):
        if path not in known:
            yield f"{path}: linked, but no entry of sources has it"
    core_text = subject.top / document.license_path if document.license_path else None
    if not document.licenses or core_text is None or not core_text.is_file() or not core_text.stat().st_size:
        yield "licenses: CPython's own licence or its text is missing"
    for source in document.sources:
        if not source.license:
            yield f"sources: {source.name} has no licence"
        texts = [subject.top / path for path in source.license_paths]
        if not texts or not all(text.is_file() and text.stat().st_size for text in texts):
            yield f"sources: {source.name} has no licence text"
    for name, entry in sorted(document.build_info.extensions.items()):
        paths = [*(link.path_static or link.path_dynamic for link in entry.links), *entry.objs]
        own = [known[path] for path in paths if path in known]
        for what, listed, expected in (
            ("licences", set(entry.licenses), {source.license for source in own}),
            ("licence texts", set(entry.license_paths), {path for source in own for path in source.license_paths}),
        ):
            if listed != expected:
                wanted = ", ".join(sorted(expected)) or "none"
                yield f"{name}: {what} {', '.join(sorted(listed)) or 'none'}, of its links {wanted}"


CHECKS = (
    format_,
    schema,
    paths,
    target,
    profile,
    objects,
    object_files,
    inittab,
    extensions,
    ownership,
    init_functions,
    links,
    link_choices,
    symbols,
    licences,
)
