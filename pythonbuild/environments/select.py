"""Choose the environment for a build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pythonbuild.environments.base import Environment
from pythonbuild.environments.sandbox import SandboxEnvironment
from pythonbuild.errors import EnvironmentUnavailableError


def choose(
    name: Literal["auto", "docker", "sandbox", "native"], note: Callable[[str], None], cache: Path
) -> Environment:
    """Return the wanted environment; ``auto`` takes Docker when a daemon answers, else the sandbox."""
    if name == "native":
        from pythonbuild.environments.native import NativeEnvironment

        native = NativeEnvironment(cache)
        note(f"environment: native (not isolated: {', '.join(native.missing_isolation)})")
        return native
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
