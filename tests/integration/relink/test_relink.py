"""An archive linked again by the GCC of a user's machine, and by the pinned compiler: smaller, working, validated."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pythonbuild.distribution.archive import read_metadata
from pythonbuild.distribution.convert import convert
from pythonbuild.distribution.relink_choice import Addition, RelinkError, Wishes
from pythonbuild.distribution.relink_tools import CompilerError
from pythonbuild.relinking import Relinked
from tests.integration.conftest import CACHE, REPOSITORY, Run, clean, command
from tests.integration.ecosystem.desktop import SCRIPTS, Desktop
from tests.integration.relink.conftest import Linker

HERE = Path(__file__).parent
LEFT_OUT = ("_ssl", "_sqlite3", "_tkinter")
#: Bytes that interpreter and libpython together are smaller by without these, and seconds, on two cores.
SMALLER, SECONDS = 8_000_000, 60


@dataclass(frozen=True)
class Made:
    """What was linked, where it runs, and how long it took."""

    done: Relinked
    machine: Desktop
    seconds: float


@pytest.fixture(scope="module")
def smaller(first: Run, linker: Linker, machine_of: Callable[[Path], Desktop]) -> Made:
    started = time.monotonic()
    done = linker(first.archive, Wishes(without=LEFT_OUT))
    seconds = time.monotonic() - started
    return Made(done, machine_of(done.packed.path), seconds)


def test_smaller_and_soon(smaller: Made) -> None:
    before, after = smaller.done.sizes
    assert before - after >= SMALLER
    assert smaller.seconds < SECONDS


def test_it_has_the_other_modules_only(smaller: Made) -> None:
    python = smaller.machine.python
    code = "import sys, hashlib, json, zlib, readline, ctypes, dbm.ndbm, decimal; print(*sys.builtin_module_names)"
    names = smaller.machine.check(python, "-c", code).split()
    assert not {*names} & {*LEFT_OUT}
    assert "_hashlib" in names
    for package, module in (("ssl", "_ssl"), ("sqlite3", "_sqlite3"), ("tkinter", "_tkinter")):
        outcome = smaller.machine.run(python, "-c", f"import {package}")
        assert outcome.status == 1
        assert f"No module named '{module}'" in outcome.output


def test_what_only_they_needed_is_gone(smaller: Made) -> None:
    top = smaller.machine.work / "python"
    libraries = {path.name for path in (top / "build/lib").iterdir()}
    assert not {"libssl.a", "libsqlite3.a", "libtcl8.6.a", "libtk8.6.a", "libX11.a"} & libraries
    assert {"libcrypto.a", "libz.a", "libffi.a"} <= libraries
    assert not list((top / "install/lib").glob("t[ck]*"))
    document = json.loads((top / "PYTHON.json").read_text())
    names = {source["name"] for source in document["sources"]}
    assert not {"sqlite", "tcl", "tk"} & names
    assert {path.name for path in (top / "licenses").iterdir()} == {
        Path(path).name for source in document["sources"] for path in source["license_paths"]}  # fmt: skip


def test_the_shared_and_the_static_libpython_have_them_too(smaller: Made) -> None:
    """The program of the embedding tests; the static one is linked as the documentation says (test_embedded.py)."""
    machine, program = smaller.machine, "/build/embed"
    asked = f"/build/python/install/bin/python{machine.version}-config --embed --cflags --ldflags"
    build = f"cc {SCRIPTS}/embed.c -o {program} -Wl,-rpath,/build/python/install/lib"
    machine.check("sh", "-euc", f"{build} $({asked})")
    code = ("import sys; print('_ssl' in sys.builtin_module_names, 'zlib' in sys.builtin_module_names)\n"
            "def from_thread(): pass\ndef finish(): pass")  # fmt: skip
    (machine.work / "names.py").write_text(code)
    assert machine.check(program, "1", "/build/names.py") == "False True"


def test_all_checks_pass(smaller: Made) -> None:
    """In the rooms whose glibc it can run with; the others say why they do not apply."""
    document = validate(smaller.done.packed.path)
    assert document["ok"], failures(document)
    outcomes = {check["id"]: check for check in document["archives"][0]["checks"]}
    assert outcomes["elf-exports"]["outcome"] == outcomes["hardening-bind-now"]["outcome"] == "passed"
    assert outcomes["metadata-symbols"]["outcome"] == outcomes["metadata-inittab"]["outcome"] == "passed"
    assert outcomes["behaviour-oldest-cpu"]["outcome"] == "passed"
    (reason,) = outcomes["behaviour-glibc-floor"]["findings"]
    assert "linked again for glibc 2.34 or newer" in reason


def test_only_the_start_files_want_a_newer_glibc(smaller: Made) -> None:
    """libpython is bound to what the archive's own was bound to, though the machine's glibc offers newer versions."""
    assert smaller.done.libc_floor == "2.34"
    assert newest_glibc(smaller.machine.work / "python/install/bin/python3") == (2, 34)
    (library,) = (smaller.machine.work / "python/install/lib").glob("libpython3.*.so.1.0")
    assert newest_glibc(library) <= (2, 17)


def newest_glibc(path: Path) -> tuple[int, ...]:
    from pythonbuild.distribution.objectfile import Elf

    dynamic = Elf(path.read_bytes(), path.name).dynamic()
    assert dynamic
    versions = [version for names in dynamic.versions.values() for version in names if version.startswith("GLIBC_")]
    return max(tuple(map(int, version.removeprefix("GLIBC_").split("."))) for version in versions)


def test_the_pinned_compiler_keeps_the_floor(first: Run, tmp_path: Path) -> None:
    """The real command, next to no modules, all rooms: also that of the oldest glibc."""
    arguments = ["relink", str(first.archive), "--only", "_json,_struct,zlib", "--cc", "pinned", "--output",
                 str(tmp_path), "--environment", "sandbox", "--json"]  # fmt: skip
    done = subprocess.run(command(REPOSITORY, arguments, CACHE), capture_output=True, text=True, check=False,
                          env=clean())  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout[done.stdout.index("{") :])
    assert answer["libc_floor"] == "2.17"
    assert answer["size_after"] < answer["size_before"] / 3
    document = validate(Path(answer["path"]))
    assert document["ok"], failures(document)
    behaviour = [check for check in document["archives"][0]["checks"] if check["id"].startswith("behaviour-")]
    assert [check["outcome"] for check in behaviour] == ["passed"] * 3


@pytest.mark.parametrize("version", ["7", "8"])
def test_other_formats(first: Run, linker: Linker, machine_of: Callable[[Path], Desktop], tmp_path: Path,
                       version: str) -> None:  # fmt: skip
    archive = convert(first.archive, version, tmp_path, threads=2).path
    done = linker(archive, Wishes(without=LEFT_OUT))
    assert json.loads(read_metadata(done.packed.path))["version"] == version
    machine = machine_of(done.packed.path)
    code = "import sys, zlib; print('_ssl' in sys.builtin_module_names)"
    assert machine.check(machine.python, "-c", code) == "False"
    document = validate(done.packed.path, "--skip", "behaviour")
    assert document["ok"], failures(document)


def test_a_module_of_ones_own(first: Run, linker: Linker, machine_of: Callable[[Path], Desktop]) -> None:
    """Its objects are GCC's, all others are Clang's; a static library and one of the system come along."""
    builder = machine_of(first.archive)
    for name in ("spam.c", "ham.c"):
        (builder.work / name).write_bytes((HERE / name).read_bytes())
    include = f"/build/python/install/include/python{builder.version}"
    builder.check("gcc", "-c", "-O2", "-fPIC", "-Wall", "-Werror", f"-I{include}", "spam.c", "ham.c")
    builder.check("ar", "rc", "libham.a", "ham.o")
    addition = Addition("spam", "PyInit_spam", (builder.work / "spam.o",), (builder.work / "libham.a",), ("m",))
    done = linker(first.archive, Wishes(add=(addition,)))
    machine = machine_of(done.packed.path)
    code = "import spam, sys; print(spam.root(16.0), spam.__spec__.origin, 'spam' in sys.builtin_module_names)"
    assert machine.check(machine.python, "-c", code) == "4.0 built-in True"
    document = validate(done.packed.path, "--skip", "behaviour")
    assert document["ok"], failures(document)


@pytest.mark.parametrize(("wishes", "command", "error", "words"), [
    (Wishes(without=("pyexpat",)), "gcc", RelinkError, "pyexpat cannot be left out: found _elementtree, which imports"),
    (Wishes(without=("_datetime",)), "gcc", RelinkError, "leave _zoneinfo out, too"),
    (Wishes(without=("_thread",)), "gcc", RelinkError, "the interpreter does not start without it (required)"),
    (Wishes(without=("_ssl",)), "gcc -m32", CompilerError, "gcc -m32 cannot"),
    (Wishes(without=("_ssl",)), "gcc -Wl,--no-such-option", CompilerError, "unrecognized option '--no-such-option'"),
])  # fmt: skip
def test_what_is_refused(first: Run, linker: Linker, wishes: Wishes, command: str, error: type[Exception],
                         words: str) -> None:  # fmt: skip
    before = sorted(linker.output.iterdir())
    with pytest.raises(error) as caught:
        linker(first.archive, wishes, command)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(linker.output.iterdir()) == before


def validate(archive: Path, *flags: str) -> dict[str, Any]:
    arguments = ["validate", str(archive), "--json", "--environment", "sandbox", *flags]
    done = subprocess.run(command(REPOSITORY, arguments, CACHE), capture_output=True, text=True, check=False,
                          env=clean())  # fmt: skip
    assert done.stdout.startswith("{"), done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def failures(document: dict[str, Any]) -> list[str]:
    checks = [check for archive in document["archives"] for check in archive["checks"]]
    return [f"{check['id']}: {check['findings']}" for check in checks if check["outcome"] == "failed"]
