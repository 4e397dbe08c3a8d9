"""The engine: steps that give trees, keys that say when, a store that keeps them, an executor that runs them.

It knows nothing of Python, of recipes' contents or of Docker. Read in this order: ``model`` (what a step is), ``keys``
(when two runs give the same), ``trees`` and ``store`` (what is kept), ``executor`` and ``running`` (what happens).
"""
