"""nmake: makes the targets of three makefiles that the recipes ask for."""

import os
import re
from pathlib import Path

from common import NOTHING, expect, wrong


def main(arguments: list, machine: object) -> int:
    expect("MAKEFLAGS" not in os.environ, "MAKEFLAGS holds GNU make's flags, which nmake does not know")
    expect(arguments[:1] == ["-nologo"], f"unexpected {arguments}")
    rest = arguments[1:]
    if rest == ["build_libs"]:
        return openssl(machine)
    if rest == ["-f", "makefile.msc", "lib"]:
        return bzip2(machine)
    if rest[:3] == ["-f", "Makefile.msc", "TOP=."]:
        return sqlite(rest[3:])
    return wrong(f"no makefile here has {rest}")


def openssl(machine: object) -> int:
    expect(Path("makefile").is_file(), "Configure has made no makefile")
    for name, function in (("libcrypto", "OpenSSL_version"), ("libssl", "SSL_new")):
        objects = machine.compile({f"{name}-lib-part": f"int {function}(void) {{ return 3; }}\n"}, Path("made") / name)
        machine.llvm("llvm-lib", f"/out:{name}.lib", *objects)
    return 0


def bzip2(machine: object) -> int:
    text = Path("makefile.msc").read_text()
    expect("-Brepro" in text and "/Brepro" in text, "the makefile does not ask for the same bytes")
    stems = [word.removesuffix(".obj") for word in text.partition("OBJS=")[2].partition("\n\n")[0].split()
             if word.endswith(".obj")]  # fmt: skip
    for stem in stems:
        expect(Path(f"{stem}.c").is_file(), f"there is no {stem}.c")
    objects = machine.compile(dict.fromkeys(stems, NOTHING), Path("made"))
    machine.llvm("llvm-lib", "/out:libbz2.lib", *objects)
    return 0


def sqlite(targets: list) -> int:
    makefile = Path("Makefile.msc").read_text()
    macros = dict(re.findall(r"^(\w+) *= *(\S+)$", makefile, re.MULTILINE))
    for macro, value in macros.items():
        makefile = makefile.replace(f"\n$({macro}):", f"\n{value}:")
    for target in targets:
        expect(f"\n{target}:" in makefile, f"Makefile.msc has no target {target}")
        Path(target).write_text(f"/* {target}, made by the stand-in of nmake */\n")
    return 0
