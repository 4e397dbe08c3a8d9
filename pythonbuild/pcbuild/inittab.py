"""PC/config.c: the table of the modules that are inside pythonXY."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pythonbuild.cpython.setupfiles import parse_inittab
from pythonbuild.errors import PcbuildError

# CPython's own marks for a tool that adds modules.
_DECLARATIONS = "/* -- ADDMODULE MARKER 1 -- */"
_ENTRIES = "/* -- ADDMODULE MARKER 2 -- */"


def add_to_inittab(name: str, data: bytes, modules: Mapping[str, str]) -> bytes:
    """Declare init functions (module → function) and put them into the table, those that are not there yet."""
    newline = "\r\n" if b"\r\n" in data else "\n"
    text = data.decode("utf-8")
    table = parse_inittab(text)
    for module, init in modules.items():
        if table.get(module, init) != init:
            raise PcbuildError(f'{name}: {{"{module}", ...}}: has another init function', found=table[module],
                               expected=init)  # fmt: skip
    declared = set(re.findall(r"extern\s+PyObject\s*\*\s*(\w+)\s*\(void\)", text))
    declarations = [f"extern PyObject* {init}(void);" for init in modules.values() if init not in declared]
    entries = [f'    {{"{module}", {init}}},' for module, init in modules.items() if module not in table]
    for mark, lines in ((_DECLARATIONS, declarations), (_ENTRIES, entries)):
        if text.count(mark) != 1:
            raise PcbuildError(f"{name}: {mark}: the transformation does not fit", found=f"{text.count(mark)} of it",
                               expected="exactly one")  # fmt: skip
        text = text.replace(mark, newline.join([mark, *lines]))
    return text.encode("utf-8")
