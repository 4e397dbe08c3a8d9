"""A tiny PCbuild in the formats of CPython's own: byte order marks, CRLF, one project of each kind."""

from __future__ import annotations

from pathlib import Path

from pythonbuild.pcbuild.xmltext import Document, parse

VERSION = "3.13.9"
_HEAD = """<?xml version="1.0" encoding="utf-8"?>
<Project DefaultTargets="Build" xmlns="http://schemas.microsoft.com/developer/msbuild/2003">
  <ItemGroup Label="ProjectConfigurations">
    <ProjectConfiguration Include="PGInstrument|x64"><Platform>x64</Platform></ProjectConfiguration>
    <ProjectConfiguration Include="PGUpdate|x64"><Platform>x64</Platform></ProjectConfiguration>
    <ProjectConfiguration Include="Release|x64"><Platform>x64</Platform></ProjectConfiguration>
  </ItemGroup>
  <PropertyGroup Label="Globals">
    <ProjectGuid>{guid}</ProjectGuid>
  </PropertyGroup>
  <Import Project="python.props" />
"""
_MIDDLE = """  <ImportGroup Label="PropertySheets">
    <Import Project="pyproject.props" />{sheet}
  </ImportGroup>
"""
_TAIL = """  <Import Project="$(VCTargetsPath)\\Microsoft.Cpp.targets" />
</Project>
"""

CORE = """  <PropertyGroup Label="Configuration">
    <ConfigurationType>DynamicLibrary</ConfigurationType>
  </PropertyGroup>
  <PropertyGroup>
    <RequirePGCFiles>true</RequirePGCFiles>
    <IncludeExternals Condition="$(IncludeExternals) == '' and Exists('$(zlibDir)\\zlib.h')">true</IncludeExternals>
  </PropertyGroup>
  {middle}<ItemDefinitionGroup>
    <ClCompile>
      <AdditionalIncludeDirectories Condition="$(IncludeExternals)">$(zlibDir);{dirs}</AdditionalIncludeDirectories>
      <PreprocessorDefinitions>_USRDLL;Py_BUILD_CORE;Py_ENABLE_SHARED;{defined}</PreprocessorDefinitions>
    </ClCompile>
    <Link>
      <AdditionalDependencies>version.lib;ws2_32.lib;%(AdditionalDependencies)</AdditionalDependencies>
    </Link>
  </ItemDefinitionGroup>
  <!-- A comment with <ClCompile Include="in it" />. -->
  <ItemGroup Condition="$(IncludeExternals)">
    <ClInclude Include="$(zlibDir)\\zlib.h" />
  </ItemGroup>
  <ItemGroup>
    <ClInclude Include="..\\Include\\forgotten.h" />
    <ClCompile   Include='..\\Python\\context.c'   />
    <ClCompile Include="..\\Python\\sysmodule.c">
      <PreprocessorDefinitions>VPATH="$(PyVPath)";{defined}</PreprocessorDefinitions>
    </ClCompile>
    <ClCompile Include="..\\PC\\dl_nt.c" />
  </ItemGroup>
  <ItemGroup Condition="$(IncludeExternals)">
    <ClCompile Include="..\\Modules\\zlibmodule.c" />
    <ClCompile Include="$(zlibDir)\\deflate.c">
      <DisableSpecificWarnings>4244</DisableSpecificWarnings>
    </ClCompile>
  </ItemGroup>
  <ItemGroup>
    <ResourceCompile Include="..\\PC\\python_nt.rc" />
  </ItemGroup>
"""

PYPROJECT = b"""<Project>\r
  <ItemDefinitionGroup>\r
    <ClCompile>\r
      <WholeProgramOptimization>true</WholeProgramOptimization>\r
    </ClCompile>\r
    <ClCompile Condition="$(Configuration) == 'Debug'">\r
      <WholeProgramOptimization>false</WholeProgramOptimization>\r
    </ClCompile>\r
    <Link>\r
      <AdditionalDependencies>advapi32.lib;%(AdditionalDependencies)</AdditionalDependencies>\r
    </Link>\r
  </ItemDefinitionGroup>\r
</Project>\r
"""

