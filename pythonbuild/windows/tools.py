"""Finds what a build for Windows needs of the machine, and says plainly what is missing.

Visual Studio is asked for by vswhere, its own finder; the compiler's variables are those that its vcvarsall.bat sets,
wherever this program was started. Perl and NASM are the machine's where it has them (``PERL`` and ``NASM`` name them),
else pinned ones. A build is given the variables that are named here and no other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pythonbuild.config.document import read_document
from pythonbuild.config.model import Toolchain
from pythonbuild.errors import MachineError, UsageError
from pythonbuild.windows.host import Host

TOOLS_FILE = "tools.yml"
#: Our names of processors, by Microsoft's in variables and by Python's.
PROCESSORS = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "aarch64", "aarch64": "aarch64"}
#: What vcvarsall.bat calls them.
_VCVARS = {"x86_64": "amd64", "i686": "x86", "aarch64": "arm64"}
_COMPONENTS = {
    "x86_64": "Microsoft.VisualStudio.Component.VC.Tools.x86.x64",
    "i686": "Microsoft.VisualStudio.Component.VC.Tools.x86.x64",
    "aarch64": "Microsoft.VisualStudio.Component.VC.Tools.ARM64",
}
_VCVARSALL = r"VC\Auxiliary\Build\vcvarsall.bat"
_VSWHERE = r"Microsoft Visual Studio\Installer\vswhere.exe"
#: Variables that compilers and batch files look at, in Microsoft's spelling; PATH comes besides, cut down.
_KEPT = (
    "INCLUDE", "LIB", "LIBPATH", "VCToolsInstallDir", "VCToolsVersion", "VCINSTALLDIR", "VSINSTALLDIR",
    "VisualStudioVersion", "WindowsSdkDir", "WindowsSDKVersion", "WindowsSDKLibVersion", "WindowsSdkBinPath",
    "WindowsSdkVerBinPath", "UniversalCRTSdkDir", "UCRTVersion", "VSCMD_ARG_HOST_ARCH", "VSCMD_ARG_TGT_ARCH",
    "VSCMD_VER", "SystemRoot", "SystemDrive", "windir", "ComSpec", "PATHEXT", "ProgramFiles", "ProgramFiles(x86)",
    "ProgramW6432", "ProgramData", "CommonProgramFiles", "CommonProgramFiles(x86)", "PROCESSOR_ARCHITECTURE",
    "PROCESSOR_ARCHITEW6432", "OS",
)  # fmt: skip
_PROGRAMS = ("cl", "link", "lib", "nmake", "msbuild")
_INSTALL = "install Visual Studio 2022 or its Build Tools with “Desktop development with C++”"


class ToolMissingError(MachineError):
    """The machine lacks a program that builds for Windows, or has one that is too old."""

    reason = "tool-missing"


class WrongHostError(UsageError):
    """The script was started on a system that it cannot build on."""

    reason = "wrong-host"


@dataclass(frozen=True)
class Needed:
    """``cpython-windows/tools.yml``: the oldest versions that will do."""

    visual_studio: str
    msvc: str
    windows_sdk: str
    perl: str
    nasm: str


@dataclass(frozen=True)
class VisualStudio:
    """An installation, as vswhere tells of it."""

    path: str
    version: str
    title: str


@dataclass(frozen=True)
class Tools:
    """What was found. ``environment`` are the variables of every step that compiles, ``versions`` are those of the
    tools; ``perl`` and ``nasm`` are paths, "" where the pinned ones are to be used (or none is needed)."""

    environment: Mapping[str, str]
    versions: Mapping[str, str]
    perl: str
    nasm: str
    notes: tuple[str, ...] = field(default=())

    def toolchain(self) -> Toolchain:
        """Return the toolchain that these make."""
        return Toolchain(
            name=f"machine:msvc-{self.versions['msvc']}", kind="machine", compiler="msvc",
            series=".".join(self.versions["msvc"].split(".")[:2]), root="", environment=self.environment,
            versions=self.versions,
        )  # fmt: skip


def read_needed(directory: Path) -> Needed:
    """Read ``tools.yml`` of a directory. Raises ConfigError naming file and key."""
    names = ("visual_studio", "msvc", "windows_sdk", "perl", "nasm")
    keys = read_document(directory / TOOLS_FILE).mapping(required=names)
    texts = {name: keys[name].text() for name in names}
    for name, text in texts.items():
        if not re.fullmatch(r"\d+(\.\d+)*", text):
            raise keys[name].fail("malformed version", found=repr(text), expected='a text such as "17.0"')
    return Needed(**texts)


def find_tools(host: Host, needed: Needed, arch: str) -> Tools:
    """Return all that a build for a processor needs. Raises WrongHostError, ToolMissingError."""
    studio = find_visual_studio(host, needed, arch)
    variables = vc_variables(host, studio, arch)
    versions = {"visual-studio": studio.version, **check_versions(variables, needed)}
    environment = _environment(host, studio, variables)
    for program in _PROGRAMS:
        if not host.which(program, environment["PATH"]):
            raise ToolMissingError(f"{program}: not in the PATH that {studio.title} sets", expected=program,
                                   advice=f"{_INSTALL}; or repair {studio.path}")  # fmt: skip
    perl = find_perl(host, needed)
    nasm = find_nasm(host, needed) if arch in ("x86_64", "i686") else Found()
    for name, found in (("perl", perl), ("nasm", nasm)):
        if found.version:
            versions[name] = found.version
    notes = tuple(found.note for found in (perl, nasm) if found.note)
    return Tools(environment, versions, perl.path, nasm.path, notes)


def find_visual_studio(host: Host, needed: Needed, arch: str) -> VisualStudio:
    """Return the newest installation that can compile for a processor."""
    vswhere = next(_vswheres(host), "")
    if not vswhere and host.system != "Windows":
        raise WrongHostError("build-windows.py builds on Windows, by Visual Studio", found=host.system,
                             expected="Windows (or a vswhere on PATH)",
                             advice=f"build-{'macos' if host.system == 'Darwin' else 'linux'}.py builds here",
                             )  # fmt: skip
    if not vswhere:
        raise ToolMissingError("Visual Studio: not there", found="no vswhere.exe, which every version since 2017 has",
                               expected=f"{needed.visual_studio} or newer", advice=_INSTALL)  # fmt: skip
    able = _installations(host, vswhere, "-requires", _COMPONENTS[arch])
    if not able:
        others = _installations(host, vswhere)
        found = ", ".join(f"{other.title} without it" for other in others) or "no installation"
        raise ToolMissingError(f"Visual Studio: has no compiler for {arch}", found=found,
                               expected=f"the component {_COMPONENTS[arch]}", advice=_INSTALL)  # fmt: skip
    newest = max(able, key=lambda studio: version_numbers(studio.version))
    if version_numbers(newest.version) < version_numbers(needed.visual_studio):
        raise ToolMissingError("Visual Studio: too old", found=f"{newest.title} ({newest.version})",
                               expected=f"{needed.visual_studio} or newer", advice=_INSTALL)  # fmt: skip
    return newest


def _vswheres(host: Host) -> Iterator[str]:
    """Yield where vswhere may be: its documented place, then PATH."""
    for variable in ("ProgramFiles(x86)", "ProgramFiles"):
        if (directory := host.variable(variable)) and host.is_file(path := f"{directory}\\{_VSWHERE}"):
            yield path
    if path := host.which("vswhere"):
        yield path


def _installations(host: Host, vswhere: str, *conditions: str) -> list[VisualStudio]:
    command = [vswhere, "-products", "*", *conditions, "-format", "json", "-utf8", "-nologo"]
    status, output = host.ask(command)
    try:
        told: Any = json.loads(output or "[]")
        if status or not isinstance(told, list):
            raise ValueError(output)
        return [
            VisualStudio(str(each["installationPath"]), str(each["installationVersion"]),
                         str(each.get("displayName") or "Visual Studio"))
            for each in told if each.get("isComplete", True)
        ]  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolMissingError(f"{vswhere}: says nothing that can be understood", advice="repair Visual Studio",
                               found=f"status {status}: {output.strip()[:120]!r}", expected="a list in JSON",
                               ) from error  # fmt: skip


def vc_variables(host: Host, studio: VisualStudio, arch: str) -> dict[str, str]:
    """Return the variables as vcvarsall.bat sets them, by their names in capitals."""
    own = PROCESSORS.get(host.machine, "x86_64")
    words = _VCVARS[arch] if arch == own else f"{_VCVARS[own]}_{_VCVARS[arch]}"
    script = f"{studio.path}\\{_VCVARSALL}"
    status, output = host.ask_batch(script, words, then="set")
    pairs = (line.partition("=") for line in output.splitlines())
    found = {name.upper(): value for name, equals, value in pairs if equals and name}
    if status or "VCTOOLSVERSION" not in found:
        said = next((line for line in reversed(output.splitlines()) if line.strip()), "nothing")
        raise ToolMissingError(f"{script} {words}: does not set up a compiler", found=f"status {status}: {said[:160]}",
                               expected="VCToolsVersion among its variables", advice=_INSTALL)  # fmt: skip
    return found


def check_versions(variables: Mapping[str, str], needed: Needed) -> dict[str, str]:
    """Return the versions of compiler and SDK. Raises ToolMissingError for one that is too old or missing."""
    versions = {"msvc": variables["VCTOOLSVERSION"], "windows-sdk": variables.get("WINDOWSSDKVERSION", "").strip("\\")}
    if not versions["windows-sdk"]:
        raise ToolMissingError("Windows SDK: not there", expected=f"{needed.windows_sdk} or newer",
                               advice="add a Windows SDK in the Visual Studio Installer")  # fmt: skip
    least = {"msvc": needed.msvc, "windows-sdk": needed.windows_sdk}
    for name, title in (("msvc", "MSVC"), ("windows-sdk", "Windows SDK")):
        if version_numbers(versions[name]) < version_numbers(least[name]):
            raise ToolMissingError(f"{title}: too old", found=versions[name], expected=f"{least[name]} or newer",
                                   advice=f"add a newer {title} in the Visual Studio Installer")  # fmt: skip
    return versions


def _environment(host: Host, studio: VisualStudio, variables: Mapping[str, str]) -> dict[str, str]:
    """Return what steps are given: of PATH only the directories of Visual Studio, the SDKs and Windows itself.

    Other programs on somebody's PATH (another perl, a git with a bash) would be found in place of what is meant.
    """
    kept = {name: value for name in _KEPT if (value := variables.get(name.upper()) or host.variable(name))}
    sdk = variables.get("WINDOWSSDKDIR", "")
    roots = [root.rstrip("\\").lower() for root in (studio.path, sdk, host.variable("SystemRoot")) if root]
    separator = ";" if host.system == "Windows" else ":"
    directories = [part for part in variables.get("PATH", "").split(separator)
                   if any(part.lower().startswith(root) for root in roots)]  # fmt: skip
    return {**kept, "PATH": separator.join(dict.fromkeys(directories))}


@dataclass(frozen=True)
class Found:
    """A tool of the machine: ``path`` is "" where there is none that will do, ``note`` says why."""

    path: str = ""
    version: str = ""
    note: str = ""


def find_perl(host: Host, needed: Needed) -> Found:
    """Return a Perl for Windows: the one that ``PERL`` names, or of PATH. Cygwin's and MSYS' write other paths."""

    def look(path: str) -> tuple[str, str]:
        status, said = host.ask([path, "-MConfig", "-e", "print qq($Config{osname} $Config{version})"])
        system, _, version = said.strip().partition(" ")
        if status or not version:
            return "", f"says {said.strip()[:80]!r}"
        return (version, "") if system == "MSWin32" else ("", f"is for {system}, not for Windows itself (MSWin32)")

    return _find(host, "perl", "PERL", needed.perl, look, "Strawberry Perl or ActivePerl")


def find_nasm(host: Host, needed: Needed) -> Found:
    """Return the assembler that ``NASM`` names, or of PATH."""

    def look(path: str) -> tuple[str, str]:
        status, said = host.ask([path, "-v"])
        match = re.search(r"NASM version (\d+(?:\.\d+)+)", said)
        return (match[1], "") if match and not status else ("", f"says {said.strip()[:80]!r}")

    return _find(host, "nasm", "NASM", needed.nasm, look, "NASM")


def _find(host: Host, program: str, variable: str, least: str, look: Any, what: str) -> Found:
    named = host.variable(variable)
    path = named or host.which(program)
    if not path:
        return Found(note=f"{program}: none on PATH; the pinned one is used")
    version, problem = look(path) if host.is_file(path) else ("", "is no file")
    if version and version_numbers(version) < version_numbers(least):
        problem = f"is {version}"
    if not problem:
        return Found(path, version)
    if named:
        raise ToolMissingError(f"{variable}={path}: {problem}", expected=f"{what}, {least} or newer",
                               advice=f"or unset {variable}: then a pinned one is used")  # fmt: skip
    return Found(note=f"{program}: {path} {problem}; the pinned one is used")


def version_numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of a version, for comparison."""
    return tuple(int(number) for number in re.findall(r"\d+", text))
