"""What `interpreter.py --workloads` lets each interpreter do. Run by the interpreter: workloads.py NAME SECONDS

Each workload is a function without arguments that takes some milliseconds. It is repeated for SECONDS; the least CPU
time of one call is what the interpreter can do, everything above it is the machine's noise. Prints that time in
seconds. The first workloads are the interpreter's own loops, the others mostly a library's: what the distribution was
linked with, and how that was compiled.
"""

from __future__ import annotations

import ast
import bz2
import ctypes
import decimal
import hashlib
import io
import json
import lzma
import pickle
import random
import re
import socket
import sqlite3
import ssl
import sys
import time
import uuid
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.parsers import expat

_RANDOM = random.Random(20261122)
_WORDS = ["".join(_RANDOM.choices("abcdefghij klmnopqrst", k=_RANDOM.randrange(3, 12))) for _ in range(2000)]
_TEXT = " ".join(_WORDS)
_RECORDS = [
    {"id": i, "name": word, "tags": [word[:2], word[2:]], "value": i / 7} for i, word in enumerate(_WORDS[:300])
]
_JSON = json.dumps(_RECORDS)
_XML = "<r>" + "".join(f"<e id='{i}'><n>{word}</n></e>" for i, word in enumerate(_WORDS[:600])) + "</r>"
_BYTES = _TEXT.encode() * 4
#: What is compressed: text, a data format, and little-endian numbers, 250 kB in all.
_MIXTURE = _BYTES + (_JSON * 3).encode() + pickle.dumps([_RANDOM.gauss(0, 1) for _ in range(8000)])
_ZLIB, _BZIP2, _XZ = zlib.compress(_MIXTURE), bz2.compress(_MIXTURE), lzma.compress(_MIXTURE)
_XZ_OF_ZEROS = lzma.compress(bytes(1 << 21), preset=0)
_LABS = ctypes.CDLL(None).labs
_LABS.argtypes, _LABS.restype = [ctypes.c_long], ctypes.c_long
_CERTIFICATE = Path(__file__).with_name("certificate.pem")


def floats() -> object:
    x, y, vx, vy = 1.0, 0.0, 0.0, 1.0
    for _ in range(12000):
        r = (x * x + y * y) ** -1.5
        vx, vy = vx - x * r * 0.001, vy - y * r * 0.001
        x, y = x + vx * 0.001, y + vy * 0.001
    return x


def integers() -> object:
    permutation, flips, chance = list(range(9)), 0, random.Random(9)
    for _ in range(700):
        chance.shuffle(permutation)
        row = permutation[:]
        while row[0]:
            row[: row[0] + 1] = row[row[0] :: -1]
            flips += 1
    return flips


class _Node:
    def __init__(self, left: _Node | None = None, right: _Node | None = None) -> None:
        self.left, self.right = left, right

    def count(self) -> int:
        return 1 + (self.left.count() if self.left else 0) + (self.right.count() if self.right else 0)


def _tree(depth: int) -> _Node:
    return _Node() if not depth else _Node(_tree(depth - 1), _tree(depth - 1))


def objects() -> object:
    return _tree(11).count()


def generators() -> object:
    return sum(x for x in (y + 1 for y in (z * 2 for z in range(30000))) if x % 3)


def strings() -> object:
    return len("".join(word.upper().replace("A", "b").strip() + f"{word:>12}" for word in _WORDS for _ in range(4)))


def dictionaries() -> object:
    counts: dict[str, int] = {}
    for word in _WORDS * 8:
        counts[word] = counts.get(word, 0) + 1
    return sorted(counts.items(), key=lambda item: (item[1], item[0]))


def exceptions() -> object:
    caught = 0
    for i in range(12000):
        try:
            if i % 2:
                raise ValueError(i)
        except ValueError:
            caught += 1
    return caught


def regular_expressions() -> object:
    return len(re.findall(r"\b([a-f]+)(\w*?)([g-t]{2,})\b", _TEXT))


def json_dumps() -> object:
    return len(json.dumps(_RECORDS))


def json_loads() -> object:
    return len(json.loads(_JSON))


def pickles() -> object:
    return pickle.loads(pickle.dumps(_RECORDS))


def decimals() -> object:
    return sum((decimal.Decimal(i) / 7).sqrt() for i in range(1, 3000))


