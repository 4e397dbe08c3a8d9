"""The command ``toolchain``: a compiler that was made from source, packed for others, and taken in from others."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from pythonbuild.config.native_targets import NATIVE
from pythonbuild.config.request import Request
from pythonbuild.config.toolchains import BOOTSTRAP, PACKAGED
from pythonbuild.distribution.archive import Packed
from pythonbuild.distribution.output import output_directory
from pythonbuild.distribution.toolchain_archive import Manifest, write_toolchain
from pythonbuild.engine.events import EventSink, Published
from pythonbuild.errors import UsageError
from pythonbuild.provisions import provisions
from pythonbuild.toolchain_choice import choose_toolchain, find_archive, import_toolchain
from pythonbuild.ways import compiler_of_this_machine, way_of_this_machine

#: Where each kind comes from.
_ORIGINS = {
    PACKAGED: "in packages of the distribution",
    BOOTSTRAP: "made from source",
    NATIVE: "the Command Line Tools' own",
}
#: The time of everything in an archive: no part of a toolchain asks for it.
_TIME = 315532800


@dataclass(frozen=True)
class Exchanged:
    """A toolchain's archive, written or taken in."""

    path: Path
    manifest: Manifest
    packed: Packed | None = None

    def lines(self) -> list[str]:
        steps = ", ".join(self.manifest.trees)
        made = ", ".join(f"{source.name} {source.version}" for source in self.manifest.sources)
        lines = [f"{self.manifest.name} for {self.manifest.target_triple}: {steps}", f"from {made}"]
        if self.packed:
            pinned = f"{self.path.name}@{self.packed.sha256}:{self.packed.size}"
            lines += [f"{self.packed.size / 1e6:.1f} MB; from --source-dir or --mirror: --toolchain-archive {pinned}"]
        return [str(self.path), *(f"  {line}" for line in lines)]

    def as_json(self) -> dict[str, object]:
        size = {"size": self.packed.size, "sha256": self.packed.sha256} if self.packed else {}
        return {"archive": str(self.path), "name": self.manifest.name, "target_triple": self.manifest.target_triple,
                "trees": dict(self.manifest.trees), **size}  # fmt: skip


def export(request: Request, sink: EventSink) -> Exchanged:
    """Make the toolchain of a request, if need be, and pack it into the output directory.

    Raises a BuildError: UsageError for one that is not made from source, StepFailedError.
    """
    way = way_of_this_machine()
    with output_directory(request.output), provisions(request, sink, way) as provided:
        inputs = provided.inputs(request.target_triple)
        toolchain = inputs.toolchain
        if toolchain.kind != BOOTSTRAP:
            names = [other.name for other in way.toolchains(provided.project).values() if other.kind == BOOTSTRAP]
            raise UsageError(f"toolchain export: nothing to export, this one is {_ORIGINS[toolchain.kind]}",
                             found=f"--toolchain {toolchain.name}", expected=f"one of {', '.join(names)}",
                             advice="--toolchain bootstrap")  # fmt: skip
        compiler = compiler_of_this_machine(inputs)
        digests = provided.made(request.target_triple, compiler.result)
        manifest = Manifest(toolchain.name, request.target_triple, digests, compiler.told.sources,
                            compiler.told.stages)  # fmt: skip
        trees = {step: provided.tree(digest) for step, digest in digests.items()}
        with tempfile.TemporaryDirectory(dir=request.output, prefix=".toolchain-") as work:
            out = request.output / manifest.filename
            packed = write_toolchain(manifest, trees, out, Path(work), _TIME, threads=request.jobs)
    sink(Published(packed.path, packed.size, packed.sha256))
    return Exchanged(packed.path, manifest, packed)


def take_in(request: Request, wanted: str, sink: EventSink) -> Exchanged:
    """Check an exported toolchain and keep it in the cache. Raises ArchiveError for a damaged one, UsageError."""
    way = way_of_this_machine()
    with provisions(request, sink, way) as provided:
        path = find_archive(wanted, provided.fetcher)
        kept, manifest = import_toolchain(path, request.cache, way.toolchains(provided.project))
    return Exchanged(kept, manifest)


def listed(request: Request, sink: EventSink) -> list[tuple[str, str, str]]:
    """Return the toolchains: name, root filesystem, and from where it comes."""
    rows, way = [], way_of_this_machine()
    with provisions(request, sink, way) as provided:
        known = way.toolchains(provided.project)
        for name, toolchain in known.items():
            fitting = Request(**{**vars(request), "toolchain": name, "compiler": "", "stages": 1})
            archive = choose_toolchain(fitting, known, provided.fetcher).archive
            origin = f"imported: {archive.file.name}" if archive else _ORIGINS[toolchain.kind]
            rows.append((name, toolchain.root or "none", origin))
    return rows
