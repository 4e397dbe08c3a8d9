"""From checked arguments to a :class:`~pythonbuild.config.request.Request`."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pythonbuild import host
from pythonbuild.cli.arguments import Arguments, default_value, near
from pythonbuild.cli.options import BY_FLAG
from pythonbuild.config.links import read_links
from pythonbuild.config.request import ARCHIVE_KINDS, Request
from pythonbuild.errors import UsageError


def make_request(arguments: Arguments, repository: Path) -> Request:
    """Return the request; what a command has no flag for keeps its default."""

    def value(flag: str) -> Any:
        option = BY_FLAG[flag]
        return arguments[option.name] if option.name in arguments.values else default_value(option)

    return Request(
        repository=repository,
        python=value("--python"),
        python_source=value("--python-source"),
        target_triple=value("--target-triple") or machine_triple(arguments.platform),
        system=arguments.platform,
        options=value("--options"),
        optimized=_optimized(arguments),
        environment="native" if arguments.platform == "windows" else value("--environment"),
        jobs=value("--jobs") or usable_cores(),
        steps_at_once=value("--steps-at-once") or 0,
        cache=cache_directory(arguments, repository),
        output=value("--output") or repository / "dist",
        source_dirs=value("--source-dir"),
        mirrors=value("--mirror"),
        offline=value("--offline"),
        locked=value("--locked"),
        keep_going=value("--keep-going"),
        debug_shell=value("--debug-shell") or "",
        archives=_archives(value("--archives"), arguments),
        python_json=value("--python-json"),
        profile=value("--profile"),
        profile_task=value("--profile-task"),
        tag=_tag(value("--tag") or "", arguments),
        link=read_links(value("--link"), arguments.origin("link")) if value("--link") else (),
        toolchain=value("--toolchain"),
        compiler=(value("--cc") or "") if "toolchain" in arguments.values else "",
        stages=int(value("--stages")),
        toolchain_archive=value("--toolchain-archive") or "",
        **_left_out(arguments),
    )


def _left_out(arguments: Arguments) -> dict[str, Any]:
    """Return what is left out of a build; for ``relink``, which has no flag but ``--without``, it is the archive's."""
    if "no_tests" not in arguments.values:
        return {}
    return {"without": tuple(sorted(set(split_names(arguments["without"])))), "no_tests": arguments["no_tests"],
            "no_tk": arguments["no_tk"]}  # fmt: skip


def split_names(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the names in texts that hold several with commas."""
    return tuple(name.strip() for text in texts for name in text.split(",") if name.strip())


def _archives(text: str, arguments: Arguments) -> tuple[str, ...]:
    """Return the wanted kinds in the order of the table. Raises UsageError."""
    words = [word.strip() for word in text.split(",")]
    if unknown := [word for word in words if word not in (*ARCHIVE_KINDS, "all")]:
        raise UsageError(f"{arguments.origin('archives')}: unknown kind of archive", found=repr(unknown[0]),
                         expected=f"all, or some of {', '.join(ARCHIVE_KINDS)}",
                         advice=near(unknown[0], ARCHIVE_KINDS))  # fmt: skip
    return tuple(kind for kind in ARCHIVE_KINDS if kind in words or "all" in words)


def _tag(text: str, arguments: Arguments) -> str:
    from pythonbuild.distribution.names import TAG

    if text and not TAG.fullmatch(text):
        raise UsageError(f"{arguments.origin('tag')}: cannot be part of an archive's name", found=repr(text),
                         expected="letters, digits, dots and underscores, such as 20261007")  # fmt: skip
    return text


def _optimized(arguments: Arguments) -> bool:
    """Tell whether the best options are wanted: a flag --options wins over the variable of --optimized."""
    if "optimized" not in arguments.values or not arguments["optimized"]:
        return False
    return arguments.origin("optimized").startswith("--") or not arguments.origin("options").startswith("--")


def cache_directory(arguments: Arguments, repository: Path) -> Path:
    """Return the cache directory; :mod:`pythonbuild.bootstrap` comes to the same result."""
    chosen = arguments.values.get("cache_dir")
    return chosen.value if chosen and chosen.value else repository / "build"


def machine_triple(platform_name: str = "") -> str:
    """Return the target triple of the machine that this runs on; of its processor and Windows for that script."""
    machine = platform.machine().lower()
    arch = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    own = "Windows" if platform_name == "windows" else platform.system()
    system = {"Darwin": "apple-darwin", "Windows": "pc-windows-msvc"}.get(own, "unknown-linux-gnu")
    return f"{arch}-{system}"


def usable_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many cores this process may use: its affinity, and a container's CPU quota."""
    cores = host.processors()
    try:
        quota, period = (cgroup / "cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            cores = min(cores, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError, ZeroDivisionError):
        pass
    return max(1, cores)
