"""Every error names the file and the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from pythonbuild.config.document import Node, read_document
from pythonbuild.errors import ConfigError


def document(tmp_path: Path, text: str) -> Node:
    path = tmp_path / "file.yml"
    path.write_text(text)
    return read_document(path)


def test_unknown_key_names_place_and_near_match(tmp_path: Path) -> None:
    node = document(tmp_path, "a:\n  b:\n    licnce: x\n")
    with pytest.raises(ConfigError, match=r"file\.yml: a\.b\.licnce: unknown key.*did you mean 'licence'") as caught:
        node.mapping(required=["a"])["a"].mapping(required=["b"])["b"].mapping(optional=["licence"])
    assert caught.value.exit_code == 2


def test_missing_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="key 'b' is missing"):
        document(tmp_path, "a: 1\n").mapping(required=["a", "b"])


def test_key_given_twice(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"file\.yml:2:1: not valid YAML.*'a' is given twice"):
        document(tmp_path, "a: 1\na: 2\n")


def test_broken_yaml_names_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"file\.yml:\d+:\d+: not valid YAML"):
        document(tmp_path, "a:\n  - [b\n")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yml: cannot be read"):
        read_document(tmp_path / "absent.yml")


def test_versions_stay_text(tmp_path: Path) -> None:
    assert document(tmp_path, "a: 3.10\nb: 2020-01-02\n").text_map() == {"a": "3.10", "b": "2020-01-02"}


def test_a_hash_is_never_a_number(tmp_path: Path) -> None:
    digits = "1234567890" * 6 + "1234"
    assert document(tmp_path, digits).sha256() == digits
    with pytest.raises(ConfigError, match="malformed sha256: found '0xab'"):
        document(tmp_path, "0xab").sha256()
    assert document(tmp_path, "-12").integer() == -12


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("a: 1", "text"),
        ("a: x", "integer"),
        ("a: true", "integer"),
        ("a: x", "boolean"),
        ("a: x", "elements"),
        ("a: [1]", "texts"),
    ],
)
def test_wrong_type(tmp_path: Path, text: str, call: str) -> None:
    node = document(tmp_path, text).mapping(required=["a"])["a"]
    with pytest.raises(ConfigError, match=r"file\.yml: a(\[0\])?: wrong type"):
        getattr(node, call)()


def test_sha256(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="malformed sha256"):
        document(tmp_path, "A" * 64).sha256()
    assert document(tmp_path, "'" + "a" * 64 + "'").sha256() == "a" * 64


def test_choice(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"found 'x', expected one of a, b"):
        document(tmp_path, "x").choice("a", "b")
