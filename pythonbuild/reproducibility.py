"""Bit for bit: builds what was asked for twice, under conditions that differ in everything that must not matter.

Or once, to compare with an archive that somebody else has built. docs/reproducibility.rst tells what that proves.

On macOS and Windows, where steps run on the machine itself, both builds run there, and it is their places that differ:
what a path gets into is what can go wrong there.

What cannot be varied here is not: the verification's remarks say so. The clock is one of those things: wall-clock time
has no namespace, and a library put before the C library would be a change of the environment that is to be tested. So
the second build runs later, in a time zone in which it is always another day, on files of another time.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pythonbuild import host
from pythonbuild.config.native_targets import find_macos_target
from pythonbuild.config.options import long_options
from pythonbuild.config.project import Project
from pythonbuild.config.request import Request
from pythonbuild.config.targets import find_target
from pythonbuild.distribution import sbom_text, statement
from pythonbuild.distribution.archive import read_metadata
from pythonbuild.distribution.compare import Comparison, compare, compare_texts
from pythonbuild.distribution.diffoscope import look_deeper
from pythonbuild.distribution.later_json import read_any_format
from pythonbuild.distribution.left_out import record_of
from pythonbuild.distribution.names import ArchiveName, ArchiveNameError, read_name
from pythonbuild.distribution.profile import find_profile
from pythonbuild.distribution.python_json import PythonJson
from pythonbuild.elsewhere import (
    Built,
    Conditions,
    ElsewhereError,
    build_elsewhere,
    can_build,
    files_of,
    furnish,
    give,
    myself,
    nobodies,
    remove,
)
from pythonbuild.engine.events import EventSink, Note
from pythonbuild.errors import UsageError

#: 2001-02-03 04:05:06 UTC: no file of the project is that old.
_LONG_AGO = 981173106
#: What a careless recipe would take from its caller.
_STRAY = {"CC": "false", "CFLAGS": "-O0 -DSTRAY", "LDFLAGS": "-Wl,--no-such-flag", "SOURCE_DATE_EPOCH": "1"}
_PLAIN = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "<+14>-14"}
_ODD = {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8", "TZ": "<-11>11", **_STRAY}
#: Windows' C library knows time zones of three letters only, and its compiler and linker have variables for flags.
_WINDOWS_STRAY = {**_STRAY, "CL": "/DSTRAY", "LINK": "/OPT:NOREF"}
_WINDOWS_PLAIN, _WINDOWS_ODD = {**_PLAIN, "TZ": "AAA-14"}, {**_ODD, "TZ": "BBB11", **_WINDOWS_STRAY}
#: On fewer cores than these, leaving one out would make the build much longer.
_MANY_CORES = 4


@dataclass(frozen=True)
class Wishes:
    """What to verify. ``given`` names the request's fields that the user has set; an archive tells the others."""

    request: Request
    against: Path | None = None
    work: Path | None = None
    keep: bool = False
    given: Set[str] = frozenset()


@dataclass(frozen=True)
class Verification:
    """What came out. ``rows`` are condition, first build, second build; ``remarks`` what could not be varied."""

    rows: tuple[tuple[str, str, str], ...]
    comparisons: tuple[Comparison, ...]
    remarks: tuple[str, ...]
    deeper: tuple[str, ...] = ()
    kept: Path | None = None

    @property
    def identical(self) -> bool:
        return all(comparison.identical for comparison in self.comparisons)

    def as_json(self) -> dict[str, object]:
        """Return plain data for ``--json``."""
        return {
            "identical": self.identical,
            "conditions": {name: [first, second] for name, first, second in self.rows},
            "comparisons": [comparison.as_json() for comparison in self.comparisons],
            "remarks": list(self.remarks),
            "kept": str(self.kept) if self.kept else None,
        }


def verify(wishes: Wishes, sink: EventSink) -> Verification:
    """Build and compare. Raises UsageError for what cannot be asked for, ElsewhereError when a build fails."""
    if wishes.against:
        wishes = replace(wishes, request=as_described(wishes.request, wishes.against, wishes.given))
    if wishes.request.system == "windows" and _needs_profile(wishes.request):
        raise UsageError("verify-reproducible: a build for Windows trains anew each time, and is another one each time",
                         found=wishes.request.options, expected="--options noopt or static+noopt")  # fmt: skip
    wishes = _with_full_archive(wishes)
    with _workplace(wishes, sink) as work:
        remarks: list[str] = []
        first, second = _plan(wishes, work, remarks)
        builds = _build_both(wishes, first, second, sink)
        pairs = _pairs(wishes.against, [build.archives if build else () for build in builds])
        contents = work / "differing"
        remove(contents)
        comparisons = tuple(comparison for pair in pairs for comparison in _compared(*pair, contents, wishes.against))
        rows = _table(wishes.against, (first, second), builds)
        if all(comparison.identical for comparison in comparisons):
            return Verification(rows, comparisons, tuple(remarks), kept=work if _stays(wishes) else None)
        return Verification(rows, comparisons, tuple(remarks), tuple(look_deeper(contents)), work)


