"""Every check passes on a small distribution that is right, and fails on one where one thing is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pythonbuild.cpython.leaving_out import NO_TESTS, NO_TK, WITHOUT
from pythonbuild.distribution.archive import pack
from pythonbuild.distribution.later_json import to_later
from pythonbuild.distribution.left_out import Record
from pythonbuild.distribution.python_json import read_python_json
from pythonbuild.errors import UsageError, ValidationError
from pythonbuild.validation import macho, pe, provenance, tell_gil
from pythonbuild.validation.validate import CHECKS, validate
from tests.unit.distribution.elfmaker import make_library, make_object, make_shared
from tests.unit.distribution.trees import API, CONFIG_C, TARGET, make_libpython, make_program
from tests.unit.validation.bench import EXPECTED, Bench, assert_refused, edit, extension, put, remove
from tests.unit.validation.rooms import FakeEnvironment


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_right(bench: Bench) -> None:
    report = bench.run()
    assert [line for result in report.failed for line in result.lines()] == []
    assert [result.id for result in report.results] == [check.id for check in CHECKS]
    # What packing settles is looked at in test_structure.py, what an SBOM is needed for in test_provenance.py.
    assert {result.id for result in report.results if result.outcome != "passed"} == {
        "structure-first-member", "structure-modes", "structure-owners", "structure-order",
        *(check.id for check in (*provenance.CHECKS, *macho.CHECKS, *pe.CHECKS)),
    }  # fmt: skip


def suite(room: str, **changes: Any) -> Callable[[Bench], None]:
    def change(bench: Bench) -> None:
        environment = bench.rooms[room].environment
        assert isinstance(environment, FakeEnvironment)
        vars(environment).update(changes)

    return change


def left_out(
    extensions: dict[str, str] | None = None, packages: dict[str, str] | None = None, files: Sequence[str] = ()
) -> Callable[[Bench], None]:
    """Write the record of what was left out, and files of the standard library."""

    def change(bench: Bench) -> None:
        bench.write("build/left-out.json", Record(extensions or {}, packages or {}).to_text())
        for path in files:
            bench.write(f"install/lib/python3.13/{path}", "")

    return change


DONE = '{"done": true}'

LIBC = {"name": "c", "path_static": None, "path_dynamic": None, "framework": False, "system": True}

PROFILE = {"profdata": "build/cpython-build.json", "sha256": "ab" * 32, "functions": 9, "functions_run": 9, "unused": 0,
           "hottest": []}  # fmt: skip

#: (what is spoilt, the check that must see it, words of its finding)
CASES: dict[str, tuple[Callable[[Bench], object], str, str]] = {
    "no description": (remove("PYTHON.json"), "metadata-format", "PYTHON.json: not there"),
    "not JSON": (put("PYTHON.json", "{"), "metadata-format", "not JSON"),
    "a key is missing": (edit(lambda p: p.pop("python_exe")), "metadata-format", "python_exe: found no such key"),
    "another format": (edit(lambda p: p.update(version="9")), "metadata-format", 'version: found \'9\', expected "0"'),
    "a format of variants": (edit(lambda p: p.update(version="8")), "metadata-format",
                             "expected a list of variants, as format 8 has it"),
    "a key that nobody knows": (edit(lambda p: p["build_info"]["core"].update(obj=[])), "metadata-schema",
                                "build_info.core.obj: unknown key"),
    "a key with a default is missing": (edit(lambda p: p["build_info"]["extensions"]["math"].pop("required")),
                                        "metadata-schema", "build_info.extensions.math.required: missing"),
    "a hash that is none": (edit(lambda p: p["sources"][1].update(sha256="ab")), "metadata-schema",
                            "sources[1].sha256: 'ab', expected the form"),
    "a value of another kind": (edit(lambda p: p.update(python_flavor="pypy")), "metadata-schema",
                                "python_flavor: 'pypy', expected 'cpython'"),
    "a variable that is another": (edit(lambda p: p["interpreter"]["python_config_vars"].update(prefix="/usr")),
                                   "metadata-interpreter", 'python_config_vars.prefix: "/usr", the interpreter says'),
    "a variable too many": (edit(lambda p: p["interpreter"]["python_config_vars"].update(A="1")),
                            "metadata-interpreter", "python_config_vars.A: the interpreter does not know it"),
    "a variable too few": (edit(lambda p: p["interpreter"]["python_config_vars"].pop("SOABI")),
                           "metadata-interpreter", 'python_config_vars.SOABI: not said, the interpreter says "cpy'),
    "no profile with PGO": (edit(lambda p: p.update(build_options="pgo+lto")), "metadata-profile",
                            "profile: none, the build options are pgo+lto"),
    "a profile without PGO": (edit(lambda p: p.update(profile=PROFILE)), "metadata-profile",
                              "profile: there is one, the build options are noopt"),
    "another profile": (edit(lambda p: p.update(profile=PROFILE)), "metadata-profile",
                        f"profile.sha256: {PROFILE['sha256']}, build/cpython-build.json has"),
    "no profile of LLVM": (edit(lambda p: p.update(profile=PROFILE)), "metadata-profile",
                           "build/cpython-build.json: begins with"),
    "another tag": (edit(lambda p: p["interpreter"].update(python_tag="cp312")), "metadata-interpreter",
                    'python_tag: "cp312", the interpreter says "cp313"'),
    "a version that it has not": (suite("system", facts=['FACTS {"python_version": "3.13.4"}']), "metadata-interpreter",
                                  'python_version: "3.13.5", the interpreter says "3.13.4"'),
    "an interpreter that does not answer": (suite("system", facts=[]), "metadata-interpreter",
                                            "install/bin/python3.13: says nothing of itself: found status 1: no outp"),
    "headers of a Python without the GIL": (
        put("install/include/python3.13/pyconfig.h", "#define Py_GIL_DISABLED 1\n"),
        "metadata-gil", "python3.13/pyconfig.h: defines Py_GIL_DISABLED, the build options are noopt"),
    "headers of a Python with the GIL": (
        edit(lambda p: p.update(build_options="freethreaded+noopt")),
        "metadata-gil", "pyconfig.h: does not define Py_GIL_DISABLED, the build options are freethreaded+noopt"),
    "a tag of the ABI without the GIL": (
        edit(lambda p: p["interpreter"].update(python_abi_tag="cp313td")),
        "metadata-gil", "python_abi_tag: cp313td, the build options are noopt"),
    "a GIL that should be off": (
        edit(lambda p: p.update(build_options="freethreaded+noopt")),
        "metadata-gil", "bin/python3.13: the GIL is on, the build options are freethreaded+noopt"),
    "a GIL that should be on": (
        suite("system", gil=['GIL {"at_start": false, "turned_on_by": null}']),
        "metadata-gil", "bin/python3.13: the GIL is off, the build options are noopt"),
    "a module that turns the GIL on": (
        suite("system", gil=['GIL {"at_start": false, "turned_on_by": "_ssl"}']),
        "metadata-gil", "bin/python3.13: importing _ssl turns the GIL on"),
    "an interpreter that does not tell of its GIL": (
        suite("system", gil=[]), "metadata-gil", "bin/python3.13: says nothing of itself: found status 1: no output"),
    "a newer C library than is said": (
        put("install/lib/python3.13/lib-dynload/_testcapi.so",
            make_shared("", ["libc.so.6"], ["PyInit__testcapi"], versions={"libc.so.6": ["GLIBC_2.17", "GLIBC_2.18"]})),
        "metadata-interpreter", "glibc-max-symbol-version:2.17, the files ask for glibc-dynamic glibc-max-symbol-versio"
    ),
    "a path of the interpreter's is not there": (
        edit(lambda p: p["interpreter"]["python_paths"].update(scripts="install/sbin")),
        "metadata-paths", "interpreter.python_paths.scripts: install/sbin is not in the archive",
    ),
    "an object is gone": (remove("build/Modules/_ssl.o"), "metadata-paths",
                          "build_info.extensions._ssl.objs[0]: build/Modules/_ssl.o is not in the archive"),
    "a licence text is gone": (remove("licenses/LICENSE.openssl.txt"), "metadata-paths", "LICENSE.openssl.txt is not"),
    "a path leads out": (edit(lambda p: p.update(python_exe="install/../../x")), "metadata-paths",
                         "python_exe: install/../../x is not a path below"),
    "a path is absolute": (edit(lambda p: p.update(python_include="/usr/include")), "metadata-paths",
                           "python_include: /usr/include is not a path below"),
    "another triple": (edit(lambda p: p.update(target_triple="x")), "metadata-target", "target_triple: x, expected"),
    "another version": (edit(lambda p: p.update(python_version="3.13.6")), "metadata-target",
                        "python_version: 3.13.6, install/include/python3.13/patchlevel.h has 3.13.5"),
    "another series": (edit(lambda p: p.update(python_major_minor_version="3.1")), "metadata-target",
                       "python_major_minor_version: 3.1, of 3.13.5"),
    "an object for another processor": (put("build/Modules/mathmodule.o", make_object(["PyInit_math"], machine=183)),
                                        "metadata-object-files", "mathmodule.o: ELF machine 183 with 64 bits"),
    "an object of another size": (put("build/Modules/mathmodule.o", make_object(["PyInit_math"], bits=32)),
                                  "metadata-object-files", "with 32 bits, expected 62 with 64"),
    "a library's object for another processor": (
        put("build/lib/libssl.a", make_library({"ssl.o": make_object(["SSL_new"], machine=40)})),
        "metadata-object-files", "build/lib/libssl.a(ssl.o): ELF machine 40"),
    "a program among the objects": (put("build/Modules/mathmodule.o", make_shared("", [], ["PyInit_math"])),
                                    "metadata-object-files", "mathmodule.o: no relocatable object (ELF type 3)"),
    "bitcode nobody asked for": (put("build/Modules/mathmodule.o", b"BC\xc0\xde" + b"\0" * 40),
                                 "metadata-object-files", "LLVM bitcode in a build without link-time"),
    "an object is not listed": (edit(lambda p: p["build_info"]["core"]["objs"].pop()), "metadata-objects",
                                "build/Python/core.o: linked by CPython, not listed"),
    "an object is listed twice": (edit(lambda p: p["build_info"]["core"]["objs"].append("build/Modules/_ssl.o")),
                                  "metadata-objects", "build/Modules/_ssl.o: listed 2 times"),
    "an object nobody linked": (edit(lambda p: p["build_info"]["core"]["objs"].append("build/Modules/_hacl/Hacl.o")),
                                "metadata-objects", "Hacl.o: listed, not linked by CPython"),
    "an object nobody knows": (put("build/Modules/new.o", make_object(["new"])), "metadata-objects",
                               "build/Modules/new.o: in the archive, but not listed"),
    "an own library is not listed": (extension("_sha2", links=[]), "metadata-objects",
                                     "build/Modules/_hacl/libHacl.a: linked by CPython, in no links"),
    "a module that the table has not": (put("build/Modules/config.c", CONFIG_C.replace('{"math", PyInit_math},', "")),
                                        "metadata-inittab", "math: listed, not in build/Modules/config.c"),
    "a module that only the table has": (extension("math", linkage="shared"), "metadata-inittab",
                                         "math: in build/Modules/config.c, not listed"),
    "another init function in the table": (
        put("build/Modules/config.c", CONFIG_C.replace('"math", PyInit_math', '"math", PyInit_x')),
        "metadata-inittab", "math: init_fn PyInit_math, in build/Modules/config.c PyInit_x"),
    "another table for readers": (put("install/lib/python3.13/config-3.13-x/config.c", "{}"), "metadata-inittab",
                                  "config-3.13-x/config.c: not the same as build/Modules/config.c"),
    "a module is gone": (edit(lambda p: p["build_info"]["extensions"].pop("math")), "metadata-extensions",
                         "math: in CPython's build, not listed"),
    "a module too many": (edit(lambda p: p["build_info"]["extensions"].update(
        nis=p["build_info"]["extensions"]["math"])), "metadata-extensions", "nis: listed, not in CPython's build"),
    "a module linked otherwise": (extension("math", linkage="shared"), "metadata-extensions",
                                  "math: listed as shared, in CPython's build as builtin"),
    "a shared module nobody lists": (put("install/lib/python3.13/lib-dynload/x.so", make_program()),
                                     "metadata-extensions", "x.so: not the shared_lib of any extension"),
    "a module without objects": (extension("math", objs=[]), "metadata-ownership",
                                 "math: in_core is false with 0 objects"),
    "a shared module without file": (extension("_testcapi", shared_lib=None), "metadata-ownership",
                                     "_testcapi: linkage shared with shared_lib None"),
    "a module that is said to be left out": (
        edit(lambda p: p["omitted_extensions"].update(math=WITHOUT)), "metadata-left-out",
        "math: an extension module, and told to be left out"),
    "a module that the record has": (left_out({"math": WITHOUT}), "metadata-left-out",
                                     "math: an extension module, and told to be left out"),
    "a module that PYTHON.json does not tell of": (
        left_out({"_bz2": WITHOUT}), "metadata-left-out",
        f"omitted_extensions._bz2: None, in build/left-out.json '{WITHOUT}'"),
    "a module of the library that was left out": (left_out(packages={"os": NO_TK}), "metadata-left-out",
                                                  "os: in install/lib/python3.13, and told to be left out"),
    "a package of the library that was left out": (
        left_out(packages={"idlelib.idle_test": NO_TESTS}, files=["idlelib/idle_test/__init__.py"]),
        "metadata-left-out", "idlelib.idle_test: in install/lib/python3.13, and told"),
    "tests that were left out": (left_out(packages={"unittest.test": NO_TESTS}), "metadata-left-out",
                                 "python_stdlib_test_packages: test, and the tests were left out"),
    "Tcl that nothing needs": (edit(lambda p: p.update(tcl_library_path="install/lib")), "metadata-left-out",
                               "tcl_library_path: install/lib, and nothing is linked with Tcl"),
    "a record that is none": (put("build/left-out.json", "[]"), "metadata-left-out", "not a record of what was left"),
    "another init function": (extension("math", init_fn="PyInit_maths"), "metadata-init-functions",
                              "math: PyInit_maths is defined by none of its objects"),
    "no init function": (extension("math", init_fn="NULL"), "metadata-init-functions",
                         "math: init_fn is NULL, which only modules of the core may have"),
    "a core module's init function": (extension("marshal", init_fn="PyInit_marshal"), "metadata-init-functions",
                                      "marshal: PyInit_marshal is defined by none of the core objects"),
    "a library of the machine": (extension("math", links=[LIBC | {"name": "readline"}]), "metadata-links",
                                 "extensions.math: link readline: libreadline is no library of the target"),
    "a link from nowhere": (extension("math", links=[LIBC | {"system": False}]), "metadata-links",
                            "extensions.math: link c: expected one of a path, system and framework"),
    "a symbol of a library not listed": (extension("_ssl", links=[]), "metadata-symbols",
                                         "_ssl: SSL_new (used by build/Modules/_ssl.o) is defined nowhere"),
    "a symbol that a library needs": (
        edit(lambda p: p["build_info"]["extensions"]["_ssl"]["links"].pop()), "metadata-symbols",
        "_ssl: CRYPTO_malloc (used by build/lib/libssl.a(ssl.o)) is defined nowhere"),
    "a symbol the system has not": (put("build/Modules/mathmodule.o", make_object(["PyInit_math"], ["getrandom"])),
                                    "metadata-symbols", "math: getrandom (used by build/Modules/mathmodule.o)"),
    "a symbol only old programs see": (put("build/Modules/mathmodule.o", make_object(["PyInit_math"], ["ancient"])),
                                       "metadata-symbols", "math: ancient"),
    "a symbol of the core": (put("build/Python/core.o", make_object(
        ["Py_BytesMain", "PyModule_Create2", "PyMarshal_Init"], ["PyNew"])), "metadata-symbols", "core: PyNew"),
    "a library that is none": (put("build/lib/libssl.a", "<html>"), "metadata-symbols", "not a static library"),
    "a damaged object": (put("build/Modules/_ssl.o", make_object(["PyInit__ssl"])[:80]), "metadata-symbols",
                         "damaged ELF file"),
    "a library without source": (edit(lambda p: p["sources"].pop()), "metadata-licences",
                                 "build/lib/libcrypto.a: linked, but no entry of sources has it"),
    "a source without licence": (edit(lambda p: p["sources"][1].update(license="")), "metadata-licences",
                                 "sources: openssl has no licence"),
    "an empty licence text": (put("licenses/LICENSE.openssl.txt", ""), "metadata-licences",
                              "sources: openssl has no licence text"),
    "no licence of CPython": (edit(lambda p: p.update(licenses=[])), "metadata-licences", "CPython's own licence"),
    "a module without licence text": (extension("_ssl", license_paths=[]), "metadata-licences",
                                      "_ssl: licence texts none, of its links licenses/LICENSE.openssl.txt"),
    "a module without its licence": (extension("_ssl", licenses=[]), "metadata-licences",
                                     "_ssl: licences none, of its links Apache-2.0"),
    "another processor": (put("install/bin/python3.13", make_program(machine=183)), "elf-machine",
                          "install/bin/python3.13: ELF machine 183, expected 62 (x86_64)"),
    "a newer glibc": (put("install/bin/python3.13", make_program(versions={"libc.so.6": ["GLIBC_2.17", "GLIBC_2.34"]})),
                      "elf-glibc-floor", "bin/python3.13: needs GLIBC_2.34 of libc.so.6, the floor is GLIBC_2.17"),
    "a newer glibc, in a test module": (
        put("install/lib/python3.13/lib-dynload/_testcapi.so", make_program(versions={"libm.so.6": ["GLIBC_2.29"]})),
        "elf-glibc-floor", "lib-dynload/_testcapi.so: needs GLIBC_2.29 of libm.so.6"),
    "a private glibc": (put("install/bin/python3.13", make_program(versions={"libc.so.6": ["GLIBC_PRIVATE"]})),
                        "elf-glibc-floor", "needs GLIBC_PRIVATE"),
    "a new loader": (put("install/bin/python3.13", make_program(versions={"libc.so.6": ["GLIBC_ABI_DT_RELR"]})),
                     "elf-glibc-floor", "needs GLIBC_ABI_DT_RELR"),
    "a library not everywhere": (put("install/bin/python3.13", make_program(needed=["libssl.so.3"])), "elf-needed",
                                 "install/bin/python3.13: needs libssl.so.3"),
    "a search path of the build": (put("install/lib/libpython3.so", make_shared("libpython3.so", rpath="/x")),
                                   "elf-rpath", "install/lib/libpython3.so: searches /x"),
    "a damaged program": (put("install/bin/python3.13", make_program()[:100]), "elf-needed", "damaged ELF file"),
    "an exported dependency": (put("install/bin/python3.13", make_program(exports=[*API, "SSL_new"])),
                               "elf-exports", "install/bin/python3.13: exports SSL_new of build/lib/libssl.a"),
    "a dependency exported by libpython": (
        put("install/lib/libpython3.13.so.1.0", make_libpython(exports=[*API, "BN_new"])),
        "elf-exports", "libpython3.13.so.1.0: exports BN_new of build/lib/libcrypto.a"),
    "a Python that does not start": (suite("system", status=127, lines=["not found"]), "behaviour-system",
                                     "install/bin/python3.13: the suite ended with status 127: not found"),
    "a Python that crashes": (
        suite("oldest-cpu", status=132, lines=['{"begin": "import _ssl"}', "Illegal instruction"]),
        "behaviour-oldest-cpu", "import _ssl: the interpreter ended in it with status 132: Illegal instruction"),
    "a suite cut short": (
        suite("system", lines=['{"begin": "import x"}', '{"end": "import x", "ok": true, "detail": ""}']),
        "behaviour-system", "ended with status 0"),
    "a suite without tests": (suite("system", lines=['{"done": true}']), "behaviour-system", "the suite ran no test"),
    "a module that does not import": (
        suite("glibc-floor", lines=['{"end": "import _ssl", "ok": false, "detail": "ImportError: x"}', DONE]),
        "behaviour-glibc-floor", "import _ssl: ImportError: x"),
    "a dependency that does not work": (
        suite("glibc-floor", lines=['{"end": "work zlib", "ok": false, "detail": "AssertionError: x"}', DONE]),
        "behaviour-glibc-floor", "work zlib: AssertionError: x"),
}  # fmt: skip


def test_a_free_threaded_build_is_right(bench: Bench) -> None:
    bench.edit(lambda plain: plain.update(build_options="freethreaded+noopt"))
    bench.edit(lambda plain: plain["interpreter"].update(python_abi_tag="cp313t"))
    bench.write("install/include/python3.13/pyconfig.h", "#define Py_DEBUG 1\n#define Py_GIL_DISABLED 1\n")
    suite("system", gil=['GIL {"at_start": false, "turned_on_by": null}'])(bench)
    (result,) = [result for result in bench.run().results if result.id == "metadata-gil"]
    assert result.outcome == "passed", result.lines()
    environment = bench.rooms["system"].environment
    assert isinstance(environment, FakeEnvironment)
    assert environment.gil_modules == ["_sha2", "_ssl", "builtins", "marshal", "math", "posix"], "no test modules"
    (result,) = [result for result in bench.run(rooms={}).results if result.id == "metadata-gil"]
    assert result.outcome == "not applicable"


def test_the_program_that_tells_of_the_gil(tmp_path: Path) -> None:
    """By this very interpreter, and with what a free-threaded one would answer."""
    program = Path(tell_gil.__file__)
    done = subprocess.run([sys.executable, "-I", program, "json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.removeprefix("GIL ")) == {"at_start": tell_gil.has_gil(), "turned_on_by": None}
    code = "import runpy, sys; sys._is_gil_enabled = lambda: 'colorsys' in sys.modules;"
    code += "sys.argv = ['x', 'no_such', 'json', 'colorsys', 'this'];"
    code += f"runpy.run_path({str(program)!r}, None, '__main__')"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.removeprefix("GIL ")) == {"at_start": False, "turned_on_by": "colorsys"}


@pytest.mark.parametrize("name", CASES)
def test_wrong(bench: Bench, name: str) -> None:
    spoil, identifier, words = CASES[name]
    spoil(bench)
    report = bench.run()
    assert_refused(report, identifier, words)
    with pytest.raises(ValidationError, match=identifier) as caught:
        report.raise_if_failed("x")
    assert caught.value.reason == "validation"
    assert "\n" not in str(caught.value)


def test_expected_extensions(bench: Bench) -> None:
    report = bench.run(expected={**EXPECTED, "nis": "builtin"})
    assert [result.id for result in report.failed] == ["metadata-extensions"]
    assert report.failed[0].findings == ("nis: in the extension modules' file, not listed",)


@pytest.mark.parametrize("version", ["0", "8"])
def test_what_was_left_out_on_demand_is_not_missed(bench: Bench, version: str) -> None:
    if version == "8":
        document = read_python_json((bench.top / "PYTHON.json").read_text())
        bench.write("PYTHON.json", to_later(document, version).to_text())
    else:
        bench.edit(lambda plain: plain["omitted_extensions"].update(_bz2=WITHOUT))
    assert [result.id for result in bench.run(expected={**EXPECTED, "_bz2": "builtin"}).failed] == (
        ["metadata-extensions"] if version == "8" else []
    )
    left_out({"_bz2": WITHOUT}, {"tkinter": NO_TK})(bench)
    assert bench.run(expected={**EXPECTED, "_bz2": "builtin"}).ok
    environment = bench.rooms["system"].environment
    assert isinstance(environment, FakeEnvironment)
    assert {"_bz2", "tkinter"} <= set(environment.suites[-1]["omitted"]), "the suite in the rooms is told"


def test_what_does_not_apply_says_why(bench: Bench) -> None:
    bench.edit(lambda plain: plain.update(build_options="lto"))
    bench.write("build/Modules/_ssl.o", b"BC\xc0\xde" + b"\0" * 40)
    (bench.top / "build/cpython-build.json").unlink()
    report = bench.run(sysroot=None, rooms={"system": "no environment here"})
    outcomes = {result.id: result for result in report.results}
    assert report.ok, report.lines()
    for identifier, words in {
        "metadata-objects": "cpython-build.json is not there",
        "metadata-symbols": "C library is not at hand",
        "metadata-init-functions": "is LLVM bitcode",
        "elf-exports": "is LLVM bitcode",
        "behaviour-system": "no environment here",
        "behaviour-oldest-cpu": "no such room",
    }.items():
        assert outcomes[identifier].outcome == "not applicable"
        assert words in outcomes[identifier].findings[0]


def test_archives_are_unpacked(bench: Bench, tmp_path: Path) -> None:
    path = pack(bench.out, tmp_path / "x.tar.zst", 0).path
    assert validate(path, TARGET, sysroot=bench.sysroot, expected=EXPECTED).ok


def test_skip(bench: Bench) -> None:
    remove("licenses/LICENSE.openssl.txt")(bench)
    assert bench.run(skip=["metadata-paths", "metadata-licences"]).ok
    with pytest.raises(UsageError, match="--skip: unknown check: found elf-x, expected one of structure-readable, "):
        bench.run(skip=["elf-x"])


def test_a_skipped_room_is_not_entered(bench: Bench) -> None:
    bench.run(skip=["behaviour-system"])
    entered = {name: len(room.environment.commands) for name, room in bench.rooms.items()
               if isinstance(room.environment, FakeEnvironment)}  # fmt: skip
    assert entered == {"system": 0, "glibc-floor": 1, "oldest-cpu": 1}


def test_what_the_suite_skipped_is_shown_and_no_failure(bench: Bench) -> None:
    suite("system", lines=['{"end": "work zlib", "ok": true}', DONE,
                           '{"end": "work Tk", "ok": true, "skipped": "no DISPLAY"}'])(bench)  # fmt: skip
    report = bench.run()
    assert report.ok
    assert "    (work Tk skipped: no DISPLAY)" in report.lines()
    assert "    (1 tests ran)" in report.lines()


def test_many_findings_are_counted(bench: Bench) -> None:
    names = [f"missing{index}" for index in range(30)]
    bench.write("build/Modules/mathmodule.o", make_object(["PyInit_math"], names))
    report = bench.run()
    lines = report.failed[0].lines()
    assert len(lines) == 22
    assert lines[-1] == "    and 10 more"


def test_results_are_told_at_once(bench: Bench) -> None:
    told: list[str] = []
    report = bench.run(note=told.append)
    assert told == report.lines()


def test_sysroot_without_a_c_library(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    report = bench.run(sysroot=tmp_path / "empty")
    assert "empty: no C library" in report.failed[0].findings[0]


def test_first_definition_of_a_name_is_taken(bench: Bench) -> None:
    # Two members define the name; only the first is linked, so only its needs count.
    library = make_library({"a.o": make_object(["SSL_new"], ["CRYPTO_malloc"]),
                            "b.o": make_object(["SSL_new"], ["nowhere"])})  # fmt: skip
    bench.write("build/lib/libssl.a", library)
    assert bench.run().ok