EXTENSION = """  <PropertyGroup Label="Configuration">
    <ConfigurationType>DynamicLibrary</ConfigurationType>
    <CharacterSet>NotSet</CharacterSet>
  </PropertyGroup>
  {middle}<ItemDefinitionGroup>
    <ClCompile>
      <AdditionalIncludeDirectories>$(bz2Dir);..\\Modules\\own;{dirs}</AdditionalIncludeDirectories>
      <PreprocessorDefinitions>WIN32;%(PreprocessorDefinitions)</PreprocessorDefinitions>
      <PreprocessorDefinitions Condition="'$(Platform)' == 'x64'">WIDE;{defined}</PreprocessorDefinitions>
    </ClCompile>
    <Link>
      <AdditionalDependencies>Ws2_32.lib;$(OutDir)libother.lib;%(AdditionalDependencies)</AdditionalDependencies>
      <AdditionalOptions>/EXPORT:One,PRIVATE %(AdditionalOptions)</AdditionalOptions>
    </Link>
  </ItemDefinitionGroup>
  <ItemGroup>
    <ClInclude Include="..\\Modules\\forgotten.h" />
    <ClCompile Include="..\\Modules\\_bz2module.c" />
    <ClCompile Include="..\\Modules\\context.c">
      <DisableSpecificWarnings>4244;%(DisableSpecificWarnings)</DisableSpecificWarnings>
    </ClCompile>
    <ClCompile Include="$(bz2Dir)\\bzlib.c" />
  </ItemGroup>
  <ItemGroup>
    <CustomBuild Include="..\\Modules\\fast.asm">
      <Command>ml64 /Fo "$(IntDir)fast.obj" "%(FullPath)"</Command>
    </CustomBuild>
  </ItemGroup>
  <ItemGroup>
    <ResourceCompile Include="..\\PC\\python_nt.rc" />
  </ItemGroup>
  <ItemGroup>
    <ProjectReference Include="pythoncore.vcxproj">
      <ReferenceOutputAssembly>false</ReferenceOutputAssembly>
    </ProjectReference>
  </ItemGroup>
"""

SHARED = """  {middle}<ItemGroup>
    <ClCompile Include="..\\Modules\\_tkinter.c" />
  </ItemGroup>
  <ItemGroup>
    <ProjectReference Include="pythoncore.vcxproj" />
  </ItemGroup>
"""

PROGRAM = """  {middle}<ItemDefinitionGroup>
    <Link>
      <SubSystem>Console</SubSystem>
    </Link>
  </ItemDefinitionGroup>
  <ItemGroup>
    <ClCompile Include="..\\Programs\\python.c" />
  </ItemGroup>
"""

LIBRARY = """  <PropertyGroup Label="Configuration">
    <TargetExt>.pyd</TargetExt>
    <ConfigurationType>DynamicLibrary</ConfigurationType>
  </PropertyGroup>
  {middle}<PropertyGroup>
    <_ProjectFileVersion>10.0.30319.1</_ProjectFileVersion>
    <_SqliteVersion>$(sqlite3Dir.Split(`-`))</_SqliteVersion>
    <SqliteMajorVersion>$(_SqliteVersion)</SqliteMajorVersion>
  </PropertyGroup>
  <ItemDefinitionGroup>
    <ClCompile>
      <PreprocessorDefinitions>SQLITE_OMIT_AUTOINIT;SQLITE_API=__declspec(dllexport);%(PreprocessorDefinitions)</PreprocessorDefinitions>
    </ClCompile>
    <ResourceCompile>
      <PreprocessorDefinitions>SQLITE_MAJOR_VERSION=$(SqliteMajorVersion)</PreprocessorDefinitions>
    </ResourceCompile>
  </ItemDefinitionGroup>
  <ItemGroup>
    <ClCompile Include="$(sqlite3Dir)\\sqlite3.c" />
  </ItemGroup>
  <ItemGroup>
    <ResourceCompile Include="..\\PC\\sqlite3.rc" />
  </ItemGroup>
"""

