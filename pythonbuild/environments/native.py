"""Steps on the machine itself: macOS and Windows, where no other root filesystem can be had.

A command has its own environment of variables, and on macOS no network. It sees the whole machine, at the machine's own
paths; what it needs of it (compilers, SDK) is found before and named in its variables.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pythonbuild.environments.base import Command
from pythonbuild.environments.process import ProcessGroup, shell_status, with_terminal

#: macOS refuses the network to whatever is started by this.
_SANDBOX, _NO_NETWORK = "sandbox-exec", "(version 1)(allow default)(deny network*)"


class NativeEnvironment:
    """Steps without isolation but for the network, where the system can do that. ``cache`` is the cache directory."""

    name = "native"
    fixed_paths = False

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._processes = ProcessGroup()
        sandbox = shutil.which(_SANDBOX) if sys.platform == "darwin" else None
        self._wrapper = (sandbox, "-p", _NO_NETWORK) if sandbox else ()
        self.missing_isolation = ("the file system", *(() if self._wrapper else ("the network",)))

    def run(self, command: Command, *, on_line: Callable[[str], None]) -> int:
        """See :class:`~pythonbuild.environments.base.Environment`."""
        return self._processes.run((*self._wrapper, *command.argv), on_line=on_line, env=command.env, cwd=command.cwd)

    def shell(self, command: Command) -> int:
        """Run the command on the caller's terminal."""
        command = with_terminal(command)
        done = subprocess.run((*self._wrapper, *command.argv), env=command.env, cwd=command.cwd, check=False)
        return shell_status(done.returncode)

    def reenter(self, command: Command) -> str:
        """Return the command line of a shell with the command's variables, in its directory."""
        variables = [f"{name}={value}" for name, value in sorted(with_terminal(command).env.items())]
        return f"cd {shlex.quote(command.cwd)} && {shlex.join(['env', '-i', *variables, 'bash', '-i'])}"

    def cancel(self) -> None:
        """End every running command now."""
        self._processes.cancel()

    def close(self) -> None:
        """End what still runs."""
        self._processes.cancel()
