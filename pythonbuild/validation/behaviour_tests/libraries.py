"""Every library that is linked into the distribution does one real thing."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .table import LINUX, MACOS, PLACE, UNIX, WINDOWS, Skip, run, works

if TYPE_CHECKING:
    import sqlite3


@works("OpenSSL: a TLS 1.2 handshake in memory", "_ssl")
def tls_handshake() -> None:
    import ssl

    # Anonymous key exchange: a handshake with all its cryptography that needs no certificate.
    ends = []
    for protocol, at_server in ((ssl.PROTOCOL_TLS_CLIENT, False), (ssl.PROTOCOL_TLS_SERVER, True)):
        context = ssl.SSLContext(protocol)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("aNULL:@SECLEVEL=0")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends.append((context.wrap_bio(incoming, outgoing, server_side=at_server), incoming, outgoing))
    (client, client_in, client_out), (server, server_in, server_out) = ends
    for _ in range(10):
        done = 0
        for end in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
                done += 1
            server_in.write(client_out.read())
            client_in.write(server_out.read())
        if done == 2:
            break
    assert client.version() == "TLSv1.2", client.version()
    client.write(b"secret")
    server_in.write(client_out.read())
    assert server.read() == b"secret"


@works("OpenSSL: contexts, TLS 1.3, random bytes", "_ssl")
def tls_context() -> None:
    import ssl

    assert ssl.HAS_TLSv1_3
    assert ssl.HAS_ALPN
    assert ssl.HAS_SNI
    assert ssl.create_default_context().verify_mode == ssl.CERT_REQUIRED
    assert len(ssl.RAND_bytes(32)) == 32
    assert ssl.OPENSSL_VERSION.startswith("OpenSSL"), ssl.OPENSSL_VERSION


@works("hashlib: every algorithm, CPython's and OpenSSL's", "_hashlib")
def hashes() -> None:
    import _hashlib
    import hmac

    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert hashlib.sha256(b"abc").hexdigest() == known
    assert _hashlib.openssl_sha256(b"abc").hexdigest() == known
    assert hashlib.blake2b(b"abc").hexdigest().startswith("ba80a53f981c4d0d")
    assert hashlib.algorithms_guaranteed <= hashlib.algorithms_available
    for name in sorted(hashlib.algorithms_guaranteed):
        digest = hashlib.new(name, b"x", usedforsecurity=False)
        length = () if digest.digest_size else (16,)  # the SHAKE family has no size of its own
        assert digest.digest(*length)
    assert hmac.new(b"k", b"m", "sha3_256").digest()
    assert hashlib.pbkdf2_hmac("sha256", b"p", b"s", 2)
    assert hashlib.scrypt(b"p", salt=b"s", n=2, r=8, p=1)


@works("SQLite: FTS, RTREE, GEOPOLY, DBSTAT, column metadata, loadable extensions", "_sqlite3", on=UNIX)
def sqlite() -> None:
    import sqlite3

    database = sqlite3.connect("suite.sqlite")
    options = {row[0] for row in database.execute("PRAGMA compile_options")}
    for wanted in ("ENABLE_COLUMN_METADATA", "ENABLE_FTS3_PARENTHESIS"):
        assert wanted in options, f"not compiled with {wanted}"
    searches(database, (3, 4, 5), "(green AND eggs) OR ham")
    finds_boxes(database)
    area = database.execute("SELECT geopoly_area('[[0,0],[2,0],[2,2],[0,2],[0,0]]')").fetchone()[0]
    assert area == 4.0, area
    database.commit()
    assert database.execute("SELECT sum(pgsize) FROM dbstat").fetchone()[0] > 0
    assert database.execute("SELECT json_extract('{\"a\": [1, 2]}', '$.a[1]')").fetchone() == (2,)
    refuses_extension(database)
    database.close()


def searches(database: sqlite3.Connection, versions: tuple[int, ...], words: str) -> None:
    for version in versions:
        database.execute(f"CREATE VIRTUAL TABLE fts{version} USING fts{version}(text)")
        database.execute(f"INSERT INTO fts{version} VALUES ('green eggs'), ('ham')")  # noqa: S608
        query = f"SELECT count(*) FROM fts{version} WHERE fts{version} MATCH '{words}'"  # noqa: S608
        assert database.execute(query).fetchone() == (2,), f"FTS{version}"


def finds_boxes(database: sqlite3.Connection) -> None:
    database.execute("CREATE VIRTUAL TABLE box USING rtree(id, x0, x1)")
    database.execute("INSERT INTO box VALUES (1, 2, 3)")
    assert database.execute("SELECT id FROM box WHERE x0 < 2.5").fetchall() == [(1,)]


@works("SQLite: FTS, RTREE, mathematical functions, loadable extensions", "_sqlite3", on=(WINDOWS,))
def sqlite_of_cpython() -> None:
    # What CPython's own project compiles it with.
    import sqlite3

    database = sqlite3.connect("suite.sqlite")
    searches(database, (4, 5), "eggs OR ham")
    finds_boxes(database)
    assert database.execute("SELECT sqrt(49)").fetchone() == (7,)
    database.commit()
    assert database.execute("SELECT json_extract('{\"a\": [1, 2]}', '$.a[1]')").fetchone() == (2,)
    refuses_extension(database)
    database.close()


def refuses_extension(database: sqlite3.Connection) -> None:
    import sqlite3

    database.enable_load_extension(True)
    with contextlib.suppress(sqlite3.OperationalError):
        database.load_extension("/nonexistent")
    database.enable_load_extension(False)


def round_trip(compress: Callable[[bytes], bytes], decompress: Callable[[bytes], bytes]) -> None:
    data = bytes(range(256)) * 400
    packed = compress(data)
    assert len(packed) < len(data)
    assert decompress(packed) == data


@works("zlib", "zlib")
def zlib_works() -> None:
    import gzip
    import zlib

    round_trip(zlib.compress, zlib.decompress)
    round_trip(gzip.compress, gzip.decompress)
    assert zlib.crc32(b"abc") == 0x352441C2
    assert zlib.ZLIB_RUNTIME_VERSION == zlib.ZLIB_VERSION, (zlib.ZLIB_RUNTIME_VERSION, zlib.ZLIB_VERSION)


@works("bzip2", "_bz2")
def bzip2_works() -> None:
    import bz2

    round_trip(bz2.compress, bz2.decompress)


@works("xz", "_lzma")
def xz_works() -> None:
    import lzma

    round_trip(lambda data: lzma.compress(data, check=lzma.CHECK_SHA256), lzma.decompress)
    round_trip(lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE), lzma.decompress)


@works("zstd", "_zstd")
def zstd_works() -> None:
    zstd = importlib.import_module("compression.zstd")  # CPython 3.14 and newer

    round_trip(lambda data: zstd.compress(data, 19), zstd.decompress)
    round_trip(lambda data: zstd.compress(data, options={zstd.CompressionParameter.nb_workers: 2}), zstd.decompress)


@works("libffi: calls, structures by value, callbacks", "_ctypes")
def ctypes_works() -> None:
    import ctypes

    libc = ctypes.CDLL("ucrtbase" if PLACE.system == WINDOWS else None)
    compare_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    numbers = (ctypes.c_int * 5)(5, 1, 4, 2, 3)
    libc.qsort(numbers, 5, ctypes.sizeof(ctypes.c_int), compare_type(lambda a, b: a[0] - b[0]))
    assert list(numbers) == [1, 2, 3, 4, 5]

    class Division(ctypes.Structure):
        _fields_ = (("quotient", ctypes.c_int), ("remainder", ctypes.c_int))

    libc.div.restype = Division
    result = libc.div(17, 5)
    assert (result.quotient, result.remainder) == (3, 2)
    # A static interpreter for Windows exports nothing, and its handle of a DLL is 0.
    if getattr(sys, "dllhandle", None) != 0:
        assert ctypes.pythonapi.Py_GetVersion is not None


@works("Berkeley DB: dbm.ndbm", "_dbm")
def dbm_works() -> None:
    import dbm.ndbm

    with dbm.ndbm.open("suite-dbm", "c") as database:
        for number in range(500):
            database[f"key{number}"] = str(number) * 5
    with dbm.ndbm.open("suite-dbm", "r") as database:
        assert len(database.keys()) == 500
        assert database["key77"] == b"7777777777"


@works("expat: namespaces, errors, ElementTree", "pyexpat", "_elementtree")
def expat_works() -> None:
    import pyexpat
    import xml.etree.ElementTree as ET

    tree = ET.fromstring("<a xmlns:n='urn:x'><n:b c='1'>t\u00e9xt</n:b></a>")  # noqa: S314
    assert tree[0].tag == "{urn:x}b"
    assert tree[0].text == "t\u00e9xt"
    code = 0
    try:
        ET.fromstring("<a><b></a>")  # noqa: S314
    except ET.ParseError as error:
        code = error.code
    assert code == pyexpat.errors.codes[pyexpat.errors.XML_ERROR_TAG_MISMATCH], code


@works("libmpdec: decimal", "_decimal")
def decimal_works() -> None:
    import _decimal
    import decimal

    assert decimal.Decimal is _decimal.Decimal
    with decimal.localcontext() as context:
        context.prec = 60
        assert str(decimal.Decimal(1) / 7).startswith("0.142857142857142857")
        assert str(decimal.Decimal(2).sqrt())[:20] == "1.414213562373095048"


@works("libuuid: uuid1", "_uuid")
def uuid_works() -> None:
    import uuid

    _uuid = importlib.import_module("_uuid")
    if PLACE.system == LINUX:
        assert _uuid.has_uuid_generate_time_safe
    # Without it uuid has code of its own, and nothing of the module would be seen to work.
    generate = _uuid.UuidCreate if PLACE.system == WINDOWS else _uuid.generate_time_safe
    assert generate() != generate()
    assert uuid.uuid1() != uuid.uuid1()


@works("Tcl", "_tkinter")
def tcl_works() -> None:
    import tkinter as tk

    tcl = tk.Tcl()
    assert tcl.eval("expr 6*7") == "42"
    # These two are scripts of Tcl's library, so they tell whether it was found.
    assert tcl.eval("clock format 0 -gmt 1 -format %Y") == "1970"
    assert tcl.eval("package require msgcat")
    assert Path(tcl.eval("info library")).resolve().is_relative_to(Path(sys.base_prefix).resolve())


@works("Tk", "_tkinter")
def tk_works() -> None:
    import tkinter as tk

    if why := no_screen():
        raise Skip(why)
    window = tk.Tk()
    tk.Label(window, text="text").pack()
    window.update()
    window.destroy()


def no_screen() -> str:
    """Return why there is no screen, "" if there is one. Where none is, macOS ends the program that opens a window."""
    if PLACE.system == MACOS:
        session = run(["/bin/launchctl", "managername"]).strip()
        return "" if session == "Aqua" else f"no session with a screen, but {session}"
    if PLACE.system == WINDOWS:
        return "" if has_visible_desktop() else "no desktop that can be seen"
    return "" if os.environ.get("DISPLAY") else "no DISPLAY"


def has_visible_desktop() -> bool:
    """Tell whether the process belongs to a user's session; services have a desktop that nobody sees."""
    try:
        ctypes = importlib.import_module("ctypes")
    except ImportError:
        return False
    user, visible = ctypes.WinDLL("user32"), 1
    user.GetProcessWindowStation.restype = ctypes.c_void_p
    flags, needed = (ctypes.c_uint32 * 3)(), ctypes.c_uint32()
    station = ctypes.c_void_p(user.GetProcessWindowStation())
    told = user.GetUserObjectInformationW(station, 1, flags, ctypes.sizeof(flags), ctypes.byref(needed))
    return bool(told and flags[2] & visible)


@works("libcrypt: crypt", "_crypt")
def crypt_works() -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import crypt
    for method in crypt.methods:
        hashed = crypt.crypt("word", crypt.mksalt(method))
        assert crypt.crypt("word", hashed) == hashed, method
