"""Asks hosts for files, and gives up on hosts that do not answer.

A machine without access to upstream must not lose its time on every file again: the first contact with a host is made
by one thread while the others wait for the outcome, and a host that cannot be reached, or stays silent, is not asked
again in this run. Only failures that a second try may cure are marked temporary.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urljoin, urlsplit

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter

from pythonbuild.sources.places import host_of

_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 10
_TEMPORARY_STATUS = (408, 425, 429, 500, 502, 503, 504)
_SILENCES = 2
_STRIKES = 3
_ERRNO = re.compile(r"\[Errno -?\d+\] ")


@dataclass(frozen=True)
class Timing:
    """How patient a fetch is, in seconds.

    A transfer that brings less than ``stall_bytes`` in ``stall`` seconds has stalled. A temporary failure is met with
    ``attempts`` tries in all, ``backoff``, twice that, … apart.
    """

    connect: float = 10.0
    read: float = 30.0
    stall: float = 60.0
    stall_bytes: int = 64 * 1024
    attempts: int = 3
    backoff: float = 1.0


class PlaceError(Exception):
    """One place did not give the file; the text completes ``<origin> …``.

    ``temporary``: trying again may help. ``silent``: the host did not answer in time. ``host_down``: the host as a
    whole is given up. ``found`` is the sha256 of a complete file with wrong content.
    """

    def __init__(self, text: str, *, temporary: bool = False, silent: bool = False, host_down: bool = False,
                 found: str = "", kept: str = "") -> None:  # fmt: skip
        super().__init__(text)
        self.temporary = temporary
        self.silent = silent
        self.host_down = host_down
        self.found = found
        self.kept = kept


@dataclass
class _Host:
    """What is known of one host in this run; ``down`` says why it is given up."""

    gate: threading.Lock = field(default_factory=threading.Lock)
    answered: bool = False
    down: str = ""
    silences: int = 0
    strikes: int = 0


class Web:
    """HTTP for several threads; proxies and certificate authorities as requests finds them in the environment."""

    def __init__(self, timing: Timing, connections: int = 8) -> None:
        self.timing = timing
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()
        self._session = requests.Session()
        self._session.headers["Accept-Encoding"] = "identity"
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=connections))

    def close(self) -> None:
        self._session.close()

    @contextmanager
    def open(self, url: str, offset: int = 0) -> Iterator[requests.Response]:
        """Yield the answer (200, 206 or 416) to a request for the file's bytes from ``offset`` on.

        Redirects are followed one by one, so that a dead host behind a living one is given up as well. Raises
        PlaceError.
        """
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        for _ in range(_MAX_REDIRECTS):
            response = self._ask(url, headers)
            with closing(response):
                target = response.headers.get("Location") if response.status_code in _REDIRECTS else None
                if target is None:
                    _check_status(response)
                    yield response
                    return
            url = _redirected(url, target)
        raise PlaceError("sends from one address to the next without end")

    def _ask(self, url: str, headers: dict[str, str]) -> requests.Response:
        host = self._host(url)
        if host.answered:
            return self._request(url, headers, host)
        with host.gate:  # the first contact: whoever comes meanwhile waits for its outcome
            return self._request(url, headers, host)

    def _request(self, url: str, headers: dict[str, str], host: _Host) -> requests.Response:
        if host.down:
            raise PlaceError(host.down, host_down=True)
        try:
            if not host.answered:
                self._knock(url)
            response = self._session.get(
                url,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=(self.timing.connect, self.timing.read),
            )
        except requests.RequestException as error:
            failure = _explain(error, self.timing)
            if failure.host_down:
                host.down = str(failure)
            raise failure from error
        except PlaceError as failure:
            host.down = str(failure)
            raise
        host.answered = True
        return response

    def _knock(self, url: str) -> None:
        """Try a connection with a deadline over all of it.

        Neither the resolver nor a host with many addresses that swallow every packet keeps to a connect timeout. When
        two hosts could not be reached and none was, the third gets less time: most likely there is no network.
        """
        if requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url)):
            return
        with self._lock:
            lost = sum(1 for host in self._hosts.values() if host.down)
            met = any(host.answered for host in self._hosts.values())
        patience = self.timing.connect if met or lost < 2 else self.timing.connect / 4
        parts = urlsplit(url)
        address = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        outcome: list[str] = []
        thread = threading.Thread(target=_connect, args=(address, patience, outcome), daemon=True)
        thread.start()
        thread.join(patience)
        reason = outcome[0] if outcome else f"no connection in {patience:g} s"
        if reason:
            raise PlaceError(f"cannot be reached ({reason})", host_down=True)

    def record_failure(self, url: str, failure: PlaceError) -> bool:
        """Note a temporary failure; returns whether the host is given up now."""
        host = self._host(url)
        host.silences += failure.silent
        if host.silences >= _SILENCES:
            host.down = host.down or "does not answer in time"
        return bool(host.down)

    def record_strike(self, url: str, failure: PlaceError) -> None:
        """Note that all tries for one file failed; a host that never answered, or failed often, is given up."""
        host = self._host(url)
        host.strikes += 1
        if not host.answered:
            host.down = host.down or str(failure)
        elif host.strikes >= _STRIKES:
            host.down = host.down or f"failed {host.strikes} times in a row"

    def record_success(self, url: str) -> None:
        host = self._host(url)
        host.strikes = host.silences = 0

    def _host(self, url: str) -> _Host:
        with self._lock:
            return self._hosts.setdefault(f"{urlsplit(url).scheme}://{host_of(url)}", _Host())


def _redirected(url: str, target: str) -> str:
    try:
        url = urljoin(url, target)
        if urlsplit(url).scheme in ("http", "https") and host_of(url):
            return url
    except ValueError:
        pass
    raise PlaceError(f"sends on to an address that cannot be used ({target})")


def _check_status(response: requests.Response) -> None:
    status = response.status_code
    if status in (200, 206, 416):
        return
    if status in (404, 410):
        raise PlaceError(f"does not have it ({status})")
    text = f"answered {status} {response.reason or ''}".rstrip()
    if status in _TEMPORARY_STATUS:
        raise PlaceError(text, temporary=True)
    raise PlaceError(text)


def _connect(address: tuple[str, int], patience: float, outcome: list[str]) -> None:
    """Append "" when a connection came about, else the reason why not."""
    try:
        # Several addresses share the time, so that a working one behind a dead one still gets its chance.
        with socket.create_connection(address, timeout=patience / 3):
            outcome.append("")
    except socket.gaierror:
        outcome.append("no such name")
    except OSError as error:
        outcome.append(error.strerror or str(error))
    except UnicodeError:
        outcome.append("not a host's name")


def _explain(error: requests.RequestException, timing: Timing) -> PlaceError:
    cause = error.args[0] if error.args else error
    reason = getattr(cause, "reason", cause)
    short = _innermost(reason)
    match error:
        case requests.exceptions.SSLError():
            return PlaceError(f"cannot be trusted (TLS: {short})", host_down=True)
        case requests.exceptions.ProxyError():
            return PlaceError(f"cannot be reached through the proxy ({short})", host_down=True)
        case requests.exceptions.ConnectTimeout():
            return PlaceError(f"cannot be reached (no connection in {timing.connect:g} s)", host_down=True)
        case requests.exceptions.ReadTimeout():
            return PlaceError(f"did not answer in {timing.read:g} s", temporary=True, silent=True)
        case requests.exceptions.ConnectionError():
            if isinstance(reason, urllib3.exceptions.NewConnectionError):
                return PlaceError(f"cannot be reached ({short})", host_down=True)
            return PlaceError("broke the connection", temporary=True)
    return PlaceError(f"cannot be asked ({error})")


def _innermost(reason: object) -> str:
    """Return the last words of a chain of errors: what the system, the proxy or the TLS library said."""
    while isinstance(reason, Exception) and reason.args and isinstance(reason.args[-1], Exception):
        reason = reason.args[-1]
    return _ERRNO.sub("", str(reason).rpartition(": ")[2])


def read_some(response: requests.Response, amount: int, timing: Timing) -> bytes:
    """Return up to ``amount`` bytes as soon as any are there, ``b""`` at the end. Raises PlaceError.

    The bytes are the file's own: a content encoding that a server adds to a ``.tar.gz`` is not undone.
    """
    try:
        return bytes(response.raw.read1(amount, decode_content=False) or b"")
    except urllib3.exceptions.ReadTimeoutError as error:
        raise PlaceError(f"sent nothing for {timing.read:g} s", temporary=True, silent=True) from error
    except urllib3.exceptions.IncompleteRead:
        return b""  # the Content-Length was wrong, or the end is missing: the size tells
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise PlaceError("broke the connection", temporary=True) from error


class StallWatch:
    """Raises PlaceError when a transfer moves too slowly; a trickle would else keep every read timeout quiet."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._since = time.monotonic()
        self._bytes = 0

    def saw(self, count: int) -> None:
        self._bytes += count
        passed = time.monotonic() - self._since
        if passed < self._timing.stall:
            return
        if self._bytes < self._timing.stall_bytes:
            raise PlaceError(f"sent {self._bytes} bytes in {passed:.0f} s", temporary=True, silent=True)
        self._since, self._bytes = time.monotonic(), 0
