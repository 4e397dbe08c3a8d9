"""SBOM.cdx.json: what a distribution is made of, as a CycloneDX document that travels inside the archive.

Components are the upstream releases, the Python packages that CPython brings, what this project adds itself, and, with
the scope ``excluded``, the tools and packages that it was built with and that are not in it. ``evidence.occurrences``
of a component are the files that are made of it, each file with one component only; the property
``python-build:linked-into`` names the programs and libraries that its code was linked into. docs/provenance.rst tells
of every part.

The document depends on nothing but its content: its time is SOURCE_DATE_EPOCH, its serial number a hash.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from uuid import UUID

from cyclonedx.model import AttachedText, ExternalReference, ExternalReferenceType, HashType, Property, XsUri
from cyclonedx.model import HashAlgorithm as Algorithm
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import (
    Component,
    ComponentScope,
    ComponentType,
    Diff,
    Patch,
    PatchClassification,
    Pedigree,
)
from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from pythonbuild import __version__
from pythonbuild.config.model import Lock, LockedPackage
from pythonbuild.config.sources import upstream_version
from pythonbuild.debian.packages import package_urls
from pythonbuild.distribution import patches
from pythonbuild.distribution.bundled import Package
from pythonbuild.distribution.origins import CPYTHON, OWN, package_reference
from pythonbuild.distribution.python_json import ExtensionEntry, PythonJson, SourceEntry
from pythonbuild.distribution.sbom_text import LINKED_INTO, PATCH, PREFIX, finished

#: Packages of the sysroot whose code is linked into everything: start files, libc_nonshared.a, libgcc.a.
_START_FILES = re.compile(r"libc6-dev|libgcc-\d+-dev")
_GITHUB = re.compile(
    r"https://github\.com/([^/]+)/([^/]+)/(?:archive/refs/tags|releases/download)/([^/]+?)(?:\.tar\..*|/.*)"
)
#: Any version, and at the end of one of a pre-release what makes it that; lists of vulnerabilities use longer words.
_PRE_RELEASE = re.compile(r"(.+?)(?:(a|b|rc)(\d+))?")
_UPDATES = {"a": "alpha", "b": "beta"}
#: What the references of a toolchain's own sources begin with.
_TOOL_SOURCE = "toolchain-source:"
_DISTRIBUTION = "distribution"


@dataclass(frozen=True)
class Making:
    """What PYTHON.json does not tell of how a distribution was made.

    ``origins`` has the component of each file. The keys of ``patches``, ``addresses`` (where a source can be had
    besides its own URLs), ``needs`` (sources that it was built with) and ``products`` (``vendor:product`` in CPE names)
    are names of sources; those of ``locks`` say what the packages are for.
    """

    epoch: int
    origins: Mapping[str, str]
    packages: Sequence[Package] = ()
    patches: Mapping[str, Sequence[patches.Patch]] = field(default_factory=dict)
    addresses: Mapping[str, Sequence[str]] = field(default_factory=dict)
    needs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    locks: Mapping[str, Lock] = field(default_factory=dict)
    products: Mapping[str, str] = field(default_factory=dict)


def render(document: PythonJson, making: Making) -> str:
    """Return the SBOM's text."""
    places: dict[str, list[str]] = defaultdict(list)
    for path, component in sorted(making.origins.items()):
        places[component].append(path)
    linked = linked_into(document)
    sources = [_source(source, making, places[source.name], linked.get(source.name, ())) for source in document.sources]
    packages = [_package(package, places[package_reference(package)]) for package in making.packages]
    own = [_own(places[OWN])] if places[OWN] else []
    tools = [*_tools(document), *_tool_sources(document)]
    debs = list(_debs(document, making.locks))
    bom = Bom(components=[*sources, *packages, *own, *tools, *debs], serial_number=UUID(int=0))
    bom.metadata.timestamp = datetime.fromtimestamp(making.epoch, UTC)
    bom.metadata.tools.components.add(Component(name=OWN, version=__version__, type=ComponentType.APPLICATION))
    bom.metadata.component = _distribution(document)
    _relate(bom, document, making, {str(part.bom_ref.value): part for part in bom.components})
    return finished(JsonV1Dot6(bom).output_as_string())


def linked_into(document: PythonJson) -> dict[str, tuple[str, ...]]:
    """Return the programs and libraries that each source's static libraries were linked into, by source name."""
    core = document.build_info.core
    # On Windows the program only calls the DLL, if there is one.
    program = "" if document.os == "windows" and core.shared_lib else document.python_exe
    whole = tuple(path for path in (program, core.shared_lib) if path)
    into: dict[str, set[str]] = defaultdict(set)
    for links, places in (
        (core.links, whole),
        *((entry.links, _linked(entry, whole)) for entry in document.build_info.extensions.values()),
    ):
        for link in links:
            if link.path_static:
                into[link.path_static].update(places)
    for entry in document.build_info.extensions.values():
        for path in entry.objs:
            into[path].update(_linked(entry, whole))
    return {
        source.name: tuple(sorted({place for path in source.libraries for place in into[path]}))
        for source in document.sources
    }


