"""What stands between a request and its plan: which CPython, from where, with which locks.

This is the only part of a build that may use the network. It settles what a series means today (the newest pin that
can be had), what a lock whose packages are gone becomes, and brings every pinned file that the steps to come will
read, before the first of them starts.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path, PurePosixPath

from pythonbuild.config.links import check_names
from pythonbuild.config.locks import load_lock, write_lock
from pythonbuild.config.model import Lock, LockedPackage, Pin, Target, Toolchain
from pythonbuild.config.options import FREETHREADED, check_options, check_version
from pythonbuild.config.project import Project
from pythonbuild.config.request import Request
from pythonbuild.config.sources import Selection, select
from pythonbuild.config.targets import find_target
from pythonbuild.config.toolchains import compiled_by
from pythonbuild.cpython.leaving_out import LeftOut, Scene, leave_out
from pythonbuild.cpython.modules import read_modules
from pythonbuild.cpython.setupfiles import cpython_version
from pythonbuild.debian.apt_sources import mirror_bases
from pythonbuild.debian.packages import fetch_debs, package_urls
from pythonbuild.distribution.profile import find_profile
from pythonbuild.engine.events import EventSink, FetchProgress, Note
from pythonbuild.engine.model import PinnedFile, Step
from pythonbuild.errors import UsageError
from pythonbuild.planning import lock_names, modules_file
from pythonbuild.recipe_steps import Interpreter, PlanInputs
from pythonbuild.sources.fetch import Fetcher
from pythonbuild.sources.places import Places
from pythonbuild.sources.resolve import resolve
from pythonbuild.toolchain_choice import choose_toolchain

_FETCH_JOBS = 6
#: The oldest time that every archive format of a distribution can hold (zip's epoch).
_SOURCE_TIME = 315532800


class Files:
    """The pinned files of a plan, by way of one fetcher; the planning floor's ``FileSource``."""

    def __init__(self, fetcher: Fetcher, bases: Callable[[], list[str]]) -> None:
        self.fetcher = fetcher
        self.bases = bases

    def pin(self, pin: Pin) -> Path:
        return self.fetcher.fetch(pin)

    def package(self, package: LockedPackage, snapshot: str) -> Path:
        urls = package_urls(package, snapshot, self.bases())
        return self.fetcher.fetch_file(PurePosixPath(package.path).name, package.sha256, package.size, urls)


@dataclass(frozen=True)
class Preparation:
    """A request that is understood: ready to be planned."""

    inputs: PlanInputs
    files: Files
    request: Request
    sink: EventSink = field(repr=False)


def make_fetcher(request: Request, project: Project, sink: EventSink) -> Fetcher:
    """Return the fetcher of a request."""
    places = Places(
        source_dirs=request.source_dirs,
        mirrors=request.mirrors,
        pool_bases=cached_bases,
        snapshot=_snapshot(project),
    )

    def progress(file: str, done: int, total: int) -> None:
        sink(FetchProgress(file, done, total, finished=done == total))

    return Fetcher(
        request.cache / "downloads",
        places,
        offline=request.offline,
        jobs=_FETCH_JOBS,
        note=lambda text: sink(Note(text, "warning")),
        progress=progress,
    )


@cache
def cached_bases() -> list[str]:
    """Return the machine's Debian mirrors; its apt configuration is read once."""
    return mirror_bases()


def _snapshot(project: Project) -> str:
    """Return the newest timestamp of the locks: the pool's files could be had then."""
    return max((load_lock(path).snapshot for path in (project.unix / "locks").glob("*.yml")), default="")


def prepare(request: Request, project: Project, fetcher: Fetcher, sink: EventSink, *,
            settle: bool = True) -> Preparation:  # fmt: skip
    """Understand a request. Raises UsageError for what it names and does not exist, SourceError for what is gone.

    With ``settle`` false nobody asks whether the newest pin of the CPython can be had: the caller builds none.
    """
    if project.system == "windows":
        return _prepare_windows(request, project, fetcher, sink, settle=settle)
    chosen = choose_toolchain(request, project, fetcher)
    toolchain = chosen.toolchain
    if chosen.archive and chosen.imported:
        sink(Note(f"{toolchain.name}: {chosen.archive.file.name}, which was imported"))
    target = compiled_by(find_target(project.targets, request.target_triple), toolchain)
    options = choose_options(request, target, toolchain, sink)
    check_options("--options", options, target.options)
    check_names(project.recipes, dict(request.link))
    files = Files(fetcher, cached_bases)
    profile = _profile(request, options, toolchain)
    if not request.python_source:
        check_version("--options", options, _selected(request, project).candidates[0].version)
    interpreter = choose_interpreter(request, project, fetcher, sink, settle=settle)
    check_version("--options", options, interpreter.version)
    inputs = PlanInputs(
        project=project,
        target=target,
        toolchain=toolchain,
        stages=request.stages,
        toolchain_archive=chosen.archive,
        options=options,
        interpreter=interpreter,
        locks=load_locks(request, project, target),
        files=files,
        archives=request.archives,
        python_json=request.python_json,
        profile=profile,
        profile_task=request.profile_task,
        tag=request.tag,
        link=dict(request.link),
        left_out=find_left_out(request, project, interpreter.version, target, sink),
    )
    return Preparation(inputs, files, request, sink)


