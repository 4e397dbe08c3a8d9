"""The tests of behaviour_suite.py, run by the built Python: every dependency, and the tools around the interpreter.

Each test is a function decorated with the modules it needs and the systems it means something on; it is left out where
the build has not got them, and fails by any exception. A test stands alone: what it needs besides the standard library
it makes itself. ``table`` has what they share; a module of tests is added to the list below.
"""

from __future__ import annotations

import importlib

from .table import EVERYWHERE, PLACE, TESTS, UNIX, WINDOWS, Skip, Test, chosen

__all__ = ["MODULES", "PLACE", "TESTS", "Skip", "Test", "chosen", "load"]

#: The modules of tests, and the systems whose standard library has what they import.
MODULES: dict[str, tuple[str, ...]] = {
    "interpreter": EVERYWHERE,
    "libraries": EVERYWHERE,
    "processes": EVERYWHERE,
    "standard_library": EVERYWHERE,
    "system": EVERYWHERE,
    "terminal": UNIX,
    "windows": (WINDOWS,),
}


def load(system: str) -> dict[str, ImportError]:
    """Import the tests of a system; return those that cannot be imported, which happens where extension modules were
    left out that the standard library's own modules want.
    """
    unusable = {}
    for name, systems in MODULES.items():
        if system in systems:
            try:
                importlib.import_module(f".{name}", __name__)
            except ImportError as error:
                unusable[name] = error
    return unusable
