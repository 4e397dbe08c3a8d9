"""Writes a run as JUnit XML, for the programs of CI services that show test results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from pythonbuild.errors import OutputError
from pythonbuild.testsuite.expectations import Expectation
from pythonbuild.testsuite.records import Case, FileRun
from pythonbuild.testsuite.verdict import Verdict

#: Characters that XML has no way to write.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(verdict: Verdict, path: Path) -> None:
    """Write the run: a suite for each file; an expected failure is shown as skipped, with its reason."""
    expected = {case.id: entry for case, entry in verdict.expected}
    top = ET.Element("testsuites", name=f"cpython {verdict.run.version}", time=f"{verdict.run.seconds:.3f}")
    for file in sorted(verdict.run.files, key=lambda file: file.name):
        top.append(_suite(file, expected))
    for key in ("tests", "failures", "skipped"):
        top.set(key, str(sum(int(suite.get(key, "0")) for suite in top)))
    ET.indent(top)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ET.ElementTree(top).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise OutputError(f"--junit: {path} cannot be written", found=error.strerror) from error


def _suite(file: FileRun, expected: Mapping[str, Expectation]) -> ET.Element:
    suite = ET.Element("testsuite", name=file.name, time=f"{file.seconds:.3f}")
    failures = {case.id: case for case in file.failures}
    whole = [failures[file.name]] if file.name in failures else []
    if file.outcome in ("skipped", "empty"):
        whole.append(Case(file.name, "skipped", file.seconds, file.detail or "ran no test"))
    for case in (*whole, *file.cases):
        suite.append(_case(case, file.name, expected.get(case.id)))
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    return suite


def _case(case: Case, file: str, entry: Expectation | None) -> ET.Element:
    group, _, name = case.id.rpartition(".")
    element = ET.Element("testcase", classname=_clean(group or file), name=_clean(name), time=f"{case.seconds:.3f}")
    if case.bad and entry is None:
        last = case.detail.strip().split("\n")[-1]
        ET.SubElement(element, "failure", message=_clean(last), type=case.outcome).text = _clean(case.detail)
    elif case.bad and entry is not None:
        ET.SubElement(element, "skipped", message=_clean(f"expected: {entry.reason}"))
    elif case.outcome in ("skipped", "expected"):
        ET.SubElement(element, "skipped", message=_clean(case.detail or "expected to fail by its author"))
    return element


def _clean(text: str) -> str:
    return _NOT_XML.sub("?", text)
