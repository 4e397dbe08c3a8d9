"""``relink``: an archive's interpreter with other extension modules, from the archive and a C compiler alone.

    archive ──► unpack ──► choose ──► link ──► try ──► describe ──► remove ──► check ──► pack
                         (modules)  (inittab, (every  (PYTHON.json) (what has
                                     program,  import)               no use)
                                     libpython)

Everything happens in a directory of its own; the output directory sees the finished archive or nothing. What is known
of the archive is what PYTHON.json says: so this is also the proof that it says enough.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pythonbuild import host
from pythonbuild.config.model import Target
from pythonbuild.config.request import Request
from pythonbuild.config.targets import find_target
from pythonbuild.distribution import relink_darwin, relink_link, sbom_text
from pythonbuild.distribution.archive import METADATA, TOP, Packed, pack, read_members, read_metadata, unpack
from pythonbuild.distribution.assemble import place_tree
from pythonbuild.distribution.binaries import crt_features
from pythonbuild.distribution.later_json import read_any_format
from pythonbuild.distribution.link_choices import SHIPPED, read_choices, still_linked, write_choices
from pythonbuild.distribution.origins import files
from pythonbuild.distribution.output import output_directory
from pythonbuild.distribution.relink_choice import Choice, Wishes, choose
from pythonbuild.distribution.relink_files import (
    installed_tables,
    named_files,
    place_additions,
    remove_unused,
    write_record,
)
from pythonbuild.distribution.relink_forms import Made, read_relinkable, rewrite
from pythonbuild.distribution.relink_link import Linked
from pythonbuild.distribution.relink_tools import Compiler, ProcessCompiler, find_command, machine_compiler
from pythonbuild.distribution.relink_trial import try_out
from pythonbuild.distribution.relinkable import ELF, MACH_O, Relinkable
from pythonbuild.engine.events import EventSink, Note, Published
from pythonbuild.engine.workdir import WorkDirectory
from pythonbuild.environments.base import Command, Mount
from pythonbuild.errors import MachineError, UsageError, ValidationError
from pythonbuild.provisions import Provisions, provisions
from pythonbuild.validation.room import runs_here
from pythonbuild.validation.validate import validate

#: The word for the compiler that distributions are built with.
PINNED = "pinned"
_WORK, _TOOLS = "/build", "/tools"
_LINKERS: Mapping[str, Callable[[Relinkable, Compiler, Collection[str]], Linked]] = {
    ELF: relink_link.link,
    MACH_O: relink_darwin.link,
}


@dataclass(frozen=True)
class Relinked:
    """What came of it. ``sizes`` are those of interpreter and libpython together, before and after."""

    packed: Packed
    choice: Choice
    files: tuple[str, ...]
    sizes: tuple[int, int]
    compiler: str
    libc_floor: str

    def lines(self) -> list[str]:
        """Return what to tell, as text."""
        before, after = (size / 1e6 for size in self.sizes)
        added = [addition.name for addition in self.choice.added]
        libraries = [Path(path).name for path in self.files if path.startswith(("build/lib/", f"{SHIPPED}/lib"))]
        rows = [("left out", ", ".join(self.choice.removed)), ("added", ", ".join(added)),
                ("libraries that go with it", ", ".join(libraries)),
                ("interpreter and libpython", f"{after:.1f} MB, were {before:.1f} MB"),
                ("linked by", self.compiler), ("needs glibc", f"{self.libc_floor} or newer" if self.libc_floor else ""),
                ("archive", str(self.packed.path))]  # fmt: skip
        return [f"{what}: {value}" for what, value in rows if value]

    def as_json(self) -> dict[str, object]:
        """Return plain data for ``--json``."""
        return {
            "path": str(self.packed.path), "size": self.packed.size, "sha256": self.packed.sha256,
            "removed": list(self.choice.removed), "added": [addition.name for addition in self.choice.added],
            "removed_files": list(self.files), "size_before": self.sizes[0], "size_after": self.sizes[1],
            "compiler": self.compiler, "libc_floor": self.libc_floor,
        }  # fmt: skip


def relink(request: Request, archive: Path, wishes: Wishes, command: str, sink: EventSink) -> Relinked:
    """Link an archive's interpreter again and put the new archive into the output directory.

    ``command`` is the compiler's: a command of this machine, "pinned", or "" for this machine's own if it has one.
    Raises UsageError, ArchiveError, JsonFormatError, RelinkError, CompilerError, ValidationError.
    """
    if not archive.is_file():
        raise UsageError(f"relink: no such file {archive}")
    text = read_metadata(archive)
    old = read_relinkable(text, f"{archive}: {METADATA}")
    with provisions(request, sink) as provided:
        work = WorkDirectory(request.cache / "work", "relink")
        try:
            return _relink(provided, _Archive(archive, text, old), wishes, command, work.subdirectory("build"), sink)
        finally:
            work.close()


@dataclass(frozen=True)
class _Archive:
    path: Path
    text: str
    described: Relinkable


def _relink(
    provided: Provisions, archive: _Archive, wishes: Wishes, command: str, directory: Path, sink: EventSink
) -> Relinked:  # fmt: skip
    old, top = archive.described, directory / TOP
    unpack(archive.path, directory)
    choices = read_choices(top / "install")
    sonames = {word: soname for item in choices.values() for word, soname in item.libraries.items()}
    old = old.with_sonames(sonames)
    choice = choose(old, wishes, top)
    compiler = _compiler(provided, command, directory, old, sink)
    before, tables = _size(top, old), installed_tables(top, old)
    place_additions(top, choice)
    linked = _LINKERS[old.object_format](choice.wanted, compiler, sonames.values())
    for table in tables:
        table.write_bytes((top / old.inittab_source).read_bytes())
    target = provided.project.known_targets.get(old.triple)
    why_not = runs_here(target) if target else ""
    if why_not:
        sink(Note(f"the new interpreter was not started: {why_not}", "warning"))
    else:
        try_out(choice, compiler)
    made = Made(choice, compiler.version, linked.glibc, crt_features(top / "install"), archive.path.name,
                _sha256(archive.path))  # fmt: skip
    new = rewrite(archive.text, made)
    (top / "PYTHON.json").write_text(new, encoding="utf-8", newline="\n")
    write_record(top, made.record())
    write_choices(top, old.stdlib, still_linked(choices, read_any_format(new)))
    removed = remove_unused(top, old, choice, named_files(archive.text), named_files(new))
    _tell_sbom(top, old, compiler.version)
    _check(directory, target, archive.path)
    out = _output(provided.request.output, choice.wanted, top)
    with output_directory(out.parent):
        packed = pack(directory, out, _time(archive.path), threads=provided.request.jobs, quick=True)
    sink(Published(packed.path, packed.size, packed.sha256))
    floor = read_relinkable(new, METADATA).libc_floor or linked.glibc
    return Relinked(packed, choice, tuple(removed), (before, _size(top, old)), compiler.version, floor)


def _tell_sbom(top: Path, old: Relinkable, compiler: str) -> None:
    """Bring the SBOM, if there is one, up to date with the files."""
    path = top / sbom_text.NAME
    if path.is_file():
        there, programs = set(files(top)), {old.interpreter, old.shared_library}
        path.write_text(
            sbom_text.relinked(path.read_text("utf-8"), there, programs, compiler), encoding="utf-8", newline="\n"
        )


def _compiler(provided: Provisions, command: str, directory: Path, old: Relinkable, sink: EventSink) -> Compiler:
    command, triple = command or find_command(), old.triple
    if old.object_format != ELF and command in ("", PINNED):
        raise _no_compiler(command)
    if not command:
        sink(Note("this machine has no C compiler: the pinned one links"))
    if command in ("", PINNED):
        return _pinned_compiler(provided, directory, triple)
    return machine_compiler(command, directory)


def _no_compiler(command: str) -> Exception:
    """Return the error for an archive of macOS, which no compiler of a root filesystem links."""
    if command:
        return UsageError("--cc: pinned is the compiler of distributions for Linux", expected="a compiler for macOS")
    advice = "install Apple's Command Line Tools: xcode-select --install" if host.MACOS else "name one with --cc"
    return MachineError("relink: this machine has no C compiler", advice=advice)


class _PinnedCompiler(ProcessCompiler):
    """Its sysroot is of the target's oldest C library."""

    newer = False


