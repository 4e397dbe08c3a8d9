"""The steps that pack the installation alone, for tools that install Pythons (:mod:`pythonbuild.distribution.kinds`).

They need the assembled distribution, the root filesystem and, where it is not in there, the toolchain: gzip and strip
are pinned, and give the same bytes wherever the step runs. An archive without a description is not run to check it: it
holds the very files that are checked and run in the full one, which is made and validated whatever is published.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from pythonbuild.config.options import short_options
from pythonbuild.engine.model import CallAction, CallContext, Step
from pythonbuild.environments.base import Command, Mount
from pythonbuild.errors import DistributionError
from pythonbuild.shipping import VALIDATE_CODE, Shipment, code_files, source_epoch

_CODE = ("distribution/archive.py", "distribution/assemble.py", "distribution/kinds.py", "distribution/machofile.py",
         "distribution/names.py", "distribution/objectfile.py", "packing.py")  # fmt: skip
# Measured on an installation of 95 MB: gzip -9 takes 12.9 s of CPU and gives 34.95 MB, -7 4.5 s and 35.10 MB; zstd's
# level 16 34 s and 23.0 MB, the quick 12 5.3 s and 24.1 MB. These archives are made for every build and every kind.
_COMPRESS = 'gzip -7 -n < "$1" > "$2"'
_STRIP = {"linux": '"$STRIP" --strip-debug -- "$@"', "macos": '"$STRIP" -S "$@"'}


def installation_steps(shipment: Shipment, assemble: Step, kind: str) -> tuple[Step, Step]:
    """Return the step that packs the installation alone, twice (.tar.gz and .tar.zst), and the one that checks both."""
    archive = _installation_archive_step(shipment, assemble, kind)
    return archive, _validate_installation_step(shipment, archive, kind)


def _installation_archive_step(shipment: Shipment, assemble: Step, kind: str) -> Step:
    target = shipment.target

    def run(context: CallContext) -> None:
        from pythonbuild.distribution.archive import pack
        from pythonbuild.distribution.kinds import make_installation, with_debug_information
        from pythonbuild.distribution.names import ArchiveName, default_tag

        epoch = source_epoch(context.tree(shipment.cpython))
        tree, plain = context.work / "tree", context.work / "archive.tar"
        make_installation(context.tree(assemble.name), tree)
        if kind == "install_only_stripped":
            for path in (found := with_debug_information(tree)):
                _make_own(path)
            _in_root(
                context, shipment, _STRIP[target.os], *(path.relative_to(context.work).as_posix() for path in found)
            )
        dist = context.out / "dist"
        dist.mkdir()
        options = short_options(shipment.options, target.options)
        name = ArchiveName(shipment.version, target.triple, options, kind, "zst", shipment.tag or default_tag(epoch))
        pack(tree, dist / str(name), epoch, threads=context.jobs, described=False, quick=True)
        pack(tree, plain, epoch, described=False)
        _in_root(context, shipment, _COMPRESS, plain.name, "archive.tar.gz")
        (context.work / "archive.tar.gz").rename(dist / str(replace(name, compression="gz")))

    return Step(
        name=f"archive-{shipment.suffix}-{kind}",
        action=CallAction(run),
        needs=tuple(dict.fromkeys((assemble.name, shipment.cpython, *_root(shipment), *shipment.compiler.steps))),
        files=code_files(shipment.project.repository, *_CODE),
        parameters={"version": shipment.version, "options": shipment.options, "kind": kind, "tag": shipment.tag,
                    "target": repr(target)},
        target=target.triple,
        weight=45,
        memory=1500,
    )  # fmt: skip


def _make_own(path: Path) -> None:
    """Replace a hard link by a copy, which may be changed."""
    beside = path.with_name(f".{path.name}")
    shutil.copy2(path, beside)
    beside.replace(path)
    path.chmod(0o755 if path.stat().st_mode & 0o111 else 0o644)


def _root(shipment: Shipment) -> tuple[str, ...]:
    """Return the step whose root filesystem programs are run in, none where they are the machine's own."""
    return ("root",) if shipment.target.root else ()


def _in_root(context: CallContext, shipment: Shipment, script: str, *arguments: str) -> None:
    """Run a line of shell where the build runs its programs, in the step's scratch directory; no arguments, no run."""
    if not arguments:
        return
    trees = [context.tree(step) / "tools" for step in shipment.compiler.steps if step != "root"]
    tools = [Mount(tree, "/tools") for tree in trees[:1]]  # the first has the binary tools
    command = Command(
        argv=("/bin/sh", "-eu", "-c", script, context.step, *arguments),
        env=shipment.target.environment,
        cwd="/build",
        mounts=(Mount(context.work, "/build", writable=True), *tools),
        root=context.tree("root") if _root(shipment) else None,
        root_digest=context.digest("root") if _root(shipment) else "",
        label=context.step,
    )
    if not context.environment.fixed_paths:
        command = replace(command, cwd=str(context.work), mounts=())
    if status := context.environment.run(command, on_line=context.log):
        raise DistributionError(f"step {context.step}: {script} ended with status {status}",
                                advice="look at the step's log")  # fmt: skip


def _validate_installation_step(shipment: Shipment, archive: Step, kind: str) -> Step:
    """The checks that need no description of the archive: of the members, the programs, what they name."""
    sysroots = ("sysroot",) if shipment.target.sysroot else ()

    def run(context: CallContext) -> None:
        from pythonbuild.validation.validate import validate

        sysroot = context.tree("sysroot") / "tools" / "sysroot" if sysroots else None
        for path in sorted((context.tree(archive.name) / "dist").iterdir()):
            report = validate(path, shipment.target, work=context.work, sysroot=sysroot, note=context.log)
            report.raise_if_failed(path.name)
            (context.out / f"{path.name}.txt").write_text(
                "\n".join(report.lines()) + "\n", encoding="utf-8", newline="\n"
            )

    return Step(
        name=f"validate-{shipment.suffix}-{kind}",
        action=CallAction(run),
        needs=(archive.name, *sysroots),
        files=code_files(shipment.project.repository, *VALIDATE_CODE),
        parameters={"target": repr(shipment.target)},
        target=shipment.target.triple,
        weight=20,
        memory=500,
    )
