"""The compiler and the SDK of a Mac, found by stand-ins of xcrun and Clang that say what the real ones say."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from pythonbuild.cli.doctor import check_mac
from pythonbuild.config.project import Project
from pythonbuild.darwin_native import find_compiler
from pythonbuild.errors import BuildError, MachineError, UsageError

TARGETS = Project(Path(__file__).parents[2]).macos_targets
ARM, INTEL = TARGETS["aarch64-apple-darwin"], TARGETS["x86_64-apple-darwin"]
#: What Xcode 16.2's Clang says of itself.
APPLE_CLANG = """Apple clang version 16.0.0 (clang-1600.0.26.6)
Target: arm64-apple-darwin24.2.0
Thread model: posix
InstalledDir: /Library/Developer/CommandLineTools/usr/bin"""


class Mac:
    """A directory with the programs of the Command Line Tools, for PATH."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        monkeypatch.setenv("PATH", f"{directory}:/bin")
        monkeypatch.setattr(platform, "system", lambda: "Darwin")
        monkeypatch.setattr(platform, "machine", lambda: "arm64")
        self.clang()
        self.xcrun()
        self.linker()
        self.program("autoreconf", "exit 1")

    def program(self, name: str, script: str) -> None:
        (self.directory / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.directory / name).chmod(0o755)

    def clang(self, says: str = APPLE_CLANG) -> None:
        self.program("clang", f"cat << 'END'\n{says}\nEND")

    def linker(self, project: str = "ld-1115.7.3") -> None:
        self.program("ld", f'echo "@(#)PROGRAM:ld PROJECT:{project}" >&2\necho BUILD 17:11:37 Aug 1 2024 >&2')

    def xcrun(self, version: str = "15.2", tools: str = "clang | clang++ | ld | llvm-profdata") -> None:
        self.program("xcrun", f"""
[ "$1 $2" = "--sdk macosx" ] || {{ echo "xcrun: error: unexpected $*" >&2; exit 64; }}
case "$3 $4" in
    "--show-sdk-path ") echo /Library/Developer/CommandLineTools/SDKs/MacOSX.sdk ;;
    "--show-sdk-version ") echo {version} ;;
    "--find "*) case "$4" in {tools}) echo "{self.directory}/$4" ;; *) exit 72 ;; esac ;;
    *) exit 64 ;;
esac""")  # fmt: skip


@pytest.fixture
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mac:
    return Mac(tmp_path, monkeypatch)


def test_what_is_found_is_told(mac: Mac) -> None:
    compiler = find_compiler(ARM)
    assert compiler.parameters() == {
        "CLANG": f"{mac.directory}/clang", "CLANGXX": f"{mac.directory}/clang++",
        "SDK": "/Library/Developer/CommandLineTools/SDKs/MacOSX.sdk", "SDK_NAME": "macosx15.2", "SDK_VERSION": "15.2",
        "CLANG_VERSION": "16.0.0 clang-1600.0.26.6", "PROFDATA": f"{mac.directory}/llvm-profdata",
        "LD_VERSION": "ld-1115.7.3",
    }  # fmt: skip


def test_the_directory_of_autoreconf_is_found(mac: Mac) -> None:
    assert find_compiler(ARM).autotools == str(mac.directory)


def test_doctor_tells_what_a_build_finds(mac: Mac) -> None:
    def told() -> list[tuple[str, str, str]]:
        return [(finding.name, finding.status, finding.detail) for finding in check_mac(Path(__file__).parents[2])]

    assert told() == [
        ("Clang", "ok", f"16.0.0 clang-1600.0.26.6, {mac.directory}/clang"),
        ("SDK", "ok", "macosx15.2, /Library/Developer/CommandLineTools/SDKs/MacOSX.sdk"),
    ]
    mac.xcrun("11.3")
    assert [row[:2] for row in told()] == [("tools", "missing")]


def one_line(target: str, kind: type[BuildError]) -> str:
    with pytest.raises(kind) as caught:
        find_compiler(TARGETS[target])
    text = caught.value.render()
    assert "\n" not in text.strip()
    return text