def syntax_trees() -> object:
    return ast.dump(
        ast.parse("\n".join(f"def f{i}(a, b=1, *c):\n    return [a + x for x in c if x > b]" for i in range(60)))
    )


def xml() -> object:
    return sum(len(node.text or "") for node in ET.fromstring(_XML).iter("n"))


def pyexpat() -> object:
    parser, names = expat.ParserCreate(), list[str]()
    parser.StartElementHandler = lambda name, _attributes: names.append(name)
    parser.Parse(_XML, True)
    return names


def elementtree() -> object:
    root = ET.Element("r")
    for word in _WORDS[:600]:
        ET.SubElement(root, "e", {"word": word}).text = word
    return ET.fromstring(ET.tostring(root)).findall("e[@word]")


_Rows = Iterable[Mapping[str, Any] | Sequence[Any]]


def _table(
    values: str, rows: _Rows, columns: str = "id integer primary key, name text, value real"
) -> sqlite3.Connection:
    base = sqlite3.connect(":memory:")
    base.execute(f"create table t ({columns})")
    base.executemany(f"insert into t values ({values})", rows)
    return base


def sqlite() -> object:
    base = _table(":id, :name, :value", _RECORDS)
    return base.execute("select a.name, sum(b.value) from t a join t b on a.id % 30 = b.id group by a.name").fetchall()


def sqlite_rows() -> object:
    base = _table("?", ((word,) for word in _WORDS), "word text")
    return [base.execute("select word from t where rowid = ?", (i,)).fetchone() for i in range(1, len(_WORDS), 4)]


def sqlite_insert() -> object:
    base = _table("?, ?, ?", ((i, word, i / 7) for i, word in enumerate(_WORDS)))
    base.execute("create index by_name on t (name)")
    base.execute("update t set value = value * 2, name = name || '!' where id % 3 = 0")
    return base.total_changes


_BASE = _table("?, ?, ?", ((i, word, i / 7) for i, word in enumerate(_WORDS)))
_BASE.execute("create index by_name on t (name)")


def sqlite_select() -> object:
    return _BASE.execute("select name, count(*), sum(value) from t where value > 9 and name like '%a%' group by name "
                         "order by 3 desc").fetchall()  # fmt: skip


def sqlite_join() -> object:
    return _BASE.execute("select count(*) from t a join t b on b.name = a.name join t c on c.id = b.id + 1").fetchall()


def sqlite_json() -> object:
    return sqlite3.connect(":memory:").execute(
        "select sum(value ->> '$.value'), group_concat(value ->> '$.tags[0]') from json_each(?)", (_JSON,)
    ).fetchall()  # fmt: skip


def sqlite_search() -> object:
    base = sqlite3.connect(":memory:")
    base.execute("create virtual table t using fts5(words)")
    base.executemany("insert into t values (?)", ((" ".join(_WORDS[i : i + 20]),) for i in range(0, len(_WORDS), 10)))
    return base.execute("select count(*) from t where t match 'a* or b*'").fetchall()


def zlib_compress() -> object:
    return zlib.compress(_MIXTURE, 6)


def zlib_compress_1() -> object:
    return zlib.compress(_MIXTURE, 1)


def zlib_compress_9() -> object:
    return zlib.compress(_MIXTURE, 9)


def zlib_decompress() -> object:
    return [zlib.decompress(_ZLIB) for _ in range(8)]


def zlib_crc32() -> object:
    return [zlib.crc32(_BYTES) for _ in range(40)]


def zlib_adler32() -> object:
    return [zlib.adler32(_BYTES) for _ in range(40)]


def bz2_compress() -> object:
    return bz2.compress(_MIXTURE)


def bz2_decompress() -> object:
    return bz2.decompress(_BZIP2)


def lzma_compress() -> object:
    return lzma.compress(_MIXTURE, preset=1)


def lzma_compress_6() -> object:
    return lzma.compress(_BYTES, preset=6)


def lzma_decompress() -> object:
    return [lzma.decompress(_XZ) for _ in range(4)]


def lzma_crc64() -> object:
    return len(lzma.decompress(_XZ_OF_ZEROS))  # quickly expanded, so mostly checked


def _hash(name: str) -> object:
    return hashlib.new(name, _BYTES * 20).digest()


