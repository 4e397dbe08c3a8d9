"""The main job, run as a user runs it: again, changed, killed, twice at once.

What it gives elsewhere is told by test_reproducible.py.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

from pythonbuild.engine.store import Record
from tests.integration.conftest import CACHE, REPOSITORY, Run, build, clean, command


def copy_of_checkout(target: Path) -> Path:
    """Copy what git tracks, as it is in the working tree."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True).stdout
    for name in names.decode().split("\0"):
        if name and (REPOSITORY / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name)
    return target


def test_again_builds_nothing(first: Run, tmp_path: Path) -> None:
    again = build(tmp_path / "dist")
    assert again.built == []
    assert set(again.steps.values()) == {"cached"}
    assert again.sha256 == first.sha256


def test_the_archive_s_name_says_what_it_is(first: Run) -> None:
    assert first.archive.name.startswith("cpython-3.13.")
    assert "-x86_64-unknown-linux-gnu-noopt-" in first.archive.name
    assert first.archive.suffixes[-2:] == [".tar", ".zst"]


def test_a_changed_byte_rebuilds_that_step_only(first: Run, tmp_path: Path) -> None:
    """The archive is the same: the byte is in a comment."""
    checkout = copy_of_checkout(tmp_path / "changed")
    script = checkout / "cpython-unix/recipes/zlib/build.sh"
    # Another digit of each run, so that a cache that has seen this test before is no help.
    script.write_text(script.read_text() + f"# {time.time_ns()}\n")
    reason = subprocess.run(command(checkout, ["why", "zlib"], CACHE), capture_output=True, text=True, check=True,
                            env=clean())  # fmt: skip
    assert "build.sh" in reason.stdout
    changed = build(tmp_path / "dist", checkout=checkout)
    assert changed.built == ["zlib"]
    assert changed.sha256 == first.sha256


def test_killed_at_random_moments(first: Run, tmp_path: Path) -> None:
    """kill -9, then again: no cleaning by hand, and in the end the same archive."""
    cache = tmp_path / "cache"
    shutil.copytree(CACHE / "venv", cache / "venv", symlinks=True)
    shutil.copytree(CACHE / "downloads", cache / "downloads", copy_function=_link)
    own = shutil.ignore_patterns("sessions", "locks")
    shutil.copytree(CACHE / "store", cache / "store", copy_function=_link, ignore=own)
    version = first.archive.name.split("-")[1]
    forget(cache, ["zlib", "bzip2", "xz", "ncurses", "libffi", f"assemble-{version}-noopt",
                   f"archive-{version}-noopt", f"validate-{version}-noopt"])  # fmt: skip
    randomness = random.Random(20261122)
    for _ in range(20):
        flags = ["--environment", "sandbox", "--output", str(tmp_path / "dist")]
        process = subprocess.Popen(command(REPOSITORY, flags, cache), stdout=subprocess.DEVNULL, env=clean())
        time.sleep(randomness.uniform(0.3, 6.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = build(tmp_path / "dist", cache=cache)
    assert last.sha256 == first.sha256
    left = [path.name for path in (tmp_path / "dist").iterdir() if not path.name.startswith(last.archive.name)]
    assert left == []


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


def forget(cache: Path, steps: list[str]) -> None:
    """Make the store forget that it ran these steps."""
    forgotten = set()
    for path in (cache / "store/actions").rglob("*"):
        record = Record.decode(path.read_bytes()) if path.is_file() else None
        if record and record.step in steps:
            path.unlink()
            forgotten.add(record.step)
    assert forgotten == set(steps)


def test_two_at_once_share_the_store(first: Run, tmp_path: Path) -> None:
    """Two checkouts that both have to build the same step: one builds, both get it."""
    text = f"# {time.time_ns()}\n"
    processes = []
    for name in ("one", "two"):
        checkout = copy_of_checkout(tmp_path / name)
        script = checkout / "cpython-unix/recipes/xz/build.sh"
        script.write_text(script.read_text() + text)
        flags = ["--environment", "sandbox", "--log-format", "json", "--output", str(tmp_path / f"dist-{name}")]
        # Into files: one whose output nobody reads would stand still, and the other would wait for it.
        output = tmp_path / f"{name}.jsonl"
        with output.open("w") as stream:
            processes.append((subprocess.Popen(command(checkout, flags, CACHE), stdout=stream, env=clean()), output))
    statuses = []
    for process, output in processes:
        assert process.wait(timeout=600) == 0, output.read_text()[-4000:]
        events = [json.loads(line) for line in output.read_text().splitlines()]
        statuses += [event["status"] for event in events if event["event"] == "StepFinished" and event["step"] == "xz"]
        (published,) = [event for event in events if event["event"] == "Published"]
        assert published["sha256"] == first.sha256
    assert sorted(statuses) == ["built", "cached"]
