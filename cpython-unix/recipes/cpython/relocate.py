"""Make an installed tree say nothing of the machine that built it, and work wherever it is: relocate.py ROOT SERIES

- sysconfig's data names the tools that every system has (cc, ar, ...), no directory of the build, and puts the real
  prefix where it says /install when it is imported;
- pkg-config files find their prefix from their own place;
- scripts find the interpreter beside themselves;
- in all other text files (Makefile, python-config) the tools and directories of the build are replaced likewise.

It ends with a search for what should be gone.
"""

import base64
import hashlib
import os
import pprint
import re
import sys
from pathlib import Path

#: Programs by the names that the build knew them by.
TOOLS = {
    os.environ["CC"]: "cc",
    os.environ["CXX"]: "c++",
    "llvm-ar": "ar",
    "llvm-ranlib": "ranlib",
    "llvm-nm": "nm",
    "llvm-strip": "strip",
    "llvm-readelf": "readelf",
    "llvm-objdump": "objdump",
    "ld.lld": "ld",
}
LLVM_DIRECTORY = re.compile(r"/usr/lib/llvm-\d+/bin/")
TOOL = re.compile(r"(?<![\w./+-])(" + "|".join(map(re.escape, sorted(TOOLS, key=len, reverse=True))) + r")(?![\w+-])")
#: A word of a command line that leads into the dependencies' tree, with the space before it.
BUILD_WORD = re.compile(r"""(?:^|(?<=[\s'"=])|[ \t]+)'?(?:-[IL]|-Wl,-rpath,|--[\w-]+=)?/tools/[^\s'";]*'?""")
SOURCE_DIRECTORY = re.compile(r"/build/src\b")
LEFT_OVER = re.compile(rb"(?<![\w.])/(?:tools/(?:deps|bin|sysroot|cpython)|build/(?:src|home))\b|/llvm-\d|"
                       + re.escape(os.environ["CC"]).encode())  # fmt: skip
PREFIX = re.compile(r"(?<![\w./-])/install(?![\w.-])")

RELOCATION = """
# Where this file is says where the installation is.
def _relocate():
    import os, sys
    try:
        prefix = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    except NameError:
        prefix = sys.base_prefix
    for name in (
%s    ):
        build_time_vars[name] = build_time_vars[name].replace("/install", prefix)

_relocate()
del _relocate
"""

SHEBANG = """#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")/{interpreter}" "$0" "$@"
' '''
"""


def main() -> None:
    root, library = Path(sys.argv[1]), Path(sys.argv[1]) / "lib" / f"python{sys.argv[2]}"
    for path in library.glob("_sysconfigdata_*.py"):
        rewrite_sysconfigdata(path)
    for path in (root / "lib/pkgconfig").glob("*.pc"):
        path.write_text(PREFIX.sub("${pcfiledir}/../..", clean(path.read_text())))
    changed = [path for path in sorted((root / "bin").iterdir()) if not path.is_symlink() and rewrite_script(path)]
    for pattern in ("config-*/*", "_sysconfig_vars_*.json", "build-details.json"):
        for path in library.glob(pattern):
            if path.is_file() and path.suffix not in (".o", ".a", ".so"):
                rewrite_text(path)
    for record in library.glob("site-packages/*.dist-info/RECORD"):
        update_record(record, changed)
    report_left_overs(root)


def clean(text: str) -> str:
    """Replace the build's tools and drop its directories."""
    text = TOOL.sub(lambda match: TOOLS[match[1]], LLVM_DIRECTORY.sub("", text))
    return SOURCE_DIRECTORY.sub(".", BUILD_WORD.sub("", text))


def rewrite_text(path: Path) -> None:
    text = path.read_text()
    if clean(text) != text:
        path.write_text(clean(text))


def rewrite_sysconfigdata(path: Path) -> None:
    namespace: dict = {}
    exec(path.read_text(), namespace)  # noqa: S102 - sysconfig's data is a module
    built = namespace["build_time_vars"]
    values = {name: clean(value) if isinstance(value, str) else value for name, value in built.items()}
    moved = [name for name, value in sorted(values.items()) if isinstance(value, str) and PREFIX.search(value)]
    for name in moved:
        # "/usr/bin/install" and the like are not the prefix: no value may hold both.
        if values[name].count("/install") != len(PREFIX.findall(values[name])):
            sys.exit(f"{path.name}: {name} cannot be relocated: {values[name]!r}")
    path.write_text(
        "# system configuration generated and used by the sysconfig module\n"
        f"build_time_vars = {pprint.pformat(values)}\n" + RELOCATION % "".join(f"        {name!r},\n" for name in moved)
    )


def rewrite_script(path: Path) -> bool:
    """Let a script find its interpreter beside itself; returns whether it was changed."""
    data = path.read_bytes()
    first, _, rest = data.partition(b"\n")
    if not first.startswith(b"#!"):
        return False
    interpreter = re.fullmatch(rb"#!\s*/\S*/bin/(python[\w.]*)(?:\s.*)?", first)
    if interpreter and b"/usr/bin/env" not in first:
        data = SHEBANG.format(interpreter=interpreter[1].decode()).encode() + rest
    path.write_bytes(clean(data.decode()).encode())
    return True


def update_record(record: Path, changed: list[Path]) -> None:
    """Give the rewritten scripts their new hashes in a wheel's RECORD."""
    site_packages = record.parent.parent
    lines = {os.path.relpath(path, site_packages): path.read_bytes() for path in changed}
    text = []
    for line in record.read_text().splitlines():
        name = line.split(",")[0]
        if name in lines:
            digest = base64.urlsafe_b64encode(hashlib.sha256(lines[name]).digest()).rstrip(b"=").decode()
            line = f"{name},sha256={digest},{len(lines[name])}"
        text.append(line)
    record.write_text("\n".join(text) + "\n")


def report_left_overs(root: Path) -> None:
    bad = []
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.suffix not in (".so", ".a", ".pyc"):
            data = path.read_bytes()
            if not data.startswith(b"\x7fELF") and b"/test/" not in os.fsencode(path) and LEFT_OVER.search(data):
                bad.append(f"{path.relative_to(root)}: {LEFT_OVER.search(data)[0].decode()}")
    if bad:
        sys.exit("files that name the build machine's directories or tools:\n  " + "\n  ".join(bad))


main()
