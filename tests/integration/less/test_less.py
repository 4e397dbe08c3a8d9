"""A real build without OpenSSL, SQLite, Berkeley DB, readline, tests and Tk: what is gone, what works, what is told."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pythonbuild.config.project import Project
from pythonbuild.cpython.leaving_out import NO_TESTS, NO_TK, Scene, leave_out
from pythonbuild.cpython.leaving_out import WITHOUT as REASON
from pythonbuild.cpython.modules import read_modules
from pythonbuild.distribution.archive import read_members, read_metadata
from pythonbuild.distribution.convert import convert
from pythonbuild.distribution.inspect import inspect_archive
from pythonbuild.distribution.left_out import RECORD, record_of
from pythonbuild.distribution.python_json import read_python_json
from pythonbuild.distribution.schemas import problems
from pythonbuild.validation.behaviour_tests.standard_library import IMPORT_EVERYTHING, NOT_HERE, NOWHERE
from tests.integration.conftest import CACHE, REPOSITORY, Run, build, clean, command
from tests.integration.less.conftest import FLAGS, WITHOUT

#: Steps of the whole build that nothing needs any more.
UNNEEDED = {"bdb", "libedit", "openssl", "sqlite", "tcl", "tk", "fontconfig", "freetype", "libx11", "libxau", "libxcb",
            "libxft", "libxrender", "xorgproto"}  # fmt: skip
GONE = ("_ssl", "_hashlib", "_sqlite3", "_dbm", "readline", "_tkinter", "_testcapi", "tkinter", "idlelib", "turtle",
        "turtledemo", "test")  # fmt: skip


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(REPOSITORY, arguments, CACHE), capture_output=True, text=True, check=False,
                          env=clean())  # fmt: skip


def python(tree: Path, *arguments: str, program: str = "install/bin/python3") -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(tree / program), *arguments], capture_output=True, text=True, check=False)


def test_the_plan_has_only_what_the_rest_needs(version: str) -> None:
    done = run("--dry-run", "--environment", "sandbox", "--log-format", "json", "--python", version, *FLAGS)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    steps = {row["step"] for row in rows if row["event"] == "PlanRow"}
    assert not UNNEEDED & steps
    assert {"zlib", "expat", "xz", "bzip2", "libffi", "ncurses", f"smaller-{version}-noopt"} <= steps


def test_nothing_but_cpython_s_own_steps_was_built(first: Run, smaller: Run, version: str) -> None:
    assert set(smaller.steps).isdisjoint(UNNEEDED)
    shared = set(smaller.steps) & set(first.steps)
    assert {"toolchain", "zlib", "ncurses"} <= shared
    own = ("setup-", "cpython-", "smaller-", "interpreter-", "assemble-", "archive-", "validate-")
    assert [step for step in smaller.built if not step.startswith(own)] == []


def test_it_is_smaller(first: Run, archive: Path, installed: Path, tree: Path) -> None:
    assert first.archive.stat().st_size - archive.stat().st_size > 14e6
    files = ([path for path in (top / "install").rglob("*") if path.is_file() and not path.is_symlink()]
             for top in (installed, tree))  # fmt: skip
    sizes = [sum(path.stat().st_size for path in paths) for paths in files]
    assert sizes[0] - sizes[1] > 60e6, sizes


@pytest.mark.parametrize("name", GONE)
def test_what_is_gone_says_so(tree: Path, name: str) -> None:
    done = python(tree, "-I", "-c", f"import {name}")
    assert done.returncode == 1
    assert f"ModuleNotFoundError: No module named '{name}'" in done.stderr


def test_everything_else_imports(tree: Path, archive: Path) -> None:
    record = record_of(archive)
    done = python(tree, "-I", "-c", IMPORT_EVERYTHING, ",".join([*NOWHERE, *NOT_HERE["linux"]]),
                  ",".join([*record.extensions, *record.packages]))  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    code = "import hashlib, hmac, secrets, dbm.dumb, xml.etree.ElementTree as E; print(hashlib.sha256(b'').hexdigest())"
    done = python(tree, "-I", "-c", code)
    assert done.stderr == "", "hashlib has all that it needs"
    assert done.stdout.startswith("e3b0c442")


def test_pip_venv_and_ensurepip_work(tree: Path, tmp_path: Path) -> None:
    assert python(tree, "-I", "-m", "pip", "--version").stdout.startswith("pip ")
    done = python(tree, "-I", "-m", "venv", str(tmp_path / "env"))
    assert done.returncode == 0, done.stderr
    done = python(tmp_path / "env", "-I", "-m", "pip", "list", program="bin/python")
    assert "pip" in done.stdout, done.stderr


def test_no_trace_of_what_was_left_out(tree: Path) -> None:
    names = [path.relative_to(tree).as_posix() for path in tree.rglob("*")]
    words = ("sqlite3.a", "libssl", "libcrypto", "libdb.a", "libedit", "libtcl", "libX11", "tk8.6", "tcl8.6", "idle",
             "turtle", "tkinter", "_testcapi", "LICENSE.openssl", "LICENSE.tcl")  # fmt: skip
    found = {word: name for word in words for name in names if word in name and "site-packages" not in name}
    assert found == {}
    assert not list((tree / "install/lib").glob("python3.*/test"))
    assert list((tree / "install/lib").glob("python3.*/lib-dynload")), "without it the interpreter finds no exec_prefix"
    assert python(tree, "-c", "import sys; print(sys.exec_prefix)").stderr == ""


def test_format_0_tells_all_of_it(archive: Path) -> None:
    text = read_metadata(archive)
    document = read_python_json(text)
    assert list(problems(json.loads(text), "0")) == []
    omitted = document.omitted_extensions
    assert {name: omitted[name] for name in WITHOUT} == dict.fromkeys(WITHOUT, REASON)
    assert (omitted["_tkinter"], omitted["_testcapi"]) == (NO_TK, NO_TESTS)
    assert "GPL" in omitted["_gdbm"]
    assert not {*document.build_info.extensions} & {*omitted}
    assert not {source.name for source in document.sources} & {"openssl", "sqlite", "tcl", "tk", "bdb", "libedit"}
    assert document.interpreter is not None
    assert document.interpreter.python_stdlib_test_packages == ()
    assert (document.tcl_library_path, document.tcl_library_paths) == (None, ())


@pytest.fixture(scope="session")
def eight(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(archive, "8", tmp_path_factory.mktemp("eight")).path


def test_so_do_the_later_formats(archive: Path, eight: Path, tmp_path: Path) -> None:
    for path, version in ((eight, "8"), (convert(archive, "7", tmp_path).path, "7")):
        plain = json.loads(read_metadata(path))
        assert list(problems(plain, version)) == []
        assert not {*plain["build_info"]["extensions"]} & {*WITHOUT, "_tkinter", "_testcapi"}
        assert plain["python_stdlib_test_packages"] == []
        assert "tcl_library_path" not in plain
        lines = inspect_archive(path).lines()
        assert {f"  _ssl: {REASON}", f"  tkinter: {NO_TK}", f"  test: {NO_TESTS}"} <= set(lines)
        assert record_of(path) == record_of(archive)


def test_provenance_names_nothing_that_was_left_out(archive: Path) -> None:
    sbom = json.loads(archive.with_name(f"{archive.name}.cdx.json").read_text())
    # By reference: a package of the same name may be in the root filesystem that it was built in (deb:tcl).
    names = {part["bom-ref"] for part in sbom["components"]}
    assert not names & {"openssl", "sqlite", "tcl", "tk", "bdb", "libedit", "libx11"}
    wishes = dict(inspect_archive(archive).provenance.request)  # type: ignore[union-attr]
    assert wishes["without"] == list(WITHOUT)
    assert wishes["no_tests"]
    assert wishes["no_tk"]


def test_validate_passes_in_format_8_too(eight: Path) -> None:
    done = run("validate", str(eight), "--environment", "sandbox", "--skip", "behaviour-glibc-floor", "--skip",
               "behaviour-oldest-cpu", "--json")  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    (checked,) = json.loads(done.stdout)["archives"]
    outcomes = {check["id"]: check["outcome"] for check in checked["checks"]}
    assert {outcomes[name] for name in ("metadata-left-out", "metadata-extensions", "metadata-interpreter",
                                        "provenance-complete", "behaviour-system")} == {"passed"}  # fmt: skip


def test_another_order_of_the_names_gives_the_same_bytes(
    smaller: Run, version: str, archive: Path, tmp_path: Path
) -> None:
    again = build(tmp_path, "--python", version, "--no-tk", "--no-tests", "--without", ",".join(sorted(WITHOUT)))
    assert again.built == []
    assert again.archive.name == archive.name
    assert again.sha256 in {event["sha256"] for event in smaller.of("Published")}


def test_the_installation_alone_is_without_it_too(archives: dict[str, Path]) -> None:
    names = {member.name for member in read_members(archives["install_only.gz"])}
    assert "python/bin/python3" in names
    assert not [name for name in names if any(part in name for part in ("tkinter", "idle3", "/test/", "_testcapi",
                                                                        "LICENSE.openssl", RECORD))]  # fmt: skip


def test_there_is_nothing_for_test_distribution(archive: Path) -> None:
    done = run("test-distribution", str(archive), "--environment", "sandbox")
    assert done.returncode == 2
    assert "has no tests" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_relink_works_on_it(archive: Path, tmp_path: Path) -> None:
    done = run("relink", str(archive), "--without", "_bz2,_lzma", "--cc", "pinned", "--environment", "sandbox",
               "--output", str(tmp_path))  # fmt: skip
    assert done.returncode == 0, done.stderr
    (made,) = tmp_path.iterdir()
    omitted = read_python_json(read_metadata(made)).omitted_extensions
    assert omitted["_ssl"] == REASON
    assert "linked again" in omitted["_bz2"]
    done = run("validate", str(made), "--environment", "sandbox", "--skip", "behaviour")
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize(("flags", "words"), [
    (("--without", "openssl"), "openssl is a library, no extension module; leave out what is linked with it"),
    (("--without", "posix"), "posix cannot be left out: found the interpreter does not start without it"),
    (("--without", "zlib"), "zlib cannot be left out: found the new interpreter installs pip"),
    (("--without", "_sll"), "CPython has no extension module _sll; did you mean _ssl"),
])  # fmt: skip
def test_what_cannot_be_left_out_ends_at_once(version: str, tmp_path: Path, flags: tuple[str, ...], words: str) -> None:
    done = run("--python", version, "--output", str(tmp_path / "dist"), "--environment", "sandbox", *flags)
    assert done.returncode == 2
    assert words in done.stdout + done.stderr
    assert not (tmp_path / "dist").exists()


#: Blocks modules, then runs pip from its wheel, as CPython's recipe does.
PIP = """
import runpy, sys
for name in sys.argv[1].split(","):
    sys.modules[name] = None
import argparse, ensurepip, enum, logging, pathlib, pprint, py_compile, sysconfig, typing, venv, warnings
sys.argv[:2] = ["pip"]
sys.path.insert(0, sys.argv.pop(1))
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def test_pip_can_be_installed_without_all_that_may_be_left_out(installed: Path, version: str, tmp_path: Path) -> None:
    """What is known of the modules is right: the whole Python, made to believe that none of them is there."""
    project = Project(REPOSITORY)
    scene = Scene(read_modules(project.unix / "extension-modules.yml"), version, "linux", project.recipes)
    may = [name for name, module in scene.built.items() if not (module.required_in(version) or module.kept_for
                                                               or module.instead_of)]  # fmt: skip
    left_out = leave_out(scene, may, no_tests=True, no_tk=True).extensions
    (wheel,) = (installed / "install/lib").glob("python3.*/ensurepip/_bundled/pip-*.whl")
    flags = ["--no-index", "--find-links", str(wheel.parent), "--no-cache-dir", "--ignore-installed"]
    done = python(installed, "-IB", "-c", PIP, ",".join(left_out), str(wheel), "install", *flags, "--target",
                  str(tmp_path), "pip")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pip/__init__.py").is_file()