#: What becomes of the core in 3.14, where zlib-ng is a project of its own.
NG = (
    ("$(zlibDir)\\zlib.h')", "$(zlibNgDir)\\zlib-ng.h.in')"),
    (">$(zlibDir);", ">$(zlibNgDir);$(GeneratedZlibNgDir);"),
    ("<AdditionalDependencies>", '<AdditionalDependencies Condition="$(IncludeExternals)">zlib-ng$(PyDebugExt).lib;'
     "%(AdditionalDependencies)</AdditionalDependencies>\n      <AdditionalDependencies>"),
    ('<ClInclude Include="$(zlibDir)\\zlib.h" />', '<ProjectReference Include="zlib-ng.vcxproj" />'),
    ('    <ClCompile Include="$(zlibDir)\\deflate.c">\n      <DisableSpecificWarnings>4244</DisableSpecificWarnings>\n'
     "    </ClCompile>\n", ""),
)  # fmt: skip
ZLIB_NG = """  <PropertyGroup Label="Configuration">
    <ConfigurationType>StaticLibrary</ConfigurationType>
  </PropertyGroup>
  {middle}<ItemGroup>
    <ClCompile Include="$(zlibNgDir)\\deflate.c" />
  </ItemGroup>
  <Target Name="_EnsureZlibH" Inputs="$(zlibNgDir)\\zlib.h.in" Outputs="$(IntDir)zlib.h" />
"""

BUILD = """<?xml version="1.0" encoding="utf-8"?>
<Project DefaultTargets="Build" xmlns="http://schemas.microsoft.com/developer/msbuild/2003">
  <ItemGroup>
    <Projects Include="pythoncore.vcxproj"><BuildInParallel>false</BuildInParallel></Projects>
    <!-- Extension modules -->
    <ExtensionModules Include="_bz2" Condition="$(IncludeExternals)" />
    <ExternalModules Include="_bz2;_tkinter" />
    <ExtensionModules Include="@(ExternalModules->'%(Identity)')" />
    <Projects Include="@(ExtensionModules->'%(Identity).vcxproj')" />
    <Projects2 Include="python.vcxproj;pythonw.vcxproj" />
  </ItemGroup>
</Project>
"""

GUIDS = {
    "pythoncore": "{CF7AC3D1-0000-0000-0000-000000000001}",
    "python": "{CF7AC3D1-0000-0000-0000-000000000002}",
    "pythonw": "{CF7AC3D1-0000-0000-0000-000000000003}",
    "_bz2": "{CF7AC3D1-0000-0000-0000-000000000004}",
    "_tkinter": "{CF7AC3D1-0000-0000-0000-000000000005}",
    "sqlite3": "{CF7AC3D1-0000-0000-0000-000000000006}",
}
PROJECTS = {"pythoncore": CORE, "python": PROGRAM, "pythonw": PROGRAM, "_bz2": EXTENSION, "_tkinter": SHARED,
            "sqlite3": LIBRARY}  # fmt: skip

CONFIG = """extern PyObject* PyInit_array(void);
/* -- ADDMODULE MARKER 1 -- */

struct _inittab _PyImport_Inittab[] = {
    {"array", PyInit_array},
#ifdef _Py_HAVE_ZLIB
    {"zlib", PyInit_zlib},
#endif
/* -- ADDMODULE MARKER 2 -- */
    {"sys", NULL},
    {0, 0}
};
"""

MODULES = """
modules:
  _bz2: {needs: [bzip2, sqlite], defines: [MORE]}
  _new: {since: "3.14"}
  _tkinter: {linkage: shared, reason: "DLLs of its own"}
  zlib: {project: pythoncore, needs: [zlib, zlib-ng]}
"""
OTHERS = """
projects:
  pythoncore: {becomes: core}
  python: {becomes: kept, reason: "a program", links_core: true, trained: true}
  pythonw: {becomes: kept, reason: "a program", links_core: true}
  sqlite3: {becomes: static}
  zlib-ng: {since: "3.14", becomes: static}
dependencies:
  bzip2: {libraries: [libbz2.lib], system: [user32.lib], replaces: [$(bz2Dir), $(OutDir)libother]}
  sqlite: {project: sqlite3, property: sqlite3Dir}
  zlib: {until: "3.13", libraries: [zlib.lib], replaces: [$(zlibDir)]}
  zlib-ng: {since: "3.14", project: zlib-ng, property: zlibNgDir}
properties:
  VCTargetsPath: Visual Studio
  sqlite3Dir: SQLite
  zlibNgDir: zlib-ng
generated: {}
bundled: {}
"""


