"""Linking again for macOS, without any compiler: what it is told, and the static library that is written."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from pythonbuild.distribution.bsdlib import write_library
from pythonbuild.distribution.objectfile import library_members
from pythonbuild.distribution.relink_choice import RelinkError, Wishes, choose, parse_addition
from pythonbuild.distribution.relink_darwin import HIDDEN, link
from pythonbuild.distribution.relink_objects import machine_of
from pythonbuild.distribution.relinkable import (
    DARWIN_LIBRARY_LDFLAGS,
    MACH_O,
    Library,
    Module,
    Relinkable,
)
from pythonbuild.distribution.symbols import library_symbols
from tests.unit.distribution.compilers import FakeCompiler
from tests.unit.distribution.machomaker import LIBRARY, PROGRAM, make_macho, make_macho_object, make_universal

INSTALL_NAME = "@rpath/libpython3.13.dylib"
OBJECTS = {
    "build/main.o": make_macho_object(["main"], ["Py_Main"]),
    "build/config.o": make_macho_object(["_PyImport_Inittab"], ["PyInit_math", "PyInit__ssl"]),
    "build/core.o": make_macho_object(["Py_Main", "PyModule_Create2"]),
    "build/math.o": make_macho_object(["PyInit_math"], ["PyModule_Create2"]),
    "build/ssl.o": make_macho_object(["PyInit__ssl"], ["SSL_new"]),
    "build/proxy.o": make_macho_object(["PyInit__scproxy"]),
    "build/hacl.o": make_macho_object(["Hacl_hash"]),
}
DESCRIBED = Relinkable(
    version="3.13.5", triple="aarch64-apple-darwin", options="noopt",
    system_libraries=("/usr/lib/libSystem.B.dylib", "/usr/lib/libncurses.5.4.dylib"), libc_floor="",
    interpreter="install/bin/python3.13", include="install/include", stdlib="install/lib/python3.13",
    objects=("build/main.o", "build/config.o", "build/core.o"),
    libraries=(Library("dl"), Library("CoreFoundation", framework=True)),
    modules={
        "math": Module("math", "PyInit_math", ("build/math.o",), (Library("m"), Library("Hacl", "build/libHacl.a"))),
        "_ssl": Module("_ssl", "PyInit__ssl", ("build/ssl.o",), (Library("ssl", "build/lib/libssl.a"),)),
        "_scproxy": Module("_scproxy", "PyInit__scproxy", ("build/proxy.o",),
                           (Library("SystemConfiguration", framework=True),)),
    },
    main_object="build/main.o", inittab_object="build/config.o", inittab_source="build/config.c",
    inittab_flags=("-O3", "-DPy_BUILD_CORE"), shared_library="install/lib/libpython3.13.dylib",
    static_library="build/lib/libpython3.13.a",
    program_ldflags=("-Wl,-unexported_symbols_list,hidden-symbols.txt", "-Wl,-stack_size,1000000"),
    library_ldflags=("-dynamiclib", "-Wl,-install_name,/old", "-Wl,-unexported_symbols_list,hidden-symbols.txt"),
    object_format=MACH_O,
)  # fmt: skip


class FakeClang(FakeCompiler):
    """Writes Mach-O files for a processor."""

    def __init__(self, directory: Path, arch: str = "arm64") -> None:
        super().__init__(directory)
        self.arch = arch

    def produce(self, goal: str, arguments: Sequence[str], output: str) -> Path:
        self.check(goal, [*arguments, "-o", output])
        path = self.directory / output
        made = make_macho_object(["_PyImport_Inittab"], arch=self.arch) if "compile" in goal else make_macho(PROGRAM)
        path.write_bytes(made)
        return path


@pytest.fixture
def work(tmp_path: Path) -> Path:
    top = tmp_path / "work/python"
    for name, content in OBJECTS.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(content)
    for name in ("install/bin", "install/lib", "build/lib"):
        (top / name).mkdir(parents=True)
    (top / "install/bin/python3.13").write_bytes(make_macho(PROGRAM, minimum_os="11.0"))
    (top / "install/lib/libpython3.13.dylib").write_bytes(make_macho(LIBRARY, install_name=INSTALL_NAME))
    (top / "build/config.c").write_text("old")
    (top / HIDDEN).write_text("_old\n")
    write_library(top / "build/lib/libpython3.13.a", [])
    (tmp_path / "ssl_lib.o").write_bytes(make_macho_object(["SSL_new", "SSL_free"], ["malloc"]))
    write_library(top / "build/lib/libssl.a", [tmp_path / "ssl_lib.o"])
    write_library(top / "build/libHacl.a", [top / "build/hacl.o"])
    return tmp_path / "work"


def choice_of(work: Path, *without: str, add: Sequence[str] = ()):  # type: ignore[no-untyped-def]
    return choose(DESCRIBED, Wishes(without, add=tuple(map(parse_addition, add))), work / "python")


def test_what_the_linker_is_told(work: Path) -> None:
    compiler = FakeClang(work)
    wanted = choice_of(work, "_ssl").wanted
    assert link(wanted, compiler).glibc == ""
    compiled, shared, program = (compiler.told[goal] for goal in (
        "compile the table of builtin modules", "link libpython", "link the interpreter"))  # fmt: skip
    for words in (compiled, shared, program):
        assert words[0] == "--target=arm64-apple-macosx11.0.0", "what the archive's own interpreter says"
    lists = [[word for word in words if "symbols_list" in word] for words in (shared, program)]
    assert lists == [[f"-Wl,-unexported_symbols_list,python/{HIDDEN}"]] * 2
    assert [word for word in shared if "install_name" in word] == [f"-Wl,-install_name,{INSTALL_NAME}"]
    assert "python/build/main.o" in program
    assert "python/build/main.o" not in shared
    assert not {"python/build/ssl.o", "python/build/lib/libssl.a"} & {*shared, *program}
    for words in (shared, program):
        assert {"-lm", "-ldl", "python/build/libHacl.a"} <= set(words)
        named = [words[index + 1] for index, word in enumerate(words) if word == "-framework"]
        assert sorted(named) == ["CoreFoundation", "SystemConfiguration"]
        assert "-lCoreFoundation" not in words
    assert "PyInit__ssl" not in (work / "python/build/config.c").read_text()


def test_a_module_takes_its_framework_along(work: Path) -> None:
    compiler = FakeClang(work)
    link(choice_of(work, "_scproxy").wanted, compiler)
    assert "SystemConfiguration" not in compiler.told["link the interpreter"]


def test_names_of_libraries_stay_inside_those_of_cpythons_own_do_not(work: Path, tmp_path: Path) -> None:
    link(choice_of(work, "math").wanted, FakeClang(work))
    assert (work / "python" / HIDDEN).read_text() == "_SSL_free\n_SSL_new\n"
    (tmp_path / "spam.o").write_bytes(make_macho_object(["PyInit_spam"], ["ham"]))
    (tmp_path / "ham.o").write_bytes(make_macho_object(["ham"]))
    write_library(tmp_path / "libham.a", [tmp_path / "ham.o"])
    choice = choice_of(work, "_ssl", "math", add=[f"spam={tmp_path}/spam.o,{tmp_path}/libham.a,-lncurses"])
    added = work / "python/build/added/spam"
    added.mkdir(parents=True)
    for name in ("spam.o", "libham.a"):
        (added / name).write_bytes((tmp_path / name).read_bytes())
    for path in (work / "link").iterdir():
        path.unlink()
    (work / "link").rmdir()
    compiler = FakeClang(work)
    link(choice.wanted, compiler)
    assert (work / "python" / HIDDEN).read_text() == "_ham\n"
    assert {"python/build/added/spam/libham.a", "-lncurses"} <= set(compiler.told["link libpython"])


def test_objects_for_another_processor(work: Path, tmp_path: Path) -> None:
    with pytest.raises(RelinkError, match=r"found a compiler for Mach-O processor x86_64, expected .*arm64"):
        link(choice_of(work, "_ssl").wanted, FakeClang(work, "x86_64"))
    (tmp_path / "spam.o").write_bytes(make_macho_object(["PyInit_spam"], arch="x86_64"))
    with pytest.raises(RelinkError, match="an object for Mach-O processor x86_64"):
        choice_of(work, add=[f"spam={tmp_path}/spam.o"])


def test_an_interpreter_for_both_processors_is_refused(work: Path) -> None:
    slices = {arch: make_macho(PROGRAM, arch=arch) for arch in ("x86_64", "arm64")}
    program = work / "python/install/bin/python3.13"
    program.write_bytes(make_universal(slices))
    assert machine_of(program) == "Mach-O processor x86_64+arm64"
    with pytest.raises(RelinkError, match="found code for 2 processors, expected one"):
        link(DESCRIBED, FakeClang(work))


def test_what_others_leave_unsaid_has_room_for_install_names() -> None:
    assert "-Wl,-headerpad_max_install_names" in DARWIN_LIBRARY_LDFLAGS


def test_a_static_library_as_macos_has_it(tmp_path: Path) -> None:
    contents = {"a.o": make_macho_object(["one", "two"]), "a_rather_long_name.o": make_macho_object(["three"]) + b"x"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    path = tmp_path / "lib.a"
    write_library(path, [tmp_path / name for name in contents])
    data = path.read_bytes()
    read = dict(library_members(data, "lib.a"))
    assert {name: bytes(content).rstrip(b"\0") for name, content in read.items()} == {
        name: content.rstrip(b"\0") for name, content in contents.items()
    }
    assert [(name, set(symbols.defined)) for name, symbols in library_symbols(path)] == [
        ("a.o", {"one", "two"}), ("a_rather_long_name.o", {"three"})
    ]  # fmt: skip
    # The index: where each name's member begins; every content lies at a multiple of eight.
    start = 8 + 60 + int(data[8:24].split()[0][3:])
    (rows,) = struct.unpack_from("<I", data, start)
    entries = list(struct.iter_unpack("<II", data[start + 4 : start + 4 + rows]))
    texts = data[start + 8 + rows :]
    assert [texts[place : texts.index(b"\0", place)] for place, _ in entries] == [b"_one", b"_two", b"_three"]
    for offset in {offset for _, offset in entries}:
        header = data[offset : offset + 60]
        assert header[58:] == b"`\n"
        begin = offset + 60 + int(header[:16].split()[0][3:])
        assert begin % 8 == 0
        assert data[begin : begin + 4] == contents["a.o"][:4]
    write_library(tmp_path / "again.a", [tmp_path / name for name in contents])
    assert (tmp_path / "again.a").read_bytes() == data
