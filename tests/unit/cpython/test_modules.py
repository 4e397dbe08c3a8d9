from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from pythonbuild.cpython.modules import VersionRange, read_modules, version_tuple
from pythonbuild.errors import ConfigError

PROJECT_FILE = Path(__file__).parents[3] / "cpython-unix" / "extension-modules.yml"


def read(tmp_path: Path, text: str):  # type: ignore[no-untyped-def]
    path = tmp_path / "modules.yml"
    path.write_text(text)
    return read_modules(path)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("3.13", (3, 13)), ("3.13.5", (3, 13, 5)), ("3.15.0a3", (3, 15, 0)), ("3.14.0rc1", (3, 14, 0)), ("x", ())],
)
def test_version_tuple(text: str, numbers: tuple[int, ...]) -> None:
    assert version_tuple(text) == numbers


@pytest.mark.parametrize(
    ("version", "inside"),
    [("3.11.9", False), ("3.12.0", True), ("3.13.99", True), ("3.14.0a1", False)],
)
def test_a_range_includes_every_release_of_its_last_series(version: str, inside: bool) -> None:
    assert (version in VersionRange((3, 12), (3, 13))) is inside


def test_a_range_without_bounds_has_every_version() -> None:
    assert "3.11.0" in VersionRange()


def test_modules_answer_for_one_version(tmp_path: Path) -> None:
    catalogue = read(tmp_path, """
modules:
  _contextvars: {core_since: "3.14"}
  _datetime: {required_since: "3.14"}
  _zstd: {since: "3.14", needs: [zstd]}
  zlib: {needs: [zlib]}
  _gdbm: {linkage: omitted, reason: because, needs: [gdbm]}
  _scproxy: {system: macos, needs: [cf]}
""")  # fmt: skip
    assert "_zstd" not in catalogue.existing("3.13.5")
    assert catalogue.needed_recipes("3.13.5") == ("zlib",)
    assert catalogue.needed_recipes("3.14.0") == ("zlib", "zstd")
    assert catalogue.needed_recipes("3.13.5", "macos") == ("cf", "zlib")
    contextvars, datetime = catalogue.modules["_contextvars"], catalogue.modules["_datetime"]
    assert not contextvars.in_core("3.13.5")
    assert contextvars.in_core("3.14.0")
    assert contextvars.required_in("3.14.0")
    assert datetime.required_in("3.15.1")
    assert not datetime.in_core("3.15.1")
    assert catalogue.modules["_gdbm"].linkage_on("linux") == ("omitted", "because")
    assert catalogue.modules["_scproxy"].linkage_on("linux") == ("omitted", "exists on macOS only")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modules: {_a: {linkage: static}}", "modules._a.linkage: unknown value: found 'static'"),
        ("modules: {_a: {linkage: omitted}}", "modules._a: a module has a 'reason' exactly when"),
        ("modules: {_a: {reason: no}}", "modules._a: a module has a 'reason' exactly when"),
        ("modules: {_a: {sinse: '3.12'}}", "modules._a.sinse: unknown key"),
        ("modules: {_a: {since: '3'}}", "modules._a.since: malformed version"),
        ("modules: {_a: {since: '3.12rc1'}}", "modules._a.since: malformed version"),
        ("modules: {_a: {since: '3.13', until: '3.12'}}", "modules._a.since: begins after it ends"),
        ("modules: {_a: {overrides: [{flags: -DX=1}]}}", "modules._a.overrides[0].flags: makesetup takes"),
        ("module: {}", "module: unknown key"),
    ],
)
def test_errors_name_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=r"modules\.yml") as caught:
        read(tmp_path, text)
    assert message in str(caught.value)


def test_the_projects_own_file_needs_recipes_that_exist() -> None:
    catalogue = read_modules(PROJECT_FILE)
    recipes = PROJECT_FILE.parent / "recipes"
    for version in ("3.11.2", "3.12.0", "3.13.15", "3.14.0", "3.15.0"):
        for need in catalogue.needed_recipes(version):
            assert (recipes / need / "recipe.yml").is_file(), need


def test_compile_library_is_importable_python() -> None:
    # It runs under the Python that was built, which no linter of ours does.
    path = PROJECT_FILE.parent / "recipes" / "cpython" / "compile_library.py"
    assert importlib.util.spec_from_file_location("compile_library", path) is not None
    compile(path.read_text(), str(path), "exec")
