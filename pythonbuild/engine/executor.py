"""The local executor: runs a plan's steps on this machine, as many at a time as the job budget allows.

One thread, the caller's, decides: it looks up what is cached, starts the ready step with the longest remaining path
whenever a job token and enough memory are free, and takes in what ends. Each running step has a thread of its own. A
damaged store entry stops nothing but the pass: running steps end, then everything is looked up again, and what is
missing by then is rebuilt.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pythonbuild import host
from pythonbuild.engine.events import BuildStarted, Event, EventSink, Note, StepFinished, StepStatus
from pythonbuild.engine.files import machine_errors, remove_tree
from pythonbuild.engine.jobserver import Jobserver
from pythonbuild.engine.keys import Inputs, dependencies, key_of, step_inputs
from pythonbuild.engine.model import Plan, RecipeAction, Step
from pythonbuild.engine.resolve import Forecast, dry_run, expected_seconds, why
from pythonbuild.engine.running import Outcome, Runner
from pythonbuild.engine.schedule import ordered_steps, remaining_paths
from pythonbuild.engine.store import Store
from pythonbuild.engine.tokens import Tokens
from pythonbuild.engine.workdir import remove_stale
from pythonbuild.environments.base import Environment
from pythonbuild.errors import BuildError, StepFailedError, StoreCorruptError, UsageError

__all__ = ["Forecast", "LocalExecutor", "Result", "dry_run", "expected_seconds", "why"]

PASSES = 6  # how often a build begins anew because of damaged store entries
LOGS_KEPT = 50
_CLEARING = 5.0  # seconds that an ended build waits for what dead processes left to be removed; the next one goes on
_GRACE = 15.0  # seconds that an interrupted build waits for its steps to end


@dataclass(frozen=True)
class Result:
    """How a step of a finished build ended; ``digest`` names its tree (status ``built`` or ``cached``)."""

    step: str
    status: StepStatus
    digest: str = ""
    seconds: float = 0.0
    key: str = ""
    log: Path | None = None


class LocalExecutor:
    """Executes plans. ``results`` holds what is known of the last plan's steps, also after a failure."""

    def __init__(
        self, store: Store, environment: Environment, sink: EventSink, jobs: int, cache: Path,
        keep_going: bool = False, debug_shell: str = "", steps_at_once: int = 0,
    ) -> None:  # fmt: skip
        self.store = store
        self.environment = environment
        self.jobs = jobs
        self.cache = cache.absolute()
        self.keep_going = keep_going
        self.steps_at_once = steps_at_once or jobs
        self.debug_shell = debug_shell
        self.logs = self.cache / "logs" / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        self.results: dict[str, Result] = {}
        self._sink = sink
        self._mutex = threading.Lock()

    def emit(self, event: Event) -> None:
        """Hand an event on; one at a time, so that sinks need no locks."""
        with self._mutex:
            self._sink(event)

    def execute(self, plan: Plan) -> dict[str, Result]:
        """Build what the plan's goals need and return each step's result.

        Raises the first failed step's error (StepFailedError for a recipe) when the build cannot be completed.
        KeyboardInterrupt (SIGTERM counts as one) ends every step, removes what they left, and is raised again.
        """
        steps = ordered_steps(plan)
        recipes = [name for name, step in steps.items() if isinstance(step.action, RecipeAction)]
        if self.debug_shell and self.debug_shell not in recipes:
            raise UsageError("--debug-shell: not a step of this plan that runs in an environment",
                             found=self.debug_shell, expected=f"one of {', '.join(recipes)}")  # fmt: skip
        clearing = threading.Thread(target=self._clear_away, name="clearing away", daemon=True)
        clearing.start()
        self._make_logs()
        expected = {name: expected_seconds(self.store, name) for name in steps}
        self.emit(BuildStarted(tuple(steps), expected, self.environment.name, self.jobs))
        self.results = {}
        with self._jobserver() as jobserver, _terminate_as_interrupt():
            build = _Build(self, steps, plan.goals, jobserver, expected)
            try:
                build.run()
            finally:
                build.close()
                clearing.join(_CLEARING)
        return self.results

    def _jobserver(self) -> Jobserver | Tokens:
        """Return what shares out the jobs: without fixed paths, the make is one of the machine."""
        if self.environment.fixed_paths:
            return Jobserver(self.store.session.temporary, self.jobs)
        return Tokens(self.jobs)

    def _clear_away(self) -> None:
        """Remove what dead processes left, beside the build: an interrupted one of LLVM has 160,000 files."""
        try:
            remove_stale(self.cache / "work")
        except BuildError as error:
            self.emit(Note(str(error), "warning"))

    def _make_logs(self) -> None:
        with machine_errors(self.logs):
            self.logs.mkdir(parents=True, exist_ok=True)
            for old in sorted(self.logs.parent.glob("[0-9]*"))[:-LOGS_KEPT]:
                remove_tree(old)


