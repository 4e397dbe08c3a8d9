"""The steps that make the compiler, and what everything that is compiled with it needs.

A packaged compiler comes with its root filesystem; the steps ``sysroot`` and ``toolchain`` say what it compiles for. A
bootstrapped one is made in its root first::

    root ─► sysroot ─► binutils, gmp, … ─► gcc ─► llvm ─► (llvm-stage2 ─► …) ─► compiler-rt ─► toolchain

or is placed from the archive of one that was exported.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pythonbuild.config.model import SNAPSHOT_ARCHIVE, Pin, Source
from pythonbuild.config.recipes import with_needs
from pythonbuild.config.toolchains import BOOTSTRAP
from pythonbuild.distribution.toolchain_archive import Origin
from pythonbuild.engine.model import Step
from pythonbuild.recipe_steps import PlanInputs, ToolchainArchive, recipe_step
from pythonbuild.shipping import CompiledBy
from pythonbuild.toolchain_stages import placed, stages

SYSROOT, TOOLCHAIN = "sysroot", "toolchain"


@dataclass(frozen=True)
class Compiler:
    """The compiler of a plan: ``steps`` make it, and everything that is compiled needs the trees of ``needs``.

    ``result`` names those of the steps that only hold the compiler, whatever it compiles for.
    """

    steps: tuple[Step, ...]
    needs: tuple[str, ...]
    result: tuple[str, ...]
    told: CompiledBy


def compiler_of(inputs: PlanInputs) -> Compiler:
    """Return the compiler of a plan."""
    recipes, toolchain = inputs.project.recipes, inputs.toolchain
    naming = replace(recipes[TOOLCHAIN], parameters={**recipes[TOOLCHAIN].parameters, "TOOLCHAIN": toolchain.name})
    if toolchain.kind != BOOTSTRAP:
        steps = (recipe_step(inputs, recipes[SYSROOT]), recipe_step(inputs, naming))
        return Compiler(steps, (SYSROOT, TOOLCHAIN), (), CompiledBy(toolchain.name, ("root",)))
    archive = inputs.toolchain_archive
    made, result = _placed(inputs, archive) if archive else _made(inputs)
    last = recipe_step(inputs, naming, result)
    told = CompiledBy(toolchain.name, result, sources_of(inputs), archive.manifest.stages if archive else inputs.stages)
    return Compiler((*made, last), (*result, SYSROOT, TOOLCHAIN), result, told)


def _made(inputs: PlanInputs) -> tuple[list[Step], tuple[str, ...]]:
    """Return the steps that make a bootstrapped compiler, and which of them hold it in the end."""
    toolchain = inputs.toolchain
    steps: list[Step] = []
    renamed: dict[str, str] = {}
    for recipe in with_needs(inputs.project.recipes, [*toolchain.recipes, SYSROOT]):
        step = recipe_step(inputs, recipe, environment=toolchain.making)
        step = replace(step, needs=tuple(renamed.get(need, need) for need in step.needs))
        made = stages(inputs, step)
        steps += made
        renamed[recipe.name] = made[-1].name
    return steps, tuple(renamed[name] for name in toolchain.recipes)


def _placed(inputs: PlanInputs, archive: ToolchainArchive) -> tuple[list[Step], tuple[str, ...]]:
    """Return the same for a compiler that somebody has made before."""
    sysroot = recipe_step(inputs, inputs.project.recipes[SYSROOT], environment=inputs.toolchain.making)
    return [sysroot, *placed(inputs, archive)], tuple(archive.manifest.trees)


def sources_of(inputs: PlanInputs) -> tuple[Origin, ...]:
    """Return what a bootstrapped compiler is made from, in the order of its making."""
    if inputs.toolchain_archive:
        return inputs.toolchain_archive.manifest.sources
    recipes = with_needs(inputs.project.recipes, inputs.toolchain.recipes)
    names = dict.fromkeys(inputs.source_of(recipe) for recipe in recipes)
    snapshot = max((lock.snapshot for lock in inputs.locks.values()), default="")
    return tuple(_origin(inputs.project.sources[name], inputs.pin(name), snapshot) for name in names if name)


def _origin(source: Source, pin: Pin, snapshot: str) -> Origin:
    kept = (f"{SNAPSHOT_ARCHIVE}/{snapshot}/{pin.pool_path}",) if pin.pool_path else ()
    return Origin(source.name, pin.version, source.licence, pin.filename, pin.sha256, (*pin.urls, *kept))
