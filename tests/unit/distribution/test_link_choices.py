"""A distribution whose OpenSSL is not static: what is shipped, what is told of it, and what relink leaves of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pythonbuild.distribution import sbom, typed_json
from pythonbuild.distribution.inspect_text import described
from pythonbuild.distribution.later_json import read_any_format, to_later
from pythonbuild.distribution.link_choices import path_of, read_choices, still_linked, system_sonames, write_choices
from pythonbuild.distribution.python_json import LinkChoice, LinkEntry, PythonJson, read_python_json
from pythonbuild.distribution.relink_choice import Wishes, choose
from pythonbuild.distribution.relink_files import named_files, remove_unused
from pythonbuild.distribution.relink_forms import Made, read_relinkable, rewrite
from pythonbuild.distribution.relink_link import link
from pythonbuild.distribution.schemas import problems
from pythonbuild.distribution.typed_json import JsonFormatError
from tests.unit.distribution.compilers import FakeCompiler
from tests.unit.distribution.trees import make_distribution, make_linked_distribution

SONAMES = {"crypto": "libcrypto.so.3", "ssl": "libssl.so.3"}
SHARED = ("install/lib/libcrypto.so.3", "install/lib/libssl.so.3")
CHOICES = "install/lib/python3.13/link-choices.json"


def links(document: PythonJson) -> tuple[LinkEntry, ...]:
    return document.build_info.extensions["_ssl"].links


def test_shared_libraries_are_shipped(tmp_path: Path) -> None:
    out, document = make_linked_distribution(tmp_path, "shared")
    top = out / "python"
    assert links(document) == (LinkEntry("ssl", path_dynamic=SHARED[1]), LinkEntry("crypto", path_dynamic=SHARED[0]))
    assert all((top / path).is_file() and not (top / path).is_symlink() for path in SHARED)
    assert not list((top / "build/lib").glob("lib[cs]*"))
    (source,) = (source for source in document.sources if source.name == "openssl")
    assert source.libraries == SHARED
    entry = document.build_info.extensions["_ssl"]
    assert (entry.licenses, entry.license_paths) == (("Apache-2.0",), ("licenses/LICENSE.openssl.txt",))
    assert document.link_choices == {"openssl": LinkChoice("shared", SONAMES)} == read_choices(top / "install")
    assert document.system_libraries == make_distribution(tmp_path / "static")[1].system_libraries
    assert sbom.linked_into(document)["openssl"] == ()
    assert described(document, {}, "")["Not static"] == (
        "openssl shared (libcrypto.so.3, libssl.so.3 in install/lib)")  # fmt: skip


def test_the_system_s_libraries_are_not(tmp_path: Path) -> None:
    out, document = make_linked_distribution(tmp_path, "system")
    top = out / "python"
    assert links(document) == (LinkEntry("ssl", system=True), LinkEntry("crypto", system=True))
    assert not any((top / path).exists() for path in (*SHARED, "licenses/LICENSE.openssl.txt"))
    assert [source.name for source in document.sources] == ["cpython"]
    assert document.system_libraries[-2:] == ("libcrypto.so.3", "libssl.so.3")
    assert system_sonames(read_choices(top / "install")) == dict.fromkeys(SONAMES.values(), "openssl")


def test_where_nobody_chose_nothing_tells_of_it(tmp_path: Path) -> None:
    out, document = make_distribution(tmp_path)
    assert not document.link_choices
    assert "link_choices" not in (out / "python/PYTHON.json").read_text()
    assert not (out / "python" / CHOICES).exists()
    assert read_choices(out / "python/install") == {}


@pytest.mark.parametrize("kind", ["shared", "system"])
def test_every_format_tells(tmp_path: Path, kind: str) -> None:
    document = make_linked_distribution(tmp_path, kind)[1]
    assert list(problems(json.loads(document.to_text()), "0")) == []
    assert read_python_json(document.to_text()) == document
    for version in ("7", "8"):
        text = to_later(document, version).to_text()
        assert list(problems(json.loads(text), version)) == []
        assert links(read_any_format(text)) == links(document)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "lib/python3.13/link-choices.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"openssl": {"kind": 3, "libraries": {}}}')
    with pytest.raises(JsonFormatError, match=r"lib/python3.13/link-choices.json: openssl.kind: found 3, expected tex"):
        read_choices(tmp_path)


def test_writing_again_leaves_other_trees_alone(tmp_path: Path) -> None:
    first = tmp_path / "first"
    (first / "install/lib/python3.13").mkdir(parents=True)
    write_choices(first, "install/lib/python3.13", {"xz": LinkChoice("system", {"lzma": "liblzma.so.5"})})
    other = tmp_path / "linked"
    other.hardlink_to(first / path_of("install/lib/python3.13"))
    write_choices(first, "install/lib/python3.13", {})
    assert "liblzma" in other.read_text()
    assert read_choices(first / "install") == {}


class TestRelinked:
    """An archive whose OpenSSL is not static, linked again."""

    @staticmethod
    def relinked(tmp_path: Path, kind: str, *without: str, **changes: Any) -> tuple[Path, str, FakeCompiler]:
        out, _ = make_linked_distribution(tmp_path, kind, **changes)
        top = out / "python"
        text = (top / "PYTHON.json").read_text()
        old = read_relinkable(text, "PYTHON.json").with_sonames(SONAMES)
        choice = choose(old, Wishes(without=without), top)
        compiler = FakeCompiler(out)
        link(choice.wanted, compiler, SONAMES.values())
        made = Made(choice, "cc 1.0", "", ("glibc-dynamic",), "x.tar.zst", "ab" * 32)
        new = rewrite(text, made)
        remove_unused(top, old, choice, named_files(text), named_files(new))
        return top, new, compiler

    def test_libraries_that_nothing_needs_are_dropped(self, tmp_path: Path) -> None:
        top, new, compiler = self.relinked(tmp_path, "shared", "_ssl")
        assert not any((top / path).exists() for path in SHARED)
        assert read_python_json(new).link_choices == {}
        assert not any("libssl" in word for word in compiler.told["link the interpreter"])

    def test_libraries_that_something_needs_stay(self, tmp_path: Path) -> None:
        top, new, compiler = self.relinked(tmp_path, "shared", "math")
        assert all((top / path).is_file() for path in SHARED)
        assert read_python_json(new).link_choices == {"openssl": LinkChoice("shared", SONAMES)}
        words = compiler.told["link the interpreter"]
        assert {f"python/{path}" for path in SHARED} <= {*words}
        assert "-Wl,-rpath,$ORIGIN/../lib" in words

    def test_the_system_s_are_linked_by_their_sonames(self, tmp_path: Path) -> None:
        _, new, compiler = self.relinked(tmp_path, "system", "math")
        assert {"-l:libssl.so.3", "-l:libcrypto.so.3"} <= {*compiler.told["link libpython"]}
        assert "libssl.so.3" in read_python_json(new).system_libraries

    def test_the_system_s_are_forgotten_with_their_module(self, tmp_path: Path) -> None:
        _, new, _ = self.relinked(tmp_path, "system", "_ssl")
        document = read_python_json(new)
        assert document.link_choices == {}
        assert not any("ssl" in name for name in document.system_libraries)

    def test_a_later_format_tells_what_is_left(self, tmp_path: Path) -> None:
        top, new, _ = self.relinked(tmp_path, "shared", "_ssl", python_json="8")
        assert still_linked(read_choices(top / "install"), read_any_format(new)) == {}


def test_a_part_of_a_dependency_may_be_left(tmp_path: Path) -> None:
    document = make_linked_distribution(tmp_path, "shared")[1]
    entry = document.build_info.extensions["_ssl"]
    info = replace(document.build_info, extensions={"_hashlib": replace(entry, links=(links(document)[1],))})
    left = still_linked(document.link_choices, replace(document, build_info=info))
    assert left == {"openssl": LinkChoice("shared", {"crypto": "libcrypto.so.3"})}
    assert typed_json.to_plain(left) == {"openssl": {"kind": "shared", "libraries": {"crypto": "libcrypto.so.3"}}}
