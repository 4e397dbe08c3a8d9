"""The last steps of a plan: ask the interpreter what it is, assemble the distribution, pack it, validate the archive.

They are Python functions of this program: what they do depends on the trees they are given and on the code, so both
are in their keys. What is validated is the very file that is published, and it is not published before.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pythonbuild.config.links import SYSTEM as SYSTEM_LINK
from pythonbuild.config.model import SYSTEM, Lock, Pin, Recipe, Source, Target
from pythonbuild.config.project import Project
from pythonbuild.cpython.leaving_out import LeftOut
from pythonbuild.cpython.modules import read_modules
from pythonbuild.distribution.assemble import Component, Linked
from pythonbuild.distribution.python_json import FORMAT_VERSION
from pythonbuild.distribution.schemas import schema_files
from pythonbuild.distribution.toolchain_archive import Origin
from pythonbuild.engine.model import CallAction, CallContext, InputFile, PinnedFile, Step
from pythonbuild.materials import Materials, write_sbom

_READ_BACK = ("cpython/facts.py", "cpython/readback.py", "cpython/setupfiles.py", "cpython/windows_readback.py")
_ASSEMBLE_CODE = (
    *_READ_BACK,
    "distribution/*.py",
    "debian/packages.py",
    "cpython/modules.py",
    "materials.py",
    "shipping.py",
    "config/*.py",
)
_INTERPRETER_CODE = ("validation/interpreter.py", "validation/tell_facts.py", "validation/room.py",
                     "distribution/assemble.py", *_READ_BACK, "shipping.py")  # fmt: skip
VALIDATE_CODE = ("validation/**/*.py", "distribution/*.py", *_READ_BACK, "shipping.py")
_SMALLER_CODE = ("cpython/leaving_out.py", "distribution/left_out.py", "distribution/kinds.py",
                 "distribution/assemble.py")  # fmt: skip
_ARCHIVE_CODE = ("distribution/archive.py", "shipping.py")
#: What the tree of the step that asks the interpreter holds.
_FACTS = "interpreter.json"


@dataclass(frozen=True)
class CompiledBy:
    """The toolchain as PYTHON.json tells it; ``steps`` are those whose trees hold the compiler.

    ``sources`` are what a bootstrapped one was made from, in how many ``stages``. A packaged one is in the root
    filesystem, with its tools. ``naming`` is the step that names the compiler and records what it is.
    """

    name: str
    steps: tuple[str, ...]
    sources: tuple[Origin, ...] = ()
    stages: int = 1
    naming: str = "toolchain"


@dataclass(frozen=True)
class Shipment:
    """What is shipped: ``cpython`` names the step that built the interpreter, ``recipes`` are what it needs.

    ``pin`` tells which pin of a source was used. ``compiler`` is what all was compiled with. ``tag`` stands in the
    names of archives that are not full ("": the day of CPython's source). ``locks`` are those of the root filesystem to
    build in and of the sysroot. ``python_json`` is the format of the description. ``link`` has the recipes that are not
    linked statically. ``left_out`` is what the distribution is without.
    """

    project: Project
    target: Target
    options: str
    version: str
    interpreter_source: Source
    interpreter_file: PinnedFile
    cpython: str
    recipes: tuple[Recipe, ...]
    pin: Callable[[str], Pin]
    compiler: CompiledBy
    tag: str = ""
    locks: Mapping[str, Lock] = field(default_factory=dict)
    python_json: str = FORMAT_VERSION
    link: Mapping[str, Linked] = field(default_factory=dict)
    left_out: LeftOut = field(default_factory=LeftOut)

    @property
    def suffix(self) -> str:
        return f"{self.version}-{self.options}"

    @property
    def dependencies(self) -> tuple[str, ...]:
        return tuple(recipe.name for recipe in self.recipes)


def code_files(repository: Path, *patterns: str) -> tuple[InputFile, ...]:
    """Return the program's own files that a Python step runs, by patterns below ``pythonbuild/``."""
    package = repository / "pythonbuild"
    paths = sorted({path for pattern in patterns for path in package.glob(pattern)})
    return tuple(InputFile(path.relative_to(repository).as_posix(), path) for path in paths)


def smaller_step(left_out: LeftOut, cpython: Step) -> Step:
    """Return the step that takes out of CPython's tree what the distribution is to be without; its tree is the rest.

    Everything after it sees only that, so nothing that was left out is asked for, described or packed.
    """

    def run(context: CallContext) -> None:
        from pythonbuild.distribution.assemble import place_tree
        from pythonbuild.distribution.left_out import make_smaller

        place_tree(context.tree(cpython.name), context.out)
        record = make_smaller(context.out, left_out)
        context.log(f"left out: {', '.join([*record.extensions, *record.packages])}")

    return Step(
        name=f"smaller-{cpython.name.removeprefix('cpython-')}",
        action=CallAction(run),
        needs=(cpython.name,),
        files=code_files(Path(__file__).parents[1], *_SMALLER_CODE),
        parameters={"extensions": repr(dict(left_out.extensions)), "no_tests": str(left_out.no_tests),
                    "no_tk": str(left_out.no_tk)},
        target=cpython.target,
        weight=3,
    )  # fmt: skip


def interpreter_step(shipment: Shipment) -> Step:
    """Return the step that asks the built interpreter what it is; its tree holds ``interpreter.json``."""
    rooms = shipment.target.rooms
    root = room_roots(shipment.target)[rooms[SYSTEM]] if SYSTEM in rooms else ""

    def run(context: CallContext) -> None:
        from pythonbuild.cpython.readback import read_build
        from pythonbuild.distribution.assemble import interpreter_path
        from pythonbuild.validation.interpreter import ask_interpreter
        from pythonbuild.validation.room import Room

        tree = context.tree(shipment.cpython)
        _place_libraries(context, shipment.link, context.work)  # nobody has put them beside the interpreter yet
        place, digest = (context.tree(root), context.digest(root)) if root else (None, "")
        room = Room(context.environment, place, digest, context.work)
        facts = ask_interpreter(room, tree, interpreter_path(read_build(tree / "build")))
        text = json.dumps(facts, indent=2, sort_keys=True) + "\n"
        (context.out / _FACTS).write_text(text, encoding="utf-8", newline="\n")

    return Step(
        name=f"interpreter-{shipment.suffix}",
        action=CallAction(run),
        needs=(shipment.cpython, *([root] if root else []), *sorted(shipment.link)),
        files=code_files(shipment.project.repository, *_INTERPRETER_CODE),
        parameters={"version": shipment.version},
        target=shipment.target.triple,
        weight=3,
    )


def _place_libraries(context: CallContext, link: Mapping[str, Linked], work: Path) -> None:
    """Put shared libraries of dependencies where a room's system has them."""
    from pythonbuild.validation.room import LIBRARIES

    for name, linked in link.items():
        (work / LIBRARIES).mkdir(exist_ok=True)
        for soname in linked.sonames.values():
            shutil.copyfile(context.tree(name) / "tools/deps/lib" / soname, work / LIBRARIES / soname)


def assemble_step(shipment: Shipment, interpreter: Step) -> Step:
    """Return the step that puts the distribution together; its tree holds ``python/``."""
    modules = shipment.project.unix / "extension-modules.yml"

    def run(context: CallContext) -> None:
        from pythonbuild.distribution.assemble import DistributionFacts, assemble

        tree = context.tree(shipment.cpython)
        toolchain = context.tree(shipment.compiler.naming) / "tools" / "toolchain.json"
        compiler = context.tree(shipment.compiler.naming) / "tools/bin" / f"{shipment.target.triple}.cfg"
        facts = DistributionFacts(
            target=shipment.target,
            options=shipment.options,
            components=components(shipment),
            epoch=source_epoch(tree),
            toolchain={**json.loads(toolchain.read_text(encoding="utf-8")), **_toolchain(shipment, context)},
            ldflags=tuple(word for word in compiler.read_text("utf-8").split() if word.startswith("-Wl,")),
            omitted=_omitted(modules, shipment),
            interpreter=json.loads((context.tree(interpreter.name) / _FACTS).read_text(encoding="utf-8")),
            python_json=shipment.python_json,
            link=shipment.link,
        )
        trees = {name: context.tree(name) for name in shipment.dependencies}
        document = assemble(tree, trees, facts, context.out)
        source = context.source(shipment.interpreter_file.name)
        write_sbom(_materials(shipment), document, tree, trees, source, context.out / "python")

    return Step(
        name=f"assemble-{shipment.suffix}",
        action=CallAction(run),
        needs=(
            shipment.cpython,
            *shipment.compiler.steps,
            shipment.compiler.naming,
            interpreter.name,
            *shipment.dependencies,
        ),
        files=(
            InputFile(modules.name, modules),
            *_materials(shipment).files(),
            *code_files(shipment.project.repository, *_ASSEMBLE_CODE),
        ),
        sources=(shipment.interpreter_file,),
        parameters=_described(shipment),
        target=shipment.target.triple,
        weight=5,
    )


def _toolchain(shipment: Shipment, context: CallContext) -> dict[str, object]:
    """Return what PYTHON.json says of the toolchain besides what it says of itself: from what, and with what result."""
    compiler = shipment.compiler
    told: dict[str, object] = {
        "name": compiler.name,
        "digests": {step: context.digest(step) for step in compiler.steps},
    }
    if compiler.sources:
        told |= {"stages": compiler.stages, "sources": [asdict(source) for source in compiler.sources]}
    return told


def components(shipment: Shipment) -> dict[str, Component]:
    file = shipment.interpreter_file
    pins = {pin.sha256: pin for pin in shipment.interpreter_source.pins}
    # What --python-source gave has no pin: its hash and name are what can be said of it.
    own = Pin(shipment.interpreter_source.name, shipment.version, file.name, file.sha256, 0)
    components = {"cpython": Component(shipment.interpreter_source, pins.get(file.sha256, own))}
    for recipe in shipment.recipes:
        if recipe.source:
            source = shipment.project.sources[recipe.source]
            components[recipe.name] = Component(source, shipment.pin(source.name))
    return components


def _described(shipment: Shipment) -> dict[str, str]:
    """Return what PYTHON.json says of the sources, the target and the options, for the key."""
    described = {f"component {name}": repr(component) for name, component in components(shipment).items()}
    described |= _materials(shipment).parameters()
    described["toolchain"] = repr(shipment.compiler)
    described |= {f"link {name}": repr(linked) for name, linked in sorted(shipment.link.items())}
    if shipment.left_out:
        described["left out"] = repr(shipment.left_out)
    return {
        **described, "target": repr(shipment.target), "options": shipment.options, "python_json": shipment.python_json,
    }  # fmt: skip


def _materials(shipment: Shipment) -> Materials:
    interpreter = components(shipment)["cpython"].pin
    return Materials(shipment.project, shipment.version, interpreter, shipment.recipes, shipment.pin, shipment.locks)


def source_epoch(cpython_tree: Path) -> int:
    """Return the SOURCE_DATE_EPOCH that CPython was built with."""
    facts = json.loads((cpython_tree / "build" / "cpython-build.json").read_text(encoding="utf-8"))
    return int(facts["source_date_epoch"])


def _omitted(modules: Path, shipment: Shipment) -> dict[str, str]:
    catalogue = read_modules(modules).without(shipment.left_out.extensions)
    existing = catalogue.existing(shipment.version)
    linkages = {name: module.linkage_on(shipment.target.os) for name, module in existing.items()}
    return {name: reason for name, (linkage, reason) in sorted(linkages.items()) if linkage == "omitted"}


def validate_step(shipment: Shipment, archive: Step) -> Step:
    """Return the step that checks a full archive; its tree holds ``report.txt``.

    Its rooms have the libraries that are to be the system's, as they were built here.
    """
    modules = shipment.project.unix / "extension-modules.yml"
    system = {name: linked for name, linked in shipment.link.items() if linked.kind == SYSTEM_LINK}
    sysroots = ("sysroot",) if shipment.target.sysroot else ()

    def run(context: CallContext) -> None:
        from pythonbuild.validation.room import Room, make_rooms
        from pythonbuild.validation.validate import validate

        def root(name: str) -> tuple[Path, str]:
            step = room_roots(shipment.target)[name]
            return context.tree(step), context.digest(step)

        unpacked, rooms = context.work / "unpacked", context.work / "rooms"
        unpacked.mkdir()
        rooms.mkdir()
        made = make_rooms(shipment.target, context.environment, root, rooms)
        for room in made.values():
            if isinstance(room, Room):
                _place_libraries(context, system, room.work)
        report = validate(
            next((context.tree(archive.name) / "dist").iterdir()),
            shipment.target,
            work=unpacked,
            sysroot=context.tree("sysroot") / "tools" / "sysroot" if sysroots else None,
            expected=expected_linkages(modules, shipment.version, shipment.target.os),
            rooms=made,
            note=context.log,
        )
        report.raise_if_failed(shipment.cpython)
        (context.out / "report.txt").write_text("\n".join(report.lines()) + "\n", encoding="utf-8", newline="\n")

    return Step(
        name=f"validate-{shipment.suffix}",
        action=CallAction(run),
        needs=(archive.name, *sysroots, *room_roots(shipment.target).values(), *sorted(system)),
        files=(
            InputFile(modules.name, modules),
            *(InputFile(f"docs/schemas/{path.name}", path) for path in schema_files()),
            *code_files(shipment.project.repository, *VALIDATE_CODE),
        ),
        parameters={"target": repr(shipment.target), "version": shipment.version},
        target=shipment.target.triple,
        weight=30,
        memory=1000,
    )


def room_roots(target: Target) -> dict[str, str]:
    """Return the root filesystems of the target's rooms, and the step that makes each."""
    return {root: f"root-{root}" for root in dict.fromkeys(target.rooms.values())}


def expected_linkages(modules: Path, version: str, os: str) -> dict[str, str]:
    """Return the extension modules that a distribution must have, and how each is linked."""
    existing = read_modules(modules).existing(version)
    linkages = {name: module.linkage_on(os)[0] for name, module in existing.items()}
    return {name: linkage for name, linkage in sorted(linkages.items()) if linkage != "omitted"}


def archive_step(shipment: Shipment, assemble: Step) -> Step:
    """Return the step that packs the distribution; its tree holds ``dist/<archive>``."""

    def run(context: CallContext) -> None:
        from pythonbuild.distribution.archive import pack

        digest = context.digest(assemble.name)[:12]
        name = f"cpython-{shipment.version}-{shipment.target.triple}-{shipment.options}-{digest}.tar.zst"
        (context.out / "dist").mkdir()
        pack(context.tree(assemble.name), context.out / "dist" / name, source_epoch(context.tree(shipment.cpython)),
             threads=context.jobs)  # fmt: skip

    return Step(
        name=f"archive-{shipment.suffix}",
        action=CallAction(run),
        needs=(assemble.name, shipment.cpython),
        files=code_files(shipment.project.repository, *_ARCHIVE_CODE),
        parameters={"options": shipment.options, "version": shipment.version},
        target=shipment.target.triple,
        weight=30,
        memory=1500,
    )