def test_another_system(mac: Mac, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    assert "aarch64-apple-darwin is built on macOS: found Linux" in one_line("aarch64-apple-darwin", UsageError)


def test_another_processor(mac: Mac) -> None:
    text = one_line("x86_64-apple-darwin", UsageError)
    assert "x86_64-apple-darwin is built on a Mac with that processor: found arm64" in text


def test_no_command_line_tools(mac: Mac, monkeypatch: pytest.MonkeyPatch) -> None:
    (mac.directory / "xcrun").unlink()
    monkeypatch.setenv("PATH", str(mac.directory))
    assert "no xcrun" in one_line("aarch64-apple-darwin", MachineError)
    assert "xcode-select --install" in one_line("aarch64-apple-darwin", MachineError)


def test_tools_that_are_not_installed_yet(mac: Mac) -> None:
    """macOS has an xcrun of its own, which only says so."""
    mac.program("xcrun", 'echo "xcrun: error: invalid active developer path (/Library/Developer)" >&2; exit 1')
    text = one_line("aarch64-apple-darwin", MachineError)
    assert "failed: found xcrun: error: invalid active developer path (/Library/Developer)" in text
    assert "xcode-select --install" in text


@pytest.mark.parametrize("version", ["12.3", "10.15.6", "11.0"])
def test_an_old_sdk(mac: Mac, version: str) -> None:
    mac.xcrun(version)
    text = one_line("aarch64-apple-darwin", MachineError)
    assert f"the SDK of macOS is too old: found {version} (/Library/Developer/CommandLineTools/SDKs/MacOSX.sdk)" in text
    assert "expected 13.0 or newer" in text


@pytest.mark.parametrize("version", ["13.0", "13.3", "26.1"])
def test_newer_sdks(mac: Mac, version: str) -> None:
    mac.xcrun(version)
    assert find_compiler(ARM).sdk_version == version


@pytest.mark.parametrize("version", ["''", "macosx", "'15.2 beta'"])
def test_an_sdk_without_a_version(mac: Mac, version: str) -> None:
    mac.xcrun(version)
    assert "--show-sdk-version: no " in one_line("aarch64-apple-darwin", MachineError)


def test_a_compiler_that_is_no_clang(mac: Mac) -> None:
    mac.clang("gcc (Homebrew GCC 14.2.0) 14.2.0\nCopyright")
    assert "clang: no Clang: found gcc (Homebrew GCC 14.2.0) 14.2.0" in one_line("aarch64-apple-darwin", MachineError)


def test_a_compiler_that_cannot_be_run(mac: Mac) -> None:
    (mac.directory / "clang").chmod(0o644)
    assert "clang: cannot be run" in one_line("aarch64-apple-darwin", MachineError)


def test_no_llvm_profdata(mac: Mac) -> None:
    """Without it there are no profiles, also of zlib and bzip2."""
    mac.xcrun(tools="clang | clang++ | ld")
    text = one_line("aarch64-apple-darwin", MachineError)
    assert "--find llvm-profdata: failed" in text
    assert "xcode-select --install" in text


@pytest.mark.parametrize("project", ["ld-1221.4", "dyld-1015.7", "ld64-820.1"])
def test_linkers(mac: Mac, project: str) -> None:
    mac.linker(project)
    assert find_compiler(ARM).linker_version == project


def test_a_linker_that_is_not_apples(mac: Mac) -> None:
    mac.program("ld", "echo 'LLD 19.1.7 (compatible with GNU linkers)'")
    assert f"{mac.directory}/ld -v: no version of Apple's linker" in one_line("aarch64-apple-darwin", MachineError)


def test_no_autotools(mac: Mac, monkeypatch: pytest.MonkeyPatch) -> None:
    (mac.directory / "autoreconf").unlink()
    (mac.directory / "cat").symlink_to("/bin/cat")
    (mac.directory / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(mac.directory))
    text = one_line("aarch64-apple-darwin", MachineError)
    assert "no autoreconf, which makes the configure scripts of libffi" in text


def test_an_intel_mac(mac: Mac, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert find_compiler(INTEL).sdk_name == "macosx15.2"
