"""What can be left out of an interpreter: the rules for a build (``--without``, ``--no-tests``, ``--no-tk``), and the
words that ``relink`` shares with it.

Exactly those modules are left out that were named. What cannot be spared is refused, and so is a module that another
one imports which stays: whoever wants both gone says so. One exception: test modules of CPython's own go with what
they test. What the standard library's Python files import is for their users to know, as in ``relink``: ``sqlite3``
without ``_sqlite3`` says that there is no such module.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pythonbuild.config.model import Recipe
from pythonbuild.config.recipes import with_needs
from pythonbuild.cpython.modules import KEPT_FOR, ExtensionModule, ModuleCatalogue
from pythonbuild.errors import UsageError

#: The reasons that stand in PYTHON.json (``omitted_extensions``) and in the archive's record.
WITHOUT = "left out of the build (--without)"
NO_TESTS = "left out of the build (--no-tests)"
NO_TK = "left out of the build (--no-tk)"
RELINKED = "left out when the interpreter was linked again"
#: The module whose only purpose is Tk.
TK_MODULE = "_tkinter"


class CannotLeaveOutError(UsageError):
    """A module that a build was to leave out and cannot."""

    reason = "leaving-out"


@dataclass(frozen=True)
class LeftOut:
    """What a build leaves out: extension modules with the reason of each, and parts of the standard library.

    ``along`` are those of the modules that nobody named, with the one that they test.
    """

    extensions: Mapping[str, str] = field(default_factory=dict)
    no_tests: bool = False
    no_tk: bool = False
    along: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __bool__(self) -> bool:
        return bool(self.extensions or self.no_tests or self.no_tk)


@dataclass(frozen=True)
class Scene:
    """What the modules are left out of: a version of CPython, an operating system, and what can be built for it."""

    catalogue: ModuleCatalogue
    version: str
    system: str
    recipes: Mapping[str, Recipe]

    @property
    def built(self) -> dict[str, ExtensionModule]:
        """The modules that a build has which leaves nothing out."""
        existing = self.catalogue.existing(self.version).values()
        built = (module for module in existing if module.linkage_on(self.system)[0] != "omitted")
        return {module.name: module.on(self.system) for module in built}

    def users(self, recipe: str) -> list[str]:
        """Return the modules that are linked with what a recipe builds, or need it for that."""
        return [name for name, module in self.built.items()
                if recipe in {need.name for need in with_needs(self.recipes, module.needs)}]  # fmt: skip


def why_indispensable(*, in_core: bool, required: bool) -> str:
    """Return why no interpreter can do without a module, "" if one can."""
    if in_core:
        return "its code is part of the interpreter itself (in_core)"
    return "the interpreter does not start without it (required)" if required else ""


def did_you_mean(name: str, known: Collection[str], otherwise: str) -> str:
    """Return advice on a name that nobody knows: those that are near, or what else to do."""
    near = [other for other in sorted(known) if other.strip("_") == name.strip("_")]
    near = near or difflib.get_close_matches(name, sorted(known), 2)
    return f"did you mean {' or '.join(near)}?" if near else otherwise


def leave_out(scene: Scene, without: Iterable[str], *, no_tests: bool = False, no_tk: bool = False) -> LeftOut:
    """Return what a build leaves out. Raises CannotLeaveOutError for the first module that it cannot."""
    built, named = scene.built, sorted(set(without))
    for name in named:
        _refuse_indispensable(name, scene)
    extensions = dict.fromkeys(named, WITHOUT)
    if no_tk and TK_MODULE in built:
        extensions[TK_MODULE] = NO_TK
    if no_tests:
        extensions |= {name: NO_TESTS for name, module in built.items() if module.linkage == "shared"}
    along = {name: ", ".join(built[name].imports) for name in _users(built, extensions)
             if built[name].linkage == "shared"}  # fmt: skip
    extensions |= dict.fromkeys(along, WITHOUT)
    for name in named:
        if (other := built[name].instead_of) in extensions:
            raise CannotLeaveOutError(f"--without: {name} and {other} cannot both be left out",
                                      found="hashlib, which needs one of them")  # fmt: skip
    if users := _users(built, extensions):
        lost = next(name for name in built[users[0]].imports if name in extensions)
        together = ",".join(sorted({*named, *users}))
        raise CannotLeaveOutError(f"--without: {lost} cannot be left out", found=f"{users[0]}, which imports it",
                                  advice=f"leave out what needs it, too: --without {together}")  # fmt: skip
    return LeftOut(dict(sorted(extensions.items())), no_tests, no_tk, along)


def _users(built: Mapping[str, ExtensionModule], gone: Collection[str]) -> list[str]:
    """Return the modules that stay and would be of no use: they import what is gone, or each other."""
    users: list[str] = []
    while more := [name for name, module in built.items()
                   if name not in {*gone, *users} and not {*module.imports}.isdisjoint({*gone, *users})]:  # fmt: skip
        users += more
    return users


def _refuse_indispensable(name: str, scene: Scene) -> None:
    """Raises CannotLeaveOutError for what is no module of this build, or must be in it."""
    built, version = scene.built, scene.version
    if name not in built:
        raise _unknown(name, scene)
    module = built[name]
    what = f"--without: {name} cannot be left out"
    if why := why_indispensable(in_core=module.in_core(version), required=module.required_in(version)):
        raise CannotLeaveOutError(what, found=why)
    if module.kept_for:
        raise CannotLeaveOutError(what, found=KEPT_FOR[module.kept_for],
                                  advice=f"relink ARCHIVE --without {name} takes it out of what was built")  # fmt: skip


def _unknown(name: str, scene: Scene) -> CannotLeaveOutError:
    """Return the error for a name that is not that of a module of this build."""
    known = scene.catalogue.modules
    if name not in known and name in scene.recipes and (users := scene.users(name)):
        return CannotLeaveOutError(f"--without: {name} is a library, no extension module",
                                   advice=f"leave out what is linked with it: --without {','.join(users)}")  # fmt: skip
    if name not in known:
        advice = did_you_mean(name, scene.built, "inspect ARCHIVE tells which there are")
        return CannotLeaveOutError(f"--without: CPython has no extension module {name}", advice=advice)
    module = known[name]
    if not module.exists_in(scene.version):
        why = f"CPython {scene.version} has no such module: {_lifetime(module)}"
    else:
        why = f"it is in no build: {module.linkage_on(scene.system)[1]}"
    return CannotLeaveOutError(f"--without: there is no {name} to be left out", found=why)


def _lifetime(module: ExtensionModule) -> str:
    bounds = (("since", module.versions.since), ("until", module.versions.until))
    return ", ".join(f"{word} {'.'.join(map(str, version))}" for word, version in bounds if version)
