"""What names tell, and that they are made as they are read."""

from __future__ import annotations

import pytest

from pythonbuild.distribution.names import ArchiveName, ArchiveNameError, default_tag, read_name

TRIPLE = "x86_64-unknown-linux-gnu"
NAMES = {
    f"cpython-3.13.15-{TRIPLE}-noopt-864a5205ac85.tar.zst":
        ArchiveName("3.13.15", TRIPLE, "noopt", "full", "zst", digest="864a5205ac85"),
    f"cpython-3.13.15+20261007-{TRIPLE}-install_only.tar.gz":
        ArchiveName("3.13.15", TRIPLE, "", "install_only", "gz", "20261007"),
    f"cpython-3.15.0a5+v1.2-{TRIPLE}-debug-install_only_stripped.tar.zst":
        ArchiveName("3.15.0a5", TRIPLE, "debug", "install_only_stripped", "zst", "v1.2"),
    "cpython-3.14.1+1-aarch64-apple-darwin-freethreaded+pgo-full.tar.zst":
        ArchiveName("3.14.1", "aarch64-apple-darwin", "freethreaded+pgo", "full", "zst", "1"),
    f"cpython-3.13.15-{TRIPLE}-freethreaded+pgo+lto-864a5205ac85.tar.zst":
        ArchiveName("3.13.15", TRIPLE, "freethreaded+pgo+lto", "full", "zst", digest="864a5205ac85"),
    f"cpython-3.13.15+20261007-{TRIPLE}-freethreaded-install_only.tar.gz":
        ArchiveName("3.13.15", TRIPLE, "freethreaded", "install_only", "gz", "20261007"),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_are_read_as_they_are_made(name: str) -> None:
    assert read_name(name) == NAMES[name]
    assert str(NAMES[name]) == name


@pytest.mark.parametrize("name", [
    "cpython.tar.gz",
    f"cpython-3.13-{TRIPLE}-noopt-864a5205ac85.tar.zst",
    f"cpython-3.13.15-{TRIPLE}-noopt-864a5205ac85.tar.gz",
    f"cpython-3.13.15-{TRIPLE}-install_only.tar.gz",
    f"cpython-3.13.15+a/b-{TRIPLE}-install_only.tar.gz",
    f"cpython-3.13.15+1-{TRIPLE}-install.tar.gz",
    f"cpython-3.13.15+1-{TRIPLE}-install_only.tar.bz2",
    "cpython-3.13.15+1-x86_64-plan9-install_only.tar.gz",
    f"cpython-3.13.15+1-{TRIPLE}-install_only.tar.gz\n",
])  # fmt: skip
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ArchiveNameError, match="not an archive's name: expected cpython-VERSION"):
        read_name(name)


def test_the_default_tag_is_the_day_of_the_source() -> None:
    assert default_tag(1754395200) == "20250805"
    assert default_tag(0) == "19700101"
