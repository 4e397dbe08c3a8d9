"""lib: archives the objects of a response file."""

from pathlib import Path

from common import expect


def main(arguments: list, machine: object) -> int:
    expect(arguments[:2] == ["-nologo", "-Brepro"] and len(arguments) == 4, f"unexpected {arguments}")
    expect(arguments[2].startswith("-out:") and arguments[3].startswith("@"), f"unexpected {arguments}")
    lines = Path(arguments[3][1:]).read_text().splitlines()
    expect(all(line.startswith('"') and line.endswith('"') for line in lines), "paths are not between quotation marks")
    paths = [Path(line.strip('"')) for line in lines]
    for path in paths:
        expect(path.is_file(), f"there is no {path}")
    machine.llvm("llvm-lib", f"/out:{arguments[2][5:]}", *paths)
    return 0
