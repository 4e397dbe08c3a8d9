"""Make an installed tree say nothing of the machine that built it, and work wherever it is: relocate.py ROOT LIBRARY

The build installs with the prefix /install; afterwards no file says so, and no file has to be changed when the tree is
moved. LIBRARY is the name of the standard library's directory, python3.13 or (free-threaded) python3.13t.

- sysconfig's data puts the real prefix into its values when it is imported;
- the Makefile asks make where it was read from; for readers that know no more than NAME=VALUE its prefix is relative;
- python3.X-config, pkg-config's files and all scripts start from their own place;
- 3.14's JSON files are relative, as the format of build-details.json allows.

All of them name the tools that every system has (cc, ar, ...), no directory of the build, and nothing that only our
compiler understands. It ends with a search for what should be gone.
"""

import base64
import hashlib
import json
import os
import pprint
import re
import shlex
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
#: Variables that say how the build went about it, and what they are for everybody else. READELF is a placeholder that
#: CPython's configure leaves when it is not cross-compiling.
OURS = {
    "LINKCC": "cc -pthread",
    "LLVM_PROF_ERR": "no",
    "LLVM_PROF_FILE": "",
    "LLVM_PROF_MERGER": "",
    "PGO_PROF_GEN_FLAG": "",
    "PGO_PROF_USE_FLAG": "",
    "READELF": "readelf",
}
TOOL_DIRECTORY = re.compile(r"/(?:usr/lib/llvm-\d+|tools/llvm|tools/gnu)/bin/")
TOOL = re.compile(r"(?<![\w./+-])(" + "|".join(map(re.escape, sorted(TOOLS, key=len, reverse=True))) + r")(?![\w+-])")
#: A word of a command line that leads into the dependencies' tree, with the space before it.
BUILD_WORD = re.compile(r"""(?:^|(?<=[\s'"=])|[ \t]+)'?(?:-[IL]|-Wl,-rpath,|--[\w-]+=)?/tools/[^\s'";]*'?""")
#: Flags that other compilers do not know.
CLANG_FLAG = re.compile(r"(?:^|(?<==)|[ \t]+)-f(?:lto|profile-instr)[\w-]*(?:=\S+)?")
#: Where the build's directories lie, and what they are called where their places are fixed.
PLACES = {os.environ["STEP_BUILD"]: "/build", os.environ["STEP_TOOLS"]: "/tools"}
SOURCE_DIRECTORY = re.compile(r"/build/src\b")
HOME_DIRECTORY = re.compile(r"/build/home\b")
PREFIX = re.compile(r"(?<![\w./-])/install(?![\w.-])")
LEFT_OVER = re.compile(rb"(?<![\w.])/(?:tools/(?:deps|bin|sysroot|cpython)|build/(?:src|home))\b|/llvm-\d|"
                       + re.escape(os.environ["CC"]).encode())  # fmt: skip
#: How programs and libraries begin: ELF, Mach-O.
PROGRAMS = (b"\x7fELF", b"\xcf\xfa\xed\xfe")
LEFT_PREFIX = re.compile(rb"(?<![\w./-])/install/(?:bin|include|lib|share)\b|\bprefix[\"']?\s*[=:]\s*[\"']?/install\b")

RELOCATION = """
# Where this file is says where the installation is.
def _relocate():
    import os, sys
    try:
        prefix = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    except NameError:
        prefix = sys.base_prefix
    shell = "".join(c if c.isalnum() or c in "%%+,-./:=@_" else "\\\\" + c for c in prefix)
    quoted = prefix.replace("'", "'\\\\''")
    for value, names in (
        (prefix, {plain}),
        (shell, {words}),
        (quoted, {quoted}),
    ):
        for name in names:
            build_time_vars[name] = build_time_vars[name].replace("/install", value)

_relocate()
del _relocate
""".replace("%%", "%")

#: Its first line is the shell's; to Python the first three are strings.
SHEBANG = """#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")/{interpreter}" "$0" "$@"
' '''
"""

#: A script's own directory, whatever links lead to it; and the same without realpath, which macOS 12 has not got.
OWN_DIRECTORY = '$(dirname -- "$(realpath -- "$0")")'
PORTABLE_DIRECTORY = (
    '$(f=$0; while [ -L "$f" ]; do d=$(dirname -- "$f"); f=$(readlink "$f"); '
    'case $f in (/*) ;; (*) f=$d/$f ;; esac; done; cd -- "$(dirname -- "$f")" && pwd -P)'
)

