"""Looks for releases that are newer than the pins.

A source may say where upstream lists its releases (``release_index`` in the sources file: an address and a pattern).
For a newer release the archive's address is made from the newest pin's own, and the archive is read once to learn its
size and sha256. Nothing is written: a pin is a promise, and whoever makes it compares the hash with upstream's.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from pythonbuild.config.model import Pin, Source
from pythonbuild.config.sources import version_key
from pythonbuild.errors import FetchError, SourceError
from pythonbuild.sources.parallel import run_parallel
from pythonbuild.sources.places import host_of
from pythonbuild.sources.web import PlaceError, StallWatch, Timing, Web, read_some

_CHUNK = 1 << 18
_INDEX_LIMIT = 16 << 20
_ARCHIVE_LIMIT = 1 << 30
_JOBS = 4


@dataclass(frozen=True)
class Proposal:
    """A release newer than every pin of its source; ``pin`` is complete if the archive could be read.

    ``reason`` says why it could not.
    """

    source: str
    newest_pin: str
    version: str
    pin: Pin | None
    reason: str = ""

    def line(self) -> str:
        """Return it as one line for the user, with all that a pin needs."""
        text = f"{self.source}: {self.version} is newer than the newest pin {self.newest_pin}"
        if self.pin is None:
            return f"{text} ({self.reason})"
        pin = self.pin
        return f"{text} (filename {pin.filename}, sha256 {pin.sha256}, size {pin.size}, from {pin.urls[0]})"


def propose(
    sources: Iterable[Source], *, note: Callable[[str], None] = lambda _: None, timing: Timing | None = None
) -> list[Proposal]:
    """Return a proposal for every source with a newer release.

    An index that cannot be read, or has no release any more, is a note; if none can be read, FetchError is raised.
    """
    indexed = [(source, source.release_index) for source in sources if source.release_index]
    if not indexed:
        raise SourceError("no source says where its releases are listed", advice="add a release_index to one")
    timing = timing or Timing()
    with closing(Web(timing)) as web:
        pages = _read_pages(web, timing, [index.url for _, index in indexed], note)
        newer: list[tuple[Source, str]] = []
        for source, index in indexed:
            if index.url not in pages:
                continue
            versions = re.findall(index.pattern, pages[index.url])
            if not versions:
                note(f"{source.name}: no release in {index.url} matches the pattern {index.pattern!r}")
            elif version_key(max(versions, key=version_key)) > version_key(source.pins[0].version):
                newer.append((source, max(versions, key=version_key)))
        proposals = run_parallel(partial(_propose, web, timing), newer, jobs=_JOBS, stop=threading.Event())
    return [proposal for proposal in proposals if isinstance(proposal, Proposal)]


def _read_pages(web: Web, timing: Timing, urls: list[str], note: Callable[[str], None]) -> dict[str, str]:
    """Return the text of each page that can be read; several series share one page."""
    failures: dict[str, None] = {}
    pages: dict[str, str] = {}

    def read(url: str) -> None:
        page = bytearray()
        try:
            _read(web, timing, url, _INDEX_LIMIT, page.extend, page.clear)
            pages[url] = page.decode("utf-8", "replace")
        except PlaceError as error:
            failures[f"{host_of(url)} {error}"] = None

    run_parallel(read, list(dict.fromkeys(urls)), jobs=_JOBS, stop=threading.Event())
    if not pages:
        raise FetchError("no release index could be read", found="; ".join(failures), advice="update needs the network")
    for line in failures:
        note(f"{line}; its sources are not looked at")
    return pages


def _propose(web: Web, timing: Timing, found: tuple[Source, str]) -> Proposal:
    source, version = found
    newest = source.pins[0]
    url, filename = _moved_on(newest, version)
    if not url:
        reason = f"its address does not follow from the pin's, see {source.homepage}"
        return Proposal(source.name, newest.version, version, None, reason)
    measure = _Measure()
    try:
        _read(web, timing, url, _ARCHIVE_LIMIT, measure.add, measure.clear)
    except PlaceError as error:
        return Proposal(source.name, newest.version, version, None, f"{url}: {host_of(url)} {error}")
    pin = Pin(source.name, version, filename, measure.hash.hexdigest(), measure.size, (url,))
    return Proposal(source.name, newest.version, version, pin)


def _moved_on(pin: Pin, version: str) -> tuple[str, str]:
    """Return the pin's address and file name with the version replaced, ``""`` where it does not appear."""
    for separator in (".", "_", "-"):
        old, new = pin.version.replace(".", separator), version.replace(".", separator)
        for url in pin.urls:
            if old in url:
                return url.replace(old, new), pin.filename.replace(pin.version, version).replace(old, new)
    return "", ""


class _Measure:
    """Counts and hashes bytes without keeping them."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.size = 0
        self.hash = hashlib.sha256()

    def add(self, data: bytes) -> None:
        self.size += len(data)
        self.hash.update(data)


def _read(
    web: Web, timing: Timing, url: str, limit: int, add: Callable[[bytes], None], clear: Callable[[], None]
) -> None:
    """Read all of an answer, again from its beginning after a temporary failure. Raises PlaceError."""
    attempts = 0
    while True:
        clear()
        try:
            _read_once(web, timing, url, limit, add)
        except PlaceError as error:
            attempts += 1
            if web.record_failure(url, error) or not error.temporary or attempts >= timing.attempts:
                raise
            time.sleep(timing.backoff * 2 ** (attempts - 1))
        else:
            return


def _read_once(web: Web, timing: Timing, url: str, limit: int, add: Callable[[bytes], None]) -> None:
    size = 0
    watch = StallWatch(timing)
    with web.open(url) as response:
        while data := read_some(response, _CHUNK, timing):
            size += len(data)
            watch.saw(len(data))
            if size > limit:
                raise PlaceError(f"sent more than {limit} bytes")
            add(data)
        # There is no hash to tell a whole answer from half of one, so here the header has to do.
        promised = response.headers.get("Content-Length", "")
        if promised.isdigit() and size < int(promised):
            raise PlaceError(f"sent {size} of {promised} bytes", temporary=True)
