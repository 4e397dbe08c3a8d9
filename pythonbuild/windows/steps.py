"""Steps that run a recipe of ``cpython-windows`` on the machine itself, and those that unpack pinned programs.

A recipe is run by the Python that this program was started with, outside of its virtual environment: recipes use the
standard library alone. Where things lie they are told by variables (:mod:`pythonbuild.engine.inside`), so that no key
has a path of the cache; those of Visual Studio and of the Python are in the keys, as what they are on this machine.
"""

from __future__ import annotations

import shutil
import sys
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from pythonbuild.config.model import Recipe, Source
from pythonbuild.config.recipes import with_needs
from pythonbuild.engine.model import CallAction, CallContext, InputFile, PinnedFile, RecipeAction, Step
from pythonbuild.errors import DistributionError
from pythonbuild.recipe_steps import PlanInputs
from pythonbuild.shipping import code_files

#: What runs every recipe, and what recipes share.
SHARED_FILES = ("driver.py", "patching.py", "toolbox.py")
#: The steps that unpack pinned programs, by the source; and what variable names the program in their trees.
PERL, NASM, TCLTK = "strawberry-perl", "nasm", "tcltk"
_PROGRAMS = {PERL: ("PERL", "perl/bin/perl.exe"), NASM: ("NASM", "nasm.exe")}
#: Directories that are not needed of a program's archive (Strawberry Perl brings a whole C compiler).
_NOT_NEEDED = {PERL: ("c", "cpan", "data")}
#: CPython's names of processors in directories, by ours.
ARCH_NAMES = {"x86_64": "amd64", "i686": "win32", "aarch64": "arm64"}


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


def recipe_files(inputs: PlanInputs, recipe: Recipe) -> tuple[InputFile, ...]:
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
        needs=tuple([*needs, *(step for step in pinned_programs(wanted))]),
        files=recipe_files(inputs, recipe),
        sources=(file,),
        parameters=parameters,
        target=inputs.target.triple,
        weight=recipe.weight,
        memory=recipe.memory,
    )


def program_variables(inputs: PlanInputs, found: Mapping[str, str]) -> dict[str, str]:
    """Return what names Perl and NASM in steps: the machine's, or the pinned ones' place among a step's tools."""
    variables = {}
    for source, (variable, path) in _PROGRAMS.items():
        if found.get(variable):
            variables[variable] = found[variable]
        elif source != NASM or inputs.target.arch != "aarch64":
            variables[variable] = f"${{STEP_TOOLS}}/{source}/{path}"
    return variables


def pinned_programs(variables: Mapping[str, str]) -> list[str]:
    """Return the steps that unpack what the variables name."""
    return [source for source, (variable, _) in _PROGRAMS.items()
            if variables.get(variable, "").startswith("${STEP_TOOLS}/")]  # fmt: skip


def unpacking_step(inputs: PlanInputs, name: str) -> Step:
    """Return the step that unpacks pinned programs or DLLs; its tree holds ``tools/<name>`` and licence texts."""
    source = inputs.project.sources[name]
    pin = inputs.pin(name)

    def unpack(context: CallContext) -> None:
        top = context.out / "tools" / name
        unpack_archive(context.source(pin.filename), top, _NOT_NEEDED.get(name, ()))
        for text in source.licence_files:
            kept = context.out / "licenses" / name / PurePosixPath(text).name
            kept.parent.mkdir(parents=True, exist_ok=True)
            if not (top / text).is_file():
                raise DistributionError(f"{pin.filename}: licence file {text} is not in it",
                                        advice="correct the source's licence_files")  # fmt: skip
            shutil.copyfile(top / text, kept)

    return Step(
        name=name,
        action=CallAction(unpack),
        files=code_files(inputs.project.repository, "windows/steps.py"),
        sources=(PinnedFile(pin.filename, pin.sha256, partial(inputs.files.pin, pin)),),
        parameters={"licences": " ".join(source.licence_files)},
        weight=20,
    )


def unpack_archive(archive: Path, top: Path, without: Sequence[str] = ()) -> None:
    """Unpack a .zip or tar archive into ``top``, less its one top directory if it has only one."""
    names = _names(archive)
    first = {name.split("/")[0] for name in names}
    strip = 1 if len(first) == 1 and all("/" in name for name in names) else 0

    def place(name: str) -> Path | None:
        parts = PurePosixPath(name).parts[strip:]
        if not parts or parts[0] in without:
            return None
        if ".." in parts or PurePosixPath(name).is_absolute() or ":" in name or "\\" in name:
            raise DistributionError(f"{archive.name}: a member that leads out", found=name)
        return top.joinpath(*parts)

    top.mkdir(parents=True)
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                if not info.is_dir() and (path := place(info.filename)):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(zipped.read(info))
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            if content and (path := place(member.name)):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
                path.chmod(0o755 if member.mode & 0o100 else 0o644)


def _names(archive: Path) -> list[str]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            return [info.filename for info in zipped.infolist() if not info.is_dir()]
    with tarfile.open(archive) as tar:
        return [member.name for member in tar if member.isreg()]
