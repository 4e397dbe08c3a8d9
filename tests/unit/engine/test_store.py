from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pythonbuild.engine import files
from pythonbuild.engine.collect import gc
from pythonbuild.engine.files import EPOCH, FileLock, remove_tree
from pythonbuild.engine.store import Store
from pythonbuild.engine.trees import scan
from pythonbuild.errors import MachineError, NoSpaceError, StoreCorruptError, StoreError


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "cache") as store:
        yield store


def make(directory: Path, **contents: str) -> Path:
    (directory / "tools").mkdir(parents=True)
    for name, text in contents.items():
        (directory / "tools" / name).write_text(text)
    return directory


def blob_of(store: Store, digest: str, path: str) -> Path:
    name = store.tree(digest).entries[path].blob
    return store.root / "blobs" / name[:2] / name


def overwrite(path: Path, text: str) -> None:
    path.chmod(0o644)
    path.write_text(text)
    path.chmod(0o444)


@pytest.fixture
def plain_user() -> None:
    """Run a test that expects refusals as a user whom the kernel refuses things."""
    if os.geteuid() == 0:
        pytest.skip("root may do everything")


def test_a_tree_goes_in_and_comes_out(store: Store, tmp_path: Path) -> None:
    source = make(tmp_path / "out", a="a", b="b", same="a")
    (source / "tools/b").chmod(0o700)
    (source / "tools/link").symlink_to("a")
    (source / "empty").mkdir()
    before = scan(source).digest
    digest = store.add_tree(source, move=True)
    assert digest == before
    assert not (source / "tools/a").exists() or not (source / "tools/same").exists(), "nothing was moved"
    store.materialise(digest, tmp_path / "back")
    assert scan(tmp_path / "back").digest == digest
    run, plain = (tmp_path / "back/tools/b").stat(), (tmp_path / "back/tools/a").stat()
    assert (stat.S_IMODE(run.st_mode), stat.S_IMODE(plain.st_mode)) == (0o555, 0o444)
    assert {run.st_mtime, plain.st_mtime, (tmp_path / "back/tools").stat().st_mtime} == {EPOCH}
    assert plain.st_ino == blob_of(store, digest, "tools/a").stat().st_ino


def test_directories_have_their_mode_whatever_the_umask(store: Store, tmp_path: Path) -> None:
    """In a container the step's user is not the owner of the root filesystem's directories."""
    digest = store.add_tree(make(tmp_path / "out", a="a"))
    before = os.umask(0o077)
    try:
        store.materialise(digest, tmp_path / "back")
        root = store.materialise_cached(digest)
    finally:
        os.umask(before)
    for directory in (tmp_path / "back", tmp_path / "back/tools", root / "tools"):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o755
    (root / "tools").chmod(0o700)  # as an earlier version left it
    with Store(tmp_path / "cache") as again:
        assert stat.S_IMODE((again.materialise_cached(digest) / "tools").stat().st_mode) == 0o755


def test_without_move_the_directory_stays_as_it_is(store: Store, tmp_path: Path) -> None:
    source = make(tmp_path / "out", a="a")
    digest = store.add_tree(source)
    (source / "tools/a").write_text("changed")
    store.materialise(digest, tmp_path / "back")
    assert (tmp_path / "back/tools/a").read_text() == "a"


def test_copies_may_be_written_to(store: Store, tmp_path: Path) -> None:
    digest = store.add_tree(make(tmp_path / "out", a="a"), move=True)
    store.materialise(digest, tmp_path / "back", copy=True)
    (tmp_path / "back/tools/a").write_text("changed")
    store.materialise(digest, tmp_path / "again")
    assert (tmp_path / "again/tools/a").read_text() == "a"


def test_a_file_with_a_second_name_is_copied(store: Store, tmp_path: Path) -> None:
    source = make(tmp_path / "out", a="a")
    os.link(source / "tools/a", tmp_path / "second")
    digest = store.add_tree(source, move=True)
    (tmp_path / "second").write_text("changed")
    store.materialise(digest, tmp_path / "back")
    assert (tmp_path / "back/tools/a").read_text() == "a"


