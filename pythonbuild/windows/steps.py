"""Steps that run a recipe of ``cpython-windows`` on the machine itself.

A recipe is run by the Python that this program was started with, outside of its virtual environment: recipes use the
standard library alone. Where things lie they are told by variables (:mod:`pythonbuild.engine.inside`), so that no key
has a path of the cache; those of Visual Studio and of the Python are in the keys, as what they are on this machine.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial

from pythonbuild.config.model import Recipe, Source
from pythonbuild.config.recipes import with_needs
from pythonbuild.engine.model import InputFile, PinnedFile, RecipeAction, Step
from pythonbuild.recipe_steps import PlanInputs

#: What runs every recipe, and what recipes share.
SHARED_FILES = ("driver.py", "patching.py", "toolbox.py")
#: The recipes of what is not compiled; and what variable names the program in their trees.
PERL, NASM, TCLTK = "strawberry-perl", "nasm", "tcltk"
PROGRAMS = {PERL: ("PERL", "perl/bin/perl.exe"), NASM: ("NASM", "nasm.exe")}
#: CPython's names of processors in directories, by ours.
ARCH_NAMES = {"x86_64": "amd64", "i686": "win32", "aarch64": "arm64"}


def recipe_of(dependency: str) -> str:
    """Return the recipe of a dependency: Tcl and Tk are one."""
    return TCLTK if dependency in ("tcl", "tk") else dependency


def base_python() -> str:
    """Return the Python that the virtual environment was made from."""
    return str(getattr(sys, "_base_executable", "") or sys.executable)


def script_parameters(inputs: PlanInputs, recipe: Recipe, source: Source | None, version: str,
                      archive: str) -> dict[str, str]:  # fmt: skip
    """Return the variables of a recipe's script."""
    return {
        **inputs.target.environment,
        "TEMP": "${STEP_BUILD}",
        "TMP": "${STEP_BUILD}",
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TARGET_TRIPLE": inputs.target.triple,
        "TARGET_ARCH": inputs.target.arch,
        "ARCH_NAME": ARCH_NAMES[inputs.target.arch],
        "SOURCE_ARCHIVE": archive,
        "SOURCE_VERSION": version,
        "LICENCE_NAME": source.name if source else "",
        "LICENCE_FILES": "\n".join(source.licence_files) if source else "",
        **recipe.parameters,
    }


def recipe_files(recipe: Recipe) -> tuple[InputFile, ...]:
    shared = [InputFile(name, recipe.directory.parent / name) for name in SHARED_FILES]
    own = sorted(path for path in recipe.directory.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return (*shared, *(InputFile(path.relative_to(recipe.directory).as_posix(), path) for path in own))


def run_recipe() -> RecipeAction:
    """Return the action of every recipe."""
    return RecipeAction((base_python(), "-I", "-X", "utf8", "${STEP_RECIPE}/driver.py"), root="")


def recipe_step(inputs: PlanInputs, recipe: Recipe, programs: Mapping[str, str]) -> Step:
    """Return the step of a recipe; ``programs`` are the variables of those that it may run, Perl and NASM."""
    needs = [need.name for need in with_needs(inputs.project.recipes, recipe.needs)]
    source = inputs.project.sources[recipe.source]
    pin = inputs.pin(source.name)
    file = PinnedFile(pin.filename, pin.sha256, partial(inputs.files.pin, pin))
    wanted = {name: value for name, value in programs.items() if name in recipe.parameters}
    parameters = {**script_parameters(inputs, recipe, source, pin.version, file.name), **wanted}
    return Step(
        name=recipe.name,
        action=run_recipe(),
        needs=(*needs, *pinned_programs(wanted)),
        files=recipe_files(recipe),
        sources=(file,),
        parameters=parameters,
        target=inputs.target.triple,
        weight=recipe.weight,
        memory=recipe.memory,
    )


def program_variables(inputs: PlanInputs, found: Mapping[str, str]) -> dict[str, str]:
    """Return what names Perl and NASM in steps: the machine's, or the pinned ones' place among a step's tools."""
    variables = {}
    for source, (variable, path) in PROGRAMS.items():
        if found.get(variable):
            variables[variable] = found[variable]
        elif source != NASM or inputs.target.arch != "aarch64":
            variables[variable] = f"${{STEP_TOOLS}}/{source}/{path}"
    return variables


def pinned_programs(variables: Mapping[str, str]) -> list[str]:
    """Return the steps that unpack what the variables name."""
    return [source for source, (variable, _) in PROGRAMS.items()
            if variables.get(variable, "").startswith("${STEP_TOOLS}/")]  # fmt: skip
