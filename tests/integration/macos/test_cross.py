"""Dependencies compiled for macOS on Linux by the real command, as the recipes of a Mac do it.

Two of the quick ones, for each processor: the whole, with CPython, is ``./build-macos.py cross-check``.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.integration.conftest import CACHE, REPOSITORY, clean


def cross_check(*arguments: str) -> subprocess.CompletedProcess[str]:
    flags = ["--environment", "sandbox", "--cache-dir", str(CACHE)]
    command = [sys.executable, str(REPOSITORY / "build-macos.py"), "cross-check", *arguments, *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=clean())


@pytest.mark.parametrize("triple", ["aarch64-apple-darwin", "x86_64-apple-darwin"])
def test_dependencies_are_compiled_for_macos(triple: str) -> None:
    done = cross_check("zlib", "mpdecimal", "--target-triple", triple, "--json")
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout)
    assert told["target_triple"] == triple
    passed, remark = told["lines"]
    assert passed.startswith("passed         cross-objects: ")
    total, bitcode, silent = (int(word) for word in remark.replace("(", "").split() if word.isdigit())
    assert total >= 30, "about 15 objects of each"
    assert bitcode == silent == 0


@pytest.mark.parametrize(("arguments", "message"), [
    (["--target-triple", "x86_64-unknown-linux-gnu"], "unknown target for macOS: found x86_64-unknown-linux-gnu"),
    (["--target-triple", "universal2-apple-darwin"], "is not built, but merged from builds for one processor each"),
    (["zlib", "--options", "pgo+lto"], "expected one of debug, noopt, lto; a profile is trained by running what was"),
    (["ncurses"], "no dependency of CPython on macOS that can be compiled here: found ncurses"),
])  # fmt: skip
def test_what_cannot_be_compiled_is_one_line(arguments: list[str], message: str) -> None:
    done = cross_check(*arguments)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("build-macos.py: ")]
    assert message in line
