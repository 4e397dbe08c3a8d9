"""``--optimized``, of another version, from an unpacked tree, with the shortest training: as fast as it gets otherwise.

That a profile gives the same bytes in another place is proven by ``verify-reproducible`` on the archive
(docs/reproducibility.rst): it takes longer than the tests may.
"""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from pythonbuild.distribution.archive import read_metadata, unpack
from tests.integration.conftest import CACHE, REPOSITORY, Run, build

VERSION = "3.13.5"


@pytest.fixture(scope="module")
def tree(first: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unpacked release: what somebody who works on CPython has."""
    place = tmp_path_factory.mktemp("source")
    if not (archives := sorted((CACHE / "downloads").glob(f"*{VERSION}*.tar.xz"))):
        build(place / "dist", "--python", VERSION, "--dry-run")
        archives = sorted((CACHE / "downloads").glob(f"*{VERSION}*.tar.xz"))
    subprocess.run(["tar", "-xf", archives[0], "-C", place], check=True)
    (unpacked,) = [path.parent for path in place.glob("*/configure")]
    return unpacked


@pytest.fixture(scope="module")
def optimised(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    output = tmp_path_factory.mktemp("optimised")
    return build(output, "--python-source", str(tree), "--optimized", "--profile-task", "quick")


def test_a_source_tree_of_one_s_own(optimised: Run) -> None:
    """Built as the version that its patchlevel.h says, on the dependencies of the first build."""
    assert optimised.archive.name.startswith(f"cpython-{VERSION}-")
    assert "-pgo+lto-" in optimised.archive.name
    assert not any(step in optimised.built for step in ("openssl", "sqlite", "root")), "dependencies are built once"


def test_the_profile_is_in_the_archive_and_told_of(optimised: Run) -> None:
    profile = json.loads(read_metadata(optimised.archive))["profile"]
    assert profile["functions_run"] > 4000
    assert profile["unused"] < profile["functions"] / 50
    assert "_PyEval_EvalFrameDefault" in {entry["function"] for entry in profile["hottest"]}


@pytest.fixture(scope="module")
def install(optimised: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("unpacked")
    unpack(optimised.archive, place)
    return place / "python/install"


def test_a_start_reads_no_module_from_a_file(install: Path) -> None:
    """Encodings that no start needs are found, too; and all know where their sources are."""
    code = "import linecache, encodings.idna, sys; print(sorted(m.__spec__.origin for m in (encodings, linecache)))"
    done = subprocess.run([install / "bin/python3", "-I", "-c", f"{code}; print(encodings.idna.__file__)"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.splitlines() == ["['frozen', 'frozen']", str(install / "lib/python3.13/encodings/idna.py")]
    code = "import sys; print([m for m, o in sys.modules.items() if getattr(o, '__cached__', None)])"
    done = subprocess.run([install / "bin/python3", "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_start_collects_no_garbage(install: Path) -> None:
    """What it makes is in the oldest generation; what is made afterwards is collected as ever."""
    code = (
        "import gc; print([g['collections'] for g in gc.get_stats()], gc.get_count()[0] >= 0, len(gc.get_objects(2)))"
    )
    code += "; a = [[] for _ in range(5000)]; [x.append(x) for x in a]; a = None; b = [[] for _ in range(50000)]"
    code += "; print(sum(g['collected'] for g in gc.get_stats()))"
    done = subprocess.run([install / "bin/python3", "-I", "-c", code],
                          capture_output=True, text=True, check=True)  # fmt: skip
    start, collected = done.stdout.splitlines()
    assert start.startswith("[0, 0, 0] True ")
    assert int(start.split()[-1]) > 4000
    assert int(collected) >= 5000
    code = "import gc, os; print([gc.is_tracked(os.walk.__code__.co_names), gc.is_tracked((1, []))])"
    done = subprocess.run([install / "bin/python3", "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[False, True]\n"


SLOTS = """
class Names: pass
for number in range(600):
    setattr(Names, f"name{number}", number)
Names.__len__ = lambda self: 600
Odd = type("Odd", (), {1: 2, "__len__": lambda self: 1})
class Few:
    __iter__ = lambda self: iter("few")
    __hash__ = None
class Found(Few, Names): pass
class Own(Found):
    def __len__(self): return 3
    def __add__(self, other): return other
class Late(Own): pass
Own.__contains__ = lambda self, item: item == 7
Few.__call__ = lambda self: "called"
print(len(Names()), len(Odd()), len(Found()), len(Own()), Late() + 5, 7 in Late(), 8 in Late(), Late()(), list(Late()))
try:
    hash(Late())
except TypeError as error:
    print(error)
"""


def test_classes_have_the_slots_of_their_names(install: Path) -> None:
    """Of few names, of many, of other keys, from bases, and of those that are set later."""
    done = subprocess.run([install / "bin/python3", "-I", "-c", SLOTS], capture_output=True, text=True, check=True)
    assert done.stdout == "600 1 600 3 5 True False called ['f', 'e', 'w']\nunhashable type: 'Late'\n"


def test_the_functions_of_a_start_lie_together(install: Path) -> None:
    names = set((REPOSITORY / "cpython-unix/recipes/cpython/starting.txt").read_text().splitlines())
    with (install / "bin/python3").open("rb") as file:
        elf = ELFFile(file)
        text, table = elf.get_section_by_name(".text"), elf.get_section_by_name(".symtab")
        assert text is not None
        assert isinstance(table, SymbolTableSection)
        start, size = text["sh_addr"], text["sh_size"]
        functions = [(symbol["st_value"], symbol.name.partition(".llvm.")[0]) for symbol in table.iter_symbols()
                     if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_size"]]  # fmt: skip
    places = sorted(address - start for address, name in functions if name in names)
    assert len(places) > 800
    assert places[len(places) * 9 // 10] < size / 4, "spread over the whole of the code"


def test_what_the_loop_runs_often_is_in_its_hot_part(install: Path) -> None:
    """The machine code of instructions that every program runs is not put where what never runs is."""
    code = "import opcode, _opcode_metadata as m; numbers = {**opcode.opmap, **m._specialized_opmap}"
    often = [
        "RETURN_VALUE",
        "RETURN_CONST",
        "GET_ITER",
        "CALL_LEN",
        "BUILD_LIST",
        "BUILD_TUPLE",
        "FOR_ITER_LIST",
        "LOAD_FAST",
    ]
    code = f"{code}; print(*(numbers[name] for name in {often}))"
    done = subprocess.run([install / "bin/python3", "-I", "-c", code], capture_output=True, text=True, check=True)
    with (install / "bin/python3").open("rb") as file:
        elf = ELFFile(file)
        table = elf.get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        symbols = {symbol.name: symbol for symbol in table.iter_symbols()}
        loop, jumps = (symbols[f"_PyEval_EvalFrameDefault{what}"] for what in ("", ".opcode_targets"))
        file.seek(next(elf.address_offsets(jumps["st_value"])))
        places = struct.unpack("<256Q", file.read(256 * 8))
    hot = range(loop["st_value"], loop["st_value"] + loop["st_size"])
    assert [
        name for name, number in zip(often, done.stdout.split(), strict=True) if places[int(number)] not in hot
    ] == []


def test_its_profile_gives_it_again(optimised: Run, tree: Path, tmp_path: Path) -> None:
    """The step that uses the profile is the same, whichever way the profile came: nothing is compiled again."""
    again = build(tmp_path / "dist", "--python-source", str(tree), "--options", "pgo+lto", "--profile",
                  str(optimised.archive))  # fmt: skip
    assert set(again.built) <= {f"cpython-profile-{VERSION}"}
    assert again.sha256 == optimised.sha256
