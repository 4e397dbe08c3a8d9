"""From a request to the plan of a build for Windows, and what has to be settled before.

    openssl, zlib, … ──────────────► cpython ─► (smaller) ─► interpreter ─► assemble ─► archive ─► validate
    pcbuild (CPython's projects, edited) ┘                                        └─► archive-install_only ─► validate-…

Recipes are those of ``cpython-windows/recipes``; which of them are needed, the description of the modules says.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pythonbuild.config.model import Recipe, Target, Toolchain
from pythonbuild.config.project import Project
from pythonbuild.config.recipes import with_needs
from pythonbuild.config.request import Request
from pythonbuild.cpython.leaving_out import WITHOUT
from pythonbuild.engine.model import CallAction, CallContext, InputFile, Plan, Step
from pythonbuild.errors import UsageError
from pythonbuild.pcbuild.catalogue import MODULES_FILE, PROJECTS_FILE, Catalogue, read_catalogue
from pythonbuild.pcbuild.edit import RECORD, EditOptions, edit_tree
from pythonbuild.recipe_steps import PlanInputs
from pythonbuild.shipping import CompiledBy, Shipment, archive_step, code_files, smaller_step
from pythonbuild.windows import shipping, steps
from pythonbuild.windows.host import Host
from pythonbuild.windows.leaving_out import NO_DLL
from pythonbuild.windows.linking import refuse_links
from pythonbuild.windows.places import check_place
from pythonbuild.windows.tools import Tools, find_tools, read_needed

STATIC = "static"
#: What the edit calls processors, where that is not what targets do.
_EDITED_ARCH = {"aarch64": "arm64"}
#: Folders of CPython's source that no project of PCbuild names anything in.
_UNUSED = ("Doc", "Lib", "Mac", "Misc", "Tools")
#: Wishes that builds for Windows do not know, with the flag of each and what it is when nobody wishes.
_UNKNOWN = (
    ("profile", "--profile", None),
    ("toolchain_archive", "--toolchain-archive", ""),
    ("compiler", "--cc", ""),
    ("stages", "--stages", 1),
)


def choose_tools(request: Request, project: Project, target: Target, host: Host | None = None) -> Tools:
    """Return what was found on the machine. Raises UsageError for what a build for Windows cannot do or use."""
    for name, flag, usual in _UNKNOWN:
        if getattr(request, name) != usual:
            raise UsageError(f"{flag}: not there for Windows", advice=f"leave out {flag}")
    refuse_links(request.link, read_catalogue(project.windows))
    if request.toolchain != "packaged":
        raise UsageError("--toolchain: builds for Windows use the machine's Visual Studio", found=request.toolchain,
                         advice="leave out --toolchain")  # fmt: skip
    if request.debug_shell:
        raise UsageError("--debug-shell: not there for Windows", advice="run the step's command from its log")
    needed = read_needed(project.windows)
    tools = find_tools(host or Host(), needed, target.arch)
    check_place("--cache-dir", request.cache)
    return tools


def is_static(options: str) -> bool:
    """Tell whether there is a pythonXY.lib instead of pythonXY.dll."""
    return STATIC in options.split("+")


def make_windows_plan(inputs: PlanInputs, host: Host | None = None) -> Plan:
    """Return the plan of one distribution."""
    host = host or Host()
    catalogue = read_catalogue(inputs.project.windows)
    recipes = _recipes(inputs, catalogue)
    asked = {name for recipe in recipes for name in recipe.parameters}
    programs = steps.program_variables(inputs, inputs.toolchain.programs)
    programs = {name: path for name, path in programs.items() if name in asked}
    pinned = [inputs.project.recipes[name] for name in steps.pinned_programs(programs)]
    edited = _edit_step(inputs)
    cpython = _cpython_step(inputs, [*(recipe.name for recipe in recipes), edited.name])
    smaller = smaller_step(inputs.left_out, cpython) if inputs.left_out else None
    shipment = Shipment(
        project=inputs.project,
        target=inputs.target,
        options=inputs.options,
        version=inputs.interpreter.version,
        interpreter_source=inputs.interpreter.source,
        interpreter_file=inputs.interpreter.file,
        cpython=(smaller or cpython).name,
        recipes=tuple(recipes),
        pin=inputs.pin,
        compiler=CompiledBy(inputs.toolchain.name, tuple(recipe.name for recipe in pinned)),
        tag=inputs.tag,
        python_json=inputs.python_json,
        left_out=inputs.left_out,
    )
    interpreter = shipping.interpreter_step(shipment, host)
    assemble = shipping.assemble_step(shipment, inputs.toolchain, interpreter, _omitted(inputs, catalogue))
    archive = archive_step(shipment, assemble)
    validate = shipping.validate_step(shipment, archive, host)
    kinds = [kind for kind in inputs.archives if kind != "full"]
    installations = [shipping.installation_step(shipment, assemble, kind) for kind in kinds]
    checked = [shipping.validate_step(shipment, step, host, described=False) for step in installations]
    plan = (
        *(steps.recipe_step(inputs, recipe, programs) for recipe in (*pinned, *recipes)),
        edited,
        cpython,
        *([smaller] if smaller else []),
        interpreter,
        assemble,
        archive,
        validate,
        *installations,
        *checked,
    )
    goals = [validate.name, *([archive.name] if "full" in inputs.archives else [])]
    goals += [step.name for pair in zip(checked, installations, strict=True) for step in pair]
    return Plan(plan, tuple(goals))


def _recipes(inputs: PlanInputs, catalogue: Catalogue) -> list[Recipe]:
    """Return the recipes of all dependencies that the modules of this version need, Tcl and Tk as one."""
    version, gone = inputs.interpreter.version, inputs.left_out.extensions
    static = is_static(inputs.options)
    names = []
    for name, module in catalogue.modules_in(version).items():
        if name not in gone and not (static and module.linkage == "shared"):
            names += [need.name for need in catalogue.needs(module, version)]
    wanted = dict.fromkeys(map(steps.recipe_of, sorted(names)))
    return with_needs(inputs.project.recipes, wanted)


def _omitted(inputs: PlanInputs, catalogue: Catalogue) -> dict[str, str]:
    """Return the modules that the distribution has not got, with the reasons."""
    modules = catalogue.modules_in(inputs.interpreter.version)
    omitted = {name: module.reason for name, module in modules.items() if module.linkage == "omitted"}
    if is_static(inputs.options):
        omitted |= {name: NO_DLL for name, module in modules.items() if module.linkage == "shared"}
    return dict(sorted((omitted | dict(inputs.left_out.extensions)).items()))


def edit_options(inputs: PlanInputs) -> EditOptions:
    words = inputs.options.split("+")
    arch = _EDITED_ARCH.get(inputs.target.arch, inputs.target.arch)
    without = tuple(name for name, reason in inputs.left_out.extensions.items() if reason == WITHOUT)
    return EditOptions(arch, static=STATIC in words, optimized="pgo" in words, without=without)


def _edit_step(inputs: PlanInputs) -> Step:
    """Return the step that edits CPython's projects; its tree holds what it changed, ``tools/pcbuild``."""
    interpreter, directory, options = inputs.interpreter, inputs.project.windows, edit_options(inputs)

    def edit(context: CallContext) -> None:
        source = context.work / "source"
        unpack_projects(context.source(interpreter.file.name), source)
        edit_tree(source, interpreter.version, options, read_catalogue(directory))
        record = json.loads((source / RECORD).read_text("utf-8"))
        for name in (RECORD, *(name for name, digest in record["files"].items() if digest)):
            kept = context.out / "tools/pcbuild" / name
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, kept)

    return Step(
        name=f"pcbuild-{interpreter.version}-{inputs.options}",
        action=CallAction(edit),
        files=(
            *(InputFile(name, directory / name) for name in (MODULES_FILE, PROJECTS_FILE)),
            *code_files(inputs.project.repository, "pcbuild/*.py", "cpython/*.py", "config/document.py",
                        "windows/planning.py"),
        ),
        sources=(interpreter.file,),
        parameters={"version": interpreter.version, "options": repr(options)},
        target=inputs.target.triple,
        weight=10,
    )  # fmt: skip


