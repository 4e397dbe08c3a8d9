"""Bit for bit: the archives of this session are built again, elsewhere, by the command that proves it to users.

Both versions are verified in one place, so that the second one finds its dependencies built: under the other
conditions, too.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pythonbuild.elsewhere import remove
from tests.integration.conftest import CACHE, REPOSITORY, Run, build, clean, command
from tests.integration.distribution.test_build import copy_of_checkout

OTHER_VERSION = "3.11.2"


@pytest.fixture(scope="module")
def work() -> Iterator[Path]:
    """A place to verify in. Not below pytest's temporary directory, which no other user may enter."""
    directory = CACHE / f"verification-{os.getpid()}"
    yield directory
    remove(directory)


def verify(work: Path, against: Path, checkout: Path = REPOSITORY) -> tuple[int, dict[str, Any]]:
    """Run the command; return its exit status and its answer."""
    words = ["verify-reproducible", "--against", str(against), "--work", str(work), "--log-format", "json", "--offline"]
    done = subprocess.run(command(checkout, words, CACHE), capture_output=True, text=True, check=False, env=clean())
    last = done.stdout.splitlines()[-1] if done.stdout else "{}"
    assert '"Reproducibility"' in last, done.stderr + done.stdout[-4000:]
    return done.returncode, json.loads(last)


@pytest.fixture(scope="module")
def verified(first: Run, work: Path) -> tuple[int, dict[str, Any]]:
    """The verification of the session's first build; afterwards ``work`` holds the dependencies."""
    return verify(work, first.archive)


def test_the_same_archive_under_other_conditions(first: Run, verified: tuple[int, dict[str, Any]]) -> None:
    """From an empty store; in Docker if a daemon answers; as another user if we are root."""
    status, answer = verified
    assert status == 0, answer["comparisons"]
    assert answer["identical"] is True
    assert answer["comparisons"][0]["second"]["sha256"] == first.sha256
    here = {name: other for name, (_, other) in answer["conditions"].items()}
    assert here["store"] == "empty"
    assert " " in here["checkout"]
    assert not here["cache"].isascii()
    same_user = any("as the same user" in remark or "both builds run as root" in remark for remark in answer["remarks"])
    assert same_user or here["user"].startswith("nobody")


def test_another_version_on_the_dependencies_of_the_first(
    first: Run, verified: tuple[int, dict[str, Any]], work: Path, tmp_path: Path
) -> None:
    run = build(tmp_path / "dist", "--python", OTHER_VERSION)
    assert run.archive.name.startswith(f"cpython-{OTHER_VERSION}-")
    assert not any(step in run.built for step in ("openssl", "sqlite", "root")), "dependencies are built once"
    status, answer = verify(work, run.archive)
    assert (status, answer["identical"]) == (0, True), answer["comparisons"]
    assert int(answer["conditions"]["steps built"][1]) < 10


def test_a_build_that_stores_the_time_is_found_out(
    first: Run, verified: tuple[int, dict[str, Any]], work: Path, tmp_path: Path
) -> None:
    """The real build with one line changed: PYTHON.json tells when it was built, instead of the source's date."""
    checkout = copy_of_checkout(tmp_path / "clock")
    shipping = checkout / "pythonbuild/shipping.py"
    text = shipping.read_text()
    assert text.count("epoch=source_epoch(tree)") == 1
    shipping.write_text(text.replace("epoch=source_epoch(tree)", 'epoch=int(__import__("time").time())'))
    run = build(tmp_path / "dist", checkout=checkout)
    status, answer = verify(work, run.archive, checkout)
    assert (status, answer["identical"]) == (1, False)
    difference = answer["comparisons"][0]["differences"][0]
    assert (difference["member"], difference["kind"]) == ("python/PYTHON.json", "content")
    assert difference["detail"].startswith("key build_date:")