def _linked(entry: ExtensionEntry, whole: tuple[str, ...]) -> tuple[str, ...]:
    return (entry.shared_lib,) if entry.shared_lib and entry.linkage == "shared" else whole


def _distribution(document: PythonJson) -> Component:
    facts = {
        "target-triple": document.target_triple,
        "build-options": document.build_options,
        "libc": f"{document.libc} {document.libc_floor}".strip(),
        "link": ",".join(f"{name}={choice.kind}" for name, choice in sorted(document.link_choices.items())),
    }
    return Component(
        name=f"cpython-{document.target_triple}-{document.build_options}",
        version=document.python_version,
        type=ComponentType.PLATFORM,
        bom_ref=_DISTRIBUTION,
        description=f"CPython {document.python_version} with everything it needs, for {document.target_triple}",
        properties=_properties((name, value) for name, value in facts.items() if value),
    )


def _properties(pairs: Iterator[tuple[str, str]]) -> list[Property]:
    return [Property(name=f"{PREFIX}{name}", value=value) for name, value in pairs]


def _source(source: SourceEntry, making: Making, places: Sequence[str], linked: Sequence[str]) -> Component:
    sha256 = HashType(alg=Algorithm.SHA_256, content=source.sha256)
    urls = dict.fromkeys((*source.urls, *making.addresses.get(source.name, ())))
    references = [ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(source.homepage))]
    references += [ExternalReference(type=ExternalReferenceType.SOURCE_DISTRIBUTION, url=XsUri(url), hashes=[sha256],
                                     comment=source.filename) for url in urls]  # fmt: skip
    applied = making.patches.get(source.name, ())
    facts = [("source-file", source.filename), ("source-size", str(source.size))] if source.size else []
    facts += [(LINKED_INTO, path) for path in linked]
    facts += [(PATCH, f"{patch.path} sha256:{patch.sha256}") for patch in applied]
    return Component(
        name=source.name,
        version=source.version,
        description=source.title,
        type=ComponentType.PLATFORM if source.name == CPYTHON else ComponentType.LIBRARY,
        bom_ref=source.name,
        purl=_purl(source, next(iter(urls), "")),
        cpe=cpe_name(making.products.get(source.name, ""), source.version),
        hashes=[sha256],
        licenses=[LicenseExpression(source.license)],
        external_references=references,
        pedigree=_pedigree(applied),
        evidence=_evidence(places),
        properties=_properties(iter(facts)),
        scope=ComponentScope.REQUIRED,
    )


def _purl(source: SourceEntry, address: str) -> PackageURL:
    """Return a package URL: of the hosting service that scanners know, else a generic one with address and hash."""
    for url in source.urls:
        if match := _GITHUB.fullmatch(url):
            return PackageURL("github", match[1].lower(), match[2].lower(), match[3])
    qualifiers = {"checksum": f"sha256:{source.sha256}", **({"download_url": address} if address else {})}
    return PackageURL("generic", None, source.name, source.version, qualifiers)


def cpe_name(product: str, version: str) -> str | None:
    """Return the CPE 2.3 name of a release, None for what has none.

    The word of a repacked archive is no part of the version; a pre-release is an update of the release to come.
    """
    if not product:
        return None
    release, word, number = _PRE_RELEASE.fullmatch(upstream_version(version)).groups()  # type: ignore[union-attr]
    update = f"{_UPDATES.get(word, word)}{number}" if word else "*"
    escaped = re.sub(r"([^\w.-])", r"\\\1", release)
    return f"cpe:2.3:a:{product}:{escaped}:{update}:*:*:*:*:*:*"


def _pedigree(applied: Sequence[patches.Patch]) -> Pedigree | None:
    if not applied:
        return None
    return Pedigree(
        patches=[
            Patch(type=PatchClassification.UNOFFICIAL,
                  diff=Diff(url=XsUri(patch.path), text=AttachedText(content=patch.text, content_type="text/x-diff")))
            for patch in applied
        ]
    )  # fmt: skip


def _evidence(places: Sequence[str]) -> ComponentEvidence | None:
    return ComponentEvidence(occurrences=[Occurrence(location=path) for path in places]) if places else None


def _package(package: Package, places: Sequence[str]) -> Component:
    tests_only = all("/test/" in path for path in places)
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=package_reference(package),
        purl=PackageURL("pypi", None, package.name, package.version),
        hashes=[HashType(alg=Algorithm.SHA_256, content=digest) for _, digest in package.wheels],
        licenses=_licences(package),
        external_references=[ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(package.homepage))]
        if package.homepage else [],
        components=[_vendored(package, name, version) for name, version in package.vendored],
        evidence=_evidence(places),
        scope=ComponentScope.OPTIONAL if tests_only else ComponentScope.REQUIRED,
    )  # fmt: skip