def unpack_projects(archive: Path, directory: Path) -> None:
    """Unpack of CPython's source what its projects name, its one top directory stripped."""
    with tarfile.open(archive) as tar:
        for member in tar:
            parts = PurePosixPath(member.name).parts[1:]
            content = tar.extractfile(member) if member.isreg() else None
            if content and parts and parts[0] not in _UNUSED and ".." not in parts:
                path = directory.joinpath(*parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())


def _cpython_step(inputs: PlanInputs, needs: list[str]) -> Step:
    interpreter, recipe = inputs.interpreter, inputs.project.recipes["cpython"]
    own = script_parameters(inputs, recipe)
    return Step(
        name=f"{interpreter.name}-{inputs.options}",
        action=steps.run_recipe(),
        needs=tuple(needs),
        files=steps.recipe_files(recipe),
        sources=(interpreter.file,),
        parameters=own,
        target=inputs.target.triple,
        weight=recipe.weight * (3 if "pgo" in inputs.options.split("+") else 1),
        memory=recipe.memory,
    )


def script_parameters(inputs: PlanInputs, recipe: Recipe) -> dict[str, str]:
    """Return the variables of CPython's recipe."""
    interpreter = inputs.interpreter
    given = steps.script_parameters(inputs, recipe, interpreter.source, interpreter.version, interpreter.file.name)
    return {
        **given,
        "LICENCE_NAME": "cpython",
        "BUILD_OPTIONS": inputs.options,
        "WITHOUT_TESTS": "yes" if inputs.left_out.no_tests else "no",
        "WITHOUT_TK": "yes" if inputs.left_out.no_tk else "no",
    }


def toolchain_of(tools: Tools) -> Toolchain:
    """Return the machine's toolchain, with the programs that were found."""
    found: Mapping[str, str] = {"PERL": tools.perl, "NASM": tools.nasm}
    return replace(tools.toolchain(), programs={name: path for name, path in found.items() if path})
