"""Gets pinned files: from place to place until a verified copy is in the download cache.

Every byte is counted and hashed as it comes; headers are believed in nothing. What a place gave in part is resumed
from there or from the next place; what turns out wrong is set aside, named with both hashes, and the next place is
tried. Failures are collected: nobody hears of a place that did not help when another one did, except once of each
host that did not answer, and always of wrong content.
"""

from __future__ import annotations

import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from pythonbuild.config.model import Pin
from pythonbuild.errors import BuildError, NoSpaceError
from pythonbuild.sources.cache import DownloadCache, Part, check_space, sha256_of
from pythonbuild.sources.failures import Failure, failed, together, wrong_content
from pythonbuild.sources.parallel import Stopped, run_parallel
from pythonbuild.sources.pip import download
from pythonbuild.sources.places import Place, Places, WantedFile, is_there
from pythonbuild.sources.web import PlaceError, StallWatch, Timing, Web, read_some

_CHUNK = 1 << 18
_MAX_TRIES = 20
_WEB_PAGE = re.compile(rb"\s*(<!doctype\s+html|<html)", re.IGNORECASE)
_CONTENT_RANGE = re.compile(r"bytes (\d+)-")

Progress = Callable[[str, int, int], None]


class Fetcher:
    """Fetches files into ``downloads``; safe to use from several threads, and beside other processes.

    ``note`` gets one line for the user; ``progress`` gets (file, bytes so far, bytes in all), and (file, 0, 0) when
    a file is given up.
    """

    def __init__(self, downloads: Path, places: Places | None = None, *, offline: bool = False, jobs: int = 4,
                 note: Callable[[str], None] = lambda _: None, progress: Progress = lambda *_: None,
                 timing: Timing | None = None) -> None:  # fmt: skip
        self.places = places or Places()
        self.offline = offline
        self.note = note
        self._cache = DownloadCache(downloads)
        self._jobs = jobs
        self._progress = progress
        self._timing = timing or Timing()
        self._web = Web(self._timing, connections=jobs)
        self._stop = threading.Event()
        self._told: set[str] = set()
        self._told_lock = threading.Lock()
        self._lost: dict[str, str] = {}  # hosts that did not answer, and why
        self._gathering = False

    @property
    def downloads(self) -> Path:
        return self._cache.directory

    def cancel(self) -> None:
        """End running fetches at their next bytes; what came so far is resumed another time."""
        self._stop.set()

    def close(self) -> None:
        self._web.close()

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def have(self, file: Pin | WantedFile) -> bool:
        """Return whether the file seems to be in the download cache (name and size; cheap, for planning)."""
        return self._cache.have(_wanted(file))

    def nearby(self, file: Pin | WantedFile) -> bool:
        """Return whether the file seems to be had without asking any host."""
        return self.have(file) or bool(self.places.local(_wanted(file)))

    def fetch(self, pin: Pin | WantedFile) -> Path:
        """Return the path of the verified file; fetch it if need be.

        Raises FetchError (no place has it; FetchTemporaryError if trying again may help), HashMismatchError (all
        that was offered had other content), OfflineError, NoSpaceError or MachineError.
        """
        file = _wanted(pin)
        path = self._verified(file)
        if path:
            return path
        with self._cache.part(file, lambda waited: self._wait(file, waited)) as part:
            path = self._verified(file)  # another process may have brought it meanwhile
            if path:
                part.discard()
                return path
            try:
                return self._from_places(file, part)
            except BuildError as error:
                if isinstance(error, NoSpaceError):
                    part.restart()  # a full disk needs the space more than the next try needs the half
                self._progress(file.filename, 0, 0)
                raise

    def fetch_file(self, filename: str, sha256: str, size: int, urls: Iterable[str]) -> Path:
        """Fetch a file that has no pin, a .deb for example; ``urls`` in the order in which they are tried."""
        return self.fetch(WantedFile(filename, sha256, size, tuple(urls)))

    def fetch_all(self, files: Iterable[Pin | WantedFile]) -> list[Path]:
        """Fetch several files at once and return their paths in the same order.

        Every file is tried before one error is raised that names all that could not be had; an error of this machine
        ends it at once. Hosts that did not answer are told of at the end.
        """
        return self.gather([partial(self.fetch, file) for file in files])

    def gather(self, calls: Sequence[Callable[[], Path]]) -> list[Path]:
        """Do the same for calls that fetch, whatever else they do."""
        self._gathering = True
        try:
            outcomes = run_parallel(lambda call: call(), calls, jobs=self._jobs, stop=self._stop)
        finally:
            self._gathering = False
            self._tell_lost()
        errors = [outcome for outcome in outcomes if isinstance(outcome, BuildError)]
        if errors:
            raise together(errors, downloads=self.downloads)
        return [outcome for outcome in outcomes if isinstance(outcome, Path)]

    def _verified(self, file: WantedFile) -> Path | None:
        """Return the cached file if its content is right; one that is not is set aside."""
        good, found = self._cache.verified(file)
        path = self._cache.path(file)
        if good:
            return path
        if found:
            kept = self._cache.set_aside(path, file.filename, found)
            self.note(
                f"{path}: wrong content in the download cache: found sha256 {found}, expected {file.sha256}; "
                f"it is kept as {kept} and fetched again"
            )
        return None

    def _wait(self, file: WantedFile, waited: float) -> None:
        if waited > 1:
            self._tell(f"{file.filename}: waiting for another build that is fetching it")
        self._pause(0.1)

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped

    def _tell(self, line: str) -> None:
        """Pass a note on, once."""
        with self._told_lock:
            if line in self._told:
                return
            self._told.add(line)
        self.note(line)

    def _from_places(self, file: WantedFile, part: Part) -> Path:
        if part.size == file.size and part.sha256() == file.sha256:  # killed just before the rename
            return self._cache.accept(part, file)
        if part.size == file.size:
            part.restart()
        failures: list[Failure] = []
        for place in self.places.of(file):
            if place.remote and self.offline:
                continue
            if place.path and not is_there(place.path):
                continue
            try:
                self._from_place(file, place, part)
            except PlaceError as failure:
                failures.append((place, failure))
                continue
            path = self._cache.accept(part, file)
            self._tell_failures(file, failures)
            self._progress(file.filename, file.size, file.size)
            return path
        raise failed(file, failures, downloads=self.downloads, offline=self.offline)

    def _tell_failures(self, file: WantedFile, failures: Sequence[Failure]) -> None:
        for place, error in failures:
            if error.host_down or error.silent:
                with self._told_lock:
                    self._lost.setdefault(place.origin, str(error))
            elif error.found:
                self._tell(f"{file.filename}: {place.origin} {error}; another place had the right file")

        if not self._gathering:
            self._tell_lost()

    def _tell_lost(self) -> None:
        """Say once of each host that it did not answer; many hosts with the same trouble are one line."""
        with self._told_lock:
            new = {host: reason for host, reason in self._lost.items() if host not in self._told}
            self._told.update(new)
        for reason in dict.fromkeys(new.values()):
            hosts = sorted(host for host in new if new[host] == reason)
            self.note(f"{', '.join(hosts)} {reason}; other places are used")

    def _from_place(self, file: WantedFile, place: Place, part: Part) -> None:
        """Bring the whole file into ``part`` and verify it, or raise PlaceError."""
        if place.path:
            part.restart()
            self._copy(file, place.path, part)
            return
        if place.pip:
            part.restart()
            self._from_pip(file, part)
            return
        tries = attempts = 0
        while True:
            before = part.size
            try:
                self._download(file, place, part)
            except PlaceError as failure:
                tries += 1
                # Progress makes a new beginning: a bad line that breaks every few megabytes still gets there.
                if part.size - before >= self._timing.stall_bytes:
                    self._web.record_success(place.url)
                    attempts = 0
                attempts += 1
                down = self._web.record_failure(place.url, failure)
                if down or not failure.temporary:
                    raise
                if attempts >= self._timing.attempts or tries >= _MAX_TRIES:
                    self._web.record_strike(place.url, failure)
                    raise
            else:
                self._web.record_success(place.url)
                return
            self._pause(self._timing.backoff * 2 ** (attempts - 1))

    def _from_pip(self, file: WantedFile, part: Part) -> None:
        check_space(part.path.parent, 2 * file.size)
        with tempfile.TemporaryDirectory(prefix="pip-", dir=part.path.parent) as directory:
            self._copy(file, download(file, Path(directory), self._pause), part)

    def _copy(self, file: WantedFile, path: Path, part: Part) -> None:
        check_space(part.path.parent, file.size)
        try:
            found = sha256_of(path)
            if found == file.sha256:
                with path.open("rb") as stream:
                    self._pour(stream.read, file, part)
                found = part.sha256()  # of what was copied: the file may be changing
        except OSError as error:
            raise PlaceError(f"cannot be read ({error.strerror})") from error
        if found != file.sha256:
            part.restart()
            raise wrong_content(file, found)

    def _download(self, file: WantedFile, place: Place, part: Part) -> None:
        with self._web.open(place.url, part.size) as response:
            resumed = _continue_at(response.status_code, response.headers.get("Content-Range", ""), part)
            check_space(part.path.parent, file.size - part.size)
            watch = StallWatch(self._timing)

            def read(amount: int) -> bytes:
                data = read_some(response, amount, self._timing)
                watch.saw(len(data))
                return data

            self._pour(read, file, part)
            if part.size < file.size:
                raise PlaceError(f"sent {part.size} of {file.size} bytes", temporary=True)
            if part.sha256() == file.sha256:
                return
            longer = not resumed and _has_more(read)
        found = part.sha256()
        if resumed:
            # The part that was already there may be to blame: this place gets a chance to give all of it.
            part.restart()
            self._download(file, place, part)
            return
        kept = None if longer else self._cache.set_aside(part.path, file.filename, found, copy=True)
        part.restart()
        if longer:
            raise PlaceError(f"has more than {file.size} bytes")
        raise wrong_content(file, found, kept=kept)

    def _pour(self, read: Callable[[int], bytes], file: WantedFile, part: Part) -> None:
        """Add what ``read`` gives, up to the pinned size and not a byte more."""
        shown = 0.0
        while part.size < file.size:
            if self._stop.is_set():
                raise Stopped
            data = read(min(_CHUNK, file.size - part.size))
            if not data:
                return
            if part.size == 0 and _WEB_PAGE.match(data):
                raise PlaceError("sent a web page instead of the file")
            part.append(data)
            if time.monotonic() - shown > 0.1:
                shown = time.monotonic()
                self._progress(file.filename, part.size, file.size)


def _wanted(file: Pin | WantedFile) -> WantedFile:
    return WantedFile.of(file) if isinstance(file, Pin) else file


def _has_more(read: Callable[[int], bytes]) -> bool:
    try:
        return bool(read(1))
    except PlaceError:
        return False


def _continue_at(status: int, content_range: str, part: Part) -> int:
    """Make the part end where the answer begins, and return how many of its bytes were there before."""
    if status == 416:
        raise PlaceError(f"has no more than {part.size} bytes")
    match = _CONTENT_RANGE.match(content_range)
    if status == 206 and match and int(match.group(1)) == part.size:
        return part.size
    if status == 206:
        raise PlaceError("answered with another range than asked for")
    part.restart()
    return 0
