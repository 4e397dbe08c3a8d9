"""Small root filesystems: a C library, the distribution, and of the rest only what a test puts there."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pythonbuild.environments.base import MOUNT_POINTS, Command, Environment, Mount
from pythonbuild.environments.sandbox import SandboxEnvironment
from tests.integration.conftest import CACHE

TREE = "/sources"
WORK = "/build"

#: Content of a file of a root; a str starting with "->" is a symlink's target.
Files = Mapping[str, bytes | str]


@dataclass
class System:
    """A root filesystem that the built Python can be run in."""

    root: Path
    tree: Path
    work: Path
    environment: Environment
    digest: str = field(default_factory=lambda: secrets.token_hex(32))

    def run(self, program: str, *arguments: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Run a program of the root; returns its status and what it printed."""
        lines: list[str] = []
        command = Command(
            argv=(program, *arguments),
            env={"PATH": "/usr/bin", "HOME": WORK, "LC_ALL": "C.UTF-8", **(env or {})},
            cwd=WORK,
            mounts=(Mount(self.tree, TREE), Mount(self.work, WORK, writable=True)),
            root=self.root,
            root_digest=self.digest,
            label="systems",
        )
        status = self.environment.run(command, on_line=lines.append)
        return status, "\n".join(lines)

    def python(self, code: str, *arguments: str, env: Mapping[str, str] | None = None,
               program: str = f"{TREE}/install/bin/python3") -> Any:  # fmt: skip
        """Run Python code that prints a JSON document, which is returned."""
        status, output = self.run(program, "-I", "-c", code, *arguments, env=env)
        assert status == 0, output
        return json.loads(output)


@pytest.fixture(scope="session")
def bare(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the libraries that the interpreter needs, taken from this machine, and nothing else."""
    root = tmp_path_factory.mktemp("bare") / "root"
    for point in (*MOUNT_POINTS, "/sys", "/etc"):
        Path(f"{root}{point}").mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(["ldd", installed / "install/bin/python3"], capture_output=True, text=True, check=True)
    for library in re.findall(r"(/\S+) \(0x", listed.stdout):
        target = Path(f"{root}{library}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
    return root


@pytest.fixture
def make_system(bare: Path, installed: Path, tmp_path: Path) -> Callable[[Files], System]:
    def make(files: Files) -> System:
        root, work = tmp_path / "root", tmp_path / "work"
        shutil.copytree(bare, root, copy_function=os.link, symlinks=True)
        work.mkdir()
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.symlink_to(content.removeprefix("->"))
        return System(root, installed, work, SandboxEnvironment(CACHE))

    return make
