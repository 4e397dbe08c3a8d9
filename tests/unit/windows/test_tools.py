"""What is found of a Windows machine's tools, and what is said where something is missing or too old."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from pythonbuild.config.project import Project
from pythonbuild.errors import BuildError, ConfigError, UsageError
from pythonbuild.windows.host import Host
from pythonbuild.windows.tools import ToolMissingError, WrongHostError, find_tools, read_needed

REPOSITORY = Path(__file__).parents[3]
NEEDED = read_needed(Project(REPOSITORY, "windows").windows)
STUDIO = r"C:\Program Files\Microsoft Visual Studio\2022\BuildTools"
VSWHERE = r"C:\Program Files (x86)\Microsoft Visual Studio\Installer\vswhere.exe"
PERL, NASM = r"C:\Strawberry\perl\bin\perl.exe", r"C:\nasm\nasm.exe"


@dataclass(frozen=True)
class Windows(Host):
    """A machine of texts: which files there are, and what programs answer."""

    system: str = "Windows"
    machine: str = "amd64"
    variables: Mapping[str, str] = field(default_factory=lambda: {
        "ProgramFiles(x86)": r"C:\Program Files (x86)", "SystemRoot": r"C:\Windows"})  # fmt: skip
    files: frozenset[str] = frozenset({VSWHERE, PERL, NASM})
    installations: str = json.dumps([{"installationPath": STUDIO, "installationVersion": "17.14.36301.6",
                                      "displayName": "Build Tools 2022", "isComplete": True}])  # fmt: skip
    set: Mapping[str, str] = field(default_factory=lambda: {
        "VCToolsVersion": "14.44.35207", "WindowsSDKVersion": "10.0.26100.0\\", "INCLUDE": "C:\\inc", "SECRET": "x",
        "WindowsSdkDir": "C:\\Kits\\10\\", "Path": f"{STUDIO}\\bin;D:\\;C:\\Kits\\10\\bin;C:\\Windows\\s"})  # fmt: skip
    programs: frozenset[str] = frozenset({"cl", "link", "lib", "nmake", "msbuild"})
    perl: str = "MSWin32 5.38.2"
    nasm: str = "NASM version 2.16.03 compiled on Apr 17 2024"
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def which(self, program: str, path: str | None = None) -> str:
        if path is not None:
            return f"C:\\{program}.exe" if program in self.programs else ""
        return {"perl": PERL, "nasm": NASM}.get(program, "")

    def is_file(self, path: str) -> bool:
        return path in self.files

    def ask(self, command: Sequence[str]) -> tuple[int, str]:
        self.asked.append(tuple(command))
        if command[0] == VSWHERE:
            return 0, self.installations if "-requires" in command else json.dumps(
                [{"installationPath": STUDIO, "installationVersion": "17.1", "displayName": "Community 2022"}]
            )
        return 0, self.perl if "-MConfig" in command else self.nasm

    def ask_batch(self, script: str, *arguments: str, then: str = "") -> tuple[int, str]:
        self.asked.append((script, *arguments, then))
        return 0, "\n".join(f"{name}={value}" for name, value in self.set.items())


def test_everything_is_found() -> None:
    machine = Windows()
    tools = find_tools(machine, NEEDED, "x86_64")
    assert tools.versions == {"visual-studio": "17.14.36301.6", "msvc": "14.44.35207", "windows-sdk": "10.0.26100.0",
                              "perl": "5.38.2", "nasm": "2.16.03"}  # fmt: skip
    assert (tools.perl, tools.nasm, tools.notes) == (PERL, NASM, ())
    # Only directories of Visual Studio, the SDK and Windows, and only variables that compilers look at.
    assert tools.environment["PATH"] == f"{STUDIO}\\bin;C:\\Kits\\10\\bin;C:\\Windows\\s"
    assert tools.environment["INCLUDE"] == "C:\\inc"
    assert tools.environment["SystemRoot"] == r"C:\Windows"
    assert "SECRET" not in tools.environment
    assert (f"{STUDIO}\\VC\\Auxiliary\\Build\\vcvarsall.bat", "amd64", "set") in machine.asked
    toolchain = tools.toolchain()
    assert (toolchain.name, toolchain.kind, toolchain.series) == ("machine:msvc-14.44.35207", "machine", "14.44")


@pytest.mark.parametrize(
    ("machine", "arch", "words"),
    [("amd64", "i686", "amd64_x86"), ("amd64", "aarch64", "amd64_arm64"), ("arm64", "aarch64", "arm64"),
     ("arm64", "x86_64", "arm64_amd64")],
)  # fmt: skip
def test_compilers_for_other_processors(machine: str, arch: str, words: str) -> None:
    host = Windows(machine=machine)
    find_tools(host, NEEDED, arch)
    assert any(row[1:2] == (words,) for row in host.asked)


def test_arm64_needs_no_nasm() -> None:
    tools = find_tools(Windows(), NEEDED, "aarch64")
    assert "nasm" not in tools.versions
    assert tools.nasm == ""


OLD = [{"installationPath": STUDIO, "installationVersion": "16.11.3", "displayName": "Community 2019"}]


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        (Windows(files=frozenset()),
         "Visual Studio: not there: found no vswhere.exe, which every version since 2017 has, "
                                     "expected 17.0 or newer; install Visual Studio 2022"),
        (Windows(installations=""), "Visual Studio: has no compiler for x86_64: found Community 2022 without it"),
        (Windows(installations=json.dumps(OLD)), "too old: found Community 2019 (16.11.3), expected 17.0"),
        (Windows(installations="Error 0x57"), "says nothing that can be understood: found status 0: 'Error 0x57'"),
        (Windows(installations='[{"path": 1}]'), "says nothing that can be understood"),
        (Windows(set={"Path": ""}), r"vcvarsall.bat amd64: does not set up a compiler"),
        (Windows(set={"VCToolsVersion": "14.44"}), "Windows SDK: not there: expected 10.0.19041 or newer"),
        (Windows(set={"VCToolsVersion": "14.29.1", "WindowsSDKVersion": "10.0.26100.0"}),
         "MSVC: too old: found 14.29.1, expected 14.30 or newer; add a newer MSVC in the Visual Studio Installer"),
        (Windows(set={"VCToolsVersion": "14.44", "WindowsSDKVersion": "10.0.17763.0\\"}),
         "Windows SDK: too old: found 10.0.17763.0, expected 10.0.19041 or newer"),
        (Windows(programs=frozenset({"cl", "link", "lib", "nmake"})), "msbuild: not in the PATH that Build Tools 2022"),
        (Windows(variables={**Windows().variables, "PERL": r"C:\no.exe"}), r"PERL=C:\no.exe: is no file: expected"),
        (Windows(variables={**Windows().variables, "perl": PERL}, perl="cygwin 5.38.2"),
         "is for cygwin, not for Windows itself (MSWin32)"),
        (Windows(variables={**Windows().variables, "PERL": PERL}, perl="MSWin32 5.8.8"), "is 5.8.8: expected"),
        (Windows(variables={**Windows().variables, "NASM": NASM}, nasm="nasm: error"), "NASM=C:\\nasm\\nasm.exe: says"),
    ],
)  # fmt: skip
def test_what_is_missing_is_one_line(machine: Host, message: str) -> None:
    with pytest.raises(ToolMissingError) as caught:
        find_tools(machine, NEEDED, "x86_64")
    text = caught.value.render()
    assert message in text
    assert "\n" not in text
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(("changes", "note"), [
    ({"perl": "cygwin 5.38.2"}, "perl: C:\\Strawberry\\perl\\bin\\perl.exe is for cygwin"),
    ({"nasm": "NASM version 2.10.01"}, "nasm: C:\\nasm\\nasm.exe is 2.10.01; the pinned one is used"),
])  # fmt: skip
def test_others_on_path_are_passed_over(changes: dict[str, str], note: str) -> None:
    tools = find_tools(replace(Windows(), **changes), NEEDED, "x86_64")  # type: ignore[arg-type]
    assert "" in (tools.perl, tools.nasm)
    assert tools.notes[0].startswith(note)


def test_another_system_is_a_wrong_host() -> None:
    host = Windows(system="Linux", files=frozenset())
    with pytest.raises(
        WrongHostError, match=r"builds on Windows, by Visual Studio: found Linux.*build-linux\.py builds"
    ):
        find_tools(host, NEEDED, "x86_64")
    assert issubclass(WrongHostError, UsageError)
    assert WrongHostError("x").exit_code == 2


@pytest.mark.parametrize(("old", "new", "message"), [
    ('msvc: "14.30"', "msvc: new", "tools.yml: msvc: malformed version: found 'new'"),
    ('nasm: "2.11.06"\n', "", "tools.yml: key 'nasm' is missing"),
])  # fmt: skip
def test_the_file_is_checked(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (REPOSITORY / "cpython-windows/tools.yml").read_text()
    assert old in text
    (tmp_path / "tools.yml").write_text(text.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        read_needed(tmp_path)


def test_a_program_is_really_asked(tmp_path: Path) -> None:
    program = tmp_path / "perl"
    program.write_text("#!/bin/sh\nprintf 'MSWin32 5.40.0'\n")
    program.chmod(0o755)
    host = Host("Linux", "x86_64", {"PATH": f"{tmp_path}"})
    assert host.which("perl") == str(program)
    assert host.ask([str(program)]) == (0, "MSWin32 5.40.0")
    assert host.ask(["no such program"])[0] == 127
    assert isinstance(ToolMissingError("x"), BuildError)
