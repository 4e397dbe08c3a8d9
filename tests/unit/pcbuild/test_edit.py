"""The whole edit on a tiny source tree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pythonbuild.cpython.setupfiles import parse_inittab
from pythonbuild.errors import ExtensionModuleError, PcbuildError
from pythonbuild.pcbuild.catalogue import Catalogue, read_catalogue
from pythonbuild.pcbuild.edit import RECORD, EditOptions, edit_tree
from pythonbuild.pcbuild.references import problems, resolve
from pythonbuild.pcbuild.worktree import Worktree
from pythonbuild.pcbuild.xmltext import parse
from tests.unit.pcbuild import pcbuildmaker as maker


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return maker.make_tree(tmp_path)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return read_catalogue(maker.make_catalogue(tmp_path))


def test_the_modules_are_inside(tree: Path, catalogue: Catalogue) -> None:
    description = edit_tree(tree, maker.VERSION, EditOptions(), catalogue)
    assert not (tree / "PCbuild/_bz2.vcxproj").exists()
    assert not (tree / "PCbuild/_bz2.vcxproj.filters").exists()
    assert (tree / "PCbuild/pythoncore.vcxproj.filters").read_bytes() == b"not even XML"
    assert parse_inittab((tree / "PC/config.c").read_text())["_bz2"] == "PyInit__bz2"
    core = Worktree(tree).document("PCbuild/pythoncore.vcxproj")
    assert core.data.startswith(b"\xef\xbb\xbf")
    assert core.one("ItemGroup", Label="pythonbuild _bz2")
    assert core.one("ItemGroup/ProjectReference", Include="sqlite3.vcxproj")
    assert core.one("ImportGroup/Import", Project="pythonbuild.props")
    assert b"zlibDir" not in core.data
    assert b"<ClCompile   Include='..\\Python\\context.c'   />" in core.data
    sheet = Worktree(tree).document("PCbuild/pythonbuild.props")
    assert sheet.one("ItemDefinitionGroup/Link/AdditionalDependencies").text.split(";")[:4] == [
        "libbz2.lib", "user32.lib", "$(OutDir)sqlite3$(PyDebugExt).lib", "zlib.lib"]  # fmt: skip
    assert description.platform == "x64"
    assert description.builtin["_bz2"].objects == "_bz2"
    assert description.builtin["zlib"].objects == ""
    assert description.shared == {"_tkinter": "DLLs of its own"}
    assert description.dropped == {"_bz2": "module _bz2 is part of pythoncore"}
    assert description.stale == ("Include/forgotten.h",)
    assert [*description.properties] == ["PythonBuildDependencies", "sqlite3Dir"]
    assert description.transformations["PCbuild/sqlite3.vcxproj"] == ("make_library_static",)
    assert description.core_links == ("version.lib", "ws2_32.lib", "advapi32.lib")
    assert description.defines == ("_USRDLL", "Py_BUILD_CORE", "Py_ENABLE_SHARED")
    assert description.builtin["_bz2"].links == ("libbz2.lib", "user32.lib", "sqlite3.lib", "Ws2_32.lib")
    assert description.builtin["zlib"].links == ("zlib.lib",)


@pytest.mark.parametrize("static", [False, True])
def test_since_3_14_cpythons_own_project_makes_zlib_ng(tree: Path, catalogue: Catalogue, static: bool) -> None:
    maker.make_314(tree)
    ours, core = tree / "PCbuild/zlib-ng.vcxproj", tree / "PCbuild/pythoncore.vcxproj"
    before = ours.read_bytes()
    description = edit_tree(tree, "3.14.0", EditOptions(static=static), catalogue)
    assert ours.read_bytes() == before
    assert "zlib-ng" not in description.dropped
    module = description.builtin["zlib"]
    assert (module.needs, module.licences, module.links) == (("zlib-ng",), ("zlib-ng",), ("zlib-ng.lib",))
    assert description.libraries == ("sqlite3.lib", "zlib-ng.lib")
    assert {"sqlite3Dir", "zlibNgDir"} <= description.properties.keys()
    # The core says itself where zlib-ng is; what else links it are the programs of the static variant.
    assert core.read_bytes().count(b'Include="zlib-ng.vcxproj"') == 1
    assert b">$(zlibNgDir);$(GeneratedZlibNgDir);%(AdditionalIncludeDirectories)<" in core.read_bytes()
    words = Worktree(tree).document("PCbuild/pythonbuild.props").one("ItemDefinitionGroup/Link/AdditionalDependencies")
    assert "$(OutDir)zlib-ng$(PyDebugExt).lib" in words.text.split(";")
    assert "zlib.lib" not in words.text.split(";")
    assert ("version.lib" in words.text.split(";")) == static
    assert edit_tree(tree, "3.14.0", EditOptions(static=static), catalogue) == description


@pytest.mark.parametrize("static", [False, True])
def test_modules_that_are_left_out(tree: Path, catalogue: Catalogue, static: bool) -> None:
    """Their projects go, and so does that of a library which nothing else is linked with."""
    options = EditOptions(static=static, without=("_bz2", "_tkinter"))
    description = edit_tree(tree, maker.VERSION, options, catalogue)
    reason = "left out of the build (--without)"
    assert description.dropped == {"_bz2": reason, "_tkinter": reason, "sqlite3": "no module needs it"}
    assert description.omitted == {"_bz2": reason, "_tkinter": reason}
    assert (description.without, description.shared) == (("_bz2", "_tkinter"), {})
    assert [*description.builtin] == ["zlib"]
    assert [*description.properties] == ["PythonBuildDependencies"]
    work = Worktree(tree)
    assert work.projects() == ["python", "pythoncore", "pythonw"]
    for name in ("PC/config.c", "PCbuild/pythoncore.vcxproj", "PCbuild/pythonbuild.props", "PCbuild/pcbuild.proj"):
        assert not [word for word in (b"_bz2", b"libbz2", b"sqlite", b"_tkinter") if word in work.read(name)], name
    assert edit_tree(tree, maker.VERSION, options, catalogue) == description
    with pytest.raises(PcbuildError, match=r"otherwise: found .* without _bz2 without _tkinter, expected 3\.13\.9"):
        edit_tree(tree, maker.VERSION, EditOptions(static=static), catalogue)


def test_the_static_variant_has_no_dll(tree: Path, catalogue: Catalogue) -> None:
    description = edit_tree(tree, maker.VERSION, EditOptions(static=True, optimized=True), catalogue)
    work = Worktree(tree)
    assert work.document("PCbuild/pythoncore.vcxproj").one("PropertyGroup/ConfigurationType").text == "StaticLibrary"
    assert not (tree / "PCbuild/_tkinter.vcxproj").exists()
    assert description.shared == {}
    assert "static variant" in description.omitted["_tkinter"]
    for name in ("python", "pythonw"):
        assert work.document(f"PCbuild/{name}.vcxproj").one("ImportGroup/Import", Project="pythonbuild.props")
    assert b"pythonbuild.props" not in work.read("PCbuild/pythoncore.vcxproj")
    # What the DLL was linked with, its programs are.
    assert b"version.lib;" in work.read("PCbuild/pythonbuild.props")
    asked = [name for name in work.projects() if b"<RequirePGCFiles>true" in work.read(f"PCbuild/{name}.vcxproj")]
    assert asked == ["python"]
    assert "Py_NO_ENABLE_SHARED" in description.defines


@pytest.mark.parametrize(("optimized", "found"), [(False, 0), (True, 1)])
def test_only_pgo_optimises_when_it_links(tree: Path, catalogue: Catalogue, optimized: bool, found: int) -> None:
    edit_tree(tree, maker.VERSION, EditOptions(optimized=optimized), catalogue)
    sheet = (tree / "PCbuild/pyproject.props").read_bytes()
    assert sheet.count(b"<WholeProgramOptimization>true<") == found
    assert sheet.count(b"<WholeProgramOptimization>false<") == 2 - found
    assert sheet.count(b"\r\n") == sheet.count(b"\n")


@pytest.mark.parametrize("value", [b"", b"<WholeProgramOptimization>maybe</WholeProgramOptimization>"])
def test_optimisation_when_linking_is_said_otherwise(tree: Path, catalogue: Catalogue, value: bytes) -> None:
    sheet = tree / "PCbuild/pyproject.props"
    setting = b"<WholeProgramOptimization>true</WholeProgramOptimization>"
    text = sheet.read_bytes().replace(setting, value)
    sheet.write_bytes(text if value else b"<Project />")
    with pytest.raises(
        PcbuildError, match=r"pyproject\.props: <WholeProgramOptimization>: the transformation does not"
    ):
        edit_tree(tree, maker.VERSION, EditOptions(), catalogue)


@pytest.mark.parametrize("static", [False, True])
def test_a_second_run_changes_nothing(tree: Path, catalogue: Catalogue, static: bool) -> None:
    options = EditOptions(static=static)
    description = edit_tree(tree, maker.VERSION, options, catalogue)
    before = maker.snapshot(tree)
    assert edit_tree(tree, maker.VERSION, options, catalogue) == description
    assert maker.snapshot(tree) == before
    assert json.loads((tree / RECORD).read_text())["files"]["PCbuild/_bz2.vcxproj"] == ""


def test_an_edited_tree_is_not_edited_otherwise(tree: Path, catalogue: Catalogue) -> None:
    edit_tree(tree, maker.VERSION, EditOptions(), catalogue)
    with pytest.raises(PcbuildError, match=r"PCbuild/pythonbuild\.json: the tree was edited before, otherwise: found "
                                           r"3\.13\.9 x86_64, expected 3\.13\.9 x86_64 static; unpack"):  # fmt: skip
        edit_tree(tree, maker.VERSION, EditOptions(static=True), catalogue)
    path = tree / "PCbuild/sqlite3.vcxproj"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(PcbuildError, match=r"PCbuild/sqlite3\.vcxproj: was changed after the tree was edited"):
        edit_tree(tree, maker.VERSION, EditOptions(), catalogue)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("PCbuild/_bz2.vcxproj", "</Project>", "", "PCbuild/_bz2.vcxproj:53: is not well-formed XML"),
        ("PCbuild/_bz2.vcxproj", "pyproject.props", "own.props", "_bz2.vcxproj: <Import>: the property sheets are not"),
        ("PCbuild/_bz2.vcxproj", 'ce Include="pythoncore', 'ce Include="other',
         'PCbuild/_bz2.vcxproj: <ProjectReference Include="other.vcxproj">: is not known'),
        ("PCbuild/_bz2.vcxproj", "fast.asm", "slow.asm", "there is no Modules/slow.asm"),
        ("PCbuild/_bz2.vcxproj", "..\\Modules\\context.c", "$(newDir)\\context.c",
         'begins with the property newDir, which is not declared'),
        ("PCbuild/python.vcxproj", "Programs\\python.c", "Programs\\other.c", "there is no Programs/other.c"),
        ("PCbuild/python.vcxproj", "Release|x64", "Release|x65",
         'PCbuild/python.vcxproj: <ProjectConfiguration Include="Release|x64">: cannot be built'),
        ("PCbuild/sqlite3.vcxproj", "Release|x64", "Release|x65", "PCbuild/sqlite3.vcxproj: <ProjectConfiguration"),
        ("PCbuild/pcbuild.proj", "python.vcxproj;", "python9.vcxproj;", "pcbuild.proj: python9: there is no such"),
        ("PCbuild/pcbuild.sln", '"python.vcxproj"', '"python9.vcxproj"', "pcbuild.sln: python: there is no such"),
        ("Modules/_bz2module.c", "PyInit__bz2", "PyInit_bz2",
         "PCbuild/_bz2.vcxproj: <ClCompile>: none of the sources has the init function of the module"),
        ("PC/config.c", "MARKER 2", "MARKER 3", "PC/config.c: /* -- ADDMODULE MARKER 2 -- */: the transformation"),
        ("PCbuild/pythoncore.vcxproj", "pyproject.props", "own.props", "pythoncore.vcxproj: <ImportGroup/Import"),
    ],
)  # fmt: skip
def test_a_changed_file_is_one_line_and_the_tree_stays(tree: Path, catalogue: Catalogue, file: str, old: str, new: str,
                                                       message: str) -> None:  # fmt: skip
    path = tree / file
    content = path.read_bytes()
    assert old.encode() in content
    path.write_bytes(content.replace(old.encode(), new.encode()))
    before = maker.snapshot(tree)
    with pytest.raises(PcbuildError) as caught:
        edit_tree(tree, maker.VERSION, EditOptions(), catalogue)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert maker.snapshot(tree) == before


def test_a_file_that_is_missing(tree: Path, catalogue: Catalogue) -> None:
    (tree / "PCbuild/pcbuild.sln").unlink()
    with pytest.raises(PcbuildError, match=r"^PCbuild/pcbuild\.sln: there is no such file in "):
        edit_tree(tree, maker.VERSION, EditOptions(), catalogue)


def test_a_project_that_nobody_knows(tree: Path, catalogue: Catalogue) -> None:
    (tree / "PCbuild/_zstd.vcxproj").write_bytes(maker.encode(maker.text("_tkinter")))
    with pytest.raises(ExtensionModuleError, match="disagree: project _zstd is new; say in"):
        edit_tree(tree, maker.VERSION, EditOptions(), catalogue)


def test_another_version_or_architecture_than_there_is(tree: Path, catalogue: Catalogue) -> None:
    with pytest.raises(PcbuildError, match=r"found 3\.13\.9, expected 3\.13\.8"):
        edit_tree(tree, "3.13.8", EditOptions(), catalogue)
    with pytest.raises(PcbuildError, match="unknown architecture: found ia64, expected one of x86_64, i686, arm64"):
        edit_tree(tree, maker.VERSION, EditOptions("ia64"), catalogue)
    with pytest.raises(PcbuildError, match=r'<ProjectConfiguration Include="Release\|ARM64">: cannot be built'):
        edit_tree(tree, maker.VERSION, EditOptions("arm64"), catalogue)


def test_an_omitted_module_is_dropped(tmp_path: Path, tree: Path) -> None:
    text = maker.MODULES.replace('shared, reason: "DLLs of its own"', 'omitted, reason: "no Tcl"')
    catalogue = read_catalogue(maker.make_catalogue(tmp_path, text))
    description = edit_tree(tree, maker.VERSION, EditOptions(), catalogue)
    assert description.omitted == {"_tkinter": "no Tcl"}
    assert not (tree / "PCbuild/_tkinter.vcxproj").exists()
    assert b"_tkinter" not in (tree / "PCbuild/pcbuild.sln").read_bytes() + (tree / "PCbuild/pcbuild.proj").read_bytes()


@pytest.mark.parametrize(
    ("path", "resolved"),
    [
        ("..\\Modules\\_ssl.c", "Modules/_ssl.c"),
        ("sqlite3.vcxproj", "PCbuild/sqlite3.vcxproj"),
        ("$(PySourcePath)Modules\\x.c", "Modules/x.c"),
        ("$(PySourcePath)\\Modules\\.\\x.c", "Modules/x.c"),
        ("..\\..\\outside.c", "../outside.c"),
        ("$(zlibDir)\\x.c", ""),
    ],
)
def test_paths_are_resolved_as_msbuild_does(path: str, resolved: str) -> None:
    assert resolve(path) == resolved


def test_paths_that_lead_nowhere() -> None:
    document = parse(
        "PCbuild/x.vcxproj",
        b"""<Project>
  <Import Project="gone.props" />
  <ItemGroup>
    <ClCompile Include="..\\a.c;..\\b.c" />
    <ClCompile Include="$(Known)\\c.c" />
    <ClInclude Include="$(Other)\\d.h" />
    <Files Include="anything" />
    <None Include="@(ClCompile)" />
  </ItemGroup>
</Project>""",
    )
    found = [problem.message for problem in problems(document, lambda name: name == "a.c", ["Known"])]
    assert found == [
        'PCbuild/x.vcxproj:4: <ClCompile Include="..\\a.c;..\\b.c">: there is no b.c',
        'PCbuild/x.vcxproj:6: <ClInclude Include="$(Other)\\d.h">: begins with the property Other, which is not '
        "declared",
        'PCbuild/x.vcxproj:2: <Import Project="gone.props">: there is no PCbuild/gone.props',
    ]


def test_windows_does_not_tell_case(tmp_path: Path) -> None:
    (tmp_path / "Modules").mkdir()
    (tmp_path / "Modules/Upper.c").touch()
    assert Worktree(tmp_path).exists("Modules/upper.c")
    assert not Worktree(tmp_path).exists("Modules/other.c")
