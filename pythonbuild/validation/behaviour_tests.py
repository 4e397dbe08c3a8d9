"""The tests of behaviour_suite.py, run by the built Python: every dependency, and the tools around the interpreter.

Each test is a function decorated with the modules it needs; it is left out where the build has not got them, and fails
by any exception. A test stands alone: what it needs besides the standard library it makes itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import pty
import socket
import struct
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

TESTS: list[tuple[str, tuple[str, ...], Callable[[], None]]] = []
#: Directories of the build that nothing in the installation may name.
BUILD_PATHS = ("/tools/", "/build/src", "/out/")


class Skip(Exception):  # noqa: N818
    """The machine lacks what the test needs; not a failure of the build."""


def works(title: str, *modules: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Add a test to the table; it is run where the build has all of the modules."""

    def register(function: Callable[[], None]) -> Callable[[], None]:
        TESTS.append((title, modules, function))
        return function

    return register


def python(*arguments: str, env: dict[str, str] | None = None) -> str:
    """Run the interpreter under test; returns what it printed."""
    run = subprocess.run([sys.executable, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, check=False, timeout=120, env=env)  # fmt: skip
    if run.returncode:
        raise AssertionError(f"{' '.join(arguments)[:60]}: status {run.returncode}: {run.stdout[-300:]}")
    return run.stdout


@works("where it stands")
def prefix() -> None:
    tree = Path(sys.executable).resolve().parent.parent
    assert Path(sys.prefix).resolve() == tree, sys.prefix
    assert Path(sys.exec_prefix).resolve() == tree, sys.exec_prefix
    assert Path(sysconfig.get_path("stdlib")).resolve().is_relative_to(tree), sysconfig.get_path("stdlib")
    assert (Path(sysconfig.get_path("include")) / "Python.h").is_file(), sysconfig.get_path("include")


@works("sysconfig names no path of the build")
def sysconfig_is_clean() -> None:
    wrong = [f"{key}={value}" for key, value in sysconfig.get_config_vars().items()
             if isinstance(value, str) and any(path in value + "/" for path in BUILD_PATHS)]  # fmt: skip
    assert not wrong, "; ".join(wrong)


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


@works("SQLite: FTS, RTREE, GEOPOLY, DBSTAT, column metadata, loadable extensions", "_sqlite3")
def sqlite() -> None:
    import sqlite3

    database = sqlite3.connect("suite.sqlite")
    options = {row[0] for row in database.execute("PRAGMA compile_options")}
    for wanted in ("ENABLE_COLUMN_METADATA", "ENABLE_FTS3_PARENTHESIS"):
        assert wanted in options, f"not compiled with {wanted}"
    for version in (3, 4, 5):
        database.execute(f"CREATE VIRTUAL TABLE fts{version} USING fts{version}(text)")
        database.execute(f"INSERT INTO fts{version} VALUES ('green eggs'), ('ham')")  # noqa: S608
        query = f"SELECT count(*) FROM fts{version} WHERE fts{version} MATCH '(green AND eggs) OR ham'"  # noqa: S608
        assert database.execute(query).fetchone() == (2,), f"FTS{version}"
    database.execute("CREATE VIRTUAL TABLE box USING rtree(id, x0, x1)")
    database.execute("INSERT INTO box VALUES (1, 2, 3)")
    assert database.execute("SELECT id FROM box WHERE x0 < 2.5").fetchall() == [(1,)]
    area = database.execute("SELECT geopoly_area('[[0,0],[2,0],[2,2],[0,2],[0,0]]')").fetchone()[0]
    assert area == 4.0, area
    database.commit()
    assert database.execute("SELECT sum(pgsize) FROM dbstat").fetchone()[0] > 0
    assert database.execute("SELECT json_extract('{\"a\": [1, 2]}', '$.a[1]')").fetchone() == (2,)
    database.enable_load_extension(True)
    with contextlib.suppress(sqlite3.OperationalError):
        database.load_extension("/nonexistent")
    database.enable_load_extension(False)
    database.close()


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

    libc = ctypes.CDLL(None)
    compare_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    numbers = (ctypes.c_int * 5)(5, 1, 4, 2, 3)
    libc.qsort(numbers, 5, ctypes.sizeof(ctypes.c_int), compare_type(lambda a, b: a[0] - b[0]))
    assert list(numbers) == [1, 2, 3, 4, 5]

    class Division(ctypes.Structure):
        _fields_ = (("quotient", ctypes.c_int), ("remainder", ctypes.c_int))

    libc.div.restype = Division
    result = libc.div(17, 5)
    assert (result.quotient, result.remainder) == (3, 2)
    assert ctypes.pythonapi.Py_GetVersion is not None


def write_terminal_description(directory: str) -> None:
    """Write a compiled terminfo entry of our own, so that the test does not depend on the machine's."""
    names = b"suite|made by the behaviour suite\0"
    strings = {10: b"\x1b[%i%p1%d;%p2%dH\0", 87: b"\x1bOA\0", 5: b"\x1b[2J\0"}  # cup, kcuu1, clear
    table, offsets = b"", []
    for index in range(88):
        offsets.append(len(table) if index in strings else -1)
        table += strings.get(index, b"")
    flags = bytes([0, 1])
    numbers = [80, 8, 24]
    padding = b"\0" * ((len(names) + len(flags)) % 2)
    header = struct.pack("<6h", 0o432, len(names), len(flags), len(numbers), len(offsets), len(table))
    entry = header + names + flags + padding + struct.pack("<3h", *numbers) + struct.pack("<88h", *offsets) + table
    for folder in ("s", "73"):
        path = Path(directory, folder)
        path.mkdir(exist_ok=True)
        (path / "suite").write_bytes(entry)


@works("ncurses: terminal descriptions", "_curses")
def curses_terminfo() -> None:
    code = """
        import curses, os
        curses.setupterm("suite", fd=os.open(os.devnull, os.O_WRONLY))
        assert curses.tigetstr("kcuu1") == b"\\x1bOA", curses.tigetstr("kcuu1")
        assert curses.tigetnum("cols") == 80
        assert curses.tparm(curses.tigetstr("cup"), 4, 7) == b"\\x1b[5;8H"
    """
    with tempfile.TemporaryDirectory() as directory:
        write_terminal_description(directory)
        python("-c", textwrap.dedent(code), env={**os.environ, "TERMINFO": directory})


@works("ncurses: windows and panels on a pseudo-terminal", "_curses", "_curses_panel")
def curses_windows() -> None:
    code = """
        import curses, curses.panel
        screen = curses.initscr()
        panel = curses.panel.new_panel(curses.newwin(3, 10, 2, 2))
        panel.window().addstr(1, 1, "grüße")
        curses.panel.update_panels()
        curses.doupdate()
        assert panel.window().inch(1, 1) & 0xFF == ord("g")
        curses.endwin()
    """
    try:
        controller, terminal = pty.openpty()
    except OSError as error:
        raise Skip(f"no pseudo-terminal: {error}") from error
    # Somebody has to read the terminal, or the writer waits for ever.
    reader = threading.Thread(target=drain, args=(controller,), daemon=True)
    reader.start()
    with tempfile.TemporaryDirectory() as directory:
        write_terminal_description(directory)
        environment = {**os.environ, "TERMINFO": directory, "TERM": "suite", "LINES": "24", "COLUMNS": "80"}
        run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], stdin=terminal, stdout=terminal,
                             stderr=subprocess.PIPE, text=True, check=False, timeout=60,
                             env=environment)  # fmt: skip
    os.close(terminal)
    assert run.returncode == 0, run.stderr[-300:]


