"""How programs and libraries are linked and compiled: each protection left out is seen by its check."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pythonbuild.validation.validate import validate
from tests.unit.distribution.elfmaker import (
    BIND_NOW,
    PT_GNU_RELRO,
    PT_GNU_STACK,
    PT_LOAD,
    SEGMENTS,
    TEXTREL,
    make_library,
    make_object,
    make_shared,
)
from tests.unit.distribution.trees import API, CHECKED, TARGET, make_libpython, make_program
from tests.unit.validation.bench import Bench, assert_refused, edit, put, remove

PROGRAM, LIBRARY = "install/bin/python3.13", "install/lib/libpython3.13.so.1.0"
STABLE, SHARED = "install/lib/libpython3.so", "install/lib/python3.13/lib-dynload/_testcapi.so"


def without(kind: int, *more: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    return (*(segment for segment in SEGMENTS if segment[0] != kind), *more)


def crowd(bench: Bench) -> None:
    """Give the core as many objects as a real one has, none of them protected."""
    for index in range(30):
        bench.write(f"build/Python/more{index}.o", make_object([f"more{index}"], ["malloc"]))
    bench.edit(lambda plain: plain["build_info"]["core"]["objs"].extend(
        f"build/Python/more{index}.o" for index in range(30)))  # fmt: skip


BIG_LIBRARY = make_library({"ssl.o": make_object(["SSL_new"], ["CRYPTO_malloc"]),
                            **{f"x{index}.o": make_object([f"x{index}"]) for index in range(20)}})  # fmt: skip

#: (what is spoilt, the check that must see it, words of its finding)
CASES: dict[str, tuple[Callable[[Bench], object], str, str]] = {
    "the interpreter is a script": (put(PROGRAM, "#!/bin/sh\n"), "elf-machine", f"{PROGRAM}: no ELF file"),
    "a loader of the build": (put(PROGRAM, make_program(interpreter="/tools/lib/ld-linux-x86-64.so.2")), "elf-loader",
                              "is started by /tools/lib/ld-linux-x86-64.so.2"),
    "another C library's loader": (put(PROGRAM, make_program(interpreter="/lib/ld-musl-x86_64.so.1")), "elf-loader",
                                   "is started by /lib/ld-musl-x86_64.so.1"),
    "a function is not exported": (put(LIBRARY, make_libpython(exports=API[:-1])), "elf-libpython",
                                   f"{LIBRARY}: does not export _PyImport_Inittab, which the objects define"),
    "a function too many": (put(PROGRAM, make_program(exports=[*API, "PyForgotten"])), "elf-libpython",
                            f"{PROGRAM}: exports PyForgotten, which no object defines"),
    "no stable ABI": (remove(STABLE), "elf-stable-abi", f"{STABLE}: no shared library"),
    "the stable ABI of another version": (
        put(STABLE, make_shared("libpython3.so", ["libpython3.12.so.1.0"])), "elf-stable-abi",
        "needs libpython3.12.so.1.0, expected libpython3.13.so.1.0 among it"),
    "libpython by another name": (put(LIBRARY, make_shared("libpython.so", [], API, imports=CHECKED)),
                                  "elf-stable-abi", "soname libpython.so, expected its own file name"),
    "an executable stack": (put(PROGRAM, make_program(segments=without(PT_GNU_STACK, (PT_GNU_STACK, 7)))),
                            "hardening-stack", f"{PROGRAM}: asks for an executable stack"),
    "no word on the stack": (put(SHARED, make_shared(segments=without(PT_GNU_STACK))), "hardening-stack",
                             f"{SHARED}: has no PT_GNU_STACK header"),
    "no RELRO": (put(LIBRARY, make_libpython(segments=without(PT_GNU_RELRO))), "hardening-relro",
                 f"{LIBRARY}: has no PT_GNU_RELRO"),
    "lazy binding": (put(SHARED, make_shared(flags=0)), "hardening-bind-now", f"{SHARED}: does not say BIND_NOW"),
    "writable code": (put(PROGRAM, make_program(segments=(*SEGMENTS, (PT_LOAD, 7)))), "hardening-writable-code",
                      "is writable and executable"),
    "text relocations": (put(SHARED, make_shared(flags=BIND_NOW | TEXTREL)), "hardening-text-relocations",
                         f"{SHARED}: has text relocations"),
    "no stack protector": (put(PROGRAM, make_program(imports=CHECKED[1:])), "hardening-stack-protector",
                           f"{PROGRAM}: calls no __stack_chk_fail"),
    "a core without stack protector": (crowd, "hardening-stack-protector", "objects have a stack protector, expected"),
    "a library without stack protector": (put("build/lib/libssl.a", BIG_LIBRARY), "hardening-stack-protector",
                                          "build/lib/libssl.a: none of 21 members has a stack protector"),
    "no checked functions": (put(LIBRARY, make_libpython(imports=CHECKED[:4])), "hardening-fortify",
                             f"{LIBRARY}: calls 3 checked functions, expected 8 or more"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_wrong(tmp_path: Path, name: str) -> None:
    spoil, identifier, words = CASES[name]
    bench = Bench(tmp_path)
    spoil(bench)
    assert_refused(bench.run(), identifier, words)


def test_protections_are_read_in_both_classes_and_byte_orders(tmp_path: Path) -> None:
    for bits, order in ((64, "<"), (64, ">"), (32, "<"), (32, ">")):
        directory = tmp_path / f"{bits}{'little' if order == '<' else 'big'}"
        bench = Bench(directory)
        bench.write(SHARED, make_shared(flags=0, segments=without(PT_GNU_RELRO), bits=bits, order=order))
        bench.write(PROGRAM, make_program(interpreter="/x/ld.so", bits=bits, order=order))
        report = bench.run()
        for identifier in ("hardening-relro", "hardening-bind-now", "elf-loader"):
            assert_refused(report, identifier, SHARED if identifier.startswith("hard") else "/x/ld.so")


def test_a_debug_build_is_not_fortified(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    edit(lambda plain: plain.update(build_options="debug"))(bench)
    bench.write(LIBRARY, make_libpython(imports=CHECKED[:1]))
    result = next(result for result in bench.run().results if result.id == "hardening-fortify")
    assert (result.outcome, result.findings) == ("not applicable", ("a debug build",))


def test_a_debug_build_has_no_stable_abi(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    (bench.top / LIBRARY).rename(bench.top / "install/lib/libpython3.13d.so.1.0")
    edit(lambda plain: plain["build_info"]["core"].update(shared_lib="install/lib/libpython3.13d.so.1.0"))(bench)
    result = next(result for result in bench.run().results if result.id == "elf-stable-abi")
    assert result.outcome == "not applicable"


def test_a_tree_with_one_letter_wrong_everywhere_gives_findings_only(tmp_path: Path) -> None:
    """Whatever is in an ELF file, there is a finding and no exception."""
    bench = Bench(tmp_path)
    good = make_program()
    for position in range(0, len(good), 3):
        bench.write(PROGRAM, good[:position] + b"\xff" + good[position + 1 :])
        validate(bench.out, TARGET)
