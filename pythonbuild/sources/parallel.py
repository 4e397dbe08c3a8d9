"""Runs one function for many items in a few threads that nobody has to wait for.

The threads are daemons: a read that hangs until its timeout must not keep an interrupted program from ending.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from pythonbuild.errors import BuildError, MachineError

#: Waiting is done in pieces: on Windows a Ctrl-C is seen only between them.
_PIECE = 0.5

Item = TypeVar("Item")
Result = TypeVar("Result")


class Stopped(Exception):  # noqa: N818 - not an error: somebody else's error, or the user, ended the work
    """The work was ended from outside."""


def run_parallel(
    function: Callable[[Item], Result], items: Sequence[Item], *, jobs: int, stop: threading.Event
) -> list[Result | BuildError | None]:
    """Return what the function gave or raised for each item, in order; ``None`` where it was stopped.

    A MachineError, an unexpected exception and an interrupt set ``stop``; the latter two are raised.
    """
    outcomes: list[Result | BuildError | None] = [None] * len(items)
    unexpected: list[Exception] = []
    waiting = deque(enumerate(items))

    def work() -> None:
        while not stop.is_set():
            try:
                index, item = waiting.popleft()
            except IndexError:
                return
            try:
                outcomes[index] = function(item)
            except Stopped:
                return
            except BuildError as error:
                outcomes[index] = error
                if isinstance(error, MachineError):
                    stop.set()
            except Exception as error:  # noqa: BLE001 - raised again below, in the caller's thread
                unexpected.append(error)
                stop.set()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(jobs, len(items)))]
    try:
        for thread in threads:
            thread.start()
        while working := [thread for thread in threads if thread.is_alive()]:
            working[0].join(_PIECE)
    except BaseException:
        stop.set()
        raise
    if unexpected:
        raise unexpected[0]
    return outcomes
