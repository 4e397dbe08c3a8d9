"""Real programs and libraries for macOS and Windows: each gives exactly the findings that are predicted.

They are no distributions of Python; so what is found is where wheels keep to other rules: what delocate calls a
library, that the DLL of Python comes from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.binaries.downloads import files_of
from tests.unit.validation.native import TARGETS, NativeBench

Findings = Mapping[str, set[str]]
PREFIXES = {"macos": "lib/", "windows": "install/"}

NEITHER = "which is neither in system_libraries nor in the archive"
_RESOLV = {"libcom_err.3.0", "libgssapi_krb5.2.2", "libk5crypto.3.1", "libkrb5.3.3", "libkrb5support.1.1", "liblber.2",
           "libldap.2"}  # fmt: skip
_LIBRARIES = {*_RESOLV, "libcrypto.3", "libpq.5", "libssl.3"}

#: delocate leaves such names, and the libraries come with what Homebrew or conda linked them with.
PSYCOPG_MACOS = {
    "macho-install-names": {
        f"psycopg2/.dylibs/{name}.dylib: is called /DLC/psycopg2/.dylibs/{name}.dylib, "
        "expected @rpath/… or @executable_path/…"
        for name in _LIBRARIES
    },
    "macho-libraries": {
        *(f"psycopg2/.dylibs/{name}.dylib: needs /usr/lib/libresolv.9.dylib, {NEITHER}" for name in _RESOLV),
        *(
            f"psycopg2/.dylibs/{name}.3.dylib: needs /usr/lib/libz.1.dylib, {NEITHER}"
            for name in ("libssl", "libcrypto")
        ),
        f"psycopg2/.dylibs/libldap.2.dylib: needs /usr/lib/libsasl2.2.dylib, {NEITHER}",
        "psycopg2/.dylibs/libkrb5.3.3.dylib: needs "
        f"/System/Library/Frameworks/Kerberos.framework/Versions/A/Kerberos, {NEITHER}",
    },
}
#: Both slices are compiled from C++.
_GREENLET = ("greenlet/_greenlet.cpython-313-darwin.so", "greenlet/tests/_test_extension_cpp.cpython-313-darwin.so")
GREENLET_MACOS = {
    "macho-libraries": {f"{name} ({arch}): needs /usr/lib/libc++.1.dylib, {NEITHER}"
                        for name in _GREENLET for arch in ("x86_64", "arm64")},
}  # fmt: skip
GREENLET_ALONE = {
    **GREENLET_MACOS,
    "macho-architecture": {f"{name}: is for x86_64, expected arm64"
                           for name in (*_GREENLET, "greenlet/tests/_test_extension.cpython-313-darwin.so")},
}  # fmt: skip


def pyd(*names: str) -> Findings:
    return {"pe-imports": {f"{name}: needs python313.dll, {NEITHER}" for name in names}}


def greenlet(tag: str) -> Findings:
    names = ("_greenlet", "tests/_test_extension", "tests/_test_extension_cpp")
    return pyd(*(f"greenlet/{name}.cp313-{tag}.pyd" for name in names))


_VCPKG = r"C:\vcpkg\buildtrees"
_NAMED = "expected a name without directory"
_PQ, _SSL, _CRYPTO = (f"psycopg2_binary.libs/{name}.dll" for name in (
    "libpq-3e6f9efe96f31509962ac7bab8fe6864", "libssl-3-x64-86d22d7a7b37b8c40be7db7a7b0181d0",
    "libcrypto-3-x64-66da1976b504c4b9e3dbabe87eeccc5a"))  # fmt: skip
PSYCOPG_WINDOWS = {
    "pe-imports": {
        f"psycopg2/_psycopg.cp313-win_amd64.pyd: needs python313.dll, {NEITHER}",
        f"{_PQ}: needs Secur32.dll, {NEITHER}",
    },
    "pe-debug-paths": {
        rf"{_PQ}: names {_VCPKG}\libpq\x64-windows-release-rel\src\interfaces\libpq\libpq.pdb, {_NAMED}",
        rf"{_SSL}: names {_VCPKG}\openssl\x64-windows-release-rel\libssl-3-x64.pdb, {_NAMED}",
        rf"{_CRYPTO}: names {_VCPKG}\openssl\x64-windows-release-rel\libcrypto-3-x64.pdb, {_NAMED}",
    },
}

#: (platform, package, target, findings)
WHEELS: tuple[tuple[str, str, str, Findings], ...] = (
    ("macosx_11_0_arm64", "markupsafe", "aarch64-apple-darwin", {}),
    ("macosx_11_0_arm64", "psycopg2_binary", "aarch64-apple-darwin", PSYCOPG_MACOS),
    ("macosx_10_13_x86_64", "markupsafe", "x86_64-apple-darwin", {}),
    ("macosx_10_13_x86_64", "psycopg2_binary", "x86_64-apple-darwin", PSYCOPG_MACOS),
    ("macosx_11_0_universal2", "greenlet", "universal2-apple-darwin", GREENLET_MACOS),
    ("macosx_11_0_universal2", "greenlet", "aarch64-apple-darwin", GREENLET_ALONE),
    ("win_amd64", "markupsafe", "x86_64-pc-windows-msvc", pyd("markupsafe/_speedups.cp313-win_amd64.pyd")),
    ("win_amd64", "greenlet", "x86_64-pc-windows-msvc", greenlet("win_amd64")),
    ("win_amd64", "psycopg2_binary", "x86_64-pc-windows-msvc", PSYCOPG_WINDOWS),
    ("win32", "markupsafe", "i686-pc-windows-msvc", pyd("markupsafe/_speedups.cp313-win32.pyd")),
    ("win_arm64", "markupsafe", "aarch64-pc-windows-msvc", pyd("markupsafe/_speedups.cp313-win_arm64.pyd")),
    ("win_arm64", "greenlet", "aarch64-pc-windows-msvc", greenlet("win_arm64")),
)
_LAUNCHER = r"C:\Users\Vinay\Projects\simple_launcher"


def launchers(directory: str, suffix: str, *, narrow: bool = False) -> Findings:
    """Return the findings of distlib's launchers; ``narrow``: linked without addresses above 4 GiB."""
    names = [f"{kind}{suffix}" for kind in "tw"]
    found = {"pe-debug-paths": {rf"{name}.exe: names {_LAUNCHER}\{directory}\{name}.pdb, {_NAMED}" for name in names}}
    if narrow:
        found["pe-protections"] = {f"{name}.exe: does not say HIGH_ENTROPY_VA" for name in names}
    return found


