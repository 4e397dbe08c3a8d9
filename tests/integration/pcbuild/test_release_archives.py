"""The edit of the real PCbuild of CPython's release archives, fetched like any pinned source.

The results are read by another parser (xml.etree) than the one that edits stand on.
"""

from __future__ import annotations

import difflib
import re
import shutil
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pythonbuild.config.project import Project
from pythonbuild.config.sources import select
from pythonbuild.cpython.setupfiles import cpython_version, parse_inittab
from pythonbuild.debian.apt_sources import mirror_bases
from pythonbuild.errors import ExtensionModuleError, PcbuildError
from pythonbuild.pcbuild.catalogue import CORE, Catalogue, read_catalogue
from pythonbuild.pcbuild.description import Description
from pythonbuild.pcbuild.edit import EditOptions, edit_tree
from pythonbuild.sources.fetch import Fetcher
from pythonbuild.sources.places import Places
from tests.integration.conftest import CACHE, REPOSITORY
from tests.integration.pcbuild.later import LATER, make_later

NAMESPACE = "{http://schemas.microsoft.com/developer/msbuild/2003}"
BOM = b"\xef\xbb\xbf"
VARIANTS = [EditOptions(), EditOptions("i686"), EditOptions("arm64"), EditOptions(static=True),
            EditOptions(optimized=True), EditOptions("i686", static=True, optimized=True)]  # fmt: skip
RELEASED = ("3.11.2", "3.13.5", "3.13.15")
#: Folders of the source that no project of PCbuild names anything in.
_UNUSED = ("Doc", "Lib", "Mac", "Misc", "Tools")


@pytest.fixture(params=[*RELEASED, *LATER], scope="module")
def pristine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CPython's source as it was released, or made like that of a series of which none could be had."""
    made = request.param in LATER
    selection = select(Project(REPOSITORY).sources, "3.13.15" if made else request.param)
    with Fetcher(CACHE / "downloads", Places(pool_bases=mirror_bases), note=print) as fetcher:
        archive = fetcher.fetch(selection.candidates[0])
    directory = tmp_path_factory.mktemp(request.param)
    with tarfile.open(archive) as tar:
        members = (each for each in tar if each.name.split("/")[1:2] and each.name.split("/")[1] not in _UNUSED)
        tar.extractall(directory, members=members, filter="data")
    (tree,) = directory.iterdir()
    if made:
        make_later(tree, request.param)
    return tree


@pytest.fixture
def tree(pristine: Path, tmp_path: Path) -> Path:
    """A copy that may be edited; what no edit writes to is the pristine source's."""
    copy = tmp_path / pristine.name
    copy.mkdir()
    for entry in pristine.iterdir():
        if entry.name in ("PC", "PCbuild"):
            shutil.copytree(entry, copy / entry.name)
        else:
            (copy / entry.name).symlink_to(entry)
    return copy


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue(REPOSITORY / "cpython-windows")


def edit(tree: Path, catalogue: Catalogue, options: EditOptions = VARIANTS[0]) -> Description:
    return edit_tree(tree, cpython_version(tree), options, catalogue)


def root(path: Path) -> ET.Element:
    return ET.parse(path).getroot()


def items(project: ET.Element, kind: str) -> Iterator[ET.Element]:
    return (item for group in project.iter(f"{NAMESPACE}ItemGroup") for item in group.iter(NAMESPACE + kind))


def words(element: ET.Element, name: str, platform: str = "x64") -> list[str]:
    """Return what a setting is, evaluated as MSBuild does: conditions on the platform, and one after the other."""
    value: list[str] = []
    for setting in element.iterfind(NAMESPACE + name):
        condition = setting.get("Condition", "").replace("$(Platform)", platform)
        compared = re.fullmatch(r"'([^']*)' ?== ?'([^']*)'", condition)
        assert compared or not condition, condition
        if compared is None or compared[1] == compared[2]:
            value = [word for part in (setting.text or "").split(";") for word in
                     (value if part == f"%({name})" else [part])]  # fmt: skip
    return value


def profile_property(description: Description) -> str:
    """Return how projects of this version ask for a profile."""
    return "RequireProfileData" if description.version.startswith("3.14.") else "RequirePGCFiles"


