"""Build options and their free-threaded variants: what there is, for which CPython, and what names make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pythonbuild.config.options import (
    check_options,
    check_version,
    is_freethreaded,
    long_options,
    short_options,
    with_variants,
)
from pythonbuild.config.project import Project
from pythonbuild.errors import UsageError

KNOWN = ("debug", "noopt", "pgo+lto")


def test_every_option_of_every_target_has_its_variant() -> None:
    for target in Project(Path(__file__).parents[3]).targets.values():
        every = with_variants(target.options)
        assert every[: len(target.options)] == target.options, "the last of a target's own stays the best"
        assert {option for option in every if is_freethreaded(option)} == {
            f"freethreaded+{option}" for option in target.options
        }
        for option in every:
            check_options("--options", option, target.options)


@pytest.mark.parametrize(("options", "advice"), [
    ("fast", "and one of these"),
    ("freethreaded+fast", "and one of these"),
    ("freethreaded+freethreaded+noopt", "and one of these"),
    ("", "and one of these"),
    ("freethreaded", "say how it is to be optimised, too: freethreaded+pgo+lto is the fastest"),
    ("noopt+freethreaded", "write freethreaded+noopt"),
    ("lto+pgo", "write pgo+lto"),
])  # fmt: skip
def test_what_there_is_not_is_refused(options: str, advice: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_options("--options", options, KNOWN)
    told = str(caught.value)
    expected = f"found {options}, expected one of debug, noopt, pgo+lto, or freethreaded+ and one of these"
    assert told.startswith(f"--options: not there for this target: {expected}")
    assert told.endswith(advice)
    assert "\n" not in told


@pytest.mark.parametrize("version", ["3.11.2", "3.12.14"])
def test_a_cpython_that_cannot_do_without_the_gil(version: str) -> None:
    check_version("--options", "pgo+lto", version)
    with pytest.raises(UsageError) as caught:
        check_version("--options", "freethreaded+pgo+lto", version)
    assert str(caught.value) == (
        "--options freethreaded+pgo+lto: this CPython cannot be built without the GIL: "
        f"found {version}, expected 3.13 or newer; --options pgo+lto"
    )


@pytest.mark.parametrize("version", ["3.13.0", "3.14.0rc1", "3.15.2"])
def test_those_that_can(version: str) -> None:
    check_version("--options", "freethreaded+debug", version)


@pytest.mark.parametrize(("options", "short"), [
    ("pgo+lto", ""), ("freethreaded+pgo+lto", "freethreaded"), ("noopt", "noopt"),
    ("freethreaded+noopt", "freethreaded+noopt"),
])  # fmt: skip
def test_the_best_goes_without_saying_in_names(options: str, short: str) -> None:
    assert short_options(options, KNOWN) == short
    assert long_options(short, KNOWN) == options
