"""A program that has to be there, and that the build does not call itself."""

from common import wrong


def main(arguments: list, machine: object) -> int:
    return wrong(f"was called, with {arguments}")
