"""Checks that run the built Python, as a user's program would run it: a moved tree, another root filesystem, or the
machine itself.

There is one check for each room, and all of them run the same suite: it imports every extension module, which must be
builtin or shared as PYTHON.json says, and then lets every library and the tools around the interpreter do one real
thing each. What a room cannot show is skipped by the suite with the reason, and the report shows it.
"""

from __future__ import annotations

from collections.abc import Iterator

from pythonbuild.config.model import GLIBC_FLOOR, OLDEST_CPU, SYSTEM
from pythonbuild.validation.checks import Remark, Subject, check
from pythonbuild.validation.room import TREE

#: The check of a room is called by the room's name after this.
PREFIX = "behaviour-"


@check(PREFIX + SYSTEM, "the built Python runs from a moved tree on an ordinary system; every library does its work")
def system(subject: Subject) -> Iterator[str]:
    """The archive is unpacked at a path that nothing was built at, read-only, in a root filesystem of Debian bullseye.
    Every extension module is imported, builtin or shared as PYTHON.json says, and nothing more is builtin; then every
    library and the tools around the interpreter do one real thing each. What cannot be shown there (a test that needs
    what the machine lacks) is skipped with the reason, in the report.

    macOS and Windows have no root filesystems (and Linux has ``--environment native``): a copy of the installation runs
    on the machine itself, if that can run it, for a user with an empty home, on macOS without the network, and is ended
    after 15 minutes. Each test says on which systems it means something.
    """
    yield from _findings(subject, SYSTEM)


@check(PREFIX + GLIBC_FLOOR, "so it does on a system with the oldest C library that the target allows")
def glibc_floor(subject: Subject) -> Iterator[str]:
    """The same suite in a root filesystem whose C library is a real one of the oldest version that is allowed: what the
    table of symbol versions promises (``elf-glibc-floor``) is seen to be true.
    """
    yield from _findings(subject, GLIBC_FLOOR)


@check(PREFIX + OLDEST_CPU, "so it does on the oldest processor that the target allows, emulated")
def oldest_cpu(subject: Subject) -> Iterator[str]:
    """The same suite on an emulated processor that has no instruction beyond the target's own, and stops a program at
    the first one that it has not got.
    """
    yield from _findings(subject, OLDEST_CPU)


def _findings(subject: Subject, room: str) -> Iterator[str]:
    run = subject.suite_run(room)
    if run.ending:
        yield f"{TREE}/{subject.document.python_exe}: {run.ending}"
    for test, detail in run.failures.items():
        yield f"{test}: {detail}"
    if not run.ending and not any(test.startswith("work ") for test in run.ran):
        yield "the suite ran no test"
    yield Remark(f"{len(run.ran) - len(run.skipped)} tests ran")
    for test, reason in run.skipped.items():
        yield Remark(f"{test} skipped: {reason}")


CHECKS = (system, glibc_floor, oldest_cpu)
