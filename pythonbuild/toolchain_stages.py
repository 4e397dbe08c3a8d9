"""A compiler compiled again by itself, and one that somebody has made before: the steps of both, on any system."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from pythonbuild.distribution.assemble import place_tree
from pythonbuild.distribution.toolchain_archive import place_toolchain
from pythonbuild.engine.model import CallAction, CallContext, Step
from pythonbuild.engine.trees import scan
from pythonbuild.errors import DistributionError
from pythonbuild.recipe_steps import PlanInputs, ToolchainArchive
from pythonbuild.shipping import code_files

#: The variable of a recipe that comes in stages: the compiler compiled by another one, then by itself.
STAGE = "STAGE"
_PLACE_CODE = ("toolchain_stages.py", "distribution/toolchain_archive.py", "distribution/archive.py")
_AGREE_CODE = ("toolchain_stages.py", "distribution/explain.py", "distribution/machoparts.py")
_NAMED = 5


def stages(inputs: PlanInputs, step: Step) -> list[Step]:
    """Return a step as often as the compiler is compiled, and one that compares the last two of three."""
    steps = [step]
    if STAGE not in step.parameters:
        return steps
    for stage in range(2, inputs.stages + 1):
        steps.append(replace(step, name=f"{step.name}-stage{stage}", needs=(*step.needs, steps[-1].name),
                             parameters={**step.parameters, STAGE: str(stage)}))  # fmt: skip
    if inputs.stages > 2:
        pair = (steps[-2].name, steps[-1].name)
        steps.append(
            Step(
                name=f"{step.name}-agreed",
                action=CallAction(partial(agree, pair)),
                needs=pair,
                files=code_files(inputs.project.repository, *_AGREE_CODE),
                weight=2,
            )
        )
    return steps


def agree(pair: tuple[str, str], context: CallContext) -> None:
    """Take the later of two stages if it is the same as the earlier: a compiler that compiles itself to itself.

    Raises DistributionError naming the first files that differ, and in what: of a program that is a part of it.
    """
    from pythonbuild.distribution.explain import explain  # reads ELF files by a large package

    earlier, later = (context.tree(name) for name in pair)
    if context.digest(pair[0]) != context.digest(pair[1]):
        one, other = scan(earlier).entries, scan(later).entries
        differ = sorted(path for path in {*one, *other} if one.get(path) != other.get(path))
        reasons = [f"{path}: {explain(path, earlier / path, later / path)}" for path in differ]
        for reason in reasons:
            context.log(reason)
        raise DistributionError(f"the compilers of {pair[0]} and {pair[1]} differ", found=", ".join(differ[:_NAMED]),
                                expected="the same bytes", advice=f"such as {reasons[0]}")  # fmt: skip
    place_tree(later, context.out)


def placed(inputs: PlanInputs, archive: ToolchainArchive) -> list[Step]:
    """Return the steps that place an exported compiler. They are called as those that would make it, and their trees
    have the same content: what uses them has the same key.
    """
    return [
        Step(
            name=name,
            action=CallAction(partial(_place, archive.file.name, name, digest)),
            sources=(archive.file,),
            files=code_files(inputs.project.repository, *_PLACE_CODE),
            parameters={"digest": digest},
            target=inputs.target.triple,
            weight=10,
        )
        for name, digest in archive.manifest.trees.items()
    ]


def _place(archive: str, step: str, digest: str, context: CallContext) -> None:
    place_toolchain(context.source(archive), step, digest, context.out, context.work)
