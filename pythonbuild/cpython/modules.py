"""What the project knows about the extension modules of CPython's standard library.

``cpython-unix/extension-modules.yml`` is the one place for it; this module reads it into frozen objects. A module is
described over all supported versions, and :meth:`ExtensionModule.exists_in` and friends answer for one version:
``since`` and ``until`` are series or exact versions, both included, so that ``until: "3.12"`` covers every 3.12.x.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pythonbuild.config.document import Node, read_document

LINKAGES = ("builtin", "shared", "omitted")
#: What does not go on without a module, and has to: the words of ``kept_for``, and what they say.
KEPT_FOR = {
    "make": "CPython's own make runs programs by the new interpreter that import it",
    "pip": "the new interpreter installs pip, which imports it (or did in some version that CPython brings)",
    "hashlib": "hashlib prints errors whenever it is imported without it",
}
SYSTEMS = {"linux": "Linux", "macos": "macOS"}

#: A version as comparable numbers. ``()`` stands for "no bound".
VersionTuple = tuple[int, ...]


def version_tuple(version: str) -> VersionTuple:
    """Return the numbers of a version, without its pre-release part: ``3.15.0a3`` → ``(3, 15, 0)``."""
    numbers = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)


@dataclass(frozen=True)
class VersionRange:
    """The versions from ``since`` to ``until``, both included and both optional."""

    since: VersionTuple = ()
    until: VersionTuple = ()

    def __contains__(self, version: str) -> bool:
        numbers = version_tuple(version)
        return numbers >= self.since and (not self.until or numbers[: len(self.until)] <= self.until)


@dataclass(frozen=True)
class FlagsOverride:
    """The words that follow a module's source files in Setup.local, for versions whose own Setup does not suffice."""

    versions: VersionRange
    flags: str


@dataclass(frozen=True)
class SystemForm:
    """What a module is linked with on one operating system, where that is not what stands for all.

    ``frameworks`` are macOS' alone.
    """

    needs: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    frameworks: tuple[str, ...] = ()
    overrides: tuple[FlagsOverride, ...] = ()


@dataclass(frozen=True)
class ExtensionModule:
    """One extension module over all versions.

    ``linkage`` says how it is built: into the interpreter, as a shared library (CPython's own test modules), or not at
    all, for the stated ``reason``. ``needs`` are recipes, ``libraries`` the names (without ``lib``) that its link line
    may hold, the system's included. ``core`` are the versions in which it stands in config.c.in and cannot be left
    out; ``required`` those in which the interpreter cannot do without it. ``system`` is "" or the only operating
    system that has it. ``imports`` are the extension modules that it is of no use without; ``kept_for`` is "" or what
    else does not go on without it (:data:`KEPT_FOR`); ``instead_of`` is "" or the module that does the same. ``forms``
    say by system what it is linked with where that differs.
    """

    name: str
    linkage: str
    reason: str
    versions: VersionRange
    core: VersionRange | None
    required: VersionRange | None
    needs: tuple[str, ...]
    libraries: tuple[str, ...]
    system: str
    overrides: tuple[FlagsOverride, ...]
    imports: tuple[str, ...] = ()
    kept_for: str = ""
    instead_of: str = ""
    frameworks: tuple[str, ...] = ()
    forms: Mapping[str, SystemForm] = field(default_factory=dict)

    def on(self, system: str) -> ExtensionModule:
        """Return the module as it is on an operating system."""
        form = self.forms.get(system)
        if form is None:
            return self
        return replace(self, needs=form.needs, libraries=form.libraries, frameworks=form.frameworks,
                       overrides=form.overrides)  # fmt: skip

    def exists_in(self, version: str) -> bool:
        return version in self.versions

    def in_core(self, version: str) -> bool:
        return self.core is not None and version in self.core

    def required_in(self, version: str) -> bool:
        return self.in_core(version) or (self.required is not None and version in self.required)

    def flags(self, version: str) -> str:
        """Return the flags that replace CPython's own, "" where CPython's suffice."""
        return next((override.flags for override in self.overrides if version in override.versions), "")

    def linkage_on(self, system: str) -> tuple[str, str]:
        """Return (linkage, reason) on an operating system; the reason is "" unless the module is omitted."""
        if self.system not in ("", system):
            return "omitted", f"exists on {SYSTEMS[self.system]} only"
        return self.linkage, self.reason


