from __future__ import annotations

import ctypes.util
from pathlib import Path

import pytest

from pythonbuild.debian.glibc_floor import (
    FloorError,
    Library,
    Symbol,
    make_sysroot,
    newer_names,
    parse_version,
    patch_headers,
    read_library,
    rename_functions,
    select,
    stub_assembly,
    version_number,
    version_script,
)

FLOOR = (2, 17)


def symbol(
    name: str, version: str, *, default: bool = True, kind: str = "function", place: int = 0, size: int = 8
) -> Symbol:
    return Symbol(name, f"GLIBC_{version}", default, kind, False, (1, place), size)


def kept(*symbols: Symbol) -> list[str]:
    return [f"{s.name}{'@@' if s.default else '@'}{s.version}" for s in select(symbols, FLOOR)]


def test_versions() -> None:
    assert parse_version("2.17") == (2, 17)
    assert version_number("GLIBC_2.2.5") == (2, 2, 5)
    assert version_number("GLIBC_PRIVATE") is None
    assert (2, 2, 5) < (2, 17) < (2, 17, 1)


def test_a_name_without_a_version_up_to_the_floor_is_gone() -> None:
    assert kept(symbol("getrandom", "2.25"), symbol("_dl_init", "PRIVATE")) == []


def test_the_real_default_stays() -> None:
    assert kept(symbol("memcpy", "2.2.5", default=False), symbol("memcpy", "2.14")) == [
        "memcpy@GLIBC_2.2.5",
        "memcpy@@GLIBC_2.14",
    ]


def test_a_default_above_the_floor_moves_down() -> None:
    assert kept(symbol("exp", "2.29"), symbol("exp", "2.2.5", default=False)) == ["exp@@GLIBC_2.2.5"]


def test_a_name_without_a_default_stays_without() -> None:
    assert kept(symbol("sys_nerr", "2.4", default=False), symbol("sys_nerr", "2.12", default=False)) == [
        "sys_nerr@GLIBC_2.4",
        "sys_nerr@GLIBC_2.12",
    ]


def test_newer_names_are_those_no_library_has() -> None:
    one = Library("libc.so.6", (symbol("getrandom", "2.25"), symbol("pthread_x", "2.34"), symbol("exp", "2.29")))
    two = Library("libpthread.so.0", (symbol("pthread_x", "2.2.5"), symbol("exp", "2.2.5", default=False)))
    assert newer_names([one, two], FLOOR) == {"getrandom"}


def test_aliases_share_one_place_of_the_largest_size() -> None:
    text = stub_assembly(
        [
            symbol("__environ", "2.2.5", kind="object", place=64),
            symbol("environ", "2.2.5", kind="object", place=64, size=16),
            symbol("stdin", "2.2.5", kind="object", place=128),
        ]
    )
    group = text[text.index("stub_0") : text.index(".zero 16")]
    assert "stub_1:" in group
    assert "stub_2:" not in group
    assert text.count(".balign 64") == 2


def test_symbols_keep_kind_binding_and_default() -> None:
    text = stub_assembly([symbol("errno", "2.2.5", kind="tls_object", default=False), symbol("open", "2.2.5")])
    assert ".symver stub_0, errno@GLIBC_2.2.5, remove" in text
    assert ".type stub_0, %tls_object" in text
    assert ".symver stub_1, open@@GLIBC_2.2.5, remove" in text


def test_version_nodes_are_in_order() -> None:
    script = version_script([symbol("a", "2.14"), symbol("b", "2.2.5"), symbol("c", "2.4"), symbol("d", "2.2.5")])
    assert script == "GLIBC_2.2.5 { };\nGLIBC_2.4 { };\nGLIBC_2.14 { };\n"


def test_functions_are_renamed_wherever_they_stand() -> None:
    text = (
        "/* getrandom (2) */\nextern int getrandom (void *b);\nextern int my_getrandom(int);\n"
        "extern int __REDIRECT (getrandom, (int), getrandom64);\nint getrandom;\n"
    )
    assert rename_functions(text, {"getrandom"}) == (
        "/* getrandom (2) */\nextern int __glibc_newer_getrandom (void *b);\nextern int my_getrandom(int);\n"
        "extern int __REDIRECT (__glibc_newer_getrandom, (int), getrandom64);\nint getrandom;\n"
    )
    assert rename_functions(text, set()) == text