def as_described(request: Request, archive: Path, given: Set[str]) -> Request:
    """Return the request that asks for what an archive is, in everything that the user has not said himself.

    A full archive says it in PYTHON.json and in the record of what it is without, that of an installation alone in its
    name, as far as that goes: what it is without is for the user to say.
    """
    if "archives" in given:
        raise UsageError("--archives and --against exclude each other", found=archive.name,
                         expected="one of them: the archive tells its kind")  # fmt: skip
    name = _named(archive)
    if name and name.kind != "full":
        request = replace(request, archives=(name.kind,), tag=request.tag or name.tag,
                          python=request.python if "python" in given else name.version,
                          target_triple=request.target_triple if "target_triple" in given else name.triple)  # fmt: skip
        if "options" in given:
            return request
        if not name.options:
            return replace(request, optimized=True)
        return replace(request, options=long_options(name.options, _known_options(request)))
    document = read_any_format(read_metadata(archive), str(archive))
    return replace(
        request,
        python=request.python if "python" in given else document.python_version,
        target_triple=request.target_triple if "target_triple" in given else document.target_triple,
        options=request.options if "options" in given else document.build_options,
        python_json=document.version,
        link=request.link if "link" in given else _links(document),
        **({} if given & _TOOLCHAIN_WISHES or request.system == "windows" else _toolchain(document)),
        **({} if given & {"without", "no_tests", "no_tk"} else record_of(archive).wishes()),
    )


#: The fields that say how a toolchain is chosen. There is nothing to choose for Windows.
_TOOLCHAIN_WISHES = frozenset({"toolchain", "toolchain_archive", "stages", "cc"})


def _toolchain(document: PythonJson) -> dict[str, Any]:
    """Return the wishes for the toolchain that an archive was compiled with, as far as it tells."""
    name, stages = document.toolchain.get("name"), document.toolchain.get("stages", 1)
    if not isinstance(name, str) or not isinstance(stages, int):
        return {}
    return {"toolchain": name, "stages": stages}


def _known_options(request: Request) -> tuple[str, ...]:
    project = Project(request.repository, request.system)
    if request.system == "macos":
        return find_macos_target(project.macos_targets, request.target_triple).options
    return find_target(project.targets, request.target_triple).options


def _named(path: Path) -> ArchiveName | None:
    try:
        return read_name(path.name)
    except ArchiveNameError:
        return None


def _links(document: PythonJson) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, choice.kind) for name, choice in document.link_choices.items()))


def _stays(wishes: Wishes) -> bool:
    return wishes.keep or wishes.work is not None


@contextmanager
def _workplace(wishes: Wishes, sink: EventSink) -> Iterator[Path]:
    """Yield the directory to work in. Without --keep and --work it is removed, but for what explains a difference."""
    if wishes.work:
        wishes.work.mkdir(parents=True, exist_ok=True)
        yield wishes.work
        return
    wishes.request.cache.mkdir(parents=True, exist_ok=True)
    # Paths on Windows are short, so this one is.
    prefix = "v-" if host.WINDOWS else "verify-"
    work = Path(tempfile.mkdtemp(prefix=prefix, dir=wishes.request.cache))
    work.chmod(0o755)  # another user works in it
    try:
        yield work
    except BaseException:
        if not wishes.keep:
            _remove_bulk(work)
            sink(Note(f"logs of the verification: {work}"))
        raise
    if not wishes.keep:
        if (work / "differing").exists():
            _remove_bulk(work)
        else:
            remove(work)


def _remove_bulk(work: Path) -> None:
    """Remove the stores and all that can be had again; archives, logs and differing members stay."""
    for place in (path for path in work.iterdir() if path.is_dir()):
        for name in (
            "checkout",
            *_CHECKOUTS,
            "home",
            "tmp",
            "cache/store",
            "cache/downloads",
            "cache/venv",
            "cache/work",
        ):
            remove(place / name)


