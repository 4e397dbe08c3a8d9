"""Which extension modules an interpreter is to have: what was asked for, compared with what can be done.

What a module needs of another one shows in two ways. A symbol that only the other's objects define is seen here, before
anything is linked; an import at run time (``_elementtree`` asks ``pyexpat``) is seen when the new interpreter imports
every module that it has.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pythonbuild.cpython.leaving_out import did_you_mean, why_indispensable
from pythonbuild.distribution.objectfile import ObjectSymbols, is_bitcode
from pythonbuild.distribution.relink_objects import is_object, machine_of
from pythonbuild.distribution.relinkable import Library, Module, Relinkable
from pythonbuild.distribution.symbols import library_symbols, object_symbols
from pythonbuild.errors import DistributionError, UsageError

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_FUNCTION = re.compile(r"[A-Za-z_]\w*", re.ASCII)
#: Where the archive has the objects of modules that were added.
ADDED = "build/added"


class RelinkError(DistributionError):
    """What was asked for cannot be linked."""

    reason = "relink"


@dataclass(frozen=True)
class Addition:
    """An extension module of one's own: its objects, static libraries, and libraries of the target's systems."""

    name: str
    init_fn: str
    objects: tuple[Path, ...]
    archives: tuple[Path, ...] = ()
    system: tuple[str, ...] = ()

    def paths(self) -> dict[Path, str]:
        """Return where each file lies in the archive."""
        return {path: f"{ADDED}/{self.name}/{path.name}" for path in (*self.objects, *self.archives)}


@dataclass(frozen=True)
class Wishes:
    """What to change. ``only`` names what is kept besides what the interpreter cannot do without; None: everything."""

    without: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    add: tuple[Addition, ...] = ()


@dataclass(frozen=True)
class Choice:
    """The interpreter that is to be linked, and how it differs from the old one."""

    wanted: Relinkable
    removed: tuple[str, ...]
    added: tuple[Addition, ...]


def parse_addition(text: str) -> Addition:
    """Read ``NAME[:INIT_FUNCTION]=FILE.o[,FILE.o][,FILE.a][,-lNAME]``. Raises UsageError."""
    expected = "NAME=FILE.o,… or NAME:INIT_FUNCTION=FILE.o,…, also with FILE.a and -lNAME"
    what, equals, files = text.partition("=")
    name, colon, function = what.partition(":")
    function = function if colon else f"PyInit_{name.rpartition('.')[2]}"
    words = [word for word in files.split(",") if word]
    if not (equals and words and _NAME.fullmatch(name) and _FUNCTION.fullmatch(function)):
        raise UsageError("--add: not an extension module and its files", found=repr(text), expected=expected)
    objects, archives, system = [], [], []
    for word in words:
        if word.startswith("-l") and len(word) > 2:
            system.append(word[2:])
        elif word.endswith(".o"):
            objects.append(Path(word))
        elif word.endswith(".a"):
            archives.append(Path(word))
        else:
            raise UsageError(f"--add: {name}", found=repr(word), expected="objects (.o), static libraries (.a), -lNAME")
    if not objects:
        raise UsageError(f"--add: {name} has no object file", expected=expected)
    for path in (*objects, *archives):
        if not path.is_file():
            raise UsageError(f"--add: {name}: no such file {path}")
    names = [path.name for path in (*objects, *archives)]
    if len(set(names)) < len(names):
        raise UsageError(f"--add: {name}: two files of one name", found=", ".join(sorted(names)))
    return Addition(name, function, tuple(objects), tuple(archives), tuple(system))


def choose(old: Relinkable, wishes: Wishes, top: Path) -> Choice:
    """Return what is to be linked. Raises UsageError and RelinkError: nothing to do, an unknown module, one that the
    interpreter or another module cannot do without, an addition that does not fit. ``top`` holds the old one's files.
    """
    if not (wishes.without or wishes.add or wishes.only is not None):
        raise UsageError("relink: nothing to change", expected="--without, --only or --add")
    if wishes.without and wishes.only is not None:
        raise UsageError("--without and --only exclude each other", advice="give one of them")
    unwanted = _unwanted(old, wishes)
    kept = {name: module for name, module in old.modules.items() if name not in unwanted}
    symbols = _Symbols(top)
    _refuse_needed(old, kept, unwanted, symbols)
    machine = machine_of(top / old.interpreter)
    for addition in wishes.add:
        _check_addition(addition, old, kept, machine)
        kept[addition.name] = _module(addition)
    return Choice(replace(old, modules=dict(sorted(kept.items()))), tuple(sorted(unwanted)), wishes.add)


def _unwanted(old: Relinkable, wishes: Wishes) -> set[str]:
    """Return the modules that are left out."""
    if wishes.only is not None:
        _refuse_unknown("--only", wishes.only, old.modules)
        return {name for name, module in old.modules.items() if name not in wishes.only and not module.indispensable}
    _refuse_unknown("--without", wishes.without, old.modules)
    for name in wishes.without:
        module = old.modules[name]
        if why := why_indispensable(in_core=module.in_core, required=module.required):
            raise RelinkError(f"--without: {name} cannot be left out", found=why)
    return set(wishes.without)


def _refuse_unknown(flag: str, names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise UsageError(f"{flag}: the archive has no extension module {name}",
                             advice=did_you_mean(name, known, "inspect tells which it has"))  # fmt: skip


class _Symbols:
    """The names of objects and static libraries, each file read once."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._read: dict[str, ObjectSymbols] = {}

    def of(self, paths: Iterable[str]) -> list[ObjectSymbols]:
        return [self._one(path) for path in paths]

    def _one(self, path: str) -> ObjectSymbols:
        if path not in self._read:
            file = self._top / path
            if not file.is_file():
                raise RelinkError(f"PYTHON.json names {path}", found="no such file in the archive")
            # Of bitcode nothing can be known; the linker will.
            self._read[path] = ObjectSymbols(frozenset(), frozenset()) if is_bitcode(file) else object_symbols(file)
        return self._read[path]

    def defined(self, paths: Iterable[str]) -> set[str]:
        return set().union(*(item.defined for item in self.of(paths)))

    def undefined(self, paths: Iterable[str]) -> set[str]:
        return set().union(*(item.undefined for item in self.of(paths)))


