"""Steps on the machine itself: macOS and Windows, where no other root filesystem can be had.

A command has its own environment of variables, and on macOS no network. It sees the whole machine, at the machine's own
paths; what it needs of it (compilers, SDK) is found before and named in its variables. It ends, with all that it has
started, when it is cancelled or the builder dies (:mod:`pythonbuild.environments.kept`).
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from pythonbuild import host
from pythonbuild.environments.base import Command
from pythonbuild.environments.kept import Kept, keeper_argv
from pythonbuild.environments.process import SHELL_ARGV, ProcessGroup, shell_status, with_terminal
from pythonbuild.errors import MachineError

#: macOS refuses the network to whatever is started by this; as in the sandbox of Linux, not the machine itself, which
#: servers in CPython's tests and training are on. Where it takes no such exceptions, without them.
_SANDBOX = "sandbox-exec"
_NO_NETWORK = "(version 1)(allow default)(deny network*)"
_PROFILES = (
    f'{_NO_NETWORK}(allow network-bind (local ip "localhost:*"))(allow network-inbound (local ip "localhost:*"))'
    '(allow network-outbound (remote ip "localhost:*"))(allow network* (remote unix-socket))'
    '(allow network* (local unix-socket))(deny network-outbound (literal "/private/var/run/mDNSResponder"))',
    _NO_NETWORK,
)
_PROBE_SECONDS = 20

#: The resource limits, the same as in the sandbox; Windows has none of them.
LIMITS = {"core": 0, "nofile": 4096, "stack": 8 << 20}

#: What Windows' own libraries look for in a program's variables; they say where the system is, not what is built.
_WINDOWS_ITSELF = (
    "ALLUSERSPROFILE", "APPDATA", "COMSPEC", "CommonProgramFiles", "CommonProgramFiles(x86)", "LOCALAPPDATA",
    "NUMBER_OF_PROCESSORS", "OS", "PATHEXT", "PROCESSOR_ARCHITECTURE", "ProgramData", "ProgramFiles",
    "ProgramFiles(x86)", "SystemDrive", "SystemRoot", "TEMP", "TMP", "USERPROFILE", "windir",
)  # fmt: skip


class NativeEnvironment:
    """Steps without isolation but for the network, where the system can do that. ``cache`` is the cache directory."""

    name = "native"
    fixed_paths = False

    def __init__(self, cache: Path) -> None:
        refuse_place(str(cache.absolute()), windows=host.WINDOWS)
        self._cache = cache
        self._processes = ProcessGroup()
        self._wrapper = sandbox_wrapper()
        self.missing_isolation = missing_isolation(self._wrapper)

    def run(self, command: Command, *, on_line: Callable[[str], None]) -> int:
        """See :class:`~pythonbuild.environments.base.Environment`."""
        argv = (*self._wrapper, *command.argv)
        return self._processes.follow(
            lambda: Kept(argv, complete(command.env), command.cwd, LIMITS), on_line, command.seconds
        )

    def shell(self, command: Command) -> int:
        """Run the command on the caller's terminal."""
        command = _with_shell(with_terminal(command))
        argv = (*self._wrapper, *command.argv)
        done = subprocess.run(argv, env=complete(command.env), cwd=command.cwd, check=False)
        return shell_status(done.returncode)

    def reenter(self, command: Command) -> str:
        """Return the command line of a shell with the command's variables, in its directory.

        One that cmd and PowerShell both take has no variables in it, nor quotes: they stand in a file beside the logs.
        """
        command = with_terminal(replace(command, argv=SHELL_ARGV))
        if not host.WINDOWS:
            variables = [f"{name}={value}" for name, value in sorted(command.env.items())]
            shell = shlex.join([*self._wrapper, "env", "-i", *variables, *command.argv])
            return f"cd {shlex.quote(command.cwd)} && {shell}"
        name = re.sub(r"[^\w.+-]+", "-", command.label)
        place = self._cache.absolute() / "logs" / "reenter" / f"{name}.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        spec = {"argv": _with_shell(command).argv, "env": complete(command.env), "cwd": command.cwd, "limits": LIMITS}
        place.write_text(json.dumps(spec, indent=1), encoding="utf-8", newline="\n")
        return for_windows_shells([*keeper_argv(), str(place)])

    def cancel(self) -> None:
        """End every running command now."""
        self._processes.cancel()

    def close(self) -> None:
        """End what still runs."""
        self._processes.cancel()


def sandbox_wrapper() -> tuple[str, ...]:
    """Return what a command line begins with so that it has no network; nothing where that cannot be had.

    It is tried: a process that is in such a sandbox itself can make no further one.
    """
    sandbox = shutil.which(_SANDBOX) if host.MACOS else None
    wrappers = [(sandbox, "-p", profile) for profile in _PROFILES if sandbox]
    return next((wrapper for wrapper in wrappers if _runs([*wrapper, "/bin/sh", "-c", "exit 0"])), ())


def _runs(argv: list[str]) -> bool:
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def missing_isolation(wrapper: tuple[str, ...]) -> tuple[str, ...]:
    return ("the file system", *(() if wrapper else ("the network",)))


def refuse_place(cache: str, *, windows: bool) -> None:
    """Raise MachineError when steps cannot work below the cache directory."""
    if " " in cache:
        raise MachineError(f"{cache}: the path of the cache directory has a space, with which configure and make fail",
                           advice="give --cache-dir a directory without one")  # fmt: skip
    if windows and len(cache) > host.LONGEST_CACHE:
        raise MachineError(f"{cache}: the path of the cache directory is too long for Windows' compilers",
                           found=f"{len(cache)} characters", expected=f"at most {host.LONGEST_CACHE}",
                           advice=r"give --cache-dir a shorter one, such as C:\pb")  # fmt: skip


def complete(variables: Mapping[str, str]) -> dict[str, str]:
    """Return a command's variables and, on Windows, those without which no program there works."""
    if not host.WINDOWS:
        return dict(variables)
    given = {name.upper() for name in variables}  # names of another case are the same there
    system = {name: os.environ[name] for name in _WINDOWS_ITSELF if name in os.environ and name.upper() not in given}
    return {**system, **variables}


def for_windows_shells(argv: list[str]) -> str:
    """Quote a command line so that cmd and PowerShell both run it: a quoted program is a mere text to PowerShell."""
    line = subprocess.list2cmdline(argv)
    return f"cmd /c {line}" if line.startswith('"') else line


def _with_shell(command: Command) -> Command:
    """Return the command with the system's own shell where bash was asked for and is none."""
    return replace(command, argv=("cmd.exe", "/D", "/K")) if host.WINDOWS and command.argv == SHELL_ARGV else command