def _plan(wishes: Wishes, work: Path, remarks: list[str]) -> tuple[Conditions, Conditions]:
    """Return the conditions of both builds, their places made; the first is not built when there is an archive."""
    request, me = wishes.request, myself()
    names = files_of(request.repository)
    environments = _environments(request, wishes.against is not None, remarks)
    cores = host.processors()
    plain, odd = (_WINDOWS_PLAIN, _WINDOWS_ODD) if host.WINDOWS else (_PLAIN, _ODD)
    script = f"build-{request.system}.py"
    first = Conditions(work / _FIRST, me, environments[0], request.jobs, 0o022, plain, script=script)
    if not wishes.against:
        furnish(first, request.repository, names, None if request.locked else request.cache / "locks")
    fewer = cores - 1 if cores >= _MANY_CORES and hasattr(os, "sched_setaffinity") else None
    place, checkout = _places_of_second(environments[1])
    second = Conditions(work / place, me, environments[1], request.jobs + 1, 0o077, odd, cores=fewer,
                        file_time=_LONG_AGO, checkout_name=checkout, script=script)  # fmt: skip
    if not hasattr(os, "sched_setaffinity"):
        remarks.append("both builds may use all cores: this system does not let a program have fewer")
    elif second.cores is None and not wishes.against:
        remarks.append(f"both builds may use all {cores} cores; with one less the build would take much longer")
    furnish(second, request.repository, names, None if request.locked else request.cache / "locks")
    return first, _as_another_user(second, request, names, remarks)


_FIRST = "first"
#: Checkouts in whose paths careless scripts stumble. The cache has to have such a place where the steps of a build do
#: not see it; on the machine itself it is only another one, of another length.
_CHECKOUTS = ("chéck out", "check out")


def _places_of_second(environment: str) -> tuple[str, str]:
    """Return what the second build's place and its checkout in there are called."""
    if environment != "native":
        return "sécond build", "checkout"
    return "second-build", _CHECKOUTS[1 if host.WINDOWS else 0]


def _as_another_user(second: Conditions, request: Request, names: Sequence[str], remarks: list[str]) -> Conditions:
    """Return the conditions with an ordinary user, if we are root and that user can build here."""
    if host.WINDOWS:
        remarks.append("both builds run as the same user")
        return second
    if os.getuid() != 0:
        remarks.append("both builds run as the same user; run as root, the second one would be nobody")
        return second
    why_not = "there is no such user"
    for user in nobodies():
        other = replace(second, user=user)
        furnish(other, request.repository, names, None)
        why_not = can_build(other)
        if not why_not:
            return other
    remarks.append(f"both builds run as root: nobody cannot build here ({why_not}); another --work may help")
    remove(second.cache / "venv")
    give(second.place, replace(second.user, uid=0, gid=0))
    return second


def _environments(request: Request, once: bool, remarks: list[str]) -> tuple[str, str]:
    """Return where each build runs: Docker and the sandbox where both are to be had."""
    if host.MACOS or host.WINDOWS or request.environment == "native":
        if not once:
            remarks.append("both builds run on the machine itself: there is no other environment on this system")
        return "native", "native"
    if request.environment != "auto":
        if not once:
            remarks.append(f"both builds run in {request.environment}, as --environment says")
        return request.environment, request.environment
    from pythonbuild.environments.docker import probe_docker
    from pythonbuild.environments.sandbox import probe_sandbox

    docker, sandbox = probe_docker(), probe_sandbox()
    if docker.ok and sandbox.ok:
        return ("sandbox", "docker") if once else ("docker", "sandbox")
    only, other, why = ("docker", "sandbox", sandbox.advice) if docker.ok else ("sandbox", "docker", docker.advice)
    if not once:
        remarks.append(f"both builds run in {only}: {other} cannot be used ({why.partition(';')[0]})")
    return only, only


def _build_both(wishes: Wishes, first: Conditions, second: Conditions,
                sink: EventSink) -> tuple[Built | None, Built]:  # fmt: skip
    """Build under the first conditions, unless there is an archive, then under the second."""
    request = wishes.request
    downloads = request.cache / "downloads"
    dirs = (*request.source_dirs, *([downloads] if downloads.is_dir() else []))
    request = replace(request, source_dirs=dirs)
    built = None
    if wishes.against is None:
        built = _build(first, request, "first", sink)
        # All that the second build will read is there now; without the network it cannot come to other pins.
        request = replace(request, source_dirs=(first.cache / "downloads",), offline=True)
        if (first.cache / "locks").is_dir():
            shutil.copytree(first.cache / "locks", second.cache / "locks", dirs_exist_ok=True)
            give(second.cache, second.user)
    if _needs_profile(request):
        # Training is not repeatable, what is made of its profile is: the second build takes the first one's.
        trained = next(path for path in (built.archives if built else [wishes.against]) if path and _is_full(path))
        request = replace(request, profile=find_profile(trained, second.cache / "downloads"))
        give(second.cache, second.user)
    again = _build(second, request, "second", sink)
    if not again.built:
        raise ElsewhereError("nothing was verified: the store of an earlier verification has every step",
                             found=second.cache, advice="name an empty directory with --work")  # fmt: skip
    return built, again


