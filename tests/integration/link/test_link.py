"""Shared libraries that are shipped, and the system's: found wherever the tree stands, replaceable, told of."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild.distribution.archive import unpack
from pythonbuild.distribution.objectfile import Elf
from pythonbuild.distribution.python_json import LinkChoice, LinkEntry, read_python_json
from pythonbuild.distribution.relink_choice import Wishes
from pythonbuild.provisions import Provisions, provisions
from pythonbuild.validation.room import Room
from tests.integration.conftest import CACHE, Run, build, clean, command
from tests.integration.ecosystem.desktop import PLAIN, TREE, WORK, Desktop, Outcome
from tests.integration.link.conftest import FLAGS, LINK, SHIPPED, SYSTEM, Linked
from tests.integration.relink.conftest import Linker
from tests.integration.rooms.conftest import TRIPLE, make_request

WORKS = """
import hashlib, lzma, sqlite3, ssl
ssl.create_default_context()
assert sqlite3.connect(":memory:").execute("select sqrt(16)").fetchone() == (4.0,)
assert lzma.decompress(lzma.compress(b"x" * 1000)) == b"x" * 1000
"""
MAPPED = """
import re
names = {line.split(None, 5)[5].strip() for line in open("/proc/self/maps") if ".so" in line}
print(*sorted(name for name in names if re.search("lib(ssl|crypto|sqlite3|lzma)", name)), sep="\\n")
"""


def elf(path: Path) -> Elf:
    return Elf(path.read_bytes(), path.name)


# ---------------------------------------------------------------------------------------------------------------------
# What was built, and what is told of it


def test_only_the_affected_steps_were_built(first: Run, linked: Linked) -> None:
    assert first.status == 0
    affected = re.compile(r"openssl|sqlite|xz|(cpython|interpreter|assemble|archive|validate)-.*")
    assert [step for step in linked.run.built if not affected.fullmatch(step)] == []


def test_static_and_shared_results_live_side_by_side(linked: Linked, tmp_path: Path) -> None:
    version = linked.archive.name.split("-")[1]
    for flags in ((), FLAGS):
        assert build(tmp_path / "dist", "--python", version, *flags).built == []


def test_the_description_tells(linked: Linked) -> None:
    document = read_python_json((linked.top / "PYTHON.json").read_text())
    entries = document.build_info.extensions
    assert LinkEntry("ssl", path_dynamic="install/lib/libssl.so.3") in entries["_ssl"].links
    assert LinkEntry("lzma", system=True) in entries["_lzma"].links
    assert document.link_choices == {
        "openssl": LinkChoice("shared", {"crypto": "libcrypto.so.3", "ssl": "libssl.so.3"}),
        "sqlite": LinkChoice("shared", {"sqlite3": "libsqlite3.so.0"}),
        "xz": LinkChoice("system", {"lzma": SYSTEM}),
    }
    assert SYSTEM in document.system_libraries
    assert "xz" not in {source.name for source in document.sources}
    assert not list((linked.top / "build/lib").glob("lib[slc][sqr]*"))


def test_sonames_and_symbol_versions_are_upstream_s(linked: Linked) -> None:
    install = linked.top / "install"
    found = sorted(path.name for path in (install / "lib").glob("lib*.so*") if not path.name.startswith("libpython"))
    assert found == sorted(SHIPPED)
    dynamics = {name: elf(install / "lib" / name).dynamic() for name in SHIPPED}
    assert {name: dynamic.soname for name, dynamic in dynamics.items() if dynamic} == {name: name for name in SHIPPED}
    (program,) = (path for path in (install / "bin").glob("python3.*[0-9]") if not path.is_symlink())
    for path, rpath in ((program, "$ORIGIN/../lib"), (next((install / "lib").glob("libpython3.1*.so.1.0")), "$ORIGIN")):
        dynamic = elf(path).dynamic()
        assert dynamic
        assert dynamic.rpath == (rpath,)
        assert {*SHIPPED, SYSTEM} <= {*dynamic.needed}
        assert "OPENSSL_3.0.0" in dynamic.versions["libssl.so.3"]
        assert "XZ_5.0" in dynamic.versions[SYSTEM]


def test_inspect_and_the_sbom_tell(linked: Linked) -> None:
    shown = subprocess.run(command(Path(__file__).parents[3], ["inspect", str(linked.archive)], CACHE), check=True,
                           capture_output=True, text=True, env=clean()).stdout  # fmt: skip
    assert "openssl shared (libcrypto.so.3, libssl.so.3 in install/lib); sqlite shared" in shown
    assert "xz system (liblzma.so.5 of the system)" in shown
    bill = json.loads((linked.top / "SBOM.cdx.json").read_text())
    facts = {item["name"]: item["value"] for item in bill["metadata"]["component"]["properties"]}
    assert facts["python-build:link"] == "openssl=shared,sqlite=shared,xz=system"
    (openssl,) = (part for part in bill["components"] if part["name"] == "openssl")
    places = {item["location"] for item in openssl["evidence"]["occurrences"]}
    assert {"install/lib/libssl.so.3", "install/lib/libcrypto.so.3"} <= places


def test_validate_knows_from_the_archive_what_is_allowed(linked: Linked) -> None:
    done = subprocess.run(command(Path(__file__).parents[3], ["validate", "--json", str(linked.archive)], CACHE),
                          check=False, capture_output=True, text=True, env=clean())  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    (report,) = json.loads(done.stdout)["archives"]
    results = {result["id"]: result for result in report["checks"]}
    for name in ("elf-needed", "elf-rpath", "elf-glibc-floor", "metadata-link-choices", "metadata-symbols"):
        assert results[name]["outcome"] == "passed"
    assert results["behaviour-system"]["outcome"] == "not applicable"
    assert results["behaviour-system"]["findings"] == [
        "linked with the system's liblzma.so.5 (xz), which the room's system has not got"]  # fmt: skip


def test_the_build_s_own_rooms_had_the_library(linked: Linked) -> None:
    """At the end of a build the suite is run, whatever the rooms' systems have: its report tells."""
    version = linked.archive.name.split("-")[1]
    with provisions(replace(make_request(), python=version, link=LINK), print) as made:
        step = f"validate-{version}-noopt"
        report = (made.tree(made.made(TRIPLE, [step])[step]) / "report.txt").read_text()
    assert re.search(r"^passed +behaviour-glibc-floor", report, re.MULTILINE)


