"""The order of an interpreter's functions and variables, for the linker's --symbol-ordering-file.

First come the functions that a start calls and the variables that it changes (starting.txt), then all other functions
as they lie. Without it they lie scattered over 17 MB: each page that is touched costs a start a fault, and the
processor an entry of its tables. The other functions keep the order that the linker gave them by the profile's call
graph, which it would give up with a file that does not name them.

Where several files have a function of one name, LTO numbers them (``clear``, ``clear.7``); ThinLTO gave them a hash
(``clear.llvm.87``). The list has neither, so it serves every build. What an interpreter has not got is skipped: most
versions have most of it.
"""

import re
import sys
from collections.abc import Iterable

_SUFFIX = re.compile(r"(\.\d+|\.llvm\.\d+)+$")
_FUNCTIONS, _VARIABLES = "tT", "dDbB"


def ordered(listing: Iterable[str], starting: Iterable[str]) -> list[str]:
    """Return the symbols of a listing of llvm-nm: those of a start, then the other functions."""
    rows = [line.split() for line in listing]
    kinds = {row[2]: row[1] for row in rows if len(row) == 3 and row[1] in _FUNCTIONS + _VARIABLES}
    symbols: dict[str, list[str]] = {}
    for symbol in kinds:
        symbols.setdefault(_SUFFIX.sub("", symbol), []).append(symbol)
    wanted = (_SUFFIX.sub("", line.strip()) for line in starting if not line.startswith("#"))
    first = dict.fromkeys(symbol for name in wanted for symbol in symbols.get(name, ()))
    if not first:
        sys.exit("nothing of the list is in the interpreter: was it stripped?")
    return [*first, *(symbol for symbol, kind in kinds.items() if kind in _FUNCTIONS and symbol not in first)]
