"""What interpreters.py lets each interpreter do. Run by the interpreter that is measured: workloads.py SECONDS

Each workload is a function without arguments that takes some milliseconds. It is repeated for SECONDS; the least CPU
time of one call is what the interpreter can do, everything above it is the machine's noise. Prints a JSON object from
the workload's name to that time in seconds.
"""

from __future__ import annotations

import ast
import bz2
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
import sys
import time
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Callable

_RANDOM = random.Random(20261122)
_WORDS = ["".join(_RANDOM.choices("abcdefghij klmnopqrst", k=_RANDOM.randrange(3, 12))) for _ in range(2000)]
_TEXT = " ".join(_WORDS)
_RECORDS = [
    {"id": i, "name": word, "tags": [word[:2], word[2:]], "value": i / 7} for i, word in enumerate(_WORDS[:300])
]
_JSON = json.dumps(_RECORDS)
_XML = "<r>" + "".join(f"<e id='{i}'><n>{word}</n></e>" for i, word in enumerate(_WORDS[:600])) + "</r>"
_BYTES = _TEXT.encode() * 4


def floats() -> object:
    x, y, vx, vy = 1.0, 0.0, 0.0, 1.0
    for _ in range(12000):
        r = (x * x + y * y) ** -1.5
        vx, vy = vx - x * r * 0.001, vy - y * r * 0.001
        x, y = x + vx * 0.001, y + vy * 0.001
    return x


def integers() -> object:
    permutation, flips = list(range(9)), 0
    for _ in range(700):
        _RANDOM.shuffle(permutation)
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


def json_both_ways() -> object:
    return len(json.dumps(json.loads(_JSON)))


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


def sqlite() -> object:
    base = sqlite3.connect(":memory:")
    base.execute("create table t (id integer primary key, name text, value real)")
    base.executemany("insert into t values (:id, :name, :value)", _RECORDS)
    return base.execute("select a.name, sum(b.value) from t a join t b on a.id % 30 = b.id group by a.name").fetchall()


def zlib_round() -> object:
    return zlib.decompress(zlib.compress(_BYTES, 6))


def bzip2_round() -> object:
    return bz2.decompress(bz2.compress(_BYTES))


def xz_round() -> object:
    return lzma.decompress(lzma.compress(_BYTES, preset=1))


def hashes() -> object:
    return (
        hashlib.sha256(_BYTES * 20).digest(),
        hashlib.blake2b(_BYTES * 20).digest(),
        hashlib.md5(_BYTES * 20).digest(),
    )


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


WORKLOADS = (
    floats, integers, objects, generators, strings, dictionaries, exceptions, regular_expressions, json_both_ways,
    pickles, decimals, syntax_trees, xml, sqlite, zlib_round, bzip2_round, xz_round, hashes, streams, sockets,
)  # fmt: skip


def least_time(function: Callable[[], object], seconds: float) -> float:
    function()
    least, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.process_time()
        function()
        least = min(least, time.process_time() - start)
    return least


if __name__ == "__main__":
    print(json.dumps({function.__name__: least_time(function, float(sys.argv[1])) for function in WORKLOADS}))
