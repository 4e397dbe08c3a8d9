"""What one build of CPython says about itself, whichever system it is for: the words that its readers answer with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Linkage = Literal["builtin", "shared"]

#: What the cpython recipe leaves of it, in ``build/``.
DUMP = "cpython-build.json"


@dataclass(frozen=True)
class Link:
    """One library of a link line.

    ``name`` is without ``lib`` and suffix. ``archive`` is the path (relative to ``build/``) of a static library that
    CPython built itself, "" for all others; ``framework`` marks macOS frameworks.
    """

    name: str
    archive: str = ""
    framework: bool = False


@dataclass(frozen=True)
class ExtensionFacts:
    """One extension module as it was built.

    ``init_fn`` is None for ``builtins`` and ``sys`` only, whose entries in the inittab hold NULL. ``in_core`` modules
    stand in config.c.in: their code is part of :attr:`BuildFacts.core_objects` and they have no objects of their own.
    ``bootstrap`` modules stand in Setup.bootstrap. ``shared_library`` is the path of a shared module's file relative
    to the standard library's ``lib-dynload`` directory, "" for builtin ones.
    """

    name: str
    linkage: Linkage
    init_fn: str | None
    in_core: bool
    bootstrap: bool
    objects: tuple[str, ...]
    links: tuple[Link, ...]
    shared_library: str = ""


@dataclass(frozen=True)
class BuildFacts:
    """All that one build of CPython says about itself; paths are relative to ``build/``.

    ``core_objects`` are the objects of the interpreter that belong to no extension module, ``Programs/python.o`` (the
    one with ``main``) included; ``inittab_object`` is one of them. ``core_links`` are the libraries the core needs.
    ``library`` is the static libpython (``lib/libpython3.13.a``): the core's objects less Programs/python.o, and the
    objects of every builtin extension. ``shared_library_name`` is the file name of the shared libpython, which is in
    the installation (``install/lib/``). ``archives`` maps each static library of CPython's own to its objects.
    ``variables`` are expanded variables of CPython's Makefile (CC, SOABI, EXT_SUFFIX, LDVERSION, …).
    ``main_object`` is the object with ``main``; ``program_ldflags`` and ``library_ldflags`` are what the Makefile gives
    the compiler to link the interpreter and the shared libpython, besides objects and libraries.
    """

    version: str
    core_objects: tuple[str, ...]
    core_links: tuple[Link, ...]
    extensions: Mapping[str, ExtensionFacts]
    inittab_source: str
    inittab_object: str
    inittab_cflags: tuple[str, ...]
    library: str
    shared_library_name: str
    archives: Mapping[str, tuple[str, ...]]
    variables: Mapping[str, str]
    main_object: str
    program_ldflags: tuple[str, ...]
    library_ldflags: tuple[str, ...]
