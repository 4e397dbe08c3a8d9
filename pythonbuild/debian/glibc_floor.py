#!/usr/bin/env python3
"""Turns an unpacked sysroot into one of a lower glibc: link-time stubs and headers of the floor.

A program linked against a new glibc does not start on an old one, because the linker binds every function to its
newest version. Here the linker never sees the newer ones: each shared library of the sysroot's glibc is replaced by a
stub with the same name that has the symbol versions up to the floor only. configure's link tests then answer what they
would answer on such a system (``getrandom``: no), and no cache variable has to be invented.

The stubs are made from the real libraries, which tell everything a linker can know: names, versions, which version is
the default, kinds, sizes, and addresses, hence which names are one object (``environ``, ``__environ``), which copy
relocations need to stay together. Three rules make a stub of what is read:

- Of each name the versions up to the floor are kept; without one the name is gone.
- The default version is the real default, or the newest kept one where the real default is above the floor.
- A name without a default in the real library (old programs' symbols) stays without one.

This file is also a program of the recipe "sysroot", run by the root filesystem's Python: standard library only.
"""

from __future__ import annotations

import argparse
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

Version = tuple[int, ...]

#: The libraries of glibc that programs may link. What else there is (name service modules, libnsl, libcrypt, profiling
#: helpers, libmvec, which is younger than most floors) is left out, and so cannot be linked by accident.
STUB_STEMS = ("libc", "libm", "libpthread", "libdl", "librt", "libutil", "libresolv", "libanl", "ld-linux*")

#: What static code the linker may take in. libc_nonshared.a has the functions that every glibc keeps out of its shared
#: library (stat and friends, atexit); libgcc.a and libgcc_eh.a are the compiler's helpers, under GCC's runtime
#: exception; libstdc++.a lets C++ helper programs link. No libc.a and its like: their members need newer symbols.
C_OBJECTS = ("crt1.o", "Scrt1.o", "crti.o", "crtn.o", "libc_nonshared.a")
GCC_OBJECTS = ("crtbegin.o", "crtbeginS.o", "crtend.o", "crtendS.o", "libgcc.a", "libgcc_eh.a", "libstdc++.a")

#: Headers by the glibc that brought them; an older system does not have them at all.
NEWER_HEADERS = {
    "sys/random.h": (2, 25),
    "threads.h": (2, 28),
    "sys/single_threaded.h": (2, 32),
    "sys/platform/x86.h": (2, 33),
    "sys/rseq.h": (2, 35),
    "stdbit.h": (2, 39),
}

_SHT_DYNAMIC, _SHT_DYNSYM, _SHT_VERDEF, _SHT_VERSYM = 6, 11, 0x6FFFFFFD, 0x6FFFFFFF
_DT_SONAME = 14
_STT = {1: "object", 2: "function", 6: "tls_object", 10: "function"}  # 10: a function chosen at run time
_HIDDEN = 0x8000
_WEAK = 2


class FloorError(Exception):
    """The sysroot is not what this module understands; the message names file, found and expected."""


@dataclass(frozen=True)
class Symbol:
    """A versioned symbol that a library defines; ``place`` is its section and address (equal for aliases)."""

    name: str
    version: str
    default: bool
    kind: str
    weak: bool
    place: tuple[int, int]
    size: int


@dataclass(frozen=True)
class Library:
    """What a shared library offers to the linker."""

    soname: str
    symbols: tuple[Symbol, ...]


def parse_version(text: str) -> Version:
    """Return ``2.17`` as (2, 17)."""
    return tuple(int(part) for part in text.split("."))


def version_number(name: str) -> Version | None:
    """Return the number of a version name such as GLIBC_2.2.5; None for others (GLIBC_PRIVATE)."""
    match = re.fullmatch(r"GLIBC_(\d+(?:\.\d+)+)", name)
    return parse_version(match[1]) if match else None