def leads_to(tree: Path, include: str) -> str | None:
    """Return where a path leads, None if that depends on a property of the build's."""
    path = include.replace("$(PySourcePath)", "..\\")
    return None if "$(" in path else str((tree / "PCbuild" / path.replace("\\", "/")).resolve())


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_projects_are_well_formed_and_name_files_that_exist(pristine: Path, tree: Path, catalogue: Catalogue,
                                                            options: EditOptions) -> None:  # fmt: skip
    description = edit(tree, catalogue, options)
    stale = set()
    for path in sorted([*(tree / "PCbuild").glob("*.vcxproj"), *(tree / "PCbuild").glob("*.props")]):
        project = root(path)
        named = {(kind, part) for kind in ("ClCompile", "ClInclude", "CustomBuild", "None", "ProjectReference",
                                           "ResourceCompile")
                 for item in items(project, kind) for part in item.get("Include", "").split(";")}  # fmt: skip
        named |= {("Import", each.get("Project", "")) for each in project.iter(f"{NAMESPACE}Import")}
        for kind, include in sorted(named - {(kind, "") for kind, _ in named}):
            place = leads_to(tree, include)
            if place is None:
                assert set(re.findall(r"\$\((\w+)\)", include)[:1]) <= catalogue.properties.keys(), (path.name, include)
            elif not Path(place).is_file() and not any(place.endswith(name) for name in catalogue.generated):
                assert kind in ("ClInclude", "None"), (path.name, include)
                # A header that CPython's own project names and its release does not have.
                assert include.encode() in (pristine / "PCbuild" / path.name).read_bytes(), (path.name, include)
                stale.add(include.rpartition("\\")[2])
    assert stale == {name.rpartition("/")[2] for name in description.stale}


@pytest.mark.parametrize("options", [VARIANTS[0], VARIANTS[3]], ids=str)
def test_what_is_not_named_keeps_its_bytes(pristine: Path, tree: Path, catalogue: Catalogue,
                                           options: EditOptions) -> None:  # fmt: skip
    description = edit(tree, catalogue, options)
    for folder in ("PC", "PCbuild"):
        for before in sorted((pristine / folder).rglob("*")):
            name = before.relative_to(pristine).as_posix()
            after = tree / name
            if before.is_dir():
                continue
            if name not in description.transformations:
                assert after.read_bytes() == before.read_bytes(), name
            elif after.exists():
                old, new = before.read_bytes(), after.read_bytes()
                assert old.startswith(BOM) == new.startswith(BOM), name
                assert (old.count(b"\n") == old.count(b"\r\n")) == (new.count(b"\n") == new.count(b"\r\n")), name
                assert old.endswith(b"\n") == new.endswith(b"\n"), name
    gone, added = lines_changed(pristine, tree, "PCbuild/pythoncore.vcxproj")
    expected = r"zlibDir|ENABLE_SHARED|4244|</?(ItemGroup|ClCompile)"
    kept = [line for line in gone if not re.search(expected, line)]
    kept = [line for line in kept if 'VPATH="$(PyVPath)"' not in line] if options.static else kept
    profile = profile_property(description)
    static = ["<ConfigurationType>DynamicLibrary</ConfigurationType>", f"<{profile}>true</{profile}>",
              '<ResourceCompile Include="..\\PC\\python_nt.rc" />']  # fmt: skip
    assert kept == (static if options.static else [])
    assert sum('Label="pythonbuild ' in line for line in added) == len(description.builtin) - 2 + 1
    # From 3.14 on nothing is replaced: CPython's own project makes zlib-ng's library, and the core is linked with it.
    assert any("zlibDir" in line for line in gone) == (not description.version.startswith("3.14."))


def lines_changed(pristine: Path, tree: Path, name: str) -> tuple[list[str], list[str]]:
    old, new = ((each / name).read_bytes().decode("utf-8").split("\n") for each in (pristine, tree))
    gone, added = [], []
    for kind, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            gone += [line.strip() for line in old[i1:i2]]
            added += [line.strip() for line in new[j1:j2]]
    return gone, added


@pytest.mark.parametrize("options", [VARIANTS[0], VARIANTS[3]], ids=str)
def test_a_second_run_changes_nothing(tree: Path, catalogue: Catalogue, options: EditOptions) -> None:
    description = edit(tree, catalogue, options)
    before = {path: path.read_bytes() for folder in ("PC", "PCbuild") for path in (tree / folder).rglob("*.*")
              if path.is_file()}  # fmt: skip
    assert edit(tree, catalogue, options) == description
    assert {path: path.read_bytes() for path in before} == before


