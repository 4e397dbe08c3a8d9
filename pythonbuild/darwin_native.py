"""Finds the compiler and the SDK of a Mac, by ``xcrun``, before anything is planned.

What they are goes into the key of ``macos-toolchain``, and from there into that of everything: another SDK or another
Clang builds anew. Everything that a Mac may lack is one line that says how to get it.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pythonbuild.config.model import Target
from pythonbuild.darwin_toolchain import AppleCompiler
from pythonbuild.errors import MachineError, UsageError

_INSTALL = "install Apple's Command Line Tools: xcode-select --install"
#: What Python calls a Mac's processors, and what triples do.
_ARCHITECTURES = {"arm64": "aarch64", "x86_64": "x86_64"}
_TIMEOUT = 120


def find_compiler(target: Target) -> AppleCompiler:
    """Return the compiler and the SDK that a target is built with.

    Raises UsageError on another system or another processor than the target's, MachineError for what is missing.
    """
    require_mac(target)
    if shutil.which("xcrun") is None:
        raise MachineError("no xcrun: there is no compiler on this Mac", advice=_INSTALL)
    sdk, sdk_version = _xcrun("--show-sdk-path"), _xcrun("--show-sdk-version")
    oldest = target.darwin.minimum_sdk if target.darwin else ""
    if not re.fullmatch(r"\d+(\.\d+)*", sdk_version):
        raise MachineError("xcrun --show-sdk-version: no version of an SDK", found=repr(sdk_version), advice=_INSTALL)
    if _numbers(sdk_version) < _numbers(oldest):
        raise MachineError("the SDK of macOS is too old", found=f"{sdk_version} ({sdk})",
                           expected=f"{oldest} or newer", advice="update Apple's Command Line Tools")  # fmt: skip
    clang, clangxx = _xcrun("--find", "clang"), _xcrun("--find", "clang++")
    profdata = _xcrun("--find", "llvm-profdata")
    told = _output((clang, "--version"))
    version = re.search(r"clang version (\d[\w.]*)(?: \(([\w.-]+)\))?", told)
    if version is None:
        raise MachineError(f"{clang}: no Clang", found=told.partition("\n")[0] or "no answer", advice=_INSTALL)
    autoreconf = shutil.which("autoreconf")
    if autoreconf is None:
        raise MachineError("no autoreconf, which makes the configure scripts of libffi and expat",
                           advice="install autoconf, automake and libtool, such as by: brew install autoconf automake"
                                  " libtool")  # fmt: skip
    return AppleCompiler(
        clang, clangxx, sdk, sdk_name=f"macosx{sdk_version}", sdk_version=sdk_version,
        clang_version=" ".join(filter(None, version.groups())), profdata=profdata,
        autotools=str(Path(autoreconf).parent), linker_version=_linker_version(),
    )  # fmt: skip


def require_mac(target: Target) -> None:
    """Raise UsageError unless this is a Mac with the target's processor."""
    system = platform.system()
    if system != "Darwin":
        raise UsageError(f"{target.triple} is built on macOS", found=system,
                         advice="`build-macos.py cross-check` compiles what can be compiled here")  # fmt: skip
    machine = _ARCHITECTURES.get(platform.machine(), platform.machine())
    if machine != target.arch:
        raise UsageError(f"--target-triple: {target.triple} is built on a Mac with that processor",
                         found=platform.machine())  # fmt: skip


def _xcrun(*words: str) -> str:
    answer = _output(("xcrun", "--sdk", "macosx", *words))
    if not answer:
        raise MachineError(f"xcrun {' '.join(words)}: no answer", advice=_INSTALL)
    return answer


def _linker_version() -> str:
    """Return what Apple's linker calls its release, such as ``ld-1115.7.3``; it tells it as if that were an error."""
    linker = _xcrun("--find", "ld")
    found = re.search(r"PROJECT:(\w+-\d[\d.]*)", _output((linker, "-v"), errors=True))
    if found is None:
        raise MachineError(f"{linker} -v: no version of Apple's linker", advice=_INSTALL)
    return found[1]


def _output(command: Sequence[str], *, errors: bool = False) -> str:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              timeout=_TIMEOUT, errors="replace")  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MachineError(f"{command[0]}: cannot be run", found=error, advice=_INSTALL) from error
    if done.returncode and not errors:
        complaint = (done.stderr.strip() or f"status {done.returncode}").splitlines()[-1]
        raise MachineError(f"{' '.join(command)}: failed", found=complaint, advice=_INSTALL)
    return (done.stderr if errors else done.stdout).strip()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split("."))) if version else ()
