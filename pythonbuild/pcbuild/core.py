"""Transformations of pythoncore.vcxproj, the project of pythonXY, and of the programs that are linked with it.

Each returns the file with one thing changed, or the same file where that is done already. What they put in carries a
``Label`` of its own, by which it is found again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from pythonbuild.pcbuild.catalogue import Dependency
from pythonbuild.pcbuild.projects import Setting
from pythonbuild.pcbuild.settings import INCLUDE
from pythonbuild.pcbuild.xmltext import Document, Edit, Element, leaf, tag

#: What every project imports after what it says of itself; items and targets of its own stand on either side.
_TARGETS = r"$(VCTargetsPath)\Microsoft.Cpp.targets"
_SHARED, _NOT_SHARED = "Py_ENABLE_SHARED", "Py_NO_ENABLE_SHARED"
_LABEL = "pythonbuild"
#: What asks for a profile of the training, up to 3.13 and since.
_PROFILES = ("RequirePGCFiles", "RequireProfileData")
#: What gives the static variant ``sys.winver`` and ``sys.dllhandle``. ``site`` asks for the first at every start and
#: ``ctypes`` for the second, but CPython sets them (sysmodule.c) only for a DLL, from two variables of dl_nt.c. Only
#: these two are told of a DLL: others would export names and look for files beside it. The handle stays 0: no DLL.
_SAYS_DLL = {r"..\Python\sysmodule.c": "MS_COREDLL", r"..\PC\dl_nt.c": _SHARED}
_EXISTS = re.compile(r"Exists\('[^']*'\)")


def add_groups(document: Document, groups: Mapping[str, Sequence[str]]) -> Document:
    """Put an ItemGroup for each label, with these lines, after the project's own items."""
    present = {group.get("Label"): group for group in document.root.find("ItemGroup")}
    missing: list[str] = []
    for label, lines in groups.items():
        rendered = [tag("ItemGroup", {"Label": label}), *(f"  {line}" for line in lines), "</ItemGroup>"]
        if label not in present:
            missing += rendered
            continue
        group = present[label]
        indent = document.newline + document.indent(group)
        if document.data[group.start : group.end].decode("utf-8") != indent.join(rendered):
            raise document.fail(group, "is there already and holds something else")
    if not missing:
        return document
    return document.edited([document.insertion_before(document.one("Import", Project=_TARGETS), missing)])


def reference_project(document: Document, project: str, guid: str) -> Document:
    """Let a project be built before this one, and this one be linked with it if it is a static library."""
    for reference in document.root.find("ItemGroup/ProjectReference"):
        if reference.get("Include") == f"{project}.vcxproj":
            return document
    lines = [
        tag("ProjectReference", {"Include": f"{project}.vcxproj"}),
        "  " + leaf("Project", guid.lower()),
        "  " + leaf("ReferenceOutputAssembly", "false"),
        "</ProjectReference>",
    ]
    return add_groups(document, {f"{_LABEL} {project}": lines})


def import_sheet(document: Document, sheet: str) -> Document:
    """Import a property sheet after CPython's own, so that its settings are the first that the tools see."""
    if any(element.get("Project") == sheet for element in document.root.find("ImportGroup/Import")):
        return document
    anchor = document.one("ImportGroup/Import", Project="pyproject.props")
    return document.edited([document.insertion_after(anchor, [tag("Import", {"Project": sheet}, empty=True)])])


def take_zlib_from_dependencies(document: Document, zlib: Dependency) -> Document:
    """Take zlib's sources out of the core (up to 3.13): header and library are then found among the dependencies."""
    where = _zlib_mentions(document, zlib)
    if not where:
        if any(INCLUDE in element.text for element in document.root.find("ItemDefinitionGroup/ClCompile/*")):
            return document
        raise document.fail(f"<... {' or '.join(zlib.replaces)}>", "the transformation does not fit",
                            found="none of it")  # fmt: skip
    edits: list[Edit] = []
    for element in where:
        if element.name in ("ClCompile", "ClInclude"):
            edits.append(document.removal(element))
        elif element.name == "AdditionalIncludeDirectories":
            setting = Setting(element.name, element.text)
            kept = [word for word in setting.words if not zlib.replaces_path(word)]
            edits.append(document.text_edit(element, ";".join([INCLUDE, *kept, setting.inherited])))
        elif element.name == "IncludeExternals":
            header = f"Exists('{INCLUDE}\\zlib.h')"
            condition, found = _EXISTS.subn(header.replace("\\", r"\\"), element.get("Condition"))
            if found != 1:
                raise document.fail(element, "looks for zlib in a way that is not known here")
            edits.append(document.attribute_edit(element, "Condition", condition))
        else:
            raise document.fail(element, "uses zlib in a way that is not known here")
    edited = document.edited(edits)
    return edited.edited(edited.removal(group) for group in edited.root.find("ItemGroup") if not group.children)


