"""Which toolchain a request means, and whether an exported one is used instead of making it.

An archive of a toolchain is named for one build (``--toolchain-archive``), as a file or as ``NAME@SHA256:SIZE``, which
is fetched like a source; or it was imported once (``toolchain import``): then it lies in the cache and is used wherever
that toolchain is asked for.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pythonbuild.config.document import SHA256
from pythonbuild.config.model import Toolchain
from pythonbuild.config.request import Request
from pythonbuild.config.toolchains import BOOTSTRAP, KINDS, find_toolchain
from pythonbuild.distribution.archive import ArchiveError
from pythonbuild.distribution.toolchain_archive import Manifest, read_manifest, verify_toolchain
from pythonbuild.engine.model import PinnedFile
from pythonbuild.errors import OutputError, UsageError
from pythonbuild.recipe_steps import ToolchainArchive
from pythonbuild.sources.fetch import Fetcher

_PINNED = re.compile(rf"(?P<name>[\w+-][\w.+-]*)@(?P<sha256>{SHA256.pattern}):(?P<size>[1-9]\d*)", re.ASCII)
_FLAG = "--toolchain-archive"
_EXPECTED = "a file that `toolchain export` wrote, or NAME@SHA256:SIZE of one that --source-dir or --mirror have"


@dataclass(frozen=True)
class Choice:
    """A toolchain, and the archive that it comes from, if it is not to be made; ``imported`` by an earlier command."""

    toolchain: Toolchain
    archive: ToolchainArchive | None = None
    imported: bool = False


def choose_toolchain(request: Request, known: Mapping[str, Toolchain], fetcher: Fetcher) -> Choice:
    """Return the toolchain of a request, of those that are known.

    Raises UsageError for what does not exist or does not go together.
    """
    if request.toolchain_archive:
        return _of_archive(request, known, find_archive(request.toolchain_archive, fetcher))
    toolchain = find_toolchain(known, request.toolchain, request.compiler)
    if request.stages > 1 and not _compiles_itself(toolchain):
        first = next(other.name for other in known.values() if _compiles_itself(other))
        raise UsageError("--stages: this toolchain's compiler is not compiled by itself", found=toolchain.name,
                         expected="a Clang from source", advice=f"--toolchain {first}")  # fmt: skip
    if toolchain.kind == BOOTSTRAP:
        for path in imported(request.cache):
            manifest = read_manifest(path)
            if (manifest.name, manifest.target_triple, manifest.stages) == (
                toolchain.name, request.target_triple, request.stages,
            ):  # fmt: skip
                return Choice(toolchain, _archive(path, manifest), imported=True)
    return Choice(toolchain)


def _compiles_itself(toolchain: Toolchain) -> bool:
    return toolchain.kind == BOOTSTRAP and toolchain.compiler == "clang"


def imported(cache: Path) -> Iterator[Path]:
    """Yield the toolchains that were imported, the newest first."""
    paths = list((cache / "toolchains").glob("toolchain-*.tar.zst"))
    yield from sorted(paths, key=lambda path: (-path.stat().st_mtime, path.name))


def find_archive(wanted: str, fetcher: Fetcher) -> Path:
    """Return the file of an archive: ``wanted`` itself, or what ``NAME@SHA256:SIZE`` stands for. Raises UsageError."""
    if (pinned := _PINNED.fullmatch(wanted)) and not Path(wanted).exists():
        return fetcher.fetch_file(pinned["name"], pinned["sha256"], int(pinned["size"]), ())
    path = Path(wanted)
    if not path.is_file():
        raise UsageError(f"{_FLAG}: no such file", found=wanted, expected=_EXPECTED)
    return path.resolve()


def import_toolchain(path: Path, cache: Path, known: Mapping[str, Toolchain]) -> tuple[Path, Manifest]:
    """Verify an archive and keep it in the cache; return where, and what it is. Raises ArchiveError, UsageError."""
    home = cache / "toolchains"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home, prefix=".import-") as work:
            manifest = verify_toolchain(path, Path(work) / "tree")
            if manifest.name not in known:
                raise UsageError(f"toolchain import: {path} is of an unknown toolchain", found=manifest.name,
                                 expected=f"one of {', '.join(known)}")  # fmt: skip
            beside = Path(work) / "archive"
            shutil.copyfile(path, beside)
            kept = home / manifest.filename
            beside.replace(kept)
    except OSError as error:
        raise OutputError(f"{home}: cannot be written", found=error.strerror) from error
    return kept, manifest


def _of_archive(request: Request, known: Mapping[str, Toolchain], path: Path) -> Choice:
    try:
        manifest = read_manifest(path)
    except ArchiveError as error:
        raise UsageError(f"{_FLAG}: {error}") from error
    if manifest.name not in known:
        raise UsageError(f"{_FLAG}: {path.name} is of an unknown toolchain", found=manifest.name,
                         expected=f"one of {', '.join(known)}")  # fmt: skip
    toolchain = known[manifest.name]
    if manifest.target_triple != request.target_triple:
        raise UsageError(f"{_FLAG}: {path.name} compiles for another target", found=manifest.target_triple,
                         expected=request.target_triple)  # fmt: skip
    if request.toolchain not in (*KINDS, toolchain.name) or request.compiler not in ("", toolchain.compiler):
        found = " ".join((request.toolchain, *([f"--cc {request.compiler}"] if request.compiler else [])))
        raise UsageError(f"{_FLAG}: {path.name} is another toolchain than --toolchain names", found=found,
                         expected=toolchain.name, advice="leave out --toolchain and --cc")  # fmt: skip
    if request.stages not in (1, manifest.stages):
        raise UsageError(f"{_FLAG}: {path.name} was compiled in another number of stages", found=manifest.stages,
                         expected=f"{request.stages} of --stages")  # fmt: skip
    return Choice(toolchain, _archive(path, manifest))


def _archive(path: Path, manifest: Manifest) -> ToolchainArchive:
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    return ToolchainArchive(PinnedFile(path.name, sha256, lambda: path), manifest)
