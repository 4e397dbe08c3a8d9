"""CPython's build read back: what was linked, from which objects, with which libraries.

The cpython recipe leaves in its tree, under ``build/``, every object the interpreter, libpython and the extension
modules were linked from, at the place they had in CPython's own build directory, and ``build/cpython-build.json``: a
dump of what configure, makesetup and make really produced (the recipe's ``build_facts.py`` asks make itself to expand
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

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pythonbuild.cpython.facts import DUMP, BuildFacts, ExtensionFacts, Link
from pythonbuild.cpython.setupfiles import parse_inittab
from pythonbuild.cpython.windows_readback import read_windows_build
from pythonbuild.errors import DistributionError

MAKEFILE = "Makefile"
FORMAT = 1
INITTAB_SOURCE = "Modules/config.c"
INITTAB_OBJECT = "Modules/config.o"


def read_build(directory: Path) -> BuildFacts:
    """Read what the cpython recipe left in ``build/``. Raises DistributionError when its parts do not fit together."""
    dump = _read_dump(directory / DUMP)
    if dump.get("system") == "windows":
        return read_windows_build(directory, dump)
    lists, texts = dump["lists"], dump["texts"]
    setup = dump["setup"]
    inittab = parse_inittab((directory / INITTAB_SOURCE).read_text(encoding="utf-8"))
    module_objects = set(lists["MODOBJS"])
    linker = _linker_variables(directory / MAKEFILE)
    both = linker["CONFIGURE_LDFLAGS_NODIST"]
    core_objects = tuple(sorted({*lists["LIBRARY_OBJS"], dump["main_object"]} - module_objects))
    extensions = {name: _core_extension(name, init_fn) for name, init_fn in inittab.items() if name in setup["core"]}
    for name, module in dump["modules"].items():
        extensions[name] = _extension(name, module, inittab, name in setup["bootstrap"], directory)
    facts = BuildFacts(
        version=dump["version"],
        core_objects=core_objects,
        core_links=parse_links([*lists["LIBS"], *lists["SYSLIBS"]], directory),
        extensions=dict(sorted(extensions.items())),
        inittab_source=INITTAB_SOURCE,
        inittab_object=INITTAB_OBJECT,
        inittab_cflags=tuple(word for word in lists["PY_CORE_CFLAGS"] if "/tools/" not in word),
        library=dump["library"],
        shared_library_name=texts["INSTSONAME"],
        archives={archive: tuple(members) for archive, members in sorted(dump["archives"].items())},
        variables=texts,
        main_object=dump["main_object"],
        program_ldflags=(*linker["LINKCC"][1:], *both, *texts["LINKFORSHARED"].split()),
        library_ldflags=(*texts["CC"].split()[1:], *_shared_flags(texts["INSTSONAME"]), *both),
    )
    _check(facts, inittab, module_objects, directory)
    return facts


def _shared_flags(file: str) -> tuple[str, ...]:
    """Return how the compiler is told to link a shared library that is called so."""
    if file.endswith(".dylib"):
        return ("-dynamiclib", f"-Wl,-install_name,@rpath/{file}")
    return ("-shared",)


#: Where CPython has macOS' linker leave what LTO made of a target of make: what others link is none.
_LTO_OBJECT = '-Wl,-object_path_lto,"$@".lto'


def _linker_variables(makefile: Path) -> dict[str, list[str]]:
    """Return the words of the variables that say how CPython links; the recipe sets them, so they hold no others."""
    try:
        text = makefile.read_text(encoding="utf-8")
    except OSError as error:
        raise DistributionError(f"{makefile}: cannot be read", found=error.strerror) from error
    found = {}
    for name in ("LINKCC", "CONFIGURE_LDFLAGS_NODIST"):
        match = re.search(rf"^{name}=[ \t]*(.*)$", text, re.MULTILINE)
        words = match[1].replace(_LTO_OBJECT, "") if match else ""
        if match is None or "$" in words:
            raise DistributionError(f"{makefile}: {name}", found=repr(match[1]) if match else "no such variable",
                                    expected="the words of a command")  # fmt: skip
        found[name] = words.split()
    return found


def parse_links(words: Sequence[str], directory: Path) -> tuple[Link, ...]:
    """Return the libraries of a link line in their order, each once; search directories are left aside."""
    links: list[Link] = []
    rest = iter(words)
    for word in rest:
        if word.startswith("-L"):
            continue
        if word == "-framework":
            links.append(Link(next(rest, ""), framework=True))
        elif word == "-pthread":
            links.append(Link("pthread"))
        elif word.startswith("-l"):
            links.append(Link(word.removeprefix("-l")))
        elif word.endswith(".a") and not word.startswith("/"):
            links.append(Link(Path(word).stem.removeprefix("lib"), archive=word))
        else:
            raise DistributionError(f"{directory / DUMP}: a link line holds a word that cannot be understood",
                                    found=repr(word), expected="-lNAME, -LDIRECTORY or a library's path")  # fmt: skip
    return tuple(dict.fromkeys(links))


def _read_dump(path: Path) -> dict[str, Any]:
    try:
        dump: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DistributionError(f"{path}: cannot be read", found=error) from error
    if dump.get("format") != FORMAT:
        raise DistributionError(f"{path}: unknown format", found=dump.get("format"), expected=FORMAT)
    return dump


def _core_extension(name: str, init_fn: str | None) -> ExtensionFacts:
    return ExtensionFacts(name, "builtin", init_fn, in_core=True, bootstrap=False, objects=(), links=())


def _extension(name: str, module: Mapping[str, Any], inittab: Mapping[str, str | None], bootstrap: bool,
               directory: Path) -> ExtensionFacts:  # fmt: skip
    builtin = module["linkage"] == "builtin"
    if builtin != (name in inittab):
        raise DistributionError(f"{directory / INITTAB_SOURCE}: module {name} was built as {module['linkage']}",
                                found="it in the inittab" if not builtin else "it not in the inittab")  # fmt: skip
    return ExtensionFacts(
        name=name,
        linkage="builtin" if builtin else "shared",
        init_fn=inittab[name] if builtin else f"PyInit_{name}",
        in_core=False,
        bootstrap=bootstrap,
        objects=tuple(module["objects"]),
        links=parse_links(module["link_words"], directory),
        shared_library=module.get("file", ""),
    )


def _check(facts: BuildFacts, inittab: Mapping[str, str | None], module_objects: set[str], directory: Path) -> None:
    """The parts must make up the whole, and every file must be there."""
    place = directory / DUMP
    unknown = inittab.keys() - facts.extensions.keys()
    if unknown:
        raise DistributionError(
            f"{place}: no module of the build", found=f"{', '.join(sorted(unknown))} in the inittab"
        )
    owned = {item for extension in facts.extensions.values() if extension.linkage == "builtin"
             for item in extension.objects}  # fmt: skip
    if owned != module_objects:
        raise DistributionError(f"{place}: MODOBJS is not what the builtin modules' rules say",
                                found=f"a difference in {', '.join(sorted(owned ^ module_objects))}")  # fmt: skip
    files = {*facts.core_objects, facts.inittab_source, facts.inittab_object, facts.library, *facts.archives}
    files.update(item for extension in facts.extensions.values() for item in extension.objects)
    files.update(link.archive for extension in facts.extensions.values() for link in extension.links if link.archive)
    files.update(member for members in facts.archives.values() for member in members)
    missing = sorted(file for file in files if not (directory / file).is_file())
    if missing:
        raise DistributionError(f"{directory}: the build's files are not all there", found=f"no {', '.join(missing)}")
    if facts.inittab_object not in facts.core_objects:
        raise DistributionError(f"{place}: {facts.inittab_object} is not one of the core's objects")
