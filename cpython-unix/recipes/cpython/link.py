"""Links the interpreter with LTO, and puts what a start needs of it side by side: link.py COMPILER ARGUMENT …

Stands before the compiler in CPython's own link, which then happens twice:

1. as it is. LTO makes one object of all objects; it is kept, and says what functions there are and how they lie;
2. from that object, in two seconds, with an order of its functions and variables (order.py says which, and why).

What the first took is said in the step's log, and nowhere else: it differs from run to run.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from order import ordered

WORK = Path("/build")
STARTING = Path(__file__).with_name("starting.txt")


def for_lto(path: str) -> bool:
    """Tell whether an object takes part in LTO: the one that is assembled does not."""
    return path.endswith(".o") and b".llvm.lto\0" in Path(path).read_bytes()


def from_one_object(command: Sequence[str], merged: str) -> list[str]:
    """Return the command of a link with LTO as that of a link of what LTO made of its objects."""
    objects = [place for place, word in enumerate(command) if for_lto(word)]
    kept = [word for place, word in enumerate(command) if place not in objects[1:]]
    kept[kept.index(command[objects[0]])] = merged
    return [*kept, "-fno-lto", "-fno-fat-lto-objects"]


def linked(command: Sequence[str]) -> str:
    """Run a link; return what it took. Exits with its status if it fails."""
    start = time.monotonic()
    status = subprocess.run(command, check=False).returncode
    if status:
        sys.exit(f"the link failed with status {status}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall, cpu, memory = time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    return f"linked with LTO in {wall:.0f} s, {cpu:.0f} s of processor time, {memory:.0f} MiB of memory at most"


def main(command: Sequence[str]) -> None:
    merged, order, output = WORK / "lto.o", WORK / "order.txt", command[command.index("-o") + 1]
    took = linked([*command, f"-Wl,--lto-obj-path={merged}"])
    sys.stdout.write(f"{output}: {took}\n")
    listing = subprocess.run(
        ["llvm-nm", "--numeric-sort", output], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    names = ordered(listing.splitlines(), STARTING.read_text().splitlines())
    order.write_text("\n".join(names) + "\n")
    linked([*from_one_object(command, str(merged)), f"-Wl,--symbol-ordering-file={order}",
            "-Wl,--no-warn-symbol-ordering"])  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
