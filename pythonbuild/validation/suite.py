"""Runs behaviour_suite.py by the built Python and reads its answer.

The suite prints a JSON object per line: ``{"begin": NAME}`` before each test, ``{"end": NAME, "ok": …, "detail": …}``
after it (or ``"skipped": REASON``), ``{"done": true}`` last. So a test that takes the interpreter down with it is
named, too.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from pythonbuild.distribution.python_json import PythonJson
from pythonbuild.validation.room import SCRIPTS, Room

#: The program, and the package of tests that it imports.
_PROGRAM, _TESTS = "behaviour_suite.py", "behaviour_tests"


@dataclass(frozen=True)
class SuiteRun:
    """What the suite said: findings and reasons for skipping by test, what ran, and how it ended ("": well)."""

    failures: dict[str, str]
    ran: tuple[str, ...]
    ending: str
    skipped: dict[str, str] = field(default_factory=dict)


def parse_output(lines: list[str], status: int) -> SuiteRun:
    """Read the suite's output."""
    failures: dict[str, str] = {}
    skipped: dict[str, str] = {}
    ran, other = [], []
    current, done = "", False
    for line in lines:
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            other.append(line)
        elif "begin" in message:
            current = message["begin"]
        elif "end" in message:
            current = ""
            ran.append(message["end"])
            if "skipped" in message:
                skipped[message["end"]] = message["skipped"]
            elif not message["ok"]:
                failures[message["end"]] = message["detail"]
        elif "done" in message:
            done = True
    ending = "" if done and status == 0 else f"the suite ended with status {status}"
    if ending and current:
        failures[current] = f"the interpreter ended in it with status {status}: {' | '.join(other[-3:]) or 'no output'}"
        ran.append(current)
    elif ending and other:
        ending += f": {' | '.join(other[-3:])}"
    return SuiteRun(failures, tuple(ran), ending, skipped)


def run_suite(room: Room, top: Path, document: PythonJson, system: str, omitted: Collection[str] = ()) -> SuiteRun:
    """Run the suite by the Python of the tree ``top``, which says that it is without the modules ``omitted``.

    ``system`` is the target's; the tests say on which of them they mean something.
    """
    lines: list[str] = []
    modules = {name: entry.linkage for name, entry in document.build_info.extensions.items()}
    place = {"system": system, "emulator": room.emulator, "patience": room.patience}
    given = {"modules": modules, "omitted": sorted(omitted), "place": place}
    with tempfile.TemporaryDirectory(prefix="suite-") as directory:
        scripts = Path(directory)
        scripts.chmod(0o755)
        shutil.copyfile(Path(__file__).with_name(_PROGRAM), scripts / _PROGRAM)
        shutil.copytree(
            Path(__file__).with_name(_TESTS), scripts / _TESTS, ignore=shutil.ignore_patterns("__pycache__")
        )
        (scripts / "suite.json").write_text(json.dumps(given), encoding="utf-8", newline="\n")
        arguments = (document.python_exe, "-I", "-X", "faulthandler", f"{SCRIPTS}/{_PROGRAM}", f"{SCRIPTS}/suite.json")
        status = room.run(top, arguments, scripts, lines.append)
    return parse_output(lines, status)
