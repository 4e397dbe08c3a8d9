"""Setup.local: the one file that tells CPython's build what becomes of every extension module.

makesetup takes the first line it meets for a module and reads Setup.local before CPython's own Setup files, so a
Setup.local that names every module decides everything, for every version alike. The lines' source files are
CPython's own (:mod:`.setupfiles`); the decision and, where needed, the flags are the project's (:mod:`.modules`).
Both are checked against each other first: what only one of them knows ends the build.

Naming every module has a second use: one that configure silently skips, because it found some header missing, stays
in the build and fails there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2

from pythonbuild.cpython.modules import ExtensionModule, ModuleCatalogue, read_modules, version_tuple
from pythonbuild.cpython.setupfiles import BOOTSTRAP, CONFIG, ModuleLine, SetupFiles, read_setup_files
from pythonbuild.errors import ExtensionModuleError

_PLACEHOLDER = re.compile(r"@(\w+)@")


@dataclass(frozen=True)
class SetupPlan:
    """What becomes of each module that is not CPython's bootstrap or core: finished lines and reasons."""

    version: str
    builtin: tuple[str, ...]
    shared: tuple[str, ...]
    omitted: tuple[tuple[str, str], ...]


def render_setup(source_archive: Path, version: str, target_triple: str, modules_yaml: Path, template: Path,
                 out: Path, left_out: Mapping[str, str] | None = None) -> None:  # fmt: skip
    """Write ``tools/cpython/Setup.local`` and ``tools/cpython/modules.json`` below ``out``.

    ``source_archive`` is CPython's release archive or an unpacked directory; its patchlevel.h must say ``version``.
    modules.json lists the builtin, shared and omitted modules for the recipe's own checks. ``left_out`` are the reasons
    of modules that this build does without. Raises ExtensionModuleError when the archive and ``modules_yaml`` disagree.
    """
    catalogue = read_modules(modules_yaml).without(left_out or {})
    files = read_setup_files(source_archive)
    if files.version != version:
        raise ExtensionModuleError(f"{source_archive}: is not the CPython that was asked for",
                                   found=files.version, expected=version)  # fmt: skip
    cross_check(files, catalogue)
    system = "macos" if "apple" in target_triple else "linux"
    plan = plan_setup(files, catalogue, system)
    directory = out / "tools" / "cpython"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "Setup.local").write_text(
        render_template(plan, target_triple, template), encoding="utf-8", newline="\n"
    )
    (directory / "modules.json").write_text(
        _modules_json(files, catalogue, system, target_triple), encoding="utf-8", newline="\n"
    )


def cross_check(files: SetupFiles, catalogue: ModuleCatalogue) -> None:
    """Compare CPython's files with the project's file, both ways; raises ExtensionModuleError naming every module."""
    problems = list(_disagreements(files, catalogue))
    if problems:
        raise ExtensionModuleError(
            f"{catalogue.file} and CPython {files.version} ({files.source.name}) disagree: {'; '.join(problems)}",
            advice="say in the former what becomes of these modules",
        )


def _disagreements(files: SetupFiles, catalogue: ModuleCatalogue) -> Iterator[str]:
    version, known, places = files.version, catalogue.existing(files.version), files.places()
    for name in sorted(places.keys() - known.keys()):
        yield f"module {name} of {places[name]} is new"
    for name in sorted(known.keys() - places.keys()):
        yield f"module {name} is gone from CPython's Setup files"
    for name in sorted(known.keys() & places.keys()):
        module = known[name]
        if module.in_core(version) != (name in files.core):
            yield f"module {name} is{'' if name in files.core else ' not'} one of the core's ({CONFIG})"
        if name in files.bootstrap and not module.required_in(version):
            yield f"module {name} of {BOOTSTRAP} is not marked as required"
        if module.required_in(version) and module.linkage != "builtin":
            yield f"module {name} is required and cannot be {module.linkage}"


def plan_setup(files: SetupFiles, catalogue: ModuleCatalogue, system: str) -> SetupPlan:
    """Return the Setup.local lines of every module that is left to decide upon."""
    lists: dict[str, list[str]] = {"builtin": [], "shared": []}
    omitted: list[tuple[str, str]] = []
    lines = {**files.setup, **files.stdlib}
    for name, line in sorted(lines.items()):
        if name in files.bootstrap or name in files.core:
            continue
        module = catalogue.modules[name]
        linkage, reason = module.linkage_on(system)
        if linkage == "omitted":
            omitted.append((name, reason))
        else:
            lists[linkage].append(_module_line(line, module.on(system), catalogue, files.version, system))
    return SetupPlan(files.version, tuple(lists["builtin"]), tuple(lists["shared"]), tuple(omitted))


def _module_line(
    line: ModuleLine, module: ExtensionModule, catalogue: ModuleCatalogue, version: str, system: str
) -> str:
    values = {**catalogue.substitutions, **catalogue.substitutions_on.get(system, {})}
    text = " ".join((line.name, *line.words))
    for name in _PLACEHOLDER.findall(text):
        if name not in values:
            raise ExtensionModuleError(f"{catalogue.file}: substitutions: no value for @{name}@, which CPython "
                                       f"{version} uses in {line.file} for module {line.name}")  # fmt: skip
    text = _PLACEHOLDER.sub(lambda match: values[match[1]], text)
    return " ".join([*text.split(), *module.flags(version).split()])


def render_template(plan: SetupPlan, target_triple: str, template: Path) -> str:
    """Render the Jinja2 template. It sees ``plan``, ``target_triple`` and ``series`` (``3.13``)."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
                                     keep_trailing_newline=True, autoescape=False)  # noqa: S701 # fmt: skip
    series = ".".join(map(str, version_tuple(plan.version)[:2]))
    try:
        text = environment.from_string(template.read_text(encoding="utf-8")).render(
            plan=plan, target_triple=target_triple, series=series
        )
    except (OSError, UnicodeDecodeError, jinja2.TemplateError) as error:
        raise ExtensionModuleError(f"{template}: cannot be rendered", found=error) from error
    return text


def _modules_json(files: SetupFiles, catalogue: ModuleCatalogue, system: str, target_triple: str) -> str:
    linkages: dict[str, list[str]] = {"builtin": [], "shared": [], "omitted": []}
    for name in sorted(files.places()):
        linkages[catalogue.modules[name].linkage_on(system)[0]].append(name)
    document = {
        "version": files.version,
        "target_triple": target_triple,
        "core": dict(sorted(files.core.items())),
        "bootstrap": sorted(files.bootstrap),
        **linkages,
    }
    return json.dumps(document, indent=1) + "\n"
