"""The machine that tools are looked for on, as far as looking goes: its variables, its programs, and what these say.

Programs are found by PATH and asked; nothing here depends on the system, so that the search can be tried anywhere with
stand-ins on PATH.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: How long a program may take to say its version; a batch file of Visual Studio's takes some seconds.
_PATIENCE = 180


@dataclass(frozen=True)
class Host:
    """``system`` and ``machine`` are those of :mod:`platform`; ``variables`` those of the caller's environment."""

    system: str = field(default_factory=platform.system)
    machine: str = field(default_factory=lambda: platform.machine().lower())
    variables: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def variable(self, name: str) -> str:
        """Return a variable's value, "" if there is none. Case does not matter, as on Windows."""
        return next((value for key, value in self.variables.items() if key.upper() == name.upper()), "")

    def which(self, program: str, path: str | None = None) -> str:
        """Return a program's path on PATH (or on another list of directories), "" if there is none."""
        return shutil.which(program, path=self.variable("PATH") if path is None else path) or ""

    def is_file(self, path: str) -> bool:
        return bool(path) and Path(path).is_file()

    def ask(self, command: Sequence[str]) -> tuple[int, str]:
        """Run a program and return its status and what it says; 127 and the reason if it cannot be started."""
        return self._run(list(command))

    def ask_batch(self, script: str, *arguments: str, then: str = "") -> tuple[int, str]:
        """Run a batch file, and after it a command of cmd's in the same process; return status and output.

        cmd has rules of its own for quotes: with ``/s`` the outermost pair goes, and all between is taken as it is.
        """
        called = " ".join((f'"{script}"', *arguments))
        line = f"chcp 65001 >nul && call {called}" + (f" && {then}" if then else "")
        if self.system == "Windows":
            return self._run(f'cmd /d /s /c "{line}"')
        return self._run(["cmd", "/d", "/s", "/c", line])

    def _run(self, command: str | list[str]) -> tuple[int, str]:
        try:
            done = subprocess.run(command, env=dict(self.variables), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=_PATIENCE, check=False)  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return 127, str(error)
        return done.returncode, done.stdout.decode("utf-8", "replace").replace("\r\n", "\n")
