"""Which tests of the behaviour suite are chosen for a system, and those of other systems as far as they run here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from pythonbuild import validation
from pythonbuild.config.project import Project
from pythonbuild.pcbuild.catalogue import read_catalogue
from pythonbuild.shipping import expected_linkages
from pythonbuild.validation import behaviour_tests

REPOSITORY = Path(__file__).parents[3]
PLACE = Path(validation.__file__).parent
#: Modules that CPython itself has in its DLL, and tests need (PC/config.c).
IN_CORE = ("_thread", "_signal", "_winapi", "winreg", "msvcrt", "mmap", "_pickle", "_json", "_struct", "array",
           "_datetime", "_multibytecodec", "_codecs_cn", "_codecs_hk", "_codecs_iso2022", "_codecs_jp", "_codecs_kr",
           "_codecs_tw")  # fmt: skip


def modules_of(system: str, version: str = "3.13.5") -> set[str]:
    """Return the extension modules that a distribution for a system has."""
    project = Project(REPOSITORY, system)
    if system != "windows":
        return set(expected_linkages(project.unix / "extension-modules.yml", version, system))
    catalogue = read_catalogue(project.windows).modules_in(version)
    return {*IN_CORE, *(name for name, module in catalogue.items() if module.linkage != "omitted")}


def titles(system: str, modules: Iterable[str] | None = None, version: str = "3.13.5") -> list[str]:
    """Return the titles of the chosen tests."""
    for known in ("linux", "macos", "windows"):
        assert behaviour_tests.load(known) == {}
    given = set(modules_of(system, version) if modules is None else modules)
    return [test.title for test in behaviour_tests.chosen(system, given)]


@pytest.mark.parametrize("system", ["linux", "macos", "windows"])
def test_every_library_has_a_test_on_every_system_that_links_it(system: str) -> None:
    chosen = titles(system)
    assert [title for title, count in Counter(chosen).items() if count > 1] == [], "the report names tests by titles"
    words = " ".join(chosen)
    for library in ("OpenSSL", "SQLite", "zlib", "bzip2", "xz", "libffi", "expat", "libmpdec", "libuuid", "Tcl", "Tk"):
        assert library in words, library
    for part in ("multiprocessing", "subprocess", "threads and signals", "sockets", "venv", "pip", "every codec",
                 "every module", "files", "the system's databases", "sysconfig", "shared memory"):  # fmt: skip
        assert part in words, part
    for library in ("ncurses", "libedit", "Berkeley DB"):
        assert (library in words) == (system != "windows"), library
    assert ("glibc" in words) == (system == "linux")
    assert ("brought along" in words) == (system == "linux")
    assert ("the registry" in words) == (system == "windows")
    assert ("proxies" in words) == (system == "macos")
    assert "libcrypt" not in words
    assert ("libcrypt" in " ".join(titles(system, version="3.12.4"))) == (system != "windows")
    assert ("zstd" in titles(system, version="3.14.0")) == ("_zstd" in modules_of(system, "3.14.0"))


def test_what_a_build_has_not_got_is_not_tested() -> None:
    assert "Tcl" not in titles("windows", modules_of("windows") - {"_tkinter"})
    assert not {title for title in titles("macos", modules_of("macos") - {"_dbm"}) if "Berkeley" in title}


#: A program that runs some tests of another system: those that need nothing of it. Prints what came of each.
OTHER = """
import json, sys
sys.path.insert(0, sys.argv[1])
import behaviour_tests as tests
system, titles = sys.argv[2], json.loads(sys.argv[3])
tests.PLACE.system = system
assert not tests.load(system)
came = {}
for test in tests.TESTS:
    if system in test.systems and test.title in titles:
        try:
            test.run()
            came[test.title] = "ok"
        except tests.Skip as reason:
            came[test.title] = f"skipped: {reason}"
        except Exception as error:
            came[test.title] = f"{type(error).__name__}: {error}"
print(json.dumps(came))
"""
POOL = "multiprocessing: locks, queues, a pool, shared memory"
SERVICES, NAMES = "the system's databases: services, media types", "the system's databases: host names"
ALIKE = {
    "macos": {"multiprocessing: processes by fork, spawn and forkserver, pipes": "ok", POOL: "ok", NAMES: "ok",
              "sysconfig names no path of the build": "ok", "threads and signals": "ok",
              # There is no launchctl to tell whether somebody sees the screen.
              "Tk": "FileNotFoundError: "},
    "windows": {"SQLite: FTS, RTREE, mathematical functions, loadable extensions": "ok", POOL: "ok", NAMES: "ok",
                "multiprocessing: processes by spawn, pipes": "ok", "sockets, polling, asyncio": "ok",
                # Linux is not Windows, and these tests see it.
                "threads and signals": "AssertionError: ", "the registry": "ModuleNotFoundError: ",
                "files: names outside ASCII, more than 4 GiB, memory maps": "skipped: files cannot be told to have",
                "every codec": "LookupError: unknown encoding: mbcs", "libuuid: uuid1": "AttributeError: "},
}  # fmt: skip

#: What this Python may lack at a test's very end.
AT_THE_END = {"SQLite: FTS, RTREE, mathematical functions, loadable extensions":
               ("AttributeError: 'sqlite3.Connection' object has no attribute 'enable_load_extension'",)}  # fmt: skip


@pytest.mark.parametrize("system", ["macos", "windows"])
def test_tests_of_other_systems(system: str, tmp_path: Path) -> None:
    expected = ALIKE[system]
    command = [sys.executable, "-c", OTHER, str(PLACE), system, json.dumps([*expected])]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    came = json.loads(done.stdout.splitlines()[-1])
    assert came.keys() == expected.keys()
    for title, result in came.items():
        assert result.startswith((expected[title], *AT_THE_END.get(title, ()))), (title, result)
