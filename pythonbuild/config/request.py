"""What the user asked for: made from the flags by the command line, read by everything below it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

#: What can be packed; pythonbuild/distribution/kinds.py says what each holds.
ARCHIVE_KINDS = ("full", "install_only", "install_only_stripped")
EnvironmentName = Literal["auto", "docker", "sandbox", "native"]


@dataclass(frozen=True)
class Request:
    """One build's wishes. ``python`` is a series (``3.13``, ``cpython-3.13``) or an exact version.

    ``optimized`` asks for the best options that the target has, whatever ``options`` says.
    ``steps_at_once`` 0 means no other limit than ``jobs``. ``archives`` are some of ``ARCHIVE_KINDS``; ``tag`` stands
    in the names of those that are not full, "" for the day of the source. ``python_json`` is the format of
    PYTHON.json. ``profile`` is a profile, or an archive that holds one, to build from instead of training by
    ``profile_task``. ``link`` are the dependencies that are not linked statically, each with ``shared`` or ``system``.
    ``toolchain`` is a toolchain's name or kind, ``compiler`` clang or gcc, "" for what the toolchain has; ``stages`` is
    how often a bootstrapped Clang is compiled, and ``toolchain_archive`` one that was exported, to be used instead.
    ``system`` is what is built for, and on: ``linux``, ``macos``, ``windows``.
    ``without`` are extension modules, sorted, that are left out; so are CPython's tests with ``no_tests``, and all that
    is there for Tk with ``no_tk``.
    """

    repository: Path
    python: str
    python_source: Path | None
    target_triple: str
    options: str
    environment: EnvironmentName
    jobs: int
    cache: Path
    output: Path
    source_dirs: tuple[Path, ...] = ()
    mirrors: tuple[str, ...] = ()
    offline: bool = False
    locked: bool = False
    keep_going: bool = False
    debug_shell: str = ""
    optimized: bool = False
    steps_at_once: int = 0
    archives: tuple[str, ...] = ("full",)
    tag: str = ""
    python_json: str = "0"
    profile: Path | None = None
    profile_task: str = "full"
    link: tuple[tuple[str, str], ...] = ()
    without: tuple[str, ...] = ()
    toolchain: str = "packaged"
    compiler: str = ""
    stages: int = 1
    toolchain_archive: str = ""
    no_tests: bool = False
    no_tk: bool = False
    system: str = "linux"
