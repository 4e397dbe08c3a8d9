"""The steps that make Clang from source on a Mac, and what everything that is compiled with it needs.

There is no GCC and no GNU linker in this chain; the Command Line Tools' Clang compiles ours, against the SDK::

    macos-cmake, macos-ninja ─► macos-llvm ─► (macos-llvm-stage2 ─► …) ─► macos-compiler-rt ─► macos-toolchain

An exported one is placed instead. What the steps are told of the machine (compiler, SDK, linker) is in their keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pythonbuild.config.recipes import with_needs
from pythonbuild.config.toolchains import BOOTSTRAP
from pythonbuild.distribution.toolchain_archive import Origin
from pythonbuild.engine.model import PinnedFile, Step
from pythonbuild.recipe_steps import PlanInputs, recipe_step
from pythonbuild.shipping import CompiledBy
from pythonbuild.toolchain_stages import placed, stages
from pythonbuild.toolchain_steps import Compiler, sources_of

TOOLCHAIN, CMAKE, LLVM = "macos-toolchain", "macos-cmake", "macos-llvm"
#: Of the target's variables, those that the recipes of a compiler need, too.
_OF_TARGET = ("DARWIN_ARCH", "MACOSX_DEPLOYMENT_TARGET")
#: Where the recipe of LLVM installs it: words of the shell, read when the compiler runs.
_CLANG, _PROFDATA = "$STEP_TOOLS/llvm/bin/clang", "$STEP_TOOLS/llvm/bin/llvm-profdata"


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
    made, result = (placed(inputs, archive), tuple(archive.manifest.trees)) if archive else _made(inputs, apple)
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
        made = stages(inputs, step)
        steps += made
        renamed[recipe.name] = made[-1].name
    return steps, tuple(renamed[name] for name in toolchain.recipes)


def _with(step: Step, parameters: Mapping[str, str]) -> Step:
    return replace(step, parameters={**step.parameters, **parameters})


def _unpacking(step: Step) -> Step:
    """Let a recipe take apart a Python package that is its source: it is no archive that every tar reads."""
    package: PinnedFile = step.sources[0]
    return _with(step, {"SOURCE_ARCHIVE": "", "CMAKE_PACKAGE": package.name})
