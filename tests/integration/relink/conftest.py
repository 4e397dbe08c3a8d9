"""A real archive, and a user's machine that has GCC: what is linked again is linked there, and run there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pythonbuild import relinking
from pythonbuild.config.request import Request
from pythonbuild.distribution.archive import unpack
from pythonbuild.distribution.relink_choice import Wishes
from pythonbuild.distribution.relink_tools import ProcessCompiler
from pythonbuild.engine.store import Store
from pythonbuild.environments.base import Command, Mount
from pythonbuild.environments.chroot import MISSING
from pythonbuild.environments.select import choose
from pythonbuild.relinking import Relinked, relink
from tests.integration.conftest import CACHE, REPOSITORY, Run
from tests.integration.ecosystem.desktop import WORK, Desktop, desktop_root


@pytest.fixture(scope="session")
def desktop(installed: Path, first: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    """The machine with GCC 12, binutils 2.40 and glibc 2.36."""
    environment = choose("sandbox", print, CACHE)
    if environment.missing_isolation == MISSING:
        pytest.skip(f"a machine without what users have: {', '.join(MISSING)}")
    version = ".".join(first.archive.name.split("-")[1].split(".")[:2])
    try:
        with Store(CACHE) as store:
            root, digest = desktop_root(REPOSITORY, store, environment, CACHE)
            empty, work = tmp_path_factory.mktemp("packages"), tmp_path_factory.mktemp("home")
            yield Desktop(environment, root, digest, installed / "install", empty, work, version)
    finally:
        environment.close()


class DesktopCompiler(ProcessCompiler):
    """A compiler of that machine."""

    def __init__(self, desktop: Desktop, command: str, directory: Path) -> None:
        self._desktop = desktop
        super().__init__(command.split(), directory, self._run)

    def _run(self, argv: Sequence[str]) -> tuple[int, list[str]]:
        desktop, lines = self._desktop, list[str]()
        program = f"{WORK}/{argv[0]}" if (self.directory / argv[0]).is_file() else argv[0]
        env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": WORK}
        mounts = (Mount(self.directory, WORK, writable=True),)
        command = Command((program, *argv[1:]), env, WORK, mounts, desktop.root, desktop.root_digest, "relink")
        return desktop.environment.run(command, on_line=lines.append), lines

    def find(self, name: str) -> Path | None:
        _, lines = self._run([*self._command, f"-print-file-name={name}"])
        path = self._desktop.root / lines[-1].lstrip("/")
        return path if path.is_file() else None


@dataclass(frozen=True)
class Linker:
    """Links again on the user's machine."""

    desktop: Desktop
    output: Path
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, archive: Path, wishes: Wishes, command: str = "gcc") -> Relinked:
        def compiler(words: str, directory: Path) -> ProcessCompiler:
            return DesktopCompiler(self.desktop, words, directory)

        self.monkeypatch.setattr(relinking, "machine_compiler", compiler)
        request = Request(
            repository=REPOSITORY, python="3.13", python_source=None, target_triple="x86_64-unknown-linux-gnu",
            options="noopt", environment="sandbox", jobs=2, cache=CACHE, output=self.output, offline=True,
        )  # fmt: skip
        return relink(request, archive, wishes, command, lambda _event: None)


@pytest.fixture(scope="module")
def linker(desktop: Desktop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linker]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Linker(desktop, tmp_path_factory.mktemp("linked"), monkeypatch)


@pytest.fixture(scope="module")
def machine_of(desktop: Desktop, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Desktop]:
    """Return a function that puts an archive on the machine: it is below /build, too, with all of its parts."""

    def place(archive: Path) -> Desktop:
        work = tmp_path_factory.mktemp("work")
        unpack(archive, work)
        return replace(desktop, install=work / "python/install", work=work)

    return place
