from __future__ import annotations

from pathlib import Path

import pytest

from pythonbuild.config.locks import load_lock, load_root_description, load_root_descriptions, render_lock, write_lock
from pythonbuild.config.model import Lock, LockedPackage
from pythonbuild.environments.base import MOUNT_POINTS
from pythonbuild.errors import ConfigError

UNIX = Path(__file__).resolve().parents[3] / "cpython-unix"
LOCK = Lock(
    "build-amd64",
    "trixie",
    "amd64",
    "20260913T000000Z",
    (
        LockedPackage("base-files", "13.8+deb13u7", "amd64", "pool/b/base-files_13.8_amd64.deb", "a" * 64, 73000),
        LockedPackage("libstdc++6", "1:14.2.0-19", "amd64", "pool/g/libstdc++6_14.2.0-19_amd64.deb", "b" * 64, 7),
    ),
)


def test_a_lock_comes_back_as_it_was_written(tmp_path: Path) -> None:
    assert write_lock(LOCK, tmp_path)
    assert not write_lock(LOCK, tmp_path)
    assert load_lock(tmp_path / "build-amd64.yml") == LOCK


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("a" * 64, "A" * 64, r"packages\[0\]: malformed sha256"),
        (" 73000 ", " many ", r"packages\[0\]: malformed size"),
        ("pool/b/", "/pool/b/", r"packages\[0\]: malformed path"),
        ("pool/b/", "pool/../../b/", r"packages\[0\]: malformed path"),
        (" 73000 ", " ", r"packages\[0\]: malformed package line"),
        ("libstdc++6 1", "base-files 1", r"packages\[1\]: package is given twice: found base-files"),
        ("20260913T000000Z", "yesterday", "snapshot: malformed timestamp"),
        ("snapshot:", "snapshoot:", r"snapshoot: unknown key.*did you mean 'snapshot'"),
        ("suite: trixie\n", "", "key 'suite' is missing"),
    ],
)
def test_a_wrong_lock_is_named_by_file_and_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "build-amd64.yml"
    text = render_lock(LOCK)
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError, match=said) as caught:
        load_lock(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("packages: clang", "packages: wrong type"),
        ("packages: [a]\nsymlinks: {usr/bin/awk: mawk}", "not a path inside the root"),
        ("packages: [a]\nfiles: {/etc/../../x: text}", "not a path inside the root"),
        ("packages: [a]\ndirectories: [/build/]", "not a path inside the root"),
        ("packages: [a]\nexcludes: [b]", "excludes: unknown key"),
    ],
)
def test_a_wrong_description_is_named_by_file_and_key(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "build.yml"
    path.write_text(f"suite: trixie\narchitectures: [amd64]\n{line}\n")
    with pytest.raises(ConfigError, match=said) as caught:
        load_root_description(path)
    assert str(path) in str(caught.value)


BASE = """\
suite: trixie
architectures: [amd64]
packages: [bash, clang]
exclude: [gcc]
symlinks: {/usr/bin/cc: clang, /bin: usr/bin}
"""


def test_a_root_may_be_like_another(tmp_path: Path) -> None:
    (tmp_path / "build.yml").write_text(BASE)
    path = tmp_path / "gcc.yml"
    path.write_text("like: build\nwithout: [clang, gcc, /usr/bin/cc]\npackages: [gcc]\nsymlinks: {/lib: usr/lib}\n")
    made = load_root_description(path)
    assert (made.name, made.suite, made.packages, made.exclude) == ("gcc", "trixie", ("bash", "gcc"), ())
    assert made.symlinks == {"/bin": "usr/bin", "/lib": "usr/lib"}
    assert made.paths == (tmp_path / "build.yml", path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("like: nothing", "like: no such root: found 'nothing'"),
        ("like: gcc", "like: no such root: found 'gcc'"),
        ("like: build\nwithout: [clang, tcc]", r"without\[1\]: build.yml has no such entry: found 'tcc'"),
        ("suite: trixie\narchitectures: [amd64]\npackages: [a]\nwithout: [b]", "without: nothing to be without"),
    ],
)
def test_a_root_that_is_like_nothing_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "build.yml").write_text(BASE)
    path = tmp_path / "gcc.yml"
    path.write_text(text + "\n")
    with pytest.raises(ConfigError, match=said) as caught:
        load_root_description(path)
    assert str(path) in str(caught.value)


def test_the_project_s_descriptions_have_their_locks() -> None:
    for name, description in load_root_descriptions(UNIX / "roots").items():
        for architecture in description.architectures:
            lock = load_lock(UNIX / "locks" / f"{name}-{architecture}.yml")
            assert (lock.suite, lock.architecture) == (description.suite, architecture)
            locked = {package.name for package in lock.packages}
            assert set(description.packages) <= locked
            assert not locked & set(description.exclude)


def test_the_build_root_has_every_mount_point() -> None:
    assert set(MOUNT_POINTS) <= set(load_root_description(UNIX / "roots" / "build.yml").directories)
