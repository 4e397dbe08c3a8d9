"""Every transformation by itself: what it changes, that a second run changes nothing, and how it fails."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pythonbuild.errors import PcbuildError
from pythonbuild.pcbuild.buildfiles import drop_from_build, drop_from_solution, listed_projects, solution_projects
from pythonbuild.pcbuild.catalogue import read_catalogue
from pythonbuild.pcbuild.core import (
    add_groups,
    core_link,
    drop_references,
    import_sheet,
    link_core_statically,
    make_core_static,
    reference_project,
    take_zlib_from_dependencies,
)
from pythonbuild.pcbuild.inittab import add_to_inittab
from pythonbuild.pcbuild.libraries import make_library_static
from pythonbuild.pcbuild.projects import read_project
from pythonbuild.pcbuild.settings import BuiltinModule, check_shared_sources, item_lines, link_settings, render_sheet
from pythonbuild.pcbuild.xmltext import Document, parse
from tests.unit.pcbuild import pcbuildmaker as maker

SLN = maker.solution().replace("\n", "\r\n").encode()


@pytest.fixture
def builtin(tmp_path: Path) -> BuiltinModule:
    catalogue = read_catalogue(maker.make_catalogue(tmp_path))
    module = catalogue.modules["_bz2"]
    return BuiltinModule(module, read_project(maker.document("_bz2")), tuple(catalogue.needs(module, "3.13.9")))


def zlib(tmp_path: Path) -> Callable[[Document], Document]:
    catalogue = read_catalogue(maker.make_catalogue(tmp_path))
    return partial(take_zlib_from_dependencies, zlib=catalogue.dependencies["zlib"])


def difference(before: Document, after: Document) -> tuple[list[str], list[str]]:
    """Return the lines that are gone and those that are new, without their blanks; all others are the same bytes."""
    old, new = (each.data.split(b"\r\n") for each in (before, after))
    assert not any(b"\n" in line for line in new), "line ends are CRLF"
    gone, added = [], []
    for kind, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            gone += [line.decode().strip() for line in old[i1:i2]]
            added += [line.decode().strip() for line in new[j1:j2]]
    return gone, added


def test_a_modules_files_say_what_its_project_said(builtin: BuiltinModule) -> None:
    document = maker.document("pythoncore")
    lines = item_lines(builtin, ["..\\modules\\FORGOTTEN.h"])
    edited = add_groups(document, {builtin.label: lines})
    gone, added = difference(document, edited)
    assert gone == []
    own = [
        "<ObjectFileName>$(IntDir)_bz2\\</ObjectFileName>",
        "<AdditionalIncludeDirectories>$(PythonBuildDependencies)\\include;..\\Modules\\own;"
        "%(AdditionalIncludeDirectories)</AdditionalIncludeDirectories>",
        "<PreprocessorDefinitions>MORE;WIN32;%(PreprocessorDefinitions)</PreprocessorDefinitions>",
        "<PreprocessorDefinitions Condition=\"'$(Platform)' == 'x64'\">WIDE;%(PreprocessorDefinitions)"
        "</PreprocessorDefinitions>",
    ]
    group = edited.one("ItemGroup", Label="pythonbuild _bz2")
    rendered = [line.strip() for line in edited.data[group.start : group.end].decode().split("\r\n")]
    assert rendered == [
        '<ItemGroup Label="pythonbuild _bz2">',
        '<ClCompile Include="..\\Modules\\_bz2module.c">',
        *own,
        "</ClCompile>",
        '<ClCompile Include="..\\Modules\\context.c">',
        *own,
        "<DisableSpecificWarnings>4244;%(DisableSpecificWarnings)</DisableSpecificWarnings>",
        "</ClCompile>",
        '<CustomBuild Include="..\\Modules\\fast.asm">',
        '<Command>ml64 /Fo "$(IntDir)fast.obj" "%(FullPath)"</Command>',
        "</CustomBuild>",
        "</ItemGroup>",
    ]
    assert set(added) <= set(rendered)
    assert add_groups(edited, {builtin.label: lines}) is edited
    with pytest.raises(
        PcbuildError, match='<ItemGroup Label="pythonbuild _bz2">: is there already and holds something'
    ):
        add_groups(edited, {builtin.label: lines[:-3]})


def test_libraries_of_all_modules_are_said_once(builtin: BuiltinModule) -> None:
    links = link_settings([], [builtin, builtin], [])
    assert links == {
        "AdditionalDependencies": ("libbz2.lib", "user32.lib", "$(OutDir)sqlite3$(PyDebugExt).lib", "Ws2_32.lib"),
        "AdditionalOptions": ("/EXPORT:One,PRIVATE",),
    }
    data = render_sheet(links)
    sheet = parse("sheet", data)
    assert b"\n" not in data.replace(b"\r\n", b"")
    link = sheet.one("ItemDefinitionGroup/Link")
    assert [child.text for child in link.children] == [
        "$(PythonBuildDependencies)\\lib;%(AdditionalLibraryDirectories)",
        "libbz2.lib;user32.lib;$(OutDir)sqlite3$(PyDebugExt).lib;Ws2_32.lib;%(AdditionalDependencies)",
        "/EXPORT:One,PRIVATE %(AdditionalOptions)",
    ]
    assert sheet.one("Target/Error").get("Condition") == "!Exists('$(PythonBuildDependencies)\\include')"


def test_a_source_of_two_projects_has_to_be_declared(builtin: BuiltinModule) -> None:
    other = replace(builtin, module=replace(builtin.module, name="_other"))
    with pytest.raises(PcbuildError, match=r'<ClCompile Include=".*_bz2module\.c">: _bz2 compiles it too'):
        check_shared_sources([builtin, other], [])
    declared = replace(other, module=replace(other.module, compiled_by="_bz2"))
    check_shared_sources([declared, builtin], [])
    with pytest.raises(PcbuildError, match=r'<ClCompile Include=".*context\.c">: pythoncore compiles it too'):
        check_shared_sources([declared, builtin], ["..\\Modules\\Context.c"])
    assert item_lines(declared, [item.include for item in builtin.items]) == []


def test_zlib_comes_from_the_dependencies(tmp_path: Path) -> None:
    transform = zlib(tmp_path)
    document = maker.document("pythoncore")
    edited = transform(document)
    gone, added = difference(document, edited)
    assert b"zlibDir" not in edited.data
    assert [line for line in gone if "zlibDir" not in line] == [
        '<ItemGroup Condition="$(IncludeExternals)">',
        "</ItemGroup>",
        "<DisableSpecificWarnings>4244</DisableSpecificWarnings>",
        "</ClCompile>",
    ]
    assert added == [
        "<IncludeExternals Condition=\"$(IncludeExternals) == '' and "
        "Exists('$(PythonBuildDependencies)\\include\\zlib.h')\">true</IncludeExternals>",
        '<AdditionalIncludeDirectories Condition="$(IncludeExternals)">$(PythonBuildDependencies)\\include;'
        "%(AdditionalIncludeDirectories)</AdditionalIncludeDirectories>",
    ]
    assert len(edited.root.find("ItemGroup")) == len(document.root.find("ItemGroup")) - 1
    assert edited.one("ItemGroup/ClCompile", Include="..\\Modules\\zlibmodule.c")
    assert transform(edited) is edited
    with pytest.raises(PcbuildError, match=r"pythoncore\.vcxproj:\d+: <Other>: uses zlib in a way that is not known"):
        transform(maker.document("pythoncore", maker.CORE.replace("DisableSpecificWarnings>4244", "Other>$(zlibDir)")
                                 .replace("</DisableSpecificWarnings>", "</Other>")))  # fmt: skip
    with pytest.raises(PcbuildError, match=r"<IncludeExternals .*>: looks for zlib in a way that is not known here"):
        transform(maker.document("pythoncore", maker.CORE.replace("Exists('$(zlibDir)", "Found('$(zlibDir)")))
    with pytest.raises(PcbuildError, match=r"<\.\.\. \$\(zlibDir\)>: the transformation does not fit"):
        transform(maker.document("pythoncore", maker.CORE.replace("zlibDir", "zlib1Dir")))


def test_what_the_core_is_linked_with() -> None:
    """Under a condition that may only be what is linked with in any case: the programs of the static variant are."""
    conditional = '<AdditionalDependencies Condition="$(IncludeExternals)">{};%(AdditionalDependencies)</Additional'
    conditional += "Dependencies>\n      <AdditionalDependencies>"

    def document(words: str) -> Document:
        return maker.document("pythoncore",
                              maker.CORE.replace("<AdditionalDependencies>", conditional.format(words)))  # fmt: skip

    own = ("version.lib", "ws2_32.lib")
    for found in (core_link(maker.document("pythoncore"), []),
                  core_link(document("zlib-ng$(PyDebugExt).lib"), ["zlib-ng"])):  # fmt: skip
        assert [setting.words for setting in found] == [own]
    with pytest.raises(PcbuildError, match=r"links under a condition what none .*: found more\.lib, expected zlib-ng"):
        core_link(document("zlib-ng$(PyDebugExt).lib;more.lib"), ["zlib-ng"])
    with pytest.raises(PcbuildError, match=r"found zlib-ng\$\(PyDebugExt\)\.lib, expected nothing"):
        core_link(document("zlib-ng$(PyDebugExt).lib"), [])
    none = maker.CORE.replace("<AdditionalDependencies>", "<Other>").replace("</AdditionalDependencies>", "</Other>")
    with pytest.raises(PcbuildError, match="does not fit: found none that always holds"):
        core_link(maker.document("pythoncore", none), [])


def test_the_core_waits_for_no_project_that_is_gone() -> None:
    document = reference_project(maker.document("pythoncore"), "zlib-ng", "{A}")
    assert drop_references(document, ["zlib-ng"]).data == maker.document("pythoncore").data
    assert drop_references(document, ["other"]) is document


def test_a_sheet_is_imported_after_cpythons_own() -> None:
    document = maker.document("pythoncore")
    edited = import_sheet(document, "pythonbuild.props")
    assert difference(document, edited) == ([], ['<Import Project="pythonbuild.props" />'])
    assert [each.get("Project") for each in edited.root.find("ImportGroup/Import")] == [
        "pyproject.props",
        "pythonbuild.props",
    ]
    assert import_sheet(edited, "pythonbuild.props") is edited
    broken = parse("a.vcxproj", document.data.replace(b"pyproject.props", b"other.props"))
    with pytest.raises(
        PcbuildError, match=r'a\.vcxproj: <ImportGroup/Import Project="pyproject.props">: the transform'
    ):
        import_sheet(broken, "pythonbuild.props")


def test_a_library_is_built_before_the_core() -> None:
    document = maker.document("pythoncore")
    edited = reference_project(document, "sqlite3", maker.GUIDS["sqlite3"])
    reference = edited.one("ItemGroup/ProjectReference", Include="sqlite3.vcxproj")
    assert [child.text for child in reference.children] == [maker.GUIDS["sqlite3"].lower(), "false"]
    assert reference_project(edited, "sqlite3", maker.GUIDS["sqlite3"]) is edited
    broken = parse("a.vcxproj", document.data.replace(b"Microsoft.Cpp.targets", b"Other.targets"))
    with pytest.raises(
        PcbuildError, match=r"<Import Project=.*Microsoft\.Cpp\.targets.*>: the transformation does not"
    ):
        reference_project(broken, "sqlite3", maker.GUIDS["sqlite3"])


def test_the_core_becomes_a_static_library() -> None:
    document = maker.document("pythoncore")
    edited = make_core_static(document)
    gone, added = difference(document, edited)
    assert added == [
        "<ConfigurationType>StaticLibrary</ConfigurationType>",
        "<PreprocessorDefinitions>Py_NO_ENABLE_SHARED;Py_BUILD_CORE;%(PreprocessorDefinitions)</PreprocessorDefinitions>",
        '<PreprocessorDefinitions>MS_COREDLL;VPATH="$(PyVPath)";%(PreprocessorDefinitions)</PreprocessorDefinitions>',
        '<ClCompile Include="..\\PC\\dl_nt.c">',
        "<PreprocessorDefinitions>Py_ENABLE_SHARED;%(PreprocessorDefinitions)</PreprocessorDefinitions>",
        "</ClCompile>",
    ]
    assert gone == [
        "<ConfigurationType>DynamicLibrary</ConfigurationType>",
        "<RequirePGCFiles>true</RequirePGCFiles>",
        "<PreprocessorDefinitions>_USRDLL;Py_BUILD_CORE;Py_ENABLE_SHARED;%(PreprocessorDefinitions)"
        "</PreprocessorDefinitions>",
        '<PreprocessorDefinitions>VPATH="$(PyVPath)";%(PreprocessorDefinitions)</PreprocessorDefinitions>',
        '<ClCompile Include="..\\PC\\dl_nt.c" />',
        "<ItemGroup>",
        '<ResourceCompile Include="..\\PC\\python_nt.rc" />',
        "</ItemGroup>",
    ]
    assert make_core_static(edited) is edited


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            ">DynamicLibrary<",
            ">Application<",
            "<ConfigurationType>: the transformation does not fit: found Application",
        ),
        ("Py_ENABLE_SHARED;", "", "<PreprocessorDefinitions>: the transformation does not fit: found 0 with Py_ENABLE"),
        ("<RequirePGCFiles>true</RequirePGCFiles>", "", "<RequirePGCFiles or RequireProfileData>: the transformation"),
        (
            "python_nt.rc",
            "other.rc",
            'ResourceCompile Include="..\\PC\\python_nt.rc">: the transformation does not fit',
        ),
        ("dl_nt.c", "dl_nt2.c", 'ClCompile Include="..\\PC\\dl_nt.c">: the transformation does not fit'),
        (
            '<ClCompile Include="..\\PC\\dl_nt.c" />',
            '<ClCompile Include="..\\PC\\dl_nt.c"><Optimization>Full</Optimization></ClCompile>',
            'ClCompile Include="..\\PC\\dl_nt.c">: is compiled in a way that is not known here',
        ),
    ],
)
def test_another_core_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(PcbuildError, match=r"^PCbuild/pythoncore\.vcxproj(:\d+)?: <") as caught:
        make_core_static(maker.document("pythoncore", maker.CORE.replace(old, new)))
    assert message in str(caught.value)


@pytest.mark.parametrize(("trained", "line"), [(True, "<RequirePGCFiles>true</RequirePGCFiles>"),
                                               (False, "<SupportPGO>false</SupportPGO>")])  # fmt: skip
def test_a_program_holds_the_core(trained: bool, line: str) -> None:
    document = maker.document("python")
    link = partial(link_core_statically, trained=trained, profile="RequirePGCFiles")
    edited = link(document)
    definition = "<PreprocessorDefinitions>Py_NO_ENABLE_SHARED;%(PreprocessorDefinitions)</PreprocessorDefinitions>"
    assert difference(document, edited) == ([], [line, "<ClCompile>", definition, "</ClCompile>"])
    assert link(edited).data == edited.data
    opposite = edited.data.replace(b"true</R", b"false</R").replace(b"false</S", b"true</S")
    with pytest.raises(
        PcbuildError, match=r'<PropertyGroup Label="Globals">: sets (RequirePGCFiles|SupportPGO) already'
    ):
        link(parse("a.vcxproj", opposite))


def test_a_dll_becomes_a_static_library() -> None:
    document = maker.document("sqlite3")
    edited = make_library_static(document)
    _, added = difference(document, edited)
    assert added == [
        "<ConfigurationType>StaticLibrary</ConfigurationType>",
        "<PreprocessorDefinitions>SQLITE_OMIT_AUTOINIT;%(PreprocessorDefinitions)</PreprocessorDefinitions>",
    ]
    for word in (b"dllexport", b".pyd", b"ResourceCompile", b"SqliteVersion", b"MajorVersion"):
        assert word not in edited.data
    assert b"<_ProjectFileVersion>" in edited.data
    assert make_library_static(edited) is edited


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (">DynamicLibrary<", ">Makefile<", "<ConfigurationType>: the transformation does not fit: found Makefile"),
        (
            "SQLITE_API=__declspec(dllexport);",
            "",
            "<PreprocessorDefinitions>: the transformation does not fit: found 0",
        ),
        (
            "<TargetExt>.pyd</TargetExt>",
            "",
            "<PropertyGroup/TargetExt>: the transformation does not fit: found 0 of it",
        ),
    ],
)
def test_another_dll_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(PcbuildError) as caught:
        make_library_static(maker.document("sqlite3", maker.LIBRARY.replace(old, new)))
    assert str(caught.value).startswith("PCbuild/sqlite3.vcxproj")
    assert message in str(caught.value)


def test_dropped_projects_are_not_built() -> None:
    document = parse("PCbuild/pcbuild.proj", maker.encode(maker.BUILD))
    assert listed_projects(document) == ["pythoncore", "python", "pythonw", "_bz2", "_bz2", "_tkinter"]
    edited = drop_from_build(document, ["_bz2", "pythonw", "not there"])
    assert difference(document, edited) == (
        [
            '<ExtensionModules Include="_bz2" Condition="$(IncludeExternals)" />',
            '<ExternalModules Include="_bz2;_tkinter" />',
            '<Projects2 Include="python.vcxproj;pythonw.vcxproj" />',
        ],
        ['<ExternalModules Include="_tkinter" />', '<Projects2 Include="python.vcxproj" />'],
    )
    assert listed_projects(edited) == ["pythoncore", "python", "_tkinter"]
    assert drop_from_build(edited, ["_bz2", "pythonw"]).data == edited.data
    broken = parse(
        "PCbuild/pcbuild.proj", document.data.replace(b"<Projects ", b"<Other ").replace(b"</Projects>", b"</Other>")
    )
    with pytest.raises(PcbuildError, match=r"PCbuild/pcbuild\.proj: <Projects>: the transformation does not fit"):
        drop_from_build(broken, ["_bz2"])


def test_dropped_projects_leave_the_solution() -> None:
    edited = drop_from_solution("x.sln", SLN, {"_bz2": maker.GUIDS["_bz2"].lower(), "not there": "{0}"})
    assert "_bz2" not in solution_projects("x.sln", edited)
    assert maker.GUIDS["_bz2"].encode() not in edited
    assert b"ProjectSection" not in edited
    rest = iter(SLN.splitlines(keepends=True))
    assert all(line in rest for line in edited.splitlines(keepends=True)), "the lines that stay, in their order"
    assert edited.count(b"EndProject\r\n") == SLN.count(b"EndProject\r\n") - 1
    assert drop_from_solution("x.sln", edited, {"_bz2": maker.GUIDS["_bz2"]}) == edited
    assert drop_from_solution("x.sln", SLN, {}) == SLN


def test_a_solution_that_is_not_understood() -> None:
    with pytest.raises(PcbuildError, match=r'x\.sln: Project "_bz2": has another GUID than _bz2\.vcxproj'):
        drop_from_solution("x.sln", SLN, {"_bz2": "{0}"})
    with pytest.raises(PcbuildError, match=r"x\.sln: Project: is not a Visual Studio solution: found 0 projects"):
        drop_from_solution("x.sln", b"<Solution />", {})
    with pytest.raises(PcbuildError, match=r"x\.sln: EndProject: the last project that is dropped has none"):
        drop_from_solution("x.sln", SLN.replace(b"EndProject\r\n", b""), {"_bz2": maker.GUIDS["_bz2"]})


def test_modules_enter_the_table_once() -> None:
    edited = add_to_inittab("PC/config.c", maker.CONFIG.encode(), {"_bz2": "PyInit__bz2", "array": "PyInit_array"})
    text = edited.decode()
    assert text == maker.CONFIG.replace(
        "/* -- ADDMODULE MARKER 1 -- */\n", "/* -- ADDMODULE MARKER 1 -- */\nextern PyObject* PyInit__bz2(void);\n"
    ).replace("/* -- ADDMODULE MARKER 2 -- */\n", '/* -- ADDMODULE MARKER 2 -- */\n    {"_bz2", PyInit__bz2},\n')
    assert add_to_inittab("PC/config.c", edited, {"_bz2": "PyInit__bz2"}) == edited
    windows = add_to_inittab("PC/config.c", maker.CONFIG.replace("\n", "\r\n").encode(), {"_bz2": "PyInit__bz2"})
    assert windows.count(b"\n") == windows.count(b"\r\n")


@pytest.mark.parametrize("mark", ["/* -- ADDMODULE MARKER 1 -- */", "/* -- ADDMODULE MARKER 2 -- */"])
def test_a_table_that_is_not_understood(mark: str) -> None:
    with pytest.raises(PcbuildError) as caught:
        add_to_inittab("PC/config.c", maker.CONFIG.replace(mark, "").encode(), {"_bz2": "PyInit__bz2"})
    assert (
        str(caught.value)
        == f"PC/config.c: {mark}: the transformation does not fit: found 0 of it, expected exactly one"
    )
    with pytest.raises(
        PcbuildError, match=r'PC/config\.c: \{"array", \.\.\.\}: has another init function: found PyInit_a'
    ):
        add_to_inittab("PC/config.c", maker.CONFIG.encode(), {"array": "PyInit_other"})