#: Finds the Makefile's own directory. MAKEFILE_LIST ends with its path, and has the paths of including makefiles before
#: it; any of them may hold spaces, so that words are dropped from the left until a file's name is left. Parentheses are
#: in pairs because make counts them.
MAKEFILE_PREFIX = r"""prefix=		../../..
_hash:=\#
prefix:=$(shell file='$(subst ','\'',$(MAKEFILE_LIST))'; \
	while [ ! -f "$$file" ]; do \
		case $$file in (*' '*) file=$${file$(_hash)* } ;; (*) exit 1 ;; esac; \
	done; \
	cd "$$(dirname -- "$$file")/../../.." && pwd)
"""


def main() -> None:
    root = Path(sys.argv[1])
    library = root / "lib" / sys.argv[2]
    values = rewrite_sysconfigdata(only(library.glob("_sysconfigdata_*.py")))
    for path in (root / "lib/pkgconfig").glob("*.pc"):
        path.write_text(PREFIX.sub("${pcfiledir}/../..", clean(path.read_text())))
    changed = [path for path in sorted((root / "bin").iterdir()) if not path.is_symlink() and rewrite_script(path)]
    for path in (root / "bin").glob("python3.*-config"):
        if not path.is_symlink():
            write_config_script(path, values)
    for path in library.glob("config-*/*"):
        if path.name == "Makefile":
            path.write_text(relocated_makefile(path.read_text()))
        elif path.name == "python-config.py":
            rewrite_script(path, "../../../bin/")
        elif path.is_file() and path.suffix not in (".o", ".a", ".so"):
            path.write_text(clean(path.read_text()))
    for path in library.glob("_sysconfig_vars_*.json"):
        values = generic(json.loads(path.read_text()))
        path.write_text(json.dumps(relative(values, "../.."), indent=2) + "\n")
    for path in library.glob("build-details.json"):
        details = json.loads(path.read_text())
        path.write_text(json.dumps({**relative(details, "."), "base_prefix": "../.."}, indent=2) + "\n")
    for record in library.glob("site-packages/*.dist-info/RECORD"):
        update_record(record, changed)
    report_left_overs(root)


def only(paths) -> Path:
    found = list(paths)
    if len(found) != 1:
        sys.exit(f"one file of sysconfig's data is expected, found {[path.name for path in found]}")
    return found[0]


def clean(text: str) -> str:
    """Replace the build's tools and drop its directories and what only its compiler knows."""
    for place, fixed in PLACES.items():
        text = text.replace(place, fixed)
    text = TOOL.sub(lambda match: TOOLS[match[1]], TOOL_DIRECTORY.sub("", text))
    text = CLANG_FLAG.sub("", BUILD_WORD.sub("", text))
    return HOME_DIRECTORY.sub("~", SOURCE_DIRECTORY.sub(".", text))


def clean_arguments(text: str) -> str:
    """Clean configure's arguments, each in quotes of its own, and drop those of which nothing is left."""
    kept = []
    for word in shlex.split(text):
        cleaned = clean(word)
        if cleaned and not (cleaned.endswith("=") and cleaned != word):
            kept.append("'" + cleaned.replace("'", "'\\''") + "'")
    return " ".join(kept)


def generic(variables: dict) -> dict:
    """Return sysconfig's variables as they are for any machine, with the prefix still /install."""
    values = {name: clean(value) if isinstance(value, str) else value for name, value in variables.items()}
    values["CONFIG_ARGS"] = clean_arguments(variables["CONFIG_ARGS"])
    return {name: OURS.get(name, value) for name, value in values.items()}


