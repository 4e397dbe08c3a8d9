"""nasm: says its version; OpenSSL's makefile, which would run it, is not run."""

from common import expect


def main(arguments: list, machine: object) -> int:
    expect(arguments == ["-v"], f"unexpected {arguments}")
    print("NASM version 2.16.03 compiled on Apr 17 2024")
    return 0