def _refuse_needed(old: Relinkable, kept: Mapping[str, Module], unwanted: Collection[str], symbols: _Symbols) -> None:
    """Refuse to leave out a module whose functions are called by the core or by a module that stays."""
    modules = [old.modules[name] for name in sorted(unwanted)]
    gone = {name: module.name for module in modules for name in symbols.defined(module.objects)}
    staying = {"the interpreter itself": old.objects, **{name: module.objects for name, module in kept.items()}}
    # The inittab, which is written anew, is what names the init functions.
    staying["the interpreter itself"] = tuple(path for path in old.objects if path != old.inittab_object)
    there = set().union(*(symbols.defined(paths) for paths in staying.values()))
    for user, paths in staying.items():
        for symbol in sorted(symbols.undefined(paths) & gone.keys() - there):
            advice = "" if user not in kept else f"leave {user} out, too"
            raise RelinkError(f"{gone[symbol]} cannot be left out", found=f"{user} calls its {symbol}", advice=advice)


def _check_addition(addition: Addition, old: Relinkable, kept: Collection[str], machine: str) -> None:
    name = addition.name
    if name in kept:
        fixed = name in old.modules and old.modules[name].indispensable
        advice = "give yours another name" if fixed else f"replace it with --without {name}"
        raise RelinkError(f"--add: there is an extension module {name} already", advice=advice)
    defined: set[str] = set()
    for path in addition.objects:
        if is_object(path):
            found = machine_of(path)
            if found != machine:
                raise RelinkError(f"--add: {path}", found=f"an object for {found}",
                                  expected=f"{machine}, as the archive's are ({old.triple})")  # fmt: skip
            defined |= object_symbols(path).defined
        elif not is_bitcode(path):
            raise RelinkError(f"--add: {path}", found="a file that is no object", expected="what a compiler's -c makes")
    if addition.init_fn not in defined and not any(map(is_bitcode, addition.objects)):
        raise RelinkError(f"--add: {name}: no object defines its init function {addition.init_fn}",
                          advice=f"name another one with --add {name}:INIT_FUNCTION=…")  # fmt: skip
    for path in addition.archives:
        library_symbols(path)  # raises for what is no static library
    for library in addition.system:
        if f"lib{library}" not in old.system_stems():
            raise RelinkError(f"--add: {name}: lib{library} is no library that every system of the target has",
                              expected=f"one of {', '.join(sorted(old.system_stems()))}",
                              advice=f"give its static library lib{library}.a")  # fmt: skip


def _module(addition: Addition) -> Module:
    paths = addition.paths()
    archives = [Library(path.name.removeprefix("lib").removesuffix(".a"), paths[path]) for path in addition.archives]
    system = [Library(name) for name in addition.system]
    return Module(addition.name, addition.init_fn, tuple(paths[path] for path in addition.objects),
                  (*archives, *system))  # fmt: skip
