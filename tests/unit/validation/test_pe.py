"""What is wrong with a program or DLL for Windows is seen by the check that is meant for it, and by no other."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pythonbuild.distribution.archive import pack
from tests.unit.distribution.elfmaker import make_shared
from tests.unit.distribution.pemaker import CODE, CONSOLE, FLAGS, make_pe, security_directory
from tests.unit.validation.native import OURS, Spoil, WindowsBench, assert_only

PYTHON, LIBPYTHON, MODULE = "python.exe", "python313.dll", "DLLs/_ssl.pyd"
#: Places in the made files: COFF header, optional header, the first section's header.
_COFF, _OPTIONAL, _SECTIONS = 0x44, 0x58, 0x58 + 240


@pytest.fixture
def bench(tmp_path: Path) -> WindowsBench:
    return WindowsBench(tmp_path)


def put(path: str, content: bytes | str) -> Spoil:
    return lambda bench: bench.write(path, content)


def program(**options: object) -> Spoil:
    return lambda bench: bench.write(PYTHON, bench.make_program(**options))


def libpython(**options: object) -> Spoil:
    return lambda bench: bench.write(LIBPYTHON, bench.make_libpython(**options))


def module(*arguments: object, **options: object) -> Spoil:
    return lambda bench: bench.write(MODULE, bench.make_module(*arguments, **options))


def patch(place: int, layout: str, *values: int) -> Spoil:
    """Write numbers into the header of a module."""

    def change(bench: WindowsBench) -> None:
        data = bytearray(bench.make_module())
        struct.pack_into(layout, data, place, *values)
        bench.write(MODULE, bytes(data))

    return change


def signed(change: Spoil) -> Spoil:
    """Change a signed file's bytes."""

    def spoil(bench: WindowsBench) -> None:
        data = bytearray(bench.make_module(signed=True))
        bench.write(MODULE, bytes(change(data) or data))  # type: ignore[call-overload]

    return spoil


def _certificate(data: bytearray) -> int:
    return int(struct.unpack_from("<I", data, security_directory())[0])


