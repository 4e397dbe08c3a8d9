"""YAML documents read with their place in mind: every error names ``file: path.to.key``.

A :class:`Node` wraps one value and knows where it stands. Its accessors check the type; ``mapping`` refuses unknown
keys. The loaders in this package turn nodes into the frozen objects of :mod:`pythonbuild.config.model`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pythonbuild.errors import ConfigError

SHA256 = re.compile(r"[0-9a-f]{64}")


# libyaml's parser is ten times faster; a lock of 200 packages would else cost half of a warm start.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """SafeLoader that refuses a key given twice (plain YAML silently takes the last)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


# Versions such as 3.10 must stay text, and so must a hash that happens to look like a number: no floats, no dates, and
# whole numbers only as people write them.
_NOT_RESOLVED = ("tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NOT_RESOLVED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"-?(?:0|[1-9][0-9]{0,17})$"), [*"-0123456789"])


def read_document(path: Path) -> Node:
    """Read one YAML file. Raises ConfigError naming the file, line and column on malformed YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read", found=error) from error
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise ConfigError(f"{place}: not valid YAML", found=error.problem) from error
    return Node(value, path, "")


@dataclass(frozen=True)
class Node:
    """One value of a document, with the file it stands in and its path there (``pins[0].sha256``)."""

    value: Any
    file: Path
    path: str

    def fail(self, what: str, *, found: object = None, expected: object = None, advice: str = "") -> ConfigError:
        """Return (not raise) the error for this place."""
        place = f"{self.file}: {self.path}" if self.path else str(self.file)
        return ConfigError(f"{place}: {what}", found=found, expected=expected, advice=advice)

    def _expect(self, kind: type | tuple[type, ...], name: str) -> Any:
        if not isinstance(self.value, kind) or (isinstance(self.value, bool) and kind is not bool):
            raise self.fail("wrong type", found=repr(self.value)[:80], expected=name)
        return self.value

    def mapping(self, *, required: Collection[str] = (), optional: Collection[str] = ()) -> dict[str, Node]:
        """Return the mapping's values by key; refuses unknown and missing keys."""
        value = self._expect(dict, "a mapping")
        allowed = [*required, *optional]
        for key in value:
            if key not in allowed:
                near = difflib.get_close_matches(str(key), allowed, 1)
                advice = f"did you mean {near[0]!r}?" if near else ""
                raise self._child(key).fail("unknown key", expected=f"one of {', '.join(allowed)}", advice=advice)
        for key in required:
            if key not in value:
                raise self.fail(f"key {key!r} is missing")
        return {key: self._child(key) for key in value}

    def items(self) -> Iterator[tuple[str, Node]]:
        """Iterate over a mapping with free keys (names)."""
        for key in self._expect(dict, "a mapping"):
            if not isinstance(key, str):
                raise self._child(key).fail("wrong key", found=repr(key), expected="text (quote it)")
            yield key, self._child(key)

    def _child(self, key: object) -> Node:
        child = self.value.get(key) if isinstance(self.value, dict) else None
        return Node(child, self.file, f"{self.path}.{key}" if self.path else str(key))

    def elements(self) -> list[Node]:
        """Return the elements of a list."""
        value = self._expect(list, "a list")
        return [Node(item, self.file, f"{self.path}[{index}]") for index, item in enumerate(value)]

    def text(self) -> str:
        return str(self._expect(str, "text"))

    def integer(self) -> int:
        return int(self._expect(int, "a whole number"))

    def number(self) -> float:
        return float(self._expect((int, str), "a number"))

    def boolean(self) -> bool:
        return bool(self._expect(bool, "true or false"))

    def texts(self) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(element.text() for element in self.elements())

    def text_map(self) -> dict[str, str]:
        """Return a mapping from text to text; whole numbers are taken as text."""
        return {key: str(node._expect((str, int), "text")) for key, node in self.items()}

    def choice(self, *allowed: str) -> str:
        value = self.text()
        if value not in allowed:
            raise self.fail("unknown value", found=repr(value), expected=f"one of {', '.join(allowed)}")
        return value

    def sha256(self) -> str:
        value = self.text()
        if not SHA256.fullmatch(value):
            raise self.fail("malformed sha256", found=repr(value), expected="64 lower-case hexadecimal digits")
        return value