def _pinned_compiler(provided: Provisions, directory: Path, triple: str) -> Compiler:
    """Return the compiler that distributions are built with, in its root filesystem."""
    target = find_target(provided.project.targets, triple)
    digests = provided.made(triple, ["sysroot", "toolchain", "root"])
    tools = directory.parent / "tools"
    for step in ("sysroot", "toolchain"):
        place_tree(provided.tree(digests[step]) / "tools", tools)
    mounts = (Mount(directory, _WORK, writable=True), Mount(tools, _TOOLS))

    def start(argv: Sequence[str]) -> tuple[int, list[str]]:
        lines: list[str] = []
        program = f"{_WORK}/{argv[0]}" if (directory / argv[0]).is_file() else argv[0]
        status = provided.environment.run(
            Command((program, *argv[1:]), {**target.environment, "LC_ALL": "C.UTF-8"}, _WORK, mounts,
                    provided.tree(digests["root"]), digests["root"], "relink"),
            on_line=lines.append,
        )  # fmt: skip
        return status, lines

    return _PinnedCompiler([target.environment["CC"]], directory, start)


def _check(directory: Path, target: Target | None, archive: Path) -> None:
    """Run every check that needs no more than the files. Raises ValidationError."""
    failed = validate(directory, target).failed if target is not None else ()
    if failed:
        raise ValidationError(f"{archive.name}, linked again: failed {', '.join(result.id for result in failed)}",
                              found=failed[0].findings[0])  # fmt: skip


def _output(output: Path, wanted: Relinkable, top: Path) -> Path:
    """Return where the new archive goes: its name tells what is in it, as those of builds do."""
    digest = hashlib.sha256()
    for path in ("PYTHON.json", wanted.interpreter, wanted.shared_library, wanted.static_library):
        if path:
            digest.update((top / path).read_bytes())
    name = f"cpython-{wanted.version}-{wanted.triple}-{wanted.options}-relinked-{digest.hexdigest()[:12]}.tar.zst"
    return output / name


def _time(archive: Path) -> int:
    """Return the time that an archive's members have: that of the source."""
    members = read_members(archive)
    try:
        return int(next(members).info.mtime)
    finally:
        members.close()


def _size(top: Path, described: Relinkable) -> int:
    paths = (described.interpreter, described.shared_library)
    return sum((top / path).stat().st_size for path in paths if path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