def _prepare_windows(request: Request, project: Project, fetcher: Fetcher, sink: EventSink, *,
                     settle: bool) -> Preparation:  # fmt: skip
    """Understand a request for Windows, where the toolchain is the machine's own."""
    from pythonbuild.windows.leaving_out import left_out
    from pythonbuild.windows.planning import choose_tools, is_static, toolchain_of

    target = find_target(project.targets, request.target_triple)
    tools = choose_tools(request, project, target)
    for note in tools.notes:
        sink(Note(note))
    toolchain = toolchain_of(tools)
    target = compiled_by(target, toolchain)
    options = choose_options(request, target, toolchain, sink)
    check_options("--options", options, target.options)
    interpreter = choose_interpreter(request, project, fetcher, sink, settle=settle)
    check_version("--options", options, interpreter.version)
    gone = left_out(request, project, interpreter.version, read_modules(modules_file(project)).modules,
                    static=is_static(options))  # fmt: skip
    tell_what_goes_along(gone, sink)
    files = Files(fetcher, cached_bases)
    inputs = PlanInputs(
        project=project,
        target=target,
        toolchain=toolchain,
        options=options,
        interpreter=interpreter,
        locks={},
        files=files,
        archives=request.archives,
        python_json=request.python_json,
        tag=request.tag,
        left_out=gone,
    )
    return Preparation(inputs, files, request, sink)


def find_left_out(request: Request, project: Project, version: str, target: Target, sink: EventSink) -> LeftOut:
    """Return what the build is to be without, and say what goes that nobody named. Raises UsageError."""
    scene = Scene(read_modules(modules_file(project)), version, target.os, project.recipes)
    left_out = leave_out(scene, request.without, no_tests=request.no_tests, no_tk=request.no_tk)
    tell_what_goes_along(left_out, sink)
    return left_out


def tell_what_goes_along(left_out: LeftOut, sink: EventSink) -> None:
    for name, tested in left_out.along.items():
        sink(Note(f"{name} is left out, too: it only tests {tested}"))


def choose_options(request: Request, target: Target, toolchain: Toolchain, sink: EventSink) -> str:
    able = [option for option in target.options if option in toolchain.options or not toolchain.options]
    if request.optimized:
        sink(Note(f"--optimized: {able[-1]}, the best that {target.triple} has with {toolchain.name}"))
        return able[-1]
    base = request.options.removeprefix(f"{FREETHREADED}+")
    if base in target.options and base not in able:
        raise UsageError(f"--options: {toolchain.name} cannot do that", found=request.options,
                         expected=f"one of {', '.join(able)}",
                         advice="PGO and LTO are Clang's: leave out --cc gcc")  # fmt: skip
    return request.options


def _profile(request: Request, options: str, toolchain: Toolchain) -> PinnedFile | None:
    """Return the profile that the request names: the file itself, or a copy of the one in an archive."""
    if request.profile is None:
        return None
    if "pgo" not in options.split("+"):
        raise UsageError("--profile: nothing would use it", found=f"--options {options}", expected="pgo or pgo+lto",
                         advice="add --options pgo+lto or --optimized")  # fmt: skip
    path = find_profile(request.profile, request.cache / "downloads", options, toolchain.series)
    return PinnedFile("cpython.profdata", _sha256(path), lambda: path)


def choose_interpreter(request: Request, project: Project, fetcher: Fetcher, sink: EventSink, *,
                       settle: bool = True) -> Interpreter:  # fmt: skip
    """Return the CPython to build: of ``--python-source``, or the pin that ``--python`` stands for."""
    if request.python_source:
        return _own_source(request.python_source, request, project, sink)
    selection = _selected(request, project)
    pin = selection.candidates[0]
    if settle:
        pin = resolve(fetcher, selection.candidates, exact=selection.exact or request.locked)
    file = PinnedFile(pin.filename, pin.sha256, partial(fetcher.fetch, pin))
    return Interpreter(pin.version, selection.source, file)


def _selected(request: Request, project: Project) -> Selection:
    selection = select(project.sources, request.python)
    if not selection.source.name.startswith("cpython-"):
        raise UsageError("--python: not a CPython", found=request.python, expected="such as 3.13 or 3.13.5")
    return selection


def _own_source(path: Path, request: Request, project: Project, sink: EventSink) -> Interpreter:
    version = cpython_version(path)
    series = "cpython-" + ".".join(version.split(".")[:2])
    if series not in project.sources:
        known = ", ".join(name for name in project.sources if name.startswith("cpython-"))
        raise UsageError(f"--python-source: {path} is a CPython of an unknown series", found=version,
                         expected=f"one of {known}", advice="docs/adding-a-python-version.rst")  # fmt: skip
    archive = _pack(path, request.cache / "downloads") if path.is_dir() else path.resolve()
    sha256 = _sha256(archive)
    sink(Note(f"building {path} as CPython {version}"))
    return Interpreter(version, project.sources[series], PinnedFile(archive.name, sha256, lambda: archive))


