"""The bench for another Python: the same root filesystem's settings, but that Python's own /usr.

A distributor's Python needs the C library and the shared libraries of its own system, so its /usr has to be there. What
tests ask the system for (users, hosts, services: /etc) stays the room's; so do the environment, the limits, the user.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

from pythonbuild.environments.base import MOUNT_POINTS, Mount
from pythonbuild.errors import UsageError
from pythonbuild.testsuite.running import Bench

#: Where a system with a merged /usr has links into it.
_MERGED = ("bin", "lib", "lib64", "sbin")


def other_bench(bench: Bench, python: Path) -> Bench:
    """Return a bench for an interpreter at ``<root>/usr/…``: this machine's, or of an unpacked root filesystem.

    On the machine itself it is any of this machine. Raises UsageError for any other.
    """
    if not bench.environment.fixed_paths:
        return _native_bench(bench, python)
    usr = next((parent for parent in python.parents if parent.name == "usr" and (parent / "bin").is_dir()), None)
    if usr is None or not os.access(python, os.X_OK) or python.is_dir():
        raise UsageError("--against: not such an interpreter", found=python,
                         expected="ROOT/usr/bin/python3.X, as /usr/bin/python3.11 of this machine")  # fmt: skip
    inside = Path("/usr") / python.relative_to(usr)
    root = _skeleton(bench, usr)
    digest = hashlib.sha256(f"{bench.root_digest} /usr {' '.join(_links(usr))}".encode()).hexdigest()
    work = bench.work.with_name("other")
    return replace(bench, root=root, root_digest=digest, work=work, python=str(inside), mounts=(Mount(usr, "/usr"),))


def _native_bench(bench: Bench, python: Path) -> Bench:
    if not os.access(python, os.X_OK) or python.is_dir():
        raise UsageError("--against: not an interpreter", found=python, expected="a program, such as python3.X")
    # Not resolved: a virtual environment's interpreter is a link.
    return replace(bench, work=bench.work.with_name("other"), python=str(python.absolute()))


def _skeleton(bench: Bench, usr: Path) -> Path:
    """Make a root filesystem around a /usr that is mounted into it."""
    assert bench.root, "what mounts has a root filesystem"
    root = bench.work.with_name("other-root")
    for name in (*MOUNT_POINTS, "/usr", "/sys", "/run", "/var/tmp"):  # noqa: S108
        (root / name[1:]).mkdir(parents=True, exist_ok=True)
    shutil.copytree(bench.root / "etc", root / "etc", symlinks=True)
    for name in _links(usr):
        (root / name).symlink_to(f"usr/{name}")
    return root


def _links(usr: Path) -> tuple[str, ...]:
    return tuple(name for name in _MERGED if (usr / name).is_dir())
