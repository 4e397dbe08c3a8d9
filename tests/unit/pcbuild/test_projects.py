from __future__ import annotations

import pytest

from pythonbuild.errors import PcbuildError
from pythonbuild.pcbuild.projects import Setting, project_guid, read_project
from tests.unit.pcbuild import pcbuildmaker as maker


def test_a_project_is_read_whole() -> None:
    project = read_project(maker.document("_bz2", sheet="openssl.props"))
    assert (project.name, project.guid) == ("_bz2", maker.GUIDS["_bz2"])
    assert [(item.kind, item.include) for item in project.items] == [
        ("ClInclude", "..\\Modules\\forgotten.h"),
        ("ClCompile", "..\\Modules\\_bz2module.c"),
        ("ClCompile", "..\\Modules\\context.c"),
        ("ClCompile", "$(bz2Dir)\\bzlib.c"),
        ("CustomBuild", "..\\Modules\\fast.asm"),
    ]
    assert len(project.sources) == 3
    assert project.items[2].settings == (Setting("DisableSpecificWarnings", "4244;%(DisableSpecificWarnings)"),)
    assert [(setting.name, setting.words, setting.condition) for setting in project.compile] == [
        ("AdditionalIncludeDirectories", ("$(bz2Dir)", "..\\Modules\\own"), ""),
        ("PreprocessorDefinitions", ("WIN32",), ""),
        ("PreprocessorDefinitions", ("WIDE",), "'$(Platform)' == 'x64'"),
    ]
    assert [setting.words for setting in project.link] == [
        ("Ws2_32.lib", "$(OutDir)libother.lib"),
        ("/EXPORT:One,PRIVATE",),
    ]
    assert project.sheets == ("openssl.props",)
    assert project.references == ("pythoncore.vcxproj",)
    assert project_guid(maker.document("python")) == maker.GUIDS["python"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  <ItemGroup>\n", '  <Target Name="Copy" />\n  <ItemGroup>\n', '<Target Name="Copy">: cannot be carried'),
        ("  <ItemGroup>\n", '  <ItemGroup Condition="x">\n', '<ItemGroup Condition="x">: cannot be carried over'),
        ("<CharacterSet>NotSet", "<CharacterSet>Unicode", "<CharacterSet>: another value than pythoncore can take"),
        ("<CharacterSet>NotSet</CharacterSet>", "<WinRT>yes</WinRT>", "<WinRT>: cannot be carried over"),
        ("<CustomBuild ", "<Midl ", '<Midl Include="..\\Modules\\fast.asm">: cannot be carried over'),
        ("PC\\python_nt.rc", "PC\\other.rc", '<ResourceCompile Include="..\\PC\\other.rc">: cannot be carried over'),
        ("<ClCompile>", '<ClCompile Condition="x">', '<ClCompile Condition="x">: cannot be carried over'),
        ("<AdditionalOptions>/", '<AdditionalOptions Condition="x">/', '<AdditionalOptions Condition="x">: cannot'),
        ("AdditionalOptions>", "ModuleDefinitionFile>", "<ModuleDefinitionFile>: cannot be carried over"),
        ("ClCompile Include=", "ClCompile Remove=", '<ClCompile Remove="..\\Modules\\_bz2module.c">: cannot be'),
        ("ClCompile Include=", "ClInclude Include=", "<ClCompile>: the project compiles nothing"),
    ],
)  # fmt: skip
def test_what_is_not_known_ends_the_edit_with_its_name(old: str, new: str, message: str) -> None:
    body = maker.EXTENSION.replace(old, new)
    if "compiles nothing" in message:
        body = body.replace("</ClCompile>\n    <ClInclude", "</ClInclude>\n    <ClInclude", 1)
    if old in ("<CustomBuild ", "AdditionalOptions>"):
        body = body.replace("</CustomBuild>", "</Midl>") if old == "<CustomBuild " else body
    assert body != maker.EXTENSION
    with pytest.raises(PcbuildError, match=r"^PCbuild/_bz2\.vcxproj(:\d+)?: ") as caught:
        read_project(maker.document("_bz2", body))
    assert message in str(caught.value)


def test_a_sheet_under_a_condition_is_not_known() -> None:
    document = maker.document("_bz2", sheet='x.props" Condition="y')
    with pytest.raises(PcbuildError, match=r'<Import Project="x\.props" Condition="y">: cannot be carried over'):
        read_project(document)
