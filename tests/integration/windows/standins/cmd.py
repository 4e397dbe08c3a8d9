"""cmd: runs the two batch files that the build calls, vcvarsall.bat and CPython's build.bat."""

import re
from pathlib import Path

import build_bat
from common import expect, wrong

VCVARS = re.compile(r'chcp 65001 >nul && call "(?P<script>[^"]+)" (?P<arch>\w+) && set')
ARCHITECTURES = {"amd64": "x64", "amd64_x86": "Win32", "amd64_arm64": "ARM64"}


def main(arguments: list, machine: object) -> int:
    expect(arguments[:3] == ["/d", "/s", "/c"] and len(arguments) == 4, f"unexpected {arguments}")
    line = arguments[3]
    if match := VCVARS.fullmatch(line):
        expected = str(machine.root / "VS") + r"\VC\Auxiliary\Build\vcvarsall.bat"
        expect(match["script"] == expected, f"there is no {match['script']}")
        expect(match["arch"] in ARCHITECTURES, f"vcvarsall.bat knows no {match['arch']}")
        variables(machine, match["arch"])
        return 0
    if line.startswith('"PCbuild\\build.bat" '):
        expect(Path("PCbuild/build.bat").is_file(), f"there is no PCbuild\\build.bat in {Path.cwd()}")
        return build_bat.main(line.partition(" ")[2], machine)
    return wrong(f"unexpected command {line}")


def variables(machine: object, arch: str) -> None:
    """Print what vcvarsall.bat would have set, with more than the build should take over."""
    root = machine.root
    path = ":".join(map(str, (root / "VS/VC/bin", root / "VS/MSBuild", root / "Kits/bin", root / "windows/system32",
                              "/usr/bin/somebody's own")))  # fmt: skip
    print("[vcvarsall.bat] Environment initialized for: " + arch)
    for name, value in {
        "Path": path, "INCLUDE": f"{root}/VS/VC/include", "LIB": f"{root}/VS/VC/lib", "VCToolsVersion": machine.msvc,
        "VCToolsInstallDir": f"{root}/VS/VC", "VisualStudioVersion": "17.0", "WindowsSdkDir": f"{root}/Kits",
        "WindowsSDKVersion": "10.0.26100.0\\", "SECRET": "of the caller's", "SystemRoot": f"{root}/windows",
        "PROCESSOR_ARCHITECTURE": "AMD64",
    }.items():  # fmt: skip
        print(f"{name}={value}")
