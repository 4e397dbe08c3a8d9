"""Freeze more modules than CPython does: freeze_more.py, run in CPython's source before it is configured.

CPython's own list has what every start imports, less the encodings, which it leaves out because they make its build
print more. A start then lists a directory and reads eight files for four modules. Frozen they are part of the
interpreter: it starts 5 % faster. All encodings are, not only those of a start: a frozen package that comes without its
directory (an embedded interpreter with its library in a zip file) finds frozen submodules only.

Of what is frozen, tracebacks show no source lines, and an edited source counts with ``-X frozen_modules=off`` only. So
modules that people debug stay files. Before 3.13 nothing is added: frozen modules are C structures there, all encodings
have 5 MB of them, and libpython.so would have each of their pointers relocated whenever a program starts.
"""

from __future__ import annotations

import sys
from pathlib import Path

#: As CPython's tool spells them. linecache: ``-c`` imports it since 3.13.
MODULES = ["<encodings.*>", "linecache"]
TOOLS = Path("Tools/build")


def main(source: Path) -> None:
    """Let CPython's own tool write Makefile.pre.in and Python/frozen.c with a longer list."""
    if not (source / TOOLS / "freeze_modules.py").is_file():
        sys.exit(f"freeze_modules.py is not in {TOOLS}: CPython has moved it")
    sys.path.insert(0, str((source / TOOLS).resolve()))
    import freeze_modules  # a file of the source that is being built

    # Before the modules for tests, whose section is a table of its own in frozen.c.
    sections = [name for name, _ in freeze_modules.FROZEN]
    freeze_modules.FROZEN.insert(sections.index(freeze_modules.TESTS_SECTION), ("the rest of a start", MODULES))
    freeze_modules.main()


if __name__ == "__main__":
    main(Path())
