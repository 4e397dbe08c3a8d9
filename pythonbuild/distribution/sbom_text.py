"""The SBOM as text and plain data: finding it, reading it, its summary, and its share in a part of an archive.

Nothing here needs the library that writes it.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pythonbuild.errors import DistributionError

#: Its path in the archive, relative to ``python/``, and what a copy beside the archive adds to the archive's name.
NAME = "SBOM.cdx.json"
SUFFIX = ".cdx.json"
#: The names of our own properties begin with this.
PREFIX = "python-build:"
LINKED_INTO = "linked-into"
#: A property of a distribution that was linked again, and the component of what was added then.
RELINKED = "relinked"
PATCH = "patch"


class SbomError(DistributionError):
    """Not an SBOM that can be read."""

    reason = "sbom"


def finished(text: str) -> str:
    """Return an SBOM's text with the serial number that follows from everything else in it, in its one spelling."""
    plain = _in_order(json.loads(text))
    plain["serialNumber"] = ""
    spelled = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(spelled.encode("utf-8")).hexdigest()
    plain["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'urn:sha256:{digest}')}"
    return json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _in_order(value: Any, key: str = "") -> Any:
    """Return plain data with every list in one order: they are sets, but for patches, which go folder by folder."""
    if isinstance(value, dict):
        return {name: _in_order(item, name) for name, item in value.items()}
    if not isinstance(value, list):
        return value
    items = [_in_order(item) for item in value]
    if key == "patches":
        return sorted(items, key=lambda patch: str(patch.get("diff", {}).get("url", "")).split("/"))
    if key == "components":
        return sorted(items, key=reference)
    if key == "properties":
        return sorted(items, key=lambda item: (item["name"], str(item.get("value", "")).split("/")))
    return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))


def read_sbom(text: str, where: str) -> dict[str, Any]:
    """Return an SBOM's plain data. Raises SbomError for what is not CycloneDX JSON."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SbomError(f"{where}: not JSON", found=error) from error
    if not isinstance(plain, dict) or plain.get("bomFormat") != "CycloneDX":
        found = plain.get("bomFormat") if isinstance(plain, dict) else type(plain).__name__
        raise SbomError(f"{where}: not an SBOM", found=repr(found), expected='"bomFormat": "CycloneDX"')
    parts = plain.get("components", [])
    if not isinstance(parts, list) or not all(
        isinstance(part, dict) and isinstance(part.get("name"), str) for part in parts
    ):
        raise SbomError(f"{where}: components", found="something else", expected="a list of objects with a name")
    return plain


def components(plain: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the components of the first level."""
    return list(plain.get("components", []))


def reference(component: Mapping[str, Any]) -> str:
    return str(component.get("bom-ref", component["name"]))


def occurrences(component: Mapping[str, Any]) -> list[str]:
    """Return the paths, relative to ``python/``, of the files that are made of a component."""
    found = component.get("evidence", {}).get("occurrences", [])
    return [str(occurrence.get("location", "")) for occurrence in found]


def properties(component: Mapping[str, Any], name: str) -> list[str]:
    """Return the values of one of our own properties."""
    wanted = PREFIX + name
    return [str(item.get("value", "")) for item in component.get("properties", []) if item.get("name") == wanted]


def sha256(component: Mapping[str, Any]) -> str:
    hashes = component.get("hashes", [])
    return next((str(item.get("content")) for item in hashes if item.get("alg") == "SHA-256"), "")


def licence(component: Mapping[str, Any]) -> str:
    """Return the licence, as an SPDX expression or by name."""
    found = []
    for item in component.get("licenses", []):
        single = item.get("license", {})
        found.append(item.get("expression") or single.get("id") or single.get("name") or "")
    return " AND ".join(filter(None, found))


def is_inside(component: Mapping[str, Any]) -> bool:
    """Tell what is a part of the distribution from what it was built with."""
    return component.get("scope") != "excluded"


@dataclass(frozen=True)
class Summary:
    """An SBOM at a glance: the components inside, the patches of each, the tools, the number of locked packages."""

    serial: str
    inside: tuple[Mapping[str, Any], ...]
    patches: Mapping[str, tuple[str, ...]]
    tools: Mapping[str, str]
    packages: Mapping[str, int]
    files: int

    def as_json(self) -> dict[str, object]:
        return {
            "serial_number": self.serial,
            "components": [
                {"name": part["name"], "version": part.get("version", ""), "purl": part.get("purl", ""),
                 "license": licence(part), "sha256": sha256(part), "files": len(occurrences(part)),
                 "linked_into": properties(part, LINKED_INTO), "patches": list(self.patches.get(reference(part), ()))}
                for part in self.inside
            ],
            "tools": dict(self.tools),
            "packages": dict(self.packages),
            "files": self.files,
        }  # fmt: skip


