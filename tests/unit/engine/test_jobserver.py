from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pythonbuild import host
from pythonbuild.engine.jobserver import FIFO, Jobserver
from pythonbuild.engine.tokens import Tokens


@pytest.fixture
def jobserver(tmp_path: Path) -> Iterator[Jobserver]:
    with Jobserver(tmp_path, 3) as jobserver:
        yield jobserver
    assert not list(tmp_path.glob("*.jobserver"))


def free(jobserver: Jobserver) -> int:
    """Count the free tokens as a make would see them, and put them back."""
    tokens = b""
    while select.select([jobserver], [], [], 0)[0]:
        tokens += os.read(jobserver.fileno(), 1)
    os.write(jobserver.fileno(), tokens)
    return len(tokens)


def test_a_running_step_takes_one_token(jobserver: Jobserver) -> None:
    assert free(jobserver) == 3
    assert [jobserver.try_acquire() for _ in range(4)] == [True, True, True, False]
    assert free(jobserver) == 0
    jobserver.release()
    assert free(jobserver) == 1
    assert jobserver.try_acquire()
    for _ in range(3):
        jobserver.release()
    assert free(jobserver) == 3


def test_a_make_sees_the_fifo_in_its_build_directory(jobserver: Jobserver, tmp_path: Path) -> None:
    build = tmp_path / "build"
    build.mkdir()
    jobserver.link_into(build)
    assert jobserver.variables("/build") == {"MAKEFLAGS": "-j3 --jobserver-auth=fifo:/build/.jobserver"}
    assert jobserver.try_acquire()
    make = os.open(build / FIFO, os.O_RDWR | os.O_NONBLOCK)
    assert os.read(make, 3) == b"++"
    assert not jobserver.try_acquire(), "the make has the others"
    os.write(make, b"+")
    assert jobserver.try_acquire()
    jobserver.release()
    os.close(make)  # with one token: it was killed
    assert free(jobserver) == 1
    jobserver.release()
    assert free(jobserver) == 3, "nothing runs, so all are there again"


def test_lost_tokens_cannot_stop_the_first_step(jobserver: Jobserver) -> None:
    os.read(jobserver.fileno(), 3)
    assert jobserver.try_acquire()
    assert free(jobserver) == 2


def test_surplus_tokens_go_when_nothing_runs(jobserver: Jobserver) -> None:
    assert jobserver.try_acquire()
    os.write(jobserver.fileno(), b"++++")
    jobserver.release()
    assert free(jobserver) == 3


def test_acquire_waits_and_gives_up(jobserver: Jobserver) -> None:
    for _ in range(3):
        assert jobserver.try_acquire()
    assert not jobserver.acquire(lambda: True)
    timer = threading.Timer(0.05, jobserver.release)
    timer.start()
    assert jobserver.acquire(lambda: False)
    timer.join()


def test_one_job_needs_no_fifo(tmp_path: Path) -> None:
    with Jobserver(tmp_path, 1) as jobserver:
        assert jobserver.variables("/build") == {"MAKEFLAGS": "-j1"}
        assert free(jobserver) == 1


def test_an_abandoned_step_may_end_after_the_jobserver(tmp_path: Path) -> None:
    with Jobserver(tmp_path, 2) as jobserver:
        assert jobserver.try_acquire()
    jobserver.release()
    jobserver.wake()


@pytest.fixture(params=[Jobserver, Tokens])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Jobserver | Tokens]:
    with Tokens(2) if request.param is Tokens else Jobserver(tmp_path, 2) as jobserver:
        yield jobserver


def test_what_both_kinds_do(either: Jobserver | Tokens) -> None:
    assert [either.try_acquire() for _ in range(3)] == [True, True, False]
    assert not either.acquire(lambda: True)
    timer = threading.Timer(0.05, either.release)
    timer.start()
    assert either.acquire(lambda: False)
    timer.join()
    started = time.monotonic()
    either.wait(0.1, for_token=True)
    assert time.monotonic() - started > 0.05
    for action, for_token in ((either.wake, False), (either.wake, True), (either.release, True)):
        timer = threading.Timer(0.05, action)
        timer.start()
        either.wait(None, for_token=for_token)
        timer.join()
    either.wake()
    either.wait(None, for_token=False)
    started = time.monotonic()
    either.wait(0.1, for_token=False)
    assert time.monotonic() - started > 0.05, "woken once, it waits again"


def test_steps_without_a_jobserver_share_the_jobs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Tokens(8) as tokens:
        shares = []
        for _ in range(8):
            assert tokens.try_acquire()
            shares.append(tokens.variables("/build"))
        assert [share["JOBS"] for share in shares] == ["8", "4", "3", "2", "2", "2", "2", "1"]
        assert shares[1] == {"JOBS": "4", "MAKEFLAGS": "-j4"}
        tokens.link_into(tmp_path)
        assert not list(tmp_path.iterdir())
        monkeypatch.setattr(host, "WINDOWS", True)
        assert tokens.variables("/build") == {"JOBS": "1"}, "nmake reads MAKEFLAGS"
