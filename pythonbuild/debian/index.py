"""The signed package index of a suite: found on a mirror, verified, parsed.

Trust begins with the machine's own ``debian-archive-keyring``: ``gpgv`` checks the suite's ``InRelease`` file, which
names the sha256 of ``Packages.xz``, which names the sha256 of every .deb. Only the text that gpgv itself hands out as
signed is read, and it has to be of the suite that was asked for.
"""

from __future__ import annotations

import hashlib
import lzma
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from pythonbuild.debian.apt_sources import stanzas
from pythonbuild.debian.versions import compare
from pythonbuild.errors import LockError, MachineError

KEYRINGS = (
    "/usr/share/keyrings/debian-archive-keyring.pgp",
    "/usr/share/keyrings/debian-archive-keyring.gpg",
)
_ATTEMPTS = 3
_TIMEOUT = 30

#: Reads an address to its end; raises OSError (urllib's errors are) if it cannot be had.
ReadUrl = Callable[[str], bytes]
#: Returns the signed part of an InRelease file; raises LockError if the signature is not good, MachineError if this
#: machine cannot tell.
Verify = Callable[[bytes], str]


class IndexUnreadableError(LockError):
    """No mirror gave a verified index of the suite."""


@dataclass(frozen=True)
class Clause:
    """One alternative of a dependency: a package name and, if there is one, a version relation."""

    name: str
    relation: str = ""
    version: str = ""


#: ``a | b, c`` is ``((a, b), (c,))``.
Depends = tuple[tuple[Clause, ...], ...]


@dataclass(frozen=True)
class Package:
    """One package of an index; ``depends`` includes Pre-Depends."""

    name: str
    version: str
    architecture: str
    path: str
    sha256: str
    size: int
    essential: bool
    depends: Depends
    provides: tuple[Clause, ...]


@dataclass(frozen=True)
class Index:
    """The packages of a suite; ``snapshot`` is the first midnight after the index was made, as a timestamp.

    At that time (and as long as the suite does not change) the snapshot archive has every file that the index names.
    """

    suite: str
    architecture: str
    snapshot: str
    packages: dict[str, Package]


def read_url(url: str) -> bytes:
    """Read an address (http, https or file) with retries; raises OSError naming it."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310 - schemes come from apt's files
                data: bytes = answer.read()
                return data
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == _ATTEMPTS:
                raise
        except OSError:
            if attempt == _ATTEMPTS:
                raise
        time.sleep(attempt)
    raise AssertionError


def verify_inrelease(data: bytes) -> str:
    """Return the signed text of an InRelease file, checked by gpgv against the machine's Debian keyring."""
    gpgv = shutil.which("gpgv")
    keyrings = [path for path in KEYRINGS if Path(path).exists()]
    if not gpgv:
        raise MachineError("the package index cannot be verified", found="no gpgv", advice="install the package gpgv")
    if not keyrings:
        raise MachineError(
            "the package index cannot be verified",
            found=f"no {KEYRINGS[-1]}",
            advice="install the package debian-archive-keyring",
        )
    argv = [gpgv, "--quiet", "--keyring", keyrings[0], "--output", "-", "-"]
    result = subprocess.run(argv, input=data, capture_output=True, check=False)
    if result.returncode != 0:
        said = result.stderr.decode(errors="replace").strip().splitlines()
        raise LockError("the package index has no good signature", found=said[-1] if said else "gpgv failed")
    return result.stdout.decode()


def fetch_index(
    bases: Sequence[str],
    suite: str,
    architecture: str,
    *,
    read: ReadUrl = read_url,
    verify: Verify = verify_inrelease,
) -> Index:
    """Return the verified index of a suite from the first base that has a good one.

    Raises IndexUnreadableError if none has, MachineError if this machine has nothing to verify it with.
    """
    problems = []
    for base in bases:
        try:
            return _fetch_index(base, suite, architecture, read, verify)
        except (LockError, OSError, lzma.LZMAError, UnicodeDecodeError) as error:
            problems.append(f"{base}: {error}")
    raise IndexUnreadableError(
        f"no package index of {suite} could be had",
        found="; ".join(problems) or "no Debian mirror in the machine's apt configuration",
        advice="check the network, or give another mirror with --mirror",
    )


