"""Every check has an explanation, an entry in the documentation and something that makes it fail."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from pythonbuild.validation.checks import check
from pythonbuild.validation.reference import render
from pythonbuild.validation.validate import CHECKS
from tests.unit.validation import (
    test_binaries,
    test_checks,
    test_leaks,
    test_link_choices,
    test_macho,
    test_pe,
    test_provenance,
    test_structure,
)

REPOSITORY = Path(__file__).parents[3]
#: What cannot be read is refused by test_structure.py in ways of its own.
UNREADABLE = "structure-readable"


def test_every_check_is_made_to_fail() -> None:
    modules = (test_binaries, test_checks, test_leaks, test_link_choices, test_provenance, test_structure)
    cases = [case[1] for module in modules for case in module.CASES.values()]
    cases += [case[1] for native in (test_macho, test_pe) for case in native.CASES.values()]
    assert set(cases) | {UNREADABLE} == {item.id for item in CHECKS}


def test_ids_reasons_and_explanations() -> None:
    assert len({item.id for item in CHECKS}) == len(CHECKS)
    for item in CHECKS:
        assert re.fullmatch(
            r"(structure|metadata|provenance|elf|hardening|macho|pe|leaks|behaviour)(-[a-z]+)+", item.id
        )
        assert "\n" not in item.reason
        assert not item.reason.endswith(".")
        assert len(item.reason) <= 100, item.id
        assert item.explanation.endswith("."), item.id


def test_every_check_has_an_entry() -> None:
    text = render()
    for item in CHECKS:
        entry = (
            f"``{item.id}``\n    {item.reason[0].upper()}{item.reason[1:]}.\n\n    {item.explanation.splitlines()[0]}\n"
        )
        assert entry in text, item.id
    assert not re.search(r"[ \t]$", text, re.MULTILINE)


def test_a_check_is_made_of_a_function() -> None:
    @check("x-y", "it is so")
    def so(subject: object) -> list[str]:
        """First line.

        More.
        """
        return []

    assert (so.id, so.reason, so.explanation) == ("x-y", "it is so", "First line.\n\nMore.")


def test_the_readers_of_other_systems_files_are_not_loaded_for_linux() -> None:
    """They cost a tenth of a second, which every build would pay."""
    program = "import sys, pythonbuild.validating; print({'macholib', 'pefile'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert done.stdout == "set()\n"
