"""What this machine lacks for a build, and how to get it: one finding per line, each found out by trying."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pythonbuild import host
from pythonbuild.cli.render.text import columns, size
from pythonbuild.cli.requests import usable_cores

#: A root filesystem, a sysroot, sources and the trees of one build, unpacked.
SPACE_NEEDED = 6e9
SPACE_WANTED = 15e9
#: One LTO link of the interpreter.
MEMORY_NEEDED = 2e9
MEMORY_WANTED = 4e9

Status = Literal["ok", "limited", "missing"]


@dataclass(frozen=True)
class Finding:
    """``missing`` fails the examination, ``limited`` is worth knowing; ``advice`` says how to get it."""

    name: str
    status: Status
    detail: str
    advice: str = ""


def examine(cache: Path, environment: str, builds_for: str = "linux", repository: Path = Path()) -> list[Finding]:
    """Return all findings about this machine; ``environment`` is the one that builds shall use."""
    findings = [check_python(), check_cores(), check_memory(), check_space(cache)]
    if builds_for == "windows":
        findings += check_windows(cache, repository)
    if builds_for == "macos":
        findings += check_mac(repository)
    if host.MACOS or host.WINDOWS:
        return [*findings, *check_native(cache)]
    if builds_for == "linux":
        findings += [*check_environments(environment), check_mirror(), check_gpgv()]
    return findings


def report(findings: Iterable[Finding]) -> list[str]:
    """Return the findings as lines, and a last one that sums them up."""
    findings = list(findings)
    rows = [(finding.status, finding.name, finding.detail + (f"; {finding.advice}" if finding.advice else ""))
            for finding in findings]  # fmt: skip
    missing = [finding.name for finding in findings if finding.status == "missing"]
    verdict = f"missing for a build: {', '.join(missing)}" if missing else "ready to build"
    return [*columns(rows), "", verdict]


def check_python() -> Finding:
    version = platform.python_version()
    return Finding("Python", "ok", f"{version} in the virtual environment {sys.prefix}")


def check_cores() -> Finding:
    return Finding("cores", "ok", str(usable_cores()))


def check_memory() -> Finding:
    """Look at the machine's memory, or at the container's limit where that is lower."""
    total = host.total_memory()
    if total is None:
        return Finding("memory", "ok", "unknown on this system")
    with contextlib.suppress(OSError, ValueError):  # no cgroup, or "max"
        total = min(total, float(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return graded("memory", total, MEMORY_NEEDED, MEMORY_WANTED, "for LTO links; use --jobs 1 and a build without lto")


def check_space(cache: Path) -> Finding:
    """Look at the free space where the cache is or will be, and whether it can be written there."""
    place = next(parent for parent in (cache, *cache.parents) if parent.exists())
    if not os.access(place, os.W_OK):
        return Finding("cache", "missing", f"{place} cannot be written", "give --cache-dir another directory")
    advice = "for the cache; gc bounds it, --cache-dir puts it elsewhere"
    return graded("disk space", shutil.disk_usage(place).free, SPACE_NEEDED, SPACE_WANTED, advice)


def graded(name: str, amount: float, needed: float, wanted: float, advice: str) -> Finding:
    """Return a finding about an amount of bytes."""
    if amount >= wanted:
        return Finding(name, "ok", size(amount))
    status: Literal["limited", "missing"] = "limited" if amount >= needed else "missing"
    return Finding(name, status, size(amount), f"{size(wanted)} are advised {advice}")


def check_environments(environment: str) -> list[Finding]:
    """Try the sandbox and Docker; one of them is enough unless ``environment`` names one."""
    from pythonbuild.environments.docker import probe_docker
    from pythonbuild.environments.sandbox import probe_sandbox

    results = {"sandbox": probe_sandbox(), "docker": probe_docker()}
    wanted = [name for name in results if environment in ("auto", name)]
    enough = any(results[name].ok for name in wanted)
    findings = []
    for name, result in results.items():
        status: Status = "missing" if name in wanted and not enough else "limited"
        if result.ok and not result.missing:
            status = "ok"
        detail = result.level if result.ok else "cannot be used"
        if result.missing:
            detail += f" (not isolated: {', '.join(result.missing)})"
        findings.append(Finding(name, status, detail, result.advice))
    return findings


def check_native(cache: Path) -> list[Finding]:
    """Look at what steps on the machine itself need of it, compilers aside."""
    from pythonbuild.environments import native
    from pythonbuild.errors import MachineError

    missing = " and ".join(native.missing_isolation(native.sandbox_wrapper()))
    findings = [Finding("native", "ok", f"steps run on the machine itself (not isolated: {missing})")]
    try:
        native.refuse_place(str(cache.absolute()), windows=host.WINDOWS)
    except MachineError as error:
        findings.append(Finding("cache path", "missing", str(error)))
    place = next(parent for parent in (cache, *cache.parents) if parent.exists())
    if os.access(place, os.W_OK):
        findings.append(check_links(place))
    return findings


def check_links(place: Path) -> Finding:
    """Try whether this user may make symbolic links where the cache is."""
    with tempfile.TemporaryDirectory(prefix="doctor-", dir=place) as directory:
        try:
            (Path(directory) / "link").symlink_to("target")
        except OSError as error:
            advice = "trees with some need it: turn on the Developer Mode in Windows' settings"
            return Finding("symbolic links", "limited", f"cannot be made here ({error.strerror})", advice)
    return Finding("symbolic links", "ok", "can be made")


def check_mac(repository: Path) -> list[Finding]:
    """Look for Clang, the SDK and autoreconf, as a build for this Mac's processor does."""
    from pythonbuild.cli.requests import machine_triple
    from pythonbuild.config.project import Project
    from pythonbuild.darwin_native import find_compiler
    from pythonbuild.errors import BuildError

    targets = Project(repository).macos_targets
    target = targets.get(machine_triple()) or next(target for target in targets.values() if target.options)
    try:
        compiler = find_compiler(target)
    except BuildError as error:
        return [Finding("tools", "missing", str(error))]
    return [Finding("Clang", "ok", f"{compiler.clang_version}, {compiler.clang}"),
            Finding("SDK", "ok", f"{compiler.sdk_name}, {compiler.sdk}")]  # fmt: skip