def _licences(package: Package) -> list[LicenseExpression | DisjunctiveLicense]:
    if not package.licence:
        return []
    return [LicenseExpression(package.licence) if package.licence_is_spdx else DisjunctiveLicense(name=package.licence)]


def _vendored(package: Package, name: str, version: str) -> Component:
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{package_reference(package)}/{name}",
        purl=PackageURL("pypi", None, name, version),
    )


def _own(places: Sequence[str]) -> Component:
    return Component(
        name=OWN,
        version=__version__,
        type=ComponentType.LIBRARY,
        bom_ref=OWN,
        description="what this project adds: functions that the oldest C library lacks, python-config",
        evidence=_evidence(places),
        scope=ComponentScope.REQUIRED,
    )


def _tools(document: PythonJson) -> Iterator[Component]:
    tools = document.toolchain.get("tools")
    kind = str(document.toolchain.get("kind", ""))
    for name, version in sorted(tools.items()) if isinstance(tools, dict) else ():
        yield Component(
            name=name,
            version=str(version),
            type=ComponentType.APPLICATION,
            bom_ref=f"tool:{name}",
            scope=ComponentScope.EXCLUDED,
            properties=_properties(iter((("role", "toolchain"), ("toolchain", kind)))),
        )


def _tool_sources(document: PythonJson) -> Iterator[Component]:
    """Yield what a toolchain was made from that came from no package."""
    sources = document.toolchain.get("sources")
    for source in sources if isinstance(sources, list) else ():
        sha256 = HashType(alg=Algorithm.SHA_256, content=source["sha256"])
        yield Component(
            name=source["name"],
            version=source["version"],
            type=ComponentType.APPLICATION,
            bom_ref=f"{_TOOL_SOURCE}{source['name']}",
            purl=PackageURL("generic", None, source["name"], source["version"],
                            {"checksum": f"sha256:{source['sha256']}"}),
            hashes=[sha256],
            licenses=[LicenseExpression(source["license"])],
            external_references=[
                ExternalReference(type=ExternalReferenceType.SOURCE_DISTRIBUTION, url=XsUri(url), hashes=[sha256],
                                  comment=source["filename"])
                for url in source["urls"]
            ],
            scope=ComponentScope.EXCLUDED,
            properties=_properties(iter((("role", "toolchain-source"),))),
        )  # fmt: skip


def _debs(document: PythonJson, locks: Mapping[str, Lock]) -> Iterator[Component]:
    core = document.build_info.core
    shipped = {document.python_exe, core.shared_lib, *(
        entry.shared_lib for entry in document.build_info.extensions.values()
    ), *(link.path_dynamic for entry in document.build_info.extensions.values() for link in entry.links)}  # fmt: skip
    for role, lock in sorted(locks.items()):
        for package in lock.packages:
            start_files = role == "sysroot" and bool(_START_FILES.fullmatch(package.name))
            linked = sorted(filter(None, shipped)) if start_files else []
            facts = [("role", role), *((LINKED_INTO, path) for path in linked)]
            yield _deb(package, role, lock, facts, ComponentScope.REQUIRED if linked else ComponentScope.EXCLUDED)


def _deb(package: LockedPackage, role: str, lock: Lock, facts: Sequence[tuple[str, str]],
         scope: ComponentScope) -> Component:  # fmt: skip
    sha256 = HashType(alg=Algorithm.SHA_256, content=package.sha256)
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY if role == "sysroot" else ComponentType.APPLICATION,
        bom_ref=f"deb:{role}/{package.name}",
        purl=PackageURL("deb", "debian", package.name, package.version,
                        {"arch": package.architecture, "distro": lock.suite}),
        hashes=[sha256],
        external_references=[
            ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(url), hashes=[sha256],
                              comment=PurePosixPath(package.path).name)
            for url in package_urls(package, lock.snapshot, ())
        ],
        properties=_properties(iter(facts)),
        scope=scope,
    )  # fmt: skip


def _relate(bom: Bom, document: PythonJson, making: Making, parts: Mapping[str, Component]) -> None:
    """Say what was built with what: the distribution of its parts, sources of sources, tools of their packages."""
    assert bom.metadata.component is not None
    inside = [part for part in parts.values() if part.scope != ComponentScope.EXCLUDED]
    bom.register_dependency(bom.metadata.component, inside)
    linked = [parts[source.name] for source in document.sources if source.libraries]
    for name, part in parts.items():
        needs = linked if name == CPYTHON else [parts[need] for need in making.needs.get(name, ()) if need in parts]
        if name.startswith("tool:"):
            major = str(part.version).partition(".")[0]
            tool = name.removeprefix("tool:").partition("-")[0]
            makers = (f"deb:build/{tool}-{major}", *(ref for ref in parts if ref.startswith(_TOOL_SOURCE)))
            needs = [parts[maker] for maker in makers if maker in parts]
        bom.register_dependency(part, needs)
