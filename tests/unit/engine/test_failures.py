"""How builds fail: what is told of it, what is ended, what is tried again."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from pythonbuild.engine import inside, running
from pythonbuild.engine.events import Note, StepFinished
from pythonbuild.engine.model import CallAction, CallContext, InputFile, Step
from pythonbuild.engine.workdir import WorkDirectory
from pythonbuild.errors import (
    ConfigError,
    FetchTemporaryError,
    NoSpaceError,
    PlanError,
    StepFailedError,
    StoreError,
)
from tests.unit.engine.fakes import (
    Builder,
    leftovers,
    library,
    plan_of,
    recipe,
    wait_for,
)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(3, "exit status 3"), (137, "ended by SIGKILL (out of memory?)"), (250, "exit status 250"),
     (0xC0000005, "exit status 0xC0000005")],
)  # fmt: skip
def test_how_a_command_ended(status: int, expected: str) -> None:
    assert running._ended(status) == expected


def test_a_failure_is_told_in_full(builder: Builder) -> None:
    noisy = recipe("bad", "seq 1 50; exit 7")
    with pytest.raises(StepFailedError, match=r"step bad failed: exit status 7; see .*bad\.log") as error:
        builder.build(plan_of(library("zlib"), noisy, library("user", "bad")))
    assert error.value.tail == tuple(str(number) for number in range(31, 51))
    assert error.value.reenter == "enter bad"
    finished = builder.finished("bad")
    assert (finished.status, finished.tail, finished.reenter) == ("failed", error.value.tail, "enter bad")
    assert finished.log
    assert len(finished.log.read_text().splitlines()) == 50
    assert builder.statuses()["user"] == "skipped"
    assert len(list((builder.cache / "work").iterdir())) == 1, "its work directory is there to be re-entered"
    with pytest.raises(StepFailedError):
        builder.build(plan_of(library("zlib"), noisy))
    assert len(list((builder.cache / "work").iterdir())) == 1, "only the latest"
    builder.build(plan_of(library("zlib"), recipe("bad", "true")))
    assert leftovers(builder) == []


def test_a_failure_is_told_before_an_earlier_one_is_cleared_away(
    builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = threading.Event()

    def drop(_work: WorkDirectory) -> None:
        wait_for(lambda: any(isinstance(event, StepFinished) and event.step == "bad" for event in builder.events))
        told.set()

    monkeypatch.setattr(WorkDirectory, "drop_failed", drop)
    with pytest.raises(StepFailedError):
        builder.build(plan_of(recipe("bad", "false")))
    assert told.is_set()


def test_death_by_signal_is_named(builder: Builder) -> None:
    with pytest.raises(StepFailedError, match=r"ended by SIGKILL \(out of memory\?\)"):
        builder.build(plan_of(recipe("big", "kill -9 $$")))


def test_a_failure_cancels_what_runs_beside_it(builder: Builder, tmp_path: Path) -> None:
    other = recipe("slow", f"touch {tmp_path}/on; sleep 60")
    bad = recipe("bad", f"while [ ! -e {tmp_path}/on ]; do sleep 0.01; done; exit 1")
    started = time.monotonic()
    with pytest.raises(StepFailedError, match="step bad"):
        builder.build(plan_of(other, bad, library("later"), goals=["slow", "bad", "later"]), jobs=2)
    assert time.monotonic() - started < 20
    assert builder.statuses() == {"root": "built", "bad": "failed", "slow": "cancelled", "later": "skipped"}


def test_keep_going(builder: Builder) -> None:
    plan = plan_of(recipe("bad", "exit 1"), library("user", "bad"), library("usersuser", "user"), library("other"),
                   library("another", "other"), goals=["usersuser", "another"])  # fmt: skip
    with pytest.raises(StepFailedError, match="step bad"):
        builder.build(plan, jobs=1, keep_going=True)
    assert builder.statuses() == {
        "root": "built", "bad": "failed", "user": "skipped", "usersuser": "skipped", "other": "built",
        "another": "built",
    }  # fmt: skip


def test_an_unexpected_error_has_its_traceback_in_the_log_only(builder: Builder) -> None:
    def broken(context: CallContext) -> None:
        context.log("about to fail")
        raise ValueError("unforeseen")

    with pytest.raises(StepFailedError, match="step broken failed: ValueError: unforeseen") as error:
        builder.build(plan_of(Step("broken", CallAction(broken))))
    assert error.value.tail == ("about to fail",)
    assert error.value.log
    assert "raise ValueError" in error.value.log.read_text()
    assert leftovers(builder) == []


def test_only_temporary_failures_are_retried(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Event, "wait", lambda *_: False)
    tries: list[str] = []

    def flaky(context: CallContext) -> None:
        (context.out / "left").touch()
        assert len(list(context.out.iterdir())) == 1, "every try begins anew"
        tries.append(context.step)
        if len(tries) < 3:
            raise FetchTemporaryError("the network hiccuped")

    builder.build(plan_of(Step("flaky", CallAction(flaky))))
    assert len(tries) == 3
    warnings = [event.text for event in builder.events if isinstance(event, Note)]
    assert warnings == ["step flaky: the network hiccuped; trying again"] * 2

    def hopeless(context: CallContext) -> None:
        tries.append(context.step)
        raise FetchTemporaryError("no network")

    def wrong(context: CallContext) -> None:
        tries.append(context.step)
        raise StoreError("wrong")

    with pytest.raises(FetchTemporaryError, match="no network"):
        builder.build(plan_of(Step("hopeless", CallAction(hopeless))))
    with pytest.raises(StoreError, match="wrong"):
        builder.build(plan_of(Step("wrong", CallAction(wrong))))
    assert (tries.count("hopeless"), tries.count("wrong")) == (running.ATTEMPTS, 1)


def test_a_full_disk_is_told_as_that(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "free_bytes", lambda _: 0)
    with pytest.raises(NoSpaceError, match=r"no space left: found exit status 1; .*build-linux.py gc"):
        builder.build(plan_of(recipe("bad", "exit 1")))
    assert leftovers(builder) == []
    assert inside.free_bytes(builder.cache) > 0


def test_a_missing_input_file_is_that_steps_failure(builder: Builder, tmp_path: Path) -> None:
    step = recipe("bad", "true", files=[InputFile("gone", tmp_path / "gone")])
    with pytest.raises(ConfigError, match="gone: cannot be read"):
        builder.build(plan_of(step, library("fine"), goals=["bad", "fine"]), keep_going=True)
    assert builder.statuses() == {"root": "built", "bad": "failed", "fine": "built"}


def test_names_that_lead_outside_are_refused(builder: Builder, tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(PlanError, match=r"'\.\./x' is not a relative path"):
        builder.build(plan_of(recipe("bad", "true", files=[InputFile("../x", tmp_path / "x")])))


@pytest.mark.parametrize(("steps", "message"), [
    ([library("a", "b"), library("b", "a")], "in a circle: found b → a → b"),
    ([library("a", "gone")], "step a needs gone, which is not a step"),
    ([library("a"), library("a")], "two steps called a"),
])  # fmt: skip
def test_plans_that_are_no_graphs(builder: Builder, steps: list[Step], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        builder.build(plan_of(*steps))
