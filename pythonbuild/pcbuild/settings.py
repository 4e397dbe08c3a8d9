"""How a module's sources are compiled inside pythoncore, and what pythonXY is linked with for all modules.

A project says to the compiler what holds for all its files; in pythoncore each file says it of itself. The libraries
of all modules are said in one property sheet, :data:`SHEET`, which the core imports, or in the static variant the
programs that hold it: a static library is not linked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pythonbuild.errors import PcbuildError
from pythonbuild.pcbuild.catalogue import CORE, Dependency, WindowsModule
from pythonbuild.pcbuild.projects import LINK_SETTINGS, ExtensionProject, Item, Setting
from pythonbuild.pcbuild.xmltext import leaf, tag

#: The property that the build gives: the directory that the dependencies were installed into.
DEPENDENCIES = "PythonBuildDependencies"
INCLUDE = rf"$({DEPENDENCIES})\include"
LIB = rf"$({DEPENDENCIES})\lib"
#: The property sheet that is put beside CPython's own.
SHEET = "pythonbuild.props"
_NAMESPACE = "http://schemas.microsoft.com/developer/msbuild/2003"


@dataclass(frozen=True)
class BuiltinModule:
    """A module on its way into the core: what is known of it, what its project says, and its dependencies."""

    module: WindowsModule
    project: ExtensionProject
    dependencies: tuple[Dependency, ...]

    @property
    def label(self) -> str:
        """The label of its ItemGroup in pythoncore."""
        return f"pythonbuild {self.module.name}"

    @property
    def items(self) -> tuple[Item, ...]:
        """Its files, less those that belong to a dependency."""
        return tuple(item for item in self.project.items if not self.replaced(item.include))

    def replaced(self, text: str) -> bool:
        return any(dependency.replaces_path(text) for dependency in self.dependencies)


def item_lines(builtin: BuiltinModule, elsewhere: Iterable[str]) -> list[str]:
    """Return the lines of a module's ItemGroup. ``elsewhere`` are paths that another module brings already."""
    known = {path.lower() for path in elsewhere}
    lines: list[str] = []
    for item in builtin.items:
        if item.include.lower() in known:
            continue
        own = _compile_settings(builtin) if item.kind == "ClCompile" else []
        settings = [*own, *item.settings]
        attributes = {"Include": item.include, "Condition": item.condition}
        if not settings:
            lines.append(tag(item.kind, attributes, empty=True))
            continue
        lines.append(tag(item.kind, attributes))
        lines += (f"  {leaf(setting.name, setting.value, {'Condition': setting.condition})}" for setting in settings)
        lines.append(f"</{item.kind}>")
    return lines


def _compile_settings(builtin: BuiltinModule) -> list[Setting]:
    # A directory for the objects of each module: mpdecimal and the core both have a context.c, and whoever collects the
    # objects sees which are whose.
    settings = [Setting("ObjectFileName", f"$(IntDir){builtin.module.name}\\")]
    for setting in builtin.project.compile:
        kept = [word for word in setting.words if not builtin.replaced(word)]
        if len(kept) == len(setting.words):
            settings.append(setting)
        elif kept:
            settings.append(_listed(setting.name, kept, setting.condition))
    if any(dependency.libraries for dependency in builtin.dependencies):
        _add(settings, "AdditionalIncludeDirectories", [INCLUDE])
    defines = [*builtin.module.defines, *(word for each in builtin.dependencies for word in each.defines)]
    if defines:
        _add(settings, "PreprocessorDefinitions", defines)
    return settings


def _add(settings: list[Setting], name: str, words: Sequence[str]) -> None:
    """Put words before those of the first such setting that always holds, or in one of their own."""
    for place, setting in enumerate(settings):
        if setting.name == name and not setting.condition:
            settings[place] = _listed(name, [*words, *setting.words])
            return
    settings.append(_listed(name, words))


def _listed(name: str, words: Sequence[str], condition: str = "") -> Setting:
    separator = " " if name == "AdditionalOptions" else ";"
    return Setting(name, separator.join([*words, f"%({name})"]), condition)


def link_settings(core: Sequence[Setting], builtins: Sequence[BuiltinModule],
                  others: Sequence[Dependency]) -> dict[str, tuple[str, ...]]:  # fmt: skip
    """Return the words of each link setting that all modules together need, in a stable order and each once.

    ``core`` is what the core's own project says (in the static variant, where programs have to say it), ``others`` are
    dependencies of modules that were in the core before.
    """
    dependencies = {dependency.name: dependency for builtin in builtins for dependency in builtin.dependencies}
    dependencies.update((dependency.name, dependency) for dependency in others)
    words: dict[str, dict[str, str]] = {name: {} for name in LINK_SETTINGS}
    for name in sorted(dependencies):
        dependency = dependencies[name]
        built = [rf"$(OutDir){dependency.project}$(PyDebugExt).lib"] if dependency.project else []
        for word in (*built, *dependency.libraries, *dependency.system):
            words["AdditionalDependencies"].setdefault(word.lower(), word)
    for setting in [*core, *(setting for builtin in builtins for setting in builtin.project.link)]:
        for word in setting.words:
            if not any(builtin.replaced(word) for builtin in builtins):
                words[setting.name].setdefault(word.lower(), word)
    return {name: tuple(found.values()) for name, found in words.items() if found}


def render_sheet(links: Mapping[str, Sequence[str]]) -> bytes:
    """Return the property sheet, as CPython writes its own: UTF-8, CRLF."""
    settings = [
        _listed("AdditionalLibraryDirectories", [LIB]),
        *(_listed(name, words) for name, words in links.items()),
    ]
    missing = {
        "Text": f"Give the directory of the dependencies: /p:{DEPENDENCIES}=...",
        "Condition": f"!Exists('{INCLUDE}')",
    }
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        tag("Project", {"ToolsVersion": "4.0", "xmlns": _NAMESPACE}),
        "  <!-- What the extension modules inside pythonXY are linked with. -->",
        "  <ItemDefinitionGroup>",
        "    <Link>",
        *(f"      {leaf(setting.name, setting.value)}" for setting in settings),
        "    </Link>",
        "  </ItemDefinitionGroup>",
        "  " + tag("Target", {"Name": "_CheckPythonBuildDependencies", "BeforeTargets": "PrepareForBuild"}),
        "    " + tag("Error", missing, empty=True),
        "  </Target>",
        "</Project>",
        "",
    ]
    return "\r\n".join(lines).encode("utf-8")


def check_shared_sources(builtins: Sequence[BuiltinModule], core: Iterable[str]) -> None:
    """Raise PcbuildError for a source that two projects compile without the catalogue saying whose copy is enough.

    ``core`` are the sources that pythoncore has itself; none of them may come a second time.
    """
    owners = {include.lower(): CORE for include in core}
    ordered = sorted(builtins, key=lambda builtin: bool(builtin.module.compiled_by))
    for builtin in ordered:
        name = builtin.module.name
        for item in builtin.items:
            if item.kind == "ClInclude":
                continue
            owner = owners.setdefault(item.include.lower(), name)
            if owner not in (name, builtin.module.compiled_by):
                place = f'PCbuild/{builtin.project.name}.vcxproj: <{item.kind} Include="{item.include}">'
                raise PcbuildError(
                    f"{place}: {owner} compiles it too",
                    advice="say 'compiled_by' in extension-modules.yml if one copy is enough",
                )
