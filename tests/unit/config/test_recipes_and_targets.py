"""Recipes and targets are read whole, or refused with the place named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pythonbuild.config.recipes import load_recipes, with_needs
from pythonbuild.config.targets import find_target, load_targets
from pythonbuild.errors import ConfigError, UsageError

UNIX = Path(__file__).parents[3] / "cpython-unix"


def recipe(root: Path, name: str, text: str) -> None:
    folder = root / "recipes" / name
    folder.mkdir(parents=True)
    (folder / "recipe.yml").write_text(text)
    (folder / "build.sh").write_text("true\n")


def test_order_and_circle(tmp_path: Path) -> None:
    recipe(tmp_path, "a", "needs: [b]\n")
    recipe(tmp_path, "b", "needs: [c]\n")
    recipe(tmp_path, "c", "parameters: {X: 1}\nweight: 2.5\n")
    recipes = load_recipes(tmp_path / "recipes")
    assert [r.name for r in with_needs(recipes, ["a", "c"])] == ["c", "b", "a"]
    assert recipes["c"].parameters == {"X": "1"}
    assert recipes["c"].weight == 2.5
    (tmp_path / "recipes/c/recipe.yml").write_text("needs: [a]\n")
    with pytest.raises(ConfigError, match=r"circle: found a → b → c → a"):
        with_needs(load_recipes(tmp_path / "recipes"), ["a"])


def test_unknown_need(tmp_path: Path) -> None:
    recipe(tmp_path, "a", "needs: [zzz]\n")
    with pytest.raises(ConfigError, match=r"a/recipe\.yml: needs: unknown recipe 'zzz'"):
        load_recipes(tmp_path / "recipes")


def test_missing_include_and_script(tmp_path: Path) -> None:
    recipe(tmp_path, "a", "includes: [no/such]\n")
    with pytest.raises(ConfigError, match=r"includes\[0\]: no such file"):
        load_recipes(tmp_path / "recipes")
    (tmp_path / "recipes/a/recipe.yml").write_text("{}\n")
    (tmp_path / "recipes/a/build.sh").unlink()
    with pytest.raises(ConfigError, match=r"no build\.sh"):
        load_recipes(tmp_path / "recipes")


def test_own_files_load() -> None:
    recipes = load_recipes(UNIX / "recipes")
    assert with_needs(recipes, recipes)
    targets = load_targets(UNIX / "targets.yml")
    assert find_target(targets, "x86_64-unknown-linux-gnu").glibc_floor == "2.17"
    with pytest.raises(UsageError, match="did you mean x86_64-unknown-linux-gnu"):
        find_target(targets, "x86_64-linux-gnu")