def summarise(plain: Mapping[str, Any]) -> Summary:
    """Return what ``inspect`` shows of an SBOM, of another program's as far as it has the same."""
    parts = components(plain)
    inside = tuple(part for part in parts if is_inside(part))
    tools = {
        str(part["name"]): str(part.get("version", "")) for part in parts if "toolchain" in properties(part, "role")
    }
    roles: dict[str, int] = {}
    for part in parts:
        for role in properties(part, "role"):
            if role != "toolchain":
                roles[role] = roles.get(role, 0) + 1
    return Summary(
        serial=str(plain.get("serialNumber", "")),
        inside=inside,
        patches={reference(part): tuple(properties(part, PATCH)) for part in inside if properties(part, PATCH)},
        tools=tools,
        packages=roles,
        files=sum(len(occurrences(part)) for part in inside),
    )


def restricted(text: str, place: Callable[[str], str | None], without: Collection[str] = ()) -> str:
    """Return the SBOM of an archive that holds a part of another's files, possibly elsewhere.

    ``place`` gives the new path of each file of the other archive, or None for those that are left out. A component
    stays while files of it do, or while it is linked into files that stay; those whose references are in ``without`` go
    in any case.
    """
    plain = read_sbom(text, NAME)
    kept: list[dict[str, Any]] = []
    for component in components(plain):
        component = _placed(component, place)
        has = bool(occurrences(component) or properties(component, LINKED_INTO))
        if reference(component) not in without and (has or not is_inside(component)):
            kept.append(component)
    plain["components"] = kept
    references = {reference(part) for component in kept for part in (component, *components(component))}
    references.add(str(plain.get("metadata", {}).get("component", {}).get("bom-ref", "")))
    plain["dependencies"] = [
        _with_needs(entry, [need for need in entry.get("dependsOn", ()) if need in references])
        for entry in plain.get("dependencies", ())
        if entry.get("ref") in references
    ]
    return finished(json.dumps(plain))


def relinked(text: str, there: Collection[str], programs: Collection[str], compiler: str) -> str:
    """Return the SBOM of a distribution that was linked again and now has the files ``there``.

    What is gone is not told of any more; a source all of whose static libraries are gone is linked into nothing; new
    files are those of a component of their own. ``programs`` were linked by ``compiler``: the start files in them are
    not those that the build had.
    """
    plain = read_sbom(text, NAME)
    known: set[str] = set()
    for component in components(plain):
        libraries = [path for path in occurrences(component) if path.startswith("build/lib/")]
        gone = bool(libraries) and not any(path in there for path in libraries)
        if gone or reference(component).startswith("deb:"):
            component["properties"] = [
                item for item in component.get("properties", ())
                if item.get("name") != PREFIX + LINKED_INTO or not (gone or item.get("value") in programs)
            ]  # fmt: skip
        known |= {*occurrences(component)}
    if added := sorted(set(there) - known):
        plain["components"].append({
            "type": "file", "name": RELINKED, "bom-ref": RELINKED, "scope": "required",
            "description": "what was added when the distribution was linked again",
            "evidence": {"occurrences": [{"location": path} for path in added]},
        })  # fmt: skip
    whole = plain.setdefault("metadata", {}).setdefault("component", {"type": "platform", "name": "cpython"})
    whole["properties"] = [*whole.get("properties", ()), {"name": PREFIX + RELINKED, "value": compiler}]
    return restricted(json.dumps(plain), lambda path: path if path in there else None)


def _placed(component: Mapping[str, Any], place: Callable[[str], str | None]) -> dict[str, Any]:
    """Return a component with its files where they are now."""
    placed = dict(component)
    found = [{"location": path} for old in occurrences(component) if (path := place(old)) is not None]
    evidence = {key: value for key, value in component.get("evidence", {}).items() if key != "occurrences"}
    evidence |= {"occurrences": found} if found else {}
    placed.pop("evidence", None)
    if evidence:
        placed["evidence"] = evidence
    kept = []
    for item in component.get("properties", ()):
        if item.get("name") == PREFIX + LINKED_INTO:
            path = place(str(item.get("value", "")))
            item = {**item, "value": path} if path is not None else None
        kept += [item] if item else []
    placed.pop("properties", None)
    if kept:
        placed["properties"] = kept
    return placed


def _with_needs(entry: Mapping[str, Any], needs: Sequence[str]) -> dict[str, Any]:
    """Return a node of the graph of dependencies with other edges: none is told by leaving the key out."""
    node = {key: value for key, value in entry.items() if key != "dependsOn"}
    return {**node, "dependsOn": list(needs)} if needs else node
