"""The last steps of a cross check: those of a real build, with what was compiled for macOS on Linux.

::

    cpython ─► smaller ─► interpreter ─► assemble ─► archive ─► validate
                build-python ─┘             │
    macos-toolchain ─► cross-told ──────────┘

Two steps are others than a Mac's: the interpreter cannot be asked, so that the build Python answers in its place, and
what PYTHON.json is told of the toolchain says that this is no distribution. Nothing is published: an archive stays in
the store, and its name is none that ``publish`` takes.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pythonbuild.config.model import Recipe, Target
from pythonbuild.cpython.leaving_out import LeftOut
from pythonbuild.darwin_toolchain import TOOLCHAIN
from pythonbuild.engine.model import CallAction, CallContext, Step
from pythonbuild.environments.base import Command, Mount
from pythonbuild.errors import DistributionError
from pythonbuild.packing import installation_steps
from pythonbuild.recipe_steps import PlanInputs
from pythonbuild.shipping import (
    CompiledBy,
    Shipment,
    archive_step,
    assemble_step,
    code_files,
    smaller_step,
    validate_step,
)

#: What an archive's name begins with, which no name of a distribution does.
PREFIX = "cross-check-"
#: What PYTHON.json says of the toolchain besides.
NO_DISTRIBUTION = "compiled on Linux without an SDK, and never run: to be looked at, not to be used"
#: What such a distribution has that on a Mac its own interpreter would have made or said.
BY_BUILD_PYTHON = {
    "interpreter": "what PYTHON.json says of it is what the build Python says, with this library and sysconfig data",
    "pip": "was installed by the build Python",
    "byte code": "was compiled by the build Python",
}
_TOLD = "cross-told"
_FACTS = "interpreter.json"
_ANSWER = "FACTS "
_INSTALLATION, _SCRIPTS, _WORK = "/sources/install", "/recipe", "/build"
_CODE = ("cross_facts.py", "cross_shipping.py", "validation/tell_facts.py")


@dataclass(frozen=True)
class Ending:
    """The last steps of a plan, and those whose trees hold the reports."""

    steps: tuple[Step, ...]
    goals: tuple[str, ...]


def cross_ending(inputs: PlanInputs, cpython: Step, build_python: Step, recipes: Sequence[Recipe]) -> Ending:
    """Return the steps that make archives of what was compiled and validate them; the full one is always made."""
    interpreter = inputs.interpreter
    smaller = smaller_step(inputs.left_out, cpython)
    told = _told_step(inputs)
    shipment = Shipment(
        project=inputs.project,
        target=inputs.target,
        options=inputs.options,
        version=interpreter.version,
        interpreter_source=interpreter.source,
        interpreter_file=interpreter.file,
        cpython=smaller.name,
        recipes=tuple(recipes),
        pin=inputs.pin,
        compiler=CompiledBy(inputs.toolchain.name, (), naming=told.name),
        tag=inputs.tag,
        python_json=inputs.python_json,
        left_out=inputs.left_out,
    )
    answered = _answered_step(inputs, shipment, build_python)
    assemble = assemble_step(shipment, answered)
    archive = _marked(inputs, archive_step(shipment, assemble))
    steps = [smaller, told, answered, assemble, archive, validate_step(shipment, archive)]
    goals = [steps[-1].name]
    for kind in inputs.archives:
        if kind != "full":
            packed, validated = installation_steps(shipment, assemble, kind)
            steps += [_marked(inputs, packed), validated]
            goals.append(validated.name)
    return Ending(tuple(steps), tuple(goals))


def _marked(inputs: PlanInputs, step: Step) -> Step:
    """Let a step that packs give its archives names that nobody takes for those of distributions."""
    if not isinstance(step.action, CallAction):
        raise TypeError(step.name)
    pack = step.action.function

    def run(context: CallContext) -> None:
        pack(context)
        for path in sorted((context.out / "dist").iterdir()):
            path.rename(path.with_name(PREFIX + path.name))

    files = (*step.files, *code_files(inputs.project.repository, "cross_shipping.py"))
    return replace(step, action=CallAction(run), files=files)


def _told_step(inputs: PlanInputs) -> Step:
    """Return the step that says of the compiler what assembling asks for, as ``macos-toolchain`` does on a Mac."""
    flags = [word for word in inputs.target.environment["LDFLAGS"].split() if word.startswith("-Wl,")]

    def run(context: CallContext) -> None:
        plain = json.loads((context.tree(TOOLCHAIN) / "tools/toolchain.json").read_text(encoding="utf-8"))
        texts = {"toolchain.json": json.dumps({**plain, "no_distribution": NO_DISTRIBUTION}, indent=2),
                 f"bin/{inputs.target.triple}.cfg": "\n".join(flags)}  # fmt: skip
        for name, text in texts.items():
            path = context.out / "tools" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n", encoding="utf-8", newline="\n")

    return Step(
        name=_TOLD,
        action=CallAction(run),
        needs=(TOOLCHAIN,),
        files=code_files(inputs.project.repository, "cross_shipping.py"),
        parameters={"flags": " ".join(flags)},
        target=inputs.target.triple,
        weight=1,
    )


def _answered_step(inputs: PlanInputs, shipment: Shipment, build_python: Step) -> Step:
    """Return the step that asks the build Python what the interpreter would say; it leaves ``interpreter.json``."""
    series = ".".join(inputs.interpreter.version.split(".")[:2])

    def run(context: CallContext) -> None:
        from pythonbuild.validation import tell_facts

        tree = context.tree(shipment.cpython)
        scripts = context.work / "scripts"
        scripts.mkdir()
        for path in (Path(__file__).with_name("cross_facts.py"), Path(tell_facts.__file__)):
            shutil.copyfile(path, scripts / path.name)
        found = sorted((tree / "install").glob("lib/python3.*/_sysconfigdata_*.py"))
        if len(found) != 1:
            raise DistributionError(f"{tree}/install: not an installed CPython", found=f"{len(found)} _sysconfigdata_*")
        lines: list[str] = []
        with tempfile.TemporaryDirectory(dir=context.work) as work:
            status = context.environment.run(
                Command(
                    argv=(f"/tools/build-python/bin/python{series}", "-sB", f"{_SCRIPTS}/cross_facts.py"),
                    env={**answering_environment(inputs.target, found[0].stem), "PATH": "/usr/bin:/bin"},
                    cwd=_WORK,
                    mounts=(Mount(tree, "/sources"), Mount(scripts, _SCRIPTS), Mount(Path(work), _WORK, writable=True),
                            Mount(context.tree(build_python.name) / "tools", "/tools")),
                    root=context.tree("root"),
                    root_digest=context.digest("root"),
                    label=context.step,
                ),
                on_line=lines.append,
            )  # fmt: skip
        answer = next((line for line in lines if line.startswith(_ANSWER)), None)
        if status or answer is None:
            said = " | ".join(lines[-3:]) or "no output"
            raise DistributionError(f"{build_python.name}: does not answer", found=f"status {status}: {said}")
        text = json.dumps(json.loads(answer.removeprefix(_ANSWER)), indent=2, sort_keys=True) + "\n"
        (context.out / _FACTS).write_text(text, encoding="utf-8", newline="\n")

    return Step(
        name=f"interpreter-{shipment.suffix}",
        action=CallAction(run),
        needs=(shipment.cpython, build_python.name, "root"),
        files=code_files(inputs.project.repository, *_CODE),
        parameters={"version": shipment.version, "target": repr(shipment.target)},
        target=shipment.target.triple,
        weight=3,
    )


def answering_environment(target: Target, sysconfig_data: str) -> Mapping[str, str]:
    """Return the variables by which a Python takes an installation for its own, and macOS for its system."""
    if target.darwin is None:
        raise DistributionError(f"{target.triple} is not macOS'")
    ((arch, oldest),) = target.darwin.minimum_os.items()
    return {
        "PYTHONHOME": _INSTALLATION,
        "_PYTHON_PROJECT_BASE": f"{_INSTALLATION}/bin",
        "_PYTHON_SYSCONFIGDATA_NAME": sysconfig_data,
        "_PYTHON_HOST_PLATFORM": f"macosx-{oldest}-{arch}",
        "HOME": _WORK,
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }


def lacking(left_out: LeftOut) -> list[str]:
    """Return what a report says that such a distribution is without, or has from elsewhere."""
    absent = [f"left out       {name}: {reason}" for name, reason in sorted(left_out.extensions.items())]
    return [f"no distribution: {NO_DISTRIBUTION}", *absent,
            *(f"not its own    {what}: {how}" for what, how in BY_BUILD_PYTHON.items())]  # fmt: skip