class _Build:
    """One execution: what waits, what is ready, what runs, what is done."""

    def __init__(
        self, executor: LocalExecutor, steps: dict[str, Step], goals: tuple[str, ...],
        jobserver: Jobserver | Tokens,
        expected: dict[str, float | None],
    ) -> None:  # fmt: skip
        self.executor = executor
        self.steps = steps
        self.goals = goals
        self.jobserver = jobserver
        self.results = executor.results
        self.priority = remaining_paths(steps, lambda step: expected[step.name] or step.weight)
        self.memory = available_memory()
        self.cancelled = threading.Event()
        self.runner = Runner(
            executor.store, executor.environment, executor.emit, jobserver, executor.cache, executor.logs,
            executor.debug_shell, self.cancelled,
        )  # fmt: skip
        self.waiting: dict[str, Step] = {}
        self.ready: dict[str, tuple[str, Inputs]] = {}
        self.running: dict[str, str] = {}  # step → key
        self.digests: dict[str, str] = {}
        self.failure: BuildError | None = None
        self.corrupt: StoreCorruptError | None = None
        self._threads: list[threading.Thread] = []
        self._ended: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    def close(self) -> None:
        """Wait for the cleaning up that still goes on, unless a step had to be abandoned."""
        if not self.running:
            for thread in self._threads:
                thread.join()

    def run(self) -> None:
        """Run passes until one ends without meeting a damaged store entry."""
        for _ in range(PASSES):
            try:
                damage = self._pass()
            except KeyboardInterrupt:
                self._interrupt()
                raise
            if damage is None:
                break
            self.executor.emit(Note(f"{damage}; looking up everything again", "warning"))
        else:
            assert damage is not None
            raise damage
        self._skip_rest()
        if self.failure:
            raise self.failure
        assert self.digests.keys() == self.steps.keys()

    @property
    def _stopping(self) -> bool:
        return self.cancelled.is_set() or self.corrupt is not None

    def _pass(self) -> StoreCorruptError | None:
        """Run until nothing can be run any more; return the damage that was met, if any."""
        self.corrupt = None
        self.digests = {}
        self.waiting = dict(self.steps)
        self.ready = {}
        while True:
            self._settle()
            if not self._stopping:
                self._start_what_fits()
            if not self.running and (self._stopping or not self.ready):
                return self.corrupt or self._damage()
            self._wait()

    def _damage(self) -> StoreCorruptError | None:
        """Verify what the caller is going to read: the goals' trees."""
        try:
            for goal in self.goals:
                if goal in self.digests:
                    self.executor.store.verify(self.digests[goal])
        except StoreCorruptError as error:
            return error
        return None

    # Deciding

    def _settle(self) -> None:
        """Look at every step whose needs are all known by now: it is cached, ready, or skipped."""
        for name, step in list(self.waiting.items()):  # needs stand first, so one round reaches everything
            needs = dependencies(step)
            if any(self.results[need].status in ("failed", "skipped") for need in needs if need in self.results):
                self._finish(Result(name, "skipped"))
            elif all(need in self.digests for need in needs):
                self._resolve(step)

    def _resolve(self, step: Step) -> None:
        try:
            inputs = step_inputs(step, self.digests)
            key = key_of(inputs)
            record = None if self.runner.wants_shell(step) else self.executor.store.lookup(key)
        except BuildError as error:
            self._fail(step.name, error)
            return
        if record is None:
            del self.waiting[step.name]
            self.ready[step.name] = (key, inputs)
            return
        earlier = self.results.get(step.name)
        if earlier and earlier.digest == record.tree:  # a further pass; it has been told already
            del self.waiting[step.name]
            self.digests[step.name] = record.tree
        else:
            self._finish(Result(step.name, "cached", record.tree, key=key))

    def _start_what_fits(self) -> None:
        while (name := self._next()) and self.jobserver.try_acquire():
            key, inputs = self.ready.pop(name)
            self.running[name] = key
            arguments = (self.steps[name], key, inputs, dict(self.digests), self._put)
            thread = threading.Thread(target=self.runner.run, args=arguments, name=f"step {name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def _next(self) -> str | None:
        """Return the most urgent ready step whose memory is there; anything may run alone."""
        if len(self.running) >= self.executor.steps_at_once:
            return None
        used = sum(self.steps[name].memory for name in self.running)
        fitting = [
            name for name in self.ready if not self.running or used + self.steps[name].memory <= self.memory
        ]  # fmt: skip
        return max(fitting, key=lambda name: self.priority[name], default=None)

    def _put(self, outcome: Outcome) -> None:
        self._ended.put(outcome)
        self.jobserver.wake()

    # Taking in what ends

    def _wait(self, seconds: float | None = None) -> None:
        """Wait until a step ends, or a token may be had that a ready step could use."""
        for_token = not self._stopping and self._next() is not None
        if self.cancelled.is_set():
            # Again and again: a command may have been on its way into the environment the first time.
            self.executor.environment.cancel()
            seconds = min(seconds or 0.5, 0.5)
        self.jobserver.wait(seconds, for_token=for_token)
        with contextlib.suppress(queue.Empty):
            while True:
                self._take(self._ended.get_nowait())

    def _take(self, outcome: Outcome) -> None:
        name, log = outcome.step, outcome.log
        key = self.running.pop(name)
        if outcome.record:
            status: StepStatus = "cached" if outcome.cached else "built"
            self._finish(Result(name, status, outcome.record.tree, outcome.seconds, key, log))
        elif isinstance(outcome.error, StoreCorruptError):
            self.corrupt = outcome.error
        elif outcome.error:
            self._fail(name, outcome.error, Result(name, "failed", "", outcome.seconds, key, log))
        else:
            self._finish(Result(name, "cancelled", "", outcome.seconds, key, log))

    def _fail(self, name: str, error: BuildError, result: Result | None = None) -> None:
        self._finish(result or Result(name, "failed"), error)
        self.failure = self.failure or error
        if not self.executor.keep_going:
            self.cancelled.set()

    def _finish(self, result: Result, error: BuildError | None = None) -> None:
        self.waiting.pop(result.step, None)
        self.results[result.step] = result
        if result.digest:
            self.digests[result.step] = result.digest
        tail, reenter = (error.tail, error.reenter) if isinstance(error, StepFailedError) else ((), "")
        self.executor.emit(
            StepFinished(result.step, result.status, result.seconds, result.digest, result.log,
                         str(error) if error else "", tail, reenter)
        )  # fmt: skip

    def _skip_rest(self) -> None:
        for name in [*self.waiting, *self.ready]:
            self._finish(Result(name, "skipped"))

    def _interrupt(self) -> None:
        """End everything now; a function that does not end within the grace is left to die with the process."""
        self.cancelled.set()
        deadline = time.monotonic() + _GRACE
        while self.running and time.monotonic() < deadline:
            self._wait()
        for name in self.running:
            self._finish(Result(name, "cancelled"))
        self._skip_rest()


@contextlib.contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt, unless the program has a handler of its own."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def available_memory(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = Path("/sys/fs/cgroup")) -> float:
    """Return the MiB that can be used without swapping, also inside a container; elsewhere all that there are."""
    limits = []
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines())
        limits.append(int(fields.get("MemAvailable", "").split()[0]) / 2**10)
    with contextlib.suppress(OSError, ValueError):
        most, used = ((cgroup / name).read_text(encoding="ascii") for name in ("memory.max", "memory.current"))
        limits.append(max(0, int(most) - int(used)) / 2**20)
    return min(limits, default=(host.total_memory() or float("inf")) / 2**20)
