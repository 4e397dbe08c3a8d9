"""What a build may leave out, by what the project knows of CPython's modules."""

from __future__ import annotations

from pathlib import Path

import pytest

from pythonbuild.config.project import Project
from pythonbuild.cpython.leaving_out import (
    NO_TESTS,
    NO_TK,
    WITHOUT,
    CannotLeaveOutError,
    LeftOut,
    Scene,
    did_you_mean,
    leave_out,
    why_indispensable,
)
from pythonbuild.cpython.modules import KEPT_FOR, read_modules
from pythonbuild.errors import ConfigError

PROJECT = Project(Path(__file__).parents[3])
CATALOGUE = read_modules(PROJECT.unix / "extension-modules.yml")
VERSIONS = ("3.11.2", "3.12.8", "3.13.5", "3.14.0", "3.15.0a3")


def scene(version: str = "3.13.5", system: str = "linux") -> Scene:
    return Scene(CATALOGUE, version, system, PROJECT.recipes)


def test_nothing_is_left_out_unless_it_is_asked_for() -> None:
    assert leave_out(scene(), ()) == LeftOut()
    assert not LeftOut()


def test_what_was_named_is_left_out_in_any_order_and_nothing_else() -> None:
    names = ["readline", "_sqlite3", "_ssl", "_sqlite3"]
    left = leave_out(scene(), names)
    assert left == leave_out(scene(), reversed(names))
    assert left.extensions == dict.fromkeys(["_sqlite3", "_ssl", "readline"], WITHOUT)
    assert list(left.extensions) == sorted(left.extensions), "its text is part of keys"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_tests_are_the_modules_that_nothing_else_uses(version: str) -> None:
    left = leave_out(scene(version), (), no_tests=True)
    assert {"_testcapi", "_ctypes_test", "xxlimited"} <= left.extensions.keys()
    assert set(left.extensions.values()) == {NO_TESTS}
    assert not any(CATALOGUE.modules[name].linkage == "builtin" for name in left.extensions)


def test_tk_is_one_module_whoever_names_it() -> None:
    assert leave_out(scene(), (), no_tk=True).extensions == {"_tkinter": NO_TK}
    assert leave_out(scene(), ["_tkinter"], no_tk=True) == leave_out(scene(), (), no_tk=True)
    assert leave_out(scene(), ["_testcapi"], no_tests=True) == leave_out(scene(), (), no_tests=True)


def test_a_test_module_goes_with_what_it_tests() -> None:
    left = leave_out(scene(), ["_ctypes"])
    assert left.along == {"_ctypes_test": "_ctypes"}
    assert left.extensions == {"_ctypes": WITHOUT, "_ctypes_test": WITHOUT}
    assert leave_out(scene(), ["_ctypes"], no_tests=True).along == {}


@pytest.mark.parametrize(("names", "words"), [
    ("_sll", "CPython has no extension module _sll; did you mean _ssl"),
    ("sqlite3", "no extension module sqlite3; did you mean _sqlite3?"),
    ("xyzzy", "no extension module xyzzy; inspect ARCHIVE tells"),
    ("openssl", "openssl is a library, no extension module; leave out what is linked with it: --without _hashlib,_ssl"),
    ("libx11", "libx11 is a library, no extension module; leave out what is linked with it: --without _tkinter"),
    ("toolchain", "CPython has no extension module toolchain"),
    ("_crypt", "there is no _crypt to be left out: found CPython 3.13.5 has no such module: until 3.12"),
    ("_zstd", "found CPython 3.13.5 has no such module: since 3.14"),
    ("_gdbm", "there is no _gdbm to be left out: found it is in no build: gdbm is under the GPL 3"),
    ("_scproxy", "found it is in no build: exists on macOS only"),
    ("sys", "sys cannot be left out: found its code is part of the interpreter itself (in_core)"),
    ("posix", "posix cannot be left out: found the interpreter does not start without it (required)"),
    ("_opcode", "_opcode cannot be left out: found CPython's own make runs programs"),
    ("zlib", "zlib cannot be left out: found the new interpreter installs pip"),
    ("_blake2", "_blake2 cannot be left out: found hashlib prints errors"),
    ("_hashlib,_sha2", "_sha2 and _hashlib cannot both be left out"),
    ("_curses", "_curses cannot be left out: found _curses_panel, which imports it; leave out what needs it, too:"
                " --without _curses,_curses_panel"),
    ("_multibytecodec,_ssl", "--without _codecs_cn,_codecs_hk,_codecs_iso2022,_codecs_jp,_codecs_kr,_codecs_tw,"
                             "_multibytecodec,_ssl"),
    ("_datetime", "_datetime cannot be left out: found _zoneinfo, which imports it"),
])  # fmt: skip
def test_what_cannot_be_left_out(names: str, words: str) -> None:
    with pytest.raises(CannotLeaveOutError) as caught:
        leave_out(scene(), names.split(","))
    assert words in str(caught.value)
    assert str(caught.value).startswith("--without: ")
    assert "\n" not in str(caught.value)
    assert (caught.value.reason, caught.value.exit_code) == ("leaving-out", 2)


