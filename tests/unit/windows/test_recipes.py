"""The scripts that recipes for Windows share, run as the steps run them: by themselves, without this program."""

from __future__ import annotations

import io
import os
import runpy
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from pythonbuild.config.project import Project
from pythonbuild.pcbuild.catalogue import read_catalogue

REPOSITORY = Path(__file__).parents[3]
RECIPES = REPOSITORY / "cpython-windows/recipes"
STANDINS = REPOSITORY / "tests/integration/windows/standins"
PATCH = b"""--- a/dir/file.c
+++ b/dir/file.c
@@ -1,3 +1,4 @@
 first
-second
+2nd
+more
 third
"""
BUILD = """
import os
from pathlib import Path
assert Path("file.txt").read_text() == "content"
assert "MAKEFLAGS" not in os.environ
Path(os.environ["OUT"], "result").write_text(os.environ["SOURCE_DATE_EPOCH"])
"""


def apply(tree: Path, patch: bytes) -> subprocess.CompletedProcess[str]:
    program = f"import sys; sys.path.insert(0, {str(RECIPES)!r}); from pathlib import Path; import patching; "
    program += f"patching.apply_patch(Path({str(tree)!r}), sys.stdin.buffer.read(), 'p')"
    return subprocess.run([sys.executable, "-I", "-c", program], input=patch.decode(), capture_output=True, text=True,
                          check=False)  # fmt: skip


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_patch_keeps_the_ends_of_lines(tmp_path: Path, newline: bytes) -> None:
    file = tmp_path / "dir/file.c"
    file.parent.mkdir()
    file.write_bytes(newline.join([b"first", b"second", b"third", b"fourth", b""]))
    done = apply(tmp_path, PATCH)
    assert done.returncode == 0, done.stderr
    assert file.read_bytes() == newline.join([b"first", b"2nd", b"more", b"third", b"fourth", b""])


@pytest.mark.parametrize(("content", "message"), [
    (b"first\nother\nthird\n", "p: file.c, line 2: found 'other', expected 'second'"),
    (b"first\n", "line 2: found '', expected 'second'"),
    (None, "p: there is no dir/file.c"),
])  # fmt: skip
def test_a_patch_that_does_not_fit(tmp_path: Path, content: bytes | None, message: str) -> None:
    (tmp_path / "dir").mkdir()
    if content is not None:
        (tmp_path / "dir/file.c").write_bytes(content)
    done = apply(tmp_path, PATCH)
    assert done.returncode == 1
    assert message in done.stderr


def make_step(tmp_path: Path, archive: str, licences: str = "LICENSE", build: str = BUILD,
              more: Mapping[str, bytes] = MappingProxyType({})) -> dict[str, str]:  # fmt: skip
    """Lay out what the engine gives a recipe; return its variables."""
    for name in ("build", "out", "tools", "recipe", "sources"):
        (tmp_path / name).mkdir()
    for name in ("driver.py", "patching.py", "toolbox.py"):
        (tmp_path / "recipe" / name).write_bytes((RECIPES / name).read_bytes())
    (tmp_path / "recipe/build.py").write_text(build)
    files = {"file.txt": b"content", "LICENSE": b"text", **more}
    if archive.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / "sources" / archive, "w") as zipped:
            for name, content in files.items():
                zipped.writestr(zipfile.ZipInfo(name, (2020, 1, 2, 3, 4, 6)), content)
    else:
        with tarfile.open(tmp_path / "sources" / archive, "w:gz") as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(f"top-1.0/{name}")
                info.size, info.mtime = len(content), 1577934246
                tar.addfile(info, io.BytesIO(content))
            link = tarfile.TarInfo("top-1.0/link")
            link.type, link.linkname = tarfile.SYMTYPE, "file.txt"
            tar.addfile(link)
    places = {"STEP_BUILD": "build", "OUT": "out", "STEP_TOOLS": "tools", "STEP_RECIPE": "recipe",
              "STEP_SOURCES": "sources"}  # fmt: skip
    return {**{name: str(tmp_path / place) for name, place in places.items()}, "PATH": os.environ["PATH"],
            "SOURCE_ARCHIVE": archive, "LICENCE_NAME": "thing", "LICENCE_FILES": licences, "TARGET_ARCH": "x86_64",
            "MAKEFLAGS": "-j2 --jobserver-auth=fifo:x"}  # fmt: skip


