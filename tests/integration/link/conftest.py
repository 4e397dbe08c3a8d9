"""One real build whose OpenSSL and SQLite are shared and whose liblzma is the system's, and machines to run it on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pythonbuild.config.model import GLIBC_FLOOR, Target
from pythonbuild.config.project import Project
from pythonbuild.distribution.archive import unpack
from pythonbuild.engine.store import Store
from pythonbuild.environments.chroot import MISSING
from pythonbuild.provisions import Provisions, provisions
from pythonbuild.validation.room import Room
from tests.integration.conftest import CACHE, REPOSITORY, Run, build
from tests.integration.ecosystem.desktop import Desktop, desktop_root
from tests.integration.rooms.conftest import TRIPLE, make_request, rooms_of
from tests.integration.validation.damage import link_tree

FLAGS = ("--link", "openssl=shared,sqlite=shared", "--link", "xz=system", "--archives", "full,install_only_stripped")
LINK = (("openssl", "shared"), ("sqlite", "shared"), ("xz", "system"))
SHIPPED = ("libcrypto.so.3", "libsqlite3.so.0", "libssl.so.3")
SYSTEM = "liblzma.so.5"


@dataclass(frozen=True)
class Linked:
    """What the build gave; ``tree`` is the full archive unpacked (it holds ``python``)."""

    run: Run
    archive: Path
    stripped: Path
    tree: Path

    @property
    def top(self) -> Path:
        return self.tree / "python"


@pytest.fixture(scope="session")
def linked(first: Run, tmp_path_factory: pytest.TempPathFactory) -> Linked:
    """It is built after the ordinary one, from what that has left in the store."""
    version = first.archive.name.split("-")[1]
    run = build(tmp_path_factory.mktemp("dist"), "--python", version, *FLAGS)
    assert run.status == 0, run.errors
    paths = [Path(event["path"]) for event in run.of("Published")]
    full, stripped = (next(path for path in paths if word in path.name) for word in ("noopt-", "stripped.tar.zst"))
    tree = tmp_path_factory.mktemp("unpacked elsewhere")
    unpack(full, tree)
    return Linked(run, full, stripped, tree)


@pytest.fixture(scope="session")
def provided() -> Iterator[Provisions]:
    with provisions(make_request(), print) as made:
        if made.environment.missing_isolation == MISSING:
            pytest.skip(f"a machine without what users have: {', '.join(MISSING)}")
        yield made


@pytest.fixture(scope="session")
def target() -> Target:
    return Project(REPOSITORY).targets[TRIPLE]


@pytest.fixture(scope="session")
def desktop(linked: Linked, provided: Provisions, tmp_path_factory: pytest.TempPathFactory) -> Desktop:
    """A machine that has liblzma, GCC and glibc 2.36."""
    with Store(CACHE) as store:
        root, digest = desktop_root(REPOSITORY, store, provided.environment, CACHE)
    version = ".".join(linked.archive.name.split("-")[1].split(".")[:2])
    empty, work = tmp_path_factory.mktemp("packages"), tmp_path_factory.mktemp("home")
    return Desktop(provided.environment, root, digest, linked.top / "install", empty, work, version)


@pytest.fixture
def oldest(provided: Provisions, target: Target, tmp_path: Path) -> Room:
    """A system with the oldest glibc, and without liblzma."""
    (tmp_path / "rooms").mkdir()
    return rooms_of(provided, target, tmp_path / "rooms")[GLIBC_FLOOR]


@pytest.fixture
def installation(linked: Linked, tmp_path: Path) -> Path:
    """A copy of the installation, in which files can be replaced."""
    return link_tree(linked.top / "install", tmp_path / "install")
