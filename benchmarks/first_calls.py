#!/usr/bin/env python3
"""Which functions interpreters call when they start, in the order of their first call, and which data they change.

    benchmarks/first_calls.py PYTHON [OTHER …]

The list that cpython-unix/recipes/cpython/starting.txt is. A breakpoint is set on every function of the interpreter,
and removed when it is met: so each is met once. When it ends, the variables are compared with what they were. The names
that only a later interpreter has follow those of the first: give the optimised one first, then one without LTO and one
without a profile, of any version, because what is inlined in one is called in another. For x86-64, and for interpreters
of ours: linked at fixed addresses, with their symbols.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_TRACEME, _CONT, _GETREGS, _SETREGS, _SETOPTIONS = 0, 7, 12, 13, 0x4200
_TELL_EXIT, _EXITS = 0x40, signal.SIGTRAP | 6 << 8
_RIP = 16  # the place of the instruction pointer among the registers of x86-64
_BREAKPOINT = b"\xcc"
_LEAST_ADDRESS = 0x10000
_SUFFIX = ".llvm."
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


@dataclass(frozen=True)
class Symbols:
    """What an interpreter consists of: functions by address (one name of each), variables as (address, size, name)."""

    functions: dict[int, str]
    variables: tuple[tuple[int, int, str], ...]


def symbols(listing: str) -> Symbols:
    """Return what nm --print-size printed."""
    rows = [line.split() for line in listing.splitlines()]
    functions: dict[int, str] = {}
    for row in rows:
        if row[-2] in "tT":
            functions.setdefault(int(row[0], 16), row[-1])
    sized = [(int(row[0], 16), int(row[1], 16), row[3]) for row in rows if len(row) == 4 and row[2] in "dDbB"]
    # What a thread has of its own is named by its place among such, not by an address.
    return Symbols(functions, tuple(sorted(row for row in sized if row[0] >= _LEAST_ADDRESS)))


def merged(lists: Iterable[Iterable[str]]) -> list[str]:
    """Return the names without ThinLTO's suffix, each once: those of the first list, then what the others add."""
    return list(dict.fromkeys(name.partition(_SUFFIX)[0] for names in lists for name in names))


def first_calls(argv: Sequence[str], known: Symbols) -> tuple[list[str], list[str]]:
    """Run a program; return the functions it called, in the order of their first call, and the variables it changed."""
    pid = os.fork()
    if pid == 0:
        _libc.ptrace(_TRACEME, 0, None, None)
        os.execv(argv[0], list(argv))
    _wait(pid)
    _libc.ptrace(_SETOPTIONS, pid, None, _TELL_EXIT)
    called: list[str] = []
    with Path(f"/proc/{pid}/mem").open("r+b", buffering=0) as file:
        memory = file.fileno()
        before = [os.pread(memory, size, address) for address, size, _ in known.variables]
        original = {address: os.pread(memory, 1, address) for address in known.functions}
        for address in original:
            os.pwrite(memory, _BREAKPOINT, address)
        passed_on = 0
        while True:
            _libc.ptrace(_CONT, pid, None, passed_on)
            event = _wait(pid)
            if event == _EXITS:
                break
            passed_on = 0 if event == signal.SIGTRAP else event
            if not passed_on:
                address = _step_back(pid)
                os.pwrite(memory, original[address], address)
                called.append(known.functions[address])
        after = [os.pread(memory, size, address) for address, size, _ in known.variables]
    _libc.ptrace(_CONT, pid, None, None)
    _wait(pid)
    rows = zip(known.variables, before, after, strict=True)
    return called, [name for (_, _, name), old, new in rows if old != new]


def _step_back(pid: int) -> int:
    """Put the instruction pointer back on the breakpoint that was just met, and return it."""
    registers = (ctypes.c_ulonglong * 27)()
    _libc.ptrace(_GETREGS, pid, None, ctypes.addressof(registers))
    registers[_RIP] -= 1
    _libc.ptrace(_SETREGS, pid, None, ctypes.addressof(registers))
    return registers[_RIP]


def _wait(pid: int) -> int:
    """Return what stopped a process, 0 when it has ended; ends the program when it failed."""
    _, status = os.waitpid(pid, 0)
    if os.WIFSTOPPED(status):
        return status >> 8
    if code := os.waitstatus_to_exitcode(status):
        sys.exit(f"the traced interpreter failed with status {code}")
    return 0


def main() -> None:
    """Print the list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("interpreters", nargs="+", type=Path, metavar="PYTHON")
    calls, changes = [], []
    for python in parser.parse_args().interpreters:
        nm = subprocess.run(
            ["nm", "--defined-only", "--print-size", python], capture_output=True, text=True, check=False
        )
        known = symbols(nm.stdout)
        if not known.functions or python.read_bytes()[16:18] != b"\x02\x00":
            sys.exit(f"{python}: not an interpreter with symbols, linked at a fixed address")
        called, changed = first_calls([str(python), "-c", "pass"], known)
        calls.append(called)
        changes.append(changed)
    print("\n".join(merged([*calls, *changes])))


if __name__ == "__main__":
    main()
