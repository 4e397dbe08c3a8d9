"""PYTHON.json as text: stable, read back as it was, every wrong value named by its path."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from pythonbuild.distribution.python_json import (
    BuildInfo,
    CoreEntry,
    ExtensionEntry,
    LinkEntry,
    PythonJson,
    SourceEntry,
    read_python_json,
)
from pythonbuild.distribution.typed_json import JsonFormatError
from tests.unit.distribution.trees import make_distribution


@pytest.fixture
def text(tmp_path: Path) -> str:
    return make_distribution(tmp_path)[1].to_text()


def test_format_0(text: str) -> None:
    plain = json.loads(text)
    assert next(iter(plain)) == "version"
    assert {"version", "os", "arch", "python_flavor", "python_version", "python_exe", "python_include", "python_stdlib",
            "build_info"} <= plain.keys()  # fmt: skip
    assert {"objs", "links"} <= plain["build_info"]["core"].keys()
    extension = plain["build_info"]["extensions"]["_ssl"]
    assert {"in_core", "init_fn", "links", "objs", "static_lib"} <= extension.keys()
    assert extension["static_lib"] is None
    assert extension["links"][0] == {
        "name": "ssl", "path_static": "build/lib/libssl.a", "path_dynamic": None, "framework": False, "system": False,
    }  # fmt: skip
    assert text.endswith("}\n")


def test_read_back(text: str) -> None:
    document = read_python_json(text)
    assert document.to_text() == text


def test_paths(text: str) -> None:
    paths = read_python_json(text).paths()
    assert paths["python_exe"] == "install/bin/python3.13"
    assert paths["build_info.core.objs[2]"] == "build/Python/core.o"
    assert paths["build_info.extensions._ssl.links[1].path_static"] == "build/lib/libcrypto.a"
    assert paths["build_info.extensions._ssl.license_paths[0]"] == "licenses/LICENSE.openssl.txt"
    assert paths["sources[1].license_paths[0]"] == "licenses/LICENSE.openssl.txt"
    assert not any(path.startswith("https:") for path in paths.values())


def test_further_keys_are_ignored(text: str) -> None:
    plain = json.loads(text)
    plain["new"] = plain["build_info"]["core"]["new"] = 1
    assert read_python_json(json.dumps(plain)).to_text() == text


def _delete(key: str) -> Any:
    return lambda plain: plain.pop(key)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_delete("python_exe"), "PYTHON.json: python_exe: found no such key"),
        (lambda p: p.update(version="7"), "version: found '7', expected \"0\""),
        (lambda p: p["build_info"].pop("core"), r"build_info\.core: found no such key"),
        (lambda p: p["build_info"]["core"].update(objs="x"), r'build_info\.core\.objs: found "x", expected a list'),
        (lambda p: p["build_info"]["core"]["objs"].append(1), r"core\.objs\[3\]: found 1, expected text"),
        (lambda p: p["build_info"]["extensions"]["_ssl"]["links"][0].update(system=1),
         r"extensions\._ssl\.links\[0\]\.system: found 1, expected true or false"),
        (lambda p: p["sources"][0].update(size=True), r"sources\[0\]\.size: found true, expected a whole number"),
        (lambda p: p.update(build_info=[]), r"build_info: found \[\], expected an object"),
    ],
)  # fmt: skip
def test_wrong_values_are_named(text: str, change: Any, words: str) -> None:
    plain = json.loads(text)
    change(plain)
    with pytest.raises(JsonFormatError, match=words):
        read_python_json(json.dumps(plain))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"'])
def test_not_an_object(text: str) -> None:
    with pytest.raises(JsonFormatError, match=r"PYTHON\.json"):
        read_python_json(text)


def test_the_reference_names_every_key() -> None:
    text = (Path(__file__).parents[3] / "docs/python-json.rst").read_text(encoding="utf-8")
    kinds = (PythonJson, BuildInfo, CoreEntry, ExtensionEntry, LinkEntry, SourceEntry)
    assert [field.name for kind in kinds for field in fields(kind) if f"``{field.name}``" not in text] == []
