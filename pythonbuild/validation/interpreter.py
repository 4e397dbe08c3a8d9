"""Asks the built Python what it says of itself, by ``tell_facts.py``, and compares PYTHON.json with the answer."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pythonbuild.config.model import SYSTEM
from pythonbuild.distribution import typed_json
from pythonbuild.distribution.binaries import features_of, symbol_visibility
from pythonbuild.distribution.python_json import PythonJson
from pythonbuild.errors import DistributionError
from pythonbuild.validation.checks import NotApplicable, Subject, check
from pythonbuild.validation.room import SCRIPTS, Room

_PROGRAM = "tell_facts.py"
_ANSWER = "FACTS "
#: What PYTHON.json says of the interpreter outside of ``interpreter``.
_OUTSIDE = ("python_version", "python_major_minor_version")


def ask_interpreter(room: Room, top: Path, interpreter: str) -> dict[str, Any]:
    """Return what an interpreter (its path relative to ``top``) says of itself.

    Raises DistributionError when it does not answer.
    """
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="facts-") as directory:
        scripts = Path(directory)
        scripts.chmod(0o755)
        shutil.copyfile(Path(__file__).with_name(_PROGRAM), scripts / _PROGRAM)
        status = room.run(top, (interpreter, "-I", f"{SCRIPTS}/{_PROGRAM}"), scripts, lines.append)
    answer = next((line for line in lines if line.startswith(_ANSWER)), None)
    if status or answer is None:
        said = " | ".join(lines[-3:]) or "no output"
        raise DistributionError(f"{interpreter}: says nothing of itself", found=f"status {status}: {said}")
    facts: dict[str, Any] = json.loads(answer.removeprefix(_ANSWER))
    return facts


@check("metadata-interpreter", "what PYTHON.json says of the interpreter is what it says of itself")
def interpreter(subject: Subject) -> Iterator[str]:
    """The interpreter is run on an ordinary system and asked: for its version and tags, its directories, what
    ``sysconfig`` holds, the suffixes of modules, the packages of tests, and so on. Every value is compared, each of the
    variables of ``sysconfig`` by itself. What its files tell is compared with the files: the newest version of the C
    library that any of them asks for, and whether extension modules can see the interpreter's symbols.

    Archives of other builders are not run. Those of format 0 that were built before the key ``interpreter`` was there
    say nothing to be compared.
    """
    document = subject.document
    if document.interpreter is None:
        raise NotApplicable("PYTHON.json has no key interpreter")
    findings = [*_files(subject, document)]
    try:
        answer = ask_interpreter(subject.room(SYSTEM), subject.top, document.python_exe)
    except NotApplicable:
        if not findings:
            raise
    else:
        findings += _differences(_said(document), answer, "")
    yield from findings


def _said(document: PythonJson) -> dict[str, Any]:
    """Return what the description says, by the names that the interpreter answers with."""
    said: dict[str, Any] = typed_json.to_plain(document.interpreter)
    return {**said, **{name: getattr(document, name) for name in _OUTSIDE}}


def _files(subject: Subject, document: PythonJson) -> Iterator[str]:
    entry = document.interpreter
    assert entry is not None
    features = features_of(file.dynamic for file in subject.shared_objects)
    if entry.crt_features != features:
        yield f"crt_features: {' '.join(entry.crt_features)}, the files ask for {' '.join(features)}"
    visibility = symbol_visibility(subject.top / document.python_exe)
    if entry.python_symbol_visibility != visibility:
        yield f"python_symbol_visibility: {entry.python_symbol_visibility}, the interpreter's is {visibility}"


def _differences(said: Mapping[str, Any], answer: Mapping[str, Any], place: str) -> Iterator[str]:
    """Compare what was answered with what the description says of it."""
    for name in sorted(answer):
        here = f"{place}{name}"
        if name not in said:
            yield f"{here}: not said, the interpreter says {_short(answer[name])}"
        elif isinstance(answer[name], dict) and isinstance(said[name], dict):
            yield from _differences(said[name], answer[name], f"{here}.")
        elif said[name] != answer[name]:
            yield f"{here}: {_short(said[name])}, the interpreter says {_short(answer[name])}"
    if place:
        yield from (f"{place}{name}: the interpreter does not know it" for name in sorted(said.keys() - answer.keys()))


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


CHECKS = (interpreter,)