def test_a_stripped_installation_has_them_too(linked: Linked, tmp_path: Path) -> None:
    unpack(linked.stripped, tmp_path)
    for name in SHIPPED:
        assert not elf(tmp_path / "python/lib" / name).has_debug_information()
    assert (next((tmp_path / "python/lib").glob("python3.*")) / "link-choices.json").is_file()


# ---------------------------------------------------------------------------------------------------------------------
# Wherever the tree stands


@pytest.mark.parametrize("place", [TREE, PLAIN])
def test_found_relative_to_the_interpreter(desktop: Desktop, place: str) -> None:
    python = f"{place}/bin/python3"
    desktop.check(python, "-c", WORKS)
    mapped = desktop.check(python, "-c", MAPPED).splitlines()
    assert {name for name in mapped if "lzma" not in name} == {f"{place}/lib/{name}" for name in SHIPPED}
    assert [name for name in mapped if "lzma" in name and name.startswith(place)] == []
    assert any("liblzma" in name for name in mapped)


def test_virtual_environments_and_symlinks(desktop: Desktop) -> None:
    script = f"""
        ln -sfn '{TREE}' {WORK}/link && {WORK}/link/bin/python3 -c "$WORKS"
        {WORK}/link/bin/python3 -m venv --without-pip {WORK}/env && {WORK}/env/bin/python -c "$WORKS"
        ln -sf '{TREE}/bin/python3' {WORK}/py && {WORK}/py -c "$WORKS"
    """
    desktop.check("sh", "-euc", script, WORKS=WORKS)


def test_other_programs_do_not_see_them(desktop: Desktop) -> None:
    """A program that Python starts has the system's own libraries: no variable leads it to ours."""
    code = (
        "import os, subprocess; print(os.environ.get('LD_LIBRARY_PATH'));"
        "print(subprocess.run(['sh', '-c', 'cat /proc/self/maps'], capture_output=True, text=True).stdout)"
    )
    told = desktop.check(desktop.python, "-c", code)
    assert told.startswith("None")
    assert not any(name in told for name in SHIPPED)


def test_embedded(desktop: Desktop) -> None:
    (desktop.work / "embed.c").write_text("""
        #include <Python.h>
        int main(int argc, char **argv) { Py_Initialize(); return PyRun_SimpleString(argv[1]); }
    """)
    config = f"{PLAIN}/bin/python{desktop.version}-config"
    desktop.check("sh", "-euc", f"""
        gcc embed.c $({config} --cflags --embed) $({config} --ldflags --embed) -Wl,-rpath,{PLAIN}/lib -o embed
        ./embed "$WORKS"
    """, WORKS=WORKS)  # fmt: skip


