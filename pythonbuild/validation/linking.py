"""Resolves symbols as a linker does, from symbol tables alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from pathlib import Path

from pythonbuild.config.model import Target
from pythonbuild.distribution.objectfile import Elf, ObjectSymbols, is_elf
from pythonbuild.distribution.python_json import LinkEntry
from pythonbuild.distribution.symbols import library_symbols, object_symbols
from pythonbuild.errors import DistributionError

#: Names that the linker itself defines in every program.
_LINKER = frozenset({
    "_GLOBAL_OFFSET_TABLE_", "_DYNAMIC", "__ehdr_start", "__executable_start", "__dso_handle", "__TMC_END__",
    "_end", "end", "_edata", "edata", "_etext", "etext", "__bss_start", "__rela_iplt_start", "__rela_iplt_end",
    "__preinit_array_start", "__preinit_array_end", "__init_array_start", "__init_array_end",
    "__fini_array_start", "__fini_array_end",
})  # fmt: skip
#: Static parts of the C library and of the compiler that every program is linked with.
_ALWAYS_STATIC = ("libc_nonshared.a", "libpthread_nonshared.a", "libgcc.a")

Members = list[tuple[str, ObjectSymbols]]


class SystemLibraries:
    """What the target's own libraries offer to a program that is linked against the sysroot."""

    def __init__(self, sysroot: Path, target: Target) -> None:
        self._sysroot = sysroot
        self._sonames = target.system_libraries

    @cached_property
    def _by_soname(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for path in sorted(self._sysroot.rglob("lib*.so*")) + sorted(self._sysroot.rglob("ld*.so*")):
            if path.is_symlink() or not path.is_file() or not is_elf(path):
                continue
            dynamic = Elf(path.read_bytes(), str(path)).dynamic()
            if dynamic is not None and dynamic.soname in self._sonames:
                found[dynamic.soname] = dynamic.linkable
        if not any(name.startswith("libc.") for name in found):
            raise DistributionError(f"{self._sysroot}: no C library", expected="libc.so.6 or libc.so somewhere below")
        return found

    @cached_property
    def always(self) -> frozenset[str]:
        """The C library and the compiler's own helpers: in reach of every object."""
        names = set(_LINKER)
        for soname, exported in self._by_soname.items():
            if soname.startswith(("libc.", "ld-", "ld64")):
                names |= exported
        for file in _ALWAYS_STATIC:
            for path in self._sysroot.rglob(file):
                names.update(*(symbols.defined for _, symbols in library_symbols(path)))
        for path in self._sysroot.rglob("crt[1in].o"):
            names |= object_symbols(path).defined
        return frozenset(names)

    def library(self, name: str) -> frozenset[str]:
        """Return what ``-l<name>`` offers; nothing if the target has no such library."""
        return next((names for soname, names in self._by_soname.items() if soname.startswith(f"lib{name}.so")),
                    frozenset())  # fmt: skip


class Resolver:
    """Resolves the undefined names of a set of objects; keeps the indices of the static libraries between calls.

    ``shared`` is what shared libraries that are no part of the target's systems offer, by the names that links have.
    """

    def __init__(self, members: Callable[[str], Members], system: SystemLibraries,
                 shared: Mapping[str, frozenset[str]]) -> None:  # fmt: skip
        self._shared = shared
        self._members = members
        self._system = system
        self._indices: dict[str, dict[str, tuple[str, ObjectSymbols]]] = {}

    def _index(self, path: str) -> dict[str, tuple[str, ObjectSymbols]]:
        """Return which member of a static library defines a name (the first one, as linkers take it)."""
        if path not in self._indices:
            index: dict[str, tuple[str, ObjectSymbols]] = {}
            for member, symbols in self._members(path):
                for name in symbols.defined:
                    index.setdefault(name, (f"{path}({member})", symbols))
            self._indices[path] = index
        return self._indices[path]

    def unresolved(self, objects: Iterable[ObjectSymbols], given: Collection[str],
                   links: Iterable[LinkEntry]) -> dict[str, str]:  # fmt: skip
        """Return the names that nothing defines, each with the library member that uses it ("" for the objects).

        ``given`` are names that stand anyway. Members that are pulled in bring undefined names of their own.
        """
        objects, links = list(objects), list(links)
        indices = [self._index(link.path_static) for link in links if link.path_static]
        system = [self._system.always]
        system += [self._system.library(link.name) for link in links if link.system and not link.framework]
        system += [self._shared[link.name] for link in links if link.name in self._shared]
        defined = set().union(*(item.defined for item in objects))
        pending = {name: "" for item in objects for name in item.undefined}
        seen: set[str] = set()
        missing: dict[str, str] = {}
        while pending:
            name, user = pending.popitem()
            if name in seen:
                continue
            seen.add(name)
            if name in defined or name in given:
                continue
            member = next((index[name] for index in indices if name in index), None)
            if member is not None:
                defined |= member[1].defined
                pending |= {wanted: member[0] for wanted in member[1].undefined if wanted not in seen}
            elif not any(name in names for names in system) and not name.startswith(("__start_", "__stop_")):
                missing[name] = user
        return missing
