"""The interpreter and its tools: where it stands, what it says of itself, venv, pip, further processes."""

from __future__ import annotations

import json
import struct
import sys
import sysconfig
import textwrap
from pathlib import Path

from .table import PLACE, argv, python, run, works

#: Directories of the build that nothing in the installation may name.
BUILD_PATHS = ("/tools/", "/build/src", "/out/")


@works("where it stands")
def prefix() -> None:
    tree = Path(sys.executable).resolve().parent.parent
    assert Path(sys.prefix).resolve() == tree, sys.prefix
    assert Path(sys.exec_prefix).resolve() == tree, sys.exec_prefix
    assert Path(sysconfig.get_path("stdlib")).resolve().is_relative_to(tree), sysconfig.get_path("stdlib")
    assert (Path(sysconfig.get_path("include")) / "Python.h").is_file(), sysconfig.get_path("include")


@works("sysconfig names no path of the build")
def sysconfig_is_clean() -> None:
    wrong = [f"{key}={value}" for key, value in sysconfig.get_config_vars().items()
             if isinstance(value, str) and any(path in value + "/" for path in BUILD_PATHS)]  # fmt: skip
    assert not wrong, "; ".join(wrong)


@works("multiprocessing: a spawned process, a pipe, a lock", "_multiprocessing")
def multiprocessing_works() -> None:
    # A spawned process is started by the path of a program; under an emulator that has to be a script that starts it.
    wrapper = Path("spawned-python").resolve()
    wrapper.write_text(f'#!/bin/sh\nexec {" ".join(argv())} "$@"\n')
    wrapper.chmod(0o755)
    executable = str(wrapper) if PLACE.emulator else sys.executable
    # In a file: a spawned process imports its parent's main module.
    Path("spawner.py").write_text(
        textwrap.dedent("""
        import multiprocessing, sys

        def work(pipe):
            pipe.send(sum(pipe.recv()))

        if __name__ == "__main__":
            context = multiprocessing.get_context("spawn")
            context.set_executable(sys.argv[1])
            here, there = context.Pipe()
            process = context.Process(target=work, args=(there,))
            process.start()
            here.send([1, 2, 3])
            assert here.recv() == 6
            process.join()
            assert process.exitcode == 0
            try:
                with multiprocessing.Lock():
                    pass
            except FileNotFoundError:
                pass  # no /dev/shm here
    """)
    )
    python("spawner.py", executable)


@works("standard modules written in C", "unicodedata", "_pickle", "_json", "mmap", "_struct", "array", "_datetime")
def c_modules() -> None:
    import array
    import datetime as dt
    import mmap
    import pickle
    import unicodedata

    assert unicodedata.normalize("NFD", "\u00e9") == "e\u0301"
    data = {"a": [1, 2.5, None, dt.date(2026, 1, 2)]}
    assert pickle.loads(pickle.dumps(data, 5)) == data  # noqa: S301 - its own
    assert json.loads(json.dumps([1, "\u00e9"])) == [1, "\u00e9"]
    with mmap.mmap(-1, 4096) as memory:
        memory[:3] = b"abc"
        assert memory.find(b"c") == 2
    assert struct.unpack("<I", array.array("B", [1, 0, 0, 0]).tobytes()) == (1,)
    assert b"\x82\xa0".decode("shift_jis") == "\u3042"
    assert "\u3042".encode("iso2022_jp_2004").decode("iso2022_jp_2004") == "\u3042"


@works("pip")
def pip_works() -> None:
    output = python("-I", "-m", "pip", "--version")
    assert output.startswith("pip "), output


@works("venv, with symbolic links and with copies")
def venv_works() -> None:
    for kind in ("--symlinks", "--copies"):
        directory = Path(f"venv{kind}").resolve()
        python("-I", "-m", "venv", kind, "--without-pip", str(directory))
        code = "import sys, encodings; print(sys.prefix, sys.base_prefix)"
        output = run(argv("-I", "-c", code, program=directory / "bin/python"))
        found = [Path(path).resolve() for path in output.split()]
        assert found == [directory, Path(sys.prefix).resolve()], f"{kind}: {output}"


@works("ensurepip has its wheel")
def ensurepip_works() -> None:
    assert python("-I", "-m", "ensurepip", "--version").startswith("pip ")
