"""A root filesystem of a few of the host's own programs, and every environment that this machine can offer."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from pythonbuild.environments import sandbox
from pythonbuild.environments.base import MOUNT_POINTS, Command, Environment, Mount, Probe
from pythonbuild.environments.chroot import MISSING
from pythonbuild.environments.docker import DockerEnvironment, connect, probe_docker
from pythonbuild.environments.docker_image import image_name
from pythonbuild.environments.sandbox import SandboxEnvironment, probe_sandbox

PROGRAMS = ("bash", "sh", "env", "cat", "ls", "id", "sleep", "touch", "mkdir", "setsid", "stat", "uname", "rm", "ln")
PATH = "/usr/bin:/bin"


def make_root(root: Path) -> Path:
    """Copy some programs and the libraries they need."""
    for point in (*MOUNT_POINTS, "/sys", "/etc", "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/share/ä ö"):
        Path(f"{root}{point}").mkdir(parents=True, exist_ok=True)
    for name in ("bin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
    for program in PROGRAMS:
        path = shutil.which(program, path=PATH)
        assert path is not None
        shutil.copy(path, root / "usr" / "bin" / program)
        listed = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(/\S+) \(0x", listed):
            target = Path(f"{root}{library}")
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                shutil.copy(library, target)
    return root


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_root(tmp_path_factory.mktemp("wurzel ä") / "root")


@pytest.fixture(scope="session")
def root_digest() -> Iterator[str]:
    digest = secrets.token_hex(32)
    yield digest
    if probe_docker().ok:
        with connect() as client:
            for image in client.images.list(image_name(digest)):
                client.images.remove(str(image.id), force=True)


def skip_unless_usable(kind: str) -> None:
    if kind == "docker" and not (probe := probe_docker()).ok:
        pytest.skip(probe.advice)
    if kind == "chroot" and os.geteuid() != 0:
        pytest.skip("only root may chroot")
    if kind == "sandbox" and not ((probe := probe_sandbox()).ok and probe.level == "namespaces"):
        pytest.skip(probe.advice)


@dataclass
class Place:
    """An environment and what a step in it needs; ``run`` returns the status and the output's lines."""

    kind: str
    environment: Environment
    command: Command
    cache: Path
    notes: list[str] = field(default_factory=list)

    def script(self, text: str) -> Command:
        return replace(self.command, argv=("bash", "-c", text))

    def run(self, text: str) -> tuple[int, list[str]]:
        output: list[str] = []
        status = self.environment.run(self.script(text), on_line=output.append)
        return status, output


@pytest.fixture
def make_place(
    tmp_path: Path, root: Path, root_digest: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Place]]:
    made: list[Environment] = []
    # Blanks, a comma (docker's mount options), and characters outside ASCII, as checkouts have them.
    cache = tmp_path / "mein Projekt, schön" / "build"
    work = cache / "work" / "step"

    def make(kind: str) -> Place:
        skip_unless_usable(kind)
        notes: list[str] = []
        if kind == "chroot":
            monkeypatch.setattr(sandbox, "probe_sandbox", lambda: Probe(ok=True, level="chroot", missing=MISSING))
        environment: Environment
        environment = DockerEnvironment(cache, notes.append) if kind == "docker" else SandboxEnvironment(cache)
        made.append(environment)
        for name in ("build", "out", "tools"):
            (work / name).mkdir(parents=True, exist_ok=True)
        mounts = (
            Mount(work / "build", "/build", writable=True),
            Mount(work / "out", "/out", writable=True),
            Mount(work / "tools", "/tools"),
        )
        command = Command(("true",), {"PATH": PATH, "GREETING": "grüß"}, "/build", mounts, root, root_digest, "a step")
        return Place(kind, environment, command, cache, notes)

    yield make
    for environment in made:
        environment.close()


@pytest.fixture(params=["sandbox", "chroot", "docker"])
def place(request: pytest.FixtureRequest, make_place: Callable[[str], Place]) -> Place:
    return make_place(request.param)


@pytest.fixture(params=["sandbox", "docker"])
def isolated_place(request: pytest.FixtureRequest, make_place: Callable[[str], Place]) -> Place:
    """The environments that leave nothing open."""
    return make_place(request.param)