def _zlib_mentions(document: Document, zlib: Dependency) -> list[Element]:
    """Return the innermost elements that speak of zlib's sources; items are taken with all that they hold."""
    mentions = []
    for element in document.root.walk():
        said = [*element.attributes.values(), element.text]
        if any(prefix in text for text in said for prefix in zlib.replaces):
            mentions.append(element)
    return mentions


def drop_references(document: Document, dropped: Collection[str]) -> Document:
    """Wait for none of the projects that are gone any more."""
    elements = [
        element
        for element in document.root.find("ItemGroup/ProjectReference")
        if element.get("Include").removesuffix(".vcxproj") in dropped
    ]
    if not elements:
        return document
    edited = document.edited([document.removal(element) for element in elements])
    return edited.edited(edited.removal(group) for group in edited.root.find("ItemGroup") if not group.children)


def keep_objects_plain(document: Document) -> Document:
    """Let the compiler write machine code into objects, and not what only the linker of the same MSVC can read.

    So whoever links the interpreter again needs no particular compiler. Builds with PGO are not: that is done by the
    linker. The linker's own setting stays, it asks for nothing where no object is of that kind.
    """
    elements = document.root.find("ItemDefinitionGroup/ClCompile/WholeProgramOptimization")
    if not elements or any(element.text not in ("true", "false") for element in elements):
        raise document.fail("<WholeProgramOptimization>", "the transformation does not fit",
                            found=", ".join(element.text for element in elements) or "none", expected="true or false",
                            )  # fmt: skip
    return document.edited([document.text_edit(element, "false") for element in elements if element.text == "true"])


def core_defines(document: Document) -> tuple[str, ...]:
    """Return what is defined for every source of the core without conditions, less what names properties."""
    for element in document.root.find("ItemDefinitionGroup/ClCompile/PreprocessorDefinitions"):
        if not element.get("Condition"):
            words = Setting(element.name, element.text).words
            return tuple(word for word in words if "$(" not in word)
    raise document.fail("<PreprocessorDefinitions>", "none holds without a condition")


def core_link(document: Document, projects: Collection[str]) -> list[Setting]:
    """Return what the core's own project is linked with. Under a condition that may be nothing but libraries of the
    ``projects``, dependencies that CPython compiles itself: they are linked with in any case."""
    made = {f"{project}$(PyDebugExt).lib" for project in projects}
    always = []
    for element in document.root.find("ItemDefinitionGroup/Link/AdditionalDependencies"):
        setting = Setting(element.name, element.text)
        if not element.get("Condition"):
            always.append(setting)
        elif others := [word for word in setting.words if word not in made]:
            raise document.fail(element, "links under a condition what none of the dependencies is",
                                found=", ".join(others), expected=", ".join(sorted(made)) or "nothing",
                                )  # fmt: skip
    if not always:
        raise document.fail("<ItemDefinitionGroup/Link/AdditionalDependencies>", "the transformation does not fit",
                            found="none that always holds")  # fmt: skip
    return always


def link_words(document: Document) -> tuple[str, ...]:
    """Return the libraries that a project or a sheet links with without conditions."""
    elements = document.root.find("ItemDefinitionGroup/Link/AdditionalDependencies")
    return tuple(word for element in elements if not element.get("Condition")
                 for word in Setting(element.name, element.text).words)  # fmt: skip


