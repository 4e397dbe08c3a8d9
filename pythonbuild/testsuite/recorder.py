"""Runs one file of CPython's test suite by regrtest and writes down what becomes of every test case.

It runs inside, by the Python under test, with that Python's standard library only: ``recorder.main()`` with
``sys.argv`` = [records, file, arguments of regrtest …]. ``driver.py`` starts it.

Why not read regrtest's own JUnit file: it is written at the end, so a crash or a timeout leaves none; it leaves out
failures of subtests, of setUpClass and of setUpModule; it does not say which file a case belongs to. All of these pass
through the public methods of :class:`unittest.TestResult`, which have been the same for ten years. So these are
watched, on regrtest's result class alone: the suite's tests of unittest make results of their own that fail on purpose.

A record is a line of JSON: ``{"start": ID}``, then ``{"case": ID, "outcome": …, "seconds": …, "detail": …}``. A start
without its case names the test that took the interpreter down.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import os
import sys
import time
import traceback
from typing import Any, TextIO

#: How bad an outcome is: a case whose body passed and whose clean-up failed has failed.
RANK = ("passed", "expected", "skipped", "unexpected", "failed", "error")

#: The longest detail that is kept; the end of a traceback says what went wrong.
LONGEST = 3000

#: Where the releases keep the result class.
PLACES = ("test.libregrtest.testresult", "test.support.testresult")


def result_class() -> Any:
    for place in PLACES:
        try:
            return importlib.import_module(place).RegressionTestResult
        except ImportError:
            continue
    raise SystemExit("this Python has no test.libregrtest that the recorder knows")


class Recorder:
    """What is known of the case that runs now, and the stream of records.

    Some tests run other tests, in this process. What the results of these are told is not ours: while a case runs, only
    the result that started it is listened to.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.process = os.getpid()
        self.begin("", None)

    def begin(self, name: str, owner: object) -> None:
        self.name = name
        self.owner = owner
        self.started = time.perf_counter()
        self.outcome = ""
        self.details: list[str] = []

    def write(self, record: dict[str, object]) -> None:
        if os.getpid() == self.process:  # a forked child that goes on testing by mistake is no case
            self.stream.write(json.dumps(record) + "\n")
            self.stream.flush()

    def listens_to(self, result: object) -> bool:
        return self.owner is None or self.owner is result

    def start(self, result: object, test: Any) -> None:
        self.begin(name_of(test), result)
        self.write({"start": self.name})

    def note(self, test: Any, outcome: str, detail: str = "") -> None:
        """Take an outcome; the worst of a case counts. What belongs to no case (setUpClass) is one by itself."""
        name = name_of(getattr(test, "test_case", test))  # a subtest's case is the case
        if name == self.name:
            if not self.outcome or RANK.index(outcome) > RANK.index(self.outcome):
                self.outcome = outcome
            if detail:
                self.details.append(detail)
        else:
            self.write({"case": name, "outcome": outcome, "seconds": 0.0, "detail": detail[-LONGEST:]})

    def stop(self) -> None:
        seconds = round(time.perf_counter() - self.started, 3)
        detail = "\n".join(self.details)[-LONGEST:]
        # A case that only had subtests that failed, or was left without any outcome, is judged by what was seen.
        self.write({"case": self.name, "outcome": self.outcome or "passed", "seconds": seconds, "detail": detail})
        self.begin("", None)


def name_of(test: Any) -> str:
    identifier = getattr(test, "id", None)
    return str(identifier()) if callable(identifier) else str(test)


def text_of(error: Any) -> str:
    return "".join(traceback.format_exception(*error))


def watch(recorder: Recorder) -> None:
    """Have every outcome that regrtest's result class is told noted, and then handled as before."""
    kind = result_class()

    def wrap(name: str, before: Any) -> None:
        original = getattr(kind, name)

        @functools.wraps(original)
        def method(self: Any, *arguments: Any, **options: Any) -> Any:
            if recorder.listens_to(self):
                before(self, *arguments, **options)
            return original(self, *arguments, **options)

        setattr(kind, name, method)

    def subtest(_result: Any, test: Any, part: Any, error: Any) -> None:
        if error is not None:
            outcome = "failed" if issubclass(error[0], test.failureException) else "error"
            recorder.note(test, outcome, f"{part.id()}\n{text_of(error)}")

    wrap("startTest", recorder.start)
    wrap("addSuccess", lambda _, test: recorder.note(test, "passed"))
    wrap("addSkip", lambda _, test, reason: recorder.note(test, "skipped", str(reason)))
    wrap("addFailure", lambda _, test, error: recorder.note(test, "failed", text_of(error)))
    wrap("addError", lambda _, test, error: recorder.note(test, "error", text_of(error)))
    wrap("addExpectedFailure", lambda _, test, _error: recorder.note(test, "expected"))
    wrap("addUnexpectedSuccess", lambda _, test: recorder.note(test, "unexpected", "passed, and was expected to fail"))
    wrap("addSubTest", subtest)
    wrap("stopTest", lambda _, _test: recorder.stop())


def be_the_program(name: str) -> str:
    """Let the main module say that it is a module run by ``python -m``; return its file.

    Tests look at that file, and processes that multiprocessing spawns run the main module anew unless it is such a one.
    """
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"{name} was imported before"
    assert spec.origin is not None, f"{name} is a file of the standard library"
    main_module = sys.modules["__main__"]
    main_module.__spec__, main_module.__file__ = spec, spec.origin
    return spec.origin


def main() -> None:
    """Run a file as ``python -m test`` does; ends with regrtest's status."""
    regrtest = importlib.import_module("test.libregrtest.main")
    program = be_the_program("test.__main__")
    records, name, *arguments = sys.argv[1:]
    with open(records, "w", encoding="utf-8", errors="backslashreplace") as stream:  # noqa: PTH123 - as light as can be
        watch(Recorder(stream))
        sys.argv = [program, *arguments, name]
        regrtest.main()
