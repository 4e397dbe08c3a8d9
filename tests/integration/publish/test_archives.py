"""The archives of the installation: complete, the same program as in the full one, working, made again bit for bit."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from pythonbuild.cli.arguments import parse
from pythonbuild.cli.requests import make_request
from pythonbuild.config.project import Project
from pythonbuild.config.request import ARCHIVE_KINDS
from pythonbuild.distribution.archive import unpack
from pythonbuild.distribution.kinds import TEST_PACKAGES, with_debug_information
from pythonbuild.distribution.names import read_name
from pythonbuild.distribution.objectfile import PT_LOAD, Elf, is_elf
from pythonbuild.engine.model import CallAction
from pythonbuild.engine.store import Store
from pythonbuild.environments.base import Environment
from pythonbuild.environments.select import choose
from pythonbuild.planning import make_plan
from pythonbuild.preparation import make_fetcher, prepare
from tests.integration.conftest import CACHE, REPOSITORY, Run, clean, command

TELL = """
import ctypes, curses, json, lzma, readline, sqlite3, ssl, subprocess, sys, sysconfig, tkinter, zlib
json.dump({
    "prefix": sys.prefix, "tcl": tkinter.Tcl().eval("info library"),
    "paths": [sysconfig.get_config_var(name) for name in ("LIBDIR", "INCLUDEPY", "LIBPL", "LIBPC", "BINDIR")],
    "makefile": sysconfig.get_makefile_filename(), "header": sysconfig.get_config_h_filename(),
}, sys.stdout)
"""


@pytest.fixture(scope="module", params=ARCHIVE_KINDS[1:])
def top(request: pytest.FixtureRequest, archives: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation where nothing was built; unpacked by another program than the one that packed it."""
    directory = tmp_path_factory.mktemp("somewhere else")
    with tarfile.open(archives[f"{request.param}.gz"]) as tar:
        tar.extractall(directory, filter="tar")
    return directory / "python"


def output(*argv: str | Path, **variables: str) -> str:
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False,
                          env={**clean(), **variables})  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_layout(top: Path, installed: Path) -> None:
    assert sorted(path.name for path in top.iterdir()) == ["bin", "include", "lib", "share"]
    (stdlib,) = top.glob("lib/python3.*")
    assert not [name for name in TEST_PACKAGES if (stdlib / name).exists()]
    assert not list(top.rglob("*.a"))
    assert not [path for path in (stdlib / "lib-dynload").iterdir() if "test" in path.name or "xx" in path.name]
    licences = [path.read_bytes() for path in sorted((top / "share/licenses" / stdlib.name).iterdir())]
    assert licences == [path.read_bytes() for path in sorted((installed / "licenses").iterdir())]


def test_nothing_else_is_missing_or_different(top: Path, installed: Path) -> None:
    """Programs and libraries: the same loaded bytes and the same names, so the same backtraces; all else as it was."""
    (stdlib,) = installed.glob("install/lib/python3.*")
    left_out = tuple(f"{stdlib}/{name}/" for name in (*TEST_PACKAGES, "lib-dynload"))
    for path in sorted((installed / "install").rglob("*")):
        here = top / path.relative_to(installed / "install")
        if f"{path}/".startswith(left_out) or path.suffix == ".a":
            continue
        assert os.path.lexists(here), here
        if path.is_symlink():
            assert here.readlink() == path.readlink()
        elif path.is_file():
            assert same_program(path, here) if is_elf(path) else here.read_bytes() == path.read_bytes(), here


def same_program(one: Path, other: Path) -> bool:
    first, second = (Elf(path.read_bytes(), str(path)) for path in (one, other))
    return loaded(one, first) == loaded(other, second) and first.symbols() == second.symbols()


def loaded(path: Path, elf: Elf) -> list[bytes]:
    """Return what is loaded of a program, less the headers, which say where the sections are that are not."""
    data = path.read_bytes()
    return [data[max(segment.offset, 4096) : segment.offset + segment.size]
            for segment in elf.segments() if segment.type == PT_LOAD]  # fmt: skip


def test_stripped_means_without_debug_information(archives: dict[str, Path], tmp_path: Path) -> None:
    for kind in ARCHIVE_KINDS[1:]:
        unpack(archives[f"{kind}.zst"], tmp_path / kind)
    assert with_debug_information(tmp_path / "install_only_stripped") == []
    programs = {kind: (tmp_path / kind).glob("python/bin/python3.*[0-9]") for kind in ARCHIVE_KINDS[1:]}
    sizes = {kind: path.stat().st_size for kind, (path,) in programs.items()}
    assert sizes["install_only_stripped"] < sizes["install_only"]


