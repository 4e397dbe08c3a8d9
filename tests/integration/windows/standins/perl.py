"""perl: says what it is, and runs OpenSSL's Configure."""

import os
import shutil
from pathlib import Path

from common import expect, wrong

TARGETS = {"x64": "VC-WIN64A", "Win32": "VC-WIN32", "ARM64": "VC-WIN64-ARM"}
OPTIONS = {"no-shared", "no-module", "no-apps", "no-tests", "no-docs", "no-cmp", "no-cms", "no-dtls", "no-quic",
           "no-ts",
           "no-asm", "-Brepro"}  # fmt: skip


def main(arguments: list, machine: object) -> int:
    if arguments == ["-MConfig", "-e", "print qq($Config{osname} $Config{version})"]:
        print("MSWin32 5.38.2", end="")
        return 0
    expect(arguments[:1] == ["Configure"], f"unexpected {arguments}")
    expect(Path("Configure").is_file() and Path("VERSION.dat").is_file(), f"no OpenSSL in {Path.cwd()}")
    expect(arguments[1] == TARGETS[machine.platform], f"unexpected target {arguments[1]}")
    expect({"no-shared"} <= set(arguments[2:]) <= OPTIONS, f"unexpected options {arguments[2:]}")
    expect(("no-asm" in arguments) or shutil.which("nasm", path=os.environ["PATH"]), "nasm is not in PATH")
    if unknown := [word for word in arguments[2:] if word.startswith("no-") and not known(word[3:])]:
        wrong(f"Configure knows no {unknown}")
    Path("makefile").write_text(f"# made by Configure {' '.join(arguments[1:])}\n")
    for template in Path("include/openssl").glob("*.h.in"):
        template.with_suffix("").write_text(f"/* made of {template.name} */\n")
    return 0


def known(option: str) -> bool:
    """Tell whether OpenSSL's own script names the option."""
    return f'"{option}"' in Path("Configure").read_text() or f"no-{option}" in Path("INSTALL.md").read_text()
