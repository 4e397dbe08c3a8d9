"""The tests of behaviour_suite.py, run by the built Python: every dependency, and the tools around the interpreter.

Each test is a function decorated with the modules it needs; it is left out where the build has not got them, and fails
by any exception. A test stands alone: what it needs besides the standard library it makes itself. ``table`` has what
they share; a module of tests is added to the list below. ``UNUSABLE`` has those that cannot be imported, which happens
where extension modules were left out that the standard library's own modules want.
"""

import importlib

from .table import PLACE, TESTS, Skip, Test

__all__ = ["PLACE", "TESTS", "UNUSABLE", "Skip", "Test"]

UNUSABLE: dict[str, ImportError] = {}
for _name in ("interpreter", "libraries", "processes", "standard_library", "system", "terminal"):
    try:
        importlib.import_module(f".{_name}", __name__)
    except ImportError as _error:
        UNUSABLE[_name] = _error