# ---------------------------------------------------------------------------------------------------------------------
# Reading a real library


@dataclass(frozen=True)
class _Section:
    kind: int
    address: int
    offset: int
    size: int
    link: int
    count: int


def read_library(path: Path) -> Library:
    """Read the dynamic symbols of a 64-bit little-endian ELF shared library."""
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        raise FloorError(f"{path}: found {data[:6]!r}, expected a 64-bit little-endian ELF file")
    offset = struct.unpack_from("<Q", data, 40)[0]
    count = struct.unpack_from("<H", data, 60)[0]
    rows = [struct.unpack_from("<IIQQQQIIQQ", data, offset + 64 * index) for index in range(count)]
    sections = [_Section(row[1], row[3], row[4], row[5], row[6], row[7]) for row in rows]
    by_kind = {section.kind: section for section in sections}
    try:
        dynsym, versym = by_kind[_SHT_DYNSYM], by_kind[_SHT_VERSYM]
        verdef, dynamic = by_kind[_SHT_VERDEF], by_kind[_SHT_DYNAMIC]
    except KeyError as error:
        raise FloorError(f"{path}: no section of type {error}, expected a library with symbol versions") from error
    strings = sections[dynsym.link].offset
    versions = _read_versions(data, verdef, strings)
    symbols = []
    for index in range(1, dynsym.size // 24):
        fields = struct.unpack_from("<IBBHQQ", data, dynsym.offset + 24 * index)
        number = struct.unpack_from("<H", data, versym.offset + 2 * index)[0]
        version = versions.get(number & ~_HIDDEN)
        name = _text(data, strings + fields[0])
        if fields[3] == 0 or version is None or name == version:
            continue  # undefined, unversioned, or the version's own name
        if fields[1] & 15 not in _STT:
            raise FloorError(f"{path}: symbol {name} has type {fields[1] & 15}, expected one of {sorted(_STT)}")
        symbols.append(
            Symbol(
                name=name,
                version=version,
                default=not number & _HIDDEN,
                kind=_STT[fields[1] & 15],
                weak=fields[1] >> 4 == _WEAK,
                place=(fields[3], fields[4]),
                size=fields[5],
            )
        )
    return Library(_soname(data, dynamic, strings) or path.name, tuple(symbols))


def _text(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\0", offset)].decode()


def _read_versions(data: bytes, verdef: _Section, strings: int) -> dict[int, str]:
    """Return the names of the versions that the library defines, by their number."""
    versions = {}
    offset = verdef.offset
    for _ in range(verdef.count):
        _, flags, number, _, _, auxiliary, following = struct.unpack_from("<HHHHIII", data, offset)
        if not flags & 1:  # the base version is the library's name
            versions[number] = _text(data, strings + struct.unpack_from("<I", data, offset + auxiliary)[0])
        offset += following
    return versions


def _soname(data: bytes, dynamic: _Section, strings: int) -> str:
    for offset in range(dynamic.offset, dynamic.offset + dynamic.size, 16):
        tag, value = struct.unpack_from("<QQ", data, offset)
        if tag == _DT_SONAME:
            return _text(data, strings + value)
    return ""


# ---------------------------------------------------------------------------------------------------------------------
# What a library of the floor has


def select(symbols: Iterable[Symbol], floor: Version) -> list[Symbol]:
    """Return the symbols that a library of the floor offers, sorted; see the rules in the module's docstring."""
    by_name: dict[str, list[tuple[Version, Symbol]]] = {}
    for symbol in symbols:
        number = version_number(symbol.version)
        if number is not None:
            by_name.setdefault(symbol.name, []).append((number, symbol))
    kept = []
    for name in sorted(by_name):
        versions = sorted(by_name[name], key=lambda pair: pair[0])
        within = [(number, symbol) for number, symbol in versions if number <= floor]
        real = [number for number, symbol in versions if symbol.default]
        for number, symbol in within:
            default = bool(real) and number == (real[0] if real[0] <= floor else within[-1][0])
            kept.append(replace(symbol, default=default))
    return kept


def newer_names(libraries: Iterable[Library], floor: Version) -> set[str]:
    """Return the names that libraries of the floor do not have in any version."""
    older: set[str] = set()
    newer: set[str] = set()
    for library in libraries:
        for symbol in library.symbols:
            number = version_number(symbol.version)
            if number is not None:
                (older if number <= floor else newer).add(symbol.name)
    return newer - older


# ---------------------------------------------------------------------------------------------------------------------
# Writing a stub


def stub_assembly(symbols: Sequence[Symbol]) -> str:
    """Return assembly that defines the symbols: functions of one byte, objects with their sizes, aliases together."""
    lines = ['.section .note.GNU-stack,"",%progbits']
    objects: dict[tuple[int, int], list[int]] = {}
    for index, symbol in enumerate(symbols):
        if symbol.kind == "object":
            objects.setdefault(symbol.place, []).append(index)
    lines.append(".text")
    for index, symbol in enumerate(symbols):
        if symbol.kind == "function":
            lines += [*_define(index, symbol), ".byte 0", f".size stub_{index}, 1"]
    lines.append(".data")
    for place in sorted(objects):
        group = objects[place]
        # A copy relocation aligns the program's copy as the symbol is aligned here; 64 is more than any needs.
        lines.append(".balign 64")
        for index in group:
            lines += _define(index, symbols[index])
        lines += [f".size stub_{index}, {symbols[index].size}" for index in group]
        lines.append(f".zero {max(1, *(symbols[index].size for index in group))}")
    lines.append('.section .tdata,"awT",%progbits')
    for index, symbol in enumerate(symbols):
        if symbol.kind == "tls_object":
            lines += [*_define(index, symbol), f".size stub_{index}, {symbol.size}", f".zero {max(8, symbol.size)}"]
    return "\n".join(lines) + "\n"


def _define(index: int, symbol: Symbol) -> list[str]:
    at = "@@" if symbol.default else "@"
    return [
        f"{'.weak' if symbol.weak else '.globl'} stub_{index}",
        f".type stub_{index}, %{symbol.kind}",
        f".symver stub_{index}, {symbol.name}{at}{symbol.version}, remove",
        f"stub_{index}:",
    ]


def version_script(symbols: Iterable[Symbol]) -> str:
    """Return a version script with the versions as empty nodes, oldest first.

    There is no ``local: *``: with it lld makes the symbols of hidden versions local.
    """
    names = {symbol.version for symbol in symbols}
    return "".join(f"{name} {{ }};\n" for name in sorted(names, key=lambda name: version_number(name) or ()))


def build_stub(library: Library, floor: Version, output: Path, work: Path, compiler: Sequence[str]) -> list[Symbol]:
    """Assemble and link one stub; return its symbols."""
    symbols = select(library.symbols, floor)
    if not symbols:
        raise FloorError(f"{library.soname}: found no symbol up to {floor}, expected a higher floor")
    assembly, script = work / f"{library.soname}.s", work / f"{library.soname}.map"
    assembly.write_text(stub_assembly(symbols), encoding="utf-8")
    script.write_text(version_script(symbols), encoding="utf-8")
    options = ["-shared", "-nostdlib", "-Wl,--build-id=none", "-Wl,--hash-style=gnu", "-Wl,-s"]
    options += [f"-Wl,-soname,{library.soname}", f"-Wl,--version-script={script}", "-o", str(output), str(assembly)]
    subprocess.run([*compiler, *options], check=True)
    return symbols


# ---------------------------------------------------------------------------------------------------------------------
# Headers

_COMMENT = re.compile(r"(/\*.*?\*/)", re.DOTALL)
_REDIRECT = re.compile(r"__REDIRECT\w*\s*\(\s*(\w+)\s*,[^;]*?,\s*(\w+)\s*\)")
#: glibc before 2.23 had no fts.h for 64-bit file offsets at all; a program that wants it fails to link, as it should.
_REFUSED = ("fts64_children", "fts64_close", "fts64_open", "fts64_read", "fts64_set")
_KERNEL = ("linux", "asm", "asm-generic", "c++", "drm", "misc", "mtd", "rdma", "scsi", "sound", "video", "xen")


def patch_headers(include: Path, multiarch: str, newer: set[str], floor: Version) -> None:
    """Make the C library's headers say what headers of the floor say.

    Declarations of functions that the floor does not have are renamed (``__glibc_newer_NAME``), because packages that
    bring their own ``static`` function of that name clash with a declaration of it.
    """
    _substitute(include / "features.h", r"(#\s*define\s+__GLIBC_MINOR__\s+)\d+", rf"\g<1>{floor[1]}")
    for header, since in NEWER_HEADERS.items():
        if floor < since:
            for directory in (include, include / multiarch):
                (directory / header).unlink(missing_ok=True)
    if floor < NEWER_HEADERS["threads.h"]:
        predefined = include / "stdc-predef.h"
        _substitute(predefined, r"(\n#endif\s*)\Z", r"\n#define __STDC_NO_THREADS__ 1\n\g<1>")
    if "fcntl64" in newer:
        # Since 2.28 programs with 64-bit file offsets call fcntl64, which is the same as fcntl on 64-bit systems.
        path = include / "fcntl.h"
        _substitute(path, r"__REDIRECT \(fcntl, (\([^)]*\)), fcntl64\)", r"fcntl \g<1>")
        _substitute(path, r"extern int fcntl64 (\([^)]*\));", r'extern int fcntl64 \g<1> __asm__ ("fcntl");')
    names = newer - {"fcntl64"}
    for path in _library_headers(include, multiarch):
        text = path.read_text(encoding="latin-1")
        for name, target in _REDIRECT.findall(_COMMENT.sub("", text)):
            if target in newer and name not in newer and target not in _REFUSED:
                raise FloorError(
                    f"{path}: found a redirect of {name} to {target}, which glibc {floor[0]}.{floor[1]} does not have"
                )
        renamed = rename_functions(text, names)
        if renamed != text:
            path.write_text(renamed, encoding="latin-1")


def rename_functions(text: str, names: set[str]) -> str:
    """Rename the functions outside comments wherever a header declares, defines or calls them."""
    if not names:
        return text
    either = "|".join(map(re.escape, sorted(names)))
    pattern = re.compile(rf"\b({either})(?=\s*\()|(__REDIRECT\w*\s*\(\s*)({either})(?=\s*,)")

    def rename(match: re.Match[str]) -> str:
        return f"{match[2] or ''}__glibc_newer_{match[1] or match[3]}"

    parts = _COMMENT.split(text)
    parts[::2] = [pattern.sub(rename, part) for part in parts[::2]]
    return "".join(parts)


def _library_headers(include: Path, multiarch: str) -> list[Path]:
    """Return the headers that are neither the kernel's nor libstdc++'s."""
    found = []
    for path in sorted(include.rglob("*.h")):
        parts = path.relative_to(include).parts
        if (parts[1] if parts[0] == multiarch and len(parts) > 1 else parts[0]) not in _KERNEL:
            found.append(path)
    return found


def _substitute(path: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, path.read_text(encoding="latin-1"))
    if count != 1:
        raise FloorError(f"{path}: found {count} places that fit {pattern!r}, expected 1")
    path.write_text(text, encoding="latin-1")


# ---------------------------------------------------------------------------------------------------------------------
# The whole sysroot


def make_sysroot(
    debian: Path, output: Path, work: Path, multiarch: str, floor: Version, compiler: Sequence[str]
) -> None:
    """Make a sysroot of the floor at ``output`` from unpacked packages at ``debian``.

    It holds usr/include, and what links in usr/lib/MULTIARCH and usr/lib/gcc, taken by name: what is not listed above
    is not there.
    """
    libraries = output / "usr/lib" / multiarch
    libraries.mkdir(parents=True)
    real = {path.name: read_library(path) for path in _find_libraries(debian, multiarch)}
    with ThreadPoolExecutor() as pool:
        stubs = [pool.submit(build_stub, library, floor, libraries / library.soname, work, compiler)
                 for library in real.values()]  # fmt: skip
    for library, stub in zip(real.values(), stubs, strict=True):
        names = {symbol.name for symbol in stub.result()}
        gone = len({symbol.name for symbol in library.symbols} - names)
        print(f"{library.soname}: {len(names)} names, {gone} newer or private ones left out")  # noqa: T201
    _link_names(libraries, multiarch, [library.soname for library in real.values()])
    for name in C_OBJECTS:
        shutil.copyfile(debian / "usr/lib" / multiarch / name, libraries / name)
    (gcc,) = (debian / "usr/lib/gcc" / multiarch).iterdir()
    target = output / "usr/lib/gcc" / multiarch / gcc.name
    target.mkdir(parents=True)
    for name in GCC_OBJECTS:
        shutil.copyfile(gcc / name, target / name)
    include = output / "usr/include"
    shutil.copytree(debian / "usr/include", include, symlinks=True)
    # libm's newer names are built by macros from parts (roundeven + f): they are gone at link time only.
    declared = [library for library in real.values() if not library.soname.startswith("libm.")]
    patch_headers(include, multiarch, newer_names(declared, floor), floor)


def _find_libraries(debian: Path, multiarch: str) -> list[Path]:
    """Return the real libraries to make stubs of, each once."""
    found = []
    for stem in STUB_STEMS:
        pattern = f"{stem}.so.*"
        paths = sorted(path for top in ("lib", "usr/lib") for path in (debian / top / multiarch).glob(pattern))
        if not paths:
            raise FloorError(f"{debian}: found no {pattern} in lib/{multiarch}, expected libc6 to be unpacked there")
        found.append(paths[0])
    return found


def _link_names(libraries: Path, multiarch: str, sonames: Sequence[str]) -> None:
    """Make the names that -lNAME looks for. libc.so is a linker script, because part of libc is always static."""
    loader = ""
    for soname in sonames:
        if soname.startswith("ld-"):
            loader = soname
        elif not soname.startswith("libc."):
            (libraries / f"{soname.partition('.so')[0]}.so").symlink_to(soname)
    (libc,) = (soname for soname in sonames if soname.startswith("libc."))
    at = f"/usr/lib/{multiarch}"
    (libraries / "libc.so").write_text(
        f"GROUP ( {at}/{libc} {at}/libc_nonshared.a AS_NEEDED ( {at}/{loader} ) )\n", encoding="ascii"
    )


def main(arguments: Sequence[str]) -> int:
    """Run as a program."""
    parser = argparse.ArgumentParser(description="make a sysroot of a lower glibc")
    parser.add_argument("--debian", type=Path, required=True, help="where the packages are unpacked")
    parser.add_argument("--output", type=Path, required=True, help="the sysroot to make")
    parser.add_argument("--work", type=Path, required=True, help="an empty directory for intermediate files")
    parser.add_argument("--multiarch", required=True, help="Debian's directory name, such as x86_64-linux-gnu")
    parser.add_argument("--floor", required=True, help="the glibc version, such as 2.17")
    parser.add_argument("--compiler", required=True, help="what assembles and links, with its options")
    given = parser.parse_args(arguments)
    try:
        make_sysroot(given.debian, given.output, given.work, given.multiarch, parse_version(given.floor),
                     given.compiler.split())  # fmt: skip
    except FloorError as error:
        print(f"glibc_floor.py: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