def test_every_module_is_built_as_its_project_said(pristine: Path, tree: Path, catalogue: Catalogue) -> None:
    description = edit(tree, catalogue)
    core = {
        item.get("Include", "").lower(): item for item in items(root(tree / "PCbuild/pythoncore.vcxproj"), "ClCompile")
    }
    sheet = (tree / "PCbuild/pythonbuild.props").read_text().lower()
    for name, module in catalogue.modules_in(description.version).items():
        if module.linkage != "builtin" or module.project == CORE:
            continue
        replaced = [word for need in catalogue.needs(module, description.version) for word in need.replaces]
        project = root(pristine / f"PCbuild/{module.project}.vcxproj")
        general = next(project.iter(f"{NAMESPACE}ItemDefinitionGroup"), ET.Element("none"))
        said = next(general.iterfind(f"{NAMESPACE}ClCompile"), ET.Element("none"))
        for source in items(project, "ClCompile"):
            include = source.get("Include", "")
            if include.startswith(tuple(replaced)):
                assert include.lower() not in core
                continue
            item = core[include.lower()]
            if item.findtext(f"{NAMESPACE}ObjectFileName") != f"$(IntDir){name}\\":
                assert item.findtext(f"{NAMESPACE}ObjectFileName") == f"$(IntDir){module.compiled_by}\\"
                continue
            for platform in ("x64", "Win32", "ARM64"):
                for setting in {child.tag.removeprefix(NAMESPACE) for child in said}:
                    wanted = [
                        word for word in words(said, setting, platform) if not word.startswith(tuple(replaced) or "?")
                    ]
                    assert set(wanted) <= set(words(item, setting, platform)), (name, include, setting)
        for link in general.iterfind(f"{NAMESPACE}Link/*"):
            for word in re.split("[; ]", link.text or ""):
                assert word.lower() in sheet or word.startswith(("%", *replaced)), (name, word)
        for need in catalogue.needs(module, description.version):
            assert all(library in sheet for library in need.libraries)


def test_decimal_is_compiled_for_each_architecture(tree: Path, catalogue: Catalogue) -> None:
    edit(tree, catalogue)
    project = root(tree / "PCbuild/pythoncore.vcxproj")
    (source,) = (item for item in items(project, "ClCompile") if item.get("Include", "").endswith("\\basearith.c"))
    for platform, some in (("x64", {"CONFIG_64", "MASM"}), ("Win32", {"CONFIG_32", "PPRO", "MASM"}),
                           ("ARM64", {"CONFIG_64", "ANSI"})):  # fmt: skip
        defined = set(words(source, "PreprocessorDefinitions", platform))
        assert defined & {"CONFIG_32", "CONFIG_64", "MASM", "PPRO", "ANSI"} == some
    (assembler,) = items(project, "CustomBuild")
    assert {each.get("Condition") for each in assembler.iterfind(f"{NAMESPACE}ExcludedFromBuild")} >= {
        "'$(Platform)'=='Win32'", "'$(Platform)'=='ARM64'"}  # fmt: skip


def test_no_two_sources_make_the_same_object(tree: Path, catalogue: Catalogue) -> None:
    edit(tree, catalogue)
    objects = Counter(
        (item.findtext(f"{NAMESPACE}ObjectFileName") or "$(IntDir)").lower()
        + item.get("Include", "").rpartition("\\")[2].rpartition(".")[0].lower()
        for item in items(root(tree / "PCbuild/pythoncore.vcxproj"), "ClCompile")
    )
    assert [name for name, count in objects.items() if count > 1] == []
    # Without a directory for each module's it would be otherwise.
    names = Counter(name.rpartition("\\")[2].removeprefix("$(intdir)") for name in objects)
    assert [name for name, count in names.items() if count > 1] == ["context"]


def test_there_is_one_entry_point_of_the_dll(tree: Path, catalogue: Catalogue) -> None:
    edit(tree, catalogue)
    found = []
    for item in items(root(tree / "PCbuild/pythoncore.vcxproj"), "ClCompile"):
        place = leads_to(tree, item.get("Include", ""))
        if place and Path(place).is_file() and re.search(rb"WINAPI\s+DllMain\s*\(", Path(place).read_bytes()):
            guarded = b"#ifndef Py_NO_ENABLE_SHARED" in Path(place).read_bytes()
            if not (guarded and "Py_NO_ENABLE_SHARED" in words(item, "PreprocessorDefinitions")):
                found.append(Path(place).name)
    assert found == ["dl_nt.c"]


