"""The real root filesystem, sysroot and toolchain, as a build makes them; the cache keeps what is fetched."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pythonbuild.config.locks import load_lock, load_root_description
from pythonbuild.config.model import Target
from pythonbuild.config.sources import load_sources
from pythonbuild.config.targets import load_targets
from pythonbuild.debian.apt_sources import mirror_bases
from pythonbuild.debian.glibc217 import add_glibc217
from pythonbuild.debian.packages import Debs, fetch_debs
from pythonbuild.debian.unpack import unpack_root
from pythonbuild.engine.inside import FIXED
from pythonbuild.environments.base import Command, Environment, Mount
from pythonbuild.environments.sandbox import SandboxEnvironment, probe_sandbox
from pythonbuild.sources.fetch import Fetcher
from tests.integration.conftest import CACHE, REPOSITORY

UNIX = REPOSITORY / "cpython-unix"
DOWNLOADS = CACHE / "downloads"
TRIPLE = "x86_64-unknown-linux-gnu"


def fetched(lock_name: str) -> Debs:
    lock = load_lock(UNIX / "locks" / f"{lock_name}.yml")
    with Fetcher(DOWNLOADS) as fetcher:
        return fetch_debs(lock, fetcher.fetch_file, bases=mirror_bases(), locked=False, note=print)


@dataclass
class Workshop:
    """Runs recipes and scripts in the build root."""

    root: Path
    environment: Environment
    target: Target
    directory: Path
    tools: Path

    def _run(
        self, name: str, argv: tuple[str, ...], mounts: dict[str, Path], variables: dict[str, str]
    ) -> tuple[int, str]:
        out, build = self.directory / name / "out", self.directory / name / "build"
        for place in (out, build):
            place.mkdir(parents=True, exist_ok=True)
        command = Command(
            argv=argv,
            env={**self.target.environment, "LC_ALL": "C.UTF-8", "OUT": "/out", "TARGET_TRIPLE": TRIPLE, **variables},
            cwd="/build",
            mounts=(
                Mount(build, "/build", writable=True),
                Mount(out, "/out", writable=True),
                *(Mount(source, target) for target, source in mounts.items()),
            ),
            root=self.root,
            root_digest=secrets.token_hex(32),
            label=name,
        )
        lines: list[str] = []
        status = self.environment.run(command, on_line=lines.append)
        return status, "\n".join(lines)

    def recipe(self, recipe: str, name: str, floor: str, sources: Path | None = None) -> Path:
        """Run a recipe and return its result."""
        folder = self.directory / f"{name}-recipe"
        shutil.copytree(UNIX / "recipes" / recipe, folder)
        for script in ("driver.sh", "functions.sh"):
            shutil.copy(UNIX / "recipes" / script, folder)
        shutil.copy(REPOSITORY / "pythonbuild/debian/glibc_floor.py", folder)
        mounts = {"/recipe": folder} | ({"/sources": sources} if sources else {})
        variables = {
            **FIXED,
            "GLIBC_FLOOR": floor,
            "MULTIARCH": self.target.multiarch,
            "TOOLCHAIN": "packaged:clang-22",
        }
        status, output = self._run(name, ("bash", "-eu", "/recipe/driver.sh"), mounts, variables)
        assert status == 0, output
        return self.directory / name / "out"

    def script(self, text: str, *, tools: Path | None = None) -> tuple[int, str, Path]:
        """Run a script with the toolchain; return its status, its output, and its directory /build."""
        name = f"script-{secrets.token_hex(4)}"
        status, output = self._run(name, ("bash", "-eu", "-c", text), {"/tools": tools or self.tools}, {})
        return status, output, self.directory / name / "build"


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    if not (probe := probe_sandbox()).ok:
        pytest.skip(probe.advice)
    directory = tmp_path_factory.mktemp("debian")
    debs = fetched("build-amd64")
    root = directory / "root"
    root.mkdir()
    unpack_root(load_root_description(UNIX / "roots" / "build.yml"), debs.lock, debs.files, root, 2)
    environment = SandboxEnvironment(directory / "cache")
    made = Workshop(root, environment, load_targets(UNIX / "targets.yml")[TRIPLE], directory, directory / "none")
    made.tools = make_tools(made, "2.17")
    yield made
    environment.close()
    shutil.rmtree(directory)


def make_tools(workshop: Workshop, floor: str) -> Path:
    """Return what a step sees at /tools: toolchain and sysroot."""
    sources = workshop.directory / "sysroot-debs"
    if not sources.exists():
        sources.mkdir()
        for path in fetched("sysroot-bullseye-amd64").files.values():
            shutil.copy(path, sources)
    tools = workshop.directory / f"tools-{floor}"
    toolchain = workshop.recipe("toolchain", f"toolchain-{floor}", floor)
    sysroot = workshop.recipe("sysroot", f"sysroot-{floor}", floor, sources)
    shutil.copytree(toolchain / "tools", tools)
    (sysroot / "tools" / "sysroot").rename(tools / "sysroot")
    return tools


@pytest.fixture(scope="session")
def tools_of(workshop: Workshop) -> Callable[[str], Path]:
    """Toolchain and sysroot for another floor."""
    made = {"2.17": workshop.tools}

    def get(floor: str) -> Path:
        if floor not in made:
            made[floor] = make_tools(workshop, floor)
        return made[floor]

    return get


@pytest.fixture(scope="session")
def glibc217(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a real glibc 2.17."""
    root = tmp_path_factory.mktemp("glibc") / "root"
    with Fetcher(DOWNLOADS) as fetcher:
        add_glibc217(fetcher.fetch(load_sources(UNIX / "sources.yml")["ppbt"].pins[0]), root)
    return root