@dataclass(frozen=True)
class ModuleCatalogue:
    """The whole file. ``substitutions`` are the values of ``@NAME@`` placeholders inside CPython's module lines, and
    ``substitutions_on`` by system those that are others there.
    """

    file: Path
    modules: Mapping[str, ExtensionModule]
    substitutions: Mapping[str, str]
    substitutions_on: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def existing(self, version: str) -> dict[str, ExtensionModule]:
        """Return the modules that CPython of this version is said to have."""
        return {name: module for name, module in self.modules.items() if module.exists_in(version)}

    def needed_recipes(self, version: str, system: str = "linux") -> tuple[str, ...]:
        """Return the recipes that the modules built for this version need, sorted."""
        built = (m for m in self.existing(version).values() if m.linkage_on(system)[0] != "omitted")
        return tuple(sorted({need for module in built for need in module.on(system).needs}))

    def without(self, reasons: Mapping[str, str]) -> ModuleCatalogue:
        """Return the catalogue of a build that leaves modules out, each for the reason given."""
        left = {name: replace(self.modules[name], linkage="omitted", reason=why) for name, why in reasons.items()}
        return replace(self, modules={**self.modules, **left})


def read_modules(path: Path) -> ModuleCatalogue:
    """Read the extension modules' file. Raises ConfigError naming file and key."""
    document = read_document(path).mapping(required=("modules",), optional=("substitutions", *SYSTEMS))
    substitutions = document["substitutions"].text_map() if "substitutions" in document else {}
    others = {system: document[system].mapping(required=("substitutions",))["substitutions"].text_map()
              for system in SYSTEMS if system in document}  # fmt: skip
    modules = {name: _read_module(name, node) for name, node in document["modules"].items()}
    for module in modules.values():
        named = [*module.imports, *filter(None, [module.instead_of])]
        if unknown := [name for name in named if name not in modules]:
            raise document["modules"].fail(f"{module.name}: names a module that is not in this file", found=unknown[0])
    return ModuleCatalogue(path, modules, substitutions, others)


def _read_module(name: str, node: Node) -> ExtensionModule:
    optional = ("since", "until", "linkage", "reason", "core_since", "required_since", "needs", "libraries", "system",
                "overrides", "imports", "kept_for", "instead_of", "macos")  # fmt: skip
    keys = node.mapping(optional=optional)
    linkage = keys["linkage"].choice(*LINKAGES) if "linkage" in keys else "builtin"
    if (linkage == "omitted") != ("reason" in keys):
        raise node.fail("a module has a 'reason' exactly when its linkage is 'omitted'", found=f"linkage {linkage}")
    return ExtensionModule(
        name=name,
        linkage=linkage,
        reason=keys["reason"].text() if "reason" in keys else "",
        versions=_read_range(keys),
        core=VersionRange(_read_version(keys["core_since"])) if "core_since" in keys else None,
        required=VersionRange(_read_version(keys["required_since"])) if "required_since" in keys else None,
        needs=keys["needs"].texts() if "needs" in keys else (),
        libraries=keys["libraries"].texts() if "libraries" in keys else (),
        system=keys["system"].choice(*SYSTEMS) if "system" in keys else "",
        overrides=tuple(map(_read_override, keys["overrides"].elements())) if "overrides" in keys else (),
        imports=keys["imports"].texts() if "imports" in keys else (),
        kept_for=keys["kept_for"].choice(*KEPT_FOR) if "kept_for" in keys else "",
        instead_of=keys["instead_of"].text() if "instead_of" in keys else "",
        forms={"macos": _read_form(keys["macos"])} if "macos" in keys else {},
    )


def _read_form(node: Node) -> SystemForm:
    keys = node.mapping(optional=("needs", "libraries", "frameworks", "overrides"))
    return SystemForm(
        needs=keys["needs"].texts() if "needs" in keys else (),
        libraries=keys["libraries"].texts() if "libraries" in keys else (),
        frameworks=keys["frameworks"].texts() if "frameworks" in keys else (),
        overrides=tuple(map(_read_override, keys["overrides"].elements())) if "overrides" in keys else (),
    )


def _read_override(node: Node) -> FlagsOverride:
    keys = node.mapping(required=("flags",), optional=("since", "until"))
    flags = keys["flags"].text()
    if "=" in flags:
        raise keys["flags"].fail("makesetup takes a line with '=' for a variable's definition", found=repr(flags))
    return FlagsOverride(_read_range(keys), flags)


def _read_range(keys: Mapping[str, Node]) -> VersionRange:
    since = _read_version(keys["since"]) if "since" in keys else ()
    until = _read_version(keys["until"]) if "until" in keys else ()
    if until and since[: len(until)] > until:
        raise keys["since"].fail("begins after it ends", found=keys["since"].text(), expected="since ≤ until")
    return VersionRange(since, until)


def _read_version(node: Node) -> VersionTuple:
    text = node.text()
    numbers = version_tuple(text)
    if len(numbers) < 2 or ".".join(map(str, numbers)) != text:
        raise node.fail("malformed version", found=repr(text), expected="such as '3.12' or '3.12.4'")
    return numbers
