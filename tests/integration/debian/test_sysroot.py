"""What the linker and configure scripts see of the sysroot, and programs built with it on a real glibc 2.17."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection, GNUVerSymSection
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

from pythonbuild.debian.glibc217 import run_argv
from pythonbuild.debian.glibc_floor import C_OBJECTS, GCC_OBJECTS, version_number
from tests.integration.debian.conftest import TRIPLE, Workshop

NEWER = ("getrandom", "getentropy", "memfd_create", "copy_file_range", "explicit_bzero", "reallocarray", "statx")

PROGRAM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
extern char **__environ;
static _Thread_local int local = 5;
/* As packages do that bring their own: it must not clash with a declaration. */
static void *reallocarray(void *p, size_t a, size_t b) { return realloc(p, a * b); }
static void *run(void *a) { errno = 3; local = 6; return a; }
static int has(char **list) {
    for (; *list; list++) if (!strcmp(*list, "FLOOR_TEST=yes")) return 1;
    return 0;
}
int main(int count, char **arguments) {
    pthread_t thread;
    struct stat status;
    char *copy = reallocarray(0, 8, 2);
    pthread_create(&thread, 0, run, 0);
    pthread_join(thread, 0);
    setenv("FLOOR_TEST", "yes", 1);
    memcpy(copy, arguments[0] ? "copied" : "", 7);
    printf("%.4f %.4f %d %d %d %d %d %s\n", exp(count), pow(count + 1, 0.5), has(environ), has(__environ),
           fcntl(1, F_GETFD) >= 0, stat("/", &status), local, copy);
    fflush(stdout);
    return 0;
}
"""
EXPECTED = "2.7183 1.4142 1 1 1 0 5 copied"

CXX_PROGRAM = r"""
#include <iostream>
#include <stdexcept>
#include <thread>
#include <vector>
int main() {
    std::vector<int> seen;
    std::thread([&] { seen.push_back(1); }).join();
    try { throw std::runtime_error("thrown"); }
    catch (const std::exception &error) { std::cout << error.what() << seen.size() << "\n"; }
}
"""


