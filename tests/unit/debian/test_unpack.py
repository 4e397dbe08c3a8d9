from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from pythonbuild.config.model import RootDescription
from pythonbuild.debian.unpack import unpack_root
from pythonbuild.errors import LockError, SourceError
from tests.unit.debian.debmaker import (
    description,
    device,
    directory,
    hard_link,
    link,
    lock_of,
    locked,
    make_deb,
    regular,
)

Entries = Sequence[tuple[tarfile.TarInfo, bytes]]

BASE: Entries = [
    directory("./"),
    directory("./usr/"),
    directory("./usr/bin/"),
    directory("./usr/lib/"),
    link("./bin", "usr/bin"),
    link("./lib", "usr/lib"),
]


class Maker:
    """Makes .debs and unpacks them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.debs: dict[str, Path] = {}

    def add(self, name: str, entries: Entries, **options: str) -> Maker:
        self.debs[name] = make_deb(self.directory / f"{name}.deb", entries, **options)
        return self

    def unpack(self, described: RootDescription | None = None, jobs: int = 4, to: str = "root") -> Path:
        root = self.directory / to
        root.mkdir()
        packages = [locked(path, name) for name, path in self.debs.items()]
        unpack_root(described or description(), lock_of(*packages), self.debs, root, jobs)
        return root


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path).add("base-files", BASE)


def listing(root: Path) -> list[tuple[str, int, float, str]]:
    rows = []
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        content = str(path.readlink()) if path.is_symlink() else path.read_text() if path.is_file() else ""
        rows.append((str(path.relative_to(root)), status.st_mode, status.st_mtime, content))
    return rows


@pytest.mark.parametrize("kind", ["xz", "zst", "gz", ""])
def test_files_land_behind_the_links_of_base_files(maker: Maker, kind: str) -> None:
    root = maker.add("tool", [directory("./bin/"), regular("./bin/tool", b"#!", 0o4755)], kind=kind).unpack()
    assert (root / "usr/bin/tool").read_bytes() == b"#!"
    assert (root / "bin").readlink() == Path("usr/bin")


def test_owner_mode_and_time_are_normalised(maker: Maker) -> None:
    maker.add(
        "tool",
        [
            directory("./usr/lib/secret/", 0o700),
            regular("./usr/lib/secret/key", b"k", 0o600),
            regular("./usr/lib/secret/run", b"r", 0o4711),
            link("./usr/lib/secret/other", "nowhere"),
        ],
    )
    before = os.umask(0o077)
    try:
        root = maker.unpack()
    finally:
        os.umask(before)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in (root / "usr/lib/secret").iterdir() if path.exists()
    }
    assert modes == {"key": 0o644, "run": 0o755}
    assert stat.S_IMODE((root / "usr/lib/secret").stat().st_mode) == 0o755
    assert stat.S_IMODE(root.stat().st_mode) == 0o755
    assert {path.lstat().st_mtime for path in [root, *root.rglob("*")]} == {1789257600.0}


def test_the_result_is_the_same_with_any_number_of_threads(maker: Maker) -> None:
    for number in range(20):
        maker.add(f"p{number:02}", [directory("./usr/share/"), regular(f"./usr/share/{number}", b"x" * number * 1000)])
    assert listing(maker.unpack(jobs=1, to="one")) == listing(maker.unpack(jobs=8, to="eight"))


def test_hard_links_stay_links(maker: Maker) -> None:
    root = maker.add("perl", [regular("./usr/bin/perl", b"p"), hard_link("./usr/bin/perl5", "./usr/bin/perl")]).unpack()
    assert (root / "usr/bin/perl5").samefile(root / "usr/bin/perl")


def test_a_hard_link_to_a_dropped_file_is_an_error(maker: Maker) -> None:
    maker.add("perl", [regular("./usr/bin/perl", b"p"), hard_link("./usr/bin/perl5", "./usr/bin/perl")])
    with pytest.raises(LockError, match="hard link to a file that is not unpacked"):
        maker.unpack(description(drop=("/usr/bin/perl",)))


def test_device_nodes_are_skipped(maker: Maker) -> None:
    assert not (maker.add("dev", [device("./usr/lib/null")]).unpack() / "usr/lib/null").exists()


def test_documentation_and_what_the_description_drops_are_not_unpacked(maker: Maker) -> None:
    maker.add(
        "doc",
        [
            directory("./usr/share/doc/x/"),
            regular("./usr/share/doc/x/copyright", b"c"),
            regular("./usr/lib/libasan.a", b"a"),
            regular("./usr/lib/libc.a", b"a"),
        ],
    )
    root = maker.unpack(description(drop=("/usr/lib/*asan*",)))
    assert [path.name for path in (root / "usr/lib").iterdir()] == ["libc.a"]
    assert not (root / "usr/share/doc/x").exists()


def test_the_description_replaces_maintainer_scripts(maker: Maker) -> None:
    maker.add("mawk", [regular("./usr/bin/mawk", b"m"), regular("./etc/passwd", b"old")])
    root = maker.unpack(
        description(symlinks={"/bin/awk": "mawk"}, directories=("/build",), files={"/etc/passwd": "root\n"})
    )
    assert (root / "usr/bin/awk").read_bytes() == b"m"
    assert (root / "build").is_dir()
    assert (root / "etc/passwd").read_text() == "root\n"


@pytest.mark.parametrize("name", ["./../outside", "./usr/../../outside", "usr/lib/../../../outside"])
def test_entries_cannot_leave_the_root(maker: Maker, name: str) -> None:
    with pytest.raises(SourceError, match="leads out of the root"):
        maker.add("evil", [regular(name, b"x")]).unpack()
    assert not (maker.directory / "outside").exists()


def test_an_absolute_entry_stays_inside(maker: Maker) -> None:
    assert (maker.add("odd", [regular("/usr/lib/x", b"x")]).unpack() / "usr/lib/x").exists()


def test_nothing_is_written_through_a_link(maker: Maker, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    entries = [link("./usr/lib/way", str(tmp_path / "outside")), regular("./usr/lib/way/file", b"x")]
    with pytest.raises(LockError, match="disagree about /usr/lib/way"):
        maker.add("evil", entries).unpack()
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize("jobs", [1, 4])
def test_a_directory_in_one_package_and_a_link_in_another_is_an_error(maker: Maker, jobs: int) -> None:
    maker.add("a", [link("./usr/lib/x", "y")]).add("b", [directory("./usr/lib/x/")])
    with pytest.raises(LockError, match="packages a and b disagree about /usr/lib/x"):
        maker.unpack(jobs=jobs)


def test_links_in_the_top_directory_come_from_the_first_package_only(maker: Maker) -> None:
    with pytest.raises(LockError, match="link in the top directory"):
        maker.add("odd", [link("./opt", "usr/lib")]).unpack()


def test_a_link_of_the_first_package_cannot_lead_out(tmp_path: Path) -> None:
    maker = Maker(tmp_path).add("base-files", [link("./bin", "../outside")]).add("x", [regular("./bin/x", b"x")])
    with pytest.raises(SourceError, match="leads out of the root"):
        maker.unpack()


def test_two_packages_with_one_file_are_an_error(maker: Maker) -> None:
    maker.add("a", [regular("./usr/lib/x", b"a")]).add("b", [regular("./usr/lib/x", b"b")])
    with pytest.raises(LockError, match="packages a and b both have /usr/lib/x"):
        maker.unpack()


@pytest.mark.parametrize("size", [0, 500_000])
def test_a_package_that_replaces_another_wins_whoever_is_first(maker: Maker, size: int) -> None:
    padding = [regular("./usr/lib/padding", os.urandom(size))]  # the larger package is unpacked first
    maker.add("old", [regular("./usr/lib/x", b"old")])
    maker.add("new", [*padding, regular("./usr/lib/x", b"new")], control="Package: new\nReplaces: foo, old (<< 2)\n")
    assert (maker.unpack(jobs=1) / "usr/lib/x").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html>not found</html>", "not a .deb"),
        (b"!<arch>\n", "no member data.tar"),
        (b"!<arch>\n" + b"x" * 60, "no member data.tar"),
        (b"", "not a .deb"),
    ],
)
def test_a_broken_deb_is_named(maker: Maker, content: bytes, said: str) -> None:
    maker.add("x", [])
    maker.debs["x"].write_bytes(content)
    with pytest.raises(SourceError, match=said) as caught:
        maker.unpack()
    assert "x.deb" in str(caught.value)


@pytest.mark.parametrize("kind", ["xz", "zst", "gz"])
def test_half_a_deb_is_an_error(maker: Maker, kind: str) -> None:
    maker.add("x", [regular("./usr/lib/x", os.urandom(100_000))], kind=kind)
    data = maker.debs["x"].read_bytes()
    maker.debs["x"].write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match=r"x\.deb: not a sound \.deb"):
        maker.unpack()


def test_an_unknown_compression_is_an_error(maker: Maker) -> None:
    maker.add("x", [])
    maker.debs["x"].write_bytes(maker.debs["x"].read_bytes().replace(b"data.tar.xz  ", b"data.tar.lz9 "))
    with pytest.raises(SourceError, match="compression is not known"):
        maker.unpack()
