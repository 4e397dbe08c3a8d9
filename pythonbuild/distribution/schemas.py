"""The JSON Schemas of PYTHON.json's formats: docs/schemas, where other programs find them too.

Those of the formats 0 and 8 are written by hand; that of format 7 is made from that of 8 (:func:`render_format_7`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.exceptions import ValidationError as SchemaError

DIRECTORY = Path(__file__).parents[2] / "docs" / "schemas"
FILES = {version: f"python-json-{version}.json" for version in ("0", "7", "8")}
_KINDS = {"string": "text", "integer": "a whole number", "boolean": "true or false", "array": "a list",
          "object": "an object", "null": "null"}  # fmt: skip


@cache
def load_schema(version: str) -> Mapping[str, Any]:
    """Return the schema of a format."""
    schema: dict[str, Any] = json.loads((DIRECTORY / FILES[version]).read_text(encoding="utf-8"))
    return schema


def schema_files() -> list[Path]:
    """Return the files of all schemas."""
    return [DIRECTORY / name for name in FILES.values()]


def render_format_7(_repository: Path) -> str:
    """Return the text of format 7's schema: format 8's, less the key that came with it."""
    schema = json.loads((DIRECTORY / FILES["8"]).read_text(encoding="utf-8").replace("python-json-8", "python-json-7"))
    schema["title"] = schema["title"].replace("8", "7")
    schema["$comment"] = f"Made from {FILES['8']} by ./build-linux.py generate; do not edit."
    schema["properties"]["version"].update(const="7", description="The format: ``7``.")
    del schema["properties"]["build_options"]
    schema["required"].remove("build_options")
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def problems(plain: object, version: str) -> Iterator[str]:
    """Yield what is wrong with a description of a format that has a schema, a line for each place."""
    validator = jsonschema.Draft202012Validator(load_schema(version))
    errors = sorted(validator.iter_errors(plain), key=lambda error: [str(part) for part in error.absolute_path])
    yield from dict.fromkeys(line for error in errors for line in _lines(error))


def _lines(error: SchemaError) -> Iterator[str]:
    """Put one error in this project's words."""
    if error.validator == "anyOf":  # something, or null: what is wrong with the something
        for inner in error.context or ():
            if inner.schema_path[0] == 0:
                yield from _lines(inner)
        return
    wanted: Any = error.validator_value
    schema: Any = error.schema
    place, found = _place(error), error.instance
    if error.validator == "additionalProperties" and isinstance(found, dict):
        known = schema.get("properties", {})
        yield from (f"{_join(place, key)}: unknown key" for key in found if key not in known)
    elif error.validator == "required" and isinstance(found, dict):
        yield from (f"{_join(place, key)}: missing" for key in wanted if key not in found)
    elif error.validator == "type":
        kinds = " or ".join(_KINDS[kind] for kind in ([wanted] if isinstance(wanted, str) else wanted))
        yield f"{place or 'top level'}: {_short(found)}, expected {kinds}"
    elif error.validator in ("enum", "const"):
        values = wanted if isinstance(wanted, list) else [wanted]
        yield f"{place}: {found!r}, expected {' or '.join(map(repr, values))}"
    elif error.validator == "pattern":
        yield f"{place}: {found!r}, expected the form {wanted}"
    else:
        yield f"{place or 'top level'}: {error.message}"


def _place(error: SchemaError) -> str:
    place = ""
    for part in error.absolute_path:
        place = f"{place}[{part}]" if isinstance(part, int) else _join(place, str(part))
    return place


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _short(value: object) -> str:
    return json.dumps(value)[:60]
