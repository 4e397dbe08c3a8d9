"""The targets of other systems are read whole, or refused with the place named; build-linux.py builds for none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pythonbuild.config.model import Target
from pythonbuild.config.native_targets import load_macos_targets, load_macos_toolchains, load_windows_targets
from pythonbuild.config.project import Project
from pythonbuild.config.targets import find_target
from pythonbuild.errors import ConfigError, UsageError

REPOSITORY = Path(__file__).parents[3]
PROJECT = Project(REPOSITORY)
MACOS, WINDOWS = "cpython-unix/targets-macos.yml", "cpython-windows/targets.yml"


def test_own_files_load() -> None:
    targets = PROJECT.known_targets
    assert {triple for triple, target in targets.items() if target.os == "macos"} == {
        "x86_64-apple-darwin", "aarch64-apple-darwin", "universal2-apple-darwin",
    }  # fmt: skip
    assert {triple for triple, target in targets.items() if target.os == "windows"} == {
        "x86_64-pc-windows-msvc", "i686-pc-windows-msvc", "aarch64-pc-windows-msvc",
    }  # fmt: skip
    for target in targets.values():
        assert (target.os == "macos") == (target.darwin is not None)
        assert (target.os == "windows") == (target.windows is not None)
        assert target.system_libraries
    intel = targets["x86_64-apple-darwin"].darwin
    assert intel is not None
    assert intel.minimum_os == {"x86_64": "10.15"}
    assert intel.newer_symbols["mkfifoat"] == "13.0"
    assert intel.library_versions["/usr/lib/libSystem.B.dylib"] == "1.0.0"


@pytest.mark.parametrize(
    ("triple", "words"),
    [("x86_64-apple-darwin", "is built by another script: found x86_64-apple-darwin, expected one of x86_64-unkn"),
     ("aarch64-apple-darwin", "build it by build-macos.py, on macOS"),
     ("aarch64-pc-windows-msvc", "build it by build-windows.py, on Windows")],
)  # fmt: skip
def test_linux_does_not_build_for_them(triple: str, words: str) -> None:
    assert triple not in PROJECT.targets
    with pytest.raises(UsageError) as caught:
        find_target(PROJECT.targets, triple)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "load", "old", "new", "message"),
    [
        (MACOS, load_macos_targets, '"10.15"\n  aarch64', '"10.15.x"\n  aarch64',
         "targets.x86_64-apple-darwin.minimum_os.x86_64: malformed version: found '10.15.x'"),
        (MACOS, load_macos_targets, "      arm64:", "      arm64e:", "minimum_os.arm64e: unknown key"),
        (MACOS, load_macos_targets, 'strchrnul: "15.4"', 'strchrnul: ""', "newer_symbols.strchrnul: malformed version"),
        (MACOS, load_macos_targets, 'System.B.dylib: "1.0.0"', "System.B.dylib: 1",
         "system_libraries./usr/lib/libSystem.B.dylib: wrong type: found 1, expected text"),
        (MACOS, load_macos_targets, "targets:", "target:", "target: unknown key"),
        (WINDOWS, load_windows_targets, "subsystem_version: \"6.2\"", "subsystem_version: new",
         "targets.aarch64-pc-windows-msvc.subsystem_version: malformed version: found 'new'"),
        (WINDOWS, load_windows_targets, "    arch: i686\n", "", "targets.i686-pc-windows-msvc: key 'arch' is missing"),
    ],
)  # fmt: skip
def test_wrong_files(
    tmp_path: Path, file: str, load: Callable[[Path], Mapping[str, Target]], old: str, new: str, message: str
) -> None:
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    path = tmp_path / "targets.yml"
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert message in str(caught.value)


def test_a_target_without_any_processor(tmp_path: Path) -> None:
    path = tmp_path / "targets.yml"
    path.write_text("system_libraries: {}\nnewer_symbols: {}\ntargets: {x: {arch: x86_64, minimum_os: {}}}\n"
                    "environment: {}\ntoolchains: {}\nminimum_sdk: '13.0'\n")  # fmt: skip
    with pytest.raises(ConfigError, match=r"targets\.x\.minimum_os: is empty: expected a version for one of x86_64, a"):
        load_macos_targets(path)


@pytest.mark.parametrize(("old", "new", "message"), [
    ("    recipes: [macos-llvm, macos-compiler-rt]\n    sources:\n      macos-llvm: llvm-19\n", "    sources:\n",
     "toolchains.bootstrap:clang-19: recipes are what a bootstrap toolchain has, and no other: found bootstrap"),
    ("  native:clang:\n", "  native:clang:\n    recipes: [zlib]\n", "native:clang: recipes are what a bootstrap"),
    ("    built_on: x86_64-unknown-linux-gnu\n", "", "cross:clang-22: built_on is what a cross comp"),
    ("  native:clang:\n", "  packaged:clang:\n",
     "malformed name: found packaged:clang, expected native or cross or bootstrap, a colon, the compiler"),
    ("options: [debug, noopt, lto]\n", "options: [debug, bolt]\n",
     "toolchains.cross:clang-22.options[1]: unknown value: found 'bolt', expected one of debug, noopt, lto, pgo"),
    ("    making: &making\n", "    doing: &making\n", "toolchains.bootstrap:clang-19.doing: unknown key"),
])  # fmt: skip
def test_wrong_toolchains(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (REPOSITORY / MACOS).read_text(encoding="utf-8")
    path = tmp_path / "targets.yml"
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_macos_toolchains(path, PROJECT.targets)
    assert message in str(caught.value)


def test_own_toolchains_name_recipes_and_sources_that_there_are() -> None:
    for chosen in PROJECT.macos_toolchains.values():
        toolchain = chosen.toolchain
        assert set(toolchain.recipes) <= PROJECT.recipes.keys()
        assert set(toolchain.sources) <= PROJECT.recipes.keys()
        assert set(toolchain.sources.values()) <= PROJECT.sources.keys()
        assert toolchain.kind != "bootstrap" or f"llvm-{toolchain.series}" in toolchain.sources.values()
