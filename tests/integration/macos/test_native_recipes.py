"""Recipes in the environment ``native``, where nothing is mounted: what they make does not tell where it was made.

A Mac is not at hand, so they run on this machine, for this machine, by its own compiler. It shows that no recipe here
relies on a fixed path, and that no real one gets into a result.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild.cli.arguments import parse
from pythonbuild.cli.requests import make_request
from pythonbuild.config.project import Project
from pythonbuild.engine.executor import LocalExecutor
from pythonbuild.engine.model import Plan, RecipeAction
from pythonbuild.engine.store import Store
from pythonbuild.environments.native import NativeEnvironment
from pythonbuild.preparation import make_fetcher, prepare
from pythonbuild.recipe_steps import recipe_step
from tests.integration.conftest import CACHE, REPOSITORY

RECIPES = ("bzip2", "mpdecimal", "zlib")
PROGRAMS = ("gcc", "make", "patch", "perl", "tar", "xz")
MAPS = "-ffile-prefix-map=${STEP_BUILD}/src=. -ffile-prefix-map=${STEP_TOOLS}=tools"
VARIABLES = {
    "PATH": "/usr/bin:/bin", "CC": "gcc", "CXX": "g++", "AR": "ar", "RANLIB": "ranlib", "NM": "nm", "STRIP": "strip",
    "LD": "ld", "READELF": "readelf", "OBJDUMP": "objdump", "BUILD_CC": "gcc", "CFLAGS": f"-O2 -g -fPIC {MAPS}",
    "CXXFLAGS": "-O2", "CPPFLAGS": "-I${STEP_TOOLS}/deps/include", "LDFLAGS": "-L${STEP_TOOLS}/deps/lib",
}  # fmt: skip


def make(cache: Path) -> tuple[dict[str, str], Store]:
    """Run the recipes with a cache of their own; return the digests of their trees, and where these are."""
    request = make_request(parse(["--cache-dir", str(CACHE), "--python", "3.13.5"], {}), REPOSITORY)
    project, store = Project(REPOSITORY), Store(cache)
    with make_fetcher(request, project, lambda _event: None) as fetcher:
        inputs = prepare(request, project, fetcher, lambda _event: None, settle=False).inputs
        target = replace(inputs.target, root="", environment=VARIABLES)
        steps = tuple(recipe_step(replace(inputs, target=target), inputs.recipes[name]) for name in RECIPES)
        assert all(isinstance(step.action, RecipeAction) and not step.action.root for step in steps)
        executor = LocalExecutor(store, NativeEnvironment(cache), lambda _event: None, jobs=2, cache=cache)
        results = executor.execute(Plan(steps, RECIPES))
    return {name: results[name].digest for name in RECIPES}, store


@pytest.mark.skipif(any(shutil.which(name, path=VARIABLES["PATH"]) is None for name in PROGRAMS),
                    reason="not everything that recipes run is installed here")  # fmt: skip
def test_the_same_bytes_wherever_it_is_made(tmp_path: Path) -> None:
    first, store = make(tmp_path / "a")
    second, _ = make(tmp_path / "another" / "place")
    assert first == second
    for name, digest in first.items():
        tree = store.materialise_cached(digest)
        libraries = list((tree / "tools/deps/lib").glob("*.a"))
        assert libraries, name
        for path in (path for path in tree.rglob("*") if path.is_file()):
            assert str(tmp_path).encode() not in path.read_bytes(), path.relative_to(tree)
    pkgconfig = store.materialise_cached(first["zlib"]) / "tools/deps/lib/pkgconfig/zlib.pc"
    assert pkgconfig.read_text(encoding="utf-8").startswith("prefix=/tools/deps\n")
