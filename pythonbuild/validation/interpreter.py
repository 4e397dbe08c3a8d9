"""Asks the built Python what it says of itself, by ``tell_facts.py`` and ``tell_gil.py``, and compares PYTHON.json with
the answer.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pythonbuild.config.model import SYSTEM
from pythonbuild.config.options import is_freethreaded
from pythonbuild.distribution import typed_json
from pythonbuild.distribution.binaries import crt_features, features_of, symbol_visibility
from pythonbuild.distribution.python_json import PythonJson
from pythonbuild.errors import DistributionError
from pythonbuild.validation.checks import NotApplicable, Subject, check
from pythonbuild.validation.room import SCRIPTS, Room

_PROGRAM = "tell_facts.py"
_ANSWER = "FACTS "
_GIL_PROGRAM, _GIL_ANSWER = "tell_gil.py", "GIL "
_NO_GIL = re.compile(r"^#define Py_GIL_DISABLED 1\s*$", re.MULTILINE)
_ABI_FLAGS = re.compile(r"cp\d+([a-z]*)")
#: What PYTHON.json says of the interpreter outside of ``interpreter``.
_OUTSIDE = ("python_version", "python_major_minor_version")


def ask_interpreter(room: Room, top: Path, interpreter: str) -> dict[str, Any]:
    """Return what an interpreter (its path relative to ``top``) says of itself.

    Raises DistributionError when it does not answer.
    """
    return _ask(room, top, interpreter, _PROGRAM, _ANSWER)


def _ask(room: Room, top: Path, interpreter: str, program: str, begins: str, *arguments: str) -> dict[str, Any]:
    """Run one of the programs beside this module; return what the line says that begins so."""
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="facts-") as directory:
        scripts = Path(directory)
        scripts.chmod(0o755)
        shutil.copyfile(Path(__file__).with_name(program), scripts / program)
        status = room.run(top, (interpreter, "-I", f"{SCRIPTS}/{program}", *arguments), scripts, lines.append)
    answer = next((line for line in lines if line.startswith(begins)), None)
    if status or answer is None:
        said = " | ".join(lines[-3:]) or "no output"
        raise DistributionError(f"{interpreter}: says nothing of itself", found=f"status {status}: {said}")
    facts: dict[str, Any] = json.loads(answer.removeprefix(begins))
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
    if subject.target.os == "windows":
        return  # its DLLs are pe-imports' and pe-exports'
    if subject.target.os == "macos":
        features = crt_features(subject.install) if subject.macho_files else ()
    else:
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


@check("metadata-gil", "a free-threaded build has no global interpreter lock, and every other build has one")
def gil(subject: Subject) -> Iterator[str]:
    """With ``freethreaded`` among the build options, ``pyconfig.h`` defines ``Py_GIL_DISABLED``, so that extension
    modules are compiled for it; the ABI's tag has its ``t``, so that wheels for it are found; and the interpreter, run
    on an ordinary system, is without the lock when it starts and after every builtin module was imported: one that does
    not say that it can do without it brings the lock back. Without ``freethreaded``, none of this is so.
    """
    document = subject.document
    wanted = is_freethreaded(document.build_options)
    findings = [*_gil_of_files(subject, document, wanted)]
    builtin = sorted(name for name, entry in document.build_info.extensions.items() if entry.linkage == "builtin")
    try:
        room = subject.room(SYSTEM)
        answer = _ask(room, subject.top, document.python_exe, _GIL_PROGRAM, _GIL_ANSWER, *builtin)
    except NotApplicable:
        if not findings:
            raise
    else:
        state = "on" if answer["at_start"] else "off"
        if answer["at_start"] == wanted:
            findings.append(f"{document.python_exe}: the GIL is {state}, {_options(document)}")
        if answer["turned_on_by"]:
            findings.append(f"{document.python_exe}: importing {answer['turned_on_by']} turns the GIL on")
    yield from findings


def _gil_of_files(subject: Subject, document: PythonJson, wanted: bool) -> Iterator[str]:
    header = subject.top / document.python_include / "pyconfig.h"
    defined = header.is_file() and bool(_NO_GIL.search(header.read_text("utf-8", "replace")))
    if defined != wanted:
        verb = "defines" if defined else "does not define"
        yield f"{document.python_include}/pyconfig.h: {verb} Py_GIL_DISABLED, {_options(document)}"
    tag = document.interpreter.python_abi_tag if document.interpreter else None
    flags = _ABI_FLAGS.fullmatch(tag or "")
    if flags and ("t" in flags[1]) != wanted:
        yield f"python_abi_tag: {tag}, {_options(document)}"


def _options(document: PythonJson) -> str:
    return f"the build options are {document.build_options}"


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


CHECKS = (interpreter, gil)
