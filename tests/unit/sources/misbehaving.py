"""A web server on this machine that can misbehave in every way that a mirror can, and fetchers to send there."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pythonbuild.sources.fetch import Fetcher
from pythonbuild.sources.places import Places, WantedFile
from pythonbuild.sources.web import Timing

QUICK = Timing(connect=2, read=0.2, stall=0.3, stall_bytes=1000, attempts=3, backoff=0.01)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers.get("Range", "")))
        answer = self.server.answers.get(self.path, status(404))
        try:
            answer(self)
        except ConnectionError:
            self.close_connection = True

    @property
    def offset(self) -> int:
        match = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(match.group(1)) if match else 0

    def begin(self, code: int, length: int | None, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length is None:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


Answer = Callable[[Handler], None]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, str]] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

    def handle_error(self, request: object, client_address: object) -> None:
        pass


def file(data: bytes, *, ranges: bool = True, **headers: str) -> Answer:
    def answer(handler: Handler) -> None:
        offset = handler.offset if ranges else 0
        if offset and offset >= len(data):
            handler.begin(416, 0)
        elif offset:
            handler.begin(206, len(data) - offset, Content_Range=f"bytes {offset}-{len(data) - 1}/{len(data)}")
            handler.wfile.write(data[offset:])
        else:
            handler.begin(200, len(data), **headers)
            handler.wfile.write(data)

    return answer


def status(code: int) -> Answer:
    return lambda handler: handler.begin(code, 0)


def redirect(url: str) -> Answer:
    return lambda handler: handler.begin(302, 0, Location=url)


def breaks_after(count: int, data: bytes) -> Answer:
    """Support ranges, promise everything, and break the connection after ``count`` bytes."""

    def answer(handler: Handler) -> None:
        offset = handler.offset
        handler.begin(206 if offset else 200, len(data) - offset, Content_Range=f"bytes {offset}-{len(data) - 1}/*")
        handler.wfile.write(data[offset : offset + count])
        handler.close_connection = True

    return answer


def without_length(data: bytes) -> Answer:
    def answer(handler: Handler) -> None:
        handler.begin(200, None)
        handler.wfile.write(data)

    return answer


def claims(length: int, data: bytes) -> Answer:
    def answer(handler: Handler) -> None:
        handler.begin(200, length)
        handler.wfile.write(data)
        handler.close_connection = True

    return answer


def resets() -> Answer:
    def answer(handler: Handler) -> None:
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)

    return answer


def hangs(data: bytes | None = None, sent: int = 0) -> Answer:
    """Say nothing at all, or stop in the middle."""

    def answer(handler: Handler) -> None:
        if data is not None:
            handler.begin(200, len(data))
            handler.wfile.write(data[:sent])
            handler.wfile.flush()
        handler.server.released.wait(10)
        handler.close_connection = True

    return answer


def trickles(data: bytes) -> Answer:
    def answer(handler: Handler) -> None:
        handler.begin(200, len(data))
        for index in range(len(data)):
            if handler.server.released.is_set():
                break
            handler.wfile.write(data[index : index + 1])
            handler.wfile.flush()
            time.sleep(0.02)
        handler.close_connection = True

    return answer


def in_turn(*answers: Answer) -> Answer:
    """Give one answer after the other; the last one stays."""
    left = list(answers)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)


def wanted(name: str, data: bytes, *urls: str, pool: str = "") -> WantedFile:
    return WantedFile(name, hashlib.sha256(data).hexdigest(), len(data), urls, pool)


class Desk:
    """Makes fetchers that share one download directory, and keeps their notes."""

    def __init__(self, downloads: Path) -> None:
        self.downloads = downloads
        self.notes: list[str] = []
        self.progress: list[tuple[str, int, int]] = []
        self._open: list[Fetcher] = []

    def fetcher(self, *, offline: bool = False, jobs: int = 4, timing: Timing = QUICK,
                source_dirs: tuple[Path, ...] = (), mirrors: tuple[str, ...] = (), pool_bases: tuple[str, ...] = (),
                snapshot: str = "", snapshot_archive: str = "http://127.0.0.1:9") -> Fetcher:  # fmt: skip
        places = Places(source_dirs, mirrors, lambda: pool_bases, snapshot, snapshot_archive)
        fetcher = Fetcher(self.downloads, places, offline=offline, jobs=jobs, note=self.notes.append, timing=timing,
                          progress=lambda *what: self.progress.append(what))  # fmt: skip
        self._open.append(fetcher)
        return fetcher

    def timing(self, **changes: float) -> Timing:
        return dataclasses.replace(QUICK, **changes)  # type: ignore[arg-type]

    def left(self) -> list[str]:
        """Return every file below the download directory."""
        return sorted(str(path.relative_to(self.downloads)) for path in self.downloads.rglob("*") if path.is_file())

    def close(self) -> None:
        for fetcher in self._open:
            fetcher.close()
