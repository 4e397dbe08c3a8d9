"""Transformations of the projects of dependencies: from a DLL to a static library."""

from __future__ import annotations

import re

from pythonbuild.pcbuild.projects import Setting
from pythonbuild.pcbuild.xmltext import Document, Edit

_EXPORT = "=__declspec(dllexport)"
# The numbers of a version, cut out of the name of the directory that the sources are in. They are for the DLL's
# resource, and MSBuild ends with an error where that directory is called otherwise.
_VERSION = re.compile(r"_?[A-Z][a-z]+(Major|Minor|Micro|Patch)?Version")


def make_library_static(document: Document) -> Document:
    """Make a static library of a dependency's DLL: no .pyd, no exported functions, no resource."""
    kind = document.one("PropertyGroup/ConfigurationType")
    if kind.text == "StaticLibrary":
        return document
    if kind.text != "DynamicLibrary":
        raise document.fail(kind, "the transformation does not fit", found=kind.text, expected="DynamicLibrary")
    exporting = [
        element
        for element in document.root.find("ItemDefinitionGroup/ClCompile/PreprocessorDefinitions")
        if _EXPORT in element.text
    ]
    if len(exporting) != 1:
        raise document.fail("<PreprocessorDefinitions>", "the transformation does not fit",
                            found=f"{len(exporting)} with {_EXPORT}", expected="exactly one")  # fmt: skip
    setting = Setting("PreprocessorDefinitions", exporting[0].text)
    words = [word for word in setting.words if not word.endswith(_EXPORT)]
    edits: list[Edit] = [
        document.text_edit(kind, "StaticLibrary"),
        document.removal(document.one("PropertyGroup/TargetExt")),
        document.text_edit(exporting[0], ";".join([*words, setting.inherited])),
        document.removal(document.one("ItemGroup/ResourceCompile")),
        document.removal(document.one("ItemDefinitionGroup/ResourceCompile")),
    ]
    properties = document.root.find("PropertyGroup/*")
    edits += (document.removal(element) for element in properties if _VERSION.fullmatch(element.name))
    edited = document.edited(edits)
    return edited.edited(edited.removal(group) for group in edited.root.find("ItemGroup") if not group.children)
