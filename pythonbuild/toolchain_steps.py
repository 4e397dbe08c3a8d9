"""The steps that make the compiler, and what everything that is compiled with it needs.

A packaged compiler comes with its root filesystem; the steps ``sysroot`` and ``toolchain`` say what it compiles for. A
bootstrapped one is made in its root first::

    root ─► sysroot ─► binutils, gmp, … ─► gcc ─► llvm ─► (llvm-stage2 ─► …) ─► compiler-rt ─► toolchain

or is placed from the archive of one that was exported.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from pythonbuild.config.model import SNAPSHOT_ARCHIVE, Pin, Recipe, Source
from pythonbuild.config.recipes import with_needs
from pythonbuild.config.toolchains import BOOTSTRAP
from pythonbuild.distribution.assemble import place_tree
from pythonbuild.distribution.toolchain_archive import Origin, place_toolchain
from pythonbuild.engine.model import CallAction, CallContext, Step
from pythonbuild.engine.trees import scan
from pythonbuild.errors import DistributionError
from pythonbuild.recipe_steps import PlanInputs, ToolchainArchive, recipe_step
from pythonbuild.shipping import CompiledBy, code_files

SYSROOT, TOOLCHAIN = "sysroot", "toolchain"
#: The variable of a recipe that comes in stages: the compiler compiled by another one, then by itself.
STAGE = "STAGE"


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
    made, result = _placed(inputs, inputs.toolchain_archive) if inputs.toolchain_archive else _made(inputs)
    last = recipe_step(inputs, naming, result)
    stages = inputs.toolchain_archive.manifest.stages if inputs.toolchain_archive else inputs.stages
    told = CompiledBy(toolchain.name, result, sources_of(inputs), stages)
    return Compiler((*made, last), (*result, SYSROOT, TOOLCHAIN), result, told)


def _made(inputs: PlanInputs) -> tuple[list[Step], tuple[str, ...]]:
    """Return the steps that make a bootstrapped compiler, and which of them hold it in the end."""
    toolchain = inputs.toolchain
    steps: list[Step] = []
    renamed: dict[str, str] = {}
    for recipe in with_needs(inputs.project.recipes, [*toolchain.recipes, SYSROOT]):
        step = recipe_step(inputs, recipe, environment=toolchain.making)
        step = replace(step, needs=tuple(renamed.get(need, need) for need in step.needs))
        stages = list(_stages(inputs, recipe, step))
        steps += stages
        renamed[recipe.name] = stages[-1].name
    return steps, tuple(renamed[name] for name in toolchain.recipes)


def _placed(inputs: PlanInputs, archive: ToolchainArchive) -> tuple[list[Step], tuple[str, ...]]:
    """Return the same for a compiler that somebody has made before; its steps have the same names, and their trees the
    same content: what uses them has the same key.
    """
    toolchain, trees = inputs.toolchain, archive.manifest.trees
    steps = [recipe_step(inputs, inputs.project.recipes[SYSROOT], environment=toolchain.making)]
    for name, digest in trees.items():
        steps.append(
            Step(
                name=name,
                action=CallAction(partial(_place, archive.file.name, name, digest)),
                sources=(archive.file,),
                files=code_files(inputs.project.repository, "toolchain_steps.py", "distribution/toolchain_archive.py",
                                 "distribution/archive.py"),
                parameters={"digest": digest},
                target=inputs.target.triple,
                weight=10,
            )
        )  # fmt: skip
    return steps, tuple(trees)


def _place(archive: str, step: str, digest: str, context: CallContext) -> None:
    place_toolchain(context.source(archive), step, digest, context.out, context.work)


def _stages(inputs: PlanInputs, recipe: Recipe, step: Step) -> Iterable[Step]:
    """Yield a recipe's step as often as the compiler is compiled, and one that compares the last two of three."""
    yield step
    if STAGE not in recipe.parameters:
        return
    before = step
    for stage in range(2, inputs.stages + 1):
        before = replace(step, name=f"{step.name}-stage{stage}", needs=(*step.needs, before.name),
                         parameters={**step.parameters, STAGE: str(stage)})  # fmt: skip
        yield before
    if inputs.stages > 2:
        pair = (f"{step.name}-stage{inputs.stages - 1}", before.name)
        yield Step(
            name=f"{step.name}-agreed",
            action=CallAction(partial(_agree, pair)),
            needs=pair,
            files=code_files(inputs.project.repository, "toolchain_steps.py"),
            weight=2,
        )


def _agree(pair: tuple[str, str], context: CallContext) -> None:
    """Take the later of two stages if it is the same as the earlier: a compiler that compiles itself to itself.

    Raises DistributionError naming the first files that differ.
    """
    if context.digest(pair[0]) != context.digest(pair[1]):
        earlier, later = (scan(context.tree(name)).entries for name in pair)
        differ = sorted(path for path in {*earlier, *later} if earlier.get(path) != later.get(path))
        raise DistributionError(f"the compilers of {pair[0]} and {pair[1]} differ", found=", ".join(differ[:5]),
                                expected="the same bytes")  # fmt: skip
    place_tree(context.tree(pair[1]), context.out)


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
