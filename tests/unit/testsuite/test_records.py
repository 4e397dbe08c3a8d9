"""What the driver told in real runs, by 3.11 and by 3.13, of files made to end in every way there is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pythonbuild.errors import TestSuiteError, UsageError
from pythonbuild.testsuite.records import FileRun, Reader, SuiteRun, plain_id, read_file
from tests.unit.testsuite.suites import RECORDED, read_run


@pytest.fixture(params=["3.11", "3.13"])
def run(request: pytest.FixtureRequest) -> SuiteRun:
    return read_run(request.param)


def file_of(run: SuiteRun, name: str) -> FileRun:
    return next(file for file in run.files if file.name == name)


def test_every_way_to_end(run: SuiteRun) -> None:
    assert {file.name.removeprefix("test_zzz_"): file.outcome for file in run.files} == {
        "test_colorsys": "passed",
        "altered": "passed",
        "crash": "crashed",
        "empty": "empty",
        "hang": "timeout",
        "import": "failed",
        "outcomes": "failed",
        "skipped": "skipped",
    }
    assert [file.name for file in run.files if file.altered] == ["test_zzz_altered"]
    assert file_of(run, "test_zzz_skipped").detail == "only on Windows"


def test_a_crash_and_a_timeout_name_their_test(run: SuiteRun) -> None:
    crash = file_of(run, "test_zzz_crash")
    assert crash.detail == "signal SIGABRT in test_zzz_crash.Crash.test_b_crashes: Fatal Python error: Aborted"
    assert [case.outcome for case in crash.cases] == ["passed"]
    assert file_of(run, "test_zzz_hang").detail.endswith("s in test_zzz_hang.Hang.test_hangs")
    assert {"test_zzz_crash", "test_zzz_hang"} <= set(run.failures)


def test_a_file_that_cannot_be_imported_fails_as_a_whole(run: SuiteRun) -> None:
    failures = [case for file in run.files for case in file.failures if file.name == "test_zzz_import"]
    assert all(case.id.startswith("test_zzz_import") for case in failures)
    assert len(failures) == 1


def test_every_failure_of_a_file_is_named(run: SuiteRun) -> None:
    failures = {case.id.removeprefix("test_zzz_outcomes."): case for case in file_of(run, "test_zzz_outcomes").failures}
    assert {name: case.outcome for name, case in failures.items()} == {
        "Class.setUpClass": "error",
        "Outcomes.test_cleanup": "failed",
        "Outcomes.test_fails": "failed",
        "Outcomes.test_raises": "error",
        "Outcomes.test_subtest_and_skip": "failed",
        "Outcomes.test_subtests": "failed",
        "Outcomes.test_unexpected": "unexpected",
        "double": "failed",
    }
    assert "AssertionError: 2 != 1" in failures["Outcomes.test_subtests"].detail
    assert "Invalid argument" in failures["Outcomes.test_raises"].detail


def test_the_other_outcomes(run: SuiteRun) -> None:
    cases = {case.id.rpartition(".")[2]: case for case in file_of(run, "test_zzz_outcomes").cases}
    assert cases["test_expected"].outcome == "expected"
    assert (cases["test_skipped"].outcome, cases["test_skipped"].detail) == ("skipped", "not here")
    assert run.count("skipped") == 2
    assert run.version in {"3.11.2", "3.13.15"}


@pytest.mark.parametrize(
    ("name", "file", "expected"),
    [
        ("test.test_json.test_decode.TestC.test_x", "test_json", "test_json.test_decode.TestC.test_x"),
        ("unittest.test.test_case.Test.test_x", "test_unittest", "test_unittest.unittest.test.test_case.Test.test_x"),
        ("setUpModule (test.test_ssl)", "test_ssl", "test_ssl.setUpModule"),
        ("tearDownClass (test.test_ssl.A)", "test_ssl", "test_ssl.A.tearDownClass"),
        ("enum.Flag", "test_enum", "test_enum.enum.Flag"),
        ("test_grammar_x.T.test_y", "test_grammar", "test_grammar.test_grammar_x.T.test_y"),
    ],
)
def test_ids_begin_with_their_file(name: str, file: str, expected: str) -> None:
    assert plain_id(name, file) == expected


def test_what_is_not_the_drivers_is_passed_over() -> None:
    reader = Reader()
    for line in ["a warning", "{not json", *RECORDED["3.13"].read_text().split("\n"), '["a", "list"]']:
        reader.take(line)
    assert len(reader.run(0, 1.0).files) == reader.total == 8


@pytest.mark.parametrize(("status", "drop"), [(1, 0), (0, 1), (139, 5)])
def test_a_driver_that_does_not_end_well(status: int, drop: int) -> None:
    reader = Reader()
    lines = RECORDED["3.13"].read_text().strip().split("\n")
    for line in [*lines[: len(lines) - drop], "MemoryError"]:
        reader.take(line)
    with pytest.raises(TestSuiteError) as caught:
        reader.run(status, 1.0)
    assert caught.value.reason == "test-suite"
    assert f"status {status}: MemoryError" in str(caught.value)


def test_an_unknown_file_is_a_wrong_flag() -> None:
    with pytest.raises(UsageError, match=r"--tests: .*found test_jsn, .*did you mean test_json\?"):
        Reader().take(json.dumps({"unknown": ["test_jsn"], "known": ["test_json", "test.test_asyncio.test_base"]}))


def test_a_file_without_a_case_that_failed_says_what_happened() -> None:
    record = {"file": "test_a", "status": 2, "seconds": 1, "timeout": False, "unfinished": "", "skipped": ""}
    reader = Reader()
    file = reader.take(json.dumps({**record, "output": "one\n\nImportError: no\n"}))
    assert file is not None
    assert (file.outcome, file.failures[0].id, file.failures[0].detail) == (
        "failed", "test_a", "failed: one | ImportError: no",
    )  # fmt: skip


def test_recorded_files_say_nothing_of_the_machine() -> None:
    for path in RECORDED.values():
        assert Path(path).read_text().count("/build/")


@pytest.mark.parametrize(("status", "unfinished", "outcome", "detail"), [
    (0xC0000005, "test.test_x.T.test_one", "crashed", "status 0xc0000005 in test_x.T.test_one: the last line"),
    (3, "test.test_x.T.test_one", "crashed", "status 3 in test_x.T.test_one: the last line"),
    (3, "", "passed", ""),
    (1, "", "crashed", "status 1: the last line"),
])  # fmt: skip
def test_how_windows_tells_a_crash(status: int, unfinished: str, outcome: str, detail: str) -> None:
    """abort() has the status that regrtest has for a changed process: a case that never ended tells them apart."""
    record = {"file": "test.test_x", "status": status, "seconds": 1.0, "timeout": False, "unfinished": unfinished,
              "skipped": "", "output": "the last line\n"}  # fmt: skip
    file = read_file(record, [])
    assert (file.outcome, file.detail, file.altered) == (outcome, detail, outcome == "passed")
