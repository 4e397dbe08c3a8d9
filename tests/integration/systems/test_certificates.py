"""Certificate authorities are found where each distribution keeps them, as its own OpenSSL would find them.

In every root only one place holds the authority that signed the server's certificate; both are those that CPython's
own tests bring.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import TREE, Files, System

#: A handshake between two contexts in memory; argv[1] is the server's certificate.
HANDSHAKE = """
import contextlib, json, ssl, sys
client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server_context.load_cert_chain(sys.argv[1])
server = server_context.wrap_bio(server_in, server_out, server_side=True)
client = ssl.create_default_context().wrap_bio(client_in, client_out, server_hostname="localhost")
error = ""
try:
    for _ in range(5):
        for end in client, server:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
            server_in.write(client_out.read())
            client_in.write(server_out.read())
except ssl.SSLError as caught:
    error = str(caught)
paths = ssl.get_default_verify_paths()
print(json.dumps({"error": error, "version": client.version(), "file": paths.cafile, "directory": paths.capath}))
"""

#: What is in the root by the layout's name, and what ssl.get_default_verify_paths() answers. CA is the authority's
#: certificate, HASHED the name that OpenSSL looks for in a hashed directory.
LAYOUTS: dict[str, tuple[dict[str, str], str | None, str | None]] = {
    "Debian": (
        {"usr/share/ca.crt": "CA", "etc/ssl/certs/ca.pem": "->/usr/share/ca.crt", "etc/ssl/certs/HASHED": "->ca.pem",
         "etc/ssl/certs/ca-certificates.crt": "OTHER"},
        None, "/etc/ssl/certs",
    ),
    "Debian without hashes": ({"etc/ssl/certs/ca-certificates.crt": "CA"},
                              "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs"),
    "Debian's directory in a container, its links leading nowhere": (
        {"etc/ssl/certs/HASHED": "->/usr/share/ca.crt", "etc/ssl/certs/ca-certificates.crt": "CA"},
        "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs",
    ),
    "RHEL": (
        {"etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem": "CA",
         "etc/pki/tls/certs/ca-bundle.crt": "->../../ca-trust/extracted/pem/tls-ca-bundle.pem",
         "etc/pki/tls/cert.pem": "->certs/ca-bundle.crt", "etc/ssl/certs": "->../pki/tls/certs"},
        "/etc/pki/tls/cert.pem", "/etc/ssl/certs",
    ),
    "RHEL without cert.pem": ({"etc/pki/tls/certs/ca-bundle.crt": "CA"}, "/etc/pki/tls/certs/ca-bundle.crt", None),
    "Fedora 44": (
        {"etc/pki/ca-trust/extracted/pem/directory-hash/HASHED": "CA",
         "etc/pki/tls/certs/HASHED": "->../../ca-trust/extracted/pem/directory-hash/HASHED",
         "etc/ssl/certs": "->../pki/tls/certs"},
        None, "/etc/ssl/certs",
    ),
    "Fedora 44, its links missing": ({"etc/pki/ca-trust/extracted/pem/directory-hash/HASHED": "CA"},
                                     None, "/etc/pki/ca-trust/extracted/pem/directory-hash"),
    "Fedora 44, bundle only": ({"etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem": "CA"},
                               "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", None),
    "SUSE": ({"var/lib/ca-certificates/pem/HASHED": "CA", "etc/ssl/certs": "->/var/lib/ca-certificates/pem"},
             None, "/etc/ssl/certs"),
    "SUSE, its link missing": ({"var/lib/ca-certificates/pem/HASHED": "CA"}, None, "/var/lib/ca-certificates/pem"),
    "SUSE, bundle only": ({"etc/ssl/ca-bundle.pem": "CA"}, "/etc/ssl/ca-bundle.pem", None),
    "SUSE, bundle without its link": ({"var/lib/ca-certificates/ca-bundle.pem": "CA"},
                                      "/var/lib/ca-certificates/ca-bundle.pem", None),
    "Alpine": ({"etc/ssl/certs/ca-certificates.crt": "CA", "etc/ssl/cert.pem": "->certs/ca-certificates.crt"},
               "/etc/ssl/cert.pem", "/etc/ssl/certs"),
    "Arch": ({"etc/ca-certificates/extracted/tls-ca-bundle.pem": "CA"},
             "/etc/ca-certificates/extracted/tls-ca-bundle.pem", None),
}  # fmt: skip


class Authority:
    """CPython's test certificates, in the test suite that the distribution has."""

    def __init__(self, installed: Path) -> None:
        (place,) = (path.parent for path in (installed / "install/lib").glob("python3.*/test/**/pycacert.pem"))
        text = (place / "pycacert.pem").read_text()
        self.certificate = text[text.index("-----BEGIN") :].encode()
        #: The names of today's hash and of OpenSSL 0.9's.
        self.hashed = [path.name for path in sorted((place / "capath").iterdir())
                       if self.certificate.strip() in path.read_bytes()]  # fmt: skip
        assert self.hashed
        self.other = (place / "selfsigned_pythontestdotnet.pem").read_bytes()
        self.server = f"{TREE}/{(place / 'keycert3.pem').relative_to(installed)}"

    def files(self, layout: dict[str, str]) -> Files:
        contents = {"CA": self.certificate, "OTHER": self.other}
        return {name.replace("HASHED", hashed): contents.get(content, content.replace("HASHED", hashed))
                for name, content in layout.items() for hashed in self.hashed}  # fmt: skip


@pytest.fixture(scope="session")
def authority(installed: Path) -> Authority:
    return Authority(installed)


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout(make_system: Callable[[Files], System], authority: Authority, name: str) -> None:
    layout, file, directory = LAYOUTS[name]
    answer = make_system(authority.files(layout)).python(HANDSHAKE, authority.server)
    assert answer == {"error": "", "version": "TLSv1.3", "file": file, "directory": directory}


def test_no_authority_no_handshake(make_system: Callable[[Files], System], authority: Authority) -> None:
    answer = make_system({}).python(HANDSHAKE, authority.server)
    assert "unable to get local issuer certificate" in answer["error"]
    assert (answer["file"], answer["directory"]) == (None, None)


def test_another_authority_no_handshake(make_system: Callable[[Files], System], authority: Authority) -> None:
    system = make_system({"etc/ssl/cert.pem": authority.other})
    assert "unable to get local issuer certificate" in system.python(HANDSHAKE, authority.server)["error"]


@pytest.mark.parametrize(
    ("variable", "value", "place"),
    [("SSL_CERT_FILE", "/opt/ours/ca.pem", "opt/ours/ca.pem"), ("SSL_CERT_DIR", "/opt/ours", "opt/ours/HASHED")],
)
def test_environment_comes_first(
    make_system: Callable[[Files], System], authority: Authority, variable: str, value: str, place: str
) -> None:
    system = make_system(authority.files({place: "CA", "etc/ssl/cert.pem": "OTHER"}))
    assert system.python(HANDSHAKE, authority.server)["error"]
    # -I leaves out what is Python's, not what is OpenSSL's.
    answer = system.python(HANDSHAKE, authority.server, env={variable: value})
    assert (answer["error"], answer["version"]) == ("", "TLSv1.3")
    assert value in (answer["file"], answer["directory"])


def test_environment_replaces_the_systems(make_system: Callable[[Files], System], authority: Authority) -> None:
    system = make_system(authority.files({"etc/ssl/cert.pem": "CA", "opt/other.pem": "OTHER"}))
    assert not system.python(HANDSHAKE, authority.server)["error"]
    assert system.python(HANDSHAKE, authority.server, env={"SSL_CERT_FILE": "/opt/other.pem"})["error"]
