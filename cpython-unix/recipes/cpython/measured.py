"""Runs a command and says what it took: measured.py COMMAND …

What it takes differs from run to run, so it is said in the step's log and nowhere else.
"""

import resource
import subprocess
import sys
import time


def main() -> int:
    start = time.monotonic()
    status = subprocess.run(sys.argv[1:], check=False).returncode
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = sys.argv[sys.argv.index("-o") + 1] if "-o" in sys.argv[:-1] else sys.argv[1]
    wall, cpu, memory = time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    sys.stdout.write(f"{output}: linked in {wall:.0f} s, {cpu:.0f} s of processor time, {memory:.0f} MiB at most\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
