"""Runs the real command in another checkout, as another user, under other conditions.

What a build must not depend on is set here, in one record per build (:class:`Conditions`), and the build runs as a
child process through the entry script of a copy of the checkout: nothing of this process can help it. Everything that
it needs and writes lies below one directory, its *place*::

    checkout/   the files of this checkout, as they were when the verification began
    cache/      store, downloads, logs; empty unless it is kept for several verifications
    home/ tmp/  HOME and TMPDIR
    dist/       the archives
    events.jsonl, errors.txt    what the command said
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pythonbuild import host
from pythonbuild.config.request import Request
from pythonbuild.errors import BuildError, UsageError

#: Of the caller's variables these never reach a build: they are flags, or they change the program or its language.
_DROPPED = ("PYTHON", "LC_", "LANG", "GITHUB_")
#: Where Windows' programs look for a user's own files, as others do in HOME.
_WINDOWS_HOMES = ("USERPROFILE", "APPDATA", "LOCALAPPDATA")
_SYSTEM_PYTHON = "/usr/bin/python3"
_PATIENCE = 60


class ElsewhereError(BuildError):
    """A build under other conditions failed."""

    reason = "verification-build"


@dataclass(frozen=True)
class User:
    """Who builds: ``uid`` None is whoever runs this. ``python`` starts the program, which the user must be able to."""

    name: str
    python: tuple[str, ...]
    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] = ()


def myself() -> User:
    """Return this process's user; the program runs with this process's own interpreter."""
    python = (sys.executable, "-I", "-X", "utf8")
    if host.WINDOWS:
        return User(getpass.getuser(), python)
    import pwd

    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = "no name"
    return User(f"{name} ({os.getuid()})", python)


def nobodies() -> Iterator[User]:
    """Yield the ways to be an ordinary user: with our interpreter, or, where that one may not look, the system's."""
    import pwd

    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return
    socket = Path(os.environ.get("DOCKER_HOST", "").removeprefix("unix://") or "/var/run/docker.sock")
    groups: tuple[int, ...] = ()
    if socket.exists() and socket.stat().st_mode & 0o060 == 0o060:
        groups = (socket.stat().st_gid,)  # as for everybody whom an administrator lets use Docker
    for python in ((sys.executable, "-I", "-X", "utf8"), (_SYSTEM_PYTHON,)):
        yield User(f"nobody ({entry.pw_uid})", python, entry.pw_uid, entry.pw_gid, groups)


@dataclass(frozen=True)
class Conditions:
    """Everything about a build that must not matter. ``cores`` None means all that this process may use.

    ``checkout_name`` is the checkout's directory in the place, ``script`` the name of its entry script.
    """

    place: Path
    user: User
    environment: str
    jobs: int
    umask: int
    variables: Mapping[str, str]
    cores: int | None = None
    file_time: int | None = None
    checkout_name: str = "checkout"
    script: str = "build-linux.py"

    @property
    def checkout(self) -> Path:
        return self.place / self.checkout_name

    @property
    def entry(self) -> str:
        return str(self.checkout / self.script)

    @property
    def cache(self) -> Path:
        return self.place / "cache"

    @property
    def dist(self) -> Path:
        return self.place / "dist"

    def all_variables(self) -> dict[str, str]:
        """Return the environment of the build's process."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
        homes = _WINDOWS_HOMES if host.WINDOWS else ("HOME",)
        temporary = ("TEMP", "TMP") if host.WINDOWS else ("TMPDIR",)
        own = {**dict.fromkeys(homes, str(self.place / "home")), **dict.fromkeys(temporary, str(self.place / "tmp"))}
        return {**kept, **own, **self.variables}


@dataclass(frozen=True)
class Built:
    """What a build gave. ``reused`` steps were in the store, from an earlier verification."""

    #: In the order of the plan.
    archives: tuple[Path, ...]
    began: float
    seconds: float
    built: int
    reused: int


def files_of(repository: Path) -> list[str]:
    """Return the files that make up a checkout: what git knows or would add; without git everything but results."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=repository, check=True,
                                capture_output=True)  # fmt: skip
        names = listed.stdout.decode("utf-8", "surrogateescape").split("\0")
    except (OSError, subprocess.CalledProcessError):
        names = list(_walk(repository))
    return sorted({name for name in names if name and (repository / name).is_file()})


