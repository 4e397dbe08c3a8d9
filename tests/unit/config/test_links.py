"""What --link may say: each mistake is one line that names it; what is right is understood."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pythonbuild.config.links import check_links, check_names, read_links, sonames
from pythonbuild.config.recipes import load_recipes
from pythonbuild.config.sources import load_sources
from pythonbuild.errors import ConfigError, UsageError

UNIX = Path(__file__).parents[3] / "cpython-unix"
RECIPES = load_recipes(UNIX / "recipes")


def test_several_flags_and_commas_are_one_choice() -> None:
    assert read_links(["sqlite=shared, xz=system", "openssl=shared", "sqlite=shared"], "--link") == (
        ("openssl", "shared"), ("sqlite", "shared"), ("xz", "system"),
    )  # fmt: skip
    assert read_links(["zlib=static"], "--link") == ()


@pytest.mark.parametrize(("text", "words"), [
    ("openssl", "--link: not a link choice: found 'openssl', expected NAME=KIND with one of static, shared, system"),
    ("openssl=dynamic", "found 'openssl=dynamic'"),
    ("openssl=share", "did you mean openssl=shared?"),
    ("=shared", "found '=shared'"),
    ("openssl=shared,", "found ''"),
    ("xz=shared,xz=system", "--link: xz is given twice: found shared and system, expected one of them"),
    ("xz=static,xz=system", "xz is given twice: found static and system"),
])  # fmt: skip
def test_what_is_no_choice(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_links([text], "--link")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("links", "words"), [
    ({"opnssl": "shared"}, "--link: unknown dependency: found opnssl, expected one of bdb, bzip2, expat,"),
    ({"opnssl": "shared"}, "did you mean openssl?"),
    ({"libx11": "system"}, "--link libx11=system: libx11 can only be linked statically: expected one of bdb, bzip2,"),
    ({"cpython": "shared"}, "cpython can only be linked statically"),
])  # fmt: skip
def test_names_that_cannot_be_chosen(links: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_names(RECIPES, links)
    assert words in str(caught.value)


def test_a_dependency_that_this_build_has_not() -> None:
    words = r"--link zstd=shared: no extension module of this CPython 3\.13\.5 is linked with it: expected one of xz"
    with pytest.raises(UsageError, match=words):
        check_links(RECIPES, {"zstd": "shared"}, ["xz", "tk"], "3.13.5")


def test_a_shared_library_holds_no_static_one() -> None:
    words = "libedit=shared: libedit uses ncurses, which must not be static then; say --link libedit=shared,ncurses=sha"
    with pytest.raises(UsageError, match=words):
        check_links(RECIPES, {"libedit": "shared"}, ["libedit", "ncurses"], "3.13.5")
    check_links(RECIPES, {"libedit": "shared", "ncurses": "system"}, ["libedit", "ncurses"], "3.13.5")


def test_a_soname_may_have_the_series_in_it() -> None:
    assert sonames(RECIPES["bdb"], "5.3.28+dfsg2") == {"db": "libdb-5.3.so"}
    assert sonames(RECIPES["openssl"], "3.5.7") == {"crypto": "libcrypto.so.3", "ssl": "libssl.so.3"}
    assert sonames(RECIPES["libx11"], "1.8") == {}


def test_the_usual_dependencies_can_be_chosen() -> None:
    able = {name for name, recipe in RECIPES.items() if recipe.shared}
    assert able == {"bdb", "bzip2", "expat", "libedit", "libffi", "libuuid", "mpdecimal", "ncurses", "openssl",
                    "sqlite", "xz", "zlib", "zstd"}  # fmt: skip
    sources = load_sources(UNIX / "sources.yml")
    assert all(RECIPES[name].source in sources for name in able)


@pytest.mark.parametrize(("text", "words"), [
    ("sonames: {}\n", "sonames: is empty"),
    ("{}\n", "key 'sonames' is missing"),
    ("sonames: {ssl: ssl.dll}\n", "sonames.ssl: not a soname: found 'ssl.dll', expected such as libssl.so.3"),
    ("sonames: {db: 'libdb-{version}.so'}\n", "sonames.db: not a soname"),
    ("sonames: {ssl: libssl.so.3}\nneeds: [zlib]\n", "needs: unknown key"),
])  # fmt: skip
def test_a_wrong_shared_build(tmp_path: Path, text: str, words: str) -> None:
    shutil.copytree(UNIX / "recipes/openssl", tmp_path / "openssl")
    (tmp_path / "openssl/shared/recipe.yml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_recipes(tmp_path)
    assert "openssl/shared/recipe.yml" in str(caught.value)
    assert words in str(caught.value)


def test_a_shared_build_without_a_script(tmp_path: Path) -> None:
    shutil.copytree(UNIX / "recipes/openssl", tmp_path / "openssl")
    (tmp_path / "openssl/shared/build.sh").unlink()
    with pytest.raises(ConfigError, match=r"openssl/shared/recipe\.yml: no build\.sh beside it"):
        load_recipes(tmp_path)
