"""What a build for Windows can leave out: the rules and words of Linux, on what CPython's Windows build is made of.

Which modules there are, and which of them are projects that can go, ``cpython-windows/extension-modules.yml`` says;
what imports what, and what pip needs, is true on every system and stands in ``cpython-unix/extension-modules.yml``.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping

from pythonbuild.config.project import Project
from pythonbuild.config.request import Request
from pythonbuild.cpython.leaving_out import CannotLeaveOutError, LeftOut, Scene, leave_out
from pythonbuild.cpython.modules import KEPT_FOR, ExtensionModule, ModuleCatalogue, VersionRange
from pythonbuild.distribution.kinds import TEST_MODULES
from pythonbuild.pcbuild.catalogue import CORE, MODULES_FILE, WindowsModule, read_catalogue
from pythonbuild.windows.steps import recipe_of

NO_DLL = "it would be linked with pythonXY.dll, which the static variant does not have"


def left_out(request: Request, project: Project, version: str, everywhere: Mapping[str, ExtensionModule], *,
             static: bool = False) -> LeftOut:  # fmt: skip
    """Return what a build is to be without; ``everywhere`` is what is known of modules on other systems.

    Raises CannotLeaveOutError for the first module that it cannot be without.
    """
    catalogue = read_catalogue(project.windows)
    modules = {name: _as_elsewhere(module, [need.name for need in catalogue.needs(module, version)],
                                   everywhere.get(name), static=static)
               for name, module in catalogue.modules.items()}  # fmt: skip
    scene = Scene(ModuleCatalogue(project.windows / MODULES_FILE, modules, {}), version, "windows", project.recipes)
    for name in sorted(set(request.without)):
        _refuse(name, scene, everywhere)
    return leave_out(scene, request.without, no_tests=request.no_tests, no_tk=request.no_tk)


def _as_elsewhere(module: WindowsModule, needs: Iterable[str], other: ExtensionModule | None, *,
                  static: bool) -> ExtensionModule:  # fmt: skip
    """Return a module of Windows as those of other systems are described; ``other`` is what these know of it."""
    is_test = any(fnmatch.fnmatchcase(module.name, pattern) for pattern in TEST_MODULES)
    linkage, reason = ("shared" if is_test else "builtin"), ""
    if static and module.linkage == "shared":
        linkage, reason = "omitted", NO_DLL
    elif module.linkage == "omitted":
        linkage, reason = "omitted", module.reason
    return ExtensionModule(
        name=module.name,
        linkage=linkage,
        reason=reason,
        versions=module.versions,
        core=VersionRange() if module.project == CORE else None,
        required=None,
        needs=tuple(dict.fromkeys(map(recipe_of, needs))),
        libraries=(),
        system="",
        overrides=(),
        imports=other.imports if other else (),
    )


def _refuse(name: str, scene: Scene, everywhere: Mapping[str, ExtensionModule]) -> None:
    """Raise CannotLeaveOutError for what is no project of its own, and for what pip needs."""
    other = everywhere.get(name)
    if other is None or not other.exists_in(scene.version):
        return
    what = f"--without: {name} cannot be left out"
    if name not in scene.catalogue.modules:
        raise CannotLeaveOutError(what, found="no project of its own: it is part of pythonXY.dll, or not there for "
                                  "Windows at all")  # fmt: skip
    if other.kept_for and name in scene.built and not scene.built[name].in_core(scene.version):
        raise CannotLeaveOutError(what, found=KEPT_FOR[other.kept_for])