def _walk(repository: Path) -> Iterator[str]:
    for directory, folders, files in os.walk(repository):
        top = Path(directory) == repository
        folders[:] = [
            name for name in folders if not (name in ("__pycache__", ".git") or (top and name in ("build", "dist")))
        ]
        for name in files:
            yield (Path(directory) / name).relative_to(repository).as_posix()


def furnish(conditions: Conditions, repository: Path, names: Sequence[str], locks: Path | None) -> None:
    """Make the place of a build. A cache that is there stays; a checkout and results are made anew.

    ``locks`` holds the locks that replace those whose packages are gone: they are inputs, not conditions.
    """
    for directory in (conditions.checkout, conditions.dist, conditions.place / "tmp", conditions.place / "home"):
        remove(directory)
        directory.mkdir(parents=True)
    conditions.cache.mkdir(exist_ok=True)
    for name in names:
        target = conditions.checkout / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(repository / name, target)
        target.chmod(target.stat().st_mode & 0o755 & ~conditions.umask)
        if conditions.file_time is not None:
            os.utime(target, (conditions.file_time, conditions.file_time))
    if locks and locks.is_dir():
        shutil.copytree(locks, conditions.cache / "locks", dirs_exist_ok=True)
    give(conditions.place, conditions.user)


def give(place: Path, user: User) -> None:
    """Make a user the owner of everything in a place."""
    if user.uid is None or user.gid is None:
        return
    os.chown(place, user.uid, user.gid)
    for directory, folders, files in os.walk(place):
        for name in (*folders, *files):
            os.chown(Path(directory) / name, user.uid, user.gid, follow_symlinks=False)


def remove(path: Path) -> None:
    """Remove a directory with read-only ones in it, or nothing."""
    path = host.extended(path)
    for directory, folders, _ in os.walk(path):
        for name in folders:
            if not (Path(directory) / name).is_symlink():
                (Path(directory) / name).chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)


def can_build(conditions: Conditions) -> str:
    """Return "" when the user can build here, else why not; found out by asking the command itself."""
    command = [*conditions.user.python, conditions.entry, "doctor", "--environment",
               conditions.environment, "--cache-dir", str(conditions.cache)]  # fmt: skip
    try:
        done = subprocess.run(command, **_circumstances(conditions), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False, timeout=600)  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return f"{conditions.user.python[0]} cannot be run as that user ({getattr(error, 'strerror', None) or error})"
    lines = [line for line in done.stdout.decode("utf-8", "replace").splitlines() if line.strip()]
    return "" if done.returncode == 0 else (lines or [f"doctor ended with status {done.returncode}"])[-1].strip()


