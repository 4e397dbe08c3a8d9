"""How a command ends when something went wrong: one line, an exit status, and never a traceback on the terminal."""

from __future__ import annotations

import errno
import os
import signal
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from pythonbuild.errors import BuildError, MachineError, NoSpaceError

_CONTINUE = "the same command continues where this one stopped"


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP came; handled as Ctrl-C is, so that containers and running steps are ended."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


@dataclass(frozen=True)
class Failure:
    """What to tell: ``reason`` for programs, ``message`` for people."""

    reason: str
    message: str
    exit_code: int


def explain(error: BaseException, logs: Path) -> Failure:
    """Return what to tell about an exception; that of an unexpected one is written to a file in ``logs``."""
    if isinstance(error, BaseExceptionGroup):
        return explain(error.exceptions[0], logs)
    if isinstance(error, Terminated):
        return Failure("terminated", f"ended by {error}; {_CONTINUE}", 128 + error.number)
    if isinstance(error, KeyboardInterrupt):
        return Failure("interrupted", f"interrupted; {_CONTINUE}", 130)
    if isinstance(error, OSError):
        error = _machine_error(error) or error
    if isinstance(error, BuildError):
        return Failure(error.reason, error.render(), error.exit_code)
    summary = traceback.format_exception_only(error)[-1].strip().splitlines()[0]
    kept = _keep_traceback(error, logs)
    where = f"; the traceback is in {kept}" if kept else ""
    return Failure("internal", f"internal error: {summary}{where}", 1)


def _machine_error(error: OSError) -> MachineError | None:
    """Return the errors that are the machine's rather than ours in words with advice."""
    place = str(error.filename) if error.filename else "a file"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        advice = "free some space (gc bounds the cache), or give --cache-dir and --output directories on another disk"
        return NoSpaceError(f"no space left while writing {place}", advice=advice)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        advice = "check who owns it, or give --cache-dir and --output other directories"
        return MachineError(f"{place}: {error.strerror}", advice=advice)
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return MachineError(f"{place}: {error.strerror}", advice="raise the limit with: ulimit -n 4096")
    return None


def _keep_traceback(error: BaseException, logs: Path) -> Path | None:
    """Write the traceback to a file; returns its path, None where no file can be written."""
    text = "".join(traceback.format_exception(error))
    name = time.strftime(f"crash-%Y%m%d-%H%M%S-{os.getpid()}.txt")
    for directory in (logs, Path(tempfile.gettempdir())):
        try:
            directory.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(text, encoding="utf-8", newline="\n")
        except OSError:
            continue
        return directory / name
    return None