def _pack(directory: Path, downloads: Path) -> Path:
    """Pack a source tree into a tar that depends on its files' names, content and modes only; return its path."""
    downloads.mkdir(parents=True, exist_ok=True)
    beside = downloads / f".python-source.{os.getpid()}.tar"
    try:
        with tarfile.open(beside, "w", format=tarfile.GNU_FORMAT) as tar:
            for path in sorted(directory.rglob("*")):
                name = path.relative_to(directory)
                if name.parts[0] != ".git" and "__pycache__" not in name.parts and not path.is_dir():
                    _add(tar, path, f"python-source/{name.as_posix()}")
        packed = downloads / f"python-source-{_sha256(beside)[:16]}.tar"
        beside.replace(packed)
    finally:
        beside.unlink(missing_ok=True)
    return packed


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    info = tar.gettarinfo(path, name)
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = _SOURCE_TIME
    info.mode = 0o755 if info.mode & 0o100 else 0o644
    if info.islnk():  # a second name of a file already added: give it content of its own
        info.type, info.linkname, info.size = tarfile.REGTYPE, "", path.stat().st_size
    if info.isreg():
        with path.open("rb") as content:
            tar.addfile(info, content)
    elif info.issym():
        tar.addfile(info)


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def load_locks(request: Request, project: Project, target: Target) -> dict[str, Lock]:
    """Return the locks, each replaced by what an earlier run had to make of it, unless that is forbidden."""
    locks = {}
    for name in lock_names(project, target):
        path = project.unix / "locks" / f"{name}.yml"
        made = _replacement(request, path)
        use = made if made.exists() and not request.locked else path
        locks[name] = replace(load_lock(use), name=name, locked=use == path)
    return locks


def _replacement(request: Request, path: Path) -> Path:
    """Return where a lock is kept whose packages were partly gone; it is forgotten when the lock itself changes."""
    return request.cache / "locks" / f"{path.stem}-{_sha256(path)[:16]}.yml"


def settle_pins(preparation: Preparation, steps: Iterable[Step], *, fetch: bool) -> Preparation:
    """Return the preparation with the newest pins that can be had, for the steps that are not cached.

    Whether a pin can be had is found out by having it; without ``fetch`` what is at hand decides.
    """
    inputs, fetcher = preparation.inputs, preparation.files.fetcher
    recipes = (inputs.project.recipes[step.name] for step in steps if step.name in inputs.project.recipes)
    sources = [inputs.project.sources[name] for recipe in recipes if (name := inputs.source_of(recipe))]
    uncertain = [source for source in sources if len(source.pins) > 1 and not fetcher.have(source.pins[0])]
    if fetch:
        with ThreadPoolExecutor(_FETCH_JOBS) as pool:
            exact = preparation.request.locked
            chosen = list(pool.map(lambda source: resolve(fetcher, source.pins, exact=exact), uncertain))
    else:
        chosen = [next(filter(fetcher.nearby, source.pins), source.pins[0]) for source in uncertain]
    pins = {source.name: pin for source, pin in zip(uncertain, chosen, strict=True)}
    return replace(preparation, inputs=replace(inputs, pins=pins))


def fetch_inputs(preparation: Preparation, steps: Sequence[Step]) -> Preparation:
    """Bring every pinned file of the steps that will run; return the preparation, with other locks if need be.

    Several missing files are one error that names all of them.
    """
    inputs, request = preparation.inputs, preparation.request
    names = {step.name for step in steps}
    locks: dict[str, Lock] = dict(inputs.locks)
    for name, step_name in lock_names(inputs.project, inputs.target).items():
        if step_name in names:
            locks[name] = _fetch_lock(preparation, locks[name])
    pins = [source for step in steps for source in step.sources if not source.name.endswith(".deb")]
    preparation.files.fetcher.gather([pin.path for pin in {pin.sha256: pin for pin in pins}.values()])
    if request.locked or all(lock.locked for lock in locks.values()):
        return preparation
    return replace(preparation, inputs=replace(inputs, locks=locks))


def _fetch_lock(preparation: Preparation, lock: Lock) -> Lock:
    request, files, sink = preparation.request, preparation.files, preparation.sink
    debs = fetch_debs(
        lock,
        files.fetcher.fetch_file,
        bases=files.bases(),
        locked=request.locked or request.offline,
        note=lambda text: sink(Note(text, "warning")),
        jobs=_FETCH_JOBS,
    )
    if debs.lock != lock:
        path = _replacement(request, preparation.inputs.project.unix / "locks" / f"{lock.name}.yml")
        write_lock(replace(debs.lock, name=path.stem), path.parent)
    return debs.lock
