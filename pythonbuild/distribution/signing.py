"""Signatures for published files: sigstore's bundles, or those of an SSH key.

A signer is given files with their SHA-256 and returns the signature of each, to be written beside it under the file's
name and the signer's suffix; it writes nothing itself, so that whoever publishes writes all of them or none.

* ``.sigstore.json``: a bundle as sigstore's tools make and verify it (and cosign's). The key lives for minutes; a
  certificate says who has signed, by an OpenID Connect identity, and a public log says when. The package ``sigstore``
  does it. It is no part of requirements.txt, since building needs nothing of it.
* ``.sig``: a signature of OpenSSH's ``ssh-keygen -Y sign``, for those who have a key and no network.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pythonbuild.errors import BuildError, UsageError

SIGSTORE_SUFFIX, SSH_SUFFIX = ".sigstore.json", ".sig"
SUFFIXES = (SIGSTORE_SUFFIX, SSH_SUFFIX)
#: What an SSH signature is for, so that it is good for nothing else; the word that ssh-keygen's manual has for files.
NAMESPACE = "file"
#: Where sigstore's own command looks for a token, too.
TOKEN = "SIGSTORE_IDENTITY_TOKEN"  # noqa: S105 - a variable's name


#: No key is larger; ssh-keygen looks at another file, such as an archive, for minutes.
_LARGEST = 1 << 16


class SigningError(BuildError):
    """Nothing was signed, so nothing is published."""

    reason = "signing"


class Signer(Protocol):
    """Something that signs files."""

    @property
    def suffix(self) -> str:
        """What a signature's name adds to the file's."""

    def prepare(self) -> None:
        """Make sure, before anything else is done, that signing can be tried. Raises SigningError or UsageError."""

    def fits(self, signature: bytes, sha256: str) -> bool:
        """Tell whether a signature that is there already is one of a file with this hash, and may stay."""

    def sign(self, files: Mapping[Path, str]) -> dict[Path, bytes]:
        """Return the signatures of files, which are given with their SHA-256. Raises SigningError."""


@dataclass(frozen=True)
class SshSigner:
    """Signs with an SSH key; for a public one the agent signs."""

    key: Path
    suffix: str = SSH_SUFFIX

    def prepare(self) -> None:
        found = "no file" if not self.key.is_file() else f"{size} bytes" if (size := _size(self.key)) > _LARGEST else ""
        if found:
            raise UsageError(f"--sign-key: {self.key} is not a key", found=found, expected="an SSH key's file",
                             advice="ssh-keygen -t ed25519 makes one")  # fmt: skip
        if shutil.which("ssh-keygen") is None:
            raise SigningError("--sign-key: this machine has no ssh-keygen", advice="install OpenSSH's client")

    def fits(self, signature: bytes, sha256: str) -> bool:  # noqa: ARG002 - as signers are asked
        return False  # to find out takes longer than to sign again, and gives the same with most kinds of keys

    def sign(self, files: Mapping[Path, str]) -> dict[Path, bytes]:
        return {path: self._signature(path) for path in files}

    def _signature(self, path: Path) -> bytes:
        command = ["ssh-keygen", "-Y", "sign", "-f", str(self.key), "-n", NAMESPACE]
        with path.open("rb") as content:
            done = subprocess.run(command, stdin=content, capture_output=True, check=False)
        if done.returncode or not done.stdout:
            lines = [line.strip() for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
            said = lines[-1].rstrip(".") if lines else f"exit status {done.returncode}"
            raise SigningError(f"--sign-key: ssh-keygen cannot sign with {self.key}", found=said,
                               expected="a private SSH key, or a public one whose other half an agent has")  # fmt: skip
        return done.stdout


@dataclass(frozen=True)
class SigstoreSigner:
    """Signs with sigstore's services: the public ones, or those that a trust configuration names.

    ``requirements`` is the file that pins the package. Who signs is told by a token, in the variable
    SIGSTORE_IDENTITY_TOKEN or from the machine's surroundings (the CI services that have such); a person at a terminal
    (``interactive``) is asked for by way of the browser.
    """

    requirements: Path
    trust_config: Path | None = None
    interactive: bool = False
    suffix: str = SIGSTORE_SUFFIX

    def prepare(self) -> None:
        if importlib.util.find_spec("sigstore") is None:
            install = f"{sys.executable} -m pip install --require-hashes -r {self.requirements}"
            raise SigningError("--sign: the package sigstore is not installed", advice=f"install it: {install}")

    def fits(self, signature: bytes, sha256: str) -> bool:
        try:
            digest = json.loads(signature)["messageSignature"]["messageDigest"]["digest"]
            return base64.b64decode(digest).hex() == sha256
        except (ValueError, KeyError, TypeError):
            return False

    def sign(self, files: Mapping[Path, str]) -> dict[Path, bytes]:
        from sigstore.hashes import Hashed
        from sigstore.sign import SigningContext
        from sigstore_models.common.v1 import HashAlgorithm

        doing = "the identity"
        try:
            token = _token_at_hand()
            if token is None and not self.interactive:
                raise SigningError("--sign: no identity to sign as", found=f"no {TOKEN}, and no CI service that gives"
                                   " one", advice="set it, or sign at a terminal")  # fmt: skip
            doing = "the services' trust configuration"
            config = self._trust()
            doing = "the identity"
            token = token or _ask_in_the_browser(config)
            doing = "the certificate"
            with SigningContext.from_trust_config(config).signer(token) as signer:
                signatures = {}
                for path, sha256 in files.items():
                    doing = path.name
                    hashed = Hashed(algorithm=HashAlgorithm.SHA2_256, digest=bytes.fromhex(sha256))
                    signatures[path] = (signer.sign_artifact(hashed).to_json() + "\n").encode("utf-8")
                return signatures
        except BuildError:
            raise
        except Exception as error:  # services, their clients, other libraries: they have no class in common
            advice = "nothing was published; try again, or publish without --sign"
            raise SigningError(f"--sign: sigstore failed at {doing}", found=_said(error), advice=advice) from error

    def _trust(self) -> Any:  # of a package that need not be there
        from sigstore.models import ClientTrustConfig

        if self.trust_config is None:
            return ClientTrustConfig.production()
        try:
            return ClientTrustConfig.from_json(self.trust_config.read_text("utf-8"))
        except (OSError, ValueError) as error:
            wanted = "a client trust configuration in JSON, as sigstore's tools take it"
            raise SigningError(f"--trust-config: {self.trust_config} cannot be used", found=_said(error),
                               expected=wanted) from error  # fmt: skip


def _size(path: Path) -> int:
    return path.stat().st_size


def _token_at_hand() -> Any:
    from sigstore.oidc import IdentityToken, detect_credential

    raw = os.environ.get(TOKEN) or detect_credential()
    return IdentityToken(raw) if raw else None


def _ask_in_the_browser(config: Any) -> Any:
    from sigstore.oidc import Issuer

    return Issuer(config.signing_config.get_oidc_url()).identity_token()


def _said(error: BaseException) -> str:
    """Return what an error says in one line; many of them only say it by their cause, or by their class."""
    while not str(error).strip() and error.__cause__ is not None:
        error = error.__cause__
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) < 300 else f"{words[:300]}…"
