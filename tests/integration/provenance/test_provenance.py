"""What a real build says of its archive: valid, complete, true, and the same whenever it is said."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from pythonbuild.config.project import Project
from pythonbuild.distribution.objectfile import library_members
from pythonbuild.distribution.origins import files
from pythonbuild.distribution.sbom_text import (
    components,
    is_inside,
    licence,
    occurrences,
    properties,
    read_sbom,
    reference,
    sha256,
)
from pythonbuild.distribution.statement import read_statement
from pythonbuild.engine.store import Store
from tests.integration.conftest import CACHE, REPOSITORY, Run, build, clean, command


@pytest.fixture(scope="module")
def plain(first: Run) -> dict[str, Any]:
    path = Path(f"{first.archive}.cdx.json")
    return read_sbom(path.read_text("utf-8"), path.name)


@pytest.fixture(scope="module")
def parts(plain: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {reference(component): component for component in components(plain)}


@pytest.fixture(scope="module")
def stated(first: Run) -> dict[str, Any]:
    path = Path(f"{first.archive}.intoto.json")
    return read_statement(path.read_text("utf-8"), path.name)


def test_the_sbom_is_valid_and_in_the_archive(first: Run, installed: Path, plain: dict[str, Any]) -> None:
    text = (installed / "SBOM.cdx.json").read_text("utf-8")
    assert text == Path(f"{first.archive}.cdx.json").read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert plain["metadata"]["timestamp"][:19] == _description(installed)["build_date"][:19]


def _description(installed: Path) -> dict[str, Any]:
    document = json.loads((installed / "PYTHON.json").read_text("utf-8"))
    assert isinstance(document, dict)
    return document


def test_every_object_has_one_origin(installed: Path, parts: dict[str, dict[str, Any]]) -> None:
    origins: dict[str, list[str]] = {}
    for name, component in parts.items():
        for path in occurrences(component):
            origins.setdefault(path, []).append(name)
    assert sorted(origins) == files(installed)
    assert {path: names for path, names in origins.items() if len(names) > 1} == {}
    objects = [path for path in origins if path.endswith((".o", ".a"))]
    assert len(objects) > 350
    assert {origins[path][0] for path in objects if path.startswith("build/Python/")} == {"cpython", "python-build"}
    assert origins["build/Python/newer_libc.o"] == ["python-build"]
    assert origins["build/lib/libcrypto.a"] == ["openssl"]
    assert list(library_members((installed / "build/lib/libcrypto.a").read_bytes(), "libcrypto.a"))
    assert origins["install/share/terminfo/x/xterm"] == ["ncurses"]
    (script,) = (path for path in origins if path.endswith("/tk.tcl"))
    assert origins[script] == ["tk"]


def test_what_was_linked_in_is_in_there(installed: Path, parts: dict[str, dict[str, Any]]) -> None:
    """A word of the library itself is found in the programs that it is said to be linked into, and only there."""
    for name, word in (
        ("openssl", rb"OpenSSL 3\.\d+\.\d+"),
        ("sqlite", rb"sqlite_master"),
        ("zlib", rb"deflate 1\.\d"),
    ):
        linked = properties(parts[name], "linked-into")
        assert len(linked) == 2, "the interpreter and libpython"
        for path in linked:
            assert re.search(word, (installed / path).read_bytes()), (name, path)
        others = set(installed.glob("install/lib/python3.*/lib-dynload/*.so")) - {installed / path for path in linked}
        assert not [path for path in others if re.search(word, path.read_bytes())]


def test_sources_patches_and_packages(installed: Path, parts: dict[str, dict[str, Any]]) -> None:
    named = {source["name"]: source for source in _description(installed)["sources"]}
    for name, source in named.items():
        component = parts[name]
        assert (component["version"], sha256(component), licence(component)) == (
            source["version"], source["sha256"], source["license"])  # fmt: skip
        assert [item["url"] for item in component["externalReferences"] if item["type"] == "source-distribution"]
    applied = {patch.partition(" ")[0] for component in parts.values() for patch in properties(component, "patch")}
    there = {path.relative_to(REPOSITORY).as_posix() for path in REPOSITORY.glob("cpython-unix/recipes/*/patches/*")}
    assert there <= applied
    for path in applied:
        assert (REPOSITORY / path).is_file()
    pip = next(component for name, component in parts.items() if name.startswith("pypi:pip@"))
    said = subprocess.run([installed / "install/bin/pip", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.split()[1] == pip["version"]
    assert {"clang", "lld"} <= {component["name"] for component in parts.values() if not is_inside(component)}
    locked = [component for name, component in parts.items() if name.startswith("deb:build/")]
    assert len(locked) > 100
    assert all(sha256(component) for component in locked)


def test_the_patches_that_the_logs_tell_of(parts: dict[str, dict[str, Any]]) -> None:
    """What CPython's own build said that it applied, as far as a log of it is still there."""
    logs = sorted((CACHE / "logs").glob(f"*/cpython-{parts['cpython']['version']}-noopt.log"))
    told = next((found for log in reversed(logs) if (found := set(re.findall(r"^.*applying (\S+\.patch)$",
                log.read_text("utf-8", "replace"), re.MULTILINE)))), None)  # fmt: skip
    if told is None:
        pytest.skip("CPython was not built here")
    applied = [patch.partition(" ")[0] for patch in properties(parts["cpython"], "patch")]
    assert told <= {path.rpartition("/")[2] for path in applied}


