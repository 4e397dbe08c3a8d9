from __future__ import annotations

from pathlib import Path

import pytest

from pythonbuild.debian.apt_sources import mirror_bases, stanzas

DEB822 = """\
# a comment
Types: deb
URIs: http://mirror.example/debian/
  https://second.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie
Components: main
"""


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    (tmp_path / "etc/apt/sources.list.d").mkdir(parents=True)
    return tmp_path / "etc/apt"


def test_deb822_files_are_read(apt: Path, tmp_path: Path) -> None:
    (apt / "sources.list.d/debian.sources").write_text(DEB822)
    assert mirror_bases(tmp_path) == ["http://mirror.example/debian", "https://second.example/debian"]


def test_one_line_files_are_read(apt: Path, tmp_path: Path) -> None:
    (apt / "sources.list").write_text(
        "# deb http://commented.example/debian trixie main\n"
        "deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] http://mirror.example/debian trixie main contrib\n"
        "deb-src http://mirror.example/debian trixie main\n"
        "deb http://security.example/debian-security trixie-security main\n"
        "deb http://flat.example/repository ./\n"
        "deb cdrom:[Debian]/ trixie main\n"
    )
    (apt / "sources.list.d/other.list").write_text("deb file:/srv/mirror trixie main\n")
    (apt / "sources.list.d/other.list.save").write_text("deb http://saved.example/debian trixie main\n")
    assert mirror_bases(tmp_path) == ["http://mirror.example/debian", "file:/srv/mirror"]


def test_mirror_lists_are_followed(apt: Path, tmp_path: Path) -> None:
    (apt / "mirrors").mkdir()
    (apt / "mirrors/debian.list").write_text("# near ones first\nhttps://near.example/debian\tpriority:1\n\n")
    (apt / "sources.list").write_text(
        "deb mirror+file:/etc/apt/mirrors/debian.list trixie main\ndeb mirror+file:/etc/apt/gone.list trixie main\n"
    )
    assert mirror_bases(tmp_path) == ["https://near.example/debian"]


def test_without_apt_there_is_no_mirror(tmp_path: Path) -> None:
    assert mirror_bases(tmp_path) == []


def test_stanzas_keep_continued_lines() -> None:
    assert list(stanzas("A: 1\nB:\n x\n y\n\n\nA: 2\n")) == [{"a": "1", "b": "\nx\ny"}, {"a": "2"}]
