"""Checks on SBOM.cdx.json: whoever asks what an archive is made of must find all of it, and nothing untrue."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pythonbuild.distribution import sbom_text
from pythonbuild.distribution.archive import TOP
from pythonbuild.distribution.origins import CPYTHON, files
from pythonbuild.distribution.sbom_text import LINKED_INTO, PATCH, components, is_inside, occurrences, reference
from pythonbuild.validation.checks import NotApplicable, Subject, check

_WHERE = f"{TOP}/{sbom_text.NAME}"
_PATCH = re.compile(r"\S+\.patch sha256:[0-9a-f]{64}")


def _sbom(subject: Subject) -> dict[str, Any]:
    path = subject.top / sbom_text.NAME
    if not path.is_file():
        raise NotApplicable(f"there is no {_WHERE}")
    return sbom_text.read_sbom(path.read_text("utf-8", "replace"), _WHERE)


@check("provenance-schema", "the SBOM is valid CycloneDX")
def schema(subject: Subject) -> Iterator[str]:
    """SBOM.cdx.json is validated against CycloneDX's own JSON schema, in its strict form: no key is unknown."""
    plain = _sbom(subject)
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    version = next((known for known in SchemaVersion if known.to_version() == plain.get("specVersion")), None)
    if version is None:
        yield f"{_WHERE}: specVersion {plain.get('specVersion')!r}, expected one that is known"
        return
    problem = JsonStrictValidator(version).validate_str(json.dumps(plain))
    if problem is not None:
        yield f"{_WHERE}: {_first_line(problem.data)}"


def _first_line(problem: Any) -> str:
    place = getattr(problem, "json_path", "")
    text = str(getattr(problem, "message", problem)).splitlines()[0]
    return f"{place}: {text[:200]}" if place else text[:200]


@check("provenance-complete", "every file comes from exactly one component of the SBOM, and every file it names exists")
def complete(subject: Subject) -> Iterator[str]:
    """Each file and link below ``build``, ``install`` and ``licenses`` (every object, static library, program, script
    and text) is named by the occurrences of one component, no more and no less; what a component was linked into are
    files of the archive.
    """
    counts: Counter[str] = Counter()
    linked: dict[str, str] = {}
    for component in components(_sbom(subject)):
        counts.update(occurrences(component))
        linked |= dict.fromkeys(sbom_text.properties(component, LINKED_INTO), reference(component))
    there = set(files(subject.top))
    for path in sorted(there - counts.keys()):
        yield f"{path}: no component of {_WHERE} is its origin"
    for path in sorted(counts.keys() - there):
        yield f"{path}: named by {_WHERE}, and not in the archive"
    for path, count in sorted(counts.items()):
        if count > 1:
            yield f"{path}: named {count} times by {_WHERE}"
    for path, name in sorted(linked.items()):
        if path not in there:
            yield f"{path}: component {name} is linked into it, and it is not in the archive"


@check("provenance-sources", "the SBOM names the same sources as PYTHON.json, with their hashes and licences")
def sources(subject: Subject) -> Iterator[str]:
    """Each source of PYTHON.json is a component of the same version, sha256 and licence, that its static libraries come
    from; its patches are named with their sha256; CPython's version is the one that was built. What a library was
    linked into follows from PYTHON.json, too. The name by which lists of vulnerabilities are searched (CPE), if there
    is one, has the same version.
    """
    from pythonbuild.distribution.sbom import cpe_name, linked_into

    named = {reference(component): component for component in components(_sbom(subject))}
    linked = linked_into(subject.document)
    for source in subject.document.sources:
        component = named.get(source.name)
        if component is None:
            yield f"{_WHERE}: no component {source.name}, which PYTHON.json has"
            continue
        yield from _differences(source.name, {
            "version": (component.get("version"), source.version),
            "sha256": (sbom_text.sha256(component), source.sha256),
            "licence": (sbom_text.licence(component), source.license),
            "cpe": (cpe := component.get("cpe"), cpe and cpe_name(":".join(str(cpe).split(":")[3:5]), source.version)),
            "linked-into": (sorted(sbom_text.properties(component, LINKED_INTO)), sorted(linked[source.name])),
        })  # fmt: skip
        for path in sorted({*source.libraries} - {*occurrences(component)}):
            yield f"{_WHERE}: component {source.name} is not the origin of {path}"
    for name, component in named.items():
        for patch in sbom_text.properties(component, PATCH):
            if not _PATCH.fullmatch(patch):
                yield f"{_WHERE}: component {name}: patch {patch!r}, expected a path and its sha256"
    if CPYTHON in named and named[CPYTHON].get("version") != subject.document.python_version:
        found = named[CPYTHON].get("version")
        yield f"{_WHERE}: CPython {found}, PYTHON.json has {subject.document.python_version}"


def _differences(name: str, facts: Mapping[str, tuple[object, object]]) -> Iterator[str]:
    for fact, (found, expected) in facts.items():
        if found != expected:
            yield f"{_WHERE}: component {name}: {fact} {found!r}, PYTHON.json has {expected!r}"


@check("provenance-tools", "the SBOM names the toolchain of PYTHON.json and where everything can be had from")
def tools(subject: Subject) -> Iterator[str]:
    """Each tool that PYTHON.json names is a component of the same version outside of the distribution (``scope``
    excluded). Packages that it was built with have a sha256 and an address, and so does every source; whoever wants to
    build it again finds all of it here.
    """
    plain = _sbom(subject)
    known = sbom_text.summarise(plain).tools
    named = subject.document.toolchain.get("tools")
    for tool, version in sorted(named.items()) if isinstance(named, dict) else ():
        if known.get(tool) != version:
            yield f"{_WHERE}: toolchain: {tool} {known.get(tool)}, PYTHON.json has {version}"
    wanted = {source.name for source in subject.document.sources}
    for component in components(plain):
        name = reference(component)
        if name in wanted or name.startswith("deb:"):
            if not sbom_text.sha256(component):
                yield f"{_WHERE}: component {name}: no SHA-256"
            if name.startswith("deb:") and not component.get("externalReferences"):
                yield f"{_WHERE}: component {name}: no address"
        linked = sbom_text.properties(component, LINKED_INTO)
        if name.startswith(("deb:", "tool:")) and is_inside(component) and not linked:
            yield f"{_WHERE}: component {name}: in the distribution, and linked into nothing"


CHECKS = (schema, complete, sources, tools)
