from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pythonbuild.engine.keys import action_key, canonical_json, explain, key_of, step_inputs
from pythonbuild.engine.model import CallAction, CallContext, InputFile, PinnedFile, RecipeAction, Step
from pythonbuild.errors import ConfigError, PlanError

DIGESTS = {"root": "0" * 64, "zlib": "1" * 64, "xz": "2" * 64}


def unused() -> Path:
    raise AssertionError("a key must not fetch anything")


@pytest.fixture
def step(tmp_path: Path) -> Step:
    script = tmp_path / "build.sh"
    script.write_text("make\n")
    return Step(
        name="sqlite",
        action=RecipeAction(("bash", "/recipe/driver.sh"), root="root"),
        needs=("zlib", "xz"),
        files=(InputFile("build.sh", script),),
        sources=(PinnedFile("sqlite.tar.gz", "3" * 64, unused),),
        parameters={"CFLAGS": "-O2", "MAKEFLAGS": "-j2"},
        target="x86_64-unknown-linux-gnu",
    )


def function(context: CallContext) -> None: ...


def test_canonical_json_has_one_spelling() -> None:
    assert canonical_json({"b": 1, "a": ["é", None, True]}) == b'{"a":["\\u00e9",null,true],"b":1}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


def test_golden_key_of_a_recipe(step: Step) -> None:
    assert canonical_json(step_inputs(step, DIGESTS)).decode() == (
        '{"action":{"argv":["bash","/recipe/driver.sh"],"kind":"recipe","root":["root","' + "0" * 64 + '"]},'
        '"engine":1,"files":{"build.sh":"c117ade9ea8a00abe926dfed79297a9a3632defb97a3ffd1baf33fe92704aa0f"},'
        '"needs":[["zlib","' + "1" * 64 + '"],["xz","' + "2" * 64 + '"]],"parameters":{"CFLAGS":"-O2"},'
        '"sources":{"sqlite.tar.gz":"' + "3" * 64 + '"},"step":"sqlite","target":"x86_64-unknown-linux-gnu"}'
    )
    assert action_key(step, DIGESTS) == "5b16d5b0b00270a815fd73c84e667f5996d1ef191cf74eb9f570b5e29346585c"


def test_golden_key_of_a_call() -> None:
    step = Step("assemble", CallAction(partial(function)), needs=("zlib",), parameters={"version": "3.13"})
    assert step_inputs(step, DIGESTS)["action"] == {"kind": "call", "function": f"{__name__}.function"}
    step = replace(step, action=CallAction(print))  # its name does not depend on where this file stands
    assert action_key(step, DIGESTS) == "1f12262d3125b0d3b92bd97afef3455d3d8f4be8015bd71252039eaa74fdd196"


def test_everything_that_matters_changes_the_key(step: Step, tmp_path: Path) -> None:
    other = tmp_path / "other.sh"
    other.write_text("make \n")
    variants = [
        step,
        replace(step, name="sqlite3"),
        replace(step, target="other"),
        replace(step, needs=("xz", "zlib")),
        replace(step, needs=("zlib",)),
        replace(step, parameters={"CFLAGS": "-O3"}),
        replace(step, sources=(PinnedFile("sqlite.tar.gz", "4" * 64, unused),)),
        replace(step, sources=(PinnedFile("sqlite.tar.xz", "3" * 64, unused),)),
        replace(step, files=(InputFile("build.sh", other),)),
        replace(step, files=(*step.files, InputFile("more.sh", other))),
        replace(step, action=RecipeAction(("bash", "-eu", "/recipe/driver.sh"), root="root")),
        replace(step, action=RecipeAction(("bash", "/recipe/driver.sh"), root="zlib")),
    ]
    keys = [action_key(variant, DIGESTS) for variant in variants]
    keys += [action_key(step, DIGESTS | {need: "9" * 64}) for need in ("root", "zlib", "xz")]
    assert len(set(keys)) == len(keys)


def test_what_does_not_matter_leaves_the_key_alone(step: Step, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.sh"
    elsewhere.write_text("make\n")
    same = [
        replace(step, weight=1.0, memory=1),
        replace(step, parameters={"CFLAGS": "-O2", "MAKEFLAGS": "-j64", "JOBS": "64"}),
        replace(step, files=(InputFile("build.sh", elsewhere),)),
    ]
    assert {action_key(variant, DIGESTS) for variant in same} == {action_key(step, DIGESTS)}


def test_a_file_that_changes_in_place_changes_the_key(step: Step) -> None:
    before = action_key(step, DIGESTS)
    step.files[0].path.write_text("make all\n")
    assert action_key(step, DIGESTS) != before


def test_a_missing_file_is_named(step: Step) -> None:
    step.files[0].path.unlink()
    with pytest.raises(ConfigError, match=r"build\.sh: cannot be read"):
        action_key(step, DIGESTS)


def test_two_files_with_one_name_are_refused(step: Step) -> None:
    sources = (*step.sources, PinnedFile("sqlite.tar.gz", "5" * 64, unused))
    with pytest.raises(PlanError, match=r"'sqlite\.tar\.gz'"):
        action_key(replace(step, sources=sources), DIGESTS)


def test_explain_names_every_kind_of_change(step: Step, tmp_path: Path) -> None:
    old = step_inputs(step, DIGESTS)
    assert explain(old, old) == []
    step.files[0].path.write_text("make install\n")
    new = replace(
        step,
        parameters={"CFLAGS": "-O3", "EXTRA": "yes"},
        sources=(PinnedFile("sqlite.tar.gz", "4" * 64, unused), PinnedFile("new.zip", "5" * 64, unused)),
        needs=("xz", "openssl"),
        target="elsewhere",
        action=RecipeAction(("sh",), root="root"),
    )
    lines = explain(old, step_inputs(new, DIGESTS | {"xz": "7" * 64, "root": "8" * 64}))
    text = "\n".join(lines)
    for expected in (
        "target changed from 'x86_64-unknown-linux-gnu' to 'elsewhere'",
        "action's argv changed",
        "root filesystem root has another result: 000000000000 became 888888888888",
        "file build.sh changed from",
        "source sqlite.tar.gz changed from 333333333333 to 444444444444",
        "source new.zip is new",
        "parameter CFLAGS changed from '-O2' to '-O3'",
        "parameter EXTRA is new: 'yes'",
        "need zlib is gone",
        "need xz has another result: 222222222222 became 777777777777",
        "need openssl has to be built first",
    ):
        assert expected in text
    swapped = step_inputs(replace(step, needs=("xz", "zlib")), DIGESTS)
    assert explain(step_inputs(step, DIGESTS), swapped) == ["the order of needs changed"]
    assert key_of(swapped) != key_of(old)
