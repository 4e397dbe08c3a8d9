"""A directory of archives that others install from: checksums, SBOMs, and the list that uv reads.

::

    DIR/cpython-3.13.15+20261007-….tar.gz            the archives, copied
    DIR/cpython-3.13.15+20261007-….tar.gz.sha256     for those who fetch a single one
    DIR/cpython-3.13.15+20261007-….tar.gz.cdx.json   its SBOM, and whatever else in JSON lies beside an archive under
                                                     its name: statements of how it was made, signatures
    DIR/SHA256SUMS                                   of all of them
    DIR/SHA256SUMS.sigstore.json                     its signature, if that is asked for, and one for each archive
    DIR/download-metadata.json                       for uv: UV_PYTHON_DOWNLOADS_JSON_URL

Nothing is written before every archive has been read to its end and its name found true. Each file is written beside
its place and renamed; an archive is listed only when it is there, and SHA256SUMS, written last but one, is what the
list for uv is made from. So a reader, and whoever publishes again after an interruption, always finds a whole state.
Signatures are made before the first of these writes. One of SHA256SUMS goes before the file changes: at no moment there
is one that is wrong.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pythonbuild.config.options import DEBUG, FREETHREADED
from pythonbuild.distribution.identity import identify
from pythonbuild.distribution.names import ArchiveName, ArchiveNameError, read_name
from pythonbuild.distribution.output import no_empty_one_left
from pythonbuild.distribution.signing import SUFFIXES, Signer
from pythonbuild.engine.files import FileLock
from pythonbuild.errors import DistributionError, NoSpaceError, OutputError, UsageError

METADATA_NAME = "download-metadata.json"
SUMS_NAME = "SHA256SUMS"
#: Of one version uv knows one archive: of the newest tag the first of these. All of them are right for it; the smaller,
#: the sooner they are there.
_PREFERENCE = ("full", "install_only", "install_only_stripped")
_COMPRESSIONS = ("gz", "zst")
#: Build options by what they bring; several bring more.
_SPEEDS = ("noopt", "lto", "pgo")
#: What a killed attempt leaves: a file beside its place, under the name of a process.
_UNFINISHED = re.compile(r"\.(cpython-.+|SHA256SUMS.*|download-metadata\.json)\.\d+")
_SUM = re.compile(r"([0-9a-f]{64}) [ *](.+)")


class PublishError(DistributionError):
    """What is in the directory already contradicts what is to be put there, or cannot be read."""

    reason = "publish"


@dataclass(frozen=True)
class Published:
    """What came of it. ``archives`` maps the names to their sha256; ``new`` are those that were not there before.

    ``signatures`` are the names of those that were made; ``outdated`` of those that are gone, their files having
    changed.
    """

    directory: Path
    metadata: Path
    base_url: str
    archives: Mapping[str, str]
    new: tuple[str, ...]
    signatures: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()

    @property
    def metadata_url(self) -> str:
        """The address that uv is given."""
        return f"{self.base_url}/{METADATA_NAME}"

    def as_json(self) -> dict[str, object]:
        """Return plain data for ``--json``."""
        return {"directory": str(self.directory), "metadata_url": self.metadata_url, "new": list(self.new),
                "archives": dict(self.archives), "signatures": list(self.signatures),
                "outdated": list(self.outdated)}  # fmt: skip

    def lines(self) -> list[str]:
        """Return the text that people read."""
        rows = [f"{'new' if name in self.new else 'there'}  {name}  sha256 {sha256}"
                for name, sha256 in self.archives.items()]  # fmt: skip
        rows += [f"signed {name}" for name in self.signatures]
        rows += [f"gone   {name}: the file has changed, sign it again" for name in self.outdated]
        return [*rows, f"UV_PYTHON_DOWNLOADS_JSON_URL={self.metadata_url}"]


def find_archives(directory: Path) -> list[Path]:
    """Return everything in a directory that has an archive's name. Raises UsageError when there is nothing.

    Not what was linked again: that is somebody's own Python, which no installer should take for this version's.
    """
    found = [path for path in sorted(directory.glob("cpython-*.tar.*")) if path.suffix in (".gz", ".zst")]
    found = [path for path in found if "-relinked-" not in path.name]
    if not found:
        raise UsageError(f"publish: no archives in {directory}", advice="build some, or name them")
    return found


def publish(archives: Sequence[Path], directory: Path, base_url: str = "", signers: Sequence[Signer] = ()) -> Published:
    """Put archives into a directory. ``base_url`` is where its files can be had; "" is explained in docs/archives.rst.

    Raises ArchiveError and ArchiveNameError for what is no archive or has a wrong name, PublishError for another
    archive of the same name in ``directory``, OutputError when that cannot be written, SigningError.
    """
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"publish: {directory} is a file", expected="first the directory, then archives")
    for signer in signers:
        signer.prepare()
    for path in archives:
        if not path.is_file():
            raise UsageError(f"publish: no such file {path}")
    checked = {path: identify(path)[1] for path in archives}
    with _written(directory), no_empty_one_left(directory):
        directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock(directory / ".publishing")
        lock.acquire()
        try:
            _sweep(directory)
            return _add(checked, directory, base_url, signers)
        finally:
            lock.release(remove=True)


@contextmanager
def _written(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpaceError(f"publish: no space left in {directory}", advice="free some") from error
        raise OutputError(f"publish: {error.filename or directory} cannot be written", found=error.strerror,
                          advice="name a directory that can") from error  # fmt: skip


def _sweep(directory: Path) -> None:
    """Remove what a killed attempt has left; nobody else publishes here now."""
    for path in directory.iterdir():
        if _UNFINISHED.fullmatch(path.name):
            path.unlink()


def _add(checked: Mapping[Path, str], directory: Path, base_url: str, signers: Sequence[Signer]) -> Published:
    sums, listed = _read_sums(directory), _read_list(directory / METADATA_NAME)
    new = [path for path, sha256 in checked.items() if _is_new(path.name, sha256, directory, sums)]
    beside = {companion: _sha256(companion) for path in checked for companion in _companions(path)}
    sums = {name: sha256 for name, sha256 in sums.items() if (directory / name).is_file()}
    sums |= {path.name: sha256 for path, sha256 in (*checked.items(), *beside.items()) if not _is_signature(path.name)}
    sums = dict(sorted(sums.items()))
    text = "".join(f"{sha256}  {name}\n" for name, sha256 in sums.items())
    signatures = _signatures(checked, new, text, directory, signers)
    outdated = list(_outdated(new, text, directory))
    for path in outdated:
        path.unlink()
    for path in new:
        _copy(path, directory / path.name, checked[path])
    for path, sha256 in checked.items():
        _write(directory / f"{path.name}.sha256", f"{sha256}  {path.name}\n")
    for companion, sha256 in beside.items():
        _copy(companion, directory / companion.name, sha256)
    _write(directory / SUMS_NAME, text)
    for name, signature in signatures.items():
        _write(directory / name, signature.decode("utf-8"))
    base_url = base_url or _base_before(listed) or directory.resolve().as_uri()
    others = {key: entry for key, entry in listed.items() if not _is_ours(entry)}
    entries = {**others, **uv_entries(sums, base_url)}
    _write(directory / METADATA_NAME, json.dumps(dict(sorted(entries.items())), indent=2) + "\n")
    return Published(directory, directory / METADATA_NAME, base_url, {path.name: checked[path] for path in checked},
                     tuple(path.name for path in new), tuple(sorted(signatures)),
                     tuple(sorted(path.name for path in outdated if path.name not in signatures)))  # fmt: skip


def _is_signature(name: str) -> bool:
    """A signature needs no checksum; that of SHA256SUMS could have none."""
    return name.endswith(SUFFIXES)


def _signatures(
    checked: Mapping[Path, str], new: Sequence[Path], sums: str, directory: Path, signers: Sequence[Signer]
) -> dict[str, bytes]:  # fmt: skip
    """Return the signatures that are to be written, by name: of SHA256SUMS, and of archives that have none."""
    made: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory(prefix="sign-") as temporary:
        (Path(temporary) / SUMS_NAME).write_text(sums, encoding="utf-8", newline="\n")
        for signer in signers:
            there = {path: directory / f"{path.name}{signer.suffix}" for path in checked if path not in new}
            files = {path: sha256 for path, sha256 in checked.items() if not (
                path in there and there[path].is_file() and signer.fits(there[path].read_bytes(), sha256))}  # fmt: skip
            files[Path(temporary) / SUMS_NAME] = hashlib.sha256(sums.encode("utf-8")).hexdigest()
            made |= {f"{path.name}{signer.suffix}": text for path, text in signer.sign(files).items()}
    return made


def _outdated(new: Sequence[Path], sums: str, directory: Path) -> Iterator[Path]:
    """Yield the signatures of files that are about to change."""
    names = [path.name for path in new]
    there = directory / SUMS_NAME
    if not there.is_file() or there.read_text("utf-8", "replace") != sums:
        names.append(SUMS_NAME)
    paths = (directory / f"{name}{suffix}" for name in names for suffix in SUFFIXES)
    yield from (path for path in paths if path.is_file())


def _is_new(name: str, sha256: str, directory: Path, sums: Mapping[str, str]) -> bool:
    """Tell whether an archive has to be copied. Raises PublishError when another one has its name."""
    if not (directory / name).is_file():
        return True
    there = _sha256(directory / name)
    if there != sha256 and sums.get(name) == there:
        raise PublishError(f"{directory / name}: published already, with another content", found=there,
                           expected=sha256, advice="build it with another --tag")  # fmt: skip
    return there != sha256  # what no checksum vouches for is the rest of an interrupted attempt


def _companions(archive: Path) -> list[Path]:
    """Return the files beside an archive that tell about it."""
    beside = (path for path in archive.parent.iterdir() if path.name.startswith(f"{archive.name}."))
    return sorted(path for path in beside if path.suffix == ".json" and path.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(source: Path, target: Path, sha256: str = "") -> str:
    """Copy a file through one beside its place and return the copy's sha256. Raises PublishError if it is another."""
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(source, beside)
        copied = _sha256(beside)
        if sha256 and copied != sha256:
            raise PublishError(f"{source}: changed while it was published", found=copied, expected=sha256)
        beside.chmod(0o644)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return copied


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.chmod(0o644)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _read_sums(directory: Path) -> dict[str, str]:
    path = directory / SUMS_NAME
    sums = {}
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines() if path.is_file() else [], 1):
        match = _SUM.fullmatch(line)
        if match is None:
            raise PublishError(f"{path}:{number}: not a line of checksums", found=repr(line[:60]),
                               expected="64 digits and a name", advice="move the file away")  # fmt: skip
        sums[match[2]] = match[1]
    return sums


