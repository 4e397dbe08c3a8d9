"""Gets the file of a Python package by way of pip, whose own configuration says where packages are had."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from pythonbuild.sources.places import WantedFile
from pythonbuild.sources.web import PlaceError

_COMMAND = ("-m", "pip", "--no-input", "--disable-pip-version-check", "download", "--quiet", "--no-deps",
            "--only-binary=:all:", "--require-hashes")  # fmt: skip
_POLL = 0.1


def download(file: WantedFile, directory: Path, pause: Callable[[float], None]) -> Path:
    """Let pip bring the package's file into a directory and return its path; it is not verified yet.

    ``pause`` is called while pip works, and may raise to end it. Raises PlaceError.
    """
    requirements = directory / "requirements.txt"
    requirements.write_text(f"{file.pypi} --hash=sha256:{file.sha256}\n", encoding="utf-8", newline="\n")
    argv = [sys.executable, *_COMMAND, "--dest", str(directory), "--requirement", str(requirements)]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        pip = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            while pip.poll() is None:
                pause(_POLL)
        finally:
            if pip.poll() is None:
                pip.kill()
                pip.wait()
        output.seek(0)
        lines = [line.strip() for line in output if line.strip()]
    path = directory / file.filename
    if pip.returncode == 0 and path.is_file():
        return path
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    raise PlaceError(f"could not get {file.pypi} ({(errors or lines or ['no file of that name'])[0]})")