def test_sys_has_winver_in_the_static_variant_too(tree: Path, catalogue: Catalogue) -> None:
    """``site`` asks for it at every start; CPython's sysmodule.c and dl_nt.c give it to a DLL only."""
    edit(tree, catalogue, EditOptions(static=True))
    project = root(tree / "PCbuild/pythoncore.vcxproj")
    common = next(each for each in project.iter(f"{NAMESPACE}PreprocessorDefinitions") if not each.get("Condition"))
    assert 'MS_DLL_ID="$(SysWinVer)"' in (common.text or "").split(";")
    told = {}
    for item in items(project, "ClCompile"):
        own = words(item, "PreprocessorDefinitions")
        if {"MS_COREDLL", "Py_ENABLE_SHARED"} & set(own):
            told[item.get("Include")] = own
    assert told == {"..\\Python\\sysmodule.c": ["MS_COREDLL", 'VPATH="$(PyVPath)"'],
                    "..\\PC\\dl_nt.c": ["Py_ENABLE_SHARED"]}  # fmt: skip
    for name, guard, what in (("Python/sysmodule.c", "MS_COREDLL", 'SET_SYS_FROM_STRING("winver"'),
                              ("PC/dl_nt.c", "Py_ENABLE_SHARED", "*PyWin_DLLVersionString = MS_DLL_ID")):  # fmt: skip
        source = (tree / name).read_text()
        assert what in source[source.rindex(f"#ifdef {guard}", 0, source.index(what)) :].partition("#endif")[0]


def test_the_table_has_every_module_and_its_function_is_declared(
    pristine: Path, tree: Path, catalogue: Catalogue
) -> None:
    description = edit(tree, catalogue)
    before, after = ((each / "PC/config.c").read_text() for each in (pristine, tree))
    table = parse_inittab(after)
    added = {name: module.init for name, module in description.builtin.items() if module.objects}
    series = ".".join(description.version.split(".")[:2])
    assert len(added) == {"3.11": 19, "3.14": 22}.get(series, 20)
    assert table == {**parse_inittab(before), **added}
    declared = Counter(re.findall(r"extern PyObject\* ?(\w+)\(void\);", after))
    assert all(declared[init] == 1 for init in table.values() if init)
    assert after.count('{"_ssl", PyInit__ssl},') == 1


@pytest.mark.parametrize("options", [VARIANTS[0], VARIANTS[3]], ids=str)
def test_solution_and_build_list_agree_with_the_projects(pristine: Path, tree: Path, catalogue: Catalogue,
                                                         options: EditOptions) -> None:  # fmt: skip
    description = edit(tree, catalogue, options)
    names = {path.stem for path in (tree / "PCbuild").glob("*.vcxproj")}
    gone = {path.stem for path in (pristine / "PCbuild").glob("*.vcxproj")} - names
    assert gone == description.dropped.keys()
    assert {"_ssl", "_hashlib", "_ctypes", "liblzma", "pyexpat"} <= gone
    assert ("_tkinter" in gone) == options.static
    solution = (tree / "PCbuild/pcbuild.sln").read_text()
    guids = {name: root(pristine / f"PCbuild/{name}.vcxproj").findtext(f".//{NAMESPACE}ProjectGuid") or ""
             for name in gone | names}  # fmt: skip
    listed = dict(
        re.findall(r'^Project\("[^"]+"\) = "[^"]+", "(\w+)\.vcxproj", "(\{[^}]+\})"$', solution, re.MULTILINE)
    )
    assert listed.keys() <= names
    for name, guid in listed.items():
        assert guid.upper() == guids[name].upper()
    assert not any(guids[name].upper() in solution.upper() for name in gone)
    assert solution.count("\nProject(") == solution.count("\nEndProject\n")
    assert solution.count("\tProjectSection(") == solution.count("\tEndProjectSection\n")
    build = root(tree / "PCbuild/pcbuild.proj")
    said = {part.removesuffix(".vcxproj") for group in build.iterfind(f"{NAMESPACE}ItemGroup") for item in group
            for part in item.get("Include", "").split(";")}  # fmt: skip
    assert {name for name in said if "@" not in name} <= names
    assert {"pythoncore", "python", "venvlauncher"} <= said