def test_what_a_version_has_not_got_in_its_core_yet_is_another_version_s_matter() -> None:
    with pytest.raises(CannotLeaveOutError, match="does not start without it"):
        leave_out(scene("3.14.0"), ["_datetime"])
    assert leave_out(scene("3.13.5"), ["_datetime", "_zoneinfo"])


@pytest.mark.parametrize("version", VERSIONS)
def test_the_advice_that_is_given_can_be_followed(version: str) -> None:
    """Whatever one module is, either it may go, or the error names others that go with it, or it says why not."""
    here = scene(version)
    for name, module in here.built.items():
        try:
            left = leave_out(here, [name])
        except CannotLeaveOutError as error:
            if "--without " in error.advice and "relink" not in error.advice:
                together = error.advice.rpartition("--without ")[2].split(",")
                assert name in leave_out(here, together).extensions
            else:
                assert module.required_in(version) or module.kept_for, name
        else:
            assert name in left.extensions


def test_all_that_may_go_goes_together() -> None:
    here = scene()
    may = [name for name, module in here.built.items() if not (module.required_in("3.13.5") or module.kept_for
                                                              or module.instead_of)]  # fmt: skip
    left = leave_out(here, may, no_tests=True, no_tk=True)
    assert set(may) <= left.extensions.keys()
    recipes = CATALOGUE.without(left.extensions).needed_recipes("3.13.5")
    assert recipes == ("expat", "zlib"), "what pip imports is linked with these"


def test_a_module_that_is_left_out_is_like_one_that_never_was_built() -> None:
    smaller = CATALOGUE.without({"_ssl": WITHOUT, "_hashlib": WITHOUT})
    assert smaller.modules["_ssl"].linkage_on("linux") == ("omitted", WITHOUT)
    assert "openssl" in CATALOGUE.needed_recipes("3.13.5")
    assert "openssl" not in smaller.needed_recipes("3.13.5")
    assert CATALOGUE.without({}).modules == CATALOGUE.modules


def test_what_is_known_of_modules_is_of_use() -> None:
    for module in CATALOGUE.modules.values():
        assert not module.kept_for or module.linkage == "builtin", module.name
    assert {module.kept_for for module in CATALOGUE.modules.values()} == {"", *KEPT_FOR}


@pytest.mark.parametrize("key", ["imports: [_b]", "instead_of: _b"])
def test_a_module_that_nobody_knows_is_refused_in_the_file(tmp_path: Path, key: str) -> None:
    path = tmp_path / "modules.yml"
    path.write_text(f"modules: {{_a: {{{key}}}}}")
    with pytest.raises(ConfigError, match="_a: names a module that is not in this file: found _b"):
        read_modules(path)


def test_the_words_that_relink_uses_too() -> None:
    assert why_indispensable(in_core=False, required=False) == ""
    assert "in_core" in why_indispensable(in_core=True, required=True)
    assert did_you_mean("ssl", {"_ssl", "syslog", "sys"}, "no") == "did you mean _ssl?"
    assert did_you_mean("nothing like it", {"_ssl"}, "no") == "no"
