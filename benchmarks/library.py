"""The same Python code for all: modules of the base's standard library, used by every interpreter.

A distributor backports corrections into the library it ships, so two interpreters "of one version" can run different
code: Debian's 3.13.5 lacks a defect of 3.13.5's ``logging`` that makes a message nobody wants take five times as long.
What was to be compared is the interpreters. ``--library logging`` lets all of them import the base's.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from benchmarks.peers import WORK, BenchmarkError, Peer
from pythonbuild.errors import UsageError

_NAME = "library"
#: Where the modules are inside.
LIBRARY = f"{WORK}/{_NAME}"

_TAKE = f"""
import compileall, importlib.util, pathlib, shutil, sys
directory = pathlib.Path("{LIBRARY}")
directory.mkdir()
for name in sys.argv[1:]:
    spec = importlib.util.find_spec(name)
    if spec is None or not (spec.origin or "").endswith(".py"):
        sys.exit(f"{{name}} is no module of Python code")
    if spec.submodule_search_locations:
        shutil.copytree(spec.submodule_search_locations[0], directory / name)
    else:
        shutil.copy2(spec.origin, directory)
sys.exit(not compileall.compile_dir(directory, quiet=1))
"""


def take_from_base(names: Sequence[str], peers: Sequence[Peer]) -> None:
    """Copy top-level modules or packages out of the base's library to where each interpreter sees them at LIBRARY.

    Raises UsageError for interpreters of different series, and for what is no module.
    """
    series = {peer.facts.series for peer in peers}
    if len(series) > 1:
        raise UsageError("--library", found=f"Python {' and '.join(sorted(series))}", expected="one series of Python")
    for name in names:
        if not name.isidentifier():
            raise UsageError("--library", found=name, expected="names of top-level modules, such as logging")
    try:
        peers[0].run(("-I", "-c", _TAKE, *names))
    except BenchmarkError as error:
        raise UsageError("--library", found=str(error)) from None
    for peer in peers[1:]:
        shutil.copytree(peers[0].work / _NAME, peer.work / _NAME)
