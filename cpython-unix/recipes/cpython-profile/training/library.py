"""The extension modules and the parts of the library that work with the system: stores, compression, files, threads."""

from __future__ import annotations

import array
import bisect
import bz2
import collections
import concurrent.futures
import contextlib
import ctypes
import gzip
import hashlib
import hmac
import io
import lzma
import os
import queue
import random
import selectors
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import uuid
import zipfile
import zlib
from pathlib import Path

_RANDOM = random.Random(2026)
_TEXT = " ".join("".join(_RANDOM.choices("abcdefgh ", k=7)) for _ in range(6000)).encode()
_NOISE = _RANDOM.randbytes(30000)


def compression() -> int:
    total = 0
    for data in (_TEXT, _NOISE):
        total += len(zlib.decompress(zlib.compress(data))) + zlib.crc32(data) + zlib.adler32(data)
        total += len(bz2.decompress(bz2.compress(data, 5))) + len(lzma.decompress(lzma.compress(data, preset=2)))
        total += len(gzip.decompress(gzip.compress(data, 6)))
    return total


def digests() -> int:
    total = 0
    for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b"):
        total += len(hashlib.new(name, _TEXT).hexdigest())
        for index in range(60):
            total += hashlib.new(name, b"%d" % index).digest()[0]
    total += len(hmac.new(b"key", _TEXT, "sha256").digest()) + len(hashlib.pbkdf2_hmac("sha256", b"a", b"b", 300))
    return total + sum(uuid.uuid5(uuid.NAMESPACE_URL, str(index)).int & 1 for index in range(100))


def database() -> int:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("create table item (id integer primary key, name text, value real, data blob)")
        connection.execute("create index by_name on item (name)")
        connection.create_function("twice", 1, lambda value: value * 2)
        with connection:
            rows = [(f"name{index % 97}", index / 3, b"x" * (index % 20)) for index in range(1500)]
            connection.executemany("insert into item (name, value, data) values (?, ?, ?)", rows)
        total = sum(
            row["value"] for row in connection.execute("select * from item where name like 'name1%' order by value")
        )
        query = "select name, count(*), avg(twice(value)) from item group by name having count(*) > :least"
        total += len(connection.execute(query, {"least": 3}).fetchall())
        for index in range(150):
            total += connection.execute("select value from item where id = ?", (index + 1,)).fetchone()[0]
            connection.execute("update item set value = value + 1 where id = ?", (index,))
        return int(total)


def containers() -> int:
    line: collections.deque[int] = collections.deque(maxlen=200)
    ordered: collections.OrderedDict[int, int] = collections.OrderedDict()
    sorted_list: list[int] = []
    defaults: collections.defaultdict[int, list[int]] = collections.defaultdict(list)
    for index in range(2500):
        number = (index * 7919) % 1009
        line.append(number)
        line.rotate(1)
        ordered[number] = index
        ordered.move_to_end(number)
        bisect.insort(sorted_list, number)
        defaults[number % 31].append(number)
    numbers = array.array("d", (float(number) for number in sorted_list))
    chain = collections.ChainMap({"a": 1}, {"b": 2})
    return (
        len(line) + len(ordered) + int(sum(numbers)) + int(statistics.stdev(numbers[:300])) + chain["b"] + len(defaults)
    )


def files() -> int:
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        for index in range(40):
            folder = top / f"folder{index % 5}" / "sub"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"file{index}.txt").write_text(f"line {index}\n" * 30, encoding="utf-8")
        total = 0
        for path in sorted(top.rglob("*.txt")):
            total += path.stat().st_size + len(path.relative_to(top).parts)
            with path.open(encoding="utf-8") as stream:
                total += sum(len(line.strip()) for line in stream)
        for directory, _, names in os.walk(top):
            total += sum(os.path.getsize(os.path.join(directory, entry)) for entry in names)
        with zipfile.ZipFile(top / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in top.glob("folder1/**/*.txt"):
                archive.write(path, path.name)
        with zipfile.ZipFile(top / "all.zip") as archive:
            total += sum(len(archive.read(member)) for member in archive.namelist())
        with tarfile.open(top / "all.tar.gz", "w:gz") as packed:
            packed.add(top / "folder2", "folder2")
        with tarfile.open(top / "all.tar.gz") as packed:
            total += len(packed.getnames())
        shutil.copytree(top / "folder3", top / "copy")
        return total


def streams() -> int:
    raw = io.BytesIO()
    text = io.TextIOWrapper(raw, encoding="utf-8", newline="\n")
    for index in range(2000):
        text.write(f"line {index} äö\n")
    text.flush()
    raw.seek(0)
    total = sum(len(line) for line in io.TextIOWrapper(io.BytesIO(raw.getvalue()), encoding="utf-8"))
    buffered = io.BufferedReader(io.BytesIO(raw.getvalue()))  # type: ignore[arg-type]
    while chunk := buffered.read(100):
        total += len(chunk)
    out = io.StringIO()
    print(*range(500), sep=",", file=out)
    return total + len(out.getvalue())


def threads() -> int:
    work: queue.Queue[int | None] = queue.Queue()
    done: list[int] = []
    lock = threading.Lock()

    def worker() -> None:
        while (number := work.get()) is not None:
            with lock:
                done.append(sum(range(number % 50)))

    team = [threading.Thread(target=worker) for _ in range(3)]
    for thread in team:
        thread.start()
    for number in range(900):
        work.put(number)
    for _ in team:
        work.put(None)
    for thread in team:
        thread.join()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        return sum(pool.map(len, ["abc"] * 200)) + len(done)


def sockets() -> int:
    left, right = socket.socketpair()
    with left, right, selectors.DefaultSelector() as selector:
        right.setblocking(False)
        selector.register(right, selectors.EVENT_READ)
        total = 0
        for index in range(200):
            left.sendall(b"x" * (index % 90 + 1))
            for key, _ in selector.select(1):
                total += len(key.fileobj.recv(200))  # type: ignore[union-attr]
        return total


def foreign_functions() -> int:
    class Pair(ctypes.Structure):
        _fields_ = [("a", ctypes.c_int), ("b", ctypes.c_double)]

    library = ctypes.CDLL(None)
    library.strlen.restype = ctypes.c_size_t
    called = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda number: number + 1)
    pairs = (Pair * 20)()
    total = 0
    for index in range(300):
        pairs[index % 20].a = index
        total += library.strlen(b"text") + called(index) + pairs[index % 20].a
    return total


def programs() -> int:
    code = "import sys; sys.exit(len(sys.stdin.read()) % 7)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], input=b"text", capture_output=True, check=False)
    return done.returncode


WORKLOADS = (compression, digests, database, containers, files, streams, threads, sockets, foreign_functions, programs)