def test_both_compressions_hold_the_same(archives: dict[str, Path], tmp_path: Path) -> None:
    for kind in ARCHIVE_KINDS[1:]:
        for form in ("gz", "zst"):
            unpack(archives[f"{kind}.{form}"], tmp_path / kind / form)
        done = subprocess.run(["diff", "-r", "--no-dereference", tmp_path / kind / "gz", tmp_path / kind / "zst"],
                              capture_output=True, check=False)  # fmt: skip
        assert (done.returncode, done.stdout) == (0, b"")


def test_it_works_where_it_stands(top: Path) -> None:
    told = json.loads(output(top / "bin/python3", "-I", "-c", TELL))
    assert told["prefix"] == str(top)
    for path in (*told["paths"], told["makefile"], told["header"], told["tcl"]):
        assert path.startswith(f"{top}/"), path
        assert Path(path).exists(), path
    assert output(top / "bin/pip", "--version").startswith("pip ")


def test_whoever_compiles_against_it_finds_everything(top: Path) -> None:
    (headers,) = top.glob("include/python3.*")
    assert f"-I{headers}" in shlex.split(output(top / "bin/python3-config", "--includes"))
    assert f"-L{top}/lib" in shlex.split(output(top / "bin/python3-config", "--ldflags", "--embed"))
    assert (headers / "Python.h").is_file()
    assert list(top.glob("lib/libpython3.*.so"))
    for path in (top / "lib/pkgconfig").iterdir():
        assert "prefix=${pcfiledir}/../.." in path.read_text()
    (makefile,) = top.glob("lib/python3.*/config-*/Makefile")
    rule = "where:\n\t@echo '$(LIBDIR)'\n"
    done = subprocess.run(["make", "-f", str(makefile), "-f", "-", "where"], input=rule, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.stdout.strip() == str(top / "lib"), done.stderr


@pytest.mark.parametrize("kind", ["install_only.gz", "install_only_stripped.zst"])
def test_validate_finds_nothing_wrong(archives: dict[str, Path], kind: str) -> None:
    words = ["validate", str(archives[kind]), "--json", "--offline"]
    report = json.loads(output(*command(REPOSITORY, words, CACHE)))
    checks = {check["id"]: check["outcome"] for check in report["archives"][0]["checks"]}
    assert report["ok"]
    passed = {name for name, outcome in checks.items() if outcome == "passed"}
    assert passed >= {"structure-readable", "structure-links", "elf-glibc-floor", "elf-needed", "structure-order",
                      "leaks-binaries", "leaks-text", "hardening-relro"}  # fmt: skip


@dataclass
class Again:
    """What a step is given, less the engine: trees of the store by step, and one thread."""

    step: str
    out: Path
    work: Path
    environment: Environment
    digests: dict[str, str]
    store: Store
    jobs: int = 1

    def tree(self, need: str) -> Path:
        return self.store.materialise_cached(self.digests[need])

    def digest(self, need: str) -> str:
        return self.digests[need]

    def source(self, name: str) -> Path:
        raise AssertionError(name)

    def log(self, line: str) -> None:
        print(line)


def test_the_same_bytes_from_one_thread(made: Run, archives: dict[str, Path], tmp_path: Path) -> None:
    """Compressed and stripped again from the same tree; the build has used all cores of the machine."""
    digests = {event["step"]: event["digest"] for event in made.of("StepFinished")}
    (name,) = [step for step in digests if step.startswith("archive-") and step.endswith("install_only_stripped")]
    version = read_name(archives["full.zst"].name).version
    words = ["--cache-dir", str(CACHE), "--python", version, "--archives", "all", "--offline"]
    request, project = make_request(parse(words, {}), REPOSITORY), Project(REPOSITORY)
    environment = choose("sandbox", print, CACHE)
    try:
        with make_fetcher(request, project, lambda _: None) as fetcher, Store(CACHE) as store:
            plan = make_plan(prepare(request, project, fetcher, lambda _: None, settle=False).inputs)
            context = Again(name, tmp_path / "out", tmp_path / "work", environment, digests, store)
            context.out.mkdir()
            context.work.mkdir()
            action = plan.step(name).action
            assert isinstance(action, CallAction)
            action.function(context)
    finally:
        environment.close()
    again = {path.name: path.read_bytes() for path in (tmp_path / "out/dist").iterdir()}
    there = [path for kind, path in archives.items() if kind.startswith("install_only_stripped")]
    assert sorted(again) == sorted(path.name for path in there)
    assert all(again[path.name] == path.read_bytes() for path in there)
