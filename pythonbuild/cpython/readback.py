"""CPython's build read back: what was linked, from which objects, with which libraries.

The cpython recipe leaves in its tree, under ``build/``, every object the interpreter, libpython and the extension
modules were linked from, at the place they had in CPython's own build directory, and ``build/cpython-build.json``: a
dump of what configure, makesetup and make really produced (the recipe's ``dump_build.py`` asks make itself to expand
the variables; nobody keeps lists by hand). :func:`read_build` turns that directory into a :class:`BuildFacts`:

    facts = read_build(tree / "build")
    facts.core_objects                       # ("Modules/config.o", …, "Programs/python.o"), relative to build/
    facts.core_links                         # (Link("dl"), Link("m"), …)
    facts.extensions["_ssl"].objects         # ("Modules/_ssl.o",)
    facts.extensions["_ssl"].links           # (Link("ssl"), Link("crypto"))
    facts.extensions["_sha2"].links          # (Link("Hacl_Hash_SHA2", "Modules/_hacl/libHacl_Hash_SHA2.a"),)
    facts.extensions["marshal"].in_core      # True: its code is among core_objects, it has no objects of its own
    facts.extensions["_testcapi"].linkage    # "shared"
    facts.inittab_source                     # "Modules/config.c"

Every path is relative to ``build/`` with forward slashes, and was checked to exist. Static libraries of the
dependencies are not in this tree: a :class:`Link` without a path names a library that the assembler looks for in the
dependencies' trees (``tools/deps/lib/lib<name>.a``), and takes for the target system's own when it is in none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Linkage = Literal["builtin", "shared"]


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