def _fetch_index(base: str, suite: str, architecture: str, read: ReadUrl, verify: Verify) -> Index:
    release = next(stanzas(verify(read(f"{base}/dists/{suite}/InRelease"))), {})
    if suite not in (release.get("codename"), release.get("suite")):
        raise LockError("index of another suite", found=release.get("codename"), expected=suite)
    packages = _read_packages(base, suite, architecture, release, read)
    return Index(suite, architecture, _snapshot(release["date"]), packages)


def _read_packages(
    base: str, suite: str, architecture: str, release: dict[str, str], read: ReadUrl
) -> dict[str, Package]:
    name = f"main/binary-{architecture}/Packages.xz"
    rows = (line.split() for line in release.get("sha256", "").splitlines())
    wanted = {row[2]: row[0] for row in rows if len(row) == 3}.get(name)
    if wanted is None:
        raise LockError(f"{suite} has no {name}", advice="is the architecture one of the suite's?")
    # By hash first: the plain name changes under a reader's feet while a mirror is being updated.
    found = ""
    for address in (f"{Path(name).parent}/by-hash/SHA256/{wanted}", name):
        try:
            data = read(f"{base}/dists/{suite}/{address}")
        except OSError as error:
            found = found or str(error)
            continue
        found = hashlib.sha256(data).hexdigest()
        if found == wanted:
            return parse_packages(lzma.decompress(data).decode())
    raise LockError(f"{suite}/{name} is not what InRelease names", found=found, expected=wanted)


def _snapshot(date: str) -> str:
    made: datetime = parsedate_to_datetime(date.replace("UTC", "+0000"))
    return f"{made.date() + timedelta(days=1):%Y%m%d}T000000Z"


def parse_packages(text: str) -> dict[str, Package]:
    """Parse a Packages file; of several versions of a package the newest is kept, as apt would choose."""
    packages: dict[str, Package] = {}
    for stanza in text.split("\n\n"):
        fields = dict(_FIELD.findall(stanza))
        name = fields.get("Package", "")
        if not name or (name in packages and compare(packages[name].version, fields["Version"]) >= 0):
            continue
        packages[name] = Package(
            name=name,
            version=fields["Version"],
            architecture=fields["Architecture"],
            path=fields["Filename"],
            sha256=fields["SHA256"],
            size=int(fields["Size"]),
            essential=fields.get("Essential") == "yes",
            depends=(*parse_depends(fields.get("Pre-Depends", "")), *parse_depends(fields.get("Depends", ""))),
            provides=tuple(clause for clauses in parse_depends(fields.get("Provides", "")) for clause in clauses),
        )
    return packages


_FIELD = re.compile(
    r"(?m)^(Package|Version|Architecture|Filename|SHA256|Size|Essential|Pre-Depends|Depends|Provides): ?(.*)$"
)
_CLAUSE = re.compile(r"([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?(?:\s*\((<<|<=|=|>=|>>)\s*([^)\s]+)\s*\))?")


def parse_depends(text: str) -> Depends:
    """Parse a relationship field such as ``libc6 (>= 2.38), a | b``."""
    return tuple(
        tuple(_parse_clause(alternative) for alternative in clause.split("|"))
        for clause in text.split(",")
        if clause.strip()
    )


def _parse_clause(text: str) -> Clause:
    match = _CLAUSE.fullmatch(text.strip())
    if match is None:
        raise LockError("malformed dependency in the package index", found=repr(text.strip()))
    name, relation, version = match.groups()
    return Clause(name, relation or "", version or "")
