"""From a request to what is planned: the interpreter, its source, the locks, and what has to be fetched."""

from __future__ import annotations

import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild.config.locks import load_lock, write_lock
from pythonbuild.config.project import Project
from pythonbuild.config.request import Request
from pythonbuild.engine.events import Event, Note
from pythonbuild.errors import OfflineError, UsageError
from pythonbuild.planning import make_plan
from pythonbuild.preparation import choose_interpreter, make_fetcher, prepare, settle_pins

REPOSITORY = Path(__file__).parents[2]
PATCHLEVEL = '#define PY_MAJOR_VERSION 3\n#define PY_MINOR_VERSION 13\n#define PY_MICRO_VERSION 7\n' \
             '#define PY_RELEASE_LEVEL PY_RELEASE_LEVEL_FINAL\n#define PY_RELEASE_SERIAL 0\n' \
             '#define PY_VERSION "3.13.7"\n'  # fmt: skip


def request(tmp_path: Path, **wishes: object) -> Request:
    base = Request(
        repository=REPOSITORY, python="3.13", python_source=None, target_triple="x86_64-unknown-linux-gnu",
        options="noopt", environment="sandbox", jobs=2, cache=tmp_path / "cache", output=tmp_path / "dist",
        offline=True,
    )  # fmt: skip
    return replace(base, **wishes)  # type: ignore[arg-type]


def source_tree(directory: Path) -> Path:
    (directory / "Include").mkdir(parents=True)
    (directory / "Include/patchlevel.h").write_text(PATCHLEVEL)
    (directory / "configure").write_text("#!/bin/sh\n")
    (directory / "configure").chmod(0o755)
    (directory / ".git").mkdir()
    (directory / ".git/config").write_text("x")
    (directory / "link").symlink_to("configure")
    return directory


def test_a_source_tree_is_packed_by_its_content_alone(tmp_path: Path) -> None:
    events: list[Event] = []
    hashes = set()
    for name in ("one", "another place"):
        tree = source_tree(tmp_path / name)
        os.utime(tree / "configure", (len(name), len(name)))
        wish = request(tmp_path, python_source=tree)
        with make_fetcher(wish, Project(REPOSITORY), events.append) as fetcher:
            interpreter = choose_interpreter(wish, Project(REPOSITORY), fetcher, events.append)
        assert interpreter.version == "3.13.7"
        assert interpreter.source.name == "cpython-3.13"
        hashes.add(interpreter.file.sha256)
        with tarfile.open(interpreter.file.path()) as tar:
            names = tar.getnames()
            assert tar.getmember("python-source/configure").mode == 0o755
    assert len(hashes) == 1
    assert sorted(names) == ["python-source/Include/patchlevel.h", "python-source/configure", "python-source/link"]
    assert any(isinstance(event, Note) and "3.13.7" in event.text for event in events)


@pytest.mark.parametrize(("wish", "words"), [
    ({"python": "openssl"}, "--python: not a CPython: found openssl"),
    ({"python": "2.7"}, "--python: unknown source"),
    ({"target_triple": "sparc"}, "--target-triple: unknown target: found sparc"),
    ({"options": "fast"}, "--options: not there for this target: found fast, expected one of"),
    ({"options": "freethreaded"}, "expected one of debug, noopt, lto, pgo, pgo+lto, or freethreaded+ and one of these"),
    # Nothing is fetched, and no source unpacked, to find it out: the request is offline.
    ({"options": "freethreaded+noopt", "python": "3.12"}, "cannot be built without the GIL: found 3.12."),
    ({"profile": Path("/nowhere")}, "--profile: nothing would use it: found --options noopt, expected pgo or pgo+lto"),
    ({"options": "pgo", "profile": Path("/nowhere")}, "--profile: /nowhere cannot be used: found No such file"),
])  # fmt: skip
def test_wishes_that_cannot_be_met(tmp_path: Path, wish: dict[str, object], words: str) -> None:
    asked = request(tmp_path, **wish)
    project = Project(REPOSITORY)
    with make_fetcher(asked, project, lambda _: None) as fetcher, pytest.raises(UsageError) as caught:
        prepare(asked, project, fetcher, lambda _: None)
    assert words in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_source_of_one_s_own_that_cannot_be_without_the_gil(tmp_path: Path) -> None:
    tree = source_tree(tmp_path / "python")
    header = tree / "Include/patchlevel.h"
    header.write_text(header.read_text().replace("VERSION 13", "VERSION 12").replace("3.13", "3.12"))
    asked = request(tmp_path, python_source=tree, options="freethreaded+noopt")
    project = Project(REPOSITORY)
    with make_fetcher(asked, project, lambda _: None) as fetcher:
        with pytest.raises(UsageError, match=r"without the GIL: found 3\.12\.7, expected 3\.13 or newer"):
            prepare(asked, project, fetcher, lambda _: None)
        header.write_text(PATCHLEVEL)
        assert prepare(asked, project, fetcher, lambda _: None).inputs.options == "freethreaded+noopt"


