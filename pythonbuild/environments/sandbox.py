"""The sandbox: steps in rootless Linux namespaces, without a daemon and with nothing but Python installed.

All the work inside is done by :mod:`pythonbuild.environments.launcher`, which is started as a program of its own; this
module writes its spec, streams its output and explains its failures. Where a kernel or a container allows no
namespaces, :mod:`pythonbuild.environments.chroot` takes over, with less isolation, and says what is missing.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from pythonbuild.environments.base import MOUNT_POINTS, Command, Probe
from pythonbuild.environments.process import SHELL_ARGV, ProcessGroup, shell_status, with_terminal
from pythonbuild.errors import EnvironmentUnavailableError, MachineError

LAUNCHER = Path(__file__).resolve().with_name("launcher.py")


def make_spec(command: Command, *, interactive: bool = False) -> dict[str, object]:
    """Describe a command to the launcher."""
    return {
        "root": str(command.root.resolve()),
        "argv": list(command.argv),
        "env": dict(command.env),
        "cwd": command.cwd,
        "mounts": [
            {"source": str(mount.source.resolve()), "target": mount.target, "writable": mount.writable}
            for mount in command.mounts
        ],
        "interactive": interactive,
    }


def launcher_argv(spec: str) -> list[str]:
    """Return how the launcher is started: isolated from the caller's Python settings, without site packages."""
    return [sys.executable, "-I", "-S", str(LAUNCHER), spec]


class SandboxEnvironment:
    """Steps in namespaces of their own. ``cache`` is the cache directory; re-entry specs are kept in its logs."""

    name = "sandbox"

    def __init__(self, cache: Path) -> None:
        probe = probe_sandbox()
        if not probe.ok:
            raise EnvironmentUnavailableError("the sandbox cannot be used here", advice=probe.advice)
        self.missing_isolation = probe.missing
        self._cache = cache
        self._processes = ProcessGroup()

    def run(self, command: Command, *, on_line: Callable[[str], None]) -> int:
        """Run the command to its end; see :class:`~pythonbuild.environments.base.Environment`."""
        return run_launcher(make_spec(command), self._processes, on_line)

    def shell(self, command: Command) -> int:
        """Run the command on the caller's terminal."""
        spec = make_spec(with_terminal(command), interactive=True)
        return shell_status(subprocess.run(launcher_argv(json.dumps(spec)), check=False).returncode)

    def reenter(self, command: Command) -> str:
        """Write the spec of an interactive bash beside the logs and return the command that starts it."""
        place = self._cache / "logs" / "reenter" / (re.sub(r"[^\w.+-]+", "-", command.label) + ".json")
        place.parent.mkdir(parents=True, exist_ok=True)
        spec = make_spec(with_terminal(command), interactive=True) | {"argv": list(SHELL_ARGV)}
        place.write_text(json.dumps(spec, indent=1), encoding="utf-8")
        return shlex.join(launcher_argv(str(place.resolve())))

    def cancel(self) -> None:
        """End every running command now."""
        self._processes.cancel()

    def close(self) -> None:
        """Nothing is held between runs: namespaces and mounts end with their last process."""
        self._processes.cancel()


def run_launcher(spec: dict[str, object], processes: ProcessGroup, on_line: Callable[[str], None]) -> int:
    """Run the launcher; raise MachineError when it could not even start the command."""
    status, theirs = os.pipe()
    try:
        argv = launcher_argv(json.dumps(spec | {"parent": os.getpid(), "status": theirs}))
        code = processes.run(argv, on_line=on_line, pass_fds=(theirs,))
    finally:
        os.close(theirs)
        with os.fdopen(status, "rb") as stream:
            failure = stream.read()
    if failure and not processes.cancelled:
        told = json.loads(failure)
        raise MachineError(f"sandbox: cannot {told['stage']}", found=os.strerror(told["code"]))
    return code


# --- what this machine allows -----------------------------------------------------------------------------------------


def probe_sandbox() -> Probe:
    """Try the sandbox for real, on an empty root filesystem and without a command."""
    failure = try_namespaces()
    if failure is None:
        return Probe(ok=True, level="namespaces")
    return Probe(ok=False, advice=explain(*failure))


def try_namespaces() -> tuple[str, int] | None:
    """Set the namespaces and all mounts up once; return the stage and the errno at which it failed."""
    with tempfile.TemporaryDirectory(prefix="pythonbuild-probe-") as name:
        for point in MOUNT_POINTS:
            Path(name + point).mkdir()
        spec = {"root": str(Path(name).resolve()), "argv": [], "env": {}, "cwd": "/", "mounts": [],
                "interactive": False}  # fmt: skip
        try:
            run_launcher(spec, ProcessGroup(), lambda _line: None)
        except MachineError as error:
            return error.what, _errno_of(str(error.found))
    return None


def _errno_of(text: str) -> int:
    return next((code for code in errno.errorcode if os.strerror(code) == text), 0)


def explain(stage: str, code: int) -> str:
    """Say in one line why namespaces can't be had and which of the usual causes it is."""
    if _setting("kernel/unprivileged_userns_clone") == "0":
        cause = "the kernel forbids user namespaces: as root, sysctl -w kernel.unprivileged_userns_clone=1"
    elif _setting("user/max_user_namespaces") == "0":
        cause = "the kernel forbids user namespaces: as root, sysctl -w user.max_user_namespaces=10000"
    elif _setting("kernel/apparmor_restrict_unprivileged_userns") == "1" and os.geteuid() != 0:
        cause = "AppArmor restricts user namespaces: as root, sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    else:
        cause = "user namespaces are not allowed here (a container?)"
    return f"{stage} failed ({os.strerror(code)}): {cause}; or start Docker, or run as root"


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text(encoding="ascii").strip()
    except OSError:
        return ""
