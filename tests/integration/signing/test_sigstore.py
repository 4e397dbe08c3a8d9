"""``publish --sign`` with the real sigstore package, its services played by :mod:`services`, verified by its own tool.

The package is installed as the command itself says it is to be, into an environment that only this test uses.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pythonbuild.distribution.archive import pack
from tests.integration.conftest import REPOSITORY, clean, command
from tests.unit.distribution.trees import make_distribution

NAME = "cpython-3.13.5-x86_64-unknown-linux-gnu-noopt-0123456789ab.tar.zst"
BUNDLES = [f"{NAME}.sigstore.json", "SHA256SUMS.sigstore.json"]
IDENTITY = ("--cert-identity", "release@example.org", "--cert-oidc-issuer", "https://issuer.example")
PATIENCE = 30


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an archive in ``dist`` and a cache of its own."""
    directory = tmp_path_factory.mktemp("signing")
    tree, _ = make_distribution(directory / "made")
    (directory / "dist").mkdir()
    pack(tree, directory / "dist" / NAME, 1, quick=True)
    return directory


def publish(place: Path, out: Path, *words: str | Path, **variables: str) -> tuple[int, str, str]:
    flags = ["publish", str(out), "--output", str(place / "dist"), *map(str, words)]
    # Nobody's network is asked: what is not on this machine is not there.
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1", "HOME": str(place / "home")}
    done = subprocess.run(command(REPOSITORY, flags, place / "cache"), capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, env={**quiet(), **nowhere, **variables})  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def quiet() -> dict[str, str]:
    """Return the environment without what a CI service gives its jobs to sign with."""
    services = ("GITHUB_", "ACTIONS_", "GITLAB_", "BUILDKITE", "CIRCLECI", "SIGSTORE_")
    return {name: value for name, value in clean().items() if not name.startswith(services)}


def python(place: Path) -> Path:
    (found,) = (place / "cache/venv").glob("*/bin/python")
    return found


@pytest.fixture(scope="module")
def sigstore(place: Path) -> Path:
    """The environment's Python after what the command advises was done."""
    subprocess.run(command(REPOSITORY, ["gc"], place / "cache"), capture_output=True, check=True, env=clean())
    status, _, said = publish(place, place / "out", "--sign")
    assert status == 1
    assert not (place / "out").exists()
    advice = re.fullmatch(r"build-linux.py: --sign: the package sigstore is not installed; install it: (.+)\n", said)
    assert advice, said
    subprocess.run(shlex.split(advice[1]), check=True, capture_output=True, env=clean())
    return python(place)


@pytest.fixture(scope="module")
def services(place: Path, sigstore: Path) -> Iterator[Path]:
    directory = place / "services"
    directory.mkdir()
    script = Path(__file__).with_name("services.py")
    process = subprocess.Popen([sigstore, script, directory])
    deadline = time.monotonic() + PATIENCE
    while not (directory / "ready").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield directory
    process.send_signal(signal.SIGTERM)
    process.wait()


def signing(services: Path) -> tuple[list[str], dict[str, str]]:
    flags = ["--sign", "--trust-config", str(services / "trust.json")]
    return flags, {"SIGSTORE_IDENTITY_TOKEN": (services / "token").read_text()}


def verify(python: Path, services: Path, *words: str | Path) -> int:
    argv: list[str | Path] = [
        python,
        "-m",
        "sigstore",
        "--trust-config",
        services / "trust.json",
        "verify",
        "identity",
        "--offline",
    ]
    done = subprocess.run([*argv, *words], capture_output=True, text=True, check=False, env=quiet())
    return done.returncode


def test_signed_and_verified(place: Path, sigstore: Path, services: Path, tmp_path: Path) -> None:
    flags, variables = signing(services)
    out = tmp_path / "out"
    status, said, errors = publish(place, out, *flags, "--json", **variables)
    assert status == 0, errors
    assert json.loads(said)["signatures"] == sorted(BUNDLES)
    files = [out / name.removesuffix(".sigstore.json") for name in BUNDLES]
    assert verify(sigstore, services, *IDENTITY, *files) == 0
    assert "sigstore" not in (out / "SHA256SUMS").read_text()
    other = ["--cert-identity", "somebody@example.org", *IDENTITY[2:]]
    assert verify(sigstore, services, *other, *files) != 0
    bundles = {name: (out / name).read_bytes() for name in BUNDLES}
    # Again: the archive's signature stays; without --sign, and nothing new: so does that of the checksums.
    status, said, _ = publish(place, out, *flags, "--json", **variables)
    assert json.loads(said)["signatures"] == [BUNDLES[1]]
    assert (out / BUNDLES[0]).read_bytes() == bundles[BUNDLES[0]]
    assert publish(place, out)[0] == 0
    assert verify(sigstore, services, *IDENTITY, *files) == 0
    with (out / NAME).open("ab") as file:
        file.write(b"\0")
    assert verify(sigstore, services, *IDENTITY, out / NAME) != 0


@pytest.mark.parametrize(("refused", "words"), [
    ("authority", "--sign: sigstore failed at the certificate: found 503 Server Error"),
    ("log", f"--sign: sigstore failed at {NAME}: found"),
])  # fmt: skip
def test_a_service_that_refuses(place: Path, services: Path, tmp_path: Path, refused: str, words: str) -> None:
    flags, variables = signing(services)
    (services / "refuse").write_text(refused)
    try:
        status, said, errors = publish(place, tmp_path / "out", *flags, **variables)
    finally:
        (services / "refuse").unlink()
    assert (status, said) == (1, "")
    assert words in errors.splitlines()[-1]
    assert errors.endswith("nothing was published; try again, or publish without --sign\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("change", "words"), [
    ({"token": ""}, "--sign: no identity to sign as: found no SIGSTORE_IDENTITY_TOKEN, and no CI service"),
    ({"token": "nonsense"}, "--sign: sigstore failed at the identity: found Identity token is malformed"),
    ({"trust": "{}"}, "trust.json cannot be used: found"),
    ({"trust": "nonsense"}, "trust.json cannot be used: found"),
    ({"port": "9"}, "--sign: sigstore failed at the certificate: found"),
    ({"flags": "--sign"}, "--sign: sigstore failed at the services' trust configuration: found"),
], ids=["no token", "a wrong token", "empty", "no JSON", "nobody answers", "no network"])  # fmt: skip
def test_what_is_missing(place: Path, services: Path, tmp_path: Path, change: dict[str, str], words: str) -> None:
    """One line, status 1 and nothing written; ``--sign`` alone wants the public services, which are not there."""
    _, variables = signing(services)
    text = change.get("trust") or (services / "trust.json").read_text()
    if port := change.get("port"):
        text = re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", text)
    (tmp_path / "trust.json").write_text(text)
    flags = [change["flags"]] if "flags" in change else ["--sign", "--trust-config", str(tmp_path / "trust.json")]
    token = change.get("token", variables["SIGSTORE_IDENTITY_TOKEN"])
    status, said, errors = publish(place, tmp_path / "out", *flags, SIGSTORE_IDENTITY_TOKEN=token)
    assert (status, said) == (1, "")
    assert errors.count("\n") == 1, errors
    assert words in errors
    assert os.listdir(tmp_path) == ["trust.json"]  # noqa: PTH208
