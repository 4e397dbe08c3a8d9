from __future__ import annotations

from pathlib import Path

import pytest

from pythonbuild.config.project import Project
from pythonbuild.errors import ConfigError, ExtensionModuleError
from pythonbuild.pcbuild.catalogue import CORE, cross_check, read_catalogue
from tests.unit.pcbuild import pcbuildmaker as maker

REPOSITORY = Path(__file__).parents[3]
EXISTING = maker.PROJECTS.keys()
TABLE = ("array", "sys", "zlib")


def test_modules_and_projects_answer_for_one_version(tmp_path: Path) -> None:
    catalogue = read_catalogue(maker.make_catalogue(tmp_path))
    assert [*catalogue.modules_in("3.13.9")] == ["_bz2", "_tkinter", "zlib"]
    assert "_new" in catalogue.modules_in("3.14.0")
    module = catalogue.modules["_bz2"]
    assert (module.project, module.init, module.linkage, module.licences) == (
        "_bz2",
        "PyInit__bz2",
        "builtin",
        (),
    )
    assert catalogue.licences(module, "3.13.9") == ("bzip2", "sqlite")
    ng, plain = (catalogue.needs(catalogue.modules["zlib"], version)[0].name for version in ("3.14.0", "3.13.9"))
    assert (plain, ng) == ("zlib", "zlib-ng")
    assert catalogue.licences(catalogue.modules["zlib"], "3.14.0") == ("zlib-ng",)
    assert catalogue.modules["_tkinter"].reason == "DLLs of its own"
    bzip2, _sqlite = catalogue.needs(module, "3.13.9")
    assert bzip2.replaces_path("$(BZ2DIR)\\bzlib.c")
    assert not bzip2.replaces_path("..\\bzlib.c")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("needs: [bzip2, sqlite], d", "needs: [bzip3], d", "modules._bz2: needs: unknown dependency 'bzip3'"),
        ("defines: [MORE]", "define: [MORE]", "modules._bz2.define: unknown key"),
        ("linkage: shared, r", "linkage: static, r", "modules._tkinter.linkage: unknown value"),
        ("linkage: shared, r", "r", "modules._tkinter: a module has a 'reason' exactly when"),
        (', reason: "DLLs of its own"', "", "modules._tkinter: a module has a 'reason' exactly when"),
        ("linkage: shared, r", "linkage: shared, defines: [X], r", "_tkinter.defines: only a builtin module has it"),
        ('since: "3.14"', 'since: "3"', "modules._new.since: malformed version"),
        ('since: "3.14"', 'since: "3.14", until: "3.12"', "modules._new.since: begins after it ends"),
        ("defines: [MORE]", "compiled_by: _tkinter", "compiled_by: not a builtin module"),
        ("defines: [MORE]", "project: sqlite3", "its project 'sqlite3' is in projects.yml too"),
        ("pythoncore: {becomes: core}", "", "projects: exactly one project is the core: found none"),
        ("sqlite3: {becomes: static}", "sqlite3: {becomes: dropped}", "projects.sqlite3: a project has a 'reason'"),
        ("sqlite3: {becomes: static}", "sqlite3: {becomes: gone}", "projects.sqlite3.becomes: unknown value"),
        ("libraries: [zlib.lib], r", "r", "dependencies.zlib: a dependency has either"),
        ("libraries: [zlib.lib], r", "libraries: [zlib.lib], project: python, r", "zlib: project: not one that"),
        ("libraries: [zlib.lib], r", "property: zDir, r", "zlib: property: not one of 'properties'"),
        ("generated: {}", "", "key 'generated' is missing"),
    ],
)  # fmt: skip
def test_errors_name_file_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in maker.MODULES + maker.OTHERS
    directory = maker.make_catalogue(tmp_path, maker.MODULES.replace(old, new), maker.OTHERS.replace(old, new))
    with pytest.raises(ConfigError, match=r"/(extension-modules|projects)\.yml") as caught:
        read_catalogue(directory)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("existing", "table", "message"),
    [
        ([*EXISTING, "_zstd"], TABLE, "project _zstd is new"),
        ([name for name in EXISTING if name != "_bz2"], TABLE, "module _bz2 has no project _bz2"),
        ([name for name in EXISTING if name != "sqlite3"], TABLE, "project sqlite3 is gone"),
        (EXISTING, ("array",), "module zlib is not one of the core's (PC/config.c)"),
        (EXISTING, (*TABLE, "_bz2"), "module _bz2 has a project and is one of the core's already"),
    ],
)
def test_disagreements_are_named(tmp_path: Path, existing: list[str], table: tuple[str, ...], message: str) -> None:
    catalogue = read_catalogue(maker.make_catalogue(tmp_path))
    cross_check(EXISTING, TABLE, "3.13.9", catalogue)
    with pytest.raises(ExtensionModuleError) as caught:
        cross_check(existing, table, "3.13.9", catalogue)
    assert message in str(caught.value)
    assert "PCbuild of CPython 3.13.9 disagree" in str(caught.value)


def test_the_projects_own_files_name_sources_and_modules_that_exist() -> None:
    catalogue = read_catalogue(REPOSITORY / "cpython-windows")
    sources = Project(REPOSITORY).sources
    for module in catalogue.modules.values():
        assert set(module.licences) <= sources.keys(), module.name
    assert catalogue.dependencies.keys() <= sources.keys()
    # What Linux and Windows both have as a library of its own is called the same.
    assert catalogue.modules["_ssl"].needs == ("openssl",)
    assert {name for name, module in catalogue.modules.items() if module.project == CORE} == {"binascii", "zlib"}
