"""Resolves root descriptions against a signed index and rewrites the locks.

The resolver is small because the question is: given one index, which packages follow from the wanted ones? It takes
the first alternative that is there unless another one is wanted already; it never has to choose between versions,
as an index has one version of each package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from pythonbuild.config.locks import write_lock
from pythonbuild.config.model import Lock, LockedPackage, RootDescription
from pythonbuild.debian.index import Clause, Depends, Index, Package, fetch_index
from pythonbuild.debian.versions import satisfies
from pythonbuild.errors import LockError

FetchIndex = Callable[[Sequence[str], str, str], Index]


def relock(
    descriptions: Iterable[RootDescription],
    locks: Path,
    bases: Sequence[str],
    *,
    note: Callable[[str], None],
    index: FetchIndex = fetch_index,
) -> list[Path]:
    """Rewrite the locks of all descriptions from signed indices; return the files that changed."""
    indices: dict[tuple[str, str], Index] = {}
    changed = []
    for description in descriptions:
        for architecture in description.architectures:
            key = (description.suite, architecture)
            if key not in indices:
                note(f"reading the package index of {description.suite} ({architecture})")
                indices[key] = index(bases, description.suite, architecture)
            lock = resolve_lock(description, indices[key])
            total = sum(package.size for package in lock.packages) / 1e6
            note(f"{lock.name}: {len(lock.packages)} packages, {total:.0f} MB to download")
            if write_lock(lock, locks):
                changed.append(locks / f"{lock.name}.yml")
    return changed


def resolve_lock(description: RootDescription, index: Index) -> Lock:
    """Return the lock that a description gives with an index."""
    return Lock(
        name=f"{description.name}-{index.architecture}",
        suite=index.suite,
        architecture=index.architecture,
        snapshot=index.snapshot,
        packages=tuple(locked_package(package) for package in resolve(description, index)),
    )


def locked_package(package: Package) -> LockedPackage:
    """Return what a lock keeps of a package."""
    return LockedPackage(package.name, package.version, package.architecture, package.path, package.sha256,
                         package.size)  # fmt: skip


def resolve(description: RootDescription, index: Index) -> list[Package]:
    """Return the packages of a root in unpacking order. Raises LockError naming what cannot be met.

    base-files comes first, because it brings the links (``/bin`` to ``/usr/bin``) that other packages' files go
    through; the order of the rest is by name.
    """
    wanted = list(description.packages)
    if description.essential:
        wanted += sorted(package.name for package in index.packages.values() if package.essential)
    excluded = frozenset(description.exclude)
    chosen: dict[str, Package] = {}
    for name in wanted:
        if name not in index.packages:
            raise LockError(f"{description.name}: no package {name} in {index.suite} ({index.architecture})")
        if name not in excluded:
            chosen[name] = index.packages[name]
    if description.dependencies:
        _add_dependencies(chosen, index, excluded)
    return sorted(chosen.values(), key=lambda package: (package.name != "base-files", package.name))


def _add_dependencies(chosen: dict[str, Package], index: Index, excluded: frozenset[str]) -> None:
    providers = _providers(index)
    # Breadth first: what was asked for is settled before what merely follows from it picks alternatives.
    queue = [(package.name, package.depends) for package in chosen.values()]
    while queue:
        upcoming: list[tuple[str, Depends]] = []
        for user, depends in queue:
            for alternatives in depends:
                if any(clause.name in excluded for clause in alternatives):
                    continue
                if any(_met(clause, chosen) for clause in alternatives):
                    continue
                package = _choose(user, alternatives, index, providers, excluded)
                chosen[package.name] = package
                upcoming.append((package.name, package.depends))
        queue = upcoming


def _providers(index: Index) -> dict[str, list[Package]]:
    providers: dict[str, list[Package]] = {}
    for name in sorted(index.packages):
        for clause in index.packages[name].provides:
            providers.setdefault(clause.name, []).append(index.packages[name])
    return providers


def _met(clause: Clause, packages: dict[str, Package]) -> bool:
    return any(_gives(package, clause) for package in packages.values())


def _gives(package: Package, clause: Clause) -> bool:
    """Tell whether a package meets a clause, itself or by what it provides."""
    if package.name == clause.name:
        return not clause.relation or satisfies(package.version, clause.relation, clause.version)
    return any(
        provided.name == clause.name
        and (
            not clause.relation
            or bool(provided.version and satisfies(provided.version, clause.relation, clause.version))
        )
        for provided in package.provides
    )


def _choose(
    user: str,
    alternatives: tuple[Clause, ...],
    index: Index,
    providers: dict[str, list[Package]],
    excluded: frozenset[str],
) -> Package:
    for clause in alternatives:
        real = index.packages.get(clause.name)
        for package in ([real] if real else []) + providers.get(clause.name, []):
            if package.name not in excluded and _gives(package, clause):
                return package
    text = " | ".join(f"{c.name} ({c.relation} {c.version})" if c.relation else c.name for c in alternatives)
    raise LockError(f"{user} needs what {index.suite} ({index.architecture}) does not have", found=text)


def replace_packages(lock: Lock, names: Iterable[str], index: Index, *, note: Callable[[str], None]) -> Lock:
    """Return the lock with the named packages in the index's versions; one note per package names both versions."""
    current = {}
    for name in names:
        package = index.packages.get(name)
        if package is None:
            raise LockError(f"{lock.name}: the locked {name} can be had nowhere, and {lock.suite} has none any more")
        current[name] = locked_package(package)
    for locked in lock.packages:
        if locked.name in current:
            note(
                f"warning: {lock.name}: {locked.name} {locked.version} can be had nowhere, "
                f"using {current[locked.name].version} instead; the result is not locked"
            )
    return replace(lock, packages=tuple(current.get(p.name, p) for p in lock.packages), locked=False)