def test_sysconfig_tells_others_nothing_of_it(desktop: Desktop) -> None:
    code = "import sysconfig; print([k for k, v in sysconfig.get_config_vars().items() if 'ORIGIN' in str(v)])"
    assert desktop.check(desktop.python, "-c", code) == "[]"


# ---------------------------------------------------------------------------------------------------------------------
# The system's library, and replaced ones


def run_in(room: Room, top: Path, code: str, scripts: Path) -> Outcome:
    """Run the interpreter of an installation (the directory above it is ``top``) in a room."""
    lines: list[str] = []
    status = room.run(top, ("install/bin/python3", "-I", "-c", code), scripts, lines.append)
    return Outcome(status, "\n".join(lines))


def test_without_the_system_s_library_the_loader_says_which(oldest: Room, linked: Linked, tmp_path: Path) -> None:
    outcome = run_in(oldest, linked.top, "pass", tmp_path)
    assert outcome.status == 127
    assert f"{SYSTEM}: cannot open shared object file" in outcome.output


def test_on_the_oldest_glibc_with_a_library_put_beside_the_others(
    oldest: Room, installation: Path, tmp_path: Path
) -> None:
    with provisions(replace(make_request(), link=LINK), print) as made:
        library = made.tree(made.made(TRIPLE, ["xz"])["xz"]) / "tools/deps/lib" / SYSTEM
        shutil.copyfile(library, installation / "lib" / SYSTEM)
    outcome = run_in(oldest, installation.parent, WORKS + MAPPED, tmp_path)
    assert outcome.status == 0, outcome
    assert outcome.output.split() == [f"/sources/install/lib/{name}" for name in sorted((*SHIPPED, SYSTEM))]


@pytest.fixture(scope="module")
def other_sqlite(desktop: Desktop, provided: Provisions) -> Path:
    """SQLite from the same source, linked by the user's GCC, that calls itself another version."""
    static = provided.tree(provided.made(TRIPLE, ["sqlite"])["sqlite"]) / "tools/deps/lib/libsqlite3.a"
    shutil.copyfile(static, desktop.work / "libsqlite3.a")
    (desktop.work / "version.c").write_text('const char *sqlite3_libversion(void) { return "3.99.9"; }\n')
    desktop.check(
        "sh",
        "-euc",
        """
        objcopy --weaken-symbol=sqlite3_libversion libsqlite3.a
        gcc -shared -fPIC version.c -Wl,--whole-archive libsqlite3.a -Wl,--no-whole-archive -lm -ldl -lpthread \
            -Wl,-soname,libsqlite3.so.0 -o libsqlite3.so.0
    """,
    )
    return desktop.work / "libsqlite3.so.0"


VERSION = "import sqlite3; sqlite3.connect(':memory:').execute('select 1'); print(sqlite3.sqlite_version)"


def test_a_library_replaced_in_the_tree(desktop: Desktop, other_sqlite: Path, installation: Path) -> None:
    assert desktop.check(desktop.python, "-c", VERSION) != "3.99.9"
    place = installation / "lib/libsqlite3.so.0"
    place.unlink()
    shutil.copyfile(other_sqlite, place)
    machine = replace(desktop, install=installation)
    assert machine.check(machine.python, "-c", VERSION) == "3.99.9"


def test_a_library_replaced_for_one_run(desktop: Desktop, other_sqlite: Path) -> None:
    assert desktop.check(desktop.python, "-c", VERSION, LD_LIBRARY_PATH=f"{WORK}") == "3.99.9"
    assert other_sqlite.is_file()


# ---------------------------------------------------------------------------------------------------------------------
# Linked again


@pytest.fixture
def linker(desktop: Desktop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Linker:
    return Linker(desktop, tmp_path / "linked", monkeypatch)


def test_linked_again_without_ssl(linked: Linked, linker: Linker, desktop: Desktop, tmp_path: Path) -> None:
    done = linker(linked.archive, Wishes(without=("_ssl",)))
    assert "install/lib/libssl.so.3" in done.files
    unpack(done.packed.path, tmp_path / "again")
    install = tmp_path / "again/python/install"
    left = sorted(path.name for path in (install / "lib").glob("lib[cs]*.so.*"))
    assert left == ["libcrypto.so.3", "libsqlite3.so.0"]
    told = json.loads(next(install.glob("lib/python3.*/link-choices.json")).read_text())
    assert told["openssl"]["libraries"] == {"crypto": "libcrypto.so.3"}
    machine = replace(desktop, install=install)
    machine.check(machine.python, "-c", WORKS.replace(", ssl", "").replace("ssl.create_default_context()", ""))
    assert "libssl" not in machine.check(machine.python, "-c", MAPPED)