def drain(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(descriptor, 4096):
            pass


@works("libedit: history and key bindings", "readline")
def readline_works() -> None:
    import readline

    assert "libedit" in readline.__doc__, "is not libedit's"
    readline.parse_and_bind("bind ^I rl_complete")
    readline.clear_history()
    readline.add_history("one")
    readline.add_history("two")
    assert readline.get_current_history_length() == 2
    readline.write_history_file("history")
    readline.clear_history()
    readline.read_history_file("history")
    assert "two" in Path("history").read_text()


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
    assert _uuid.has_uuid_generate_time_safe
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

    if not os.environ.get("DISPLAY"):
        raise Skip("no DISPLAY")
    window = tk.Tk()
    tk.Label(window, text="text").pack()
    window.update()
    window.destroy()


@works("libcrypt: crypt", "_crypt")
def crypt_works() -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import crypt
    for method in crypt.methods:
        hashed = crypt.crypt("word", crypt.mksalt(method))
        assert crypt.crypt("word", hashed) == hashed, method


@works("sockets, polling, asyncio", "_socket", "select", "_asyncio")
def sockets() -> None:
    import asyncio
    import select

    left, right = socket.socketpair()
    with left, right:
        left.send(b"x")
        poll = select.epoll()
        poll.register(right, select.EPOLLIN)
        assert poll.poll(5)
        poll.close()
    assert socket.has_ipv6

    async def echo() -> bytes:
        arguments = (sys.executable, "-c", "print(42)")
        process = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
        return (await process.communicate())[0]

    assert asyncio.run(echo()) == b"42\n"


@works("multiprocessing: a spawned process, a pipe, a lock", "_multiprocessing")
def multiprocessing_works() -> None:
    # In a file: a spawned process imports its parent's main module.
    Path("spawner.py").write_text(
        textwrap.dedent("""
        import multiprocessing

        def work(pipe):
            pipe.send(sum(pipe.recv()))

        if __name__ == "__main__":
            context = multiprocessing.get_context("spawn")
            here, there = context.Pipe()
            process = context.Process(target=work, args=(there,))
            process.start()
            here.send([1, 2, 3])
            assert here.recv() == 6
            process.join()
            assert process.exitcode == 0
            try:
                with multiprocessing.Lock():
                    pass
            except FileNotFoundError:
                pass  # no /dev/shm here
    """)
    )
    python("spawner.py")


@works("standard modules written in C", "unicodedata", "_pickle", "_json", "mmap", "_struct", "array", "_datetime")
def c_modules() -> None:
    import array
    import datetime as dt
    import mmap
    import pickle
    import unicodedata

    assert unicodedata.normalize("NFD", "\u00e9") == "e\u0301"
    data = {"a": [1, 2.5, None, dt.date(2026, 1, 2)]}
    assert pickle.loads(pickle.dumps(data, 5)) == data  # noqa: S301 - its own
    assert json.loads(json.dumps([1, "\u00e9"])) == [1, "\u00e9"]
    with mmap.mmap(-1, 4096) as memory:
        memory[:3] = b"abc"
        assert memory.find(b"c") == 2
    assert struct.unpack("<I", array.array("B", [1, 0, 0, 0]).tobytes()) == (1,)
    assert b"\x82\xa0".decode("shift_jis") == "\u3042"
    assert "\u3042".encode("iso2022_jp_2004").decode("iso2022_jp_2004") == "\u3042"


@works("pip")
def pip_works() -> None:
    output = python("-I", "-m", "pip", "--version")
    assert output.startswith("pip "), output


@works("venv, with symbolic links and with copies")
def venv_works() -> None:
    for kind in ("--symlinks", "--copies"):
        directory = Path(f"venv{kind}").resolve()
        python("-I", "-m", "venv", kind, "--without-pip", str(directory))
        code = "import sys, encodings; print(sys.prefix, sys.base_prefix)"
        run = subprocess.run([directory / "bin/python", "-I", "-c", code], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, check=False, timeout=60)  # fmt: skip
        assert run.returncode == 0, f"{kind}: {run.stdout[-300:]}"
        found = [Path(path).resolve() for path in run.stdout.split()]
        assert found == [directory, Path(sys.prefix).resolve()], f"{kind}: {run.stdout}"


@works("ensurepip has its wheel")
def ensurepip_works() -> None:
    assert python("-I", "-m", "ensurepip", "--version").startswith("pip ")
