"""The driver in a temporary directory, and what every recipe can count on."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

RECIPES = Path(__file__).parents[3] / "cpython-unix/recipes"
OLDEST = 315532800


class Machine:
    """Directories in place of /build, /out, /recipe and /sources."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.places = {"STEP_BUILD": f"{top}/build", "STEP_RECIPE": f"{top}/recipe",
                       "STEP_SOURCES": f"{top}/sources", "OUT": f"{top}/out"}  # fmt: skip
        for name in ("build", "out", "recipe/patches", "sources"):
            (top / name).mkdir(parents=True)
        for name in ("driver.sh", "functions.sh"):
            shutil.copyfile(RECIPES / name, top / "recipe" / name)

    def pack(self, name: str, *, top: str = "thing-1.0/", mtime: int = 1_000_000_000) -> None:
        """Make a source archive with a file, a licence and a script."""
        tree = self.top / "packed"
        (tree / top / "doc").mkdir(parents=True)
        (tree / top / "file.txt").write_text("old line\n")
        (tree / top / "doc/COPYING").write_text("do what you like\n")
        (tree / top / "doc/COPYING").chmod(0o600)
        (tree / top / "configure").write_text("#!/bin/sh\n")
        (tree / top / "configure").chmod(0o777)
        (tree / top / "doc").chmod(0o555)
        for number, path in enumerate(sorted(tree.rglob("*"))):
            os.utime(path, (mtime - number, mtime - number))
        tops = [path.name for path in tree.iterdir()]
        subprocess.run(["tar", "-acf", self.top / "sources" / name, *tops], cwd=tree, check=True)

    def run(self, script: str = "true", **variables: str) -> subprocess.CompletedProcess[str]:
        (self.top / "recipe/build.sh").write_text(script)
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", **self.places, **variables}
        return subprocess.run(
            ["bash", "-eu", self.top / "recipe/driver.sh"], cwd=self.top / "build", env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    old = os.umask(0o077)  # the driver sets its own
    yield Machine(tmp_path)
    os.umask(old)


@pytest.mark.parametrize(("name", "program"), [("a.tar", "tar"), ("a.tar.gz", "gzip"), ("a.tar.xz", "xz"),
                                               ("a.tar.bz2", "bzip2"), ("a.tar.zst", "zstd")])  # fmt: skip
def test_unpacks_every_kind_of_archive(machine: Machine, name: str, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed here (it is in the root filesystem)")
    machine.pack(name)
    result = machine.run('pwd; ls; stat -c %a:%Y configure doc/COPYING; echo "$HOME $SOURCE_DATE_EPOCH"',
                         SOURCE_ARCHIVE=name)  # fmt: skip
    assert result.returncode == 0, result.stdout
    lines = result.stdout.splitlines()
    build = machine.top / "build"
    assert lines[:4] == [f"{build}/src", "configure", "doc", "file.txt"]
    epoch = lines[-1].split()[1]
    assert lines[4:6] == [f"755:{epoch}", f"644:{epoch}"]
    assert lines[6] == f"{build}/home {epoch}"
    assert sorted(path.name for path in build.iterdir()) == ["home", "src"]


def test_an_archive_without_a_top_directory(machine: Machine) -> None:
    machine.pack("a.tar", top="")
    result = machine.run("ls", SOURCE_ARCHIVE="a.tar")
    assert result.stdout.split() == ["configure", "doc", "file.txt"]


def test_the_newest_file_tells_the_time_but_not_before_1980(machine: Machine) -> None:
    machine.pack("new.tar")
    with tarfile.open(machine.top / "sources/new.tar") as archive:
        newest = max(member.mtime for member in archive if member.isfile())
    assert machine.run("echo $SOURCE_DATE_EPOCH", SOURCE_ARCHIVE="new.tar").stdout == f"{newest}\n"


def test_times_before_1980_are_lifted(machine: Machine) -> None:
    machine.pack("old.tar", mtime=1000)
    result = machine.run("echo $SOURCE_DATE_EPOCH; stat -c %Y file.txt", SOURCE_ARCHIVE="old.tar")
    assert result.stdout == f"{OLDEST}\n{OLDEST}\n"


def test_no_source(machine: Machine) -> None:
    result = machine.run("pwd; ls -A; echo $SOURCE_DATE_EPOCH; touch $OUT/x", SOURCE_ARCHIVE="")
    assert result.stdout == f"{machine.top}/build/src\n{OLDEST}\n"
    assert (machine.top / "out/x").exists()


PATCH = "--- a/file.txt\n+++ b/file.txt\n@@ -1 +1 @@\n-{}\n+{}\n"


needs_patch = pytest.mark.skipif(shutil.which("patch") is None, reason="patch is not installed here")


@needs_patch
def test_patches_are_applied_in_order(machine: Machine) -> None:
    machine.pack("a.tar")
    (machine.top / "recipe/patches/1-first.patch").write_text(PATCH.format("old line", "new line"))
    (machine.top / "recipe/patches/2-second.patch").write_text(PATCH.format("new line", "newer line"))
    result = machine.run("cat file.txt; ls; stat -c %Y file.txt configure | uniq", SOURCE_ARCHIVE="a.tar")
    assert result.returncode == 0, result.stdout
    assert "applying 1-first.patch" in result.stdout
    assert result.stdout.splitlines()[-5:-1] == ["newer line", "configure", "doc", "file.txt"]


@needs_patch
def test_a_patch_that_does_not_fit_is_an_error(machine: Machine) -> None:
    machine.pack("a.tar")
    (machine.top / "recipe/patches/1.patch").write_text(PATCH.format("other line", "new line"))
    result = machine.run("echo built", SOURCE_ARCHIVE="a.tar")
    assert result.returncode != 0
    assert "FAILED" in result.stdout
    assert "built" not in result.stdout


def test_licences_are_kept(machine: Machine) -> None:
    machine.pack("a.tar")
    result = machine.run(SOURCE_ARCHIVE="a.tar", LICENCE_NAME="thing", LICENCE_FILES="doc/COPYING\nfile.txt")
    assert result.returncode == 0, result.stdout
    kept = machine.top / "out/licenses/thing"
    assert sorted(path.name for path in kept.iterdir()) == ["COPYING", "file.txt"]
    assert (kept / "COPYING").read_text() == "do what you like\n"
    assert (kept / "COPYING").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(("files", "message"), [
    ("doc/COPYING\nLICENSE", "licence file LICENSE is not in the source"),
    ("file.txt\ndoc/../file.txt", "two licence files are called file.txt"),
])  # fmt: skip
def test_wrong_licence_files(machine: Machine, files: str, message: str) -> None:
    machine.pack("a.tar")
    result = machine.run(SOURCE_ARCHIVE="a.tar", LICENCE_NAME="thing", LICENCE_FILES=files)
    assert result.returncode == 1
    assert message in result.stdout


@pytest.mark.parametrize("script", ["false; echo on", "echo $unset_variable; echo on"])
def test_a_script_that_fails_ends_it(machine: Machine, script: str) -> None:
    result = machine.run(script, SOURCE_ARCHIVE="")
    assert result.returncode != 0
    assert "on" not in result.stdout.splitlines()


def test_a_damaged_archive_ends_it(machine: Machine) -> None:
    (machine.top / "sources/a.tar.gz").write_text("<html>")
    result = machine.run("echo on", SOURCE_ARCHIVE="a.tar.gz")
    assert result.returncode != 0
    assert "on" not in result.stdout.splitlines()


def test_an_edit_changes_a_file_in_place(machine: Machine) -> None:
    machine.pack("a.tar")
    script = "chmod 755 file.txt; edit file.txt s/old/new/ 's/line/word/'; cat file.txt; stat -c %a file.txt"
    assert machine.run(script, SOURCE_ARCHIVE="a.tar").stdout == "new word\n755\n"


def test_an_edit_that_changes_nothing_is_an_error(machine: Machine) -> None:
    machine.pack("a.tar")
    result = machine.run("edit file.txt s/old/new/ s/gone/here/; echo on", SOURCE_ARCHIVE="a.tar")
    assert result.returncode != 0
    assert result.stdout == "edit: nothing in file.txt is changed by: s/gone/here/\n"


def test_files_are_placed_in_a_directory_that_is_made(machine: Machine) -> None:
    machine.pack("a.tar")
    script = 'place 644 "$OUT/a b/c" file.txt configure; stat -c "%a %n" "$OUT"/*/c "$OUT"/*/c/*'
    lines = machine.run(script, SOURCE_ARCHIVE="a.tar").stdout.splitlines()
    out = machine.top / "out/a b/c"
    assert lines == [f"755 {out}", f"644 {out}/configure", f"644 {out}/file.txt"]


@pytest.mark.parametrize(("options", "words"), [("noopt", "noopt"), ("freethreaded+pgo", "freethreaded pgo")])
def test_build_options_are_asked_for_by_name(machine: Machine, options: str, words: str) -> None:
    script = "for name in noopt pgo lto free freethreaded; do if chosen $name; then printf '%s ' $name; fi; done"
    found = machine.run(script, SOURCE_ARCHIVE="", BUILD_OPTIONS=options).stdout.split()
    assert sorted(found) == sorted(words.split())