def test_dependencies_dlls_and_their_copies_are_gone(tree: Path, catalogue: Catalogue) -> None:
    edit(tree, catalogue)
    texts = {path.name: path.read_text("utf-8-sig") for path in (tree / "PCbuild").iterdir()
             if path.suffix in (".vcxproj", ".props", ".proj")}  # fmt: skip
    # The projects that nobody builds may speak of them.
    others = {name: text for name, text in texts.items() if name not in ("openssl.vcxproj", "python.props")}
    for word in (
        "_CopySSLDLL",
        "_CopyLIBFFIDLL",
        "libffi-8.lib",
        "libcrypto$(",
        "bz2Dir",
        "lzmaDir",
        "opensslIncludeDir",
    ):
        assert [name for name, text in others.items() if word in text] == [], word
    sqlite = root(tree / "PCbuild/sqlite3.vcxproj")
    assert sqlite.findtext(f".//{NAMESPACE}ConfigurationType") == "StaticLibrary"
    assert "dllexport" not in texts["sqlite3.vcxproj"]
    assert "SqliteVersion" not in texts["sqlite3.vcxproj"]
    # Tcl and Tk stay DLLs, and are copied beside _tkinter.
    assert "_CopyTclTkDLL" in texts["_tkinter.vcxproj"]


def test_a_profile_is_asked_of_the_program_that_was_trained(tree: Path, catalogue: Catalogue) -> None:
    description = edit(tree, catalogue, EditOptions(static=True, optimized=True))
    asked = [
        path.stem
        for path in (tree / "PCbuild").glob("*.vcxproj")
        if f"<{profile_property(description)}>true" in path.read_text("utf-8")
    ]
    assert asked == ["python"]
    pythonw = root(tree / "PCbuild/pythonw.vcxproj")
    assert [each.text for each in pythonw.iter(f"{NAMESPACE}SupportPGO")] == ["false"]
    for name in ("pythoncore", "python", "sqlite3"):
        project = root(tree / f"PCbuild/{name}.vcxproj")
        assert {"PGInstrument|x64", "PGUpdate|x64"} <= {
            each.get("Include") for each in items(project, "ProjectConfiguration")
        }
    assert (description.static, description.optimized, description.platform) == (True, True, "x64")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("_ssl.vcxproj", "  <ItemDefinitionGroup>", "  <ItemDefinitionGroup>\r\n    <Manifest />",
         "<Manifest>: cannot be carried over into pythoncore"),
        ("_ssl.vcxproj", "openssl.props", "openssl4.props", "<Import>: the property sheets are not those of its"),
        ("_queue.vcxproj", "_queuemodule.c", "_queue.c",
         '<ClCompile Include="..\\Modules\\_queue.c">: there is no Modules/_queue.c'),
        ("_elementtree.vcxproj", "xmltok.c", "xmltok2.c", "_elementtree.vcxproj: <ClCompile Include="),
        ("_decimal.vcxproj", "<CustomBuild ", "<MASM ", "is not well-formed XML: found mismatched tag"),
        ("_lzma.vcxproj", '"liblzma.vcxproj"', '"liblzma5.vcxproj"', '<ProjectReference Include="liblzma5.vcxproj">'),
        ("_socket.vcxproj", "<AdditionalDependencies>", "<AdditionalDependencies Condition='x'>",
         '<AdditionalDependencies Condition="x">: cannot be carried over'),
        ("sqlite3.vcxproj", "SQLITE_API=__declspec(dllexport);", "", "<PreprocessorDefinitions>: the transformation"),
        ("sqlite3.vcxproj", "<TargetExt>", "<TargetExtension>", "is not well-formed XML"),
        ("pythoncore.vcxproj", "$(zlibDir)", "$(zlib1Dir)", "<... $(zlibDir)>: the transformation"),
        ("pythoncore.vcxproj", r"$(VCTargetsPath)\Microsoft.Cpp.targets", r"$(VCTargetsPath)\Other.targets",
         r'<Import Project="$(VCTargetsPath)\Microsoft.Cpp.targets">: the transformation does not fit: found 0 of it'),
        ("pythoncore.vcxproj", "pyproject.props", "python.props", '<ImportGroup/Import Project="pyproject.props">'),
        ("pythoncore.vcxproj", "thread.c", "threads.c", "there is no Python/threads.c"),
        ("pcbuild.proj", "_bz2;_lzma", "_bz2;_lzma;_zstd", "_zstd: there is no such project"),
        ("pcbuild.sln", "{C6E20F84-", "{C6E20F85-", 'Project "_ssl": has another GUID than _ssl.vcxproj'),
        ("config.c", "ADDMODULE MARKER 1", "ADDMODULE MARK 1", "/* -- ADDMODULE MARKER 1 -- */: the transformation"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("pristine", RELEASED, indirect=True)
def test_a_change_of_cpythons_is_named(tree: Path, catalogue: Catalogue, file: str, old: str, new: str,
                                       message: str) -> None:  # fmt: skip
    path = tree / ("PC" if file == "config.c" else "PCbuild") / file
    content = path.read_bytes()
    assert old.encode() in content
    path.write_bytes(content.replace(old.encode(), new.encode()))
    before = {each: each.read_bytes() for each in (tree / "PCbuild").iterdir() if each.is_file()}
    with pytest.raises(PcbuildError, match=r"^[^\n]+$") as caught:
        edit(tree, catalogue)
    assert message in str(caught.value)
    assert file in str(caught.value)
    assert {each: each.read_bytes() for each in before} == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (">DynamicLibrary<", ">StaticLibraries<", "<ConfigurationType>: the transformation does not fit: found Static"),
        ("Py_ENABLE_SHARED;", "", "<PreprocessorDefinitions>: the transformation does not fit: found 0 with Py_ENABLE"),
        ("RequirePGCFiles>", "RequirePGC>", "<RequirePGCFiles or RequireProfileData>: the transformation does not fit"),
        ("python_nt.rc", "python.rc", r'<ItemGroup/ResourceCompile Include="..\PC\python_nt.rc">: the transformation'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("pristine", RELEASED, indirect=True)
def test_a_change_that_the_static_variant_meets(tree: Path, catalogue: Catalogue, old: str, new: str,
                                                message: str) -> None:  # fmt: skip
    path = tree / "PCbuild/pythoncore.vcxproj"
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode()))
    with pytest.raises(PcbuildError, match=r"^PCbuild/pythoncore\.vcxproj") as caught:
        edit(tree, catalogue, EditOptions(static=True))
    assert message in str(caught.value)


