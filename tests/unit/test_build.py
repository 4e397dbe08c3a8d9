"""Publishing: whole archives or none, and nothing written that is there already."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pythonbuild.build import publish, relock
from pythonbuild.distribution.output import check_output, output_directory
from pythonbuild.engine.events import Event, Published
from pythonbuild.engine.model import CallAction, Plan, Step
from pythonbuild.engine.store import Store
from pythonbuild.errors import OutputError, UsageError
from tests.unit.test_validating import make_request

CONTENT = b"an archive" * 1000
PLAN = Plan((Step("archive", CallAction(lambda _: None)),), goals=("archive",))


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Store, str]:
    (tmp_path / "tree/dist").mkdir(parents=True)
    (tmp_path / "tree/dist/a.tar.zst").write_bytes(CONTENT)
    store = Store(tmp_path / "cache")
    return store, store.add_tree(tmp_path / "tree")


def test_publish(stored: tuple[Store, str], tmp_path: Path) -> None:
    store, digest = stored
    output, events = tmp_path / "dist", list[Event]()
    check_output(output)
    (path,) = publish(PLAN, {"archive": digest}, store, output, events.append)
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.stat().st_nlink == 1, "a file of its own: nobody can damage the store through it"
    assert events == [Published(path, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())]
    assert [file.name for file in output.iterdir()] == ["a.tar.zst"]


def test_the_same_bytes_are_not_written_again(stored: tuple[Store, str], tmp_path: Path) -> None:
    store, digest = stored
    check_output(tmp_path / "dist")
    (path,) = publish(PLAN, {"archive": digest}, store, tmp_path / "dist", lambda _: None)
    before = path.stat()
    publish(PLAN, {"archive": digest}, store, tmp_path / "dist", lambda _: None)
    assert path.stat().st_ino == before.st_ino
    path.write_bytes(CONTENT[:-1] + b"!")
    publish(PLAN, {"archive": digest}, store, tmp_path / "dist", lambda _: None)
    assert path.read_bytes() == CONTENT


def test_an_output_that_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"--output: .*file/dist cannot be written"):
        check_output(tmp_path / "file" / "dist")


def test_a_failed_build_leaves_no_emptyoutput_directory(tmp_path: Path) -> None:
    for name in ("new", "there"):
        output = tmp_path / name
        if name == "there":
            output.mkdir()
        with pytest.raises(OutputError, match="on purpose"), output_directory(output):
            raise OutputError("on purpose")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_relock_knows_the_roots(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"relock: no such root: found buld, expected one of .*build, .*bullseye"):
        relock(make_request(tmp_path), lambda _: None, "buld")
