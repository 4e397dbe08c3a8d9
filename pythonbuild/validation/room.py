"""Where the built Python is run: an environment, a root filesystem, and fixed places in it.

The tree is at ``/sources`` (a path that nothing was built at), read-only like everything else; ``/build`` is an empty
directory that may be written to; this project's script is in ``/recipe``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pythonbuild.environments.base import Command, Environment, Mount

TREE = "/sources"
WORK = "/build"
SCRIPTS = "/recipe"


@dataclass(frozen=True)
class Room:
    """An environment and a root filesystem; ``work`` is an empty directory on the host."""

    environment: Environment
    root: Path
    root_digest: str
    work: Path

    def run(self, top: Path, arguments: Sequence[str], scripts: Path, on_line: Callable[[str], None]) -> int:
        """Run a program of the tree ``top`` and return its exit status; ``arguments[0]`` is relative to ``top``."""
        return self.environment.run(
            Command(
                argv=(f"{TREE}/{arguments[0]}", *arguments[1:]),
                env={"PATH": "/usr/bin:/bin", "HOME": WORK, "TMPDIR": WORK, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                cwd=WORK,
                mounts=(Mount(top, TREE), Mount(scripts, SCRIPTS), Mount(self.work, WORK, writable=True)),
                root=self.root,
                root_digest=self.root_digest,
                label="validate",
            ),
            on_line=on_line,
        )
