"""The last steps of a plan for Windows: ask the interpreter, assemble, validate, pack the installation alone.

As :mod:`pythonbuild.shipping` and :mod:`pythonbuild.packing` do for Linux, and with their Shipment; there are no root
filesystems here: what is built is run on the machine itself, if it can run it.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pythonbuild.config.model import ROOMS, Target, Toolchain
from pythonbuild.config.options import short_options
from pythonbuild.cpython.facts import DUMP
from pythonbuild.distribution.schemas import schema_files
from pythonbuild.engine.model import CallAction, CallContext, InputFile, Step
from pythonbuild.environments.base import Command
from pythonbuild.errors import DistributionError
from pythonbuild.materials import Materials, write_sbom
from pythonbuild.shipping import VALIDATE_CODE, Shipment, code_files, components, source_epoch
from pythonbuild.validation.room import Room, make_rooms, runs_on
from pythonbuild.windows.host import Host

_FACTS = "interpreter.json"
_ANSWER = "FACTS "
_NOT_RUN = "the machine cannot run programs for Windows on this processor"
_NOT_TOLD = "archives of the installation alone do not tell what to run"
_ASSEMBLE_CODE = (
    "distribution/*.py",
    "windows/*.py",
    "cpython/*readback.py",
    "materials.py",
    "shipping.py",
    "config/*.py",
)
_ARCHIVE_CODE = ("distribution/archive.py", "distribution/kinds.py", "distribution/names.py", "windows/shipping.py")


def runs_here(host: Host, target: Target) -> bool:
    """Tell whether the machine runs programs for the target: its own, and what it emulates."""
    return runs_on(host.system.lower(), host.machine, target)


def interpreter_step(shipment: Shipment, host: Host) -> Step:
    """Return the step that asks the built interpreter what it is; its tree holds ``interpreter.json``: ``null`` where
    the machine cannot run it."""

    def run(context: CallContext) -> None:
        facts = None
        if runs_here(host, shipment.target):
            facts = ask_interpreter(context, context.tree(shipment.cpython) / "install/python.exe", host)
        else:
            context.log(f"the interpreter was not asked: {_NOT_RUN}")
        (context.out / _FACTS).write_text(
            json.dumps(facts, indent=2, sort_keys=True) + "\n", encoding="utf-8", newline="\n"
        )

    return Step(
        name=f"interpreter-{shipment.suffix}",
        action=CallAction(run),
        needs=(shipment.cpython,),
        files=code_files(shipment.project.repository, "windows/shipping.py", "validation/tell_facts.py"),
        parameters={"version": shipment.version, "runs": str(runs_here(host, shipment.target))},
        target=shipment.target.triple,
        weight=3,
    )


def ask_interpreter(context: CallContext, program: Path, host: Host) -> dict[str, object]:
    """Return what an interpreter says of itself. Raises DistributionError when it does not answer."""
    from pythonbuild.validation import tell_facts

    lines: list[str] = []

    def said(line: str) -> None:
        lines.append(line)
        context.log(line)

    variables = {name: value for name in ("SystemRoot", "PATH") if (value := host.variable(name))}
    command = Command((str(program), "-I", "-B", str(tell_facts.__file__)), {**variables, "PYTHONUTF8": "1"},
                      str(context.work), (), None, "", context.step)  # fmt: skip
    status = context.environment.run(command, on_line=said)
    answer = next((line for line in lines if line.startswith(_ANSWER)), None)
    if status or answer is None:
        raise DistributionError(f"{program}: says nothing of itself",
                                found=f"status {status}: {' | '.join(lines[-3:]) or 'no output'}")  # fmt: skip
    facts: dict[str, object] = json.loads(answer.removeprefix(_ANSWER))
    return facts


def assemble_step(shipment: Shipment, toolchain: Toolchain, interpreter: Step, omitted: Mapping[str, str]) -> Step:
    """Return the step that puts the distribution together; its tree holds ``python/``."""

    def run(context: CallContext) -> None:
        from pythonbuild.distribution.assemble import DistributionFacts
        from pythonbuild.distribution.patches import read_from
        from pythonbuild.windows.describing import WindowsParts, assemble_windows

        tree, source = context.tree(shipment.cpython), context.source(shipment.interpreter_file.name)
        trees = {name: context.tree(name) for name in shipment.dependencies}
        facts = DistributionFacts(
            target=shipment.target,
            options=shipment.options,
            components=components(shipment),
            epoch=source_epoch(tree),
            toolchain=_told(toolchain, shipment, context),
            omitted=omitted,
            interpreter=json.loads((context.tree(interpreter.name) / _FACTS).read_text(encoding="utf-8")),
            python_json=shipment.python_json,
        )
        parts = WindowsParts(tree, trees, shipment.project.sources, read_from(source))
        document = assemble_windows(parts, facts, context.out)
        write_sbom(_materials(shipment), document, tree, trees, source, context.out / "python")

    described = {f"component {name}": repr(each) for name, each in components(shipment).items()}
    return Step(
        name=f"assemble-{shipment.suffix}",
        action=CallAction(run),
        needs=(shipment.cpython, interpreter.name, *shipment.dependencies),
        files=(*_materials(shipment).files(), *code_files(shipment.project.repository, *_ASSEMBLE_CODE)),
        sources=(shipment.interpreter_file,),
        parameters={**described, **_materials(shipment).parameters(), "toolchain": repr(toolchain.versions),
                    "omitted": repr(dict(omitted)), "target": repr(shipment.target), "options": shipment.options,
                    "python_json": shipment.python_json},
        target=shipment.target.triple,
        weight=5,
    )  # fmt: skip


def _told(toolchain: Toolchain, shipment: Shipment, context: CallContext) -> dict[str, object]:
    """Return what PYTHON.json says of the toolchain: the machine's own, and pinned programs with what they are."""
    pinned = [name for name in shipment.compiler.steps if name]
    dump = json.loads((context.tree(shipment.cpython) / "build" / DUMP).read_text(encoding="utf-8"))
    return {
        "name": toolchain.name,
        "kind": toolchain.kind,
        "tools": {**dict(sorted(toolchain.versions.items())), **{name: shipment.pin(name).version for name in pinned}},
        "digests": {name: context.digest(name) for name in pinned if name in shipment.dependencies},
        # MSVC's profiles are of one linker run each, so they are told of and not kept.
        **({"training": dump["training"]} if dump["training"] else {}),
    }