@pytest.mark.parametrize("pristine", RELEASED, indirect=True)
def test_modules_and_projects_are_cross_checked_both_ways(tree: Path, catalogue: Catalogue) -> None:
    shutil.copy(tree / "PCbuild/_queue.vcxproj", tree / "PCbuild/_zstd.vcxproj")
    (tree / "PCbuild/_uuid.vcxproj").unlink()
    (tree / "PCbuild/liblzma.vcxproj").unlink()
    with pytest.raises(ExtensionModuleError) as caught:
        edit(tree, catalogue)
    for message in ("project _zstd is new", "project liblzma is gone", "module _uuid has no project _uuid"):
        assert message in str(caught.value)


@pytest.mark.parametrize("pristine", ["3.14.99"], indirect=True)
@pytest.mark.parametrize("options", [VARIANTS[0], VARIANTS[3]], ids=str)
def test_cpythons_project_makes_zlib_ng_and_zstd_is_compiled_in(pristine: Path, tree: Path, catalogue: Catalogue,
                                                                options: EditOptions) -> None:  # fmt: skip
    description = edit(tree, catalogue, options)
    assert "zlib-ng" not in description.dropped
    assert {"zlibNgDir", "zstdDir"} <= description.properties.keys()
    assert description.builtin["zlib"].links == description.builtin["binascii"].links == ("zlib-ng.lib",)
    assert description.libraries == ("sqlite3.lib", "zlib-ng.lib")
    for name in ("zlib-ng.vcxproj", "python.props"):
        assert (tree / "PCbuild" / name).read_bytes() == (pristine / "PCbuild" / name).read_bytes()
    for name in ("pcbuild.proj", "pcbuild.sln"):
        assert "zlib-ng.vcxproj" in (tree / "PCbuild" / name).read_text("utf-8-sig"), name
    core = (tree / "PCbuild/pythoncore.vcxproj").read_text("utf-8-sig")
    assert ">$(zlibNgDir);$(GeneratedZlibNgDir);" in core
    assert core.count('<ProjectReference Include="zlib-ng.vcxproj"') == 1
    words = root(tree / "PCbuild/pythonbuild.props").findtext(f".//{NAMESPACE}AdditionalDependencies") or ""
    assert "$(OutDir)zlib-ng$(PyDebugExt).lib" in words.split(";")
    assert "zlib.lib" not in words.split(";")
    assert description.builtin["_zstd"].bundled[r"$(zstdDir)lib\common\pool.c"] == "zstd"
    assert r"..\Modules\_zstd\compressor.c" not in description.builtin["_zstd"].bundled
    asking = [path.stem for path in (tree / "PCbuild").glob("*.vcxproj") if "RequireProfileData" in path.read_text()]
    assert asking == (["python"] if options.static else ["pythoncore"])
