"""What is wrong with an SBOM is seen by the right check."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pythonbuild.validation import provenance
from tests.unit.distribution.provenances import add_sbom
from tests.unit.validation.bench import Bench, assert_refused, put

Plain = dict[str, Any]


def change(alter: Callable[[Plain, dict[str, Plain]], object]) -> Callable[[Bench], None]:
    """Change the SBOM: its data, and its components by reference."""

    def spoil(bench: Bench) -> None:
        plain = json.loads((bench.top / "SBOM.cdx.json").read_text())
        alter(plain, {component["bom-ref"]: component for component in plain["components"]})
        bench.write("SBOM.cdx.json", json.dumps(plain))

    return spoil


def files_of(component: Plain) -> list[Plain]:
    return list(component["evidence"].setdefault("occurrences", []))


def add_file(component: Plain, path: str) -> None:
    component["evidence"]["occurrences"].append({"location": path})


def drop(component: Plain, name: str) -> None:
    component["properties"] = [item for item in component["properties"] if item["name"] != f"python-build:{name}"]


CASES: dict[str, tuple[Callable[[Bench], object], str, str]] = {
    "an unknown key": (change(lambda plain, _: plain.update(nonsense=1)), "provenance-schema", "nonsense"),
    "a number for a text": (change(lambda _, parts: parts["openssl"].update(version=3)), "provenance-schema",
                            "3 is not of type 'string'"),
    "another version": (change(lambda plain, _: plain.update(specVersion="9.9")), "provenance-schema",
                        "specVersion '9.9'"),
    "not JSON": (put("SBOM.cdx.json", "{"), "provenance-complete", "not JSON"),
    "a file of nobody": (put("build/Python/stray.o", ""), "provenance-complete",
                         "build/Python/stray.o: no component of python/SBOM.cdx.json is its origin"),
    "a file that is gone": (lambda bench: (bench.top / "build/Python/core.o").unlink(), "provenance-complete",
                            "build/Python/core.o: named by python/SBOM.cdx.json, and not in the archive"),
    "two origins": (change(lambda _, parts: add_file(parts["openssl"], "build/Python/core.o")), "provenance-complete",
                    "build/Python/core.o: named 2 times"),
    "linked into nothing": (
        change(lambda _, parts: parts["openssl"]["properties"].append(
            {"name": "python-build:linked-into", "value": "install/bin/openssl"})),
        "provenance-complete", "install/bin/openssl: component openssl is linked into it, and it is not in"),
    "a source is missing": (change(lambda plain, parts: plain["components"].remove(parts["openssl"])),
                            "provenance-sources", "no component openssl, which PYTHON.json has"),
    "another source": (change(lambda _, parts: parts["openssl"].update(version="1.3")), "provenance-sources",
                       "component openssl: version '1.3', PYTHON.json has '1.2'"),
    "another hash": (change(lambda _, parts: parts["openssl"]["hashes"][0].update(content="00" * 32)),
                     "provenance-sources", "sha256 '0000"),
    "another licence": (change(lambda _, parts: parts["openssl"].update(licenses=[{"expression": "MIT"}])),
                        "provenance-sources", "licence 'MIT', PYTHON.json has 'Apache-2.0'"),
    "another version by CPE": (
        change(lambda _, parts: parts["openssl"].update(cpe="cpe:2.3:a:openssl:openssl:1.3:*:*:*:*:*:*:*")),
        "provenance-sources", "cpe 'cpe:2.3:a:openssl:openssl:1.3:"),
    "no name by CPE": (change(lambda _, parts: parts["openssl"].update(cpe="openssl")), "provenance-sources",
                       "cpe 'openssl', PYTHON.json has None"),
    "not said what it is linked into": (change(lambda _, parts: drop(parts["openssl"], "linked-into")),
                                        "provenance-sources", "component openssl: linked-into []"),
    "a library of another": (change(lambda _, parts: files_of(parts["openssl"]) and parts["openssl"].pop("evidence")),
                             "provenance-sources", "component openssl is not the origin of build/lib/libcrypto.a"),
    "a patch without hash": (
        change(lambda _, parts: parts["openssl"]["properties"].append(
            {"name": "python-build:patch", "value": "x.patch"})),
        "provenance-sources", "patch 'x.patch', expected a path and its sha256"),
    "another CPython": (change(lambda _, parts: parts["cpython"].update(version="3.13.4")), "provenance-sources",
                        "CPython 3.13.4, PYTHON.json has 3.13.5"),
    "another compiler": (change(lambda _, parts: parts["tool:clang"].update(version="21.1")), "provenance-tools",
                         "clang 21.1, PYTHON.json has 22.1.8"),
    "a package without hash": (change(lambda _, parts: parts["deb:build/make"].pop("hashes")), "provenance-tools",
                               "deb:build/make: no SHA-256"),
    "a package from nowhere": (change(lambda _, parts: parts["deb:build/make"].pop("externalReferences")),
                               "provenance-tools", "deb:build/make: no address"),
    "a tool in the distribution": (change(lambda _, parts: parts["deb:build/make"].update(scope="required")),
                                   "provenance-tools", "deb:build/make: in the distribution, and linked into nothing"),
}  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    # The small distribution's CPython is said to be 1.2, like everything in it.
    made.edit(lambda plain: next(s for s in plain["sources"] if s["name"] == "cpython").update(version="3.13.5"))
    add_sbom(tmp_path)
    return made


def test_right(bench: Bench) -> None:
    outcomes = {result.id: result.lines() for result in bench.run().results if result.id.startswith("provenance-")}
    assert set(outcomes) == {check.id for check in provenance.CHECKS}
    assert all(lines[0].startswith("passed") for lines in outcomes.values()), outcomes


@pytest.mark.parametrize("name", CASES)
def test_wrong(bench: Bench, name: str) -> None:
    spoil, identifier, words = CASES[name]
    spoil(bench)
    assert_refused(bench.run(), identifier, words)


def test_without_an_sbom(tmp_path: Path) -> None:
    results = [result for result in Bench(tmp_path).run().results if result.id.startswith("provenance-")]
    assert {result.outcome for result in results} == {"not applicable"}
    assert results[0].findings == ("there is no python/SBOM.cdx.json",)