def _materials(shipment: Shipment) -> Materials:
    interpreter = components(shipment)["cpython"].pin
    return Materials(shipment.project, shipment.version, interpreter, shipment.recipes, shipment.pin, {})


def validate_step(shipment: Shipment, archive: Step, host: Host, *, described: bool = True) -> Step:
    """Return the step that checks the archives of a step; its tree holds a report of each.

    What the machine can run is run on it, if the archive tells what to run.
    """

    runs = described and runs_here(host, shipment.target)

    def run(context: CallContext) -> None:
        from pythonbuild.validation.validate import validate

        rooms = context.work / "rooms"
        rooms.mkdir()
        made: dict[str, Room | str] = dict.fromkeys(ROOMS, _NOT_RUN if described else _NOT_TOLD)
        if runs:
            made = make_rooms(shipment.target, context.environment, _no_root, rooms)
        for path in sorted((context.tree(archive.name) / "dist").iterdir()):
            report = validate(path, shipment.target, work=context.work, rooms=made, note=context.log)
            report.raise_if_failed(path.name)
            name = "report.txt" if described else f"{path.name}.txt"
            (context.out / name).write_text("\n".join(report.lines()) + "\n", encoding="utf-8", newline="\n")

    return Step(
        name=archive.name.replace("archive-", "validate-", 1),
        action=CallAction(run),
        needs=(archive.name,),
        files=(
            *(InputFile(f"docs/schemas/{path.name}", path) for path in schema_files()),
            *code_files(shipment.project.repository, *VALIDATE_CODE, "windows/shipping.py"),
        ),
        parameters={"target": repr(shipment.target), "version": shipment.version, "runs": str(runs)},
        target=shipment.target.triple,
        weight=20,
        memory=500,
    )


def _no_root(name: str) -> tuple[Path, str]:
    raise AssertionError(f"{name}: a root filesystem was asked for on Windows")


def installation_step(shipment: Shipment, assemble: Step, kind: str) -> Step:
    """Return the step that packs the installation alone, as .tar.gz and .tar.zst.

    gzip is this Python's own, there is none that could be pinned: the bytes of .tar.gz depend on its zlib.
    """

    def run(context: CallContext) -> None:
        from pythonbuild.distribution.archive import pack
        from pythonbuild.distribution.kinds import make_installation
        from pythonbuild.distribution.names import ArchiveName, default_tag

        epoch = source_epoch(context.tree(shipment.cpython))
        tree, plain = context.work / "tree", context.work / "archive.tar"
        make_installation(context.tree(assemble.name), tree)
        if kind == "install_only_stripped":
            for path in [*tree.rglob("*.pdb")]:
                path.unlink()
        dist = context.out / "dist"
        dist.mkdir()
        options = short_options(shipment.options, shipment.target.options)
        name = ArchiveName(shipment.version, shipment.target.triple, options, kind, "zst",
                           shipment.tag or default_tag(epoch))  # fmt: skip
        pack(tree, dist / str(name), epoch, threads=context.jobs, described=False, quick=True)
        pack(tree, plain, epoch, described=False)
        packed = dist / str(replace(name, compression="gz"))
        with plain.open("rb") as content, packed.open("wb") as file, gzip.GzipFile("", "wb", 7, file, 0) as stream:
            shutil.copyfileobj(content, stream, 1 << 20)

    return Step(
        name=f"archive-{shipment.suffix}-{kind}",
        action=CallAction(run),
        needs=(assemble.name, shipment.cpython),
        files=code_files(shipment.project.repository, *_ARCHIVE_CODE),
        parameters={"version": shipment.version, "options": shipment.options, "kind": kind, "tag": shipment.tag,
                    "target": repr(shipment.target)},
        target=shipment.target.triple,
        weight=30,
        memory=500,
    )  # fmt: skip
