from __future__ import annotations

import os
import posixpath
from pathlib import Path, PureWindowsPath

import pytest

from pythonbuild import host
from pythonbuild.engine import files, trees
from pythonbuild.engine.collect import gc
from pythonbuild.engine.files import link_symbolically, link_target, put, remove_file, remove_tree
from pythonbuild.engine.portable import folded, led_to, refuse_unusable, why_unusable
from pythonbuild.engine.store import Store
from pythonbuild.errors import MachineError, StoreError

# Names


@pytest.mark.parametrize("name", ["a/b.c", "console", "com10", "lpt", "a.con", "nul-1", "…", "a b", ".a", "..a"])
def test_usable_names(name: str) -> None:
    assert why_unusable(name) == ""
    assert not PureWindowsPath(name).is_reserved()


@pytest.mark.parametrize("name", ["con", "lib/AUX", "nul.txt", "Prn.tar.gz", "com1/x", "LPT9", "com¹"])
def test_names_of_devices(name: str) -> None:
    assert why_unusable(name).startswith("the name of a device")


@pytest.mark.parametrize(("name", "why"), [("a:b", "':'"), ("a?", "'?'"), ("a\\b", r"'\\'"), ("x/a\n", r"'\n'"),
                                           ("dir./a", "ends with '.'"), ("a ", "ends with ' '")])  # fmt: skip
def test_names_that_cannot_be(name: str, why: str) -> None:
    assert why_unusable(name).endswith(why)


def test_names_that_case_alone_keeps_apart() -> None:
    assert folded("Ä/b") == folded("a\u0308/B")
    assert folded("a") != folded("ä")
    refuse_unusable(["A", "a", "con"], windows=False, ignores_case=False)
    refuse_unusable(["A", "b"], windows=True, ignores_case=True)
    with pytest.raises(StoreError, match=r"^lib/x: the file system here takes it for Lib/x; give --cache-dir"):
        refuse_unusable(["Lib/x", "lib/x"], windows=False, ignores_case=True)
    with pytest.raises(StoreError, match=r"^a:b: Windows cannot have such a file: found the character ':'"):
        refuse_unusable(["a:b"], windows=True, ignores_case=True)


@pytest.mark.parametrize(("path", "target", "expected"), [("a/b", "c", "a/c"), ("a/b", "../c/./d", "c/d"),
                                                          ("b", "../c", "../c"), ("b", "/c", "/c")])  # fmt: skip
def test_where_links_lead(path: str, target: str, expected: str) -> None:
    assert led_to(path, target) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [(r"C:\pb\a", r"\\?\C:\pb\a"), (r"\\server\share\a", r"\\?\UNC\server\share\a"), (r"\\?\C:\a", r"\\?\C:\a")],
)
def test_paths_without_a_limit(name: str, expected: str) -> None:
    assert host.extended_name(name) == expected
    below = PureWindowsPath(expected) / "x" / "y"
    assert str(below) == expected + r"\x\y"
    assert below.relative_to(PureWindowsPath(expected)).as_posix() == "x/y"


@pytest.mark.parametrize(
    ("name", "mode", "windows", "expected"),
    [("a", 0o755, False, True), ("a.exe", 0o644, False, False), ("a", 0o755, True, False), ("A.EXE", 0o644, True, True),
     ("a.cmd", 0o444, True, True), ("a.py", 0o777, True, False)],
)  # fmt: skip
def test_what_is_executable(
    monkeypatch: pytest.MonkeyPatch, name: str, mode: int, windows: bool, expected: bool
) -> None:
    monkeypatch.setattr(host, "WINDOWS", windows)
    assert host.is_executable(name, mode) == expected


# Files


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "WINDOWS", True)
    monkeypatch.setattr("pythonbuild.locking.PATIENCE", 0.2)


