"""A toolchain that was made from source, as one archive: made once, used by a whole team.

``toolchain/TOOLCHAIN.json`` comes first and says what is in it: which toolchain for which target, what it was made
from, and for each step of its making the digest of the tree that is below ``toolchain/<step>/``. Whoever places such a
tree compares it with the digest. The same toolchain gives the same archive.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pythonbuild.distribution.archive import ArchiveError, Form, Packed, pack, read_metadata, unpack
from pythonbuild.distribution.assemble import place_tree
from pythonbuild.engine.trees import scan

FORM = Form("toolchain", "TOOLCHAIN.json")
FORMAT = 1
_STEP = re.compile(r"[a-z0-9][a-z0-9.+-]*")


@dataclass(frozen=True)
class Origin:
    """A source that the toolchain was made from; ``urls`` are where it can be had, if it is known."""

    name: str
    version: str
    license: str
    filename: str
    sha256: str
    urls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """What an archive says of itself: ``trees`` are digests by step, in the order in which they are needed."""

    name: str
    target_triple: str
    trees: Mapping[str, str]
    sources: tuple[Origin, ...]
    stages: int = 1

    @property
    def digest(self) -> str:
        """The hash of all that is in the archive."""
        return hashlib.sha256("\n".join(f"{step} {tree}" for step, tree in self.trees.items()).encode()).hexdigest()

    @property
    def filename(self) -> str:
        """The archive's name: what it is, of which release, and the first digits of its content's hash."""
        version = self.sources[-1].version if self.sources else "0"
        kind, _, compiler = self.name.partition(":")
        compiler = compiler.partition("-")[0]
        return f"toolchain-{kind}-{compiler}-{version}-{self.target_triple}-{self.digest[:12]}.tar.zst"

    def render(self) -> str:
        """Return TOOLCHAIN.json's text."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2) + "\n"


def write_toolchain(manifest: Manifest, trees: Mapping[str, Path], out: Path, work: Path, mtime: int,
                    threads: int = 0) -> Packed:  # fmt: skip
    """Pack the trees of a toolchain's steps; ``work`` is an empty directory on the file system of the trees."""
    top = work / FORM.top
    top.mkdir()
    (work / FORM.first).write_text(manifest.render(), encoding="utf-8", newline="\n")
    for step, tree in trees.items():
        place_tree(tree, top / step)
    return pack(work, out, mtime, threads=threads, form=FORM)


def read_manifest(path: Path) -> Manifest:
    """Return what an archive says of itself. Raises ArchiveError for anything that is not a toolchain's."""
    text = read_metadata(path, FORM)
    try:
        plain = json.loads(text)
        if plain["format"] != FORMAT:
            raise ArchiveError(f"{path}: {FORM.first} has an unknown format", found=plain["format"], expected=FORMAT)
        sources = tuple(_origin(source) for source in plain["sources"])
        trees = {str(step): str(digest) for step, digest in plain["trees"].items()}
        manifest = Manifest(str(plain["name"]), str(plain["target_triple"]), trees, sources, int(plain["stages"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArchiveError(f"{path}: {FORM.first} is malformed", found=f"{type(error).__name__}: {error}",
                           expected="what `toolchain export` writes") from error  # fmt: skip
    if not trees or not all(map(_STEP.fullmatch, trees)):
        raise ArchiveError(f"{path}: {FORM.first}: trees is malformed", found=list(trees), expected="names of steps")
    return manifest


def _origin(plain: Mapping[str, object]) -> Origin:
    urls = plain["urls"]
    if not isinstance(urls, Sequence) or isinstance(urls, str):
        raise TypeError(f"urls: {urls!r}")
    texts = {key: str(plain[key]) for key in ("name", "version", "license", "filename", "sha256")}
    return Origin(**texts, urls=tuple(map(str, urls)))


def place_toolchain(path: Path, step: str, digest: str, out: Path, work: Path) -> None:
    """Put the tree of one of an archive's steps into ``out``. Raises ArchiveError if it is not the one it is called."""
    unpack(path, work, FORM)
    _compare(path, step, work / FORM.top / step, digest)
    place_tree(work / FORM.top / step, out)


def verify_toolchain(path: Path, work: Path) -> Manifest:
    """Return the manifest of an archive all of whose trees are what it calls them. Raises ArchiveError."""
    manifest = read_manifest(path)
    unpack(path, work, FORM)
    for step, digest in manifest.trees.items():
        _compare(path, step, work / FORM.top / step, digest)
    return manifest


def _compare(path: Path, step: str, tree: Path, digest: str) -> None:
    if not tree.is_dir():
        raise ArchiveError(f"{path}: the tree of {step} is missing", expected=f"{FORM.top}/{step}/")
    found = scan(tree).digest
    if found != digest:
        raise ArchiveError(f"{path}: the tree of {step} is damaged", found=found, expected=digest,
                           advice="export the toolchain again")  # fmt: skip
