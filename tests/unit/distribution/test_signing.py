"""Signatures: made before anything is written, written whole, gone when they would be wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pythonbuild.cli.main import main
from pythonbuild.distribution import signing
from pythonbuild.distribution.archive import pack
from pythonbuild.distribution.publish import publish
from pythonbuild.distribution.signing import SigningError, SigstoreSigner, SshSigner
from pythonbuild.errors import OutputError, UsageError
from tests.unit.distribution.trees import make_distribution, write

NAME = "cpython-3.13.5-x86_64-unknown-linux-gnu-noopt-0123456789ab.tar.zst"
OTHER = NAME.replace("0123", "4567")
with_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen on this machine")


@dataclass
class PlayedSigner:
    """Signs as sigstore does, as far as publishing looks at it; ``asked`` are the files of each time."""

    fails: bool = False
    asked: list[list[str]] = field(default_factory=list)
    suffix: str = signing.SIGSTORE_SUFFIX

    def fits(self, signature: bytes, sha256: str) -> bool:
        return SigstoreSigner(Path()).fits(signature, sha256)

    def prepare(self) -> None: ...

    def sign(self, files: Mapping[Path, str]) -> dict[Path, bytes]:
        if self.fails:
            raise SigningError("--sign: no")
        for path, sha256 in files.items():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
        self.asked.append(sorted(path.name for path in files))
        return {path: bundle(sha256, len(self.asked)) for path, sha256 in files.items()}


def bundle(sha256: str, number: int = 0) -> bytes:
    digest = base64.b64encode(bytes.fromhex(sha256)).decode()
    return json.dumps({"number": number, "messageSignature": {"messageDigest": {"digest": digest}}}).encode()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    tree, _ = make_distribution(tmp_path / "made")
    (tmp_path / "dist").mkdir()
    return pack(tree, tmp_path / "dist" / NAME, 1, quick=True).path


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_signatures_beside_the_files(archive: Path, tmp_path: Path) -> None:
    out, signer = tmp_path / "out", PlayedSigner()
    write(archive.with_name(f"{NAME}.cdx.json"), "{}")
    done = publish([archive], out, signers=[signer])
    assert done.signatures == ("SHA256SUMS.sigstore.json", f"{NAME}.sigstore.json")
    assert f"signed {NAME}.sigstore.json" in done.lines()
    there = contents(out)
    assert signer.fits(there[f"{NAME}.sigstore.json"], hashlib.sha256(there[NAME]).hexdigest())
    assert signer.fits(there["SHA256SUMS.sigstore.json"], hashlib.sha256(there["SHA256SUMS"]).hexdigest())
    assert [line.split()[1] for line in there["SHA256SUMS"].decode().splitlines()] == [NAME, f"{NAME}.cdx.json"]


def test_again(archive: Path, tmp_path: Path) -> None:
    """What is signed stays signed; what the directory itself is published from is the same again."""
    out, signer = tmp_path / "out", PlayedSigner()
    publish([archive], out, signers=[signer])
    before = contents(out)
    assert publish([archive], out).outdated == ()
    assert contents(out) == before
    assert publish([out / NAME], out).as_json()["signatures"] == []
    assert contents(out) == before
    publish([out / NAME], out, signers=[signer])
    assert signer.asked == [sorted([NAME, "SHA256SUMS"]), ["SHA256SUMS"]]
    write(out / f"{NAME}.sigstore.json", "what is no bundle")
    publish([archive], out, signers=[signer])
    assert signer.asked[-1] == sorted([NAME, "SHA256SUMS"])


def test_a_signature_of_another_content_goes(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    publish([archive], out, signers=[PlayedSigner()])
    write(out / "SHA256SUMS.sig", "of the old one")
    second = Path(shutil.copy(archive, archive.with_name(OTHER)))
    done = publish([second], out)
    assert done.outdated == ("SHA256SUMS.sig", "SHA256SUMS.sigstore.json")
    assert "gone   SHA256SUMS.sig: the file has changed, sign it again" in done.lines()
    assert sorted(name for name in contents(out) if "sig" in name) == [f"{NAME}.sigstore.json"]
    # The rest of an interrupted attempt: an archive that no checksum vouches for is replaced, and so is its signature.
    (out / "SHA256SUMS").unlink()
    (out / NAME).write_bytes(b"another")
    assert publish([archive], out).outdated == (f"{NAME}.sigstore.json",)


def test_nothing_is_published_unless_it_is_signed(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(SigningError):
        publish([archive], out, signers=[PlayedSigner(), PlayedSigner(fails=True)])
    assert not out.exists()
    publish([archive], out, signers=[PlayedSigner()])
    before = contents(out)
    second = Path(shutil.copy(archive, archive.with_name(OTHER)))
    with pytest.raises(SigningError):
        publish([second], out, signers=[PlayedSigner(fails=True)])
    assert contents(out) == before


def test_a_directory_that_cannot_be_written(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        publish([archive], write(tmp_path / "file", "") / "out", signers=[PlayedSigner()])


@pytest.fixture
def key(tmp_path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    return tmp_path / "key"


def verified(directory: Path, name: str, key: Path, identity: str = "me@example.org") -> bool:
    public = key.with_name("key.pub").read_text()
    signers = write(directory.parent / "allowed_signers", f"me@example.org {public}")
    argv = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", identity, "-n", "file", "-s",
            str(directory / f"{name}.sig")]  # fmt: skip
    with (directory / name).open("rb") as content:
        return subprocess.run(argv, stdin=content, capture_output=True, check=False).returncode == 0


@with_ssh
def test_an_ssh_key(archive: Path, key: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    publish([archive], out, signers=[SshSigner(key), PlayedSigner()])
    for name in (NAME, "SHA256SUMS"):
        assert verified(out, name, key)
        assert not verified(out, name, key, "somebody@example.org")
    before = contents(out)
    publish([archive], out, signers=[SshSigner(key)])
    assert contents(out) == before, "the same key gives the same signatures"
    write(out / NAME, "another")
    assert not verified(out, NAME, key)


@with_ssh
def test_keys_that_are_none(archive: Path, key: Path, tmp_path: Path) -> None:
    protected = tmp_path / "protected"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", protected], check=True)
    environment = pytest.MonkeyPatch()
    environment.setenv("SSH_ASKPASS", "/bin/false")
    environment.setenv("SSH_ASKPASS_REQUIRE", "force")
    environment.delenv("SSH_AUTH_SOCK", raising=False)
    with environment.context():
        for bad in (write(tmp_path / "text", "nonsense\n"), key.with_name("key.pub"), protected):
            if bad.suffix == ".pub":
                key.unlink()
            with pytest.raises(SigningError, match=f"--sign-key: ssh-keygen cannot sign with {bad}: found"):
                publish([archive], tmp_path / "out", signers=[SshSigner(bad)])
    environment.undo()
    for bad, found in ((tmp_path, "no file"), (write(tmp_path / "large", bytes(1 << 17)), "131072 bytes")):
        with pytest.raises(UsageError, match=f"--sign-key: {bad} is not a key: found {found}, expected an SSH key"):
            publish([archive], tmp_path / "out", signers=[SshSigner(bad)])
    assert not (tmp_path / "out").exists()


def test_a_machine_without_the_program(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(SigningError, match="this machine has no ssh-keygen; install OpenSSH's client"):
        publish([archive], tmp_path / "out", signers=[SshSigner(write(tmp_path / "key", ""))])


def test_without_the_package(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    message = r"--sign: the package sigstore is not installed; install it: .* --require-hashes -r .*signing\.txt"
    with pytest.raises(SigningError, match=message):
        publish([archive], tmp_path / "out", signers=[SigstoreSigner(Path("requirements/signing.txt"))])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"messageSignature": 1}', bundle("00" * 32),
                                  b'{"messageSignature": {"messageDigest": {"digest": "?"}}}'])  # fmt: skip
def test_bundles_that_do_not_fit(text: bytes) -> None:
    assert not SigstoreSigner(Path()).fits(text, "ab" * 32)
    assert SigstoreSigner(Path()).fits(bundle("ab" * 32), "ab" * 32)


def test_the_command(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    words = ["publish", str(tmp_path / "out"), str(archive), "--cache-dir", str(tmp_path / "cache")]
    repository = Path(__file__).parents[3]
    assert (repository / "requirements/signing.txt").is_file()
    assert main("linux", str(repository), [*words, "--sign"]) == 1
    assert str(repository / "requirements/signing.txt") in capsys.readouterr().err
    assert main("linux", str(repository), [*words, "--trust-config", str(archive)]) == 2
    assert "--trust-config has no meaning without --sign" in capsys.readouterr().err
    assert main("linux", str(repository), [*words, "--sign-key", str(tmp_path / "none")]) == 2
    assert not (tmp_path / "out").exists()
    assert main("linux", str(repository), words) == 0