def test_a_lock_that_was_replaced_is_remembered(tmp_path: Path) -> None:
    """A package was gone, another version was taken: the next build takes the same, --locked does not."""
    from pythonbuild.preparation import _replacement, load_locks

    project = Project(REPOSITORY)
    target = project.targets["x86_64-unknown-linux-gnu"]
    wish = request(tmp_path)
    (name, *_) = load_locks(wish, project, target)
    path = project.unix / "locks" / f"{name}.yml"
    lock = load_lock(path)
    kept = _replacement(wish, path)
    other = replace(lock, name=kept.stem, packages=(replace(lock.packages[0], version="0.1"), *lock.packages[1:]))
    write_lock(other, kept.parent)
    loaded = load_locks(wish, project, target)[name]
    assert loaded.packages[0].version == "0.1"
    assert not loaded.locked
    assert loaded.name == name
    assert load_locks(replace(wish, locked=True), project, target)[name].packages[0].version != "0.1"


@pytest.mark.parametrize("fetch", [True, False])
def test_an_older_pin_is_taken_when_the_newest_cannot_be_had(tmp_path: Path, fetch: bool) -> None:
    project = Project(REPOSITORY)
    newest, older = project.sources["sqlite"].pins[:2]
    wish = request(tmp_path, python_source=source_tree(tmp_path / "python"))
    (wish.cache / "downloads").mkdir(parents=True)
    with (wish.cache / "downloads" / older.filename).open("wb") as file:
        file.truncate(older.size)
    notes: list[Event] = []
    with make_fetcher(wish, project, notes.append) as fetcher:
        preparation = prepare(wish, project, fetcher, notes.append)
        steps = [step for step in make_plan(preparation.inputs).steps if step.name in ("sqlite", "bzip2")]
        settled = settle_pins(preparation, steps, fetch=fetch)
    assert preparation.inputs.pin("sqlite") == newest
    assert settled.inputs.pin("sqlite") == older
    assert older.filename in [source.name for source in make_plan(settled.inputs).step("sqlite").sources]
    if fetch:
        assert any(isinstance(event, Note) and "not the newest pin" in event.text for event in notes)


def test_with_locked_the_newest_pin_or_nothing(tmp_path: Path) -> None:
    project = Project(REPOSITORY)
    wish = request(tmp_path, python_source=source_tree(tmp_path / "python"), locked=True)
    with make_fetcher(wish, project, lambda _: None) as fetcher:
        preparation = prepare(wish, project, fetcher, lambda _: None)
        with pytest.raises(OfflineError, match="--offline"):
            settle_pins(preparation, [make_plan(preparation.inputs).step("sqlite")], fetch=True)


def test_what_goes_that_nobody_named_is_told(tmp_path: Path) -> None:
    notes: list[Event] = []
    wish = request(tmp_path, python_source=source_tree(tmp_path / "python"), without=("_ctypes",), no_tk=True)
    with make_fetcher(wish, Project(REPOSITORY), notes.append) as fetcher:
        inputs = prepare(wish, Project(REPOSITORY), fetcher, notes.append).inputs
    assert inputs.left_out.extensions.keys() == {"_ctypes", "_ctypes_test", "_tkinter"}
    assert [event.text for event in notes if isinstance(event, Note) and "left out" in event.text] == [
        "_ctypes_test is left out, too: it only tests _ctypes"
    ]


def test_a_module_that_cannot_be_left_out_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    wish = request(tmp_path, python_source=source_tree(tmp_path / "python"), without=("_ssl", "posix"))
    with make_fetcher(wish, Project(REPOSITORY), lambda _: None) as fetcher, pytest.raises(UsageError) as caught:
        prepare(wish, Project(REPOSITORY), fetcher, lambda _: None)
    assert "--without: posix cannot be left out" in str(caught.value)
