"""What is asked for macOS, on a Mac and on Linux: understood, or refused in one line before anything is fetched."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild.config.project import Project
from pythonbuild.config.request import Request
from pythonbuild.distribution.profile import MAGIC
from pythonbuild.engine.events import Event, Note
from pythonbuild.errors import UsageError
from pythonbuild.preparation import Preparation, make_fetcher
from pythonbuild.provisions import Way
from pythonbuild.ways import CROSS_WAY, MAC

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")


def prepared(way: Way, tmp_path: Path, events: list[Event], **wishes: object) -> Preparation:
    """Prepare a request that needs no source: its CPython is a tree with a version in it."""
    tree = tmp_path / "source"
    (tree / "Include").mkdir(parents=True)
    (tree / "Include/patchlevel.h").write_text('#define PY_VERSION "3.13.7"\n')
    (tree / "configure").write_text("#!/bin/sh\n")
    asked = Request(
        repository=REPOSITORY, python="3.13", python_source=tree, target_triple="aarch64-apple-darwin",
        options="noopt", environment="auto", jobs=2, cache=tmp_path / "cache", output=tmp_path / "dist", offline=True,
    )  # fmt: skip
    asked = replace(asked, **wishes)  # type: ignore[arg-type]
    project = Project(REPOSITORY)
    with make_fetcher(asked, project, events.append) as fetcher:
        return way.prepare(asked, project, fetcher, events.append)


@pytest.mark.parametrize(("options", "words"), [
    ("pgo", "cross:clang-22 cannot do that: found pgo, expected one of debug, noopt, lto; a profile is trained by"),
    ("freethreaded+pgo+lto", "found freethreaded+pgo+lto, expected one of debug, noopt, lto; a profile is trained"),
    ("lot", "not there for this target: found lot, expected one of debug, noopt, lto, or freethreaded+ and one of"),
])  # fmt: skip
def test_the_cross_check_trains_nothing(tmp_path: Path, options: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        prepared(CROSS_WAY, tmp_path, [], options=options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", ["lto", "debug", "freethreaded+lto"])
def test_the_cross_check_does_the_rest(tmp_path: Path, options: str) -> None:
    assert prepared(CROSS_WAY, tmp_path, [], options=options).inputs.options == options


@pytest.mark.usefixtures("mac")
def test_a_mac_takes_the_best_options(tmp_path: Path) -> None:
    events: list[Event] = []
    assert prepared(MAC, tmp_path, events, optimized=True).inputs.options == "pgo+lto"
    assert any(isinstance(event, Note) and "--optimized: pgo+lto" in event.text for event in events)


@pytest.mark.usefixtures("mac")
def test_a_mac_takes_a_profile(tmp_path: Path) -> None:
    profile = tmp_path / "my.profdata"
    profile.write_bytes(MAGIC + b"\0" * 8)
    given = prepared(MAC, tmp_path, [], options="pgo+lto", profile=profile).inputs.profile
    assert given is not None
    assert given.path() == profile


@pytest.mark.usefixtures("mac")
def test_a_profile_that_nothing_would_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--profile: nothing would use it: found --options lto"):
        prepared(MAC, tmp_path, [], options="lto", profile=tmp_path / "my.profdata")