def _circumstances(conditions: Conditions) -> dict[str, Any]:
    user = conditions.user
    wishes: dict[str, Any] = {"cwd": conditions.place, "env": conditions.all_variables(),
                              "stdin": subprocess.DEVNULL}  # fmt: skip
    if host.WINDOWS:  # a group of its own, which can be told to end
        return {**wishes, "creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    wishes["umask"] = conditions.umask
    if user.uid is not None:
        wishes |= {"user": user.uid, "group": user.gid, "extra_groups": list(user.groups)}
    return wishes


def build_elsewhere(conditions: Conditions, request: Request, note: Callable[[str], None]) -> Built:
    """Build as the request says under these conditions; ``note`` is told the progress. Raises ElsewhereError."""
    began, clock = time.time(), time.monotonic()
    command = [*conditions.user.python, conditions.entry, *flags(conditions, request)]
    log = _Log(note)
    with (
        (conditions.place / "events.jsonl").open("wb") as events,
        (conditions.place / "errors.txt").open("wb") as errors,
    ):
        with _fewer_cores(conditions.cores):
            process = subprocess.Popen(command, **_circumstances(conditions), stdout=subprocess.PIPE, stderr=errors)
        assert process.stdout is not None
        try:
            for line in process.stdout:
                events.write(line)
                log.add(line)
            status = process.wait()
        finally:
            _end(process)
            process.stdout.close()
    if status:
        raise _failure(conditions, status, log.error)
    return Built(tuple(log.archives), began, time.monotonic() - clock, log.count("built"), log.count("cached"))


def flags(conditions: Conditions, request: Request) -> list[str]:
    """Return the build's flags: what the request says, where the conditions say."""
    what = ["--python-source", str(request.python_source)] if request.python_source else ["--python", request.python]
    options = ["--optimized"] if request.optimized else ["--options", request.options]
    flags = [*what, "--target-triple", request.target_triple, *options, "--environment", conditions.environment,
             "--jobs", str(conditions.jobs), "--cache-dir", str(conditions.cache), "--output", str(conditions.dist),
             "--log-format", "json"]  # fmt: skip
    flags += ["--steps-at-once", str(request.steps_at_once)] if request.steps_at_once else []
    for flag, values in (("--source-dir", request.source_dirs), ("--mirror", request.mirrors)):
        for value in values:
            flags += [flag, str(value)]
    flags += ["--archives", ",".join(request.archives)] if request.archives != ("full",) else []
    flags += ["--tag", request.tag] if request.tag else []
    flags += ["--python-json", request.python_json] if request.python_json != "0" else []
    flags += ["--profile-task", request.profile_task] if request.profile_task != "full" else []
    flags += ["--profile", str(request.profile)] if request.profile else []
    flags += ["--toolchain", request.toolchain] if request.toolchain != "packaged" else []
    flags += ["--cc", request.compiler] if request.compiler else []
    flags += ["--stages", str(request.stages)] if request.stages > 1 else []
    flags += ["--toolchain-archive", request.toolchain_archive] if request.toolchain_archive else []
    flags += ["--link", ",".join(map("=".join, request.link))] if request.link else []
    flags += ["--without", ",".join(request.without)] if request.without else []
    flags += ["--no-tests"] if request.no_tests else []
    flags += ["--no-tk"] if request.no_tk else []
    flags += ["--offline"] if request.offline else []
    return flags + (["--locked"] if request.locked else [])


@contextmanager
def _fewer_cores(cores: int | None) -> Iterator[None]:
    """Let a process started meanwhile use only so many cores."""
    if cores is None:
        yield
        return
    usable = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, sorted(usable)[:cores])
        yield
    finally:
        os.sched_setaffinity(0, usable)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a build that is still running, as its user would: it ends its steps itself."""
    if process.poll() is not None:
        return
    if host.WINDOWS:  # terminate() would leave the virtual environment's Python, which is a child
        process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))
    else:
        process.terminate()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class _Log:
    """What the events of a build say."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self._statuses: list[str] = []
        self.archives: list[Path] = []
        self.error = ""

    def count(self, status: str) -> int:
        return self._statuses.count(status)

    def add(self, line: bytes) -> None:
        try:
            event = json.loads(line)
            kind = event["event"]
        except (ValueError, TypeError, KeyError):
            return  # not ours: it is in the file
        match kind:
            case "StepFinished":
                self._step(event)
            case "Note" if event["level"] == "warning":
                self._note(event["text"])
            case "Published":
                self.archives.append(Path(event["path"]))
            case "Error":
                self.error = event["message"]

    def _step(self, event: Mapping[str, Any]) -> None:
        self._statuses.append(event["status"])
        if event["status"] == "built":
            self._note(f"{event['step']} built in {event['seconds']:.0f} s")
        elif event["status"] == "failed":
            for text in event["tail"]:
                self._note(f"{event['step']} | {text}")


def _failure(conditions: Conditions, status: int, message: str) -> BuildError:
    """Return the error for a build that failed; wrong usage is the caller's, who gave the flags."""
    errors: IO[str]
    with (conditions.place / "errors.txt").open(encoding="utf-8", errors="replace") as errors:
        said = message or next((line.strip() for line in errors if line.strip()), f"exit status {status}")
    if status == UsageError.exit_code:
        return UsageError(said)
    return ElsewhereError("the build under other conditions failed", found=said,
                          advice=f"see {conditions.place}")  # fmt: skip
