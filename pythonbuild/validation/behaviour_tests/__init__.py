"""The tests of behaviour_suite.py, run by the built Python: every dependency, and the tools around the interpreter.

Each test is a function decorated with the modules it needs; it is left out where the build has not got them, and fails
by any exception. A test stands alone: what it needs besides the standard library it makes itself. ``table`` has what
they share; a module of tests is added to the list below.
"""

from . import interpreter, libraries, processes, standard_library, system, terminal
from .table import PLACE, TESTS, Skip, Test

__all__ = ["PLACE", "TESTS", "Skip", "Test", "interpreter", "libraries", "processes", "standard_library", "system",
           "terminal"]  # fmt: skip
