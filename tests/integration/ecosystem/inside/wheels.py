"""One real thing with each package: run by the built Python as ``wheels.py PACKAGE``."""

from __future__ import annotations

import datetime as dt
import io
import os
import sys
import threading
from pathlib import Path


def numpy() -> None:
    """Solve equations and find eigenvalues by the BLAS that the wheel carries, from several threads."""
    import numpy as np

    matrix = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 2.0]])
    wanted = np.array([1.0, -2.0, 3.0])
    assert np.allclose(np.linalg.solve(matrix, matrix @ wanted), wanted)
    values, vectors = np.linalg.eigh(matrix)
    assert np.allclose(vectors @ np.diag(values) @ vectors.T, matrix)
    big = np.random.default_rng(1).standard_normal((300, 300))
    results: list[bool] = []

    def invert() -> None:
        results.append(bool(np.allclose(np.linalg.inv(big) @ big, np.eye(300), atol=1e-6)))

    threads = [threading.Thread(target=invert) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 3
    assert memoryview(np.arange(6, dtype="<i4")).tolist() == [0, 1, 2, 3, 4, 5]
    assert np.allclose(np.fft.ifft(np.fft.fft(wanted)), wanted)


def cryptography() -> None:
    """Encrypt and decrypt; make a certificate and check its signature."""
    from cryptography import x509
    from cryptography.fernet import Fernet, InvalidToken
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    fernet = Fernet(Fernet.generate_key())
    assert fernet.decrypt(fernet.encrypt(b"secret")) == b"secret"
    try:
        Fernet(Fernet.generate_key()).decrypt(fernet.encrypt(b"secret"))
    except InvalidToken:
        pass
    else:
        raise AssertionError("decrypted with another key")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(1))
        .not_valid_after(now + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    read = x509.load_pem_x509_certificate(certificate.public_bytes(serialization.Encoding.PEM))
    read.verify_directly_issued_by(read)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())  # fmt: skip
    Path("key.pem").write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))


def openssl_twice() -> None:
    """The wheel's OpenSSL and the interpreter's in one process: a TLS conversation with the wheel's certificate."""
    import hashlib
    import socket
    import ssl

    from cryptography.hazmat.backends.openssl import backend

    cryptography()
    ours, theirs = ssl.OPENSSL_VERSION, backend.openssl_version_text()
    assert ours.startswith("OpenSSL ")
    assert theirs.startswith("OpenSSL ")
    server_side, client_side = socket.socketpair()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain("key.pem")
    client = ssl.create_default_context(cafile="key.pem")

    def serve() -> None:
        with server.wrap_socket(server_side, server_side=True) as connection:
            connection.sendall(connection.recv(100)[::-1])

    thread = threading.Thread(target=serve)
    thread.start()
    with client.wrap_socket(client_side, server_hostname="localhost") as connection:
        connection.sendall(b"hello")
        assert connection.recv(100) == b"olleh"
        assert connection.version() == "TLSv1.3"
    thread.join()
    assert hashlib.new("sha3_256", b"").hexdigest().startswith("a7ffc6f8bf1ed766")
    cryptography()


def lxml() -> None:
    """Parse, ask, validate, transform."""
    from lxml import etree

    tree = etree.fromstring("<a><b n='1'>eins</b><b n='2'>zwei</b></a>")
    assert tree.xpath("//b[@n=2]/text()") == ["zwei"]
    assert tree.xpath("count(/a/b)") == 2.0
    dtd = etree.DTD(io.StringIO("<!ELEMENT a (b*)><!ELEMENT b (#PCDATA)><!ATTLIST b n CDATA #REQUIRED>"))
    assert dtd.validate(tree)
    sheet = etree.XSLT(etree.XML(
        '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:output method="text"/>'
        '<xsl:template match="/"><xsl:value-of select="sum(//@n)"/></xsl:template></xsl:stylesheet>'
    ))  # fmt: skip
    assert str(sheet(tree)) == "3"
    try:
        etree.fromstring("<a><b></a>")
    except etree.XMLSyntaxError:
        pass
    else:
        raise AssertionError("parsed what is not well formed")


def psutil() -> None:
    """What this process is, by way of the kernel."""
    import psutil as processes

    me = processes.Process()
    assert me.pid == os.getpid()
    assert me.exe() == os.path.realpath(sys.executable)
    assert me.memory_info().rss > 1 << 20
    assert me.cmdline()[1:] == sys.argv
    assert processes.virtual_memory().total > 1 << 20
    with Path("opened").open("w") as file:
        assert os.path.realpath(file.name) in [opened.path for opened in me.open_files()]


def pillow() -> None:
    """Draw text, and write and read it in several formats, each by another library in the wheel."""
    from PIL import Image, ImageChops, ImageDraw, features

    image = Image.new("RGB", (64, 32), "white")
    ImageDraw.Draw(image).text((4, 4), "Python", fill="navy")
    assert len(image.getcolors() or []) > 1
    for kind in ("PNG", "TIFF", "WEBP"):
        packed = io.BytesIO()
        image.save(packed, kind, lossless=True)
        packed.seek(0)
        read = Image.open(packed).convert("RGB")
        assert ImageChops.difference(image, read).getbbox() is None, kind
    packed = io.BytesIO()
    image.save(packed, "JPEG", quality=95)
    assert Image.open(io.BytesIO(packed.getvalue())).size == (64, 32)
    assert features.check("freetype2")


def together() -> None:
    """All of them in one process, beside the interpreter's own libraries of the same names."""
    import pyexpat
    import sqlite3
    import zlib

    for work in (numpy, lxml, pillow, psutil, openssl_twice):
        work()
    assert zlib.decompress(zlib.compress(b"z" * 1000)) == b"z" * 1000
    assert sqlite3.connect(":memory:").execute("select 6 * 7").fetchone() == (42,)
    pyexpat.ParserCreate().Parse("<a/>", True)


def main(package: str) -> None:
    globals()[package]()
    print(f"{package} works")


if __name__ == "__main__":
    main(sys.argv[1])