def rewrite_sysconfigdata(path: Path) -> dict:
    """Rewrite sysconfig's data; returns the variables."""
    namespace: dict = {}
    exec(path.read_text(), namespace)  # noqa: S102 - sysconfig's data is a module
    values = generic(namespace["build_time_vars"])
    kinds: dict[str, list[str]] = {"plain": [], "words": [], "quoted": []}
    for name, value in sorted(values.items()):
        if not isinstance(value, str) or "/install" not in value:
            continue
        found = len(PREFIX.findall(value))
        # "/usr/bin/install" and the like are not the prefix: no value may hold both.
        if found and value.count("/install") != found:
            sys.exit(f"{path.name}: {name} cannot be relocated: {value!r}")
        if found:
            kinds["quoted" if "'" in value else "words" if " " in value else "plain"].append(name)
    relocation = RELOCATION
    for kind, names in kinds.items():
        relocation = relocation.replace("{" + kind + "}", pprint.pformat(names, width=100).replace("\n", "\n        "))
    path.write_text(
        "# system configuration generated and used by the sysconfig module\n"
        f"build_time_vars = {pprint.pformat(values)}\n{relocation}"
    )
    return values


def write_config_script(path: Path, values: dict) -> None:
    """Replace CPython's python-config, which can neither be moved without sed nor into a path with spaces."""
    flags = f"{values['BASECFLAGS']} {values['CONFIGURE_CFLAGS']} {values['OPT']}"
    filled = {
        "ABIFLAGS": values["ABIFLAGS"],
        "CFLAGS": " ".join(flags.split()),
        "EXT_SUFFIX": values["EXT_SUFFIX"],
        "LDVERSION": values["LDVERSION"],
        "LIBPL": values["LIBPL"].removeprefix("/install/"),
        "LIBS": " ".join(f"{values['LIBS']} {values['SYSLIBS']}".split()),
    }
    script = Path(__file__).with_name("python-config.sh").read_text()
    path.write_text(re.sub(r"@(\w+)@", lambda match: filled[match[1]], for_the_system(script)))


def for_the_system(script: str) -> str:
    """Return a shell script as the target's system can run it."""
    if os.environ["TARGET_TRIPLE"].endswith("-apple-darwin"):
        return script.replace(OWN_DIRECTORY, PORTABLE_DIRECTORY)
    return script


def relocated_makefile(text: str) -> str:
    text = re.sub(r"(?m)^(CONFIG_ARGS=\s*)(.*)$", lambda match: match[1] + clean_arguments(match[2]), text)
    for name, value in OURS.items():
        text = re.sub(rf"(?m)^{name}=.*$", f"{name}=\t{value}", text)
    text, count = re.subn(r"(?m)^prefix=\s*/install\n", lambda _: MAKEFILE_PREFIX, clean(text))
    if count != 1:
        sys.exit("Makefile: one line that sets prefix is expected")
    return PREFIX.sub("$(prefix)", text)


def relative(value, prefix: str):
    """Return a JSON value whose paths below the prefix start with ``prefix``."""
    if isinstance(value, dict):
        return {name: relative(item, prefix) for name, item in value.items()}
    if isinstance(value, list):
        return [relative(item, prefix) for item in value]
    return PREFIX.sub(prefix, value) if isinstance(value, str) else value


def rewrite_script(path: Path, directory: str = "") -> bool:
    """Let a script find its interpreter, in a directory seen from its own; returns whether it was changed."""
    data = path.read_bytes()
    first, _, rest = data.partition(b"\n")
    if not first.startswith(b"#!"):
        return False
    interpreter = re.fullmatch(rb"#!\s*/\S*/bin/(python[\w.]*)(?:\s.*)?", first)
    if interpreter and b"/usr/bin/env" not in first:
        data = for_the_system(SHEBANG.format(interpreter=directory + interpreter[1].decode())).encode() + rest
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
    moved = [place for place, fixed in PLACES.items() if place != fixed]
    for path in sorted(root.rglob("*")):
        if not path.is_file() or path.is_symlink() or path.suffix in (".so", ".a", ".pyc") or "/test/" in str(path):
            continue
        data = path.read_bytes()
        if not data.startswith(PROGRAMS):
            # sysconfig's data keeps the prefix, which other tools that move installations know, to replace it.
            found = LEFT_OVER.search(data) or (not path.name.startswith("_sysconfigdata_") and LEFT_PREFIX.search(data))
            if found:
                bad.append(f"{path.relative_to(root)}: {found[0].decode()}")
            bad += [f"{path.relative_to(root)}: {place}" for place in moved if place.encode() in data]
    if bad:
        sys.exit("files that name the build machine's directories or tools:\n  " + "\n  ".join(bad))


main()