#: (what is spoilt, the check that must see it, words of its finding)
CASES: dict[str, tuple[Spoil, str, str]] = {
    "the interpreter is a script": (put(PYTHON, "#!/bin/sh\n"), "pe-readable", f"{PYTHON}: damaged PE file"),
    "a library of another system": (put(MODULE, make_shared()), "pe-readable", f"{MODULE}: damaged PE file"),
    "an empty file": (put(MODULE, b""), "pe-readable", f"{MODULE}: damaged PE file"),
    "a file that ends early": (lambda bench: bench.write(MODULE, bench.make_module()[:-1]), "pe-readable",
                               "inside of section .rdata"),
    "a file that ends in its headers": (lambda bench: bench.write(MODULE, bench.make_module()[:300]), "pe-readable",
                                        f"{MODULE}: damaged PE file"),
    "more sections than there are": (patch(_COFF + 2, "<H", 5), "pe-readable", f"{MODULE}: damaged PE file"),
    "no sections": (patch(_COFF + 2, "<H", 0), "pe-readable", "optional header 0x20b with 0 sections"),
    "an image of another size": (patch(_OPTIONAL + 56, "<I", 0x9000), "pe-readable", "an image of 0x9000 bytes"),
    "an odd alignment": (patch(_OPTIONAL + 32, "<I", 0x1001), "pe-readable", "sections aligned to 4097"),
    "a section at another address": (patch(_SECTIONS + 12, "<I", 0x3000), "pe-readable",
                                     "section .rdata at address 0x2000, expected 0x1000"),
    "a section that begins in the headers": (patch(_SECTIONS + 20, "<I", 0), "pe-readable", "section .text begins at"),
    "imports outside of the image": (patch(_OPTIONAL + 112 + 8, "<II", 0x2000, 0x99999), "pe-readable",
                                     "the import directory ends at address"),
    "imports that are none": (patch(_OPTIONAL + 112 + 8, "<I", 0x1000), "pe-readable", "import directory"),
    "no code where it begins": (patch(_OPTIONAL + 16, "<I", 0x2000), "pe-readable", "it begins to run at address 0x20"),
    "another processor": (put(PYTHON, make_pe({}, arch="aarch64", dll=False, subsystem=CONSOLE)), "pe-machine",
                          f"{PYTHON}: PE machine 0xaa64, expected 0x8664 (x86_64)"),
    "a DLL of the build machine": (module({"zlib1.dll": ["inflate"]}), "pe-imports", f"{MODULE}: needs zlib1.dll"),
    "a debugging C runtime": (module({"VCRUNTIME140D.dll": ["memcpy"]}), "pe-imports", "needs VCRUNTIME140D.dll"),
    "a function of OpenSSL": (libpython(exports=["Py_Main", "SSL_new"]), "pe-exports", f"{LIBPYTHON}: exports SSL_new"),
    "a module that exports more": (module(exports=["PyInit__ssl", "OPENSSL_Applink"]), "pe-exports",
                                   f"{MODULE}: exports OPENSSL_Applink"),
    "a program that exports": (program(exports=["Py_Main"]), "pe-exports", f"{PYTHON}: exports Py_Main"),
    "a path of the build": (module(pdb=r"D:\build\PCbuild\amd64\_ssl.pdb"), "pe-debug-paths",
                            rf"{MODULE}: names D:\build\PCbuild\amd64\_ssl.pdb, expected a name without directory"),
    "writable code": (module(code=CODE | 0x80000000), "pe-writable-code", f"{MODULE}: section .text is writable and"),
    "always at one address": (program(flags=FLAGS & ~0x40), "pe-protections", f"{PYTHON}: does not say DYNAMIC_BASE"),
    "data that can be run": (program(flags=FLAGS & ~0x100), "pe-protections", f"{PYTHON}: does not say NX_COMPAT"),
    "few addresses": (program(flags=FLAGS & ~0x20), "pe-protections", f"{PYTHON}: does not say HIGH_ENTROPY_VA"),
    "no relocations": (program(characteristics=1), "pe-protections", f"{PYTHON}: has no relocations"),
    "half of control flow guard": (program(flags=FLAGS | 0x4000), "pe-protections", "says GUARD_CF, and has no table"),
    "a newer Windows": (program(subsystem_version=(6, 1)), "pe-subsystem",
                        f"{PYTHON}: needs version 6.1 of Windows' subsystem, the target's newest is 6.0"),
    "a driver": (program(subsystem=1), "pe-subsystem", f"{PYTHON}: subsystem 1, expected 3 (console) or 2 (desktop)"),
    "a program called a DLL": (lambda bench: bench.write(MODULE, bench.make_module(dll=False)), "pe-subsystem",
                               f"{MODULE}: the header says that it is no DLL"),
    "a byte changed after it was signed": (signed(lambda data: data.__setitem__(0x410, 0)), "pe-certificates",
                                           f"{MODULE}: changed after it was signed"),
    "certificates that were cut off": (signed(lambda data: data[: _certificate(data)]), "pe-certificates",
                                       f"{MODULE}: the certificates are said to be at byte"),
    "half a certificate": (signed(lambda data: data[:-8]), "pe-certificates", "the certificates are said to be at"),
    "bytes behind the certificates": (signed(lambda data: data + b"\1" * 16), "pe-certificates",
                                      "16 bytes follow the certificates"),
    "certificates of another kind": (
        signed(lambda data: struct.pack_into("<H", data, _certificate(data) + 6, 1)), "pe-certificates",
        "is no PKCS #7 message"),
    "a certificate without end": (
        signed(lambda data: struct.pack_into("<I", data, _certificate(data), 0)), "pe-certificates", "has 0 bytes"),
    "another checksum": (libpython(checksum=0x1234), "pe-checksum", f"{LIBPYTHON}: checksum 0x1234, the file's is"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_wrong(bench: WindowsBench, name: str) -> None:
    spoil, identifier, words = CASES[name]
    spoil(bench)
    assert_only(bench.run(), identifier, words)


@pytest.mark.parametrize("target", ["x86_64-pc-windows-msvc", "i686-pc-windows-msvc", "aarch64-pc-windows-msvc"])
def test_right(tmp_path: Path, target: str) -> None:
    bench = WindowsBench(tmp_path, target)
    results = bench.results()
    for name, result in results.items():
        if name.startswith("pe-"):
            assert result.outcome == "passed", result.lines()
        elif name.startswith(("elf-", "hardening-", "macho-")):
            assert result.outcome == "not applicable", result.lines()
    assert results["macho-rpaths"].findings == ("the target's system is windows: no Mach-O files",)
    assert results["elf-rpath"].findings == ("the target's system is windows: no ELF files",)


def test_paths_of_another_builder_are_told_and_let_pass(bench: WindowsBench) -> None:
    bench.write(MODULE, bench.make_module(pdb=r"C:\x\_ssl.pdb"))
    (bench.top / OURS).unlink()
    result = bench.results()["pe-debug-paths"]
    assert (result.outcome, result.remarks) == (
        "passed", (rf"{MODULE}: names C:\x\_ssl.pdb, expected a name without directory",),
    )  # fmt: skip


def test_imports_are_found_in_any_case(bench: WindowsBench) -> None:
    bench.write(
        MODULE, bench.make_module({"PYTHON313.DLL": ["x"], "Kernel32.DLL": ["y"], "API-MS-WIN-CRT-X.dll": ["z"]})
    )
    assert bench.run().ok


def test_modules_may_export_what_they_are_for(bench: WindowsBench) -> None:
    bench.write("DLLs/_ctypes_test.pyd", bench.make_module(exports=["PyInit__ctypes_test", "my_strchr"]))
    bench.write("DLLs/libffi-8.dll", bench.make(exports=["ffi_call"]))
    bench.write(LIBPYTHON, bench.make_libpython(exports=["Py_Main", "PyAST_x", "_PyX", "DllCanUnloadNow"]))
    bench.write("python3.dll", bench.make(exports=["Py_Main"], name="python3.dll"))
    report = bench.run()
    assert report.ok, report.lines()


def test_a_program_with_something_behind_it_is_right(bench: WindowsBench) -> None:
    """Launchers have their script behind them."""
    bench.write("Scripts/pip.exe", bench.make_program() + b"#!python.exe\nPK\x05\x06")
    assert bench.run().ok


def test_an_archive(bench: WindowsBench, tmp_path: Path) -> None:
    assert bench.run(pack(bench.out, tmp_path / "x.tar.zst", 5, described=False).path).ok
    bench.write(PYTHON, bench.make_program(flags=0))
    archive = pack(bench.out, tmp_path / "y.tar.zst", 5, described=False).path
    assert_only(bench.run(archive), "pe-protections", PYTHON)


def test_one_byte_wrong_anywhere_gives_findings_only(tmp_path: Path) -> None:
    """Whatever is in a PE file, there is a finding or none, and no exception."""
    for target in ("x86_64-pc-windows-msvc", "i686-pc-windows-msvc"):
        bench = WindowsBench(tmp_path / target, target)
        good = bench.make_libpython(pdb="python313.pdb", signed=True)
        assert bench.run().ok
        for position in [*range(0, 0x1C0, 2), *range(0x600, len(good), 5)]:
            bench.write(LIBPYTHON, good[:position] + bytes([good[position] ^ 0xFF]) + good[position + 1 :])
            assert not bench.run().ok or position == len(good) - 1, position  # checksum and signature cover everything
        for size in range(0, len(good), 61):
            bench.write(LIBPYTHON, good[:size])
            assert not bench.run().ok
