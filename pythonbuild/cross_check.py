"""What was compiled for macOS on Linux, looked at: by the checks that every distribution for macOS passes, and by some
that only make sense for the trees of recipes.

The result is a report like that of ``validate``. Nothing of it was run: that a program works is not among its claims.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from pythonbuild.config.model import Target
from pythonbuild.cpython.facts import DUMP, BuildFacts
from pythonbuild.cpython.readback import read_build
from pythonbuild.distribution.archive import TOP
from pythonbuild.distribution.assemble import interpreter_path, place_tree
from pythonbuild.distribution.bitcode import read_bitcode
from pythonbuild.distribution.machofile import OBJECT, is_macho_content, os_version, read_slices
from pythonbuild.distribution.objectfile import BITCODE_MAGICS, library_members
from pythonbuild.distribution.symbols import library_symbols, object_symbols
from pythonbuild.errors import DistributionError
from pythonbuild.validation import macho
from pythonbuild.validation.checks import Check, Remark, Subject, check, run_check
from pythonbuild.validation.description import Description
from pythonbuild.validation.members import tree_members
from pythonbuild.validation.validate import Report

#: The static libraries of the dependencies, below ``python/``: where distributions have them.
_LIBRARIES = "build/lib"


def check_trees(cpython: Path | None, recipes: Mapping[str, Path], target: Target, work: Path) -> Report:
    """Look at the trees of CPython, if it was compiled, and of its dependencies; ``work`` is an empty directory."""
    subject = make_subject(cpython, recipes, target, work)
    return Report(tuple(run_check(item, subject) for item in (CHECKS if cpython else (objects,))))


def make_subject(cpython: Path | None, recipes: Mapping[str, Path], target: Target, work: Path) -> Subject:
    """Put the trees together as a distribution has them, but for what is written when a Python can be asked."""
    top = work / TOP
    top.mkdir()
    if cpython:
        for part in ("install", "build"):
            place_tree(cpython / part, top / part)
    (top / _LIBRARIES).mkdir(parents=True, exist_ok=True)
    for tree in recipes.values():
        for library in sorted((tree / "tools/deps/lib").glob("*.a")):
            shutil.copyfile(library, top / _LIBRARIES / library.name)
    plain = {"target_triple": target.triple}
    if cpython:
        facts = json.loads((cpython / "build" / DUMP).read_text(encoding="utf-8"))
        interpreter = interpreter_path(read_build(cpython / "build"))
        plain |= {"build_options": facts["build_options"], "python_exe": interpreter}
    absent = "nothing is described that cannot be asked"
    return Subject(top, tree_members(work), Description(plain=plain, absent=absent, installation=True), target)


def _dependencies(subject: Subject, build: BuildFacts) -> list[Path]:
    """Return the static libraries that are not CPython's own."""
    return [path for path in sorted((subject.top / _LIBRARIES).glob("*.a")) if path.name != Path(build.library).name]


@check("cross-objects", "every object is for macOS, and for none newer than the target's oldest")
def objects(subject: Subject) -> Iterator[str]:
    """Each object says which macOS it was compiled for (LC_BUILD_VERSION): the deployment target, so that what the
    headers offer is what that system has, or calls what may be missing weakly. Assembler that is compiled without this
    says nothing, and is counted.
    """
    rules = subject.target.darwin
    if rules is None:
        raise DistributionError(f"{subject.target.triple} is not macOS'")
    silent = total = bitcode = 0
    for path in sorted(subject.top.rglob("*.[ao]")):
        data, name = path.read_bytes(), path.relative_to(subject.top).as_posix()
        members = [(name, memoryview(data))] if path.suffix == ".o" else library_members(data, name)
        for member, content in members:
            where = name if member == name else f"{name}({member})"
            if bytes(content[:4]) in BITCODE_MAGICS:
                total, bitcode = total + 1, bitcode + 1
                yield from _bitcode_findings(bytes(content), where, rules.minimum_os)
                continue
            if not is_macho_content(bytes(content[:8])):
                yield f"{where}: no Mach-O object"
                continue
            for part in read_slices(bytes(content), where):
                total += 1
                oldest = rules.minimum_os.get(part.arch, "")
                if part.kind != OBJECT or not oldest:
                    yield f"{where}: Mach-O type {part.kind} for {part.arch}"
                elif not part.platform:
                    silent += 1
                elif part.platform != "macOS" or os_version(part.minimum_os) > os_version(oldest):
                    yield f"{where}: is for {part.platform} {part.minimum_os}, the target's oldest is {oldest}"
    if not total:
        yield "there are no objects"
    if total and bool(bitcode) != ("lto" in str(subject.description.plain.get("build_options", ""))):
        yield f"{bitcode} objects are LLVM bitcode, which those of CPython are with lto, and only then"
    yield Remark(f"{total} objects, {bitcode} of them LLVM bitcode, {silent} do not say for which macOS they are")


def _bitcode_findings(content: bytes, where: str, minimum_os: Mapping[str, str]) -> Iterator[str]:
    """Compare the triple that bitcode is for with the target."""
    found = read_bitcode(content, where)
    system, version = found.oldest_system
    oldest = minimum_os.get(found.arch, "")
    if not oldest or system != "macosx" or os_version(version) > os_version(oldest):
        yield f"{where}: LLVM bitcode for {found.triple}, the target's oldest is {oldest or ', '.join(minimum_os)}"


@check("cross-build", "CPython's build is whole: each of its modules was compiled, and is in the inittab")
def build(subject: Subject) -> Iterator[str]:
    """What configure and make left is read back as for a distribution: every object is there, the modules that are
    builtin make up the inittab, and every library of a link line is the system's, CPython's own or a dependency's.
    """
    facts = subject.build
    own = {path.name for path in _dependencies(subject, facts)}
    for name, extension in facts.extensions.items():
        for link in extension.links:
            if not (link.archive or link.framework or f"lib{link.name}.a" in own or link.name in _SYSTEM):
                yield f"{name}: is linked with {link.name}, which is neither the system's nor a dependency's"
    kinds = [extension.linkage for extension in facts.extensions.values()]
    yield Remark(
        f"CPython {facts.version}: {len(facts.core_objects)} objects of the core, {kinds.count('builtin')} "
        f"modules in the interpreter, {kinds.count('shared')} shared"
    )


#: What link lines call the libraries that every macOS has. All but ncurses and panel are names of libSystem.
_SYSTEM = ("c", "dl", "m", "ncurses", "panel", "pthread")


@check("cross-exports", "no symbol of a dependency is exported by the interpreter or libpython")
def exports(subject: Subject) -> Iterator[str]:
    """What ``macho-exports`` looks at in distributions, by the libraries themselves: there is no description yet."""
    facts = subject.build
    names = {*facts.core_objects, *(item for extension in facts.extensions.values() for item in extension.objects)}
    mine = {symbol for name in names for symbol in object_symbols(subject.top / "build" / name).defined}
    owners = {symbol: path.name for path in _dependencies(subject, facts)
              for _, symbols in library_symbols(path) for symbol in symbols.defined - mine}  # fmt: skip
    if not owners:
        yield "the dependencies' libraries define no symbol"
    for file in subject.macho_files:
        for name, part in file.named_slices():
            wrong = sorted(part.exported & owners.keys())
            yield from (f"{name}: exports {symbol} of {owners[symbol]}" for symbol in wrong)
    yield Remark(f"{len(owners)} symbols of dependencies, {len(mine)} of CPython")


CHECKS: tuple[Check, ...] = (objects, build, exports, *(item for item in macho.CHECKS if item is not macho.exports))