def _needs_profile(request: Request) -> bool:
    """Tell whether a build would train, because it is optimised by a profile and none is given."""
    options = request.options
    if request.optimized:
        options = _known_options(request)[-1]
    return "pgo" in options.split("+") and request.profile is None


def _is_full(archive: Path) -> bool:
    name = _named(archive)
    return name is None or name.kind == "full"


def _with_full_archive(wishes: Wishes) -> Wishes:
    """Return what is to be done so that the second build has the first one's profile: only full archives hold it."""
    request = wishes.request
    if not _needs_profile(request) or "full" in request.archives:
        return wishes
    if wishes.against:
        raise UsageError(f"--against: {wishes.against} holds no profile, and was built with one",
                         expected="the full archive of the same build, or its profile by --profile")  # fmt: skip
    return replace(wishes, request=replace(request, archives=("full", *request.archives)))


def _build(conditions: Conditions, request: Request, label: str, sink: EventSink) -> Built:
    sink(Note(f"{label} build: {conditions.environment}, {conditions.user.name}, {conditions.jobs} jobs,"
              f" {conditions.place}"))  # fmt: skip
    return build_elsewhere(conditions, request, lambda text: sink(Note(f"{label}: {text}")))


def _pairs(against: Path | None, archives: Sequence[Sequence[Path]]) -> list[tuple[Path, Path]]:
    """Return which archives belong together: those published at the same place, or the one like the given one."""
    first, second = archives
    if against:
        form = _form(against)
        return [(against, next((path for path in second if _form(path) == form), second[0]))]
    if len(first) != len(second):
        raise ElsewhereError("the builds gave different numbers of archives", found=f"{len(first)} and {len(second)}")
    return list(zip(first, second, strict=True))


def _form(path: Path) -> tuple[str, str]:
    """Return what tells the archives of one build apart."""
    name = _named(path)
    return (name.kind, name.compression) if name else ("full", path.suffix)


def _compared(first: Path, second: Path, contents: Path, against: Path | None) -> Iterator[Comparison]:
    """Compare two archives and what was written beside them.

    The statement of somebody else's archive tells how he asked for it and from which commit: that may be another, so
    it is compared only when both builds are ours.
    """
    yield compare(first, second, contents)
    for suffix in (sbom_text.SUFFIX, statement.SUFFIX):
        one, other = (path.with_name(path.name + suffix) for path in (first, second))
        if against and (suffix == statement.SUFFIX or not one.is_file()):
            continue
        if one.is_file() or other.is_file():
            yield compare_texts(one, other)


def _table(against: Path | None, conditions: Sequence[Conditions],
           builds: Sequence[Built | None]) -> tuple[tuple[str, str, str], ...]:  # fmt: skip
    """Return condition, first build, second build; of an archive that was given nothing is known."""
    columns = [_column(*pair) if pair[1] else {} for pair in zip(conditions, builds, strict=True)]
    rows = [(name, columns[0].get(name, "not known"), text) for name, text in columns[1].items()]
    heading = ("the archive", "this build") if against else ("first build", "second build")
    return (("condition", *heading), *rows)


def _column(conditions: Conditions, built: Built | None) -> dict[str, str]:
    assert built is not None
    variables, age = conditions.variables, conditions.file_time
    return {
        "checkout": str(conditions.checkout),
        "cache": str(conditions.cache),
        "store": f"holds {built.reused} steps of earlier verifications" if built.reused else "empty",
        "steps built": str(built.built),
        "environment": conditions.environment,
        "user": conditions.user.name,
        "program run by": conditions.user.python[0],
        "jobs": str(conditions.jobs),
        "cores": str(conditions.cores or host.processors()),
        "locale": variables["LC_ALL"],
        "time zone": variables["TZ"],
        "umask": "none" if host.WINDOWS else f"{conditions.umask:03o}",
        "home": str(conditions.place / "home"),
        "variables": ", ".join(name for name in variables if name in _WINDOWS_STRAY) or "none",
        "file times": "as they are" if age is None else time.strftime("%Y-%m-%d", time.gmtime(age)),
        "began": _moment(built.began),
        "ended": f"{_moment(built.began + built.seconds)}, {built.seconds:.0f} s",
    }


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
