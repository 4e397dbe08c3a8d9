"""What makes the interpreter start fast: more frozen modules, and the functions of a start side by side."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import first_calls

RECIPE = Path(__file__).parents[3] / "cpython-unix" / "recipes" / "cpython"

FREEZE_MODULES = """
TESTS_SECTION = 'Test module'
FROZEN = [('import system', ['zipimport']), ('stdlib', ['abc', 'io']), (TESTS_SECTION, ['__hello__'])]

def main():
    for section, modules in FROZEN:
        print(section, *modules)
"""


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, RECIPE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(RECIPE))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(RECIPE))
    return module


def freeze_more(source: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(RECIPE / "freeze_more.py")], cwd=source, capture_output=True, text=True,
                          check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})  # fmt: skip


def test_cpythons_tool_gets_a_longer_list(tmp_path: Path) -> None:
    (tmp_path / "Tools/build").mkdir(parents=True)
    (tmp_path / "Tools/build/freeze_modules.py").write_text(FREEZE_MODULES)
    assert freeze_more(tmp_path).stdout.splitlines() == [
        "import system zipimport",
        "stdlib abc io",
        "the rest of a start <encodings.*> linecache",
        "Test module __hello__",
    ]


def test_a_source_without_the_tool_is_one_line(tmp_path: Path) -> None:
    done = freeze_more(tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "freeze_modules.py" in done.stderr


LISTING = """\
0000000000000008 D constant_after_all
0000000000000009 d PyType_Type
0000000000000010 T _start
0000000000000020 t hot_loop
0000000000000028 r table
0000000000000030 t type_new.llvm.8712174559302279286
0000000000000040 T Py_BytesMain
0000000000000050 t clear
0000000000000060 t clear.llvm.77
0000000000000070 t clear.12
0000000000000080 d run.registry.3
                 U malloc
"""


def test_what_a_start_needs_comes_first_other_functions_as_they_lay() -> None:
    order = load("order").ordered
    starting = ["# a comment", "Py_BytesMain", "type_new", "of_another_version", "clear", "Py_BytesMain", "PyType_Type",
                "run.registry"]  # fmt: skip
    assert order(LISTING.splitlines(), starting) == [
        "Py_BytesMain", "type_new.llvm.8712174559302279286", "clear", "clear.llvm.77", "clear.12", "PyType_Type",
        "run.registry.3", "_start", "hot_loop",
    ]  # fmt: skip


def test_an_interpreter_without_symbols_is_refused() -> None:
    with pytest.raises(SystemExit, match="stripped"):
        load("order").ordered([], ["Py_BytesMain"])


COMMAND = ["clang", "-no-pie", "-flto=full", "-O3", "-o", "python", "python.o", "token.o", "assembled.o", "main.o",
           "-lz", "libHacl.a", "-lm"]  # fmt: skip


@pytest.fixture
def objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the objects of COMMAND, all of them for LTO but one."""
    monkeypatch.chdir(tmp_path)
    for name in ("python.o", "token.o", "assembled.o", "main.o"):
        Path(name).write_bytes(b"\x7fELF\0.text\0" + (b"" if name == "assembled.o" else b".llvm.lto\0"))
    return tmp_path


@pytest.mark.usefixtures("objects")
def test_the_second_link_is_of_the_one_object_that_lto_made_and_of_what_had_no_part_in_it() -> None:
    assert load("link").from_one_object(COMMAND, "/build/lto.o") == [
        "clang", "-no-pie", "-flto=full", "-O3", "-o", "python", "/build/lto.o", "assembled.o", "-lz", "libHacl.a",
        "-lm", "-fno-lto", "-fno-fat-lto-objects",
    ]  # fmt: skip


@pytest.mark.parametrize("status", [0, 3])
def test_the_interpreter_is_linked_twice_and_the_log_says_what_lto_took(objects: Path, status: int) -> None:
    """A compiler that writes down how it is called, and a listing of symbols that is always the same."""
    calls = objects / "calls"
    (objects / "clang").write_text(f'#!/bin/sh\necho "$@" >>{calls}\nexit {status}\n')
    (objects / "llvm-nm").write_text("#!/bin/sh\necho 0000000000000040 T Py_BytesMain; echo 0000000000000050 t f.1\n")
    for name in ("clang", "llvm-nm"):
        (objects / name).chmod(0o755)
    code = f"import sys, pathlib; sys.path.insert(0, {str(RECIPE)!r}); import link\n"
    code += f"link.WORK = pathlib.Path({str(objects)!r}); link.main(sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", code, *COMMAND], capture_output=True, text=True, check=False,
                          env={"PATH": f"{objects}:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"})  # fmt: skip
    first, *rest = calls.read_text().splitlines()
    assert first.endswith(f"main.o -lz libHacl.a -lm -Wl,--lto-obj-path={objects}/lto.o")
    if status:
        assert (done.returncode, done.stderr, rest) == (1, "the link failed with status 3\n", [])
        return
    assert re.fullmatch(
        r"python: linked with LTO in \d+ s, \d+ s of processor time, \d+ MiB of memory at most\n", done.stdout
    )
    assert len(rest) == 1
    assert f"{objects}/lto.o" in rest[0]
    assert f"-Wl,--symbol-ordering-file={objects}/order.txt" in rest[0]
    assert (objects / "order.txt").read_text() == "Py_BytesMain\nf.1\n"


def test_the_list_has_names_as_the_linker_would_know_them() -> None:
    names = [line for line in (RECIPE / "starting.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(names) == len(set(names)) > 1000
    assert not [name for name in names if not name.replace(".", "").isidentifier() or ".llvm." in name]
    assert {"Py_BytesMain", "type_ready", "_PyEval_EvalFrameDefault", "r_object", "PyType_Type"} <= set(names)


def test_the_list_is_made_of_several_interpreters() -> None:
    listing = """\
0000000000000020 0000000000000008 d of_each_thread
0000000000300000 0000000000000008 B counter
0000000000200000 0000000000000010 t type_new.llvm.87
0000000000200000 0000000000000010 T another_name_of_it
0000000000200010 T _start
"""
    known = first_calls.symbols(listing)
    assert known.functions == {0x200000: "type_new.llvm.87", 0x200010: "_start"}
    assert known.variables == ((0x300000, 8, "counter"),)
    assert first_calls.merged([["main", "b.llvm.1"], ["a", "b", "main"]]) == ["main", "b", "a"]


def test_what_cannot_be_traced_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\n")
    monkeypatch.setattr(sys, "argv", ["first_calls.py", str(tmp_path / "python")])
    with pytest.raises(SystemExit, match="not an interpreter with symbols"):
        first_calls.main()
