"""The schemas: the classes that write the formats have the same keys, every key is described, mistakes are named."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import jsonschema
import pytest

from pythonbuild.distribution import later_json, python_json, typed_json
from pythonbuild.distribution.later_json import LaterPythonJson, to_later
from pythonbuild.distribution.python_json import PythonJson
from pythonbuild.distribution.schemas import DIRECTORY, FILES, load_schema, problems, render_format_7
from tests.unit.distribution.trees import make_distribution

REPOSITORY = Path(__file__).parents[3]
#: Which class writes which object of a schema ("" for the whole document).
CLASSES: list[tuple[str, str, type]] = [
    ("0", "", PythonJson), ("0", "build_info", python_json.BuildInfo), ("0", "core", python_json.CoreEntry),
    ("0", "extension", python_json.ExtensionEntry), ("0", "link", python_json.LinkEntry),
    ("0", "source", python_json.SourceEntry), ("0", "interpreter", python_json.InterpreterEntry),
    *((version, name, kind) for version in ("7", "8") for name, kind in (
        ("", LaterPythonJson), ("build_info", later_json.LaterBuildInfo), ("core", later_json.LaterCore),
        ("variant", later_json.LaterVariant), ("link", later_json.LaterLink))),
]  # fmt: skip


def part_of(version: str, name: str) -> Mapping[str, Any]:
    schema = load_schema(version)
    part: Mapping[str, Any] = schema["$defs"][name] if name else schema
    return part


@pytest.mark.parametrize(("version", "name", "kind"), CLASSES)
def test_the_classes_have_the_schema_s_keys(version: str, name: str, kind: type) -> None:
    part = part_of(version, name)
    keys = {field.name for field in fields(kind)} - ({"build_options"} if (version, name) == ("7", "") else set())
    assert set(part["properties"]) == keys
    assert part["additionalProperties"] is False
    needed = {field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING}
    assert needed <= set(part["required"])


def kinds_of(entry: Mapping[str, Any], schema: Mapping[str, Any]) -> set[str]:
    """The JSON types that an entry lets pass."""
    if "$ref" in entry:
        return kinds_of(schema["$defs"][entry["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in entry:
        return set().union(*(kinds_of(item, schema) for item in entry["anyOf"]))
    if "const" in entry and "type" not in entry:
        return {"string"}
    return {entry["type"]} if isinstance(entry["type"], str) else set(entry["type"])


def kinds_of_hint(hint: Any) -> set[str]:
    if get_origin(hint) in (Union, types.UnionType):
        return set().union(*(kinds_of_hint(item) for item in get_args(hint)))
    plain = {str: "string", int: "integer", bool: "boolean", type(None): "null", tuple: "array"}
    return {plain.get(get_origin(hint) or hint, "object")}


@pytest.mark.parametrize(("version", "name", "kind"), CLASSES)
def test_the_classes_have_the_schema_s_types(version: str, name: str, kind: type) -> None:
    part, schema, hints = part_of(version, name), load_schema(version), get_type_hints(kind)
    for key, entry in part["properties"].items():
        assert kinds_of(entry, schema) - {"null"} == kinds_of_hint(hints[key]) - {"null"}, key
        if version == "0":  # what is null there is written
            assert kinds_of(entry, schema) == kinds_of_hint(hints[key]), key


def described(part: Mapping[str, Any]) -> list[str]:
    return [
        name for name, entry in part.get("properties", {}).items() if not entry.get("description", "").endswith(".")
    ]


@pytest.mark.parametrize("version", FILES)
def test_every_key_is_described(version: str) -> None:
    schema = load_schema(version)
    jsonschema.Draft202012Validator.check_schema(dict(schema))
    assert [described(part) for part in (schema, *schema["$defs"].values())] == [[]] * (1 + len(schema["$defs"]))


def test_format_7_s_schema_is_made_from_8_s() -> None:
    assert (DIRECTORY / FILES["7"]).read_text(encoding="utf-8") == render_format_7(REPOSITORY)


@pytest.mark.parametrize("version", FILES)
def test_what_is_written_fits(tmp_path: Path, version: str) -> None:
    document = make_distribution(tmp_path)[1]
    plain = typed_json.to_plain(document) if version == "0" else to_later(document, version).to_plain()
    assert list(problems(plain, version)) == []


@pytest.mark.parametrize(
    ("plain", "found"),
    [
        ([], ["top level: [], expected an object"]),
        ({"version": "7", "more": 1}, ["more: unknown key", "version: '7', expected '8'", "python_tag: missing"]),
        ({"license_path": 3, "licenses": [1], "python_exe": "/usr/bin/python3"},
         ["license_path: 3, expected text", "licenses[0]: 1, expected text",
          "python_exe: '/usr/bin/python3', expected the form"]),
        ({"python_suffixes": {"source": ".py"}}, ["python_suffixes.bytecode: missing",
                                                  'python_suffixes.source: ".py", expected a list']),
        ({"libpython_link_mode": "both"}, ["libpython_link_mode: 'both', expected 'shared' or 'static'"]),
        ({"python_implementation_version": ["3"]}, ["python_implementation_version: ['3'] is too short"]),
        ({"python_exe": "a/../b"}, ["python_exe: 'a/../b', expected the form"]),
    ],
)  # fmt: skip
def test_mistakes_are_named(plain: object, found: list[str]) -> None:
    lines = list(problems(plain, "8"))
    assert [words for words in found if not any(line.startswith(words) for line in lines)] == []