def solution() -> str:
    lines = ["", "Microsoft Visual Studio Solution File, Format Version 12.00"]
    for name, guid in GUIDS.items():
        lines.append(f'Project("{{8BC9CEB8-8B4A-11D0-8D11-00A0C91BC942}}") = "{name}", "{name}.vcxproj", "{guid}"')
        if name == "python":
            lines += ["\tProjectSection(ProjectDependencies) = postProject", f"\t\t{GUIDS['_bz2']} = {GUIDS['_bz2']}",
                      "\tEndProjectSection"]  # fmt: skip
        lines.append("EndProject")
    lines += ["Global", "\tGlobalSection(ProjectConfigurationPlatforms) = postSolution"]
    lines += [f"\t\t{guid}.Release|x64.Build.0 = Release|x64" for guid in GUIDS.values()]
    return "\n".join([*lines, "\tEndGlobalSection", "EndGlobal", ""])


def text(project: str, body: str = "", sheet: str = "") -> str:
    """Return a project's file; ``body`` replaces its own."""
    middle = _MIDDLE.replace("{sheet}", f'\n    <Import Project="{sheet}" />' if sheet else "")
    body = (body or PROJECTS[project]).replace("  {middle}", middle + "  ")
    for short, reference in (("dirs", "AdditionalIncludeDirectories"), ("defined", "PreprocessorDefinitions")):
        body = body.replace(f"{{{short}}}", f"%({reference})")
    return _HEAD.replace("{guid}", GUIDS.get(project, GUIDS["_bz2"])) + body + _TAIL


def encode(content: str) -> bytes:
    """Return text as CPython's project files have it."""
    return b"\xef\xbb\xbf" + content.replace("\n", "\r\n").encode()


def document(project: str, body: str = "", sheet: str = "") -> Document:
    return parse(f"PCbuild/{project}.vcxproj", encode(text(project, body, sheet)))


def make_tree(directory: Path) -> Path:
    """Write a source tree."""
    tree = directory / f"Python-{VERSION}"
    files = {f"PCbuild/{name}.vcxproj": encode(text(name)) for name in PROJECTS}
    files |= {"PCbuild/python.props": b"<Project />", "PCbuild/pyproject.props": PYPROJECT}
    files |= {f"PCbuild/{name}.vcxproj.filters": b"not even XML" for name in ("pythoncore", "_bz2")}
    sources = (
        "Python/context.c",
        "Python/sysmodule.c",
        "Modules/context.c",
        "Modules/fast.asm",
        "Modules/_tkinter.c",
        "Modules/zlibmodule.c",
        "PC/dl_nt.c",
        "PC/python_nt.rc",
        "PC/sqlite3.rc",
        "Programs/python.c",
    )
    files |= dict.fromkeys(sources, b"")
    files |= {
        "PCbuild/pcbuild.proj": encode(BUILD),
        "PCbuild/pcbuild.sln": solution().replace("\n", "\r\n").encode(),
        "PC/config.c": CONFIG.encode(),
        "Modules/_bz2module.c": b"PyMODINIT_FUNC\nPyInit__bz2(void)\n",
        "Include/patchlevel.h": f'#define PY_VERSION "{VERSION}"\n'.encode(),
    }
    for name, data in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tree


def make_314(tree: Path) -> None:
    """Let the core be linked with zlib-ng, by CPython's own project of it; there is one module more."""
    core = CORE
    for old, new in NG:
        assert old in core
        core = core.replace(old, new)
    files = {"pythoncore": text("pythoncore", core), "zlib-ng": text("zlib-ng", ZLIB_NG),
             "_new": text("_new", EXTENSION.replace("_bz2module", "_newmodule").replace("$(bz2Dir);", "")
                          .replace('    <ClCompile Include="$(bz2Dir)\\bzlib.c" />\n', "")
                          .replace("$(OutDir)libother.lib;", "").replace("context.c", "new.c")
                          .replace("fast.asm", "quick.asm"))}  # fmt: skip
    for name, content in files.items():
        (tree / f"PCbuild/{name}.vcxproj").write_bytes(encode(content))
    for name in ("new.c", "quick.asm"):
        (tree / "Modules" / name).touch()
    (tree / "Modules/_newmodule.c").write_text("PyInit__new(void)")
    (tree / "Include/patchlevel.h").write_text('#define PY_VERSION "3.14.0"\n')


def make_catalogue(directory: Path, modules: str = MODULES, others: str = OTHERS) -> Path:
    """Write both YAML files; return their directory."""
    (directory / "extension-modules.yml").write_text(modules)
    (directory / "projects.yml").write_text(others)
    return directory


def snapshot(tree: Path) -> dict[str, bytes]:
    return {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()}