def hashlib_sha256() -> object:
    return _hash("sha256")


def hashlib_sha1() -> object:
    return _hash("sha1")


def hashlib_sha512() -> object:
    return _hash("sha512")


def hashlib_sha3() -> object:
    return _hash("sha3_256")


def hashlib_blake2b() -> object:
    return hashlib.blake2b(_BYTES * 20).digest()


def hashlib_md5() -> object:
    return _hash("md5")


def hashlib_short() -> object:
    return [hashlib.sha256(word.encode()).hexdigest() for word in _WORDS]


def hashlib_pbkdf2() -> object:
    return hashlib.pbkdf2_hmac("sha256", b"word", b"salt", 5000)


def _contexts(ciphers: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(_CERTIFICATE)
    client.load_verify_locations(_CERTIFICATE)
    if ciphers:  # TLS 1.3's cannot be chosen in Python
        client.maximum_version = ssl.TLSVersion.TLSv1_2
        server.set_ciphers(ciphers)
    return server, client


class _Connection:
    """Both ends of a connection, with nothing but memory between them."""

    def __init__(self, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = contexts[0].wrap_bio(up, down, server_side=True)
        self.client = contexts[1].wrap_bio(down, up, server_hostname="benchmark.invalid")
        waiting = [self.client, self.server]
        while waiting:  # each says its part until it has to wait for the other's
            end = waiting.pop(0)
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                waiting.append(end)

    def transfer(self, data: bytes) -> int:
        """Send data; return how much of it arrived."""
        self.server.write(data)
        received = 0
        while received < len(data):
            received += len(self.client.read(1 << 16))
        return received


_CONTEXTS = _contexts("")
_AES, _CHACHA = _Connection(_CONTEXTS), _Connection(_contexts("CHACHA20"))


def ssl_handshake() -> object:
    return _Connection(_CONTEXTS).client.version()


def ssl_aes() -> object:
    return [_AES.transfer(_BYTES) for _ in range(16)]


def ssl_chacha() -> object:
    return [_CHACHA.transfer(_BYTES) for _ in range(16)]


def decimal_digits() -> object:
    with decimal.localcontext(prec=4000):
        return decimal.Decimal(2).sqrt() * decimal.Decimal(3).sqrt() / 7


def ctypes_calls() -> object:
    return sum(_LABS(-i) for i in range(5000))


def uuids() -> object:
    return [(uuid.uuid1(), uuid.uuid4()) for _ in range(300)]


def streams() -> object:
    buffer = io.BytesIO()
    text = io.TextIOWrapper(buffer, encoding="utf-8", write_through=False)
    text.writelines(word + "\n" for word in _WORDS * 3)
    text.seek(0)
    return sum(len(line) for line in text)


def sockets() -> object:
    left, right = socket.socketpair()
    with left, right:
        for _ in range(1500):
            left.sendall(b"0123456789" * 10)
            right.recv(1000)
    return left


Workload = Callable[[], object]
WORKLOADS: tuple[Workload, ...] = (
    floats, integers, objects, generators, strings, dictionaries, exceptions, regular_expressions, pickles, decimals,
    syntax_trees, streams, sockets, json_dumps, json_loads, xml, pyexpat, elementtree, sqlite, sqlite_rows,
    sqlite_insert, sqlite_select, sqlite_join, sqlite_json, sqlite_search, zlib_compress, zlib_compress_1,
    zlib_compress_9, zlib_decompress, zlib_crc32, zlib_adler32, bz2_compress, bz2_decompress, lzma_compress,
    lzma_compress_6, lzma_decompress, lzma_crc64, hashlib_sha1, hashlib_sha256, hashlib_sha512, hashlib_sha3,
    hashlib_blake2b, hashlib_md5, hashlib_short, hashlib_pbkdf2, ssl_handshake, ssl_aes, ssl_chacha, decimal_digits,
    ctypes_calls, uuids,
)  # fmt: skip


def least_time(function: Workload, seconds: float) -> float:
    function()
    least, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.process_time()
        function()
        least = min(least, time.process_time() - start)
    return least


if __name__ == "__main__":
    chosen = {function.__name__: function for function in WORKLOADS}[sys.argv[1]]
    print(least_time(chosen, float(sys.argv[2])))
