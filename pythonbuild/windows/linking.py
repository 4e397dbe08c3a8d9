"""Why no dependency can be linked otherwise on Windows (``--link``): each is refused, in a line of its own.

The extension modules are part of pythonXY.dll. Windows loads that with the DLLs that lie beside python.exe, and not
with those in ``DLLs``, where CPython's own modules, which are DLLs themselves, find OpenSSL and SQLite.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pythonbuild.config.links import SYSTEM
from pythonbuild.errors import UsageError
from pythonbuild.pcbuild.catalogue import Catalogue
from pythonbuild.windows.steps import TCLTK, recipe_of


def refuse_links(links: Iterable[tuple[str, str]], catalogue: Catalogue) -> None:
    """Raise UsageError for the first of the choices, which are all others than static."""
    known = sorted({*map(recipe_of, catalogue.dependencies), *catalogue.bundled})
    for name, kind in links:
        choice = f"--link {name}={kind}"
        if name not in known and recipe_of(name) not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise UsageError("--link: unknown dependency", found=name, expected=f"one of {', '.join(known)}",
                             advice=f"did you mean {near[0]}?" if near else "")  # fmt: skip
        raise UsageError(f"{choice}: not there for Windows", found=_why(recipe_of(name), kind, catalogue),
                         advice=f"leave out {choice}")  # fmt: skip


def _why(name: str, kind: str, catalogue: Catalogue) -> str:
    dependency = catalogue.dependencies.get(name)
    if kind == SYSTEM:
        return f"no {name} that Windows has for other programs"
    if name == TCLTK:
        return "Tcl and Tk are DLLs beside _tkinter in every build"
    if dependency is None or name in catalogue.bundled:
        return f"{name}'s sources are compiled into pythonXY.dll by CPython's own projects"
    return "pythonXY.dll holds the modules, and Windows looks for its DLLs beside python.exe only, not in DLLs"