class Program:
    """What a linked program wants of the system."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            elf = ELFFile(file)
            self.needed: set[str] = set()
            self.versions: dict[str, str] = {}
            self.copied: list[tuple[str, int]] = []
            self.places: dict[str, int] = {}
            for section in elf.iter_sections():
                if isinstance(section, DynamicSection):
                    self.needed |= {str(getattr(tag, "needed", "")) for tag in section.iter_tags("DT_NEEDED")}
            self._read_versions(elf)
            self._read_copies(elf)

    def _read_versions(self, elf: ELFFile) -> None:
        names: dict[int, str] = {}
        for section in elf.iter_sections():
            if isinstance(section, GNUVerNeedSection):
                for _, auxiliaries in section.iter_versions():
                    names |= {entry["vna_other"]: entry.name for entry in auxiliaries}
        table = elf.get_section_by_name(".dynsym")
        assert isinstance(table, SymbolTableSection)
        for section in elf.iter_sections():
            if isinstance(section, GNUVerSymSection):
                for index, symbol in enumerate(table.iter_symbols()):
                    number = section.get_symbol(index)["ndx"]
                    if isinstance(number, int) and number in names:
                        self.versions[symbol.name] = names[number]
                    if symbol["st_shndx"] != "SHN_UNDEF":
                        self.places[symbol.name] = symbol["st_value"]

    def _read_copies(self, elf: ELFFile) -> None:
        table = elf.get_section_by_name(".dynsym")
        assert isinstance(table, SymbolTableSection)
        for section in elf.iter_sections():
            if isinstance(section, RelocationSection):
                self.copied += [
                    (table.get_symbol(entry["r_info_sym"]).name, entry["r_offset"])
                    for entry in section.iter_relocations()
                    if entry["r_info_type"] == 5  # R_X86_64_COPY
                ]

    def newest(self) -> tuple[int, ...]:
        return max(version_number(name) or () for name in self.versions.values())


def build(workshop: Workshop, text: str, options: str, compiler: str = "clang") -> Path:
    suffix = "cc" if compiler.endswith("++") else "c"
    command = (
        f"cat > p.{suffix} << 'END'\n{text}\nEND\n{TRIPLE}-{compiler} {options} p.{suffix} -o p -lm -lpthread -Werror"
    )
    status, output, directory = workshop.script(command)
    assert status == 0, output
    return directory / "p"


@pytest.mark.parametrize(
    "options",
    ["-O1", "-O1 -no-pie -fno-pie", "-O2 -D_FILE_OFFSET_BITS=64", "-O2 -D_FORTIFY_SOURCE=2 -flto=thin -fPIC"],
)
def test_a_program_runs_on_a_real_glibc_2_17(workshop: Workshop, glibc217: Path, options: str) -> None:
    path = build(workshop, PROGRAM, options)
    program = Program(path)
    assert program.newest() <= (2, 17)
    assert program.versions["fcntl"] == "GLIBC_2.2.5"
    assert program.versions["exp"] == "GLIBC_2.2.5"  # 2.29 in the real library
    assert program.needed <= set(workshop.target.system_libraries)
    for argv in ([str(path)], run_argv(glibc217, path)):
        result = subprocess.run(argv, capture_output=True, text=True, check=False, env={"FLOOR_TEST": "no"})
        assert (result.returncode, result.stdout.strip(), result.stderr) == (0, EXPECTED, "")


def test_aliases_are_copied_together(workshop: Workshop) -> None:
    program = Program(build(workshop, PROGRAM, "-O1 -no-pie -fno-pie"))
    copied = dict(program.copied)
    ((name, place),) = [(name, place) for name, place in copied.items() if "environ" in name]
    assert name in ("environ", "_environ", "__environ")
    assert {program.places[alias] for alias in ("environ", "_environ", "__environ")} == {place}


def test_a_cxx_program_needs_no_cxx_library(workshop: Workshop, glibc217: Path) -> None:
    path = build(workshop, CXX_PROGRAM, "-O1", "clang++")
    assert Program(path).needed <= set(workshop.target.system_libraries)
    assert subprocess.run(run_argv(glibc217, path), capture_output=True, check=True).stdout == b"thrown1\n"


@pytest.mark.parametrize("floor", ["2.17", "2.28"])
def test_functions_link_if_the_floor_has_them(workshop: Workshop, tools_of: Callable[[str], Path], floor: str) -> None:
    lines = [
        f"echo 'char {name}(void); int main(void) {{ return {name}(); }}' > t.c;"
        f" if {TRIPLE}-clang -fno-builtin t.c -o t 2> /dev/null; then echo {name}; fi"
        for name in (*NEWER, "secure_getenv", "fcntl64")
    ]
    status, output, _ = workshop.script("\n".join(lines), tools=tools_of(floor))
    assert status == 0, output
    older = {"secure_getenv"}
    assert set(output.split()) == (older if floor == "2.17" else {*NEWER, *older, "fcntl64"})


def test_configure_s_header_checks(workshop: Workshop, tools_of: Callable[[str], Path]) -> None:
    script = (
        "for header in sys/random.h threads.h fcntl.h linux/vm_sockets.h; do\n"
        '  if echo "#include <sys/socket.h>\n#include <$header>" |'
        f" {TRIPLE}-clang -x c -c - -o /dev/null 2> /dev/null\n"
        f"  then echo $header; fi; done\n"
        f"echo '#include <features.h>' | {TRIPLE}-clang -E -dM -x c - | grep 'define __GLIBC_MINOR__\\|_NO_THREADS__'"
    )
    _, low, _ = workshop.script(script)
    assert low.split("\n") == [
        "fcntl.h",
        "linux/vm_sockets.h",
        "#define __GLIBC_MINOR__ 17",
        "#define __STDC_NO_THREADS__ 1",
    ]
    _, high, _ = workshop.script(script, tools=tools_of("2.28"))
    assert high.split("\n")[:2] == ["sys/random.h", "threads.h"]
    assert high.endswith("#define __GLIBC_MINOR__ 28")


def test_no_static_code_but_the_listed_can_be_linked(workshop: Workshop) -> None:
    found = {path.name for path in (workshop.tools / "sysroot").rglob("*") if path.suffix in (".a", ".o")}
    assert found == {*C_OBJECTS, *GCC_OBJECTS}
    links = [path for path in (workshop.tools / "sysroot").rglob("*") if path.is_symlink()]
    assert links
    assert all(path.exists() and not path.readlink().is_absolute() for path in links)


def test_the_sysroot_is_the_same_every_time(workshop: Workshop) -> None:
    def digest(directory: Path) -> str:
        whole = hashlib.sha256()
        for path in sorted(path for path in directory.rglob("*") if path.is_file()):
            whole.update(f"{path.relative_to(directory)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        return whole.hexdigest()

    again = workshop.recipe("sysroot", "again", "2.17", workshop.directory / "sysroot-debs")
    assert digest(again / "tools" / "sysroot") == digest(workshop.tools / "sysroot")


def test_the_compiler_answers_like_a_compiler(workshop: Workshop) -> None:
    status, output, directory = workshop.script(
        "mkdir src && cd src\n"
        f"{TRIPLE}-clang --version | head -n 1\n"
        f"{TRIPLE}-clang -dumpmachine\n"
        f"{TRIPLE}-clang -print-file-name=libc.so\n"
        f"printf '.globl x\\nx: ret\\n' | {TRIPLE}-clang -x assembler -c - -o x.o -L/nowhere\n"
        f"printf '#define R ret\\n.globl y\\ny: R\\n' | {TRIPLE}-clang -x assembler-with-cpp -c - -o y.o\n"
        f"echo 'int g;' | {TRIPLE}-clang -x c -c - -o g.o -Wl,-O1 -L/nowhere -pthread\n"
        "echo 'const char *file = __FILE__; int f(void) { return 1; }' > /build/src/f.c\n"
        f"{TRIPLE}-clang -O2 -g -fPIC -shared /build/src/f.c -o f.so\n"
    )
    assert status == 0, output
    version, machine, libc, *rest = output.split("\n")
    assert rest == []
    assert "clang version" in version
    assert machine == TRIPLE
    assert libc == f"/tools/sysroot/usr/lib/{workshop.target.multiarch}/libc.so"
    built = (directory / "src" / "f.so").read_bytes()
    assert b"./f.c" in built
    assert b"/build" not in built


def test_the_toolchain_says_what_it_is(workshop: Workshop) -> None:
    said = json.loads((workshop.tools / "toolchain.json").read_text())
    assert (said["kind"], said["target"]) == ("packaged", TRIPLE)
    assert said["tools"]["clang"].startswith("22.")
    assert set(said["tools"]) >= {"clang", "lld", "llvm-ar", "llvm-profdata", "llvm-strip"}


def test_the_root_is_complete(workshop: Workshop) -> None:
    """Every program finds its libraries, and no link leads nowhere."""
    status, output, _ = workshop.script(
        "shopt -s globstar nullglob\n"
        "for file in /usr/bin/* /usr/lib/llvm-22/bin/* /usr/lib/x86_64-linux-gnu/*.so* /usr/lib/python3*/**/*.so; do\n"
        '  [ ! -f "$file" ] || ldd "$file" 2> /dev/null | grep -q "not found" && echo "$file" || :\n'
        "done\n"
        "find / -xdev -xtype l ! -path '/usr/lib/gcc/*' ! -path '/etc/rmt' ! -path '/build/*'\n"
        "python3 -c 'import json, ssl, sqlite3, xcbgen'\n"
        "perl -MPOSIX -MFile::Temp -e 1\n"
        "autoreconf --version > /dev/null; libtoolize --version > /dev/null; bison --version > /dev/null\n"
        "echo 'puts ok' | tclsh; awk 'BEGIN { print \"ok\" }'\n"
        "echo 'int main(void) { return 0; }' > n.c; clang n.c -o n && ./n && echo ok\n"
    )
    assert (status, output) == (0, "ok\nok\nok")