#: (package, programs, target, findings)
LAUNCHERS: tuple[tuple[str, tuple[str, ...], str, Findings], ...] = (
    ("pip", ("t32.exe", "w32.exe"), "i686-pc-windows-msvc", launchers("dist", "32")),
    ("pip", ("t64.exe", "w64.exe"), "x86_64-pc-windows-msvc", launchers("dist", "64", narrow=True)),
    ("pip", ("t64-arm.exe", "w64-arm.exe"), "aarch64-pc-windows-msvc", launchers(r"ARM64\Release", "64-arm")),
    ("setuptools", ("cli.exe", "gui.exe", "cli-32.exe", "gui-32.exe"), "i686-pc-windows-msvc", {}),
    ("setuptools", ("cli-64.exe", "gui-64.exe"), "x86_64-pc-windows-msvc", {}),
    ("setuptools", ("cli-arm64.exe", "gui-arm64.exe"), "aarch64-pc-windows-msvc", {}),
)


def make_bench(directory: Path, target: str, files: Mapping[str, bytes], prefix: str = "") -> NativeBench:
    """Return a tree that holds the files: for macOS as another builder's installation, for Windows as one of ours."""
    bench = NativeBench(directory, TARGETS[target])
    for name, content in files.items():
        bench.write((prefix or PREFIXES[bench.target.os]) + name, content)
    return bench


def findings(bench: NativeBench) -> Findings:
    report = bench.run()
    assert all(
        result.outcome == "not applicable" for result in report.results if result.id.startswith(("elf-", "hard"))
    )
    prefix = PREFIXES[bench.target.os]
    return {result.id: {finding.removeprefix(prefix) for finding in result.findings} for result in report.failed}


def named(value: object) -> str:
    """Return a parameter's part of a test's name; the order of a set is another in each process."""
    return "" if isinstance(value, dict) else str(value)[:24]


@pytest.mark.parametrize(("platform", "package", "target", "expected"), WHEELS, ids=named)
def test_wheels(
    wheels: Path, tmp_path: Path, platform: str, package: str, target: str, expected: Findings
) -> None:  # fmt: skip
    bench = make_bench(tmp_path, target, files_of(wheels, platform, package))
    assert findings(bench) == expected