def test_directories_without_permissions_are_opened(store: Store, tmp_path: Path) -> None:
    source = make(tmp_path / "out", a="a")
    (source / "tools/a").chmod(0)
    (source / "tools").chmod(0o500)
    store.materialise(store.add_tree(source, move=True), tmp_path / "back")
    assert (tmp_path / "back/tools/a").read_text() == "a"


def test_merged_and_selected(store: Store, tmp_path: Path) -> None:
    one = store.add_tree(make(tmp_path / "1", a="a"), move=True)
    two = make(tmp_path / "2", b="b")
    (two / "licenses").mkdir()
    trees = {"one": one, "two": store.add_tree(two, move=True)}
    path = store.materialise_cached(trees, select=("tools",))
    assert sorted(child.name for child in path.rglob("*")) == ["a", "b", "tools"]
    trees["three"] = store.add_tree(make(tmp_path / "3", a="other"), move=True)
    with pytest.raises(StoreError, match="tools/a: the trees of one and three cannot be merged"):
        store.materialise_cached(trees)


@pytest.mark.parametrize("refusal", [errno.EMLINK, errno.EXDEV, errno.EPERM])
def test_files_are_copied_where_links_are_refused(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(refusal, os.strerror(refusal))

    digest = store.add_tree(make(tmp_path / "out", a="a"), move=True)
    monkeypatch.setattr(os, "link", refuse)
    store.materialise(digest, tmp_path / "back")
    copied = tmp_path / "back/tools/a"
    assert copied.read_text() == "a"
    assert copied.stat().st_ino != blob_of(store, digest, "tools/a").stat().st_ino
    assert copied.stat().st_mtime == EPOCH


def test_files_are_copied_from_another_file_system(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if path.is_relative_to(source):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(path, target)

    source = make(tmp_path / "out", a="a")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        digest = store.add_tree(source, move=True)
    assert (source / "tools/a").exists()
    store.verify(digest)


@pytest.mark.parametrize(("code", "expected"), [(errno.ENOSPC, NoSpaceError), (errno.EDQUOT, NoSpaceError),
                                                (errno.EROFS, MachineError)])  # fmt: skip
def test_a_full_disk_is_named_and_leaves_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, expected: type[Exception]
) -> None:
    def full(_source: Path, target: Path) -> None:
        target.write_text("half")
        raise OSError(code, os.strerror(code), str(target))

    source = make(tmp_path / "out", a="a")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        with pytest.raises(expected, match=f"{store.root}.*--cache-dir") as error:
            store.add_tree(source)
    assert type(error.value) is expected
    assert not [path for path in (store.root / "blobs").rglob("*") if path.is_file()]
    store.verify(store.add_tree(source))


def test_no_permission_is_a_machine_error(plain_user: None, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(MachineError, match="not permitted"):
        Store(tmp_path / "cache")


def damage_by_writing(blob: Path) -> None:
    overwrite(blob, "x")


def damage_by_growing(blob: Path) -> None:
    overwrite(blob, "too long")


def damage_by_removing(blob: Path) -> None:
    blob.unlink()


def damage_the_mode(blob: Path) -> None:
    blob.chmod(0o755)


@pytest.mark.parametrize("damage", [damage_by_writing, damage_by_growing, damage_by_removing, damage_the_mode])
def test_a_damaged_blob_is_set_aside_and_replaced(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:  # fmt: skip
    with Store(tmp_path / "cache") as store:
        digest = store.add_tree(make(tmp_path / "out", a="a"), move=True)
        store.record("f" * 64, "step", digest, {}, 1.0)
        damage(blob_of(store, digest, "tools/a"))
    with Store(tmp_path / "cache") as store:
        assert store.lookup("f" * 64), "content is not looked at before it is read"
        with pytest.raises(StoreCorruptError) as error:
            store.materialise(digest, tmp_path / "back")
        assert error.value.temporary
        assert store.lookup("f" * 64) is None
        assert list((store.root / "corrupt").iterdir())
        assert store.add_tree(make(tmp_path / "anew", a="a"), move=True) == digest
        store.record("f" * 64, "step", digest, {}, 1.0)
        store.verify(digest)
        assert store.lookup("f" * 64)


def test_adding_replaces_a_damaged_blob(tmp_path: Path) -> None:
    with Store(tmp_path / "cache") as store:
        digest = store.add_tree(make(tmp_path / "out", a="a"), move=True)
        overwrite(blob_of(store, digest, "tools/a"), "x")
    with Store(tmp_path / "cache") as store:
        store.add_tree(make(tmp_path / "anew", a="a"), move=True)
        store.verify(digest)


@pytest.mark.parametrize("content", [b"", b"{}", b"\x00\xff"])
def test_a_damaged_manifest_is_set_aside(tmp_path: Path, content: bytes) -> None:
    with Store(tmp_path / "cache") as store:
        digest = store.add_tree(make(tmp_path / "out", a="a"), move=True)
        store.record("f" * 64, "step", digest, {}, 1.0)
    with Store(tmp_path / "cache") as store:
        (store.root / "trees" / digest[:2] / digest).write_bytes(content)
        with pytest.raises(StoreCorruptError, match=r"damaged.*corrupt/trees-"):
            store.verify(digest)
        assert store.lookup("f" * 64) is None


@pytest.mark.parametrize("content", [b"", b"x\ny\n", b"\xff\x00", None])
def test_a_damaged_record_is_a_miss(store: Store, tmp_path: Path, content: bytes | None) -> None:
    digest = store.add_tree(make(tmp_path / "out", a="a"), move=True)
    for key in ("e" * 64, "f" * 64):
        store.record(key, "step", digest, {"b": [1]}, 1.0)
    path = store.root / "actions/ff" / ("f" * 64)
    if content is None:  # a whole record, of another action
        content = (store.root / "actions/ee" / ("e" * 64)).read_bytes()
    path.write_bytes(content)
    assert store.peek("f" * 64) is None
    assert store.lookup("f" * 64) is None
    assert not path.exists()
    record = store.lookup("e" * 64)
    assert record
    assert (record.step, record.tree, record.inputs, record.seconds) == ("step", digest, {"b": [1]}, 1.0)


def test_the_newest_record_of_a_step_is_the_last_used(store: Store, tmp_path: Path) -> None:
    digest = store.add_tree(make(tmp_path / "out", a="a"), move=True)
    for key, seconds in (("e" * 64, 1.0), ("f" * 64, 2.0)):
        store.record(key, "a/step", digest, {}, seconds)
    newest = store.newest("a/step")
    assert newest
    assert newest.seconds == 2.0
    store.lookup("e" * 64)
    newest = store.newest("a/step")
    assert newest
    assert newest.seconds == 1.0
    assert store.newest("never") is None


def test_unpacked_trees_are_shared_and_checked(tmp_path: Path) -> None:
    with Store(tmp_path / "cache") as store:
        digest = store.add_tree(make(tmp_path / "out", a="a", b="b"), move=True)
        path = store.materialise_cached(digest)
        assert store.materialise_cached(digest) == path
        inode = path.stat().st_ino
    with Store(tmp_path / "cache") as store:
        assert store.materialise_cached(digest) == path
        assert path.stat().st_ino == inode
    (path / "tools/a").unlink()
    with Store(tmp_path / "cache") as store:
        assert (store.materialise_cached(digest) / "tools/a").read_text() == "a"
    overwrite(path / "tools/b", "x")  # it is the store's own blob
    with Store(tmp_path / "cache") as store, pytest.raises(StoreCorruptError):
        store.materialise_cached(digest)


def test_gc_drops_the_least_recently_used(store: Store, tmp_path: Path) -> None:
    digests = {}
    with Store(tmp_path / "cache") as builder:
        for number, key in enumerate("abc"):
            digest = builder.add_tree(make(tmp_path / key, **{key: key * 100, "shared": "s" * 10}), move=True)
            builder.record(key * 64, key, digest, {}, 1.0)
            os.utime(builder.root / "actions" / (key * 2) / (key * 64), (number + 1, number + 1))
            digests[key] = digest
        unpacked = builder.materialise_cached(digests["a"])
        assert builder.lookup("a" * 64)  # now the most recently used
        freed = gc(store, 0)
        assert (freed.actions, freed.files) == (0, 0), "a living process uses all of them"
        assert unpacked.exists()
    freed = gc(store, 250)
    assert (freed.actions, freed.files, freed.bytes, freed.roots, freed.left) == (1, 1, 100, 1, 210)
    assert not unpacked.exists()
    assert [key for key in "abc" if store.peek(key * 64)] == ["a", "c"]
    store.verify(digests["a"])
    freed = gc(store, 0)
    assert (freed.actions, freed.files, freed.left) == (2, 3, 0)
    assert "freed 0.0 MB: 3 files of 2 results" in freed.lines()[0]
    assert store.newest("a"), "history stays: it tells expected times"


def test_gc_removes_what_dead_processes_left(store: Store, tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from pythonbuild.engine.store import Store\n"
        "store = Store(Path(sys.argv[1])); store.add_tree(Path(sys.argv[2]), move=True)\n"
        "(store.session.temporary / 'half').write_text('x'); os.kill(os.getpid(), 9)\n"
    )
    source = make(tmp_path / "out", a="a")
    subprocess.run([sys.executable, "-c", program, tmp_path / "cache", source], check=False,
                   cwd=Path(files.__file__).parents[2])  # fmt: skip
    assert list((store.root / "sessions").glob("*/half"))
    assert gc(store, 0).files == 1, "a tree whose process died before it was recorded is nobody's"
    assert not list((store.root / "sessions").glob("*/half"))
    assert not list((store.root / "sessions").glob("*.lock"))


def test_many_threads_and_stores_put_the_same_things_in(tmp_path: Path) -> None:
    results: list[str] = []
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with Store(tmp_path / "cache") as store:
                for turn in range(5):
                    contents = {f"f{index}": str(index) for index in range(20)}
                    digest = store.add_tree(make(tmp_path / f"{number}-{turn}", **contents), move=True)
                    store.record("f" * 64, "step", digest, {}, 1.0)
                    store.materialise_cached(digest)
                    results.append(digest)
        except BaseException as error:  # noqa: BLE001 - the test tells it
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    with Store(tmp_path / "cache") as collector:
        while any(thread.is_alive() for thread in threads):
            gc(collector, 0)
    for thread in threads:
        thread.join()
    assert not errors
    assert len(set(results)) == 1


def test_a_lock_whose_file_was_removed_is_taken_anew(tmp_path: Path) -> None:
    first, second, third = (FileLock(tmp_path / "lock") for _ in range(3))
    assert first.try_acquire()
    assert not second.try_acquire()
    waiting = threading.Thread(target=second.acquire)
    waiting.start()
    first.release(remove=True)
    waiting.join()
    assert not third.try_acquire(), "the second holds the file that has the name now"
    assert not third.wait(lambda: True)
    second.release()
    assert third.try_acquire(shared=True)


def test_remove_tree_removes_what_its_maker_closed(plain_user: None, tmp_path: Path) -> None:
    path = make(tmp_path / "closed", a="a")
    (path / "tools").chmod(0o500)
    path.chmod(0)
    remove_tree(path)
    assert not path.exists()
    remove_tree(path)


def test_a_record_needs_its_tree(store: Store) -> None:
    with pytest.raises(StoreError, match="is not in the store"):
        store.record("f" * 64, "step", "0" * 64, {}, 1.0)


def test_an_unknown_tree(store: Store) -> None:
    with pytest.raises(StoreCorruptError, match="is not in the store"):
        store.tree("0" * 64)


def test_other_operating_system_errors_pass(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    digest = store.add_tree(make(tmp_path / "out", a="a"), move=True)
    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(OSError, match="Input/output error"):
        store.materialise(digest, tmp_path / "back")
