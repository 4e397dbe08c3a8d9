"""What a user of the machine itself has: variables, and a directory for files that is empty and has a short path.

For what runs in ``native`` and is no step of a build: a distribution that is tried out as its users will have it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pythonbuild import host


def user_variables(home: str) -> Mapping[str, str]:
    """Return what an ordinary user of the system has, with ``home`` for his directories."""
    if host.WINDOWS:
        system = os.environ.get("SystemRoot", r"C:\Windows")  # noqa: SIM112 - so it is spelt there
        path = ";".join((rf"{system}\System32", system, rf"{system}\System32\Wbem"))
        return {"PATH": path, **dict.fromkeys(("USERPROFILE", "APPDATA", "LOCALAPPDATA"), home)}
    path, language = "/usr/bin:/bin", "C.UTF-8"
    if host.MACOS:
        path, language = "/usr/bin:/bin:/usr/sbin:/sbin", "en_US.UTF-8"
    return {"PATH": path, "HOME": home, "LANG": language, "TERM": "xterm"}


@contextmanager
def short_directory(below: Path) -> Iterator[Path]:
    """Yield an empty directory: the paths of sockets below it have to fit in some hundred bytes.

    One below the cache does not do. Nor does macOS' own place for temporary files, and the name that everybody uses for
    the other one is a link there, which tests of paths trip over. Windows has no such sockets: there it is made
    ``below`` that directory.
    """
    if host.WINDOWS:
        here = below / "s"
        here.mkdir(parents=True, exist_ok=True)
    else:
        here = Path(tempfile.mkdtemp(prefix="t-", dir=Path("/tmp").resolve()))  # noqa: S108 - a directory of our own
        here.chmod(0o755)
    try:
        yield here
    finally:
        shutil.rmtree(host.extended(here), ignore_errors=True)
