"""The order of an interpreter's functions and variables: llvm-nm --numeric-sort python | order.py starting.txt

Writes the symbols for the linker's --symbol-ordering-file: first the functions that a start calls and the variables
that it changes (starting.txt), then all other functions as they lie. Without it they lie scattered over 17 MB: each
page that is touched costs a start a fault, and the processor an entry of its tables. The other functions keep the order
that the linker gave them by the profile's call graph, which it would give up with a file that does not name them.

What ThinLTO moved between files has a suffix with a hash: the list has none, so it serves every build. What an
interpreter has not got is skipped: most versions have most of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

_SUFFIX = ".llvm."
_FUNCTIONS, _VARIABLES = "tT", "dDbB"


def ordered(listing: Iterable[str], starting: Iterable[str]) -> list[str]:
    """Return the symbols of llvm-nm's listing: those of a start, then the other functions."""
    rows = [line.split() for line in listing]
    kinds = {row[2]: row[1] for row in rows if len(row) == 3 and row[1] in _FUNCTIONS + _VARIABLES}
    symbols: dict[str, list[str]] = {}
    for symbol in kinds:
        symbols.setdefault(symbol.partition(_SUFFIX)[0], []).append(symbol)
    wanted = (line.strip() for line in starting if not line.startswith("#"))
    first = dict.fromkeys(symbol for name in wanted for symbol in symbols.get(name, ()))
    if not first:
        sys.exit("nothing of the list is in the interpreter: was it stripped?")
    return [*first, *(symbol for symbol, kind in kinds.items() if kind in _FUNCTIONS and symbol not in first)]


def main() -> None:
    print("\n".join(ordered(sys.stdin, Path(sys.argv[1]).read_text().splitlines())))  # noqa: T201


if __name__ == "__main__":
    main()
