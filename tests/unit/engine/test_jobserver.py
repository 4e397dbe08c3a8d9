from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pythonbuild.engine.jobserver import FIFO, Jobserver


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
    assert jobserver.makeflags("/build") == "-j3 --jobserver-auth=fifo:/build/.jobserver"
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
        assert jobserver.makeflags("/build") == "-j1"
        assert free(jobserver) == 1