@pytest.mark.parametrize(("package", "names", "target", "expected"), LAUNCHERS, ids=named)
def test_launchers(
    wheels: Path, tmp_path: Path, package: str, names: tuple[str, ...], target: str, expected: Findings
) -> None:
    files = files_of(wheels, "any", package)
    programs = {path.rpartition("/")[2]: content for path, content in files.items() if path.endswith(names)}
    chosen = {name: content for name, content in programs.items() if name in names}
    assert set(chosen) == set(names)
    assert findings(make_bench(tmp_path, target, chosen)) == expected
    assert findings(make_bench(tmp_path / "made", target, chosen, "install/Scripts/")) == {}  # as pip would put them


@pytest.mark.parametrize("target", ["x86_64-pc-windows-msvc", "i686-pc-windows-msvc", "aarch64-pc-windows-msvc"])
def test_what_pip_brings_for_all_processors_is_left_in_peace(wheels: Path, tmp_path: Path, target: str) -> None:
    files = files_of(wheels, "any", "pip") | {"python313.dll": b""}
    bench = make_bench(tmp_path, target, files, "install/Lib/site-packages/")
    assert set(findings(bench)) == {"pe-readable"}  # of the empty file: the launchers are none of the programs


@pytest.mark.parametrize("platform", ["win_amd64", "win_arm64"])
def test_microsoft_s_c_runtime(wheels: Path, tmp_path: Path, platform: str) -> None:
    """Signed, with checksums and control flow guard; for arm64 with one DLL of ARM64EC among them."""
    target = {"win_amd64": "x86_64", "win_arm64": "aarch64"}[platform] + "-pc-windows-msvc"
    files = {path.rpartition("/")[2]: content for path, content in files_of(wheels, platform, "msvc_runtime").items()
             if "/Scripts/vcruntime140" in path}  # fmt: skip
    assert {"vcruntime140.dll", "vcruntime140_1.dll"} <= set(files)
    assert findings(make_bench(tmp_path, target, files)) == {}
    if platform == "win_arm64":
        bench = make_bench(tmp_path, "x86_64-pc-windows-msvc", files)
        assert "install/vcruntime140.dll: PE machine 0xaa64, expected 0x8664 (x86_64)" in {
            finding for result in bench.run().failed for finding in result.findings
        }


def test_weak_references_are_let_pass_and_others_are_not(wheels: Path, tmp_path: Path) -> None:
    """These libraries were made for macOS 10.9 and refer weakly to what came later."""
    target = TARGETS["x86_64-apple-darwin"]
    assert target.darwin is not None
    old = replace(target, darwin=replace(target.darwin, minimum_os={"x86_64": "10.9"}))
    files = files_of(wheels, "macosx_10_13_x86_64", "psycopg2_binary")
    libraries = {path: content for path, content in files.items() if path.endswith(".dylib")}
    bench = make_bench(tmp_path, target.triple, libraries)
    bench.target = old
    assert set(findings(bench)) == {"macho-install-names", "macho-libraries"}
    newer = files | {"x.so": files["psycopg2/_psycopg.cpython-313-darwin.so"]}
    bench = make_bench(tmp_path / "newer", target.triple, newer)
    bench.target = old
    assert findings(bench)["macho-minimum-os"] == {
        f"{name}: needs macOS 10.13.0, the target's oldest is 10.9"
        for name in ("x.so", "psycopg2/_psycopg.cpython-313-darwin.so")
    }


def test_room_for_names_is_asked_of_our_own_archives_only(wheels: Path, tmp_path: Path) -> None:
    files = files_of(wheels, "macosx_11_0_universal2", "greenlet")
    files = {path: content for path, content in files.items() if path == _GREENLET[0]}
    ours = make_bench(tmp_path, "universal2-apple-darwin", files, "install/")
    assert {finding.removeprefix("install/") for finding in findings(ours)["macho-header-padding"]} == {
        f"{_GREENLET[0]} (x86_64): 64 bytes are free behind the load commands, expected 1024",
        f"{_GREENLET[0]} (arm64): 56 bytes are free behind the load commands, expected 1024",
    }


def test_programs_for_macos_are_none_for_windows(wheels: Path, tmp_path: Path) -> None:
    files = files_of(wheels, "macosx_11_0_arm64", "markupsafe")
    bench = make_bench(tmp_path, "x86_64-pc-windows-msvc", files)
    assert findings(bench) == {}
    assert bench.results()["pe-machine"].findings == ("there are no PE files",)
