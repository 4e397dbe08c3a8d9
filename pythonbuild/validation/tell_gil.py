"""Told by the built Python itself, as a program: whether it has the GIL: tell_gil.py MODULE …

One line is printed: a JSON object after ``GIL``. ``at_start`` says whether it is there when a program begins; where it
is not, ``turned_on_by`` names the first of the modules whose import brings it, as those of modules do that were not
made for a Python without it.
"""

import importlib
import json
import sys
import warnings


def has_gil() -> bool:
    tell = getattr(sys, "_is_gil_enabled", None)  # new in 3.13, the first that can be without it
    return True if tell is None else bool(tell())


def turned_on_by(names: "list[str]") -> "str | None":
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001, S112 - that it cannot be imported is the finding of another check
            continue
        if has_gil():
            return name
    return None


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    at_start = has_gil()
    found = None if at_start else turned_on_by(sys.argv[1:])
    print("GIL", json.dumps({"at_start": at_start, "turned_on_by": found}))  # noqa: T201
