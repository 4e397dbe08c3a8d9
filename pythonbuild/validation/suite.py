"""Runs behaviour_suite.py by the built Python and reads its answer.

The suite prints a JSON object per line: ``{"begin": NAME}`` before each test, ``{"end": NAME, "ok": …, "detail": …}``
after it, ``{"done": true}`` last. So a test that takes the interpreter down with it is named, too.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pythonbuild.distribution.python_json import PythonJson
from pythonbuild.validation.room import SCRIPTS, Room

#: The program and the tests that it imports.
_FILES = ("behaviour_suite.py", "behaviour_tests.py")


@dataclass(frozen=True)
class SuiteRun:
    """What the suite said: findings by test, how it ended, and what it wrote besides."""

    failures: dict[str, str]
    ran: tuple[str, ...]
    ending: str


def parse_output(lines: list[str], status: int) -> SuiteRun:
    """Read the suite's output."""
    failures, ran, other = {}, [], []
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
            if not message["ok"]:
                failures[message["end"]] = message["detail"]
        elif "done" in message:
            done = True
    ending = "" if done and status == 0 else f"the suite ended with status {status}"
    if ending and current:
        failures[current] = f"the interpreter ended in it with status {status}: {' | '.join(other[-3:]) or 'no output'}"
        ran.append(current)
    elif ending and other:
        ending += f": {' | '.join(other[-3:])}"
    return SuiteRun(failures, tuple(ran), ending)


def run_suite(room: Room, top: Path, document: PythonJson) -> SuiteRun:
    """Run the suite by the Python of the tree ``top``."""
    lines: list[str] = []
    modules = {name: entry.linkage for name, entry in document.build_info.extensions.items()}
    with tempfile.TemporaryDirectory(prefix="suite-") as directory:
        scripts = Path(directory)
        scripts.chmod(0o755)
        for name in _FILES:
            shutil.copyfile(Path(__file__).with_name(name), scripts / name)
        (scripts / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
        arguments = (document.python_exe, "-I", "-X", "faulthandler", f"{SCRIPTS}/{_FILES[0]}",
                     f"{SCRIPTS}/modules.json")  # fmt: skip
        status = room.run(top, arguments, scripts, lines.append)
    return parse_output(lines, status)
