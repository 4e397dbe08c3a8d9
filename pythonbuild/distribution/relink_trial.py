"""A linked interpreter is tried before it is published: it starts, and imports every extension module that it has."""

from __future__ import annotations

import json

from pythonbuild.distribution.relink_choice import Choice, RelinkError
from pythonbuild.distribution.relink_link import TOP
from pythonbuild.distribution.relink_tools import Compiler, last_lines

_MARK = "relink: "
#: Modules that some CPython breaks when they are imported before the package they are part of, as nobody does.
_PARTS = {"_asyncio": "asyncio"}
_SCRIPT = f"""
import importlib, json, sys
wanted, parts = json.loads(sys.argv[1])
failed = {{}}
for name in wanted:
    try:
        importlib.import_module(parts.get(name, name))
        importlib.import_module(name)
    except Exception as error:
        failed[name] = f"{{type(error).__name__}}: {{error}}"
print({_MARK!r} + json.dumps([sorted(sys.builtin_module_names), failed]))
"""


def try_out(choice: Choice, compiler: Compiler) -> None:
    """Raises RelinkError when the interpreter does not start, or lets a module down that it still has."""
    wanted = choice.wanted
    argument = json.dumps([sorted(wanted.modules), _PARTS])
    status, lines = compiler.run([f"{TOP}/{wanted.interpreter}", "-I", "-B", "-c", _SCRIPT, argument])
    answer = next((line.removeprefix(_MARK) for line in lines if line.startswith(_MARK)), "")
    if status or not answer:
        raise RelinkError("the interpreter that was linked does not run",
                          found=last_lines(lines) or f"exit status {status}")  # fmt: skip
    builtin, failed = json.loads(answer)
    if builtin != sorted(wanted.builtin):
        difference = ", ".join(sorted(set(builtin) ^ wanted.builtin.keys()))
        raise RelinkError("the interpreter that was linked has other builtin modules than it should", found=difference)
    for name, error in failed.items():
        advice = f"leave {', '.join(failed)} out, too" if choice.removed else ""
        missing = next((other for other in choice.removed if f"'{other}'" in error), "")
        if missing:
            raise RelinkError(f"{missing} cannot be left out", found=f"{name}, which imports it ({error})",
                              advice=advice)  # fmt: skip
        raise RelinkError(f"{name} cannot be imported by the interpreter that was linked", found=error, advice=advice)
