"""Builds self-contained, highly portable CPython distributions.

The story is told by :mod:`pythonbuild.build`; docs/architecture.rst explains the words and the floors.
"""

__version__ = "0.1.0"
