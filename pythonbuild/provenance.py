"""What is written beside each archive when it is published: its SBOM, and the statement of how it was made.

Both follow from what is published already, so they are no steps: the SBOM is the one of the assembled distribution, cut
to what the archive holds; the statement is read off the plan that was executed.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path, PurePosixPath

from pythonbuild.config.model import SNAPSHOT_ARCHIVE
from pythonbuild.config.request import Request
from pythonbuild.distribution import sbom_text, statement
from pythonbuild.distribution.archive import TOP, ArchiveError, read_members, read_metadata
from pythonbuild.engine.executor import Result
from pythonbuild.engine.keys import ENGINE_VERSION
from pythonbuild.engine.model import Plan
from pythonbuild.engine.store import Store
from pythonbuild.errors import OutputError
from pythonbuild.recipe_steps import PlanInputs

#: Wishes that change how a build goes, or where, but never what comes of it.
_HOW = frozenset({
    "repository", "environment", "jobs", "cache", "output", "source_dirs", "mirrors", "offline", "keep_going",
    "debug_shell", "steps_at_once",
})  # fmt: skip


def write_companions(
    archives: Mapping[Path, str], request: Request, inputs: PlanInputs, plan: Plan, results: Mapping[str, Result],
    store: Store,
) -> list[Path]:  # fmt: skip
    """Write the SBOM and the statement of each archive (path → sha256) beside it; return their paths.

    Raises OutputError when that cannot be done.
    """
    whole = _assembled_sbom(plan, results, store)
    provenance = describe(request, inputs, plan, results)
    written = []
    for archive, sha256 in archives.items():
        subjects = {archive.name: sha256}
        if whole:
            text = sbom_of(archive, whole)
            path = archive.with_name(archive.name + sbom_text.SUFFIX)
            _write(path, text)
            subjects[path.name] = hashlib.sha256(text.encode("utf-8")).hexdigest()
            written.append(path)
        path = archive.with_name(archive.name + statement.SUFFIX)
        _write(path, statement.render_statement(subjects, provenance))
        written.append(path)
    return written


def _assembled_sbom(plan: Plan, results: Mapping[str, Result], store: Store) -> str:
    """Return the SBOM of the distribution that the plan assembles; "" if its tree has none."""
    path = f"{TOP}/{sbom_text.NAME}"
    for step in plan.steps:
        if step.name.startswith("assemble-") and path in store.tree(results[step.name].digest).entries:
            with tempfile.TemporaryDirectory(prefix="sbom-") as directory:
                store.materialise(results[step.name].digest, Path(directory) / "tree", select=(path,), copy=True)
                return (Path(directory) / "tree" / path).read_text("utf-8")
    return ""


def sbom_of(archive: Path, whole: str) -> str:
    """Return the SBOM of an archive: the distribution's own, or what is left of it in an archive of the installation.

    There, what was in ``install/`` is directly below the top, and licence texts are in a folder of theirs.
    """
    try:
        read_metadata(archive)
    except ArchiveError:
        pass
    else:
        return whole
    names = {PurePosixPath(member.name).relative_to(TOP).as_posix() for member in read_members(archive)}
    licences = {PurePosixPath(name).name: name for name in names if "/licenses/" in name}

    def place(path: str) -> str | None:
        part, _, below = path.partition("/")
        if part == "licenses":
            return licences.get(below)
        return below if part == "install" and below in names else None

    return sbom_text.restricted(whole, place)


def describe(request: Request, inputs: PlanInputs, plan: Plan, results: Mapping[str, Result]) -> statement.Provenance:
    """Return what an executed plan says of how its archives were made."""
    done = [step for step in plan.steps if step.name in results and results[step.name].digest]
    return statement.Provenance(
        request=_wishes(request),
        settled={
            "engine": ENGINE_VERSION,
            "version": inputs.interpreter.version,
            "options": inputs.options,
            "targetTriple": inputs.target.triple,
            "goals": list(plan.goals),
        },
        inputs=_files(inputs, plan),
        steps=[
            statement.Made(step.name, results[step.name].key, results[step.name].digest, step.needs) for step in done
        ],
        commit=commit_of(request.repository),
    )


def _wishes(request: Request) -> dict[str, object]:
    """Return the wishes that shape the result. A path is told by its last name: directories are nobody's business."""
    wishes: dict[str, object] = {}
    for field in fields(request):
        value = getattr(request, field.name)
        if field.name not in _HOW and value != field.default:
            plain = value.name if isinstance(value, Path) else value
            wishes[field.name] = list(map(_word, plain)) if isinstance(plain, tuple) else plain
    return {name: value for name, value in wishes.items() if value is not None}


def _word(item: object) -> object:
    """Return one of several wishes as the user would give it: a pair is NAME=VALUE."""
    return "=".join(map(str, item)) if isinstance(item, tuple) else item


def _files(inputs: PlanInputs, plan: Plan) -> list[statement.Input]:
    """Return every pinned file of the plan, by name, with the steps that read it."""
    addresses, steps, names = _addresses(inputs), dict[str, list[str]](), dict[str, str]()
    for step in plan.steps:
        for source in step.sources:
            names.setdefault(source.sha256, source.name)
            steps.setdefault(source.sha256, []).append(step.name)
    order = sorted(names, key=lambda sha256: (names[sha256], sha256))
    return [statement.Input(names[sha], sha, tuple(addresses.get(sha, ())), tuple(steps[sha])) for sha in order]


def _addresses(inputs: PlanInputs) -> dict[str, Sequence[str]]:
    """Return where files can be had from by everybody, by sha256: upstream, and the snapshot archive."""
    newest = max((lock.snapshot for lock in inputs.locks.values()), default="")
    found: dict[str, Sequence[str]] = {}
    for source in inputs.project.sources.values():
        for pin in source.pins:
            pool = [f"{SNAPSHOT_ARCHIVE}/{newest}/{pin.pool_path}"] if pin.pool_path and newest else []
            found[pin.sha256] = [*pin.urls, *pool]
    for lock in inputs.locks.values():
        for package in lock.packages:
            found[package.sha256] = [f"{SNAPSHOT_ARCHIVE}/{lock.snapshot}/{package.path}"]
    return found


def commit_of(repository: Path) -> statement.Commit | None:
    """Return the commit that is checked out, None where git or the repository's history is missing."""
    git = shutil.which("git")
    if git is None or not (repository / ".git").exists():
        return None
    answers = []
    for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain"]):
        done = subprocess.run([git, "-C", str(repository), *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            return None
        answers.append(done.stdout.strip())
    return statement.Commit(answers[0], changed=bool(answers[1]))


def _write(path: Path, text: str) -> None:
    """Write a file beside its place and rename it there, unless the same bytes are there already."""
    beside = path.with_name(f".{path.name}.partial")
    try:
        if path.is_file() and path.read_bytes() == text.encode("utf-8"):
            return
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(path)
    except OSError as error:
        raise OutputError(f"--output: {path} cannot be written", found=error.strerror) from error
    finally:
        beside.unlink(missing_ok=True)
