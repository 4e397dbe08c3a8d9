"""The command line: arguments in, exit status out.

Everything that takes long to import is imported by the command that needs it: a build with nothing to do ends within
two seconds, and most of them are not spent here.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from platform import system
from types import FrameType
from typing import TYPE_CHECKING

from pythonbuild.cli.arguments import Arguments, parse
from pythonbuild.cli.help import help_text, version_text
from pythonbuild.errors import StepFailedError, UsageError

if TYPE_CHECKING:
    from typing import TextIO

    from pythonbuild.cli.failures import Failure
    from pythonbuild.cli.render import Screen

#: Commands that plan a build.
_PLANNING = ("", "why", "toolchain", "verify-reproducible")
#: Commands that run a finished distribution, on Linux on the machine itself where that is asked for.
_NATIVE_ON_LINUX = ("test-distribution", "validate")
#: Commands that Windows has not got: no toolchain is made there, and a distribution has not all that its link took.
_REFUSED = {"windows": ("relink", "toolchain")}


def answer_early(platform: str, repository: str, arguments: Sequence[str]) -> int | None:
    """Answer what needs no installed package: help, version and wrong usage. None when there is more to do."""
    script = f"build-{platform}.py"
    try:
        parsed = parse(arguments, os.environ, platform)
        if parsed.show == "help":
            return _put(sys.stdout, help_text(parsed.command, script), 0)
        if parsed.show == "version":
            return _put(sys.stdout, version_text(script, Path(repository)), 0)
        _refuse_other_platforms(platform, parsed)
    except UsageError as error:
        return _put(sys.stderr, f"{script}: {error.render()}\n", error.exit_code)
    return None


def _refuse_other_platforms(platform: str, parsed: Arguments) -> None:
    name = parsed.command.name
    if name in _REFUSED.get(platform, ()):
        raise UsageError(f"{name}: is not there for this system", advice=f"docs/building-{platform}.rst tells why")
    if platform == "linux" and name not in _NATIVE_ON_LINUX and _environment(parsed) == "native":
        raise UsageError(f"--environment: native is for {' and '.join(_NATIVE_ON_LINUX)} alone on Linux",
                         expected="docker or sandbox")  # fmt: skip
    if platform == "macos" and name in _PLANNING and (found := system()) != "Darwin":
        raise UsageError("macOS is built for on macOS", found=found,
                         advice="`build-macos.py cross-check` compiles what can be compiled here")  # fmt: skip


def _environment(parsed: Arguments) -> str:
    return str(parsed["environment"]) if "environment" in parsed.values else ""


def main(platform: str, repository: str, arguments: Sequence[str]) -> int:
    """Run one command and return the exit status."""
    status = answer_early(platform, repository, arguments)
    if status is not None:
        return status
    _catch_signals()
    from pythonbuild.cli.commands import make_screen

    parsed = parse(arguments, os.environ, platform)
    screen = make_screen(parsed)
    return _guarded(f"build-{platform}.py", Path(repository), parsed, screen)


def _guarded(script: str, repository: Path, parsed: Arguments, screen: Screen) -> int:
    """Run the command; whatever happens becomes one line and a status."""
    from pythonbuild.cli.commands import RUN

    try:
        status = RUN[parsed.command.name](parsed, repository, screen)
        screen.close()
    except BaseException as error:  # noqa: BLE001 - the one place where everything ends as a line
        return _failed(script, repository, parsed, screen, error)
    return _lost(script, screen.lost) if screen.lost else status


def _failed(script: str, repository: Path, parsed: Arguments, screen: Screen, error: BaseException) -> int:
    if screen.lost:
        return _lost(script, screen.lost)
    from pythonbuild.cli.failures import explain
    from pythonbuild.cli.requests import cache_directory

    failure: Failure = explain(error, cache_directory(parsed, repository) / "logs")
    screen.error(failure.reason, failure.message, failure.exit_code)
    screen.close()
    text = f"{script}: {failure.message}\n"
    if isinstance(error, StepFailedError) and error.step not in screen.failed:
        text += "".join(f"  | {line}\n" for line in error.tail)
        text += f"  re-enter: {error.reenter}\n" if error.reenter else ""
    return _put(sys.stderr, text, failure.exit_code)


def _lost(script: str, error: OSError) -> int:
    """End after the output could not be written; a reader that went away (``| head``) needs no message."""
    if isinstance(error, BrokenPipeError):
        return 128 + 13
    return _put(sys.stderr, f"{script}: the output cannot be written: {error.strerror}\n", 1)


def _catch_signals() -> None:
    from pythonbuild.cli.failures import Terminated

    def end(number: int, _frame: FrameType | None) -> None:
        raise Terminated(number)

    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):  # the last one is Windows' Ctrl-Break, and a window that is closed
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup stays in force
            signal.signal(number, end)


def _put(stream: TextIO, text: str, status: int) -> int:
    """Write a text and return the status; a closed pipe is no error."""
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:  # before our own environment is used, the system's code page is
            stream.write(text.encode(stream.encoding, "replace").decode(stream.encoding))
        stream.flush()
    except OSError:
        from pythonbuild.cli.render import silence

        silence(stream)
    return status
