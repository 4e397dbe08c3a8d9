"""Building on Windows: what is different there from everything that builds on Linux.

``tools`` finds Visual Studio, its compiler, the SDK, Perl and NASM; ``host`` is the machine that they are looked for
on; ``places`` knows which paths a build for Windows can stand. ``steps`` runs recipes of ``cpython-windows``,
``planning`` makes the plan, ``shipping`` its last steps, and ``describing`` says in PYTHON.json what CPython's build by
MSBuild has left. The edit of CPython's projects is :mod:`pythonbuild.pcbuild`.
"""