FCNTL = """\
#ifndef __USE_FILE_OFFSET64
extern int fcntl (int __fd, int __cmd, ...);
#else
# ifdef __REDIRECT
extern int __REDIRECT (fcntl, (int __fd, int __cmd, ...), fcntl64);
# endif
#endif
#ifdef __USE_LARGEFILE64
extern int fcntl64 (int __fd, int __cmd, ...);
#endif
"""


@pytest.fixture
def include(tmp_path: Path) -> Path:
    for name in ("x86_64-linux-gnu/sys", "linux"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "features.h").write_text("#define\t__GLIBC__\t2\n#define\t__GLIBC_MINOR__\t31\n")
    (tmp_path / "stdc-predef.h").write_text("#ifndef X\n#define X 1\n\n#endif\n")
    (tmp_path / "fcntl.h").write_text(FCNTL)
    (tmp_path / "threads.h").write_text("")
    (tmp_path / "x86_64-linux-gnu/sys/random.h").write_text("")
    (tmp_path / "linux/random.h").write_text("int getrandom (int);\n")
    (tmp_path / "x86_64-linux-gnu/sys/uio.h").write_text("ssize_t __REDIRECT (preadv2, (int), preadv64v2);\n")
    return tmp_path


def test_headers_become_those_of_the_floor(include: Path) -> None:
    patch_headers(include, "x86_64-linux-gnu", {"fcntl64", "getrandom", "preadv2", "preadv64v2"}, FLOOR)
    assert "__GLIBC_MINOR__\t17" in (include / "features.h").read_text()
    assert (include / "stdc-predef.h").read_text().endswith("#define __STDC_NO_THREADS__ 1\n\n#endif\n")
    fcntl = (include / "fcntl.h").read_text()
    assert "# ifdef __REDIRECT\nextern int fcntl (int __fd, int __cmd, ...);\n" in fcntl
    assert 'extern int fcntl64 (int __fd, int __cmd, ...) __asm__ ("fcntl");' in fcntl
    assert not (include / "threads.h").exists()
    assert not (include / "x86_64-linux-gnu/sys/random.h").exists()
    assert (include / "linux/random.h").read_text() == "int getrandom (int);\n"
    assert "__glibc_newer_preadv2" in (include / "x86_64-linux-gnu/sys/uio.h").read_text()


def test_a_higher_floor_keeps_what_it_has(include: Path) -> None:
    patch_headers(include, "x86_64-linux-gnu", set(), (2, 28))
    assert (include / "fcntl.h").read_text() == FCNTL
    assert (include / "threads.h").exists()
    assert (include / "x86_64-linux-gnu/sys/random.h").exists()
    assert "__STDC_NO_THREADS__" not in (include / "stdc-predef.h").read_text()


def test_a_redirect_of_an_old_name_to_a_new_one_is_an_error(include: Path) -> None:
    (include / "stdlib.h").write_text("extern long __REDIRECT (strtol, (char *s), __isoc23_strtol);\n")
    with pytest.raises(FloorError, match=r"stdlib\.h: found a redirect of strtol to __isoc23_strtol"):
        patch_headers(include, "x86_64-linux-gnu", {"__isoc23_strtol"}, FLOOR)


def test_headers_that_are_not_understood_are_an_error(include: Path) -> None:
    (include / "features.h").write_text("#define __GLIBC__ 2\n")
    with pytest.raises(FloorError, match=r"features\.h: found 0 places"):
        patch_headers(include, "x86_64-linux-gnu", set(), FLOOR)


def test_packages_without_a_c_library_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(FloorError, match=r"found no libc\.so\.\*"):
        make_sysroot(tmp_path / "debian", tmp_path / "out", tmp_path, "x86_64-linux-gnu", FLOOR, ["clang"])


def test_a_file_that_is_no_library_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "libc.so.6").write_bytes(b"/* GNU ld script */")
    with pytest.raises(FloorError, match="expected a 64-bit little-endian ELF"):
        read_library(tmp_path / "libc.so.6")


def test_the_machine_s_own_c_library_can_be_read() -> None:
    places = [place for place in Path("/lib").glob("*-linux-gnu/libc.so.6") if place.read_bytes()[4] == 2]
    if not places or ctypes.util.find_library("c") is None:
        pytest.skip("no 64-bit glibc here")
    library = read_library(places[0])
    assert library.soname == "libc.so.6"
    by_name = {symbol.name: symbol for symbol in library.symbols if symbol.default}
    assert by_name["malloc"].kind == "function"
    assert by_name["environ"].place == by_name["__environ"].place
