"""The formats 7 and 8: what they say, what they leave out, and that it is read back in the words of format 0."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pythonbuild.distribution.later_json import (
    APPLE_SDK,
    FormatError,
    between_later,
    read_any_format,
    spdx_identifiers,
    to_later,
)
from pythonbuild.distribution.python_json import InterpreterEntry, LinkEntry, PythonJson
from pythonbuild.distribution.typed_json import JsonFormatError
from tests.unit.distribution.trees import INTERPRETER, make_distribution


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> PythonJson:
    return make_distribution(tmp_path_factory.mktemp("made"))[1]


@pytest.fixture
def plain(document: PythonJson) -> dict[str, Any]:
    return to_later(document, "8").to_plain()


def test_format_7_has_no_build_options(document: PythonJson) -> None:
    seven, eight = (to_later(document, version).to_plain() for version in ("7", "8"))
    assert (seven["version"], eight["version"]) == ("7", "8")
    assert seven["optimizations"] == eight["optimizations"] == eight["build_options"] == "noopt"
    assert eight.keys() - seven.keys() == {"build_options"}
    assert seven.keys() <= eight.keys()


def test_what_the_interpreter_says_is_taken_over(plain: dict[str, Any]) -> None:
    assert plain["python_config_vars"] == INTERPRETER["python_config_vars"]
    assert plain["python_implementation_hex_version"] == 51185136
    assert plain["crt_features"] == ["glibc-dynamic", "glibc-max-symbol-version:2.17"]
    assert plain["python_symbol_visibility"] == "global-default"


def test_extension_modules_are_lists_of_variants(plain: dict[str, Any]) -> None:
    (variant,) = plain["build_info"]["extensions"]["_ssl"]
    assert variant == {
        "in_core": False, "init_fn": "PyInit__ssl", "objs": ["build/Modules/_ssl.o"], "required": False,
        "links": [{"name": "ssl", "path_static": "build/lib/libssl.a"},
                  {"name": "crypto", "path_static": "build/lib/libcrypto.a"}],
        "variant": "default", "licenses": ["Apache-2.0"], "license_paths": ["licenses/LICENSE.openssl.txt"],
    }  # fmt: skip
    assert plain["build_info"]["core"]["links"][0] == {"name": "pthread", "system": True}
    assert plain["build_info"]["extensions"]["_testcapi"][0]["shared_lib"].endswith("_testcapi.so")


def test_nothing_that_strict_readers_do_not_know(plain: dict[str, Any]) -> None:
    assert not plain.keys() & {"os", "arch", "python_flavor", "python_include", "python_stdlib", "sources", "toolchain",
                               "libc", "libc_floor", "system_libraries", "interpreter", "build_date"}  # fmt: skip
    assert None not in plain.values()


@pytest.mark.parametrize("version", ["7", "8"])
def test_read_back(document: PythonJson, version: str) -> None:
    back = read_any_format(to_later(document, version).to_text())
    assert back.version == version
    same = ("target_triple", "os", "arch", "python_flavor", "python_version", "python_exe", "python_include",
            "python_stdlib", "build_options", "license_path", "interpreter")  # fmt: skip
    for name in same:
        assert getattr(back, name) == getattr(document, name), name
    # What the compiler is told to link is not said there.
    unsaid = replace(document.build_info, main_object="", program_ldflags=(), library_ldflags=())
    assert back.build_info == unsaid
    assert (back.sources, back.libc, back.toolchain) == ((), "", {})


def test_format_0_is_read_as_it_is(document: PythonJson) -> None:
    assert read_any_format(document.to_text()) == document


def test_frameworks_and_the_default_of_several_variants(plain: dict[str, Any]) -> None:
    extensions = plain["build_info"]["extensions"]
    other = {**extensions["_ssl"][0], "variant": "other", "objs": [], "links": [{"name": "X", "framework": True}]}
    extensions["_ssl"] = [other, *extensions["_ssl"]]
    extensions["math"] = [{**extensions["math"][0], "variant": "libm", "links": other["links"]}]
    extensions["gone"] = []
    info = read_any_format(json.dumps(plain)).build_info
    assert info.extensions["_ssl"].objs == ("build/Modules/_ssl.o",)
    assert info.extensions["math"].links == (LinkEntry("X", framework=True),)
    assert "gone" not in info.extensions


def test_an_archive_without_the_interpreter_s_own_words(document: PythonJson) -> None:
    with pytest.raises(FormatError, match=r"interpreter: found no such key.*build it again"):
        to_later(replace(document, interpreter=None), "8")


@pytest.mark.parametrize(
    ("options", "optimizations"),
    [("debug", "debug"), ("pgo+lto", "pgo+lto"), ("freethreaded+pgo", "pgo"), ("freethreaded", "noopt")],
)
def test_optimizations_has_fewer_words(document: PythonJson, options: str, optimizations: str) -> None:
    later = to_later(replace(document, build_options=options), "8")
    assert (later.optimizations, later.build_options) == (optimizations, options)


@pytest.mark.parametrize(
    ("expressions", "identifiers"),
    [
        (("MIT",), ("MIT",)),
        (("MIT AND (X11 OR HPND)", "0BSD"), ("0BSD", "HPND", "MIT", "X11")),
        (("GPL-3.0-only WITH  GCC-exception-3.1 AND MIT",), ("GPL-3.0-only WITH GCC-exception-3.1", "MIT")),
        ((), ()),
    ],
)
def test_licences_are_identifiers(expressions: tuple[str, ...], identifiers: tuple[str, ...]) -> None:
    assert spdx_identifiers(expressions) == identifiers


@pytest.mark.parametrize(("licence", "said"), [("blessing", True), ("blessing AND MIT", None), ("MIT", None)])
def test_the_public_domain_is_said(document: PythonJson, licence: str, said: bool | None) -> None:
    entries = document.build_info.extensions
    info = replace(document.build_info, extensions={**entries, "_ssl": replace(entries["_ssl"], licenses=(licence,))})
    (variant,) = to_later(replace(document, build_info=info), "8").build_info.extensions["_ssl"]
    assert variant.license_public_domain is said


def test_from_7_to_8_and_back(document: PythonJson) -> None:
    seven, eight = (to_later(document, version).to_plain() for version in ("7", "8"))
    assert between_later(seven, "8") == eight
    assert between_later(eight, "7") == seven


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p.update(version="9"), "version: found '9', expected \"0\" or \"7\" or \"8\""),
        (lambda p: p.update(version=8), "version: found ''"),
        (lambda p: p.pop("python_paths"), "python_paths: found no such key"),
        (lambda p: p["build_info"]["extensions"]["_ssl"][0].pop("variant"),
         r"extensions\._ssl\[0\]\.variant: found no such key"),
        (lambda p: p["build_info"]["extensions"].update(math={}), r"extensions\.math: found {}, expected a list"),
        (lambda p: p.update(python_suffixes={"source": ".py"}), r'suffixes\.source: found ".py", expected a list'),
    ],
)  # fmt: skip
def test_wrong_values_are_named(plain: dict[str, Any], change: Any, words: str) -> None:
    change(plain)
    with pytest.raises(JsonFormatError, match=words):
        read_any_format(json.dumps(plain), "PYTHON.json")


def test_paths_of_every_kind_are_named(document: PythonJson) -> None:
    paths = replace(document, tcl_library_path="install/lib", tcl_library_paths=("tcl8.6",)).paths()
    assert paths["tcl_library_paths[0]"] == "install/lib/tcl8.6"
    assert paths["interpreter.python_paths.stdlib"] == "install/lib/python3.13"
    assert paths["interpreter.run_tests"] == "build/run_tests.py"
    assert not any("config_vars" in key or "abstract" in key for key in paths)


def test_every_fact_of_the_interpreter_is_a_key_unless_there_is_none(plain: dict[str, Any]) -> None:
    assert InterpreterEntry.__dataclass_fields__.keys() - plain.keys() == {"python_stdlib_platform_config"}


SDK = {"sdk": {"name": "macosx15.2", "version": "15.2"}, "deployment_target": "11.0"}


@pytest.mark.parametrize(("system", "toolchain", "told"), [
    ("macos", SDK, ["macosx15.2", "macosx", "15.2", "11.0"]),
    ("macos", {}, []),
    ("linux", SDK, []),
])  # fmt: skip
def test_only_apple_s_systems_have_an_sdk(
    document: PythonJson, system: str, toolchain: dict[str, object], told: list[str]
) -> None:
    plain = to_later(replace(document, os=system, toolchain=toolchain), "8").to_plain()
    assert [plain[key] for key in APPLE_SDK if key in plain] == told