def _read_list(path: Path) -> dict[str, dict[str, Any]]:
    """Return the list for uv as it is. Entries of others, added by hand, are kept."""
    if not path.is_file():
        return {}
    try:
        listed = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise PublishError(f"{path}: not JSON", found=error, advice="move the file away") from error
    if not isinstance(listed, dict) or not all(
        isinstance(entry, dict) and isinstance(entry.get("url"), str) for entry in listed.values()
    ):
        raise PublishError(f"{path}: not a list of downloads", expected="an object of objects with a url",
                           advice="move the file away")  # fmt: skip
    return listed


def _is_ours(entry: Mapping[str, Any]) -> bool:
    return _named(_last_part(entry["url"])) is not None


def _last_part(url: str) -> str:
    return url.rpartition("/")[2].replace("%2B", "+")


def _named(name: str) -> ArchiveName | None:
    try:
        return read_name(name)
    except ArchiveNameError:
        return None


def _base_before(listed: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the server's address that was given the last time; a directory may have been moved, so its own is not."""
    bases = {entry["url"].rpartition("/")[0] for entry in listed.values() if _is_ours(entry)}
    return next((base for base in sorted(bases) if not base.startswith("file:")), "")


def uv_entries(sums: Mapping[str, str], base_url: str) -> dict[str, dict[str, Any]]:
    """Return uv's entries by their keys, for names with their sha256; of several that fit a key the best."""
    best: dict[str, tuple[ArchiveName, str]] = {}
    names = [(archive, name) for name in sums if (archive := _named(name)) is not None]
    for archive, name in sorted(names, key=lambda row: (*_rank(row[0]), row[1])):
        best[uv_key(archive)] = (archive, name)
    return {key: uv_entry(archive, f"{base_url}/{quote(name)}", sums[name])
            for key, (archive, name) in sorted(best.items())}  # fmt: skip


def _rank(archive: ArchiveName) -> tuple[str, int, int, int]:
    """Of two builds of one tag the faster one; a name without options says the best of the target."""
    words = [word for word in archive.options.split("+") if word not in ("", FREETHREADED)]
    brought = sum(1 << _SPEEDS.index(word) for word in words if word in _SPEEDS)
    speed = brought if words else 1 << len(_SPEEDS)
    return archive.tag, speed, _PREFERENCE.index(archive.kind), _COMPRESSIONS.index(archive.compression)


def uv_key(archive: ArchiveName) -> str:
    """Return uv's name of a Python, such as ``cpython-3.13.15-linux-x86_64-gnu``."""
    system, libc = _system(archive)
    variant = _variant(archive)
    arch = archive.triple.split("-")[0]
    return f"cpython-{archive.version}{f'+{variant}' if variant else ''}-{system}-{arch}-{libc}"


def uv_entry(archive: ArchiveName, url: str, sha256: str) -> dict[str, Any]:
    """Return one entry of the list that uv reads."""
    match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(\w*)", archive.version)
    assert match, archive.version
    arch, _, level = archive.triple.split("-")[0].partition("_v")
    system, libc = _system(archive)
    return {
        "name": "cpython",
        "arch": {"family": arch, "variant": f"v{level}" if level else None},
        "os": system,
        "libc": libc,
        "major": int(match[1]),
        "minor": int(match[2]),
        "patch": int(match[3]),
        "prerelease": match[4],
        "url": url,
        "sha256": sha256,
        "variant": _variant(archive) or None,
        "build": archive.tag or None,
    }


def _system(archive: ArchiveName) -> tuple[str, str]:
    """Return operating system and C library in uv's words."""
    _, _, system, *libc = archive.triple.split("-")
    return {"apple": "darwin"}.get(archive.triple.split("-")[1], system), libc[0] if system == "linux" else "none"


def _variant(archive: ArchiveName) -> str:
    """Return what distinguishes a build in its ABI: uv asks for such only when they are named."""
    return "+".join(word for word in (FREETHREADED, DEBUG) if word in archive.options.split("+"))
