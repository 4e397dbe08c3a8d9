"""An extension module's project as CPython wrote it: its sources, and how they are compiled and linked.

All of it is going to be said in another project, so nothing may be lost: an element that this reader does not know ends
the edit with its name, also one that CPython adds in some later version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pythonbuild.errors import PcbuildError
from pythonbuild.pcbuild.xmltext import Document, Element

#: Items of a project that go where its sources go.
CARRIED = ("ClCompile", "ClInclude", "CustomBuild")
#: What a project may say to the linker: it is said for the whole of pythonXY from then on.
LINK_SETTINGS = ("AdditionalDependencies", "AdditionalOptions", "DelayLoadDLLs")
#: The resource that gives a .pyd its version, as pythonXY has it anyway.
_RESOURCE = r"..\PC\python_nt.rc"
# What a project says of itself as a DLL, and what pythoncore says too. Where there is a value, another one is unknown.
_PROPERTIES = {
    "ProjectGuid": "",
    "RootNamespace": "",
    "Keyword": "",
    "SupportPGO": "",
    "TargetExt": "",
    "_ProjectFileVersion": "",
    "ConfigurationType": "DynamicLibrary",
    "CharacterSet": "NotSet",
}
_COMMON_IMPORTS = ("python.props", "pyproject.props")


@dataclass(frozen=True)
class Setting:
    """One thing that an item or a project says of how it is built, under a condition of MSBuild's ("" for always)."""

    name: str
    value: str
    condition: str = ""

    @property
    def inherited(self) -> str:
        """The reference by which MSBuild puts in what was said before."""
        return f"%({self.name})"

    @property
    def words(self) -> tuple[str, ...]:
        """The value's parts, without what it inherits."""
        separator = None if self.name == "AdditionalOptions" else ";"
        parts = (part.strip() for part in self.value.split(separator))
        return tuple(part for part in parts if part not in ("", self.inherited))


@dataclass(frozen=True)
class Item:
    """A file of a project: ``kind`` is one of :data:`CARRIED`, ``include`` its path as MSBuild reads it."""

    kind: str
    include: str
    condition: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class ExtensionProject:
    """``compile`` holds for all its sources, ``sheets`` are the property sheets that it imports besides the usual ones
    and ``references`` the projects that it waits for or is linked with."""

    name: str
    guid: str
    items: tuple[Item, ...]
    compile: tuple[Setting, ...]
    link: tuple[Setting, ...]
    sheets: tuple[str, ...]
    references: tuple[str, ...]

    @property
    def sources(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.kind == "ClCompile")


def project_guid(document: Document) -> str:
    """Return a project's GUID as it writes it, with its braces."""
    return document.one("PropertyGroup/ProjectGuid").text.strip()


def read_project(document: Document) -> ExtensionProject:
    """Read the project of an extension module; raises PcbuildError for an element that is not known here."""
    reader = _Reader(document)
    for element in document.root.children:
        reader.read(element)
    if not any(item.kind == "ClCompile" for item in reader.items):
        raise document.fail("<ClCompile>", "the project compiles nothing")
    name = document.name.rpartition("/")[2].removesuffix(".vcxproj")
    return ExtensionProject(name, project_guid(document), tuple(reader.items), tuple(reader.compile),
                            tuple(reader.link), tuple(reader.sheets), tuple(reader.references))  # fmt: skip


class _Reader:
    """Collects what the elements of one project say."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.items: list[Item] = []
        self.compile: list[Setting] = []
        self.link: list[Setting] = []
        self.sheets: list[str] = []
        self.references: list[str] = []
        self.readers: dict[str, Callable[[Element], None]] = {
            "PropertyGroup": self.read_properties,
            "ItemGroup": self.read_items,
            "ItemDefinitionGroup": self.read_definitions,
            "Import": self.read_import,
            "ImportGroup": self.read_imports,
        }

    def read(self, element: Element) -> None:
        if element.name not in self.readers:
            raise self.unknown(element)
        if element.get("Condition"):
            raise self.unknown(element)
        self.readers[element.name](element)

    def unknown(self, element: Element) -> PcbuildError:
        return self.document.fail(element, "cannot be carried over into pythoncore",
                                  advice="say in pythonbuild/pcbuild/projects.py what becomes of it")  # fmt: skip

    def read_properties(self, group: Element) -> None:
        for element in group.children:
            if element.name not in _PROPERTIES or element.children:
                raise self.unknown(element)
            expected = _PROPERTIES[element.name]
            if expected and element.text.strip() != expected:
                raise self.document.fail(element, "another value than pythoncore can take over",
                                         found=element.text.strip(), expected=expected)  # fmt: skip

    def read_items(self, group: Element) -> None:
        if group.get("Label") == "ProjectConfigurations":
            return
        for element in group.children:
            include = element.get("Include")
            if set(element.attributes) - {"Include", "Condition"} or not include:
                raise self.unknown(element)
            if element.name == "ProjectReference":
                self.references.append(include)
            elif element.name in CARRIED:
                settings = tuple(self.setting(child) for child in element.children)
                self.items.append(Item(element.name, include, element.get("Condition"), settings))
            elif (element.name, include) != ("ResourceCompile", _RESOURCE):
                raise self.unknown(element)

    def read_definitions(self, group: Element) -> None:
        for element in group.children:
            if element.name not in ("ClCompile", "Link") or element.attributes:
                raise self.unknown(element)
            for child in element.children:
                setting = self.setting(child)
                if element.name == "ClCompile":
                    self.compile.append(setting)
                elif child.name in LINK_SETTINGS and not setting.condition:
                    self.link.append(setting)
                else:
                    raise self.unknown(child)

    def read_imports(self, group: Element) -> None:
        for element in group.children:
            self.read_import(element)

    def read_import(self, element: Element) -> None:
        sheet = element.get("Project")
        if element.name != "Import" or not sheet:
            raise self.unknown(element)
        if sheet in _COMMON_IMPORTS or sheet.startswith(("$(VCTargetsPath)", "$(UserRootDir)")):
            return
        if element.get("Condition"):
            raise self.unknown(element)
        self.sheets.append(sheet)

    def setting(self, element: Element) -> Setting:
        if set(element.attributes) - {"Condition"} or element.children:
            raise self.unknown(element)
        return Setting(element.name, element.text.strip(), element.get("Condition"))