def test_a_file_in_use_is_waited_for(windows: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows: somebody reads the old content while the new one is put in its place."""
    replace, tries = Path.replace, 0

    def busy(path: Path, target: Path) -> Path:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise PermissionError(13, "Access is denied")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", busy)
    (tmp_path / "new").write_text("new")
    put(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_text() == "new"
    tries = -1000
    with pytest.raises(PermissionError):
        put(tmp_path / "old", tmp_path / "new")
    monkeypatch.setattr(host, "WINDOWS", False)
    tries = 0
    with pytest.raises(PermissionError):
        put(tmp_path / "old", tmp_path / "new")
    assert tries == 1


def test_removing_what_is_read_only_or_in_use(windows: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unlink = os.unlink
    used = tmp_path / "tree/used"

    def refusing(path: str | Path, *, dir_fd: int | None = None) -> None:
        if not os.stat(path, dir_fd=dir_fd).st_mode & 0o200 or (used_now and path == used):
            raise PermissionError(13, "Access is denied", str(path))
        unlink(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", refusing)
    used_now = True
    (tmp_path / "tree/below").mkdir(parents=True)
    for path in (used, tmp_path / "tree/below/read-only", tmp_path / "one"):
        path.touch()
        path.chmod(0o444)
    assert remove_file(tmp_path / "one")
    assert not remove_file(used)
    used_now = False
    used.chmod(0o444)
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_symbolic_links(windows: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to("\\\\?\\C:\\a\\b")
    assert link_target(tmp_path / "link") == "C:/a/b"
    monkeypatch.setattr(host, "WINDOWS", False)
    assert link_target(tmp_path / "link") == "\\\\?\\C:\\a\\b"

    def refuse(*_arguments: object, **_options: object) -> None:
        error = OSError(22, "A required privilege is not held by the client")
        error.winerror = 1314  # type: ignore[attr-defined, unused-ignore]
        raise error

    monkeypatch.setattr(os, "symlink", refuse)
    with pytest.raises(MachineError, match=r"Windows lets this user make no symbolic link: .*; turn on the Developer"):
        link_symbolically(tmp_path / "other", "a", directory=False)


# The store


def test_modes_are_as_recorded(windows: None, tmp_path: Path) -> None:
    """Windows keeps none: what is executable is known from the manifest, and nothing is made read-only."""
    out = tmp_path / "out"
    (out / "bin").mkdir(parents=True)
    (out / "bin/python.exe").write_text("program")
    (out / "bin/readme").write_text("text")
    (out / "bin/readme").chmod(0o755)
    with Store(tmp_path / "cache") as store:
        digest = store.add_tree(out, move=True)
        kinds = {path: entry.kind for path, entry in store.tree(digest).entries.items()}
        assert kinds == {"bin": "d", "bin/python.exe": "x", "bin/readme": "f"}
        for blob in (store.root / "blobs").glob("*/*"):
            assert blob.stat().st_mode & 0o200
            blob.chmod(0o644)  # as if there were no modes
        root = store.materialise_cached(digest)
    with Store(tmp_path / "cache") as store:
        assert store.materialise_cached(digest) == root
        assert trees.scan(root) == store.tree(digest)
        store.verify(digest)
    with Store(tmp_path / "cache") as store:
        assert gc(store, 0).files == 2
        assert not list((store.root / "blobs").glob("*/*"))


def test_links_to_directories_are_told_from_others(
    windows: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, bool]] = []

    def record(path: Path, target: str, *, directory: bool) -> None:
        made.append((posixpath.join(path.name, target), directory))
        path.symlink_to(target)

    monkeypatch.setattr("pythonbuild.engine.store.link_symbolically", record)
    out = tmp_path / "out"
    (out / "real").mkdir(parents=True)
    (out / "real/file").touch()
    (out / "directory").symlink_to("real")
    (out / "file").symlink_to("real/file")
    (out / "nowhere").symlink_to("x")
    with Store(tmp_path / "cache") as store:
        store.materialise(store.add_tree(out), tmp_path / "again")
    assert sorted(made) == [("directory/real", True), ("file/real/file", False), ("nowhere/x", False)]


def test_a_tree_that_cannot_be_laid_out_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "A").touch()
    (out / "a").touch()
    with Store(tmp_path / "cache") as store:
        assert not store.ignores_case
        digest = store.add_tree(out)
        store.ignores_case = True
        with pytest.raises(StoreError, match=r"^a: the file system here takes it for A"):
            store.materialise(digest, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_link_that_cannot_be_made_becomes_a_copy(
    windows: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows has many numbers for a file system without hard links, or a file with too many."""

    def refuse(*_arguments: object) -> None:
        raise OSError(22, "Incorrect function")

    out = tmp_path / "out"
    out.mkdir()
    (out / "a").write_text("a")
    with Store(tmp_path / "cache") as store:
        digest = store.add_tree(out)
        monkeypatch.setattr(os, "link", refuse)
        store.materialise(digest, tmp_path / "again")
        assert (tmp_path / "again/a").read_text() == "a"
        monkeypatch.setattr(host, "WINDOWS", False)
        with pytest.raises(OSError, match=r"Incorrect function"):
            store.materialise(digest, tmp_path / "more")


def test_advice_names_the_script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for names, script in (
        ((), "./build-linux.py"),
        (("MACOS",), "./build-macos.py"),
        (("WINDOWS",), "py build-windows.py"),
    ):
        for name in ("MACOS", "WINDOWS"):
            monkeypatch.setattr(host, name, name in names)
        with pytest.raises(MachineError, match=f"or run {script} gc"), files.machine_errors(tmp_path):
            raise OSError(28, "No space left on device")
