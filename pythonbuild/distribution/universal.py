"""Makes one installation for both processors of macOS (universal2) out of one for each.

Both have the same files. What has machine code becomes one file with a slice for each processor. Text that is the same
stays; a C header that differs asks the compiler for its processor, the Makefile and the module with sysconfig's
variables the machine that they are used on; comments are kept from both. Data that cannot ask is left out, as it would
be wrong on one of them. Anything else that differs is refused by name.

Archives of the installation alone are united. Objects to link again with, and their description, are each processor's
own, and stay in the full archives of these.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path, PurePosixPath

from pythonbuild.distribution.archive import ArchiveError, Packed, pack, read_members, unpack
from pythonbuild.distribution.fatfile import is_joinable, join
from pythonbuild.distribution.names import ArchiveName, read_name
from pythonbuild.distribution.output import output_directory
from pythonbuild.engine.trees import scan
from pythonbuild.errors import DistributionError

#: The triples whose installations are united, in the order of their slices, and the one of both.
PARTS = ("x86_64-apple-darwin", "aarch64-apple-darwin")
WHOLE = "universal2-apple-darwin"
_DATA = "_sysconfigdata_"
#: What tells of one interpreter for programs that do not start it, since 3.14.
_TOLD = ("_sysconfig_vars_*.json", "build-details.json")


@dataclass
class United:
    """The files that differed: joined slice by slice, made to ask for the processor, with the comments of both, and
    left out; as in the trees."""

    joined: list[str] = field(default_factory=list)
    asking: list[str] = field(default_factory=list)
    commented: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def unite(archives: Sequence[Path], output: Path, *, threads: int = 0) -> tuple[Packed, United]:
    """Write the archive for both processors into the directory ``output``; the two archives may come in any order.

    Raises ArchiveError for archives that are not two of the same kind and version, DistributionError for files that
    cannot be united, OutputError. Nothing is left in ``output`` then.
    """
    named = _parts(archives)
    with output_directory(output), tempfile.TemporaryDirectory(dir=output, prefix=".universal2-") as work:
        trees = {triple: Path(work) / triple for triple in PARTS}
        for triple, (_name, path) in named.items():
            unpack(path, trees[triple])
        whole = Path(work) / "whole"
        united = unite_trees(trees, whole)
        path = output / str(replace(named[PARTS[0]][0], triple=WHOLE))
        mtime = max(_newest(path) for _name, path in named.values())
        beside = Path(work) / path.name
        packed = pack(whole, beside, mtime, threads=threads, described=False)
        beside.replace(path)
    return replace(packed, path=path), united


def _parts(archives: Sequence[Path]) -> dict[str, tuple[ArchiveName, Path]]:
    """Return name and path of each processor's archive. Raises ArchiveError unless the names fit together."""
    named = {name.triple: (name, path) for path in archives for name in (read_name(path.name),)}
    expected = f"one archive of the installation alone for {PARTS[0]} and one for {PARTS[1]}"
    if named.keys() != set(PARTS) or len(archives) != len(PARTS):
        raise ArchiveError("universal2: not the two processors' archives",
                           found=", ".join(path.name for path in archives), expected=expected)  # fmt: skip
    if len({replace(name, triple="") for name, _path in named.values()}) > 1 or named[PARTS[0]][0].kind == "full":
        raise ArchiveError("universal2: archives that are not of a kind",
                           found=", ".join(path.name for path in archives),
                           expected=f"{expected}, of the same version, options and tag")  # fmt: skip
    return {triple: named[triple] for triple in PARTS}


def _newest(archive: Path) -> int:
    return max(int(member.info.mtime) for member in read_members(archive))


def unite_trees(trees: Mapping[str, Path], out: Path) -> United:
    """Write the tree of both into the directory ``out``; ``trees`` has the root of each of PARTS.

    Raises DistributionError naming the first file that only one has, or that differs and cannot be united.
    """
    first, second = (trees[triple] for triple in PARTS)
    entries, others = scan(first).entries, scan(second).entries
    if alone := sorted(entries.keys() ^ others.keys()):
        raise DistributionError(f"{alone[0]}: is in the installation for one processor only",
                                found=PARTS[0] if alone[0] in entries else PARTS[1],
                                advice="build both with the same version, options and flags")  # fmt: skip
    united = United()
    for path, entry in sorted(entries.items()):
        target = out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry == others[path]:
            _copy(first / path, target)
        elif entry.is_file and others[path].is_file:
            content = _united(path, (first / path).read_bytes(), (second / path).read_bytes(), united)
            if content is not None:
                target.write_bytes(content)
                target.chmod(0o755 if "x" in (entry.kind, others[path].kind) else 0o644)
        else:
            raise _differing(path, "one is no file, or links to another place")
    return united


def _copy(source: Path, target: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        target.mkdir(exist_ok=True)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def _united(path: str, first: bytes, second: bytes, united: United) -> bytes | None:
    """Return the content of a file that differs, None for one that is left out."""
    name = PurePosixPath(path)
    if is_joinable(first) and is_joinable(second):
        united.joined.append(path)
        return join([first, second], path)
    if name.suffix == ".h":
        united.asking.append(path)
        return b"#if defined(__x86_64__)\n" + _ended(first) + b"#else\n" + _ended(second) + b"#endif\n"
    if name.name.startswith(_DATA) and name.suffix == ".py":
        united.asking.append(path)
        return _by_machine(first, second)
    if name.name == "Makefile":
        united.asking.append(path)
        return b"ifeq ($(shell uname -m),x86_64)\n" + _ended(first) + b"else\n" + _ended(second) + b"endif\n"
    if name.name == "Setup.local" and (both := _with_comments_of_both(first, second)):
        united.commented.append(path)
        return both
    # The byte code of what is another module now, and data that cannot ask.
    if (name.name.startswith(_DATA) and name.suffix == ".pyc") or any(map(name.match, _TOLD)):
        united.left_out.append(path)
        return None
    raise _differing(path, "it is not known how to unite such files")


def _ended(text: bytes) -> bytes:
    return text if text.endswith(b"\n") else text + b"\n"


def _with_comments_of_both(first: bytes, second: bytes) -> bytes | None:
    """Return a text that is the same but for comments in the same lines, with both of these; None for others."""
    lines: list[bytes] = []
    for one, other in zip_longest(*(_ended(text).splitlines(keepends=True) for text in (first, second)), fillvalue=b""):
        if one != other and not (one.startswith(b"#") and other.startswith(b"#")):
            return None
        lines += [one] if one == other else [one, other]
    return b"".join(lines)


def _by_machine(first: bytes, second: bytes) -> bytes:
    """Return a module that is one of the two, as the processor is that runs it (under Rosetta x86_64, too)."""
    blocks = [_ended(text).decode("utf-8") for text in (first, second)]
    indented = ["".join(f"    {line}" if line.strip() else line for line in block.splitlines(keepends=True))
                for block in blocks]  # fmt: skip
    return f"import os\n\nif os.uname().machine == 'x86_64':\n{indented[0]}else:\n{indented[1]}".encode()


def _differing(path: str, why: str) -> DistributionError:
    return DistributionError(f"{path}: differs between the installations for the two processors", found=why)
