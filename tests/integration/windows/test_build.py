"""build-windows.py from CPython's real source to packed archives, on a machine of stand-ins that check their arguments.

Nothing here runs on Windows: objects, DLLs and programs are real ones of their format, and hold next to nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pythonbuild.config.project import Project
from pythonbuild.distribution.archive import read_members, read_metadata, unpack
from pythonbuild.distribution.cofffile import read_coff
from pythonbuild.distribution.peimage import read_image
from pythonbuild.distribution.python_json import read_python_json
from pythonbuild.validation.validate import validate
from tests.integration.conftest import CACHE, REPOSITORY, clean
from tests.integration.pcbuild.later import make_later
from tests.integration.windows.machine import Done, FakeWindows, make_machine

TRIPLE = "x86_64-pc-windows-msvc"
WITHOUT = ("--without", "_sqlite3,_lzma,_bz2")


@pytest.fixture(scope="module")
def full(built: Done) -> Path:
    return next(path for path in built.archives if "install_only" not in path.name)


@pytest.fixture(scope="module")
def top(full: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("unpacked")
    unpack(full, directory)
    return directory / "python"


@pytest.fixture(scope="module")
def described(top: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((top / "PYTHON.json").read_text())
    return document


def test_the_archives(built: Done) -> None:
    names = sorted(path.name.replace("+20250611", "+DAY") for path in built.archives)
    assert [name for name in names if "install_only" in name] == [
        f"cpython-3.13.5+DAY-{TRIPLE}-noopt-{kind}.tar.{compression}"
        for kind in ("install_only", "install_only_stripped") for compression in ("gz", "zst")
    ]  # fmt: skip
    statements = {path.name for path in built.archives[0].parent.iterdir()}
    assert {f"{path.name}.cdx.json" for path in built.archives} <= statements


def test_the_command_accepts_it(full: Path) -> None:
    """As anybody would check it, on Linux."""
    command = [sys.executable, str(REPOSITORY / "build-linux.py"), "validate", str(full), "--cache-dir", str(CACHE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean())
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout


def test_validate_accepts_it(full: Path) -> None:
    target = Project(REPOSITORY).known_targets[TRIPLE]
    report = validate(full, target)
    assert report.ok, report.lines()
    passed = {result.id for result in report.results if result.outcome == "passed"}
    assert {"metadata-paths", "metadata-schema", "metadata-objects", "metadata-inittab", "metadata-init-functions",
            "metadata-object-files", "metadata-extensions", "metadata-links", "metadata-licences", "pe-machine",
            "pe-imports", "pe-exports", "pe-debug-paths", "pe-protections", "leaks-text"} <= passed  # fmt: skip


def test_damage_is_found(top: Path, tmp_path: Path) -> None:
    """Each of the checks that know of Windows sees what it is meant for, all in one damaged tree."""
    tree = tmp_path / "python"
    shutil.copytree(top, tree, copy_function=os.link)
    other = tree / "build/core/marshal.obj"
    content = bytearray(other.read_bytes())
    content[:2] = b"\x64\xaa"  # the machine of arm64
    other.unlink()
    other.write_bytes(content)
    (tree / "build/core/stray.obj").write_bytes((top / "build/core/abstract.obj").read_bytes())
    (tree / "install/DLLs/stray.pyd").write_bytes((top / "install/DLLs/_testcapi.pyd").read_bytes())
    document = json.loads((top / "PYTHON.json").read_text())
    extensions = document["build_info"]["extensions"]
    extensions["pyexpat"]["licenses"] = []
    extensions["_ssl"]["links"].append({**extensions["_ssl"]["links"][-1], "name": "odd"})
    extensions["_hashlib"]["init_fn"] = "PyInit_other"
    (tree / "PYTHON.json").unlink()
    (tree / "PYTHON.json").write_text(json.dumps(document))
    report = validate(tmp_path, Project(REPOSITORY).known_targets[TRIPLE])
    findings = {result.id: " ".join(result.findings) for result in report.failed}
    for name, words in {
        "metadata-object-files": "build/core/marshal.obj: COFF machine 0xaa64, expected 0x8664",
        "metadata-objects": "build/core/stray.obj: in the archive, but not listed",
        "metadata-extensions": "install/DLLs/stray.pyd: not the shared_lib of any extension",
        "metadata-inittab": "_hashlib: init_fn PyInit_other, in build/PC/config.c PyInit__hashlib",
        "metadata-licences": "pyexpat: licences none, of its links MIT",
        "metadata-links": "extensions._ssl: link odd: libodd is no library of the target",
        "metadata-init-functions": "_hashlib: PyInit_other is defined by none of its objects",
    }.items():
        assert words in findings.get(name, ""), (name, findings)


def test_what_the_description_says(described: dict[str, Any], full: Path) -> None:
    document = read_python_json(read_metadata(full))
    info = document.build_info
    assert (document.os, document.libc, info.object_file_format) == ("windows", "ucrt", "coff")
    assert (document.python_exe, document.python_stdlib) == ("install/python.exe", "install/Lib")
    assert (info.core.shared_lib, info.core.static_lib) == ("install/python313.dll", None)
    assert "build/main/python.obj" in info.core.objs
    assert document.toolchain["tools"] == {
        "msvc": "14.44.35207", "nasm": "2.16.03", "perl": "5.38.2", "visual-studio": "17.14.36301.6",
        "windows-sdk": "10.0.26100.0"}  # fmt: skip
    ssl = info.extensions["_ssl"]
    assert (ssl.in_core, ssl.init_fn, ssl.linkage) == (False, "PyInit__ssl", "builtin")
    assert ssl.objs == ("build/extensions/_ssl/_ssl.obj",)
    assert {link.name: link.path_static for link in ssl.links} == {
        "libssl": "build/lib/libssl.lib", "libcrypto": "build/lib/libcrypto.lib", "ws2_32": None, "crypt32": None,
        "user32": None, "gdi32": None}  # fmt: skip
    assert info.extensions["sys"].init_fn == "NULL"
    assert info.extensions["marshal"].in_core
    assert info.extensions["_sqlite3"].links[0].path_static == "build/lib/sqlite3.lib"
    assert [link.path_dynamic for link in info.extensions["_tkinter"].links] == [
        "install/DLLs/tcl86t.dll", "install/DLLs/tk86t.dll"]  # fmt: skip
    assert info.extensions["_testcapi"].shared_lib == "install/DLLs/_testcapi.pyd"
    # The assembly of mpdecimal lies among the core's objects, and is not the core's.
    assert "build/extensions/_decimal/vcdiv64.obj" in info.extensions["_decimal"].objs
    sources = {source["name"]: source for source in described["sources"]}
    assert sources["expat"]["sha256"] == sources["cpython"]["sha256"]
    assert sources["expat"]["version"].startswith("2.7")
    assert "build/extensions/pyexpat/xmlparse.obj" in sources["expat"]["libraries"]
    assert info.extensions["pyexpat"].licenses == ("MIT",)


def test_the_installation_is_what_pc_layout_makes(top: Path) -> None:
    install = top / "install"
    for name in ("python.exe", "pythonw.exe", "python313.dll", "python3.dll", "vcruntime140.dll", "LICENSE.txt",
                 "Lib/os.py", "Lib/site-packages/pip/__init__.py", "include/Python.h", "include/pyconfig.h",
                 "libs/python313.lib", "DLLs/_tkinter.pyd", "DLLs/tcl86t.dll", "tcl/tcl8.6/init.tcl",
                 "Lib/test/test_os.py", "Lib/venv/scripts/nt/venvlauncher.exe"):  # fmt: skip
        assert (install / name).exists(), name
    image = read_image((install / "python313.dll").read_bytes(), "python313.dll")
    assert "Py_Main" in image.exports
    assert image.debug_paths == ("python313.pdb",)
    assert "python313.dll" in read_image((install / "python.exe").read_bytes(), "python.exe").imports
    assert read_coff((top / "build/core/config.obj").read_bytes(), "config.obj").symbols.undefined >= {"PyInit__ssl"}


def test_the_sbom_tells_where_everything_is_from(top: Path) -> None:
    sbom = json.loads((top / "SBOM.cdx.json").read_text())
    parts = {part["name"]: part for part in sbom["components"]}
    assert {"cpython", "openssl", "zlib", "xz", "bzip2", "libffi", "sqlite", "mpdecimal", "expat", "tcltk",
            "pip"} <= parts.keys()  # fmt: skip
    tcl = {each["location"] for each in parts["tcltk"]["evidence"]["occurrences"]}
    assert {"install/DLLs/tk86t.dll", "install/tcl/tcl8.6/init.tcl"} <= tcl
    linked = [each["value"] for each in parts["openssl"]["properties"] if each["name"].endswith("linked-into")]
    assert linked == ["install/python313.dll"]
    assert {"msvc", "windows-sdk", "perl", "nasm"} <= parts.keys()


def test_the_installation_alone(built: Done) -> None:
    archives = {path.name.partition("noopt-")[2]: path for path in built.archives if "install_only" in path.name}
    names = {kind: {member.name for member in read_members(path)} for kind, path in archives.items()}
    assert names["install_only.tar.gz"] == names["install_only.tar.zst"]
    plain, stripped = names["install_only.tar.gz"], names["install_only_stripped.tar.gz"]
    assert {"python/python.exe", "python/Lib/os.py", "python/share/licenses/python3.13/LICENSE.openssl.txt"} <= plain
    assert not any(name.startswith(("python/Lib/test/", "python/DLLs/_test")) for name in plain)
    assert {name.rpartition(".")[2] for name in plain - stripped} == {"pdb"}


def test_programs_are_called_as_they_want_it(built: Done, windows: FakeWindows) -> None:
    (configure,) = [row for row in windows.calls("perl") if row["arguments"][0] == "Configure"]
    assert configure["arguments"][1:3] == ["VC-WIN64A", "no-shared"]
    (build,) = windows.calls("build.bat")
    assert build["arguments"][:5] == ["-E", "-p", "x64", "-c", "Release"]
    names = [word.partition("=")[0] for word in build["arguments"][5:]]
    assert names == ["/p:IncludeExternals", "/p:BuildForRelease", "/p:PythonBuildDependencies", "/p:mpdecimalDir",
                     "/p:sqlite3Dir", "/p:tcltkDir"]  # fmt: skip
    assert [row["arguments"][1] for row in windows.calls("nmake")] != []


def test_nothing_is_built_twice(built: Done, windows: FakeWindows) -> None:
    before = {program: len(windows.calls(program)) for program in ("cl", "nmake", "build.bat", "lib", "ml64")}
    again = windows.build(built.archives[0].parent, "--python", "3.13.5", "--archives", "all")
    assert again.status == 0, again.errors
    assert {event["status"] for event in again.of("StepFinished")} == {"cached"}
    assert {program: len(windows.calls(program)) for program in before} == before
    assert sorted(again.archives) == sorted(built.archives)


def test_another_compiler_builds_anew(built: Done, windows: FakeWindows) -> None:
    """What was found is in the keys."""
    plan = windows.run("--dry-run", "--python", "3.13.5", "--log-format", "json")
    assert {event["status"] for event in plan.of("PlanRow")} == {"cached"}
    told = windows.root / "machine.json"
    text = told.read_text()
    told.write_text(text.replace("14.44.35207", "14.45.1"))
    try:
        changed = windows.run("--dry-run", "--python", "3.13.5", "--log-format", "json")
    finally:
        told.write_text(text)
    states = {event["step"]: event["status"] for event in changed.of("PlanRow")}
    assert states["zlib"] == "to build"
    assert states["pcbuild-3.13.5-noopt"] == "cached"


@pytest.fixture(scope="module")
def thirty_two(compiler: Path) -> Iterator[FakeWindows]:
    """A machine whose compiler is set up for i686, and that has neither Perl nor NASM."""
    root = Path(tempfile.mkdtemp(prefix="pbw-"))
    yield make_machine(root, compiler, "Win32", pinned=("strawberry-perl", "nasm"))
    shutil.rmtree(root)


def test_static_with_pgo_for_i686(thirty_two: FakeWindows, tmp_path: Path) -> None:
    """The programs hold the core; there is no DLL, no module with one, and none of the tests."""
    done = thirty_two.build(tmp_path, "--python", "3.13.5", "--target-triple", "i686-pc-windows-msvc",
                            "--options", "static+pgo", "--no-tests", *WITHOUT, path=thirty_two.bare_path)  # fmt: skip
    (archive,) = done.archives
    document = read_python_json(read_metadata(archive))
    core = document.build_info.core
    assert (core.shared_lib, core.static_lib) == (None, "build/lib/python313.lib")
    assert document.build_options == "static+pgo"
    assert {entry.linkage for entry in document.build_info.extensions.values()} == {"builtin"}
    assert "static variant" in document.omitted_extensions["_tkinter"]
    assert "static variant" in document.omitted_extensions["_testcapi"]
    assert document.toolchain["tools"]["strawberry-perl"] == "5.38.2.2"  # type: ignore[index]
    names = {member.name for member in read_members(archive)}
    assert "python/install/python.exe" in names
    assert not any(name.endswith("python313.dll") or "/Lib/test/" in name for name in names)
    assert [row["arguments"][1] for row in thirty_two.calls("msbuild")] == ["PGInstrument", "PGUpdate"]
    assert len(thirty_two.calls("training")) == 1
    (configure,) = [row for row in thirty_two.calls("perl") if row["arguments"][0] == "Configure"]
    assert configure["arguments"][1] == "VC-WIN32"
    # The profile is told of, and neither it nor what training needs is shipped.
    assert document.toolchain["training"] == {"of": "python", "runs": 2}
    assert not any(name.endswith((".pgd", ".pgc", "pgort140.dll")) for name in names)
    # What was left out is in no project, no table, and nothing is built for it.
    assert document.omitted_extensions["_sqlite3"] == "left out of the build (--without)"
    assert not {"_sqlite3", "_lzma", "_bz2"} & document.build_info.extensions.keys()
    assert not {"sqlite", "xz", "bzip2"} & {event["step"] for event in done.of("StepFinished")}


@pytest.fixture(scope="module")
def arm(compiler: Path) -> Iterator[FakeWindows]:
    """A machine whose compiler is set up for arm64."""
    root = Path(tempfile.mkdtemp(prefix="pbw-"))
    yield make_machine(root, compiler, "ARM64")
    shutil.rmtree(root)


def test_without_the_gil_for_arm64_like_3_14(built: Done, arm: FakeWindows, tmp_path: Path) -> None:
    """What is particular to arm64, to a build without the GIL and to 3.14, at once; the source is 3.13's, changed."""
    source = tmp_path / "source"
    with tarfile.open(CACHE / "downloads/Python-3.13.5.tar.xz") as tar:
        members = (each for each in tar if not re.match(r"[^/]+/(Doc|Mac|Lib/test)(/|$)", each.name))
        tar.extractall(source, members=members, filter="data")
    (tree,) = source.iterdir()
    make_later(tree, "3.14.99")
    done = arm.build(tmp_path / "dist", "--python-source", str(tree), "--target-triple", "aarch64-pc-windows-msvc",
                     "--options", "freethreaded+noopt", "--no-tests")  # fmt: skip
    (archive,) = done.archives
    document = read_python_json(read_metadata(archive))
    assert (document.python_version, document.arch, document.build_options) == (
        "3.14.99", "aarch64", "freethreaded+noopt")  # fmt: skip
    info = document.build_info
    assert info.core.shared_lib == "install/python314t.dll"
    assert info.extensions["_tkinter"].shared_lib == "install/DLLs/_tkinter.cp314t-win_arm64.pyd"
    assert {"build/extensions/_zstd/_zstdmodule.obj", "build/extensions/_zstd/pool.obj"} <= set(
        info.extensions["_zstd"].objs)  # fmt: skip
    assert "BSD-3-Clause" in info.extensions["_zstd"].licenses
    for name in ("zlib", "binascii"):
        assert [link.path_static for link in info.extensions[name].links] == ["build/lib/zlib-ng.lib"]
        assert info.extensions[name].license_paths == ("licenses/LICENSE.zlib-ng.txt",)
    sources = {source.name: source for source in document.sources}
    assert {"zstd", "zlib-ng"} <= sources.keys()
    assert "zlib" not in sources
    assert (sources["zlib-ng"].libraries, sources["zlib-ng"].license) == (("build/lib/zlib-ng.lib",), "Zlib")
    unpack(archive, tmp_path / "out")
    install = tmp_path / "out/python/install"
    for name in ("python.exe", "python3.14t.exe", "pythonw.exe", "python3t.dll", "libs/python314t.lib",
                 "Lib/venv/scripts/nt/venvlaunchert.exe"):  # fmt: skip
        assert (install / name).is_file(), name
    assert "#define Py_GIL_DISABLED 1" in (install / "include/pyconfig.h").read_text()
    image = read_image((install / "python.exe").read_bytes(), "python.exe")
    assert "python314t.dll" in image.imports
    (build,) = arm.calls("build.bat")
    assert build["arguments"][:6] == ["-E", "-p", "ARM64", "-c", "Release", "--disable-gil"]
    (configure,) = [row for row in arm.calls("perl") if row["arguments"][0] == "Configure"]
    assert configure["arguments"][1] == "VC-WIN64-ARM"
    assert arm.calls("armasm64")


