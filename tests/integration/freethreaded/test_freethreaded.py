"""A Python without the global interpreter lock, as its users have it: run, compiled against, embedded, installed.

That the build came this far says that every check has passed, ``metadata-gil`` among them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pythonbuild.distribution.archive import read_metadata
from pythonbuild.distribution.later_json import to_later
from pythonbuild.distribution.names import read_name
from pythonbuild.distribution.python_json import read_python_json
from pythonbuild.distribution.relink_choice import Wishes
from tests.integration.conftest import CACHE, REPOSITORY, Run, clean, command
from tests.integration.ecosystem.desktop import PLAIN, SCRIPTS, TREE, Desktop
from tests.integration.freethreaded.conftest import OPTIONS
from tests.integration.relink.conftest import Linker

TELL = """
import json, sys, sysconfig
told = {name: sysconfig.get_config_var(name) for name in ("Py_GIL_DISABLED", "ABIFLAGS", "EXT_SUFFIX", "LDVERSION")}
json.dump({"gil": sys._is_gil_enabled(), "prefix": sys.prefix, "stdlib": sysconfig.get_path("stdlib"),
           "include": sysconfig.get_path("include"), "abiflags": sys.abiflags, **told}, sys.stdout)
"""
#: Its threads count at the same time, or lose steps.
COUNT = """
import sys, threading, counting
threads = [threading.Thread(target=lambda: [counting.count() for _ in range(100)]) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(counting.count(), sys._is_gil_enabled(), counting.__file__.rpartition("/")[2])
"""
COMPILE = """cc -Wall -Werror -shared -fPIC counting.c -o "counting$("$tree/bin/python3-config" --extension-suffix)" \
$("$tree/bin/python3-config" --cflags)"""


def test_names_of_steps_and_archives(made: Run, archives: dict[str, Path]) -> None:
    version = read_name(archives["full.zst"].name).version
    assert made.steps[f"validate-{version}-{OPTIONS}"] in ("built", "cached")
    assert made.steps[f"validate-{version}-{OPTIONS}-install_only"] in ("built", "cached")
    assert {read_name(path.name).options for path in archives.values()} == {OPTIONS}
    assert set(archives) == {"full.zst", "install_only.gz", "install_only.zst"}


def test_what_it_says_of_itself_wherever_it_is(desktop: Desktop) -> None:
    for place in (TREE, PLAIN):
        for name in (desktop.version, desktop.version.rstrip("t"), "3", ""):
            told = json.loads(desktop.check(f"{place}/bin/python{name}", "-I", "-c", TELL))
            assert told == {
                "gil": False, "prefix": place, "stdlib": f"{place}/lib/python{desktop.version}",
                "include": f"{place}/include/python{desktop.version}", "abiflags": "t", "Py_GIL_DISABLED": 1,
                "ABIFLAGS": "t", "LDVERSION": desktop.version,
                "EXT_SUFFIX": f".cpython-{desktop.version.replace('.', '')}-x86_64-linux-gnu.so",
            }  # fmt: skip


def test_there_is_one_interpreter(tree: Path) -> None:
    """CPython installs a second copy of it; here the names lead to the one that has the flag of the ABI."""
    programs = [path for path in (tree / "install/bin").glob("python*") if path.read_bytes()[:4] == b"\x7fELF"]
    (own,) = [path for path in programs if not path.is_symlink()]
    assert own.name.endswith("t")
    assert {path.resolve() for path in programs} == {own.resolve()}
    assert len(programs) == 4


def test_the_description(archive: Path) -> None:
    document = read_python_json(read_metadata(archive), "PYTHON.json")
    series = document.python_major_minor_version
    compact = series.replace(".", "")
    assert (document.build_options, document.python_exe) == (OPTIONS, f"install/bin/python{series}t")
    assert document.python_stdlib == f"install/lib/python{series}t"
    assert document.build_info.core.shared_lib == f"install/lib/libpython{series}t.so.1.0"
    later = to_later(document, "8").to_plain()
    assert (later["build_options"], later["optimizations"]) == (OPTIONS, "noopt")
    assert (later["python_tag"], later["python_abi_tag"]) == (f"cp{compact}", f"cp{compact}t")
    assert later["python_suffixes"]["extension"][0] == f".cpython-{compact}t-x86_64-linux-gnu.so"
    assert later["python_config_vars"]["Py_GIL_DISABLED"] == "1"


def test_an_extension_module_by_hand(desktop: Desktop) -> None:
    """By what python3-config prints; four threads are in it at once."""
    assert desktop.check("sh", "-euc", COMPILE, tree=PLAIN) == ""
    suffix = f".cpython-{desktop.version.replace('.', '')}-x86_64-linux-gnu.so"
    assert desktop.check(desktop.python, "-c", COUNT, PYTHONPATH="/build") == f"401000 False counting{suffix}"


def test_a_wheel_that_is_compiled_and_installed(desktop: Desktop) -> None:
    """pip, which came along, gives it the tag of this ABI, and takes it into a virtual environment."""
    words = ("--quiet", "--no-binary", "markupsafe", "--wheel-dir", "/build/w", "markupsafe")
    desktop.check(desktop.python, "-m", "pip", "wheel", *words)
    (wheel,) = (desktop.work / "w").glob("*.whl")
    tag = f"cp{desktop.version.rstrip('t').replace('.', '')}"
    assert wheel.name.endswith(f"-{tag}-{tag}t-linux_x86_64.whl")
    python = "/build/my environment/bin/python"
    desktop.check(desktop.python, "-m", "venv", "/build/my environment")
    desktop.check(python, "-m", "pip", "install", "--quiet", "--find-links", "/build/w", "markupsafe")
    code = "import sys, markupsafe, markupsafe._speedups; print(markupsafe.escape('<'), sys._is_gil_enabled())"
    assert desktop.check(python, "-c", code) == "&lt; False"


def test_a_program_with_it_inside(desktop: Desktop) -> None:
    compiler = 'cc -Wall -Werror "$source" -o /build/embed -Wl,-rpath,$tree/lib $(pkg-config --cflags --libs "$name")'
    names = {"tree": PLAIN, "source": f"{SCRIPTS}/embed.c", "name": f"python-{desktop.version}-embed"}
    assert desktop.check("sh", "-euc", compiler, **names, PKG_CONFIG_PATH=f"{PLAIN}/lib/pkgconfig") == ""
    lines = desktop.check("/build/embed", "2", f"{SCRIPTS}/embedded.py").splitlines()
    assert [json.loads(line)["prefix"] for line in lines] == [PLAIN, PLAIN]
    assert f"libpython{desktop.version}.so.1.0" in desktop.check("ldd", "/build/embed")


def test_linked_again(
    desktop: Desktop, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    done = Linker(desktop, tmp_path, monkeypatch)(archive, Wishes(without=("_sqlite3",)))
    document = read_python_json(read_metadata(done.packed.path), "PYTHON.json")
    assert document.build_options == OPTIONS
    assert "_sqlite3" not in document.build_info.extensions
    assert f"-{OPTIONS}-relinked-" in done.packed.path.name


def test_uv_installs_it_by_its_own_name(archives: dict[str, Path], tmp_path: Path) -> None:
    """``3.13t`` for uv; what it makes of our sysconfig data still tells where it is."""
    argv = command(REPOSITORY, ["publish", str(tmp_path / "out"), str(archives["install_only.gz"]), "--json"], CACHE)
    said = subprocess.run(argv, capture_output=True, text=True, check=True, env=clean())
    version = read_name(archives["install_only.gz"].name).version
    (key,) = json.loads((tmp_path / "out/download-metadata.json").read_text())
    assert key == f"cpython-{version}+freethreaded-linux-x86_64-gnu"
    kept = {name: value for name, value in os.environ.items() if name == "LD_LIBRARY_PATH"}
    home = {
        **kept, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "UV_PYTHON_INSTALL_DIR": f"{tmp_path}/pythons",
        "UV_CACHE_DIR": f"{tmp_path}/cache", "UV_NO_CONFIG": "1", "UV_MANAGED_PYTHON": "1", "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS_JSON_URL": json.loads(said.stdout)["metadata_url"],
    }  # fmt: skip
    for words in (["python", "install", f"{version}t"], ["venv", "--python", f"{version}t", str(tmp_path / "venv")]):
        done = subprocess.run([sys.executable, "-m", "uv", *words], cwd=tmp_path, env=home, capture_output=True,
                              text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
    told = subprocess.run([tmp_path / "venv/bin/python", "-c", TELL], capture_output=True, text=True, check=True)
    (installed,) = (path for path in (tmp_path / "pythons").iterdir() if path.is_dir() and not path.is_symlink()
                    and path.name.startswith("cpython"))  # fmt: skip
    answer = json.loads(told.stdout)
    assert answer["gil"] is False
    assert Path(answer["stdlib"]).is_relative_to(installed)