def make_core_static(document: Document) -> Document:
    """Make pythonXY.lib, a static library, of the core instead of a DLL."""
    if document.one("PropertyGroup/ConfigurationType").text == "StaticLibrary":
        return document
    kind = _expect(document, "PropertyGroup/ConfigurationType", "DynamicLibrary")
    # Training runs the program that holds the core; its profile is asked for there.
    profile = _expect(document, f"PropertyGroup/{profile_property(document)}", "true")
    definitions = _definitions(document, _SHARED)
    words = [word for word in Setting(definitions.name, definitions.text).words if word not in ("_USRDLL", _SHARED)]
    resource = document.one("ItemGroup/ResourceCompile", Include=r"..\PC\python_nt.rc")
    edits = [
        document.text_edit(kind, "StaticLibrary"),
        document.removal(profile),
        document.text_edit(definitions, ";".join([_NOT_SHARED, *words, "%(PreprocessorDefinitions)"])),
        document.removal(resource),
        *(_defining(document, source, word) for source, word in _SAYS_DLL.items()),
    ]
    edited = document.edited(edits)
    return edited.edited(edited.removal(group) for group in edited.root.find("ItemGroup") if not group.children)


def profile_property(document: Document) -> str:
    """Return the property by which the core's project asks for a profile: its name is another since 3.14."""
    found = [name for name in _PROFILES if document.root.find(f"PropertyGroup/{name}")]
    if len(found) != 1:
        raise document.fail(f"<{' or '.join(_PROFILES)}>", "the transformation does not fit",
                            found=f"{len(found)} of it", expected="exactly one")  # fmt: skip
    return found[0]


def link_core_statically(document: Document, *, trained: bool, profile: str) -> Document:
    """Let a program find the core in itself; ``trained`` is the one whose runs give the profile for PGO, which it asks
    for by the property ``profile``.

    Without a profile, code that is optimised by one would be taken for code that never runs.
    """
    globals_group = document.one("PropertyGroup", Label="Globals")
    pgo = (profile, "true") if trained else ("SupportPGO", "false")
    edits = []
    present = [child.text for child in globals_group.children if child.name == pgo[0]]
    if not present:
        edits.append(document.insertion_after(globals_group.children[-1], [leaf(*pgo)]))
    elif present != [pgo[1]]:
        raise document.fail(globals_group, f"sets {pgo[0]} already", found=present[0], expected=pgo[1])
    groups = document.root.find("ItemDefinitionGroup")
    definitions = document.root.find("ItemDefinitionGroup/ClCompile/PreprocessorDefinitions")
    if not any(_NOT_SHARED in Setting(element.name, element.text).words for element in definitions):
        if not groups:
            raise document.fail("<ItemDefinitionGroup>", "the transformation does not fit", found="none of it")
        lines = ["<ClCompile>", "  " + leaf("PreprocessorDefinitions", f"{_NOT_SHARED};%(PreprocessorDefinitions)"),
                 "</ClCompile>"]  # fmt: skip
        edits.append(document.insertion_before(groups[0].children[0], lines))
    return document.edited(edits)


def _definitions(document: Document, word: str) -> Element:
    """Return the one element of definitions for all sources that has this word."""
    found = [
        element
        for element in document.root.find("ItemDefinitionGroup/ClCompile/PreprocessorDefinitions")
        if word in Setting(element.name, element.text).words
    ]
    if len(found) != 1:
        raise document.fail("<PreprocessorDefinitions>", "the transformation does not fit",
                            found=f"{len(found)} with {word}", expected="exactly one")  # fmt: skip
    return found[0]


def _defining(document: Document, source: str, word: str) -> Edit:
    """Return the edit that lets a source, and no other, be compiled with one more definition."""
    item = document.one("ItemGroup/ClCompile", Include=source)
    own = item.find("PreprocessorDefinitions")
    if own:
        return document.text_edit(own[0], f"{word};{own[0].text}")
    if item.children:
        raise document.fail(item, "is compiled in a way that is not known here")
    definitions = leaf("PreprocessorDefinitions", f"{word};%(PreprocessorDefinitions)")
    return document.replacement(item, [tag("ClCompile", item.attributes), f"  {definitions}", "</ClCompile>"])


def _expect(document: Document, path: str, text: str) -> Element:
    element = document.one(path)
    if element.text.strip() != text:
        raise document.fail(element, "the transformation does not fit", found=element.text.strip(), expected=text)
    return element
