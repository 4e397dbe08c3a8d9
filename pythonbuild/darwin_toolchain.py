"""The steps that make Clang from source on a Mac, and what everything that is compiled with it needs.

There is no GCC and no GNU linker in this chain; the Command Line Tools' Clang compiles ours, against the SDK::

    macos-cmake, macos-ninja ─► macos-llvm ─► (macos-llvm-stage2 ─► …) ─► macos-compiler-rt ─► macos-toolchain

An exported one is placed instead. What the steps are told of the machine (compiler, SDK, linker) is in their keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from pythonbuild.config.model import Recipe
from pythonbuild.config.recipes import with_needs
from pythonbuild.config.toolchains import BOOTSTRAP
from pythonbuild.distribution.assemble import place_tree
from pythonbuild.distribution.toolchain_archive import Origin, place_toolchain
from pythonbuild.engine.model import CallAction, CallContext, PinnedFile, Step
from pythonbuild.engine.trees import scan
from pythonbuild.errors import DistributionError
from pythonbuild.recipe_steps import PlanInputs, ToolchainArchive, recipe_step
from pythonbuild.shipping import CompiledBy, code_files
from pythonbuild.toolchain_steps import STAGE, Compiler, sources_of

TOOLCHAIN, CMAKE, LLVM = "macos-toolchain", "macos-cmake", "macos-llvm"
#: Of the target's variables, those that the recipes of a compiler need, too.
_OF_TARGET = ("DARWIN_ARCH", "MACOSX_DEPLOYMENT_TARGET")
#: Where the recipe of LLVM installs it: words of the shell, read when the compiler runs.
_CLANG, _PROFDATA = "$STEP_TOOLS/llvm/bin/clang", "$STEP_TOOLS/llvm/bin/llvm-profdata"
_PLACE_CODE = ("darwin_toolchain.py", "distribution/toolchain_archive.py", "distribution/archive.py")
_AGREE_CODE = ("darwin_toolchain.py", "distribution/explain.py", "distribution/machoparts.py")
_NAMED = 5


@dataclass(frozen=True)
class AppleCompiler:
    """Which compiler and SDK ``macos-toolchain`` names: file names, versions, all that its key is to know.

    ``profdata`` is llvm-profdata, which is in no directory of programs; ``autotools`` the directory of autoreconf and
    its kin, which macOS has not got. ``linker_version`` is that of Apple's linker, "" where another one links.
    """

    clang: str
    clangxx: str
    sdk: str
    sdk_name: str = ""
    sdk_version: str = ""
    clang_version: str = ""
    profdata: str = ""
    autotools: str = ""
    linker_version: str = ""

    def parameters(self) -> Mapping[str, str]:
        return {"CLANG": self.clang, "CLANGXX": self.clangxx, "SDK": self.sdk, "SDK_NAME": self.sdk_name,
                "SDK_VERSION": self.sdk_version, "CLANG_VERSION": self.clang_version,
                "LD_VERSION": self.linker_version, "PROFDATA": self.profdata}  # fmt: skip


def compiler_on_a_mac(inputs: PlanInputs, apple: AppleCompiler) -> Compiler:
    """Return the compiler of a build on a Mac: the Command Line Tools' own, or one that it compiles first."""
    toolchain = inputs.toolchain
    if toolchain.kind != BOOTSTRAP:
        naming = naming_step(inputs, apple, ())
        return Compiler((naming,), (TOOLCHAIN,), (), CompiledBy(toolchain.name, (), naming=TOOLCHAIN))
    archive = inputs.toolchain_archive
    made, result = _placed(inputs, archive) if archive else _made(inputs, apple)
    version = archive.manifest.sources[-1].version if archive else inputs.pin(toolchain.sources[LLVM]).version
    ours = replace(apple, clang=_CLANG, clangxx=f"{_CLANG}++", clang_version=version, profdata=_PROFDATA)
    told = CompiledBy(toolchain.name, result, origins(inputs), archive.manifest.stages if archive else inputs.stages,
                      TOOLCHAIN)  # fmt: skip
    return Compiler((*made, naming_step(inputs, ours, result)), (*result, TOOLCHAIN), result, told)


