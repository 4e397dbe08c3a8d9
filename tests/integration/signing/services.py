"""Sigstore's services on this machine: a certificate authority and a transparency log, with keys of their own.

What the real ones do is done: the authority signs a short-lived certificate for whoever a token names, with a timestamp
of a log of certificates in it; the log signs an entry, and the root of a Merkle tree that has the entry alone. What is
not done is what makes them trustworthy: the token's signature is not looked at, and nobody watches the log.

Run by a Python that has sigstore: ``services.py DIRECTORY``. It writes trust.json (a client trust configuration) and
token (of ``release@example.org``) there, then ``ready``, and serves until it is ended. A file ``refuse`` in the
directory, with the name of a service in it, makes that one answer with an error.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ISSUER, SUBJECT = "https://issuer.example", "release@example.org"
_SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")


def text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


class Key:
    """A key of a service, and the id that logs have by their keys."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.public = self.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.id = hashlib.sha256(self.public).digest()

    def sign(self, data: bytes) -> bytes:
        signature: bytes = self.private.sign(data, ec.ECDSA(hashes.SHA256()))
        return signature


def length(data: bytes, size: int) -> bytes:
    return len(data).to_bytes(size, "big") + data


class Authority:
    """Gives certificates; ``log`` is the key of the log that each of them is said to be in."""

    def __init__(self, log: Key) -> None:
        self.key, self.log = Key(), log
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
        now = datetime.now(UTC)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        self.certificate = (
            x509.CertificateBuilder(name, name, self.key.private.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.private.public_key()), critical=False)
            .sign(self.key.private, hashes.SHA256())
        )  # fmt: skip

    def issue(self, request: x509.CertificateSigningRequest, subject: str) -> x509.Certificate:
        now = datetime.now(UTC)
        usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
        authority = x509.SubjectKeyIdentifier.from_public_key(self.key.private.public_key())
        builder = (
            x509.CertificateBuilder(self.certificate.subject, x509.Name([]), request.public_key(),
                                    x509.random_serial_number())
            .not_valid_before(now - timedelta(seconds=5)).not_valid_after(now + timedelta(minutes=10))
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(subject)]), critical=True)
            .add_extension(x509.UnrecognizedExtension(_ISSUER, ISSUER.encode()), critical=False)
        )  # fmt: skip
        return self._logged(builder)

    def _logged(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        """Sign a certificate with the log's timestamp in it, which is about the same certificate without it."""
        before = builder.sign(self.key.private, hashes.SHA256())
        moment = int(time.time() * 1000).to_bytes(8, "big")
        entry = self.key.id + length(before.tbs_certificate_bytes, 3)
        signature = self.log.sign(b"\0\0" + moment + b"\0\1" + entry + b"\0\0")
        timestamp = b"\0" + self.log.id + moment + b"\0\0" + b"\4\3" + length(signature, 2)
        timestamps = length(length(timestamp, 2), 2)
        assert len(timestamps) < 128
        packed = b"\4" + bytes([len(timestamps)]) + timestamps  # an OCTET STRING, short enough for a length of one byte
        return builder.add_extension(x509.UnrecognizedExtension(_SCT_LIST, packed), critical=False).sign(
            self.key.private, hashes.SHA256()
        )


def logged(key: Key, entry: dict[str, Any]) -> dict[str, Any]:
    """Return what a log of one entry answers."""
    body = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
    root = hashlib.sha256(b"\0" + body).digest()
    told = {"body": text(body), "integratedTime": int(time.time()), "logID": key.id.hex(), "logIndex": 0}
    promise = key.sign(json.dumps(told, sort_keys=True, separators=(",", ":")).encode())
    note = f"log.example - 1\n1\n{text(root)}\n"
    checkpoint = f"{note}\n— log.example {text(key.id[:4] + key.sign(note.encode()))}\n"
    proof = {"checkpoint": checkpoint, "hashes": [], "logIndex": 0, "rootHash": root.hex(), "treeSize": 1}
    return {"1": {**told, "verification": {"inclusionProof": proof, "signedEntryTimestamp": text(promise)}}}


def trust(url: str, authority: Authority, log: Key) -> dict[str, Any]:
    """Return the client trust configuration that names these services and their keys."""
    valid = {"start": (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")}

    def known(key: Key) -> dict[str, Any]:
        public = {"rawBytes": text(key.public), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid}
        return {"baseUrl": url, "hashAlgorithm": "SHA2_256", "publicKey": public, "logId": {"keyId": text(key.id)}}

    service = {"url": url, "majorApiVersion": 1, "validFor": valid, "operator": "a test"}
    kind = "application/vnd.dev.sigstore."
    der = authority.certificate.public_bytes(serialization.Encoding.DER)
    return {
        "mediaType": f"{kind}clienttrustconfig.v0.1+json",
        "trustedRoot": {
            "mediaType": f"{kind}trustedroot+json;version=0.1",
            "tlogs": [known(log)],
            "ctlogs": [known(authority.log)],
            "certificateAuthorities": [{
                "subject": {"organization": "a test", "commonName": "authority of a test"}, "uri": url,
                "certChain": {"certificates": [{"rawBytes": text(der)}]}, "validFor": valid,
            }],
            "timestampAuthorities": [],
        },
        "signingConfig": {
            "mediaType": f"{kind}signingconfig.v0.2+json",
            "caUrls": [service], "oidcUrls": [service], "rekorTlogUrls": [service], "tsaUrls": [],
            "rekorTlogConfig": {"selector": "ANY"}, "tsaConfig": {"selector": "ANY"},
        },
    }  # fmt: skip


def serve(directory: Path) -> None:
    authority, log = Authority(Key()), Key()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            service = "authority" if self.path.endswith("/signingCert") else "log"
            refused = directory / "refuse"
            if refused.is_file() and refused.read_text() == service:
                self._answer(503, {"message": f"the {service} is closed for the night"})
            elif service == "authority":
                self._answer(200, self._certificate(asked))
            else:
                self._answer(201, logged(log, asked))

        def _certificate(self, asked: dict[str, str]) -> dict[str, Any]:
            token = self.headers["Authorization"].removeprefix("Bearer ")
            claims = jwt.decode(token, options={"verify_signature": False})
            request = x509.load_pem_x509_csr(base64.b64decode(asked["certificateSigningRequest"]))
            chain = [authority.issue(request, claims["sub"]), authority.certificate]
            pem = [certificate.public_bytes(serialization.Encoding.PEM).decode() for certificate in chain]
            return {"signedCertificateEmbeddedSct": {"chain": {"certificates": pem}}}

        def _answer(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_port}"
    now = int(time.time())
    claims = {"iss": ISSUER, "sub": SUBJECT, "aud": "sigstore", "iat": now, "exp": now + 3600}
    (directory / "token").write_text(jwt.encode(claims, "nobody looks at the signature of this token", "HS256"))
    (directory / "trust.json").write_text(json.dumps(trust(url, authority, log)))
    (directory / "ready").touch()
    server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
