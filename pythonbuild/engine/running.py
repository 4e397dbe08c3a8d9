"""One step, from an empty work directory to a tree in the store.

A recipe runs in the environment and sees nothing but its inputs at fixed paths; a call runs a function of this process
with a context that offers the same things. Both leave their result in ``out``. Whatever goes wrong becomes an Outcome:
the executor decides what it means for the build.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pythonbuild import host
from pythonbuild.engine.events import EventSink, Note, StepStarted
from pythonbuild.engine.files import FileLock, machine_errors
from pythonbuild.engine.inside import Call, free_bytes, lay_out
from pythonbuild.engine.jobserver import Jobserver
from pythonbuild.engine.keys import Inputs
from pythonbuild.engine.model import RecipeAction, Step
from pythonbuild.engine.steplog import StepLog
from pythonbuild.engine.store import Record, Store
from pythonbuild.engine.tokens import Tokens
from pythonbuild.engine.workdir import ResumeDirectory, WorkDirectory
from pythonbuild.environments.base import Command, Environment
from pythonbuild.environments.process import SHELL_ARGV
from pythonbuild.errors import BuildError, NoSpaceError, StepFailedError, StoreCorruptError

ATTEMPTS = 3  # for failures marked temporary; all others are final at once
_FULL = 16 * 1024 * 1024  # a recipe that failed with less than this free failed because of it


class StepCancelledError(Exception):
    """The step was ended on purpose; nothing is wrong with it."""


@dataclass(frozen=True)
class Outcome:
    """How a step ended: with a record (``cached`` when another process built it), with an error, or cancelled."""

    step: str
    seconds: float = 0.0
    record: Record | None = None
    cached: bool = False
    error: BuildError | None = None
    log: Path | None = None


Ended = Callable[[Outcome], None]


@dataclass(frozen=True)
class Runner:
    """What all steps of one build share; ``run`` is called on a thread of each step's own."""

    store: Store
    environment: Environment
    emit: EventSink
    jobserver: Jobserver | Tokens
    cache: Path
    logs: Path
    debug_shell: str
    cancelled: threading.Event

    def run(self, step: Step, key: str, inputs: Inputs, digests: Mapping[str, str], ended: Ended) -> None:
        """Run a step to its end, whatever that is, and tell ``ended``; then clean up.

        The caller has taken a token for the step; it is given back here, but only when the end has been told: what
        becomes ready by it may be more urgent than what was ready before. Nobody has to wait while the work directory,
        often some ten thousand files, is removed.
        """
        slot, lock, cleaning = _Slot(self.jobserver), self.store.key_lock(key), contextlib.ExitStack()
        ended(self._run(step, key, inputs, digests, slot, lock, cleaning))
        slot.release()
        lock.release(remove=True)
        try:
            cleaning.close()
        except OSError as error:
            self.emit(Note(f"step {step.name}: its work directory cannot be removed: {error}", "warning"))

    def _run(
        self, step: Step, key: str, inputs: Inputs, digests: Mapping[str, str], slot: _Slot, lock: FileLock,
        cleaning: contextlib.ExitStack,
    ) -> Outcome:  # fmt: skip
        started = time.monotonic()
        log = StepLog(step.name, self.logs / f"{step.name.replace('/', '_')}.log", self.emit)
        try:
            record = self._result_of_other(step, key, lock, slot)
            if record:
                return Outcome(step.name, record=record, cached=True)
            started = time.monotonic()
            with log:
                record = self._build(step, key, inputs, digests, log, cleaning)
            return Outcome(step.name, time.monotonic() - started, record, log=log.path)
        except StepCancelledError:
            return Outcome(step.name, time.monotonic() - started, log=log.path)
        except BuildError as error:
            return Outcome(step.name, time.monotonic() - started, error=error, log=log.path)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this step's failure and told as such
            return Outcome(step.name, time.monotonic() - started, error=_unexpected(step, error, log), log=log.path)

    def _result_of_other(self, step: Step, key: str, lock: FileLock, slot: _Slot) -> Record | None:
        """Lock the action; return its result if another process or thread has built it meanwhile."""
        with machine_errors(lock.path):
            locked = lock.try_acquire()
        if not locked:
            self.emit(Note(f"step {step.name} is being built by another process; waiting for its result"))
            slot.release()
            if not lock.wait(self.cancelled.is_set) or not slot.acquire(self.cancelled.is_set):
                raise StepCancelledError
        return None if self.wants_shell(step) else self.store.lookup(key)

    def _build(
        self, step: Step, key: str, inputs: Inputs, digests: Mapping[str, str], log: StepLog,
        cleaning: contextlib.ExitStack,
    ) -> Record:  # fmt: skip
        started = time.monotonic()
        expected = self.store.newest(step.name)
        self.emit(StepStarted(step.name, expected.seconds if expected else None, log.path))
        work = WorkDirectory(self.cache / "work", step.name)
        cleaning.callback(work.close)
        resume = ResumeDirectory(self.cache, key) if step.resumable else None
        try:
            out = self._attempts(step, digests, work, resume, log)
            tree = self.store.add_tree(out, move=True)
            record = self.store.record(key, step.name, tree, inputs, time.monotonic() - started)
        except StepFailedError as error:
            if error.reenter:
                work.keep()
                cleaning.callback(work.drop_failed)  # a large source takes long to remove: first tell what failed
            raise
        except BuildError as error:
            log.quiet(str(error))
            raise
        cleaning.callback(work.drop_failed)
        if resume:
            resume.remove()
        return record

    def _attempts(
        self, step: Step, digests: Mapping[str, str], work: WorkDirectory, resume: ResumeDirectory | None, log: StepLog
    ) -> Path:  # fmt: skip
        """Run the action, again after failures that a retry may cure; return the directory of its result."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with machine_errors(work.path):
                    if isinstance(step.action, RecipeAction):
                        return self._recipe(step, digests, work, resume, log)
                    return self._call(step, digests, work, log)
            except StoreCorruptError:
                raise  # a retry of this step cures nothing: the one that made the tree has to run again
            except BuildError as error:
                if not error.temporary or attempt == ATTEMPTS:
                    raise
                log.quiet(str(error))
                self.emit(Note(f"step {step.name}: {error}; trying again", "warning"))
            if self.cancelled.wait(attempt):
                raise StepCancelledError
        raise AssertionError

    def _recipe(
        self, step: Step, digests: Mapping[str, str], work: WorkDirectory, resume: ResumeDirectory | None, log: StepLog
    ) -> Path:  # fmt: skip
        left = resume.open() if resume else None
        command = lay_out(step, digests, work, self.store, self.jobserver, left,
                          fixed_paths=self.environment.fixed_paths)  # fmt: skip
        if self.wants_shell(step):
            self._shell(command, "a shell in its environment; the step runs when the shell ends")
        self._stop_if_cancelled()
        status = self.environment.run(command, on_line=log.line)
        if status == 0:
            return work.path / "out"
        self._stop_if_cancelled()
        if self.wants_shell(step):
            self._shell(command, f"failed ({_ended(status)}); a shell in its environment, as it was left")
        if log.full or free_bytes(work.path) < _FULL:
            raise NoSpaceError(f"step {step.name}: {work.path} has no space left", found=_ended(status),
                               advice=f"free some space, or run {host.script()} gc")  # fmt: skip
        reenter = self.environment.reenter(command)
        raise StepFailedError(step.name, _ended(status), tail=tuple(log.tail), log=log.path, reenter=reenter)

    def _call(self, step: Step, digests: Mapping[str, str], work: WorkDirectory, log: StepLog) -> Path:
        assert not isinstance(step.action, RecipeAction)
        self._stop_if_cancelled()
        out = work.subdirectory("out")
        call = Call(step, out, work.subdirectory("work"), self.jobserver.jobs, self.environment, digests, self.store,
                    log.line)  # fmt: skip
        step.action.function(call)
        return out

    def _shell(self, command: Command, why: str) -> None:
        self.emit(Note(f"step {command.label}: {why}"))
        self.environment.shell(replace(command, argv=SHELL_ARGV))

    def wants_shell(self, step: Step) -> bool:
        """Say whether the user wants to look into this step's environment: then it runs even if it is cached."""
        return step.name == self.debug_shell and isinstance(step.action, RecipeAction)

    def _stop_if_cancelled(self) -> None:
        if self.cancelled.is_set():
            raise StepCancelledError


class _Slot:
    """The token that a step holds while it works; given back once, whichever way the step ends."""

    def __init__(self, jobserver: Jobserver | Tokens) -> None:
        self._jobserver = jobserver
        self._held = True

    def acquire(self, given_up: Callable[[], bool]) -> bool:
        self._held = self._jobserver.acquire(given_up)
        return self._held

    def release(self) -> None:
        if self._held:
            self._held = False
            self._jobserver.release()


def _ended(status: int) -> str:
    """Say how a command ended; Windows' statuses of programs that crashed are known in hexadecimal."""
    if status >= 1 << 31:
        return f"exit status 0x{status:08X}"
    if status <= 128:
        return f"exit status {status}"
    try:
        name = signal.Signals(status - 128).name
    except ValueError:
        return f"exit status {status}"
    return f"ended by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def _unexpected(step: Step, error: Exception, log: StepLog) -> StepFailedError:
    """Report a bug or an unforeseen failure: one line for the user, the traceback in the step's log."""
    with log:
        log.quiet("".join(traceback.format_exception(error)))
    return StepFailedError(step.name, f"{type(error).__name__}: {error}", tail=tuple(log.tail), log=log.path)