def check_windows(cache: Path, repository: Path) -> list[Finding]:
    """Look for Visual Studio, its compiler, the SDK, Perl and NASM, and at the path of the cache."""
    from pythonbuild.config.project import Project
    from pythonbuild.errors import BuildError
    from pythonbuild.windows.host import Host
    from pythonbuild.windows.places import check_place
    from pythonbuild.windows.tools import PROCESSORS, find_tools, read_needed

    host, needed = Host(), read_needed(Project(repository).windows)
    findings = []
    try:
        tools = find_tools(host, needed, PROCESSORS.get(host.machine, "x86_64"))
        findings = [Finding(name, "ok", version) for name, version in tools.versions.items()]
        parted = (note.partition(": ") for note in tools.notes)
        findings += [Finding(name, "limited", note) for name, _, note in parted]
    except BuildError as error:
        findings.append(Finding("tools", "missing", str(error)))
    try:
        check_place("--cache-dir", cache)
        findings.append(Finding("cache path", "ok", str(cache)))
    except BuildError as error:
        findings.append(Finding("cache path", "missing", str(error)))
    return findings


def check_mirror() -> Finding:
    """Look for the machine's own Debian mirror: sources and packages are looked for there first."""
    from pythonbuild.debian.apt_sources import mirror_bases

    bases = mirror_bases()
    if bases:
        return Finding("apt mirror", "ok", f"{len(bases)} in this machine's apt configuration")
    return Finding("apt mirror", "limited", "none in /etc/apt", "packages come from the slow snapshot archive")


def check_gpgv() -> Finding:
    """Look for gpgv, which only relock needs."""
    gpgv = shutil.which("gpgv")
    if gpgv:
        return Finding("gpgv", "ok", gpgv)
    return Finding("gpgv", "limited", "not installed", "only relock needs it: apt install gpgv")