def naming_step(inputs: PlanInputs, compiler: AppleCompiler, before: tuple[str, ...]) -> Step:
    """Return the step that names the compiler, and tells of it."""
    step = recipe_step(inputs, inputs.recipes[TOOLCHAIN], before)
    return replace(step, parameters={**step.parameters, **compiler.parameters(), "TOOLCHAIN": inputs.toolchain.name})


def origins(inputs: PlanInputs) -> tuple[Origin, ...]:
    """Return what the compiler is made from, with upstream's addresses: no lock tells a time of the snapshots."""
    if inputs.toolchain_archive:
        return inputs.toolchain_archive.manifest.sources
    return tuple(replace(origin, urls=inputs.pin(origin.name).urls) for origin in sources_of(inputs))


def _made(inputs: PlanInputs, apple: AppleCompiler) -> tuple[list[Step], tuple[str, ...]]:
    """Return the steps that make the compiler, and which of them hold it in the end."""
    toolchain = inputs.toolchain
    environment = {**{name: inputs.target.environment[name] for name in _OF_TARGET}, **toolchain.making}
    steps: list[Step] = []
    renamed: dict[str, str] = {}
    for recipe in with_needs(inputs.recipes, toolchain.recipes):
        step = recipe_step(inputs, recipe, environment=environment)
        step = _unpacking(step) if recipe.name == CMAKE else _with(step, apple.parameters())
        step = replace(step, needs=tuple(renamed.get(need, need) for need in step.needs))
        stages = list(_stages(inputs, recipe, step))
        steps += stages
        renamed[recipe.name] = stages[-1].name
    return steps, tuple(renamed[name] for name in toolchain.recipes)


def _with(step: Step, parameters: Mapping[str, str]) -> Step:
    return replace(step, parameters={**step.parameters, **parameters})


def _unpacking(step: Step) -> Step:
    """Let a recipe take apart a Python package that is its source: it is no archive that every tar reads."""
    package: PinnedFile = step.sources[0]
    return _with(step, {"SOURCE_ARCHIVE": "", "CMAKE_PACKAGE": package.name})


def _stages(inputs: PlanInputs, recipe: Recipe, step: Step) -> Iterable[Step]:
    """Yield a recipe's step as often as the compiler is compiled, and one that compares the last two of three."""
    yield step
    if STAGE not in recipe.parameters:
        return
    before = step
    for stage in range(2, inputs.stages + 1):
        before = replace(_with(step, {STAGE: str(stage)}), name=f"{step.name}-stage{stage}",
                         needs=(*step.needs, before.name))  # fmt: skip
        yield before
    if inputs.stages > 2:
        pair = (f"{step.name}-stage{inputs.stages - 1}", before.name)
        yield Step(
            name=f"{step.name}-agreed",
            action=CallAction(partial(agree, pair)),
            needs=pair,
            files=code_files(inputs.project.repository, *_AGREE_CODE),
            weight=2,
        )


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


def _placed(inputs: PlanInputs, archive: ToolchainArchive) -> tuple[list[Step], tuple[str, ...]]:
    """Return the same for a compiler that somebody has made before: steps of the same names, with the same trees."""
    trees = archive.manifest.trees
    steps = [
        Step(
            name=name,
            action=CallAction(partial(_place, archive.file.name, name, digest)),
            sources=(archive.file,),
            files=code_files(inputs.project.repository, *_PLACE_CODE),
            parameters={"digest": digest},
            target=inputs.target.triple,
            weight=10,
        )
        for name, digest in trees.items()
    ]
    return steps, tuple(trees)


def _place(archive: str, step: str, digest: str, context: CallContext) -> None:
    place_toolchain(context.source(archive), step, digest, context.out, context.work)
