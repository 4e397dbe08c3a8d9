"""Build options: how CPython itself is built, in words joined by plus signs.

A target lists its own (``targets.yml``, best last). Each has a free-threaded variant besides, an interpreter without
the global interpreter lock, where CPython can be built so: ``pgo+lto`` and ``freethreaded+pgo+lto``. That one rule
stands here, so that no target has to repeat it.

In names of archives the best options go without saying: those of ``pgo+lto`` have none, and ``freethreaded`` alone
stands for ``freethreaded+pgo+lto``.
"""

from __future__ import annotations

from collections.abc import Sequence

from pythonbuild.errors import UsageError

FREETHREADED = "freethreaded"
DEBUG = "debug"
#: The first series that can be built free-threaded.
FREETHREADED_SINCE = (3, 13)
_PREFIX = f"{FREETHREADED}+"


def is_freethreaded(options: str) -> bool:
    return FREETHREADED in options.split("+")


def with_variants(options: Sequence[str]) -> tuple[str, ...]:
    """Return a target's build options, and the free-threaded variant of each."""
    return (*options, *(_PREFIX + option for option in options))


def check_options(flag: str, options: str, known: Sequence[str]) -> None:
    """Raise UsageError for build options that a target, which has the ``known``, has not got."""
    every = with_variants(known)
    if options in every:
        return
    words = options.split("+")
    same = [option for option in every if sorted(option.split("+")) == sorted(words)]
    advice = f"write {same[0]}" if same else ""
    if options == FREETHREADED:
        advice = f"say how it is to be optimised, too: {_PREFIX}{known[-1]} is the fastest"
    raise UsageError(f"{flag}: not there for this target", found=options, advice=advice,
                     expected=f"one of {', '.join(known)}, or {_PREFIX} and one of these")  # fmt: skip


def check_version(flag: str, options: str, version: str) -> None:
    """Raise UsageError for a CPython that cannot be built with the options."""
    series = tuple(map(int, version.split(".")[:2]))
    if is_freethreaded(options) and series < FREETHREADED_SINCE:
        least = ".".join(map(str, FREETHREADED_SINCE))
        raise UsageError(f"{flag} {options}: this CPython cannot be built without the GIL", found=version,
                         expected=f"{least} or newer", advice=f"--options {options.removeprefix(_PREFIX)}")  # fmt: skip


def short_options(options: str, known: Sequence[str]) -> str:
    """Return what the name of an archive says of the options."""
    if options == known[-1]:
        return ""
    return FREETHREADED if options == _PREFIX + known[-1] else options


def long_options(short: str, known: Sequence[str]) -> str:
    """Return the options that the name of an archive means."""
    return {"": known[-1], FREETHREADED: _PREFIX + known[-1]}.get(short, short)
