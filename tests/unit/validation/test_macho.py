"""What is wrong with a program or library for macOS is seen by the check that is meant for it, and by no other."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pythonbuild.config.model import Target
from pythonbuild.config.project import Project
from pythonbuild.distribution.archive import pack
from pythonbuild.distribution.later_json import to_later
from pythonbuild.distribution.python_json import read_python_json
from pythonbuild.distribution.symbols import object_symbols
from pythonbuild.validation.metadata import _is_of_system
from pythonbuild.validation.validate import validate
from tests.unit.distribution.bitcodemaker import make_bitcode
from tests.unit.distribution.elfmaker import make_library, make_object
from tests.unit.distribution.machomaker import (
    ANYWHERE,
    BUNDLE,
    OBJECT,
    PROGRAM,
    SYSTEM,
    make_macho,
    make_macho_object,
    make_universal,
)
from tests.unit.distribution.pemaker import make_pe
from tests.unit.distribution.trees import API, write
from tests.unit.validation.native import (
    LIBPYTHON,
    MODULE,
    OURS,
    PYTHON,
    TARGETS,
    MacBench,
    NativeBench,
    Spoil,
    assert_only,
    make_interpreter,
    make_libpython,
    make_module,
)
from tests.unit.validation.rooms import make_rooms


@pytest.fixture
def bench(tmp_path: Path) -> MacBench:
    return MacBench(tmp_path)


def put(path: str, content: bytes | str) -> Spoil:
    return lambda bench: bench.write(path, content)


def edit(change: Callable[[dict[str, Any]], object]) -> Spoil:
    """Change PYTHON.json."""

    def spoil(bench: NativeBench) -> None:
        plain = json.loads((bench.top / "PYTHON.json").read_text(encoding="utf-8"))
        change(plain)
        bench.write("PYTHON.json", json.dumps(plain))

    return spoil


def both(first: Spoil, second: Spoil) -> Spoil:
    def spoil(bench: NativeBench) -> None:
        first(bench)
        second(bench)

    return spoil


def library(name: str, version: str = "1.0.0") -> bytes:
    """Return a module that needs another library, too."""
    return make_module(libraries=[(SYSTEM, "1.0.0"), ("@rpath/libpython3.13.dylib", "1.0.0"), (name, version)])


def change(data: bytes, place: int, to: bytes) -> bytes:
    return data[:place] + to + data[place + len(to) :]


GOOD = make_interpreter()
#: Where the load command for the code signature has its size, and where the first one has its own.
_SIGNATURE = GOOD.index(struct.pack("<II", 0x1D, 16))
_FIRST_SIZE = 32 + 4
_END = struct.unpack_from("<I", GOOD, _SIGNATURE + 8)[0]
NCURSES = "/usr/lib/libncurses.5.4.dylib"

FOREIGN_BITCODE = make_bitcode(["x"], triple="x86_64-apple-macosx10.15.0")

#: (what is spoilt, the check that must see it, words of its finding)
CASES: dict[str, tuple[Spoil, str, str]] = {
    "the interpreter is a script": (put(PYTHON, "#!/bin/sh\n"), "macho-readable", f"{PYTHON}: no Mach-O file"),
    "a library of another system": (put(MODULE, make_pe()), "macho-readable", f"{MODULE}: no Mach-O file"),
    "a file that ends early": (put(MODULE, make_module()[:-8]), "macho-readable", f"{MODULE}: damaged Mach-O file"),
    "a file that ends in its load commands": (put(PYTHON, GOOD[:200]), "macho-readable", f"{PYTHON}: damaged"),
    "a load command of another size": (put(PYTHON, change(GOOD, _FIRST_SIZE, b"\x08")), "macho-readable",
                                       f"{PYTHON}: damaged Mach-O file"),
    "more load commands than there are": (put(PYTHON, change(GOOD, 16, b"\xff\xff")), "macho-readable",
                                          f"{PYTHON}: damaged"),
    "a signature outside of the file": (put(PYTHON, change(GOOD, _SIGNATURE + 10, b"\xff")), "macho-readable",
                                        "inside of LC_CODE_SIGNATURE"),
    "another processor": (put(PYTHON, make_interpreter(arch="x86_64")), "macho-architecture",
                          f"{PYTHON}: is for x86_64, expected arm64"),
    "Apple's own ABI": (put(MODULE, make_module(arch="arm64e")), "macho-architecture", f"{MODULE}: is for arm64e"),
    "a slice too many": (
        put(MODULE, make_universal({"x86_64": make_module(arch="x86_64"), "arm64": make_module()})),
        "macho-architecture", f"{MODULE}: is for x86_64, expected arm64"),
    "an object for another processor": (
        put("build/Modules/_ssl.o", make_macho_object(["PyInit__ssl"], ["SSL_new"], arch="x86_64")),
        "macho-objects", "build/Modules/_ssl.o: is for x86_64, expected arm64"),
    "an object for another system": (
        put("build/lib/libunused.a", make_library({"x.o": make_object(["x"])})),
        "macho-objects", "build/lib/libunused.a(x.o): no Mach-O file"),
    "a program among the objects": (put("build/Modules/more.o", GOOD), "macho-objects", "more.o: no relocatable obj"),
    "bitcode nobody asked for": (put("build/Modules/more.o", b"\xde\xc0\x17\x0b" + b"\0" * 40), "macho-objects",
                                 "more.o: LLVM bitcode in a build without link-time"),
    "bitcode for another processor": (
        both(edit(lambda plain: plain.update(build_options="lto")), put("build/Modules/more.o", FOREIGN_BITCODE)),
        "macho-objects", "more.o: is for x86_64, expected arm64"),
    "damaged bitcode": (
        both(edit(lambda plain: plain.update(build_options="lto")), put("build/Modules/more.o", FOREIGN_BITCODE[:90])),
        "macho-objects", "more.o: damaged LLVM bitcode"),
    "objects that are not what is said": (
        edit(lambda plain: plain["build_info"].update(object_file_format="elf")), "macho-objects",
        "build_info.object_file_format: is elf, the core's objects are mach-o"),
    "a newer macOS": (put(PYTHON, make_interpreter(minimum_os="11.0.1")), "macho-minimum-os",
                      f"{PYTHON}: needs macOS 11.0.1, the target's oldest is 11.0"),
    "a newer macOS, said in the old way": (put(PYTHON, make_interpreter(minimum_os="12.3", old_version=True)),
                                           "macho-minimum-os", "needs macOS 12.3.0"),
    "no macOS": (put(PYTHON, make_interpreter(minimum_os="")), "macho-minimum-os", "is for no system that it says"),
    "another system of Apple's": (put(PYTHON, make_interpreter(platform=2)), "macho-minimum-os", "is for iOS"),
    "a library of Homebrew": (put(MODULE, library("/opt/homebrew/lib/libssl.3.dylib")), "macho-libraries",
                              "needs /opt/homebrew/lib/libssl.3.dylib, which is neither in system_libraries nor"),
    "a library of the system that is linked statically": (
        put(PYTHON, make_interpreter(weak_libraries=["/usr/lib/libz.1.dylib"])), "macho-libraries",
        f"{PYTHON}: needs /usr/lib/libz.1.dylib, which is neither"),
    "a newer library than the oldest system has": (
        put(PYTHON, make_interpreter(libraries=[(SYSTEM, "1.0.0"), (NCURSES, "6.0.0")])), "macho-libraries",
        f"{PYTHON}: needs {NCURSES} 6.0.0, the oldest system has 5.4.0"),
    "a shipped library that is not there": (put(MODULE, library("@loader_path/../libz.dylib")), "macho-libraries",
                                            "needs @loader_path/../libz.dylib, which leads to no file of the archive"),
    "a shipped library that no rpath leads to": (put(PYTHON, make_interpreter(rpaths=["@loader_path"])),
                                                 "macho-libraries", f"{MODULE}: needs @rpath/libpython3.13.dylib"),
    "a library outside of the tree": (put(MODULE, library("@loader_path/" + "../" * 9 + "etc/passwd")),
                                      "macho-libraries", "which leads to no file of the archive"),
    "a flat namespace": (put(LIBPYTHON, make_libpython(flags=0)), "macho-two-level", f"{LIBPYTHON}: has a flat name"),
    "an rpath of the build": (put(PYTHON, make_interpreter(rpaths=["@executable_path/../lib", "/build/lib"])),
                              "macho-rpaths", f"{PYTHON}: searches /build/lib, expected @loader_path/"),
    "an install name of the build": (put(LIBPYTHON, make_libpython(install_name="/install/lib/libpython3.13.dylib")),
                                     "macho-install-names", "is called /install/lib/libpython3.13.dylib, expected @r"),
    "no install name": (put(LIBPYTHON, make_libpython(install_name="")), "macho-install-names", "is called nothing"),
    "a function of OpenSSL in the trie": (put(PYTHON, make_interpreter(exports=[*API, "SSL_new"])), "macho-exports",
                                          f"{PYTHON}: exports SSL_new of build/lib/libssl.a"),
    "a function of OpenSSL in the table": (put(LIBPYTHON, make_libpython(exported_table=["BN_new"])), "macho-exports",
                                           f"{LIBPYTHON}: exports BN_new of build/lib/libcrypto.a"),
    "a function of the C API that is not exported": (put(LIBPYTHON, make_libpython(exports=API[:-1])),
                                                     "macho-libpython", f"{LIBPYTHON}: does not export {API[-1]}"),
    "a function too many": (put(PYTHON, make_interpreter(exports=[*API, "PyForgotten"])), "macho-libpython",
                            f"{PYTHON}: exports PyForgotten, which no object defines"),
    "no room for names": (put(MODULE, make_module(padding=64)), "macho-header-padding",
                          f"{MODULE}: 64 bytes are free behind the load commands, expected 1024"),
    "no signature": (put(MODULE, make_module(signed=False)), "macho-signature", f"{MODULE}: is not signed"),
    "a byte changed after it was signed": (put(PYTHON, change(GOOD, 2100, b"\x90")), "macho-signature",
                                           f"{PYTHON}: changed after it was signed: the sha256 of the page at byte 0"),
    "the last byte of the code changed": (put(PYTHON, change(GOOD, _END - 1, b"\x90")), "macho-signature",
                                          f"{PYTHON}: changed after it was signed"),
    "nobody's signature": (put(PYTHON, make_interpreter(signature_flags=0)), "macho-signature",
                           "the signature is neither ad-hoc nor anybody's"),
    "half a signature": (put(PYTHON, GOOD[: _END + 24] + b"\0" * (len(GOOD) - _END - 24)), "macho-signature",
                         f"{PYTHON}: the signature is damaged"),
    "a signature of zeros": (put(PYTHON, GOOD[:_END] + b"\0" * (len(GOOD) - _END)), "macho-signature", "is damaged"),
    "a function of a newer macOS": (put(PYTHON, make_interpreter(imports={"mkfifoat": 1})), "macho-newer-symbols",
                                    f"{PYTHON}: needs mkfifoat of macOS 13.0, the target's oldest is 11.0"),
    "one that is looked for anywhere": (put(PYTHON, make_interpreter(imports={"strchrnul": ANYWHERE})),
                                        "macho-newer-symbols", "needs strchrnul of macOS 15.4"),
    "a variant of one": (put(PYTHON, make_interpreter(imports={"mknodat$UNIX2003": 1})), "macho-newer-symbols",
                         "needs mknodat$UNIX2003 of macOS 13.0"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_wrong(bench: MacBench, name: str) -> None:
    spoil, identifier, words = CASES[name]
    spoil(bench)
    assert_only(bench.run(), identifier, words)


def test_right(bench: MacBench) -> None:
    results = bench.results()
    assert {
        name for name, result in results.items() if name.startswith("macho-") and result.outcome != "passed"
    } == set()
    for name, result in results.items():
        if name.startswith(("elf-", "hardening-")) and name not in ("elf-glibc-floor", "hardening-fortify"):
            assert result.findings == ("the target's system is macos: no ELF files",), name
    assert results["elf-glibc-floor"].findings == ("the target's C library is libSystem",)
    assert results["pe-imports"].findings == ("the target's system is macos: no PE files",)


def test_bitcode_of_a_build_with_lto(bench: MacBench) -> None:
    """Its names are known as those of machine code are: what a dependency defines, and CPython does not."""
    for path in sorted((bench.top / "build").rglob("*.o")):
        symbols = object_symbols(path)
        names = (sorted(part) for part in (symbols.defined, symbols.undefined, symbols.weak_undefined))
        bench.write(path.relative_to(bench.top).as_posix(), make_bitcode(*names))
    edit(lambda plain: plain.update(build_options="lto"))(bench)
    edit(lambda plain: plain["build_info"].update(object_file_format="llvm-bitcode:22.1.8"))(bench)
    report = bench.run()
    assert report.ok, report.lines()
    bench.write(PYTHON, make_interpreter(exports=[*API, "SSL_new"]))
    assert_only(bench.run(), "macho-exports", f"{PYTHON}: exports SSL_new of build/lib/libssl.a")


@pytest.mark.parametrize(
    "content",
    [
        make_interpreter(weak=["mkfifoat", "preadv"]),  # null on an older system
        make_interpreter(imports={"preadv": 1, "openat$NOCANCEL": 1}),  # as old as the target
        make_interpreter(libraries=[(SYSTEM, "1.0.0"), ("@rpath/libpython3.13.dylib", "1.0")], imports={"mknodat": 2}),
        make_interpreter(rpaths=["@executable_path/../lib", "@loader_path"]),
        make_interpreter(private=["SSL_new"]),  # hidden
        make_interpreter(minimum_os="10.9", old_version=True),
        make_interpreter(libraries=[(SYSTEM, "1.0.0"), ("@executable_path/../lib/libpython3.13.dylib", "1.0.0")]),
        make_interpreter(libraries=[(SYSTEM, "1.0.0"), ("@loader_path/../lib/libpython3.13.dylib", "1.0.0")]),
        make_interpreter(libraries=[(SYSTEM, "1.0.0"), (NCURSES, "5.4.0"),
                                    ("/System/Library/Frameworks/CoreFoundation.framework/Versions/A/CoreFoundation",
                                     "150.0.0")]),
    ],
)  # fmt: skip
def test_as_right(bench: MacBench, content: bytes) -> None:
    bench.write(PYTHON, content)
    report = bench.run()
    assert report.ok, report.lines()


def test_what_is_no_program_is_left_in_peace(bench: MacBench) -> None:
    bench.write("install/lib/python3.13/X.class", b"\xca\xfe\xba\xbe\0\0\0\x34" + b"\0" * 40)  # Java's
    bench.write("install/lib/python3.13/config-3.13-darwin/python.o", make_macho_object(["main"]))
    bench.write("install/lib/python3.13/plain", make_macho(OBJECT, arch="x86_64", libraries=(), signed=False))
    report = bench.run()
    assert report.ok, report.lines()


def make_foreign(directory: Path, target: Target, program: bytes) -> NativeBench:
    """Make an installation of another builder."""
    bench = NativeBench(directory, target)
    write(bench.top / "bin/python3.13", program)
    return bench


def test_another_builder_s_has_as_much_room_as_it_likes(tmp_path: Path) -> None:
    bench = make_foreign(tmp_path, TARGETS["aarch64-apple-darwin"], make_interpreter(padding=0))
    results = bench.results()
    assert bench.run().ok, bench.run().lines()
    assert results["macho-header-padding"].outcome == "not applicable"
    assert results["macho-exports"].outcome == "not applicable"
    write(bench.top / OURS, "PSF licence\n")
    assert [result.id for result in bench.run().failed] == ["macho-header-padding"]


def test_an_intel_program_need_not_be_signed_but_rightly(tmp_path: Path) -> None:
    options = {"arch": "x86_64", "minimum_os": "10.15"}
    bench = make_foreign(tmp_path, TARGETS["x86_64-apple-darwin"], make_interpreter(signed=False, **options))
    assert bench.run().ok
    good = make_interpreter(**options)
    bench.write("bin/python3.13", good)
    assert bench.run().ok
    bench.write("bin/python3.13", change(good, 2100, b"\x90"))
    assert_only(bench.run(), "macho-signature", "bin/python3.13: changed after it was signed")


def test_each_slice_of_a_universal_file_is_held_to_its_own_rules(tmp_path: Path) -> None:
    intel, arm = make_interpreter(arch="x86_64", minimum_os="10.15", signed=False), make_interpreter()
    bench = make_foreign(tmp_path, TARGETS["universal2-apple-darwin"], make_universal({"x86_64": intel, "arm64": arm}))
    assert bench.run().ok, bench.run().lines()
    bench.write("bin/python3.13", arm)
    assert_only(bench.run(), "macho-architecture", "bin/python3.13: is not for x86_64")
    newer = make_interpreter(arch="x86_64", minimum_os="11.0", signed=False)
    bench.write("bin/python3.13", make_universal({"x86_64": newer, "arm64": arm}))
    assert_only(bench.run(), "macho-minimum-os", "bin/python3.13 (x86_64): needs macOS 11.0.0, the target's oldest is")
    symbol = make_interpreter(arch="x86_64", minimum_os="10.15", signed=False, imports={"preadv": 1})
    bench.write("bin/python3.13", make_universal({"x86_64": symbol, "arm64": make_interpreter(imports={"preadv": 1})}))
    assert_only(bench.run(), "macho-newer-symbols", "bin/python3.13 (x86_64): needs preadv of macOS 11.0")
    bench.write("bin/python3.13", make_universal({"x86_64": intel, "arm64": arm})[:-1])
    assert_only(bench.run(), "macho-readable", "inside of a slice")
    wrong = bytearray(make_universal({"x86_64": intel, "arm64": arm}))
    wrong[8:16], wrong[28:36] = wrong[28:36], wrong[8:16]
    bench.write("bin/python3.13", bytes(wrong))
    assert_only(bench.run(), "macho-readable", "a slice for x86_64 listed as for arm64")


def test_no_programs_at_all(tmp_path: Path) -> None:
    bench = make_foreign(tmp_path, TARGETS["aarch64-apple-darwin"], make_object())
    assert_only(bench.run(), "macho-readable", "bin/python3.13: no Mach-O file")
    (bench.top / "bin/python3.13").rename(bench.top / "bin/idle")
    assert bench.results()["macho-readable"].findings == ("there are no Mach-O files",)
    assert bench.run().ok


def test_an_archive(bench: MacBench, tmp_path: Path) -> None:
    archive = pack(bench.out, tmp_path / "x.tar.zst", 5).path
    assert bench.run(archive).ok
    bench.write(MODULE, make_module(signed=False))
    assert_only(bench.run(pack(bench.out, tmp_path / "y.tar.zst", 5).path), "macho-signature", MODULE)


def test_another_builder_s_archive_for_another_target(tmp_path: Path) -> None:
    bench = make_foreign(tmp_path, TARGETS["x86_64-apple-darwin"], make_interpreter())
    plain = {"version": "5", "target_triple": "aarch64-apple-darwin", "python_version": "3.13.5",
             "python_exe": "bin/python3.13", "build_info": {"core": {}, "extensions": {}}}  # fmt: skip
    bench.write("PYTHON.json", json.dumps(plain))
    for name, result in bench.results().items():
        if name.startswith("macho-"):
            assert result.findings == ("the archive is for aarch64-apple-darwin, not for x86_64-apple-darwin",), name


def test_weak_names_count_for_the_oldest_system_only(tmp_path: Path) -> None:
    target = TARGETS["aarch64-apple-darwin"]
    assert target.darwin is not None
    newer = replace(target, darwin=replace(target.darwin, minimum_os={"arm64": "13.0"}))
    bench = make_foreign(tmp_path, newer, make_interpreter(imports={"mkfifoat": 1, "strchrnul": 1}))
    assert_only(bench.run(), "macho-newer-symbols", "strchrnul of macOS 15.4, the target's oldest is 13.0")


@pytest.mark.parametrize("content", [make_interpreter(), make_module(weak=["x"], rpaths=["@loader_path"]),
                                     make_macho(BUNDLE, old_version=True, exports=API)])  # fmt: skip
def test_one_byte_wrong_anywhere_gives_findings_only(tmp_path: Path, content: bytes) -> None:
    """Whatever is in a Mach-O file, there is a finding and no exception."""
    bench = make_foreign(tmp_path, TARGETS["aarch64-apple-darwin"], content)
    assert bench.run().ok or content != make_interpreter()
    for position in [*range(0, 1100, 3), *range(1100, len(content), 101)]:
        bench.write("bin/python3.13", change(content, position, bytes([content[position] ^ 0xFF])))
        report = bench.run()
        assert not report.ok, position  # the signature covers everything
    universal = make_universal({"arm64": content, "x86_64": make_macho(PROGRAM, arch="x86_64")})
    for position in range(48):
        bench.write("bin/python3.13", change(universal, position, bytes([universal[position] ^ 0xFF])))
        bench.run()
    for size in range(0, len(content), 53):
        bench.write("bin/python3.13", content[:size])
        bench.run()


def test_links_with_the_systems_libraries_are_known() -> None:
    """They are known by their paths, and libSystem by what link lines call it."""
    target = Project(Path(__file__).parents[3]).known_targets["aarch64-apple-darwin"]
    subject = SimpleNamespace(target=target)
    names = ("m", "dl", "pthread", "ncurses", "panel", "crypto", "ncurse", "z")
    known = [name for name in names if _is_of_system(subject, name, target.system_libraries)]  # type: ignore[arg-type]
    assert known == ["m", "dl", "pthread", "ncurses", "panel"]


@pytest.mark.parametrize(("change", "finding"), [
    ({}, ""),
    ({"crt_features": ["glibc-dynamic"]}, "crt_features: glibc-dynamic, the files ask for libSystem"),
    ({"python_tag": "cp312"}, 'python_tag: "cp312", the interpreter says "cp313"'),
])  # fmt: skip
def test_what_is_said_of_the_interpreter(bench: MacBench, change: dict[str, Any], finding: str) -> None:
    edit(lambda plain: plain["interpreter"].update({"crt_features": ["libSystem"], **change}))(bench)
    directory = bench.out / "rooms"
    directory.mkdir()
    report = validate(bench.out, bench.target, rooms=make_rooms(directory))
    (result,) = [result for result in report.results if result.id == "metadata-interpreter"]
    assert (result.outcome, result.findings) == (("failed", (finding,)) if finding else ("passed", ()))


@pytest.mark.parametrize("missing", ["", "apple_sdk_version"])
def test_later_formats_tell_of_the_sdk(bench: MacBench, missing: str) -> None:
    text = (bench.top / "PYTHON.json").read_text(encoding="utf-8")
    toolchain = {"sdk": {"name": "macosx15.2", "version": "15.2"}, "deployment_target": "11.0"}
    plain = to_later(replace(read_python_json(text), os="macos", arch="aarch64", toolchain=toolchain), "8").to_plain()
    bench.write("PYTHON.json", json.dumps({key: value for key, value in plain.items() if key != missing}))
    report = validate(bench.out, bench.target)
    (result,) = [result for result in report.results if result.id == "metadata-target"]
    assert result.findings == ((f"{missing}: not told",) if missing else ())
