"""Choose the environment for a build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pythonbuild.environments.base import Environment
from pythonbuild.environments.sandbox import SandboxEnvironment
from pythonbuild.errors import EnvironmentUnavailableError


def choose(name: Literal["auto", "docker", "sandbox"], note: Callable[[str], None], cache: Path) -> Environment:
    """Return the wanted environment; ``auto`` takes Docker when a daemon answers, else the sandbox."""
    if name == "docker":
        raise EnvironmentUnavailableError("Docker cannot be used here", advice="use --environment sandbox")
    environment = SandboxEnvironment(cache)
    note(f"environment: {environment.name}")
    for missing in environment.missing_isolation:
        note(f"environment: {missing}")
    return environment
