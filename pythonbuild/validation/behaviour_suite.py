"""Run by the built Python, never by this project's own: imports every extension module and runs behaviour_tests.

    python behaviour_suite.py suite.json

The JSON object has ``modules`` (name → linkage), ``omitted``, the names of those that were left out, and ``place``,
what the tests are to know of the room they run in. A test that fails for want of a module that was left out is skipped.
The program needs CPython 3.11 or newer and a writable working directory, and prints what suite.py reads.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

# -I leaves the script's own directory out.
sys.path.append(str(Path(__file__).parent))
tests = importlib.import_module("behaviour_tests")

#: Modules that some CPython breaks when they are imported before the package they are part of, as nobody does.
PARTS = {"_asyncio": "asyncio"}
#: How an import says what is missing; whoever leaves a module out cannot have what needs it.
MISSING = re.compile(r"No module named '([\w.]+)'")
OMITTED: set[str] = set()
#: Seconds after which the whole suite has hung, on an ordinary processor.
TIMEOUT = 120


def say(**message: object) -> None:
    # The descriptor itself: a test may have replaced sys.stdout, and a crash must not lose a buffer.
    os.write(1, (json.dumps(message) + "\n").encode())


def run_test(name: str, function: Callable[[], None]) -> None:
    say(begin=name)
    detail = ""
    try:
        function()
    except tests.Skip as reason:
        say(end=name, ok=True, skipped=str(reason))
        return
    except BaseException as error:  # noqa: BLE001 - whatever it is, the next test is to be run
        detail = f"{type(error).__name__}: {error}".replace("\n", " ")[:500]
    missing = MISSING.search(detail)
    if missing and missing[1] in OMITTED:
        say(end=name, ok=True, skipped=f"needs {missing[1]}, which was left out")
    else:
        say(end=name, ok=not detail, detail=detail)


def import_module(name: str, linkage: str) -> None:
    if name in PARTS:
        importlib.import_module(PARTS[name])
    module = importlib.import_module(name)
    builtin = name in sys.builtin_module_names
    if builtin != (linkage == "builtin"):
        raise AssertionError(f"is {'builtin' if builtin else 'shared'}, expected {linkage}")
    if not builtin and not Path(module.__file__ or "").is_relative_to(sys.base_prefix):
        raise AssertionError(f"was found at {module.__file__}, outside the tree")


def builtin_names_are_exact(modules: dict[str, str]) -> None:
    listed = {name for name, linkage in modules.items() if linkage == "builtin"}
    difference = sorted(listed ^ set(sys.builtin_module_names))
    if difference:
        raise AssertionError(f"sys.builtin_module_names and PYTHON.json differ: {', '.join(difference)}")


def fail(error: Exception) -> None:
    raise error


def main() -> None:
    given = json.loads(Path(sys.argv[1]).read_text())
    modules = given["modules"]
    OMITTED.update(given["omitted"])
    tests.PLACE.modules = tuple(modules)
    tests.PLACE.omitted = tuple(given["omitted"])
    tests.PLACE.system = given["place"]["system"]
    tests.PLACE.emulator = tuple(given["place"]["emulator"])
    tests.PLACE.patience = given["place"]["patience"]
    faulthandler.dump_traceback_later(TIMEOUT * tests.PLACE.patience, exit=True)
    run_test("import nothing more than is listed", partial(builtin_names_are_exact, modules))
    for name, linkage in sorted(modules.items()):
        run_test(f"import {name}", partial(import_module, name, linkage))
    for name, error in tests.load(tests.PLACE.system).items():
        run_test(f"work {name}", partial(fail, error))
    for test in tests.chosen(tests.PLACE.system, modules):
        run_test(f"work {test.title}", test.run)
    say(done=True)


if __name__ == "__main__":
    main()
