"""Choose the environment for a build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pythonbuild import host
from pythonbuild.environments.base import Environment
from pythonbuild.errors import EnvironmentUnavailableError, UsageError


def choose(name: str, note: Callable[[str], None], cache: Path) -> Environment:
    """Return the wanted environment; ``auto`` takes Docker when a daemon answers, else the sandbox.

    macOS and Windows have ``native`` alone, which ``auto`` is there.
    """
    alone = host.MACOS or host.WINDOWS
    if name == "native" or (alone and name == "auto"):
        return _native(note, cache)
    if alone:
        raise UsageError(f"--environment: {name} is not for this system", expected="auto or native")
    return _isolated(name, note, cache)


def _native(note: Callable[[str], None], cache: Path) -> Environment:
    from pythonbuild.environments.native import NativeEnvironment

    environment = NativeEnvironment(cache)
    note(f"environment: native (not isolated: {' and '.join(environment.missing_isolation)})")
    return environment


def _isolated(name: str, note: Callable[[str], None], cache: Path) -> Environment:
    why_not = ""
    if name in {"auto", "docker"}:
        from pythonbuild.environments.docker import DockerEnvironment

        try:
            docker = DockerEnvironment(cache, note)
        except EnvironmentUnavailableError as error:
            if name == "docker":
                raise
            why_not = error.advice.partition(";")[0]
        else:
            note("environment: docker" + (" (a daemon answers)" if name == "auto" else ""))
            return docker
    from pythonbuild.environments.sandbox import SandboxEnvironment

    try:
        sandbox = SandboxEnvironment(cache)
    except EnvironmentUnavailableError as error:
        if why_not:
            error = EnvironmentUnavailableError(f"{error.what}, nor Docker ({why_not})", advice=error.advice)
        raise error from None
    note("environment: sandbox" + (f" ({why_not})" if why_not else ""))
    for missing in sandbox.missing_isolation:
        note(f"environment: sandbox without full isolation: {missing}")
    return sandbox
