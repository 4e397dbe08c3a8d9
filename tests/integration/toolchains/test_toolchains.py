"""Toolchains from source, as far as it is made in minutes: binutils, the other sysroot, an archive that is taken in.

What takes hours (GCC, LLVM) was run by hand; docs/toolchains.rst tells when, and what came out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pythonbuild.distribution.objectfile import Elf
from pythonbuild.errors import UsageError
from pythonbuild.toolchain_choice import imported
from tests.integration.conftest import CACHE, REPOSITORY, clean
from tests.integration.toolchains.conftest import TRIPLE, provided


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(REPOSITORY / "build-linux.py"), *arguments, "--cache-dir", str(CACHE)]
    return subprocess.run(words, capture_output=True, text=True, check=False, env=clean())


def test_binutils_are_made_from_source_and_need_nothing_of_the_root(binutils: Path) -> None:
    programs = binutils / "tools/gnu/bin"
    for name in ("as", "ld", "ar", "nm", "objcopy", "objdump", "ranlib", "readelf", "strip"):
        dynamic = Elf((programs / name).read_bytes(), name).dynamic()
        assert dynamic is not None
        assert set(dynamic.needed) <= {"libc.so.6", "libm.so.6"}, name
    assert (binutils / "tools/gnu/x86_64-linux-gnu/bin/as").exists()
    assert (binutils / "licenses/binutils/COPYING3").is_file()


def test_a_toolchain_that_is_taken_in_compiles(small: Path, tmp_path: Path) -> None:
    """From import to a library: its steps are placed, not made."""
    done = command("toolchain", "import", str(small), "--json")
    assert done.returncode == 0, done.stderr
    kept = Path(json.loads(done.stdout)["archive"])
    try:
        listed = command("toolchain", "list")
        assert f"imported: {small.name}" in listed.stdout
        with provided(tmp_path, toolchain="bootstrap", compiler="gcc") as made:
            assert made.inputs(TRIPLE).toolchain_archive is not None
            # libXau asks for a function that is newer than the floor: GCC must not find it in its own system's library.
            digests = made.made(TRIPLE, ["toolchain", "gcc", "zlib", "libxau"])
            told = json.loads((made.tree(digests["toolchain"]) / "tools/toolchain.json").read_text())
            library = (made.tree(digests["zlib"]) / "tools/deps/lib/libz.a").read_bytes()
            options = (made.tree(digests["toolchain"]) / f"tools/bin/{TRIPLE}.cfg").read_text()
            wrapper = (made.tree(digests["toolchain"]) / f"tools/bin/{TRIPLE}-gcc").read_text()
        assert told["kind"] == "bootstrap"
        assert told["tools"]["ar"].startswith("2.47")
        assert wrapper == f'#!/bin/sh\nexec /tools/gnu/bin/gcc @/tools/bin/{TRIPLE}.cfg "$@"\n'
        assert "-L/tools/sysroot/usr/lib/x86_64-linux-gnu\n" in options
        assert b"GCC: (Debian" in library
        assert b"clang" not in library
    finally:
        kept.unlink()
    assert not list(imported(CACHE))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["toolchain", "export"], "toolchain export: nothing to export"),
        (["toolchain", "import"], "toolchain: unknown action"),
        (["toolchain", "import", "README.nowhere"], "no such file"),
        (["--toolchain", "bootstrap", "--cc", "gcc", "--options", "pgo"], "--options: bootstrap:gcc-14 cannot do that"),
        (["--stages", "4"], "--stages"),
        (["--toolchain-archive", str(REPOSITORY / "README.rst")], "not an archive"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments: list[str], said: str) -> None:
    done = command(*arguments)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_damaged_archive_is_not_taken_in(small: Path, tmp_path: Path) -> None:
    damaged = tmp_path / small.name
    data = bytearray(small.read_bytes())
    data[len(data) // 2] ^= 0xFF
    damaged.write_bytes(data)
    done = command("toolchain", "import", str(damaged))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert not list(imported(CACHE))


def test_an_archive_for_another_target_is_refused(small: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="is another toolchain than --toolchain names"),
        provided(tmp_path, toolchain="packaged:clang-19", toolchain_archive=str(small)) as made,
    ):
        made.inputs(TRIPLE)
