from __future__ import annotations

import hashlib
import lzma
import shutil
from collections.abc import Callable

import pytest

from pythonbuild.debian import index as module
from pythonbuild.debian.index import Clause, IndexUnreadableError, fetch_index, parse_depends, parse_packages
from pythonbuild.errors import LockError, MachineError

PACKAGES = """\
Package: libc6
Version: 2.41-12
Architecture: amd64
Essential: no
Multi-Arch: same
Depends: libgcc-s1
Provides: libc6-2.41
Description: GNU C Library
Filename: pool/main/g/glibc/libc6_2.41-12_amd64.deb
Size: 123
SHA256: {sha}

Package: libc6
Version: 2.41-9
Architecture: amd64
Filename: pool/main/g/glibc/libc6_2.41-9_amd64.deb
Size: 122
SHA256: {sha}
""".format(sha="0" * 64)
BASE = "http://mirror.example/debian"


class Mirror:
    """Files by address below BASE; what is not there is an OSError, as urllib's errors are."""

    def __init__(self, packages: str = PACKAGES, codename: str = "trixie") -> None:
        data = lzma.compress(packages.encode())
        digest = hashlib.sha256(data).hexdigest()
        release = (
            f"Origin: Debian\nSuite: stable\nCodename: {codename}\nDate: Sat, 12 Sep 2026 07:55:41 UTC\n"
            f"SHA256:\n {digest} {len(data)} main/binary-amd64/Packages.xz\n {'0' * 64} 1 main/other\n"
        )
        self.by_hash = f"dists/trixie/main/binary-amd64/by-hash/SHA256/{digest}"
        self.files = {"dists/trixie/InRelease": release.encode(), self.by_hash: data}

    def read(self, url: str) -> bytes:
        try:
            return self.files[url.removeprefix(BASE + "/")]
        except KeyError:
            raise OSError(f"{url}: HTTP Error 404: Not Found") from None


def trusting(data: bytes) -> str:
    return data.decode()


@pytest.fixture
def mirror() -> Mirror:
    return Mirror()


def test_the_index_is_read_and_its_newest_versions_are_kept(mirror: Mirror) -> None:
    index = fetch_index([BASE], "trixie", "amd64", read=mirror.read, verify=trusting)
    assert (index.suite, index.architecture, index.snapshot) == ("trixie", "amd64", "20260913T000000Z")
    package = index.packages["libc6"]
    assert (package.version, package.size) == ("2.41-12", 123)
    assert package.depends == ((Clause("libgcc-s1"),),)
    assert package.provides == (Clause("libc6-2.41"),)


def test_the_plain_name_is_read_where_there_is_none_by_hash(mirror: Mirror) -> None:
    mirror.files["dists/trixie/main/binary-amd64/Packages.xz"] = mirror.files.pop(mirror.by_hash)
    assert fetch_index([BASE], "trixie", "amd64", read=mirror.read, verify=trusting).packages


def test_the_next_mirror_is_asked(mirror: Mirror) -> None:
    bases = ["http://down.example/debian", BASE]
    assert fetch_index(bases, "trixie", "amd64", read=mirror.read, verify=trusting).packages


def test_an_index_with_another_hash_is_refused(mirror: Mirror) -> None:
    mirror.files[mirror.by_hash] = lzma.compress(b"Package: evil\n")
    with pytest.raises(IndexUnreadableError, match="is not what InRelease names"):
        fetch_index([BASE], "trixie", "amd64", read=mirror.read, verify=trusting)


def test_an_index_of_another_suite_is_refused() -> None:
    with pytest.raises(IndexUnreadableError, match="another suite"):
        fetch_index([BASE], "trixie", "amd64", read=Mirror(codename="sid").read, verify=trusting)


def test_an_unknown_architecture_is_an_error(mirror: Mirror) -> None:
    with pytest.raises(IndexUnreadableError, match="has no main/binary-vax"):
        fetch_index([BASE], "trixie", "vax", read=mirror.read, verify=trusting)


@pytest.mark.parametrize(("bases", "said"), [([], "no Debian mirror"), (["http://down.example/debian"], "404")])
def test_no_mirror_is_one_error(mirror: Mirror, bases: list[str], said: str) -> None:
    with pytest.raises(IndexUnreadableError, match=said):
        fetch_index(bases, "trixie", "amd64", read=mirror.read, verify=trusting)


@pytest.mark.skipif(shutil.which("gpgv") is None, reason="no gpgv")
def test_what_is_not_signed_is_refused(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory,
                                       monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    keyring = tmp_path_factory.mktemp("keys") / "empty.gpg"
    keyring.write_bytes(b"")
    monkeypatch.setattr(module, "KEYRINGS", (str(keyring),))
    with pytest.raises(IndexUnreadableError, match="no good signature"):
        fetch_index([BASE], "trixie", "amd64", read=mirror.read)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda patch: patch.setattr(shutil, "which", lambda _: None), "install the package gpgv"),
        (
            lambda patch: patch.setattr(module, "KEYRINGS", ("/nowhere.gpg",)),
            "install the package debian-archive-keyring",
        ),
    ],
)
def test_a_machine_that_cannot_verify_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[pytest.MonkeyPatch], None], said: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/gpgv")
    change(monkeypatch)
    with pytest.raises(MachineError, match=said):
        module.verify_inrelease(b"")


def test_dependencies_are_parsed() -> None:
    assert parse_depends("libc6 (>= 2.38), perl:any, a | b (<< 1:2~) ,") == (
        (Clause("libc6", ">=", "2.38"),),
        (Clause("perl"),),
        (Clause("a"), Clause("b", "<<", "1:2~")),
    )
    with pytest.raises(LockError, match="malformed dependency"):
        parse_depends("libc6 (~ 2)")


def test_other_fields_are_not_mistaken() -> None:
    stanza = "Package: x\nVersion: 1\nArchitecture: all\nFilename: f\nSize: 1\nSHA256: s\nBuilt-Depends: y\n"
    assert parse_packages(stanza)["x"].depends == ()
