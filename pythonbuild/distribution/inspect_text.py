"""The text of ``inspect``, section by section: each function returns lines, none when there is nothing to say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pythonbuild.distribution import sbom_text
from pythonbuild.distribution.left_out import Record
from pythonbuild.distribution.python_json import ExtensionEntry, LinkChoice, LinkEntry, PythonJson
from pythonbuild.distribution.sbom_text import Summary
from pythonbuild.distribution.statement import StatementSummary

#: So many digits of a key or a digest tell it apart; --json has all of them.
_SHORT = 12


def rows(pairs: Mapping[str, str]) -> list[str]:
    return [f"{name + ':':15}{value}" for name, value in pairs.items() if value]


def described(document: PythonJson | None, plain: Mapping[str, Any], version: str) -> dict[str, str]:
    """Return what the head says of a description, of one that is only partly read, or of none."""
    if document is None:
        licences = plain.get("licenses")
        return {
            "Python": version,
            "Target": str(plain.get("target_triple", "")),
            "Build options": str(plain.get("build_options") or plain.get("optimizations") or ""),
            "Interpreter": str(plain.get("python_exe", "")),
            "Licences": ", ".join(map(str, licences)) if isinstance(licences, list) else "",
            "Description": f"PYTHON.json of format {plain['version']}" if plain else "none: an installation alone",
        }
    tools = document.toolchain.get("tools")
    versions = tools if isinstance(tools, dict) else {}
    compiler = next((f"{name} {versions[name]}" for name in ("clang", "gcc") if name in versions), "")
    toolchain = f"{document.toolchain.get('kind', '')} {compiler}"
    core = document.build_info.core
    return {
        "Python": f"{document.python_flavor} {document.python_version}",
        "Target": document.target_triple,
        "C library": f"{document.libc} {document.libc_floor} or newer" if document.libc_floor else document.libc,
        "Build options": document.build_options,
        "Source date": document.build_date,
        "Toolchain": toolchain.strip(),
        "Interpreter": document.python_exe,
        "libpython": ", ".join(path for path in (core.shared_lib, core.static_lib) if path),
        "Tcl/Tk": ", ".join(document.tcl_library_paths),
        "Not static": "; ".join(_choice(name, item) for name, item in document.link_choices.items()),
        "Core": f"{len(core.objs)} objects; {_links(core.links)}",
    }


def _choice(name: str, choice: LinkChoice) -> str:
    whose = "in install/lib" if choice.kind == "shared" else "of the system"
    return f"{name} {choice.kind} ({', '.join(sorted(choice.libraries.values()))} {whose})"


def parts(unpacked: Mapping[str, int]) -> str:
    shown = ", ".join(f"{name} {size(number)}" for name, number in sorted(unpacked.items()))
    return f"{size(sum(unpacked.values()))} ({shown})"


def extensions(document: PythonJson) -> list[str]:
    entries = document.build_info.extensions
    kinds = Counter(_kind(entry) for entry in entries.values())
    summary = ", ".join(f"{kinds[kind]} {kind}" for kind in ("core", "builtin", "shared") if kinds[kind])
    lines = [f"Extension modules: {len(entries)} ({summary})"]
    # Those that need nothing but the core say little: their names suffice.
    plain = [name for name, entry in sorted(entries.items()) if not entry.links and _kind(entry) == "builtin"]
    width = max((len(name) for name in entries), default=0)
    for name, entry in sorted(entries.items()):
        if entry.links and _kind(entry) != "shared":
            licences = ", ".join(entry.licenses)
            lines.append(f"  {name:{width}}  {_links(entry.links)}{f'  [{licences}]' if licences else ''}")
    for title, names in (
        ("nothing else linked", plain),
        ("core", [name for name, entry in sorted(entries.items()) if _kind(entry) == "core"]),
        ("shared", [name for name, entry in sorted(entries.items()) if _kind(entry) == "shared"]),
    ):
        if names:
            lines.append(f"  {title}: {', '.join(names)}")
    return lines


def sources(document: PythonJson | None, sbom: Summary | None) -> list[str]:
    """Tell of each source, and of its patches where there is an SBOM; of everything inside, where only that tells."""
    if document is not None and document.sources:
        lines = [f"Sources: {len(document.sources)}"]
        for source in document.sources:
            lines.append(f"  {source.name} {source.version}  [{source.license}]  {source.filename}")
            lines.append(f"    sha256 {source.sha256}")
            lines += _patches(source.name, sbom)
        return lines
    if sbom is None:
        return []
    lines = [f"Components: {len(sbom.inside)}"]
    for part in sbom.inside:
        licence = sbom_text.licence(part)
        lines.append(f"  {part['name']} {part.get('version', '')}{f'  [{licence}]' if licence else ''}")
        lines += _patches(sbom_text.reference(part), sbom)
    return lines


def _patches(name: str, sbom: Summary | None) -> list[str]:
    applied = sbom.patches.get(name, ()) if sbom else ()
    return [f"    patch {path}  {digest}" for path, _, digest in (patch.partition(" ") for patch in applied)]


def omitted(document: PythonJson, record: Record) -> list[str]:
    """Tell what was left out: extension modules, by the description or the record, and packages, by the record."""
    left = {**record.extensions, **document.omitted_extensions, **record.packages}
    return ["Left out:", *(f"  {name}: {left[name]}" for name in sorted(left))] if left else []


def bill(sbom: Summary, place: str) -> list[str]:
    """Tell of an SBOM: where it is, what else than the sources is inside, what it was built with."""
    inside = sum(bool(sbom_text.occurrences(part)) for part in sbom.inside)
    packages = [f"{part['name']} {part.get('version', '')}" for part in sbom.inside
                if str(part.get("purl", "")).startswith("pkg:pypi/")]  # fmt: skip
    return rows({
        "SBOM": f"{place}, {sbom.serial}",
        "  files": f"{sbom.files}, of {inside} components",
        "  packages": ", ".join(packages),
        "  toolchain": ", ".join(f"{name} {version}" for name, version in sorted(sbom.tools.items())),
        "  built with": ", ".join(f"{count} packages ({role})" for role, count in sorted(sbom.packages.items())),
    })  # fmt: skip


def provenance(told: StatementSummary, place: str) -> list[str]:
    """Tell of a statement: is it about this archive, what was asked for, and each step's key and tree."""
    about = "about this archive" if told.matches else "NOT about this archive: another sha256"
    wishes = ", ".join(f"{name}={_shown(value)}" for name, value in told.request.items())
    width = max((len(step) for step in told.steps), default=0)
    return [
        *rows({
            "Provenance": f"{place}, {about}",
            "  request": wishes,
            "  checkout": told.commit,
            "  inputs": f"{told.dependencies} files",
        }),
        f"  steps: {len(told.steps)}, with action key and digest of the tree",
        *(f"    {step:{width}}  {key[:_SHORT]}  {tree[:_SHORT]}" for step, (key, tree) in told.steps.items()),
    ]  # fmt: skip


def _shown(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _kind(entry: ExtensionEntry) -> str:
    return "core" if entry.in_core else entry.linkage


def _links(links: tuple[LinkEntry, ...]) -> str:
    own = [link.name for link in links if not link.system]
    system = [link.name for link in links if link.system]
    return "; ".join(filter(None, [" ".join(own), f"system: {' '.join(system)}" if system else ""])) or "no links"


def size(number: int) -> str:
    if number < 1000:
        return f"{number} B"
    return f"{number / 1e3:.0f} kB" if number < 1e6 else f"{number / 1e6:.1f} MB"
