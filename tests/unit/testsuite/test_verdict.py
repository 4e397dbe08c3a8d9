"""Runs against expectations and against another Python, and what is told of them."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pythonbuild.errors import OutputError
from pythonbuild.testsuite import report
from pythonbuild.testsuite.expectations import Expectation, Kind
from pythonbuild.testsuite.junit import write_junit
from pythonbuild.testsuite.records import Case, FileRun
from pythonbuild.testsuite.verdict import compare, judge
from tests.unit.testsuite.suites import make_file, make_run, read_run

TARGET = "x86_64-unknown-linux-gnu"


def expect(test: str, kind: Kind = "fails", versions: str = ">=") -> Expectation:
    return Expectation(test, kind, f"{test} has its reason.", (((versions, "3.13"),),))


def test_failures_are_expected_or_not() -> None:
    run = make_run(make_file("test_a", "failed", one="failed", two="error", three="passed", four="unexpected"))
    verdict = judge(run, [expect("test_a.Case.one"), expect("test_a.Case.four", "flaky")], TARGET)
    assert [case.id for case in verdict.unexpected] == ["test_a.Case.two"]
    assert [case.id for case, _ in verdict.expected] == ["test_a.Case.one", "test_a.Case.four"]
    assert not verdict.ok(strict=False)


def test_an_entry_for_another_version_excuses_nothing() -> None:
    run = make_run(make_file("test_a", "failed", one="failed"))
    assert judge(run, [expect("test_a.Case.one", versions="<")], TARGET).unexpected


def test_the_closest_entry_gives_the_reason() -> None:
    run = make_run(make_file("test_a", "failed", one="failed"))
    verdict = judge(run, [expect("test_a"), expect("test_a.Case.one"), expect("test_a.Case")], TARGET)
    assert verdict.expected[0][1].test == "test_a.Case.one"


def test_a_crash_is_not_excused_by_an_entry_for_one_case() -> None:
    run = make_run(make_file("test_a", "crashed", one="passed"), make_file("test_b", "timeout"))
    verdict = judge(run, [expect("test_a.Case.one"), expect("test_b")], TARGET)
    assert [case.id for case in verdict.unexpected] == ["test_a"]
    assert [case.id for case, _ in verdict.expected] == ["test_b"]


@pytest.mark.parametrize(
    ("file", "stale"),
    [
        (make_file("test_a", one="passed"), True),
        (make_file("test_a", other="passed"), True),  # the test has gone, or its id is wrong
        (make_file("test_a", "failed", one="failed"), False),
        (make_file("test_a", one="skipped"), False),
        (make_file("test_a", "skipped"), False),
        (make_file("test_a", "crashed"), False),
        (make_file("test_b", one="passed"), False),  # not run
    ],
)
def test_a_stale_entry(file: FileRun, stale: bool) -> None:
    verdict = judge(make_run(file), [expect("test_a.Case.one")], TARGET)
    assert bool(verdict.stale) is stale
    if stale:
        assert verdict.ok(strict=False)
        assert not verdict.ok(strict=True)


@pytest.mark.parametrize("kind", ["flaky", "machine"])
def test_what_fails_now_and_then_or_elsewhere_is_never_stale(kind: Kind) -> None:
    assert not judge(make_run(make_file("test_a", one="passed")), [expect("test_a.Case.one", kind)], TARGET).stale


def test_an_entry_for_a_package_speaks_of_its_files() -> None:
    verdict = judge(make_run(make_file("test_a.test_b", one="passed")), [expect("test_a")], TARGET)
    assert [entry.test for entry in verdict.stale] == ["test_a"]


def test_the_same_tests_by_another_python() -> None:
    ours = make_run(
        make_file("test_a", "failed", both="failed", mine="error", skipped="failed", gone="failed"),
        make_file("test_c", "crashed"),
        make_file("test_d", "failed", one="failed"),
    )
    theirs = make_run(
        make_file("test_a", "failed", both="error", mine="passed", skipped="skipped", yours="failed"),
        make_file("test_c", one="passed"),
        make_file("test_d", "timeout"),
        version="3.13.5",
    )
    found = compare(ours, theirs, "/usr/bin/python3.13")
    assert {test.removeprefix("test_a.Case."): what for test, what in found.theirs.items()} == {
        "both": "fails",
        "mine": "passes",
        "skipped": "skipped",
        "gone": "absent",
        "test_c": "passes",
        "test_d.Case.one": "fails",
    }
    assert found.machine == ("test_a.Case.both", "test_d.Case.one")
    assert len(found.ours) == 4
    assert found.only_theirs == ("test_a.Case.yours", "test_d")


def test_the_report_ends_with_what_is_to_be_done() -> None:
    verdict = judge(read_run("3.13"), [expect("test_zzz_hang", "flaky"), expect("test_colorsys")], TARGET)
    lines = report.lines(verdict, compare(verdict.run, read_run("3.11"), "/usr/bin/python3"), strict=True)
    assert "skipped: test_zzz_skipped: only on Windows" in lines
    assert "ran no test: test_zzz_empty" in lines
    assert "left its process changed: test_zzz_altered" in lines
    assert "expected (flaky): test_zzz_hang: test_zzz_hang has its reason." in lines
    assert "error: expected to fail, and does not: test_colorsys: test_colorsys has its reason." in lines
    assert "FAILED test_zzz_crash" in lines
    assert lines[-1].startswith(
        "CPython 3.13.15: 8 files (2 passed, 2 failed, 1 crashed, 1 timeout, 1 skipped, 1 empty)"
    )
    assert "10 unexpected and 1 expected failures" in lines[-1]


def test_the_report_as_data() -> None:
    verdict = judge(read_run("3.13"), [expect("test_zzz_hang")], TARGET)
    document = json.loads(json.dumps(report.as_json(verdict)))
    assert (document["ok"], document["version"], len(document["files"])) == (False, "3.13.15", 8)
    assert [entry["test"] for entry in document["expected"]] == ["test_zzz_hang"]
    assert document["files"]["test_zzz_skipped"]["detail"] == "only on Windows"
    assert "against" not in document
    assert (
        report.as_json(verdict, compare(verdict.run, verdict.run, "p"))["against"]["theirs"]["test_zzz_crash"]
        == "fails"
    )


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (make_file("test_a", one="passed", two="skipped"), "[ 7/12] test_a: passed, 2 tests, 1.0 s"),
        (make_file("test_a", "failed", one="failed"), "[ 7/12] test_a: 1 failed, 1 tests, 1.0 s"),
        (make_file("test_a", "skipped"), "[ 7/12] test_a: skipped (its detail)"),
        (make_file("test_a", "crashed", one="passed"), "[ 7/12] test_a: crashed (its detail)"),
        (make_file("test_a", "empty"), "[ 7/12] test_a: empty"),
    ],
)
def test_progress(file: FileRun, line: str) -> None:
    assert report.progress(file, 7, 12) == line


def test_junit(tmp_path: Path) -> None:
    verdict = judge(read_run("3.11"), [expect("test_zzz_hang", versions="<")], TARGET)
    write_junit(verdict, tmp_path / "made" / "junit.xml")
    top = ET.parse(tmp_path / "made" / "junit.xml").getroot()
    assert (top.tag, top.get("name"), len(top)) == ("testsuites", "cpython 3.11.2", 8)
    assert int(top.get("failures", "0")) == len(verdict.unexpected)
    suites = {suite.get("name"): suite for suite in top}
    assert suites["test_zzz_skipped"].find("testcase/skipped") is not None
    hang = suites["test_zzz_hang"].find("testcase/skipped")
    assert hang is not None
    assert hang.get("message") == "expected: test_zzz_hang has its reason."
    failed = [case.get("name") for case in suites["test_zzz_outcomes"] if case.find("failure") is not None]
    assert failed[:2] == ["setUpClass", "test_cleanup"]
    assert suites["test_zzz_crash"].get("failures") == "1"


def test_junit_holds_no_character_that_xml_has_not(tmp_path: Path) -> None:
    bad = FileRun("test_a", "failed", 1.0, (Case("test_a.C.t", "failed", 0.1, "a\x00\x1b[31m\ud800\nlast \x07"),))
    write_junit(judge(make_run(bad), [], TARGET), tmp_path / "j.xml")
    failure = ET.parse(tmp_path / "j.xml").getroot().find("testsuite/testcase/failure")
    assert failure is not None
    assert (failure.text, failure.get("message")) == ("a??[31m?\nlast ?", "last ?")


def test_a_junit_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="--junit"):
        write_junit(judge(make_run(), [], TARGET), tmp_path / "file" / "junit.xml")


def test_what_needs_a_module_that_was_left_out_is_expected() -> None:
    missing = "Traceback …\nModuleNotFoundError: No module named '_sqlite3'\n"
    cases = (
        Case("test_a.Case.one", "error", 0.1, missing),
        Case("test_a.Case.two", "error", 0.1, "KeyError: '_sqlite3'"),
    )
    file = FileRun("test_b", "failed", 1.0, (), "ModuleNotFoundError: No module named 'tkinter'")
    run = make_run(FileRun("test_a", "failed", 1.0, cases), file)
    verdict = judge(run, [], TARGET, {"_sqlite3", "tkinter"})
    assert [case.id for case in verdict.unexpected] == ["test_a.Case.two"]
    told = {case.id: (entry.kind, entry.reason) for case, entry in verdict.expected}
    assert told["test_a.Case.one"] == ("left out", "needs _sqlite3, which was left out.")
    assert told["test_b"] == ("left out", "needs tkinter, which was left out.")
    assert len(judge(run, [], TARGET).unexpected) == 3, "nothing is excused that is not told"
    verdict = judge(run, [expect("test_a", "flaky")], TARGET, {"_sqlite3"})
    assert [entry.kind for _, entry in verdict.expected] == ["flaky", "flaky"], "the file's own words come first"
