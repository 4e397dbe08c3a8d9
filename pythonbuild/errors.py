"""One class per failure a user can meet.

An error renders as one line: what failed, what was found, what was expected, what to do next.
``reason`` is machine-readable (tests and JSON logs rely on it, never on the text), ``exit_code`` is the status the
command line ends with, and ``temporary`` marks the only failures that are worth a retry.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class BuildError(Exception):
    """A failure that is reported to the user as one line, without a traceback."""

    reason = "build-failed"
    exit_code = 1
    temporary = False

    def __init__(self, what: str, *, found: object = None, expected: object = None, advice: str = "") -> None:
        self.what = what
        self.found = found
        self.expected = expected
        self.advice = advice
        super().__init__(self.render())

    def render(self) -> str:
        """Return the single line shown to the user."""
        parts = []
        if self.found is not None:
            parts.append(f"found {self.found}")
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        text = self.what + (": " + ", ".join(parts) if parts else "")
        return f"{text}; {self.advice}" if self.advice else text


class UsageError(BuildError):
    """A flag, an argument or a combination of them that makes no sense."""

    reason = "usage"
    exit_code = 2


class ConfigError(BuildError):
    """A configuration file with a wrong key or value; ``what`` begins with ``file: path.to.key``."""

    reason = "config"
    exit_code = 2


class MachineError(BuildError):
    """This machine lacks something that the build needs (a tool, a permission, space)."""

    reason = "machine"


class NoSpaceError(MachineError):
    """The disk is full."""

    reason = "no-space"


class EnvironmentUnavailableError(MachineError):
    """The wanted environment (docker, sandbox) cannot be used here."""

    reason = "environment-unavailable"


class OutputError(MachineError):
    """The output directory cannot be written."""

    reason = "output"


class SourceError(BuildError):
    """A pinned file could not be had, or is not what its pin says; ``places`` tells what each place answered."""

    reason = "source"
    places: tuple[str, ...] = ()


class FetchError(SourceError):
    """No place offered a verified copy."""

    reason = "fetch"


class FetchTemporaryError(FetchError):
    """A network failure that a retry may cure."""

    reason = "fetch-temporary"
    temporary = True


class HashMismatchError(SourceError):
    """A file's content is not what its pin says; it was set aside."""

    reason = "hash-mismatch"


class OfflineError(SourceError):
    """A file is not in the cache, and ``--offline`` forbids to fetch it."""

    reason = "offline"


class LockError(BuildError):
    """A locked package can no longer be had, or an index could not be verified."""

    reason = "lock"


class StoreError(BuildError):
    """The store cannot do what is asked of it."""

    reason = "store"


class StoreCorruptError(StoreError):
    """An entry's content is not what its name says; it has been set aside, and building again replaces it."""

    reason = "store-corrupt"
    temporary = True


class PlanError(BuildError):
    """The graph of steps is not a graph that can be run (a cycle, an unknown need)."""

    reason = "plan"


class ExtensionModuleError(BuildError):
    """The extension modules' file and CPython's own Setup files, or its Windows projects, disagree."""

    reason = "extension-modules"


class PcbuildError(BuildError):
    """A file of CPython's Windows build is not what a transformation of it expects; ``what`` begins with the file."""

    reason = "pcbuild"


class DistributionError(BuildError):
    """CPython's build could not be read back, or its parts do not fit together."""

    reason = "distribution"


class ValidationError(BuildError):
    """An archive failed one or more checks."""

    reason = "validation"


class StepFailedError(BuildError):
    """A step ended with a failure.

    ``tail`` holds the last lines of its log, ``log`` the log's path and ``reenter`` a command that can be pasted to
    get a shell in the same environment.
    """

    reason = "step-failed"

    def __init__(self, step: str, detail: str, *, tail: Sequence[str] = (), log: Path | None = None,
                 reenter: str = "") -> None:  # fmt: skip
        self.step = step
        self.tail = tuple(tail)
        self.log = log
        self.reenter = reenter
        super().__init__(f"step {step} failed: {detail}", advice=f"see {log}" if log else "")


class TestSuiteError(BuildError):
    """CPython's test suite could not be run as a whole, or has no such file."""

    reason = "test-suite"
    __test__ = False  # its name makes pytest look for tests in it
