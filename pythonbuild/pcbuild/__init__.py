"""CPython's own Windows build (PCbuild), edited so that its extension modules are part of pythonXY.

``edit`` tells the story. What becomes of every module and project is data (``cpython-windows``, read by ``catalogue``);
what CPython's project files say is read by ``projects``; ``core``, ``libraries``, ``buildfiles`` and ``inittab`` hold
the transformations, one small function each, from a file to the same file with one thing changed; ``references`` checks
the result. All of them stand on ``xmltext``, which changes XML files without touching a byte that no edit names.
"""
