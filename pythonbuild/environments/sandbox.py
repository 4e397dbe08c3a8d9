"""The sandbox: steps in rootless Linux namespaces, without a daemon and with nothing but Python installed.

All the work inside is done by :mod:`pythonbuild.environments.launcher`, which is started as a program of its own; this
module writes its spec, streams its output and explains its failures. Where a kernel or a container allows no
namespaces, :mod:`pythonbuild.environments.chroot` takes over, with less isolation, and says what is missing.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pythonbuild.environments.base import MOUNT_POINTS, Command, Probe
from pythonbuild.environments.chroot import MISSING, Chroots
from pythonbuild.environments.process import SHELL_ARGV, ProcessGroup, launcher_argv, shell_status, with_terminal
from pythonbuild.errors import EnvironmentUnavailableError, MachineError

#: What is missing where a container's masked /proc keeps the kernel from mounting a fresh one.
HOST_PROC = "/proc shows the processes of this container"


def make_spec(command: Command, mode: str, *, interactive: bool = False) -> dict[str, Any]:
    """Describe a command to the launcher; ``mode`` is the probe's level."""
    assert command.root is not None
    return {
        "mode": mode,
        "root": str(command.root.resolve()),
        "argv": list(command.argv),
        "env": dict(command.env),
        "cwd": command.cwd,
        "mounts": [
            {"source": str(mount.source.resolve()), "target": mount.target, "writable": mount.writable}
            for mount in command.mounts
        ],
        "interactive": interactive,
        "user": command.user,
    }


class SandboxEnvironment:
    """Steps in namespaces of their own. ``cache`` is the cache directory; re-entry specs are kept in its logs."""

    name = "sandbox"
    fixed_paths = True

    def __init__(self, cache: Path) -> None:
        probe = probe_sandbox()
        if not probe.ok:
            raise EnvironmentUnavailableError("the sandbox cannot be used here", advice=probe.advice)
        self.missing_isolation = probe.missing
        self._mode = probe.level
        self._cache = cache
        self._processes = ProcessGroup()
        self._chroots = Chroots(cache) if probe.level == "chroot" else None

    def run(self, command: Command, *, on_line: Callable[[str], None]) -> int:
        """Run the command to its end; see :class:`~pythonbuild.environments.base.Environment`."""
        with self._prepared(make_spec(command, self._mode)) as spec:
            return run_launcher(spec, self._processes, on_line)

    def shell(self, command: Command) -> int:
        """Run the command on the caller's terminal."""
        with self._prepared(make_spec(with_terminal(command), self._mode, interactive=True)) as spec:
            return shell_status(subprocess.run(launcher_argv(json.dumps(spec)), check=False).returncode)

    def _prepared(self, spec: dict[str, Any]) -> contextlib.AbstractContextManager[dict[str, Any]]:
        return self._chroots.prepared(spec) if self._chroots else contextlib.nullcontext(spec)

    def reenter(self, command: Command) -> str:
        """Write the spec of an interactive bash beside the logs and return the command that starts it."""
        place = self._cache.resolve() / "logs" / "reenter" / (re.sub(r"[^\w.+-]+", "-", command.label) + ".json")
        place.parent.mkdir(parents=True, exist_ok=True)
        spec = make_spec(with_terminal(replace(command, argv=SHELL_ARGV)), self._mode, interactive=True)
        place.write_text(json.dumps(spec | {"cache": str(self._cache.resolve())}, indent=1), encoding="utf-8")
        if self._chroots is None:
            return shlex.join(launcher_argv(str(place)))
        # Here the root has to be put in place first, which the launcher alone can't do.
        package = f"PYTHONPATH={Path(__file__).resolve().parents[2]}"
        return shlex.join(["env", package, sys.executable, "-m", "pythonbuild.environments.chroot", str(place)])

    def cancel(self) -> None:
        """End every running command now."""
        self._processes.cancel()

    def close(self) -> None:
        """End what still runs; namespaces and mounts end with their last process, chroots are removed."""
        self._processes.cancel()
        if self._chroots:
            self._chroots.close()


def run_launcher(spec: dict[str, Any], processes: ProcessGroup, on_line: Callable[[str], None]) -> int:
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
    """Try the sandbox for real, on an empty root filesystem and without a command; then its fallback."""
    with tempfile.TemporaryDirectory(prefix="pythonbuild-probe-") as name:
        root = Path(name).resolve() / "root"
        for point in MOUNT_POINTS:
            Path(f"{root}{point}").mkdir(parents=True)
        spec = {"root": str(root), "argv": [], "env": {}, "cwd": "/", "mounts": [], "interactive": False}
        why = ""
        for level, missing in (("namespaces", ()), ("host-proc", (HOST_PROC,))):
            try:
                run_launcher({**spec, "mode": level}, ProcessGroup(), lambda _line: None)
            except MachineError as error:
                why = why or explain(error)
            else:
                return Probe(ok=True, level=level, missing=missing, advice=why)
        if os.geteuid() != 0:
            return Probe(ok=False, advice=why)
        chroots = Chroots(root.parent)
        try:
            with chroots.prepared(spec) as prepared:
                run_launcher(prepared, ProcessGroup(), lambda _line: None)
        except MachineError as error:
            return Probe(ok=False, advice=f"{why}; nor does a plain chroot work: {error}")
        finally:
            chroots.close()
        return Probe(ok=True, level="chroot", missing=MISSING, advice=why)


def explain(error: MachineError) -> str:
    """Say in one line why namespaces can't be had and which of the usual causes it is."""
    if _setting("kernel/unprivileged_userns_clone") == "0":
        cause = "the kernel forbids user namespaces: as root, sysctl -w kernel.unprivileged_userns_clone=1"
    elif _setting("user/max_user_namespaces") == "0":
        cause = "the kernel forbids user namespaces: as root, sysctl -w user.max_user_namespaces=10000"
    elif _setting("kernel/apparmor_restrict_unprivileged_userns") == "1" and os.geteuid() != 0:
        cause = "AppArmor restricts user namespaces: as root, sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    else:
        cause = "user namespaces are not allowed here (a container?)"
    return f"{error.what.removeprefix('sandbox: ')} ({error.found}): {cause}; or start Docker, or run as root"


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text(encoding="ascii").strip()
    except OSError:
        return ""
