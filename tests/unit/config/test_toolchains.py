"""The toolchains of this project, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from pythonbuild.config.project import Project
from pythonbuild.config.recipes import with_needs
from pythonbuild.config.toolchains import compiled_by, find_toolchain, load_toolchains
from pythonbuild.errors import ConfigError, UsageError

REPOSITORY = Path(__file__).parents[3]
ENTRY = """toolchains:
  packaged:clang-22:
    kind: packaged
    compiler: clang
    series: '22'
    root: build
"""


def test_the_project_s_toolchains_name_what_exists() -> None:
    project = Project(REPOSITORY)
    for toolchain in project.toolchains.values():
        assert (project.unix / "roots" / f"{toolchain.root}.yml").is_file()
        for recipe in with_needs(project.recipes, toolchain.recipes):
            source = toolchain.sources.get(recipe.name, recipe.source)
            assert not source or source in project.sources, (toolchain.name, recipe.name)
        for option in toolchain.options:
            assert all(option in target.options for target in project.targets.values())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("compiler: clang", "compiler: tcc", "compiler: unknown value: found 'tcc', expected one of clang, gcc"),
        ("series: '22'", "series: '21'", "name and content differ: .*clang-22, expected packaged:clang-21"),
        ("root: build", "root: build\n    recipes: [gcc]", "recipes are what a bootstrap toolchain has"),
        ("root: build", "rot: build", "rot: unknown key.*did you mean 'root'"),
        ("    root: build\n", "", "key 'root' is missing"),
    ],
)
def test_a_wrong_entry_is_named_by_file_and_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "toolchains.yml"
    assert old in ENTRY
    path.write_text(ENTRY.replace(old, new, 1))
    with pytest.raises(ConfigError, match=said) as caught:
        load_toolchains(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "compiler", "found"),
    [
        ("packaged", "", "packaged:clang-22"),
        ("packaged", "clang", "packaged:clang-22"),
        ("packaged", "gcc", "packaged:gcc-14"),
        ("bootstrap", "", "bootstrap:clang-19"),
        ("bootstrap", "gcc", "bootstrap:gcc-14"),
        ("packaged:clang-19", "clang", "packaged:clang-19"),
    ],
)
def test_what_a_user_s_words_mean(wanted: str, compiler: str, found: str) -> None:
    assert find_toolchain(Project(REPOSITORY).toolchains, wanted, compiler).name == found


@pytest.mark.parametrize(
    ("wanted", "compiler", "said"),
    [
        ("clang-19", "", "--toolchain: unknown toolchain: found clang-19, expected packaged, bootstrap, or one of"),
        ("bootstrp", "", "did you mean bootstrap"),
        ("packaged", "icc", "--cc: unknown compiler: found icc, expected one of clang, gcc"),
        ("packaged:clang-19", "gcc", "--cc: the toolchain has another compiler.*expected --toolchain packaged --cc"),
    ],
)
def test_words_that_mean_nothing(wanted: str, compiler: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find_toolchain(Project(REPOSITORY).toolchains, wanted, compiler)


def test_a_target_is_compiled_in_the_toolchain_s_root_with_its_variables() -> None:
    project = Project(REPOSITORY)
    target = project.targets["x86_64-unknown-linux-gnu"]
    assert compiled_by(target, project.toolchains["packaged:clang-22"]) == target
    with_gcc = compiled_by(target, project.toolchains["packaged:gcc-14"])
    assert (with_gcc.root, with_gcc.environment["CC"]) == ("bootstrap", "x86_64-unknown-linux-gnu-gcc")
    assert with_gcc.environment["PKG_CONFIG"] == target.environment["PKG_CONFIG"]
