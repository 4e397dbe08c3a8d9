"""What runs on macOS asks for nothing that only GNU's tools or a newer bash than 3.2 have, and for no fixed path.

A list of what people write without thinking, each with a line that has it: what is found here does not end a build on
somebody's Mac after ten minutes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pythonbuild.config.project import Project
from pythonbuild.config.recipes import recipes_on, with_needs
from pythonbuild.cpython.modules import read_modules

PROJECT = Project(Path(__file__).parents[2])
RECIPES = PROJECT.unix / "recipes"

_PROGRAM = r"(?:^|[\s;|&($`])"
#: What is refused, with an example: a pattern by what to say of it.
REFUSED = {
    "sed -i has another form: edit of functions.sh": (_PROGRAM + r"sed\b.*\s-\w*i\b", "sed -i s/a/b/ x"),
    r"GNU's regular expressions (\| \+ \? \b \s)": (
        _PROGRAM + r"(?:sed|edit|grep)\b.*\\[|+?bBswW<>]", r"sed -e 's/a\|b/c/' x",
    ),
    "install -D, -t: place of functions.sh": (_PROGRAM + r"install\b.*\s-(?:\w*D|t)\b", "install -D -m 644 a b/a"),
    "find's own printing and depths by other names": (r"\bfind\b.*\s-(?:printf|regextype|quit)\b", "find . -printf %p"),
    "associative and named arrays": (r"\b(?:declare|local|typeset)\s+-\w*[Agn]", "declare -A names"),
    "bash 4's reading of lines": (r"\b(?:mapfile|readarray|coproc)\b", "mapfile -t lines"),
    "bash 4's changes of case": (r"\$\{\w+(?:\[\S\])?(?:\^|,)", "echo ${name^^}"),
    "bash 5's @ forms": (r"\$\{\w+@\w\}", "echo ${name@Q}"),
    "bash 4's redirections": (r"\|&|&>>", "make |& cat"),
    "bash 4's tests and times": (r"\[\[ -v |printf\b.*%\(", "[[ -v name ]]"),
    "negative places of arrays": (r"\$\{\w+\[-\d", "echo ${words[-1]}"),
    "readlink and realpath": (_PROGRAM + r"(?:readlink\s+-\w*[efm]|realpath)\b", "readlink -f x"),
    "dates as words": (_PROGRAM + r"(?:touch|date)\b.*(?:\s-\w*d\b|--date)", "touch -d @1 x"),
    "stat -c, --format": (_PROGRAM + r"stat\s+(?:-c|--)", "stat -c %s x"),
    "Perl's regular expressions in grep": (_PROGRAM + r"grep\s+-\w*P", "grep -oP x"),
    "programs that macOS has not got": (
        _PROGRAM + r"(?:nproc|tac|sha256sum|md5sum|ldd|readelf|objcopy|pkg-config|autoreconf|cmake|ninja|timeout)\s",
        "make -j $(nproc )",
    ),
    "long options of file utilities": (
        _PROGRAM + r"(?:cp|mv|rm|ln|mkdir|chmod|touch|sort|cat|tr|cut|head|tail|uniq|grep|wc)\s(?:.*\s)?--\w",
        "ln --relative -s a b",
    ),
    "links relative by ln, sorting of versions, counts from the end": (
        _PROGRAM + r"(?:ln\s+-\w*r|sort\s+-\w*V|head\s+-[nc]\s*-|xargs\s+-\w*[rd]\b)", "head -n -1 x",
    ),
    "a fixed path of the sandbox": (r"(?<![\w}\"./$-])/(?:build|tools|recipe|sources|out)\b", "cp x /build/y"),
}  # fmt: skip
#: Lines that have a reason: only what they are part of runs on Linux.
ONLY_ON_LINUX = {
    "libffi": ["[ -x configure ] || autoreconf -fi"],
    # relocate.py writes another one on macOS.
    "cpython": ["""prefix=$(dirname -- "$(dirname -- "$(realpath -- "$0")")")"""],
    "bdb": ["[ ! -d /usr/share/misc ] || cp /usr/share/misc/config.guess /usr/share/misc/config.sub dist/"],
}


def scripts() -> Iterator[Path]:
    """Yield every shell script that runs on macOS."""
    catalogue = read_modules(PROJECT.unix / "extension-modules.yml")
    recipes = recipes_on(PROJECT.recipes, "macos")
    names = {"cpython", "cpython-profile", "macos-toolchain"}
    compilers = [item.toolchain for item in PROJECT.macos_toolchains.values()]
    names |= {recipe.name for item in compilers for recipe in with_needs(recipes, item.recipes)}
    for version in ("3.11.2", "3.13.5", "3.14.10"):
        names |= {recipe.name for recipe in with_needs(recipes, catalogue.needed_recipes(version, "macos"))}
    yield from (RECIPES / "driver.sh", RECIPES / "functions.sh")
    for name in sorted(names):
        yield from sorted((RECIPES / name).glob("*.sh"))


def findings(text: str) -> list[str]:
    """Return what is wrong with a script's lines, comments left aside."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        code = re.sub(r"(?:^|\s)#.*", "", line)
        found += [f"{number}: {what}: {code.strip()}" for what, (pattern, _) in REFUSED.items()
                  if re.search(pattern, code)]  # fmt: skip
    return found


@pytest.mark.parametrize("script", list(scripts()), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_scripts_that_run_on_macos(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    for line in ONLY_ON_LINUX.get(script.parent.name, []):
        text = text.replace(line, ":")
    assert findings(text) == []


def test_the_scripts_are_those_of_what_macos_needs() -> None:
    names = {path.parent.name for path in scripts()}
    assert {"openssl", "libedit", "tk", "cpython", "macos-toolchain", "macos-cmake", "macos-llvm", "recipes"} <= names
    assert not names & {"ncurses", "libx11", "libuuid", "sysroot", "gcc", "macos-sdk"}


@pytest.mark.parametrize("what", list(REFUSED))
def test_each_is_found(what: str) -> None:
    assert any(line.startswith(f"1: {what}: ") for line in findings(REFUSED[what][1]))


@pytest.mark.parametrize("line", [
    "edit Makefile 's|-undefined dynamic_lookup ||'", 'cp -a "$DEPS/lib/tcl8.6" "$root/lib/"', "# sed -i is GNU's",
    'find . -exec env TZ=UTC touch -h -t "$stamp" {} +', 'place 644 "$OUT$PREFIX/lib" libbz2.a',
    'sed -n "s/^$1=[[:space:]]*//p" Makefile', "echo ${words[0]} ${name:-x} ${name//+/ }", 'rm -r "$OUT/share"',
])  # fmt: skip
def test_what_macos_has_is_let_pass(line: str) -> None:
    assert findings(line) == []
