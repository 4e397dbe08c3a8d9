from __future__ import annotations

import json
from pathlib import Path

import pytest

from pythonbuild.cpython.modules import read_modules
from pythonbuild.cpython.setup_local import cross_check, render_setup
from pythonbuild.cpython.setupfiles import cpython_version, parse_setup, read_setup_files
from pythonbuild.errors import ExtensionModuleError, SourceError
from tests.unit.cpython import sourcemaker as sources

TEMPLATE = Path(__file__).parents[3] / "cpython-unix" / "Setup.local.j2"
TRIPLE = "x86_64-unknown-linux-gnu"


def test_version_of_archive_and_directory(tmp_path: Path) -> None:
    archive = sources.make_archive(tmp_path)
    assert cpython_version(archive) == "3.13.9"
    assert cpython_version(tmp_path / "Python-3.13.9") == "3.13.9"


def test_a_git_checkout_is_built_as_the_release_before(tmp_path: Path) -> None:
    tree = sources.make_directory(tmp_path, patchlevel='#define PY_VERSION "3.13.9+"\n')
    assert cpython_version(tree) == "3.13.9"


def test_setup_files_are_read_from_the_archive(tmp_path: Path) -> None:
    files = read_setup_files(sources.make_archive(tmp_path))
    assert files.core == {"marshal": "PyMarshal_Init", "sys": None}
    assert sorted(files.bootstrap) == ["_io", "posix", "pwd"]
    assert files.stdlib["_ctypes"].words == ("_ctypes/_ctypes.c", "_ctypes/cfield.c", "@MODULE__CTYPES_MALLOC_CLOSURE@")
    assert files.stdlib["readline"].words == ("readline.c",)
    assert files.setup.keys() == {"xxsubtype"}
    assert files.places()["marshal"] == "Modules/config.c.in"
    assert files.places()["_testcapi"] == "Modules/Setup.stdlib.in"


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b\x08\x00broken"])
def test_a_broken_archive_is_one_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "Python-3.13.9.tar.gz"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"Python-3\.13\.9\.tar\.gz"):
        cpython_version(path)


def test_a_directory_that_is_not_cpython(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"is not CPython's source: found no Include/patchlevel\.h"):
        cpython_version(tmp_path)


def test_patchlevel_without_version(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not define PY_VERSION"):
        cpython_version(sources.make_directory(tmp_path, patchlevel="/* nothing */\n"))


def test_a_line_that_cannot_be_understood() -> None:
    with pytest.raises(ExtensionModuleError, match="Modules/Setup: this line cannot be understood"):
        parse_setup("-lm mathmodule.c\n", "Modules/Setup")


def test_rendered_setup_local(tmp_path: Path) -> None:
    render_setup(
        sources.make_archive(tmp_path), "3.13.9", TRIPLE, sources.make_modules(tmp_path), TEMPLATE, tmp_path / "out"
    )
    lines = (tmp_path / "out/tools/cpython/Setup.local").read_text().splitlines()
    assert lines[0] == f"# Setup.local of CPython 3.13.9 for {TRIPLE}."
    assert [line for line in lines if line and not line.startswith("#")] == [
        "*disabled*",
        "_gdbm",
        "_scproxy",
        "*static*",
        "_ctypes _ctypes/_ctypes.c _ctypes/cfield.c",
        "array arraymodule.c",
        "readline readline.c -DUSE_LIBEDIT -ledit",
        "*shared*",
        "_testcapi _testcapimodule.c _testcapi/unicode.c",
        "xxsubtype xxsubtype.c",
    ]
    assert "# GPL 3" in lines
    modules = json.loads((tmp_path / "out/tools/cpython/modules.json").read_text())
    assert modules["core"] == {"marshal": "PyMarshal_Init", "sys": None}
    assert modules["bootstrap"] == ["_io", "posix", "pwd"]
    assert modules["omitted"] == ["_gdbm", "_scproxy"]
    assert modules["shared"] == ["_testcapi", "xxsubtype"]


def test_rendering_is_the_same_from_archive_and_directory(tmp_path: Path) -> None:
    archive = sources.make_archive(tmp_path)
    modules = sources.make_modules(tmp_path)
    for source, out in ((archive, tmp_path / "a"), (tmp_path / "Python-3.13.9", tmp_path / "b")):
        render_setup(source, "3.13.9", TRIPLE, modules, TEMPLATE, out)
    for name in ("Setup.local", "modules.json"):
        assert (tmp_path / "a/tools/cpython" / name).read_bytes() == (tmp_path / "b/tools/cpython" / name).read_bytes()


def test_another_version_than_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ExtensionModuleError, match=r"found 3\.13\.9, expected 3\.13\.8"):
        render_setup(
            sources.make_directory(tmp_path), "3.13.8", TRIPLE, sources.make_modules(tmp_path), TEMPLATE, tmp_path
        )


def test_a_broken_template(tmp_path: Path) -> None:
    template = tmp_path / "Setup.local.j2"
    template.write_text("{{ plan.nothing }}")
    with pytest.raises(ExtensionModuleError, match=r"Setup\.local\.j2: cannot be rendered"):
        render_setup(
            sources.make_directory(tmp_path), "3.13.9", TRIPLE, sources.make_modules(tmp_path), template, tmp_path
        )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  array: {}\n", "", "module array of Modules/Setup.stdlib.in is new"),
        ("  xxsubtype: {linkage: shared}\n", "", "module xxsubtype of Modules/Setup is new"),
        ("  array: {}\n", "  array: {}\n  gone: {}\n", "module gone is gone from CPython's Setup files"),
        ('  old: {until: "3.12"}\n', "  old: {}\n", "module old is gone"),
        ('  sys: {core_since: "3.11"}\n', "  sys: {}\n", "module sys is one of the core's"),
        ("  array: {}\n", '  array: {core_since: "3.13"}\n', "module array is not one of the core's"),
        ('  pwd: {required_since: "3.11"}\n', "  pwd: {}\n", "module pwd of Modules/Setup.bootstrap.in is not marked"),
        ('  pwd: {required_since: "3.11"}\n', '  pwd: {required_since: "3.11", linkage: shared}\n', "cannot be shared"),
    ],
)
def test_disagreements_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in sources.MODULES
    catalogue = read_modules(sources.make_modules(tmp_path, sources.MODULES.replace(old, new)))
    with pytest.raises(ExtensionModuleError) as caught:
        cross_check(read_setup_files(sources.make_directory(tmp_path)), catalogue)
    assert message in str(caught.value)
    assert "extension-modules.yml and CPython 3.13.9" in str(caught.value)


def test_a_placeholder_without_a_value(tmp_path: Path) -> None:
    text = sources.MODULES.replace("MODULE__CTYPES_MALLOC_CLOSURE", "OTHER")
    with pytest.raises(ExtensionModuleError, match=r"no value for @MODULE__CTYPES_MALLOC_CLOSURE@.*module _ctypes"):
        render_setup(
            sources.make_directory(tmp_path), "3.13.9", TRIPLE, sources.make_modules(tmp_path, text), TEMPLATE, tmp_path
        )