def test_stand_ins_notice_what_is_wrong(windows: FakeWindows, tmp_path: Path) -> None:
    """A recipe that calls a program otherwise fails the build, with the reason in the step's last lines."""
    recipe = windows.checkout / "cpython-windows/recipes/zlib/build.py"
    text = recipe.read_text()
    recipe.write_text(text.replace("-D_CRT_SECURE_NO_DEPRECATE", "-Zi"))
    try:
        done = windows.build(tmp_path, "--python", "3.13.5")
    finally:
        recipe.write_text(text)
    assert done.status == 1
    (failed,) = [event for event in done.of("StepFinished") if event["status"] == "failed"]
    assert failed["step"] == "zlib"
    assert any("unexpected flag -Zi" in line for line in failed["tail"])
    assert list(tmp_path.iterdir()) == []


def last_line(done: Done) -> str:
    lines = done.errors.strip().splitlines()
    return lines[-1] if lines else ""


def test_without_the_tools_there_is_one_line(windows: FakeWindows) -> None:
    done = windows.run("--python", "3.13.5", path="/nowhere")
    assert done.status == 2
    assert "build-windows.py builds on Windows, by Visual Studio: found Linux" in last_line(done)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--options", "freethreaded+lto"], 2, "--options: not there for this target: found freethreaded+lto"),
        (["--options", "lto"], 2, "--options: not there for this target: found lto"),
        (["--target-triple", "x86_64-unknown-linux-gnu"], 2, "build it by build-linux.py, on Linux"),
        (["--link", "openssl=shared"], 2, "--link openssl=shared: not there for Windows"),
        (["--without", "_socket"], 2, "--without: _socket cannot be left out"),
        (["--target-triple", "aarch64-pc-windows-msvc", "--options", "pgo"], 2, "not there for this target: found pgo"),
    ],
)
def test_bad_wishes(windows: FakeWindows, arguments: list[str], status: int, message: str) -> None:
    done = windows.run("--python", "3.13.5", *arguments)
    assert (done.status, message in last_line(done)) == (status, True), done.errors


def test_a_cache_with_a_space_in_its_path(windows: FakeWindows, tmp_path: Path) -> None:
    place = tmp_path / "my cache"
    place.mkdir()
    (place / "venv").symlink_to(os.path.realpath(windows.cache / "venv"))
    done = FakeWindows(windows.root, windows.checkout, place, windows.archives).run("--python", "3.13.5")
    assert done.status == 2
    assert "--cache-dir: the path has a space in it" in last_line(done)


def test_doctor(windows: FakeWindows) -> None:
    done = windows.run("doctor")
    assert "14.44.35207" in done.output
    assert "windows-sdk" in done.output
    assert "visual-studio" in windows.run("doctor").output
    missing = windows.run("doctor", path="/nowhere")
    assert missing.status == 1
    assert "missing for a build: tools" in missing.output
