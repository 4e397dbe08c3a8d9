"""Frozen dataclasses to JSON text and back.

Writing keeps the order in which the fields are declared and sorts mappings, so that equal data gives equal bytes.
Reading checks every value against the field's annotation; what does not fit is named by its path, as in
``build_info.extensions._ssl.links[0].name``. Keys that no field knows are ignored: a reader must not fail on what a
later format adds.
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pythonbuild.errors import DistributionError

T = TypeVar("T")


class JsonFormatError(DistributionError):
    """JSON text that does not have the expected form."""

    reason = "json-format"


def to_plain(value: Any) -> Any:
    """Return dictionaries, lists, texts, numbers for a dataclass; mappings sorted by key."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return value


def to_text(value: Any) -> str:
    """Return a dataclass as indented JSON text that ends with a newline."""
    return json.dumps(to_plain(value), indent=2, ensure_ascii=False) + "\n"


def from_text(kind: type[T], text: str, where: str) -> T:
    """Return the dataclass that a JSON text describes. Raises JsonFormatError naming ``where`` and the value's path."""
    try:
        plain = json.loads(text)
    except ValueError as error:
        raise JsonFormatError(f"{where}: not JSON", found=error) from error
    result: T = _read(kind, plain, where, "")
    return result


def _read(kind: Any, value: Any, where: str, path: str) -> Any:
    if kind in (Any, object):
        return value
    if is_dataclass(kind):
        return _read_dataclass(kind, value, where, path)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _read(next(a for a in arguments if a is not type(None)), value, where, path)
    if origin is tuple:
        items = _expect(list, value, where, path)
        return tuple(_read(arguments[0], item, where, f"{path}[{index}]") for index, item in enumerate(items))
    if origin is Mapping:
        entries = _expect(dict, value, where, path)
        return {key: _read(arguments[1], item, where, _join(path, key)) for key, item in entries.items()}
    return _expect(kind, value, where, path)


def _read_dataclass(kind: Any, value: Any, where: str, path: str) -> Any:
    entries, hints, found = _expect(dict, value, where, path), get_type_hints(kind), {}
    for field in fields(kind):
        if field.name in entries:
            found[field.name] = _read(hints[field.name], entries[field.name], where, _join(path, field.name))
        elif field.default is MISSING and field.default_factory is MISSING:
            raise JsonFormatError(f"{where}: {_join(path, field.name)}", found="no such key")
    return kind(**found)


_NAMES = {str: "text", int: "a whole number", bool: "true or false", list: "a list", dict: "an object"}


def _expect(kind: type, value: Any, where: str, path: str) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise JsonFormatError(f"{where}: {path or 'top level'}", found=json.dumps(value)[:60], expected=_NAMES[kind])
    return value


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
