"""Real files, damaged in many ways: the check that is meant for a damage finds it, and nothing ends in a traceback."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.integration.binaries.downloads import files_of
from tests.integration.binaries.patching import (
    LC_BUILD_VERSION,
    LC_HINT,
    LC_ID_DYLIB,
    LC_SIGNATURE,
    coff_header,
    command,
    directory,
    first_section,
    flip,
    load_commands,
    make_strong,
    number,
    oldest_system,
    optional_header,
    put_number,
    replace_text,
)
from tests.integration.binaries.test_real_files import make_bench
from tests.unit.validation.native import NativeBench

Damage = Callable[[bytes], bytes]

ARM, INTEL, WINDOWS = "aarch64-apple-darwin", "x86_64-apple-darwin", "x86_64-pc-windows-msvc"
#: Where each kind of file comes from: platform, package, the end of its path.
SAMPLES = {
    "module for arm64": ("macosx_11_0_arm64", "markupsafe", "_speedups.cpython-313-darwin.so", ARM),
    "library for arm64": ("macosx_11_0_arm64", "psycopg2_binary", "libkrb5support.1.1.dylib", ARM),
    "module for Intel": ("macosx_10_13_x86_64", "psycopg2_binary", "_psycopg.cpython-313-darwin.so", INTEL),
    "unsigned module": ("macosx_10_13_x86_64", "markupsafe", "_speedups.cpython-313-darwin.so", INTEL),
    "universal module": ("macosx_11_0_universal2", "greenlet", "greenlet/_greenlet.cpython-313-darwin.so",
                         "universal2-apple-darwin"),
    "module": ("win_amd64", "psycopg2_binary", "_psycopg.cp313-win_amd64.pyd", WINDOWS),
    "signed DLL": ("win_amd64", "msvc_runtime", "Scripts/vcruntime140_1.dll", WINDOWS),
    "launcher": ("any", "setuptools", "cli-64.exe", WINDOWS),
    "module of 32 bits": ("win32", "markupsafe", "_speedups.cp313-win32.pyd", "i686-pc-windows-msvc"),
    "launcher of 32 bits": ("any", "pip", "t32.exe", "i686-pc-windows-msvc"),
}  # fmt: skip
_NAME = {"macos": "x.so", "windows": "x"}


@cache
def read(wheels: Path, sample: str) -> tuple[bytes, str, str]:
    """Return a sample, the end of its name, and its target."""
    platform, package, end, target = SAMPLES[sample]
    (content,) = (content for path, content in files_of(wheels, platform, package).items() if path.endswith(end))
    return content, Path(end).suffix, target


def failed(bench: NativeBench, name: str, content: bytes) -> dict[str, tuple[str, ...]]:
    bench.write(name, content)
    return {result.id: result.findings for result in bench.run().failed}


def cut(part: float) -> Damage:
    return lambda data: data[: int(len(data) * part)]


def every_command_longer(data: bytes, by: int) -> Iterator[bytes]:
    for _, place in load_commands(data):
        yield put_number(data, place + 4, max(number(data, place + 4) + by, 0))


def add(place: Callable[[bytes], int], to: int, size: int = 4) -> Damage:
    """Write a number at a place."""
    return lambda data: put_number(data, place(data), to, size)


def clear(place: Callable[[bytes], int], flag: int) -> Damage:
    return lambda data: put_number(data, place(data), number(data, place(data), 2) & ~flag, 2)


def _flags(data: bytes) -> int:
    return optional_header(data) + 70


#: (sample, what is done, the check that must see it, words of its finding). What changes a signed file breaks its
#: signature, too.
MACHO: tuple[tuple[str, Damage, str, str], ...] = (
    ("module for arm64", cut(0.99), "macho-readable", "the file ends at byte"),
    ("library for arm64", cut(0.5), "macho-readable", "damaged Mach-O file"),
    ("module for arm64", cut(0.001), "macho-readable", "damaged Mach-O file"),
    ("module for arm64", cut(0), "macho-readable", "no Mach-O file"),
    ("universal module", cut(0.9), "macho-readable", "inside of a slice"),
    ("universal module", cut(0.2), "macho-readable", "damaged Mach-O file"),
    ("unsigned module", add(lambda _: 16, 99), "macho-readable", "damaged Mach-O file"),
    ("unsigned module", add(lambda _: 20, 8), "macho-readable", "damaged Mach-O file"),
    ("unsigned module", add(lambda _: 4, 0x0100000C), "macho-architecture", "is for arm64, expected x86_64"),
    ("module for arm64", add(lambda _: 8, 2), "macho-architecture", "is for arm64e, expected arm64"),
    ("unsigned module", add(lambda _: 24, 0), "macho-two-level", "has a flat namespace"),
    ("unsigned module", add(oldest_system, 0x1A0000),
     "macho-minimum-os", "needs macOS 26.0.0, the target's oldest is 10.15"),
    ("module for arm64", add(lambda data: command(data, LC_BUILD_VERSION) + 8, 6), "macho-minimum-os", "Mac Catalyst"),
    ("unsigned module", lambda data: replace_text(data, b"/usr/lib/libSystem.B", b"/opt/lib/libSystem.B"),
     "macho-libraries", "needs /opt/lib/libSystem.B.dylib, which is neither in system_libraries nor in the archive"),
    ("unsigned module", lambda data: replace_text(data, b"/usr/lib/libSystem", b"@rpath////libSystem"[:18]),
     "macho-libraries", "leads to no file of the archive"),
    ("unsigned module", lambda data: put_number(data, data.index(b"/usr/lib/libSystem.B") - 4, 0x20000),
     "macho-libraries", "needs /usr/lib/libSystem.B.dylib 2.0.0, the oldest system has 1.0.0"),
    ("library for arm64", lambda data: put_number(data, command(data, LC_ID_DYLIB) + 8, 0x7FFFFFFF),
     "macho-readable", "a load command whose text is outside of it"),
    ("module for arm64", add(lambda data: command(data, LC_SIGNATURE), LC_HINT), "macho-signature", "is not signed"),
    ("module for arm64", add(lambda data: number(data, command(data, LC_SIGNATURE) + 8), 0), "macho-signature",
     "the signature is damaged"),
    ("module for arm64", add(lambda data: command(data, LC_SIGNATURE) + 12, 0x7FFFFFFF), "macho-readable",
     "inside of LC_CODE_SIGNATURE"),
    ("module for Intel", lambda data: make_strong(data, "__darwin_check_fd_set_overflow"), "macho-newer-symbols",
     "needs __darwin_check_fd_set_overflow of macOS 11.0, the target's oldest is 10.15"),
)  # fmt: skip

PE: tuple[tuple[str, Damage, str, str], ...] = (
    ("module", cut(0.99), "pe-readable", "the file ends at byte"),
    ("signed DLL", cut(0.5), "pe-readable", "damaged PE file"),
    ("launcher", cut(0.01), "pe-readable", "damaged PE file"),
    ("launcher of 32 bits", cut(0), "pe-readable", "damaged PE file"),
    ("module", add(lambda _: 0, 0x4D4D, 2), "pe-readable", "damaged PE file"),
    ("module", add(lambda data: coff_header(data) - 4, 0), "pe-readable", "damaged PE file"),
    ("module", add(lambda data: coff_header(data) + 2, 99, 2), "pe-readable", "damaged PE file"),
    ("launcher", add(lambda data: optional_header(data), 0x10C, 2), "pe-readable", "damaged PE file"),
    ("launcher", add(lambda data: optional_header(data) + 56, 0x1000), "pe-readable", "an image of 0x1000 bytes"),
    ("module of 32 bits", add(lambda data: first_section(data) + 16, 0x7FFFFFF0), "pe-readable", "damaged PE file"),
    ("module", add(lambda data: first_section(data) + 12, 0x5000), "pe-readable", "damaged PE file"),
    ("module", add(lambda data: directory(data, 1), 0x7FFF0000), "pe-readable", "the import directory ends at address"),
    ("launcher", add(lambda data: directory(data, 1), 0x1000), "pe-readable", "damaged PE file"),
    ("launcher", add(lambda data: optional_header(data) + 16, 0x7FFF0000), "pe-readable", "it begins to run at"),
    ("module", add(lambda data: coff_header(data), 0xAA64, 2), "pe-machine", "PE machine 0xaa64, expected 0x8664"),
    ("module", lambda data: replace_text(data, b"KERNEL32.dll", b"KERNEL33.dll"), "pe-imports", "needs KERNEL33.dll"),
    ("launcher", clear(_flags, 0x40), "pe-protections", "does not say DYNAMIC_BASE"),
    ("launcher", clear(_flags, 0x100), "pe-protections", "does not say NX_COMPAT"),
    ("module", clear(_flags, 0x20), "pe-protections", "does not say HIGH_ENTROPY_VA"),
    ("module of 32 bits", add(lambda data: coff_header(data) + 18, 0x2103, 2), "pe-protections", "has no relocations"),
    ("launcher", add(lambda data: first_section(data) + 36, 0xE0000020), "pe-writable-code", "section .text is writab"),
    ("launcher", add(lambda data: optional_header(data) + 48, 10, 2), "pe-subsystem", "needs version 10.0 of Windows'"),
    ("launcher", add(lambda data: optional_header(data) + 68, 1, 2), "pe-subsystem", "subsystem 1, expected 3"),
    ("module", add(lambda data: coff_header(data) + 18, 0x22, 2), "pe-subsystem", "the header says that it is no DLL"),
    ("launcher of 32 bits", add(lambda data: optional_header(data) + 64, 77), "pe-checksum", "checksum 0x4d, the file"),
    ("signed DLL", lambda data: data[: number(data, directory(data, 4))], "pe-certificates", "are said to be at byte"),
    ("signed DLL", lambda data: put_number(data, number(data, directory(data, 4)) + 4, 0x100, 2), "pe-certificates",
     "is no PKCS #7 message"),
    ("signed DLL", lambda data: data + b"more", "pe-certificates", "4 bytes follow the certificates"),
    ("module", lambda data: replace_text(data, b"PyInit__psycopg", b"SSL_Init_psycop"), "pe-exports",
     "exports SSL_Init_psycop"),
)  # fmt: skip


@pytest.mark.parametrize(("sample", "damage", "identifier", "words"), [*MACHO, *PE])
def test_damage(
    wheels: Path, tmp_path: Path, sample: str, damage: Damage, identifier: str, words: str
) -> None:  # fmt: skip
    good, suffix, target = read(wheels, sample)
    bench = make_bench(tmp_path, target, {})
    place = "lib/x" if "darwin" in target else "install/x"
    before = failed(bench, place + suffix, good)
    bad = damage(good)
    assert bad != good
    after = failed(bench, place + suffix, bad)
    new = {name: set(found) - set(before.get(name, ())) for name, found in after.items()}
    assert any(words in finding for finding in new.get(identifier, ())), after
    # The checksum and the signatures are of the whole file.
    assert {name for name, found in new.items() if found} <= {
        identifier, "macho-signature", "pe-certificates", "pe-checksum",
    }  # fmt: skip


@pytest.mark.parametrize("sample", ["module for arm64", "library for arm64", "module for Intel", "unsigned module"])
def test_every_load_command_of_another_size(wheels: Path, tmp_path: Path, sample: str) -> None:
    good, suffix, target = read(wheels, sample)
    bench = make_bench(tmp_path, target, {})
    for by in (8, -8, 0x7FFFFFFF - 4096, -(1 << 31)):
        for bad in every_command_longer(good, by):
            assert "macho-readable" in failed(bench, f"lib/x{suffix}", bad)


@pytest.mark.parametrize("sample", ["module for arm64", "library for arm64"])
def test_a_byte_of_every_signed_page(wheels: Path, tmp_path: Path, sample: str) -> None:
    good, suffix, target = read(wheels, sample)
    bench = make_bench(tmp_path, target, {})
    end = number(good, command(good, LC_SIGNATURE) + 8)
    size = 1 << good[good.index(b"\xfa\xde\x0c\x02", end) + 39]  # as the code directory says it
    assert size in (4096, 16384)
    # The header's own page is looked at in test_damage; what lies there decides what else is found.
    for page in range(16384, end, size):
        place = min(page + 4000, end - 1)
        found = failed(bench, f"lib/x{suffix}", flip(good, place))
        assert any(f"the page at byte {page} is another" in line for line in found["macho-signature"]), (page, found)


def test_a_byte_of_every_part_of_a_signed_dll(wheels: Path, tmp_path: Path) -> None:
    good, suffix, target = read(wheels, "signed DLL")
    bench = make_bench(tmp_path, target, {})
    assert failed(bench, f"install/x{suffix}", good) == {}
    end = number(good, directory(good, 4))
    for place in range(number(good, first_section(good) + 20), end, 997):
        found = failed(bench, f"install/x{suffix}", flip(good, place))
        assert "pe-readable" in found or {"pe-certificates", "pe-checksum"} <= set(found), (place, found)


@pytest.mark.parametrize("sample", SAMPLES)
def test_single_bytes_anywhere_give_findings_only(wheels: Path, tmp_path: Path, sample: str) -> None:
    """Headers and tables byte by byte, the rest here and there; a traceback would end the test."""
    good, suffix, target = read(wheels, sample)
    bench = make_bench(tmp_path, target, {})
    place = "lib/x" if "darwin" in target else "install/x"
    chance = random.Random(7)  # the same bytes every time
    places = [*chance.sample(range(min(1500, len(good))), 150), *chance.sample(range(len(good)), 50)]
    for position in places:
        for finding in failed(bench, place + suffix, flip(good, position)).values():
            assert all("\n" not in line and " at 0x7" not in line and line.startswith(place) for line in finding)
    for size in chance.sample(range(len(good)), 20):
        assert failed(bench, place + suffix, good[:size]), size
