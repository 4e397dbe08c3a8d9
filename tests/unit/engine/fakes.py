"""An environment without isolation, small plans, and a program that builds one (to be killed)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pythonbuild.engine.events import Event, StepFinished
from pythonbuild.engine.executor import LocalExecutor
from pythonbuild.engine.model import CallAction, CallContext, InputFile, PinnedFile, Plan, RecipeAction, Step
from pythonbuild.engine.store import Store
from pythonbuild.environments.base import Command

_LIBC = ctypes.CDLL(None)


def _die_with_parent() -> None:
    """Let the kernel kill the step when its builder is killed, as every real environment does."""
    _LIBC.prctl(1, signal.SIGKILL)


class FakeEnvironment:
    """Runs commands as they are; the fixed paths in them are replaced by the mounts' sources."""

    name = "fake"
    fixed_paths = True
    missing_isolation = ("everything",)

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.shells: list[Command] = []
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._cancelled = False

    def run(self, command: Command, *, on_line: Callable[[str], None]) -> int:
        self.commands.append(command)
        places = {mount.target: str(mount.source) for mount in command.mounts} | {"/root": str(command.root)}

        def outside(text: str) -> str:
            return re.sub(r"(?<![\w/.])/(build|out|tools|recipe|sources|resume|root)\b", lambda m: places[m[0]], text)

        with self._lock:
            if self._cancelled:
                return 143
            process = subprocess.Popen(
                [outside(word) for word in command.argv], cwd=places.get(command.cwd, command.cwd),
                env={**command.env, "PATH": "/usr/bin:/bin"}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, start_new_session=True, preexec_fn=_die_with_parent,
            )  # fmt: skip
            self._running.add(process)
        assert process.stdout
        with process.stdout:
            for line in process.stdout:
                on_line(line.rstrip("\n"))
        code = process.wait()
        with self._lock:
            self._running.discard(process)
        return 128 - code if code < 0 else code

    def shell(self, command: Command) -> int:
        self.shells.append(command)
        return 0

    def reenter(self, command: Command) -> str:
        return f"enter {command.label}"

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            for process in self._running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, 9)

    def close(self) -> None:
        self.cancel()


def make_root(context: CallContext) -> None:
    (context.out / "etc").mkdir()
    (context.out / "etc" / "name").write_text("root\n")


ROOT = Step("root", CallAction(make_root))


def recipe(name: str, script: str, needs: Sequence[str] = (), *, parameters: Mapping[str, str] | None = None,
           files: Sequence[InputFile] = (), sources: Sequence[PinnedFile] = (), weight: float = 1.0,
           memory: int = 1) -> Step:  # fmt: skip
    """Return a step that runs a shell script."""
    action = RecipeAction(("sh", "-euc", script), root="root")
    return Step(name, action, tuple(needs), tuple(files), tuple(sources), parameters or {}, "target", weight, memory)


def library(name: str, *needs: str, before: str = ":") -> Step:
    """Return a step that installs tools/deps/NAME, made from what its needs installed."""
    read = " ".join(f"/tools/deps/{need}" for need in needs)
    script = (
        f"{before}; mkdir -p /out/tools/deps; {{ echo {name}; cat {read or '/dev/null'}; }} > /out/tools/deps/{name}"
    )
    return recipe(name, script, needs)


def plan_of(*steps: Step, goals: Sequence[str] = ()) -> Plan:
    return Plan((ROOT, *steps), tuple(goals) or (steps[-1].name,))


class Builder:
    """Builds plans in one cache directory and keeps the events."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.events: list[Event] = []
        self.environment = FakeEnvironment()
        self.executor: LocalExecutor | None = None

    def build(self, plan: Plan, *, jobs: int = 2, keep_going: bool = False, debug_shell: str = "") -> dict[str, str]:
        """Build in a store of its own, as a process of its own would; return each step's status."""
        self.events = []
        self.environment = FakeEnvironment()
        with Store(self.cache) as store:
            self.executor = LocalExecutor(store, self.environment, self.events.append, jobs, self.cache,
                                          keep_going=keep_going, debug_shell=debug_shell)  # fmt: skip
            self.executor.execute(plan)
        return self.statuses()

    def statuses(self) -> dict[str, str]:
        """Return how each step of the last build ended, also of one that failed."""
        assert self.executor
        return {name: result.status for name, result in self.executor.results.items()}

    def digest(self, step: str) -> str:
        assert self.executor
        return self.executor.results[step].digest

    def finished(self, step: str) -> StepFinished:
        return next(event for event in self.events if isinstance(event, StepFinished) and event.step == step)


def leftovers(builder: Builder) -> list[str]:
    """Return what a build left in the cache besides its results."""
    places = ("work/*", "store/sessions/*", "store/locks/*", "roots/*.making")
    return [str(path) for place in places for path in builder.cache.glob(place)]


def slow_plan(started: Path) -> Plan:
    """Return a plan whose second step says that it runs, then takes its time while a file is not there."""
    wait = f"touch {started}; while [ ! -e {started}.go ]; do sleep 0.02; done"
    return plan_of(library("first"), library("second", "first", before=wait), library("third", "second"))


def main(cache: Path, started: Path) -> None:
    """Build the slow plan; print how each step ended and the last one's digest."""
    builder = Builder(cache)
    statuses = builder.build(slow_plan(started))
    print(*(f"{step}={status}" for step, status in statuses.items()), builder.digest("third"))


def start_builder(cache: Path, started: Path) -> subprocess.Popen[str]:
    """Start a program that calls main, in a process group of its own."""
    repository = Path(__file__).parents[3]
    program = "import sys, pathlib as p; from tests.unit.engine.fakes import main; main(*map(p.Path, sys.argv[1:]))"
    return subprocess.Popen([sys.executable, "-c", program, str(cache), str(started)], text=True, cwd=repository,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)  # fmt: skip


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)
