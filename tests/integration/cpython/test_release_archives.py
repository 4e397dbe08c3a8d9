"""CPython's real release archives against the project's extension modules, fetched like any pinned source."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from pythonbuild.config.project import Project
from pythonbuild.config.sources import select
from pythonbuild.cpython.setup_local import render_setup
from pythonbuild.cpython.setupfiles import cpython_version
from pythonbuild.debian.apt_sources import mirror_bases
from pythonbuild.distribution.patches import applied_patches, read_from
from pythonbuild.sources.fetch import Fetcher
from pythonbuild.sources.places import Places
from tests.integration.conftest import CACHE, REPOSITORY

UNIX = REPOSITORY / "cpython-unix"
TRIPLE = "x86_64-unknown-linux-gnu"


@pytest.fixture(params=["3.11.2", "3.13.5", "3.13.15"], scope="module")
def archive(request: pytest.FixtureRequest) -> Path:
    project = Project(REPOSITORY)
    selection = select(project.sources, request.param)
    pool = Places(pool_bases=mirror_bases)
    with Fetcher(CACHE / "downloads", pool, note=print) as fetcher:
        return fetcher.fetch(selection.candidates[0])


def render(archive: Path, out: Path) -> tuple[str, dict[str, list[str]]]:
    version = cpython_version(archive)
    render_setup(archive, version, TRIPLE, UNIX / "extension-modules.yml", UNIX / "Setup.local.j2", out)
    modules = json.loads((out / "tools/cpython/modules.json").read_text())
    return (out / "tools/cpython/Setup.local").read_text(), modules


def test_every_module_is_known_and_stands_in_setup_local_once(archive: Path, tmp_path: Path) -> None:
    text, modules = render(archive, tmp_path)
    names = [line.split()[0] for line in text.splitlines() if line and line[0] not in "#*"]
    assert len(names) == len(set(names))
    left_to_others = {*modules["bootstrap"], *modules["core"]}
    assert set(names) == {*modules["builtin"], *modules["shared"], *modules["omitted"]} - left_to_others
    assert "@" not in text
    assert {"_ssl", "_sqlite3", "_ctypes", "_tkinter", "readline", "zlib"} <= set(modules["builtin"])
    assert "_testcapi" in modules["shared"]
    assert "_gdbm" in modules["omitted"]


def test_cpythons_own_makesetup_understands_it(archive: Path, tmp_path: Path) -> None:
    text, modules = render(archive, tmp_path)
    (tmp_path / "Setup.local").write_text(text)
    with tarfile.open(archive) as tar:
        wanted = ("Modules/makesetup", "Modules/config.c.in", "Modules/Setup.bootstrap.in")
        for member in tar:
            name = member.name.partition("/")[2]
            if name in wanted:
                stream = tar.extractfile(member)
                assert stream is not None
                target = tmp_path / Path(name).name
                target.write_bytes(stream.read().replace(b"@MODULE_PWD_TRUE@", b""))
    (tmp_path / "Makefile.pre").write_text(
        "# Definitions added by makesetup\nMODOBJS=_MODOBJS_\nNAMES=_MODBUILT_NAMES_\n"
    )
    command = ["sh", "makesetup", "-c", "config.c.in", "-s", "Modules", "Setup.local", "Setup.bootstrap.in"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    config = (tmp_path / "config.c").read_text()
    inittab = set(re.findall(r'\{"(\w+)"', config))
    assert inittab == set(modules["builtin"]) | set(modules["core"])


def test_every_patch_fits_exactly(archive: Path, tmp_path: Path) -> None:
    """patch takes a hunk that fits almost; in another branch of an #ifdef it would do nothing and nobody would know."""
    recipe = Project(REPOSITORY).recipes["cpython"]
    patches = applied_patches(recipe, REPOSITORY, str(cpython_version(archive)), read_from(archive))
    assert len(patches) >= 5
    wanted = {name for patch in patches for name in re.findall(r"^--- a/(\S+)", patch.text, re.MULTILINE)}
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.partition("/")[2]
            if name in wanted:
                content = tar.extractfile(member)
                assert content is not None
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name).write_bytes(content.read())
    for patch in patches:
        argv = ["git", "apply", "--unidiff-zero", str(REPOSITORY / patch.path)]  # as strict as patch --fuzz=0
        done = subprocess.run(argv, cwd=tmp_path, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"{patch.path}: {done.stderr}"
    depth, depths = 0, []
    for line in (tmp_path / "Modules/tkappinit.c").read_text().splitlines():
        depth += line.startswith("#if")
        depth -= line.startswith("#endif")
        if "init_tcl(interp) ==" in line:
            depths.append(depth)
    assert depths == [0]


def test_encodings_can_be_frozen(archive: Path, tmp_path: Path) -> None:
    """CPython's own tool takes the longer list, and what it wrote is what its Makefile and its tables will have."""
    if cpython_version(archive).startswith("3.11"):
        pytest.skip("build.sh freezes more from 3.13 on")
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.partition("/")[2]
            if re.match(r"(Makefile\.pre\.in|Python/frozen\.c|Tools/|PCbuild/|Lib/)", name) and member.isfile():
                content = tar.extractfile(member)
                assert content is not None
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name).write_bytes(content.read())
    subprocess.run([sys.executable, UNIX / "recipes/cpython/freeze_more.py"], cwd=tmp_path, check=True)
    table = (tmp_path / "Python/frozen.c").read_text().partition("stdlib_modules[] =")[2].partition("sentinel")[0]
    entries = dict(re.findall(r'\{"([\w.]+)", \w+, .*?(true|false)', table))
    assert entries["encodings"] == "true"
    assert entries.keys() >= {"encodings.utf_8", "encodings.idna", "encodings.aliases", "linecache", "os"}
    makefile = (tmp_path / "Makefile.pre.in").read_text()
    assert "Python/frozen_modules/encodings.utf_8.h: Lib/encodings/utf_8.py $(FREEZE_MODULE_DEPS)" in makefile
