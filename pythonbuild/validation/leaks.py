"""Checks that nothing in an archive tells where, and by which programs, it was built.

Steps run at fixed paths (``/tools``, ``/build``, ``/out``, ``/recipe``, ``/sources``; prefix ``/install``), on Windows
and macOS below the cache directory (``work/<step>-<digits>``), so such a path is hardly a secret; but a program that
looks for its files at a path of the build finds nothing there, or what somebody else has put there, and a setting that
names our compiler does not work on the machine of whoever reads it.

A path counts where one begins: ``/usr/build`` is none, ``-I/tools/deps`` is. What is in the archive for a reason stands
in a table with that reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pythonbuild.distribution.objectfile import ELF_MAGIC
from pythonbuild.validation.checks import Subject, check

# It begins with a plain character: so the search runs at the speed of memory. What stands before it is looked at later.
_PATH = re.compile(rb"/(?:tools|build|out|recipe|sources|install)(?![\w.\-])[\w./+\-]*")
#: Where steps run on the machine itself: below the cache, in a directory with the step's name and some digits.
_WORK = re.compile(rb"[\\/]work[\\/][\w.+\-]{1,80}-[0-9a-f]{12}[\\/][\w./\\+\-]{0,200}")
#: What Microsoft's compiler puts directories into that no flag of its keeps out: debug information, beside programs and
#: in objects.
_DEBUGGED = (".pdb", ".obj", ".lib")
#: Bytes after which a slash goes on with a path, a word or a variable.
_INSIDE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/})~*%<\\")
_OPTIONS = (b"-I", b"-L", b"-B")
#: Marshalled texts of less than 256 characters: a letter of these, the length, the text.
_SHORT_TEXTS = b"zZ\xfa\xda"


@dataclass(frozen=True)
class _Allowed:
    """Names that files may hold: patterns of the path below ``python/`` and of the name, and why."""

    files: str
    names: bytes
    reason: str


_ALLOWED = (
    _Allowed(r"build/(Makefile|cpython-build\.json)", rb".*",
             "records of CPython's own build, kept as they were; nothing is run or linked by them"),
    _Allowed(r".*\.pyc", rb"/install/lib/python[\w./+\-]*\.py[\w./+\-]{0,4}",
             "names of the sources, and a marshalled reference: the import system puts the real names in their place"),
    _Allowed(r"install/lib/python[\d.]+t?/(__pycache__/)?_sysconfigdata_.*\.pyc?", rb"/install[\w./+\-]*",
             "stands for the tree's own directory, which is put in its place at the import"),
    _Allowed(r"PYTHON\.json", rb"/install[\w./+\-]*",
             "stands for the tree's own directory in what the interpreter says of itself"),
    _Allowed(r"build/(Modules/getpath\.o|lib/libpython.*\.a)|install/(bin/python[\d.]*t?d?|lib/libpython.*)",
             rb"/install",
             "the prefix that configure wants; getpath takes it when a tree holds no standard library at all"),
)  # fmt: skip


def _leaks(subject: Subject, wanted: Callable[[str, Path], bool]) -> Iterator[str]:
    """Yield a finding for each file that names what it must not."""
    subject.require_ours("where another builder builds is not known")
    compiler = re.compile(rb"%s-(?:clang|gcc|g\+\+)[+\w.\-]*" % re.escape(subject.target.triple.encode()))
    above = "install/" if subject.install == subject.top else ""  # an archive of the installation alone
    for path in sorted(subject.top.rglob("*")):
        name = above + path.relative_to(subject.top).as_posix()
        if path.is_symlink() or not path.is_file() or not wanted(name, path):
            continue
        if path.suffix in _DEBUGGED:
            continue
        data = path.read_bytes()
        found = dict.fromkeys(match.group() for match in _PATH.finditer(data) if _begins(data, match, path.suffix))
        found |= dict.fromkeys(match.group() for pattern in (compiler, _WORK) for match in pattern.finditer(data))
        allowed = [item for item in _ALLOWED if re.fullmatch(item.files, name)]
        left = [text for text in found if not any(re.fullmatch(item.names, text) for item in allowed)]
        if left:
            more = f" and {len(left) - 3} more" if len(left) > 3 else ""
            names = ", ".join(text.decode("utf-8", "replace") for text in left[:3])
            yield f"{name.removeprefix(above)}: names {names}{more}"


def _begins(data: bytes, match: re.Match[bytes], suffix: str) -> bool:
    """Tell whether a path begins where the match does."""
    start = match.start()
    if start == 0 or data[start - 1] not in _INSIDE or data[max(start - 2, 0) : start] in _OPTIONS:
        return True
    # In bytecode the byte before a text is its length, which may look like a letter.
    return suffix == ".pyc" and start > 1 and data[start - 2] in _SHORT_TEXTS and data[start - 1] >= len(match.group())


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == ELF_MAGIC


def _is_object(name: str) -> bool:
    return name.endswith((".o", ".a"))


@check("leaks-binaries", "no installed program or library names a path of the build, or our compiler")
def binaries(subject: Subject) -> Iterator[str]:
    """All bytes of the ELF files of ``install`` are searched: texts, debug information, file names of assertions.

    Where a library has the path of its own data compiled in, its recipe has to give it one that users have
    (``/etc/ssl``) or that is found relative to the tree; file names are shortened by ``-ffile-prefix-map``.
    """
    yield from _leaks(
        subject, lambda name, path: name.startswith("install/") and not _is_object(name) and _is_elf(path)
    )


@check("leaks-text", "no other installed file does")
def text(subject: Subject) -> Iterator[str]:
    """All other files of ``install`` and ``licenses`` are searched: scripts, sysconfig's data, Makefile, pkg-config
    files, headers, bytecode. ``relocate.py`` of the recipe is where they are put right. Debug information for Windows
    (``.pdb``) is left in peace: it names objects by their directories.
    """
    yield from _leaks(subject, lambda name, path: name.startswith(("install/", "licenses/")) and not _is_object(name)
                      and not _is_elf(path))  # fmt: skip


@check("leaks-objects", "no object and no static library does")
def objects(subject: Subject) -> Iterator[str]:
    """All objects and static libraries are searched: whoever links them again has in the result what is in them."""
    yield from _leaks(subject, lambda name, _: _is_object(name))


@check("leaks-metadata", "no description of the build does")
def metadata(subject: Subject) -> Iterator[str]:
    """PYTHON.json and the text files of ``build`` are searched. ``build/cpython-build.json`` and ``build/Makefile`` are
    records of what CPython's own build was told, and may say so.
    """
    yield from _leaks(subject, lambda name, _: not name.startswith(("install/", "licenses/")) and not _is_object(name))


CHECKS = (binaries, text, objects, metadata)
