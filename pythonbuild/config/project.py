"""All configuration of a checkout in one object, read when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pythonbuild.config.model import Recipe, Source, Target, Toolchain
from pythonbuild.config.native_targets import (
    MacosToolchain,
    load_macos_targets,
    load_macos_toolchains,
    load_windows_targets,
)
from pythonbuild.config.recipes import load_recipes
from pythonbuild.config.sources import load_sources
from pythonbuild.config.targets import load_targets
from pythonbuild.config.toolchains import load_toolchains


@dataclass(frozen=True)
class Project:
    """A checkout's configuration. Every property raises ConfigError naming file and key.

    ``system`` is what is built for: ``windows`` has targets and recipes of its own.
    """

    repository: Path
    system: str = "linux"

    @property
    def unix(self) -> Path:
        return self.repository / "cpython-unix"

    @property
    def windows(self) -> Path:
        return self.repository / "cpython-windows"

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        sources = load_sources(self.unix / "sources.yml")
        return {**sources, **load_sources(self.windows / "sources.yml")} if self.system == "windows" else sources

    @cached_property
    def targets(self) -> Mapping[str, Target]:
        """What can be built for."""
        if self.system == "windows":
            return load_windows_targets(self.windows / "targets.yml")
        return load_targets(self.unix / "targets.yml")

    @cached_property
    def macos_targets(self) -> Mapping[str, Target]:
        """What ``build-macos.py`` knows; those without options cannot be built by themselves."""
        return load_macos_targets(self.unix / "targets-macos.yml")

    @cached_property
    def macos_toolchains(self) -> Mapping[str, MacosToolchain]:
        return load_macos_toolchains(self.unix / "targets-macos.yml", self.targets)

    @cached_property
    def known_targets(self) -> Mapping[str, Target]:
        """What archives can be validated for: also those of other systems."""
        linux, windows = load_targets(self.unix / "targets.yml"), load_windows_targets(self.windows / "targets.yml")
        return {**linux, **self.macos_targets, **windows}

    @cached_property
    def toolchains(self) -> Mapping[str, Toolchain]:
        return load_toolchains(self.unix / "toolchains.yml")

    @cached_property
    def recipes(self) -> Mapping[str, Recipe]:
        if self.system == "windows":
            return load_recipes(self.windows / "recipes", "build.py")
        return load_recipes(self.unix / "recipes")
