"""Starts the interpreter that runs this, again and again. Run by it: starts.py COUNT ARGUMENT …

Prints a JSON object with the least of each: ``wall``, the seconds from the start to the end of one, and ``cpu``, user
and system time, which the kernel counted for that one process.
"""

from __future__ import annotations

import json
import os
import sys
import time


def start(argv: list[str]) -> tuple[float, float]:
    """Start a process and wait for its end; return wall and CPU seconds."""
    begun = time.perf_counter()
    child = os.posix_spawn(argv[0], argv, os.environ)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - begun
    if status:
        sys.exit(f"{' '.join(argv[1:])}: failed with status {os.waitstatus_to_exitcode(status)}")
    return wall, usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    command = [sys.executable, *sys.argv[2:]]
    start(command)
    rows = [start(command) for _ in range(int(sys.argv[1]))]
    print(json.dumps({"wall": min(row[0] for row in rows), "cpu": min(row[1] for row in rows)}))
