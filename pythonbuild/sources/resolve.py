"""Turns a series into one pin: the newest that can be had.

Whether a pin can be had is found out by having it. When the newest cannot be had anywhere, that is remembered for an
hour, so that the next build does not wait for the same hosts again; but only while an older pin is at hand without
any host. Asking for the exact version always asks the places.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from pythonbuild.config.model import Pin
from pythonbuild.errors import FetchError, OfflineError, SourceError
from pythonbuild.sources.fetch import Fetcher

#: How long it is believed that a file can be had nowhere, in seconds.
MEMORY = 3600.0


def resolve(fetcher: Fetcher, candidates: Sequence[Pin], *, exact: bool) -> Pin:
    """Return the pin to build and make sure that its file is in the download cache.

    ``candidates`` are newest first. With ``exact`` (an exact version was named, or ``--locked``) the first is had or
    its error is raised. Otherwise older ones follow, with a note; wrong content is never passed over.
    """
    if exact:
        fetcher.fetch(candidates[0])
        return candidates[0]
    memory = _Memory(fetcher)
    errors: list[SourceError] = []
    reasons: list[str] = []
    for index, pin in enumerate(candidates):
        older_at_hand = any(fetcher.nearby(other) for other in candidates[index + 1 :])
        remembered = memory.recall(pin) if older_at_hand and not fetcher.nearby(pin) else ""
        if remembered:
            reasons.append(remembered)
            continue
        try:
            if not fetcher.have(pin):  # what is in the cache is verified when it is used
                fetcher.fetch(pin)
        except (FetchError, OfflineError) as error:
            errors.append(error)
            reasons.append("; ".join(error.places) or ("--offline" if fetcher.offline else "no place to ask"))
            if isinstance(error, FetchError):
                memory.remember(pin)
            continue
        if index:
            _tell(fetcher, pin, candidates[:index], reasons)
        return pin
    raise errors[0]


def _tell(fetcher: Fetcher, taken: Pin, missing: Sequence[Pin], reasons: Sequence[str]) -> None:
    versions = ", ".join(pin.version for pin in missing)
    why = "; ".join(dict.fromkeys(reason for text in reasons for reason in text.split("; ")))
    fetcher.note(
        f"{taken.source}: taking {taken.version}, which is not the newest pin; {versions} could not be had ({why})"
    )


class _Memory:
    """``downloads/unavailable.json``: which files could not be had, from which places, and until when that counts."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._path: Path = fetcher.downloads / "unavailable.json"
        self._fetcher = fetcher

    def _key(self, pin: Pin) -> str:
        """Name the file and all that decides where it is looked for: another mirror or proxy is another try."""
        places = self._fetcher.places
        parts = [pin.sha256, pin.urls, pin.pool_path, [str(path) for path in places.source_dirs], places.mirrors,
                 list(places.pool_bases()), places.snapshot, sorted(urllib.request.getproxies().items())]  # fmt: skip
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def _read(self) -> dict[str, float]:
        try:
            value = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(key): float(until) for key, until in value.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # a lost memory costs a little time, nothing else

    def recall(self, pin: Pin) -> str:
        left = self._read().get(self._key(pin), 0.0) - time.time()
        if not 0 < left <= MEMORY:
            return ""
        return f"nowhere {(MEMORY - left) / 60:.0f} min ago, name it exactly to ask again"

    def remember(self, pin: Pin) -> None:
        now = time.time()
        known = {key: until for key, until in self._read().items() if now < until <= now + MEMORY}
        known[self._key(pin)] = now + MEMORY
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            beside.write_text(json.dumps(known), encoding="utf-8", newline="\n")
            beside.replace(self._path)
        except OSError:
            beside.unlink(missing_ok=True)
