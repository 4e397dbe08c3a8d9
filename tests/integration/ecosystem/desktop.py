"""A user's machine to try the distribution on, and the built Python in it.

The machine is the root filesystem ``desktop`` (Debian bookworm with GCC, pkg-config, an X server, fonts), made from its
lock like every other root and kept in the store. Commands run in it without network; what they see:

    /opt/Programme für alle/Python 3   the distribution's ``install`` directory, read-only, at a path it was never at
    /sources                           the same, at a path that an unquoted shell variable can hold
    /recipe                            the scripts of the folder ``inside``, which the built Python runs
    /tools                             wheels and source archives
    /build                             a directory of the test's own, the working directory
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pythonbuild.engine.store import Store
from pythonbuild.environments.base import Command, Environment, Mount
from pythonbuild.provisions import locked_root

TREE = "/opt/Programme für alle/Python 3"
PLAIN = "/sources"
PACKAGES = "/tools"
SCRIPTS = "/recipe"
WORK = "/build"
_INSIDE = Path(__file__).with_name("inside")
#: Nothing here takes a tenth of it, on a machine that does nothing else.
_LIMIT_SECONDS = "300"


def desktop_root(repository: Path, store: Store, environment: Environment, cache: Path) -> tuple[Path, str]:
    """Return the root filesystem and its digest; the packages are fetched unless the store has what they give."""
    return locked_root(repository, "desktop", "amd64", store, environment, cache, print)


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it wrote, both streams together."""

    status: int
    output: str

    def __str__(self) -> str:
        return f"exit status {self.status}\n{self.output}"


@dataclass(frozen=True)
class Desktop:
    """The machine with one distribution on it; ``version`` is the distribution's, such as 3.13."""

    environment: Environment
    root: Path
    root_digest: str
    install: Path
    packages: Path
    work: Path
    version: str

    @property
    def python(self) -> str:
        return f"{TREE}/bin/python{self.version}"

    def run(self, *argv: str, **variables: str) -> Outcome:
        """Run a command of the machine; ``variables`` are added to its environment."""
        env = {
            "PATH": "/usr/bin:/bin",
            "HOME": WORK,
            "LC_ALL": "C.UTF-8",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": PACKAGES,
            "PIP_NO_CACHE_DIR": "1",
            "PIP_NO_COMPILE": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            **variables,
        }
        mounts = (
            Mount(self.install, TREE),
            Mount(self.install, PLAIN),
            Mount(_INSIDE, SCRIPTS),
            Mount(self.packages, PACKAGES),
            Mount(self.work, WORK, writable=True),
        )
        lines: list[str] = []
        command = Command(("timeout", _LIMIT_SECONDS, *argv), env, WORK, mounts, self.root, self.root_digest, "a user")
        status = self.environment.run(command, on_line=lines.append)
        return Outcome(status, "\n".join(lines))

    def check(self, *argv: str, **variables: str) -> str:
        """Run a command that has to succeed; return its output without blanks around it."""
        outcome = self.run(*argv, **variables)
        assert outcome.status == 0, f"{' '.join(argv)}: {outcome}"
        return outcome.output.strip()
