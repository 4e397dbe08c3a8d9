from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pythonbuild.config.locks import load_lock
from pythonbuild.debian.index import Index, Package, parse_depends
from pythonbuild.debian.relock import relock, replace_packages, resolve, resolve_lock
from pythonbuild.errors import LockError
from tests.unit.debian.debmaker import description


def package(
    name: str, depends: str = "", *, version: str = "1", provides: str = "", essential: bool = False
) -> Package:
    return Package(
        name=name,
        version=version,
        architecture="amd64",
        path=f"pool/{name}_{version}_amd64.deb",
        sha256="a" * 64,
        size=1000,
        essential=essential,
        depends=parse_depends(depends),
        provides=tuple(clause for clauses in parse_depends(provides) for clause in clauses),
    )


def index_of(*packages: Package) -> Index:
    return Index("trixie", "amd64", "20260913T000000Z", {package.name: package for package in packages})


def names(index: Index, *wanted: str, exclude: Sequence[str] = (), **more: bool) -> list[str]:
    return [found.name for found in resolve(description(packages=wanted, exclude=tuple(exclude), **more), index)]


def test_dependencies_follow_and_base_files_comes_first() -> None:
    index = index_of(package("clang", "libllvm, base-files"), package("libllvm", "libc6"), package("libc6"),
                     package("base-files"), package("zsh"))  # fmt: skip
    assert names(index, "clang") == ["base-files", "clang", "libc6", "libllvm"]
    assert names(index, "clang", dependencies=False) == ["clang"]


def test_dependencies_may_go_round() -> None:
    assert names(index_of(package("a", "b"), package("b", "a")), "a") == ["a", "b"]


def test_an_alternative_that_is_wanted_already_is_taken() -> None:
    index = index_of(package("app", "mawk | gawk"), package("mawk"), package("gawk"))
    assert names(index, "app") == ["app", "mawk"]
    assert names(index, "app", "gawk") == ["app", "gawk"]


def test_a_provided_name_is_enough() -> None:
    index = index_of(package("app", "awk"), package("mawk", provides="awk"), package("gawk", provides="awk"))
    assert names(index, "app") == ["app", "gawk"]
    assert names(index, "app", "mawk") == ["app", "mawk"]


def test_versions_are_minded() -> None:
    index = index_of(package("app", "lib (>= 2) | other"), package("lib", version="1.9"), package("other"))
    assert names(index, "app") == ["app", "other"]
    virtual = index_of(
        package("app", "api (>= 2)"), package("old", provides="api"), package("new", provides="api (= 3)")
    )
    assert names(virtual, "app") == ["app", "new"]


def test_the_essential_set_is_added_on_request() -> None:
    index = index_of(package("app"), package("bash", "libc6", essential=True), package("libc6"))
    assert names(index, "app", essential=True) == ["app", "bash", "libc6"]
    assert names(index, "app") == ["app"]


def test_what_is_excluded_is_left_out_with_what_only_it_needs() -> None:
    index = index_of(package("clang", "binutils, perl | debconf"), package("binutils", "libbfd"), package("libbfd"),
                     package("perl"))  # fmt: skip
    assert names(index, "clang", exclude=["binutils"]) == ["clang", "perl"]
    assert names(index, "clang", exclude=["binutils", "debconf"]) == ["clang"]


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(LockError, match=r"test: no package clang in trixie \(amd64\)"):
        resolve(description(packages=("clang",)), index_of())
    with pytest.raises(LockError, match=r"app needs what trixie .*: found lib \(>= 2\) | other"):
        resolve(description(packages=("app",)), index_of(package("app", "lib (>= 2) | other"), package("lib")))


def test_relock_writes_only_what_changed(tmp_path: Path) -> None:
    index = index_of(package("a", "b"), package("b"))
    notes: list[str] = []

    def run(described: str) -> list[Path]:
        return relock([description(packages=(described,))], tmp_path, ["base"], note=notes.append,
                      index=lambda _bases, _suite, _architecture: index)  # fmt: skip

    assert run("a") == [tmp_path / "test-amd64.yml"]
    assert run("a") == []
    assert load_lock(tmp_path / "test-amd64.yml") == resolve_lock(description(packages=("a",)), index)
    assert run("b") == [tmp_path / "test-amd64.yml"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["test-amd64.yml"]
    assert notes[0] == "reading the package index of trixie (amd64)"


def test_replacing_names_both_versions() -> None:
    lock = resolve_lock(description(packages=("a", "b")), index_of(package("a"), package("b")))
    notes: list[str] = []
    replaced = replace_packages(lock, ["a"], index_of(package("a", version="2")), note=notes.append)
    assert [(p.name, p.version) for p in replaced.packages] == [("a", "2"), ("b", "1")]
    assert not replaced.locked
    assert lock.locked
    (note,) = notes
    assert "a 1 can be had nowhere, using 2 instead" in note
    with pytest.raises(LockError, match="trixie has none any more"):
        replace_packages(lock, ["b"], index_of(), note=notes.append)