def drive(variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    driver = Path(variables["STEP_RECIPE"]) / "driver.py"
    return subprocess.run([sys.executable, "-I", "-X", "utf8", str(driver)], env=variables, cwd=variables["STEP_BUILD"],
                          capture_output=True, text=True, check=False)  # fmt: skip


@pytest.mark.parametrize("archive", ["a.tar.gz", "a.zip"])
def test_the_driver(tmp_path: Path, archive: str) -> None:
    done = drive(make_step(tmp_path, archive))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/result").read_text() == "1577934246"
    assert (tmp_path / "out/licenses/thing/LICENSE").read_text() == "text"
    assert {path.stat().st_mtime for path in (tmp_path / "build/src").rglob("*") if path.is_file()} == {1577934246}
    if archive.endswith("gz"):
        assert not (tmp_path / "build/src/link").is_symlink()
        assert (tmp_path / "build/src/link").read_text() == "content"


def test_a_licence_that_is_not_there(tmp_path: Path) -> None:
    done = drive(make_step(tmp_path, "a.tar.gz", licences="COPYING"))
    assert done.returncode == 1
    assert "licence file COPYING is not in the source" in done.stderr


def test_a_program_that_fails_ends_the_recipe(tmp_path: Path) -> None:
    build = "from toolbox import run\nrun('sh', '-c', 'echo said; exit 3')\n"
    done = drive(make_step(tmp_path, "a.tar.gz", build=build))
    assert done.returncode == 1
    assert "said" in done.stdout
    assert "sh ended with status 3" in done.stderr


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    done = drive(make_step(tmp_path, "a.tar.gz", build="from toolbox import run\nrun('nmake9')\n"))
    assert done.returncode == 1
    assert "nmake9 is not in PATH" in done.stderr


TEMPLATE = b"int @ZLIB_SYMBOL_PREFIX@deflate(void); /* jloup@gzip.org */"
ZLIB_NG = {"zlib.h.in": TEMPLATE, "zlib-ng.h.in": TEMPLATE, "deflate.c": b"d", "zbuild.h": b"z", "zconf.h.in": b"c",
           "arch/generic/crc32_c.c": b"g", "arch/x86/x86_features.h": b"x", "arch/arm/arm_features.c": b"a",
           "test/example.c": b"e"}  # fmt: skip


def test_of_zlib_ng_its_project_needs_sources_and_templates(tmp_path: Path) -> None:
    build = (RECIPES / "zlib-ng/build.py").read_text()
    done = drive(make_step(tmp_path, "a.tar.gz", build=build, more=ZLIB_NG))
    assert done.returncode == 0, done.stderr
    kept = tmp_path / "out/tools/zlib-ng"
    assert {path.relative_to(kept).as_posix(): path.read_bytes() for path in kept.rglob("*") if path.is_file()} == {
        name: content for name, content in ZLIB_NG.items() if not name.startswith(("zconf", "test", "arch/arm"))
    }


@pytest.mark.parametrize(("changes", "message"), [
    ({"zlib.h.in": b"int deflate(void);"}, "zlib.h.in: found nothing to fill in, expected @ZLIB_SYM"),
    ({"zlib-ng.h.in": TEMPLATE + b"@VERSION@"}, "zlib-ng.h.in: found @VERSION@, @ZLIB_SYMBOL_PREFIX@ to fill"),
    ({"zlib-ng.h.in": None}, "zlib-ng.h.in: found nothing to fill in"),
    ({"arch/x86/x86_features.h": None}, "arch/x86 has no sources: the source is another than this recipe knows"),
])  # fmt: skip
def test_another_zlib_ng(tmp_path: Path, changes: dict[str, bytes | None], message: str) -> None:
    files = {name: content for name, content in {**ZLIB_NG, **changes}.items() if content is not None}
    done = drive(make_step(tmp_path, "a.tar.gz", build=(RECIPES / "zlib-ng/build.py").read_text(), more=files))
    assert done.returncode == 1
    assert message in done.stderr


@pytest.mark.parametrize(("version", "static", "flags", "files", "told"), [
    ("3.13.5", False, "", ["python313!1.pgc", "python313!2.pgc", "python313.pgd"], "'of': 'python313', 'runs': 2"),
    ("3.14.0", False, "t", ["python314t!1.pgc", "python314t.pgd"], "'of': 'python314t', 'runs': 1"),
    ("3.13.5", True, "", ["python!1.pgc", "python.pgd"], "'of': 'python', 'runs': 1"),
    ("3.13.5", True, "t", ["python3.13t!1.pgc", "python3.13t.pgd"], "'of': 'python3.13t', 'runs': 1"),
    ("3.13.5", False, "", ["python313.pgd", "python!1.pgc"], ""),
    ("3.13.5", False, "", ["python313!1.pgc"], ""),
])  # fmt: skip
def test_training_has_to_leave_a_profile(tmp_path: Path, version: str, static: bool, flags: str, files: list[str],
                                         told: str) -> None:  # fmt: skip
    """build.bat does not look at how the training ended."""
    described = {"version": version, "static": static}
    build = "from pathlib import Path\nfrom collect import read_profile\n"
    build += "".join(f"Path({name!r}).touch()\n" for name in files)
    build += f"print(read_profile(Path.cwd(), {described!r}, {flags!r}))\n"
    step = make_step(tmp_path, "a.tar.gz", build=build)
    (tmp_path / "recipe/collect.py").write_bytes((RECIPES / "cpython/collect.py").read_bytes())
    done = drive(step)
    if told:
        assert done.returncode == 0, done.stderr
        assert told in done.stdout
    else:
        assert done.returncode == 1
        assert "PGO: the training left no profile of python313 (python313.pgd and python313!*.pgc)" in done.stderr


def test_every_dependency_has_a_recipe_and_a_source() -> None:
    project = Project(RECIPES.parent.parent, "windows")
    catalogue = read_catalogue(project.windows)
    for version in ("3.11.2", "3.12.1", "3.13.5", "3.14.0"):
        needs = {need.name for module in catalogue.modules_in(version).values()
                 for need in catalogue.needs(module, version)}  # fmt: skip
        assert {"tcltk" if name in ("tcl", "tk") else name for name in needs} <= project.recipes.keys()
    assert {recipe.source for recipe in project.recipes.values() if recipe.source} <= project.sources.keys()


@pytest.mark.parametrize(("line", "words"), [
    (r'-E "/p:a=C:\x" -p x64', ["-E", r"/p:a=C:\x", "-p", "x64"]),
    (r'"/p:tcltkDir=C:\t c\\" next', ["/p:tcltkDir=C:\\t c\\", "next"]),
    (r'a\"b "" c:\d', ['a"b', "", "c:\\d"]),
])  # fmt: skip
def test_lines_are_read_as_windows_does(line: str, words: list[str]) -> None:
    """The stand-ins rely on it."""
    assert runpy.run_path(str(STANDINS / "common.py"))["words_of"](line) == words