def test_the_statement(first: Run, stated: dict[str, Any]) -> None:
    subject, sbom = stated["subject"]
    assert subject == {"name": first.archive.name, "digest": {"sha256": first.sha256}}
    assert sbom["name"] == f"{first.archive.name}.cdx.json"
    definition, details = stated["predicate"]["buildDefinition"], stated["predicate"]["runDetails"]
    steps = {item["name"]: item for item in details["byproducts"]}
    assert set(steps) == set(first.steps)
    with Store(CACHE) as store:
        for name, step in steps.items():
            record = store.peek(step["annotations"]["actionKey"])
            assert record is not None, name
            assert (record.step, record.tree) == (name, step["digest"]["sha256"])
    digests = {item["digest"].get("sha256") for item in definition["resolvedDependencies"]}
    sources = Project(REPOSITORY).sources
    assert sources["sqlite"].pins[0].sha256 in digests or len(sources["sqlite"].pins) > 1
    text = json.dumps(stated)
    assert str(REPOSITORY) not in text
    assert str(CACHE) not in text


def test_the_same_again(first: Run, tmp_path: Path) -> None:
    version = first.archive.name.split("-")[1]
    again = build(tmp_path / "dist", "--python", version, "--jobs", "1")
    for suffix in (".cdx.json", ".intoto.json"):
        one, other = (Path(f"{run.archive}{suffix}").read_bytes() for run in (first, again))
        if suffix == ".intoto.json":
            one, other = (_without_wish(text) for text in (one, other))
        assert one == other, suffix


def _without_wish(text: bytes) -> bytes:
    """Leave out what was asked for: a series and its newest version are two wishes, and one result."""
    plain = json.loads(text)
    del plain["predicate"]["buildDefinition"]["externalParameters"]["python"]
    return json.dumps(plain).encode()


def test_inspect_shows_it(first: Run) -> None:
    done = subprocess.run(command(REPOSITORY, ["inspect", str(first.archive)], CACHE), capture_output=True, text=True,
                          check=True, env=clean())  # fmt: skip
    for words in ("SBOM:          python/SBOM.cdx.json, urn:uuid:", "about this archive", "toolchain:   clang ",
                  "patch cpython-unix/recipes/cpython/patches/getpath-find-installation.patch  sha256:"):  # fmt: skip
        assert words in done.stdout, words
    asked = subprocess.run(command(REPOSITORY, ["inspect", str(first.archive), "--json"], CACHE), capture_output=True,
                           text=True, check=True, env=clean())  # fmt: skip
    plain = json.loads(asked.stdout)
    assert plain["provenance"]["matches"] is True
    assert plain["provenance"]["steps"]["openssl"]["action_key"]
    assert plain["sbom"]["tools"]["clang"]
