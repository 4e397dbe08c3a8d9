"""A real archive, damaged in many ways: each damage is refused, by the check that is meant for it and by no other.

The table names the check, and those others that cannot help seeing the same damage.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pythonbuild.distribution.objectfile import PF_X, PT_GNU_RELRO, PT_GNU_STACK, PT_LOAD
from pythonbuild.validation import behaviour
from pythonbuild.validation.validate import CHECKS, Report
from tests.integration.validation.damage import (
    Original,
    StreamDamage,
    TreeDamage,
    add,
    alter,
    dynamic_entry,
    edit_bytes,
    edit_json,
    insert,
    last_first,
    link_tree,
    new_member,
    out_of_order,
    remove,
    segment,
    several,
    swap,
    without_segment,
    write_archive,
)

SYMLINK = tarfile.SYMTYPE
PROGRAM, LIBRARY = "install/bin/python3.1?", "install/lib/libpython3.*.so.1.0"
TEST_MODULE = "install/lib/python3.*/lib-dynload/_testcapi.*.so"
MATH = "build/Modules/mathmodule.o"
OS = "python/install/lib/python3.13/os.py"
_DT_DEBUG, _DT_RUNPATH, _DT_FLAGS, _DT_FLAGS_1, _DT_COMMENT = 21, 29, 30, 0x6FFFFFFB, 0x6FFFFEF4


def extension(name: str, change: Callable[[dict[str, Any]], object]) -> TreeDamage:
    return edit_json(lambda plain: change(plain["build_info"]["extensions"][name]))


def edit_sbom(change: Callable[[dict[str, Any]], object]) -> TreeDamage:
    def alter(data: bytearray) -> None:
        plain = json.loads(data)
        change(plain)
        data[:] = json.dumps(plain).encode()

    return edit_bytes("SBOM.cdx.json", alter)


def part(plain: dict[str, Any], reference: str) -> dict[str, Any]:
    return next(component for component in plain["components"] if component["bom-ref"] == reference)


def strip_checked(data: bytearray) -> None:
    """Rename every checked function that is imported, like a build without FORTIFY."""
    for name in (b"memcpy", b"memmove", b"memset", b"sprintf", b"snprintf", b"strcpy", b"strcat", b"strncpy",
                 b"strncat", b"printf", b"fprintf", b"vfprintf", b"vsnprintf", b"longjmp", b"syslog",
                 b"fdelt"):  # fmt: skip
        data[:] = data.replace(b"\0__" + name + b"_chk\0", b"\0__" + name + b"_chx\0")


#: Damages of the tree: (what, the check, others that see it too).
TREE: dict[str, tuple[TreeDamage, str, tuple[str, ...]]] = {
    "no description": (remove("PYTHON.json"), "metadata-format", ()),
    "half a description": (edit_bytes("PYTHON.json", lambda data: data.__delitem__(slice(5000, None))),
                           "metadata-format", ()),
    "a key that nobody knows": (edit_json(lambda plain: plain.update(python_exec="x")), "metadata-schema", ()),
    "an object is gone": (remove("build/Modules/mathmodule.o"), "metadata-paths",
                          ("metadata-objects", "metadata-extensions", "metadata-init-functions", "metadata-symbols",
                           "elf-exports", "elf-libpython", "provenance-complete")),
    "a licence text is gone": (lambda top: next(top.glob("licenses/*openssl*")).unlink(), "metadata-paths",
                               ("metadata-licences", "provenance-complete")),
    "another target": (edit_json(lambda plain: plain.update(target_triple="x86_64-unknown-linux-musl")),
                       "metadata-target", ()),
    "an object is not listed": (extension("math", lambda entry: entry["objs"].pop()), "metadata-objects",
                                ("metadata-ownership", "metadata-init-functions", "elf-libpython")),
    "an object for another processor": (edit_bytes(MATH, lambda data: data.__setitem__(18, 183)),
                                        "metadata-object-files", ()),
    "a library's member for another processor": (
        edit_bytes("build/lib/libz.a", lambda data: data.__setitem__(data.index(b"\x7fELF") + 18, 183)),
        "metadata-object-files", ()),
    "a module too few": (edit_json(lambda plain: plain["build_info"]["extensions"].pop("_csv")), "metadata-extensions",
                         ("metadata-objects", "metadata-inittab", "metadata-symbols", "elf-libpython")),
    "a shared module nobody knows": (
        lambda top: shutil.copyfile(next(top.glob(TEST_MODULE)), next(top.glob(TEST_MODULE)).with_name("other.so")),
        "metadata-extensions", ("provenance-complete",)),
    "a shared module is gone": (lambda top: next(top.glob(TEST_MODULE)).unlink(), "metadata-paths",
                                ("provenance-complete",)),
    "builtin, said to be in the core": (extension("math", lambda entry: entry.update(in_core=True)),
                                        "metadata-ownership", ("metadata-init-functions",)),
    "another init function": (extension("math", lambda entry: entry.update(init_fn="PyInit_maths")),
                              "metadata-init-functions", ("metadata-inittab", "metadata-symbols")),
    "a library of the machine": (
        extension("math", lambda entry: entry["links"].append({**entry["links"][0], "name": "readline"})),
        "metadata-links", ()),
    "a shared library that is not there": (
        add("install/lib/python3.13/link-choices.json",
            b'{"xz": {"kind": "shared", "libraries": {"lzma": "liblzma.so.5"}}}'),
        "metadata-link-choices", ("provenance-complete",)),
    "an init function that the table has not": (
        edit_bytes("build/Modules/config.c", swap(b"PyInit_zlib}", b"PyInit_zlob}")), "metadata-inittab", ()),
    "a module that is there is told to be left out": (
        edit_json(lambda plain: plain["omitted_extensions"].update(zlib="left out of the build (--without)")),
        "metadata-left-out", ()),
    "a profile that nobody trained": (
        edit_json(lambda plain: plain.update(profile={
            "profdata": "build/Makefile", "sha256": "ab" * 32, "functions": 9, "functions_run": 9, "unused": 0,
            "hottest": [],
        })), "metadata-profile", ()),
    "a C library that no file asks for": (edit_json(lambda plain: plain["interpreter"]["crt_features"].pop()),
                                          "metadata-interpreter", ()),
    "headers of a Python without the GIL": (
        edit_bytes("install/include/python3.*/pyconfig.h",
                   swap(b"/* #undef Py_GIL_DISABLED */", b"#define Py_GIL_DISABLED 1   ")), "metadata-gil", ()),
    "a link is left out": (extension("zlib", lambda entry: entry.update(links=[], licenses=[], license_paths=[])),
                           "metadata-symbols", ()),
    "an SBOM with a key of its own": (edit_sbom(lambda plain: plain.update(x=1)), "provenance-schema", ()),
    "an SBOM that knows less": (edit_sbom(lambda plain: part(plain, "ncurses").pop("evidence")), "provenance-complete",
                                ("provenance-sources",)),
    "an SBOM of another OpenSSL": (edit_sbom(lambda plain: part(plain, "openssl").update(version="3.0")),
                                   "provenance-sources", ()),
    "an SBOM of another compiler": (edit_sbom(lambda plain: part(plain, "tool:clang").update(version="19")),
                                    "provenance-tools", ()),
    "a licence is left out": (extension("zlib", lambda entry: entry.update(licenses=[])), "metadata-licences", ()),
    "the interpreter for another processor": (edit_bytes(PROGRAM, lambda data: data.__setitem__(18, 183)),
                                              "elf-machine", ()),
    "a newer glibc": (edit_bytes(PROGRAM, swap(b"\0GLIBC_2.17\0", b"\0GLIBC_2.38\0")), "elf-glibc-floor",
                      ("metadata-interpreter",)),
    "a library that is not everywhere": (edit_bytes(LIBRARY, swap(b"\0libm.so.6\0", b"\0libz.so.1\0")), "elf-needed",
                                         ()),
    "a loader of the build": (
        edit_bytes(PROGRAM, swap(b"\0/lib64/ld-linux-x86-64.so.2\0", b"\0/opt/x/ld-linux-x86-64.so.\0")), "elf-loader",
        ()),
    "a search path": (edit_bytes(TEST_MODULE, dynamic_entry(_DT_FLAGS_1, become=(_DT_RUNPATH, 1))), "elf-rpath", ()),
    "an exported dependency": (edit_bytes(LIBRARY, swap(b"\0PyUnicode_AsUTF8AndSize\0", b"\0SSL_CTX_new\0")),
                               "elf-exports", ("elf-libpython",)),
    "a function that libpython has not got": (edit_bytes(LIBRARY, swap(b"\0PyList_New\0", b"\0PyList_Old\0")),
                                              "elf-libpython", ()),
    "no stable ABI": (remove("install/lib/libpython3.so"), "elf-stable-abi", ("provenance-complete",)),
    "an executable stack": (edit_bytes(TEST_MODULE, segment(PT_GNU_STACK, flags=7)), "hardening-stack", ()),
    "no word on the stack": (edit_bytes(LIBRARY, without_segment(PT_GNU_STACK)), "hardening-stack", ()),
    "no RELRO": (edit_bytes(PROGRAM, without_segment(PT_GNU_RELRO)), "hardening-relro", ()),
    "lazy binding": (
        edit_bytes(LIBRARY, several(dynamic_entry(_DT_FLAGS, become=(_DT_FLAGS, 0)),
                                    dynamic_entry(_DT_FLAGS_1, become=(_DT_FLAGS_1, 0)))),
        "hardening-bind-now", ()),
    "writable code": (edit_bytes(PROGRAM, segment(PT_LOAD, flags=7, having=PF_X)), "hardening-writable-code", ()),
    "text relocations": (edit_bytes(TEST_MODULE, dynamic_entry(_DT_FLAGS, become=(_DT_FLAGS, 8 | 4))),
                         "hardening-text-relocations", ()),
    "no stack protector": (edit_bytes(PROGRAM, swap(b"\0__stack_chk_fail\0", b"\0__stack_chk_fai1\0")),
                           "hardening-stack-protector", ()),
    "no FORTIFY": (edit_bytes(PROGRAM, strip_checked), "hardening-fortify", ()),
    "a path of the build in the interpreter": (edit_bytes(PROGRAM, lambda data: data.extend(b"\0/tools/deps/lib\0")),
                                               "leaks-binaries", ()),
    "a shebang of the build": (add("install/bin/mypip", b"#!/install/bin/python3\n"), "leaks-text",
                               ("provenance-complete",)),
    "our compiler in the settings": (
        edit_bytes("install/lib/python3.*/_sysconfigdata_*.py",
                   lambda data: data.extend(b"CC = 'x86_64-unknown-linux-gnu-clang'\n")), "leaks-text", ()),
    "a source's path in an object": (edit_bytes("build/Modules/mathmodule.o",
                                                lambda data: data.extend(b"\0/build/src/Modules/mathmodule.c\0")),
                                     "leaks-objects", ()),
    "a path of the build in the description": (
        edit_json(lambda plain: plain["build_info"]["inittab_cflags"].append("-I/build/src/Include")),
        "leaks-metadata", ()),
}  # fmt: skip

#: Damages of the members.
STREAM: dict[str, tuple[StreamDamage, str, tuple[str, ...]]] = {
    "another first member": (last_first, "structure-first-member", ()),
    "an absolute path": (insert(new_member("/etc/evil")), "structure-names", ("structure-order",)),
    "a way out": (insert(new_member("python/install/../../evil")), "structure-names", ()),
    "another directory": (insert(new_member("python/share/x")), "structure-prefixes", ()),
    "a file twice": (insert(new_member(OS)), "structure-duplicates", ()),
    "a hard link": (insert(new_member("python/install/zz", tarfile.LNKTYPE, OS)), "structure-kinds",
                    ("provenance-complete",)),
    "a device": (insert(new_member("python/install/zz", tarfile.CHRTYPE)), "structure-kinds", ()),
    "an absolute link": (insert(new_member("python/install/zz", SYMLINK, "/usr/bin/python3")), "structure-links", ()),
    "a link out": (insert(new_member("python/install/zz", SYMLINK, "../../zz")), "structure-links", ()),
    "a link to nothing": (insert(new_member("python/install/zz", SYMLINK, "bin/python9")), "structure-links",
                          ("provenance-complete",)),
    "everybody may write": (alter(OS, mode=0o666), "structure-modes", ()),
    "set-user-id": (alter("python/install/bin/python3.13", mode=0o4755), "structure-modes", ()),
    "another owner": (alter(OS, uid=1000, uname="me"), "structure-owners", ()),
    "another time": (alter(OS, mtime=1), "structure-owners", ()),
    "another order": (out_of_order, "structure-order", ()),
}  # fmt: skip


def assert_refused(report: Report, identifier: str, others: tuple[str, ...]) -> None:
    failed = {result.id for result in report.failed}
    assert identifier in failed, report.lines()
    assert failed <= {identifier, *others}, [line for result in report.failed for line in result.lines()]


def test_the_right_one(original: Original) -> None:
    for what in (original.archive, original.tree):
        report = original.run(what)
        assert report.ok, [line for result in report.failed for line in result.lines()]
        # What there is no room for here: the suites, and to ask the interpreter.
        # And of programs for other systems there are none.
        no_room = (behaviour.PREFIX, "metadata-interpreter", "metadata-gil", "macho-", "pe-")
        assert not [result.id for result in report.results if result.outcome != "passed" and what is original.archive
                    and not result.id.startswith(no_room)]  # fmt: skip


@pytest.fixture
def copy(original: Original, tmp_path: Path) -> Iterator[Path]:
    link_tree(original.tree, tmp_path / "tree")
    yield tmp_path / "tree"
    shutil.rmtree(tmp_path / "tree")


@pytest.mark.parametrize("name", TREE)
def test_damaged_tree(original: Original, copy: Path, name: str) -> None:
    damage, identifier, others = TREE[name]
    damage(copy / "python")
    assert_refused(original.run(copy), identifier, others)


@pytest.mark.parametrize("name", STREAM)
def test_damaged_stream(original: Original, tmp_path: Path, name: str) -> None:
    damage, identifier, others = STREAM[name]
    path = write_archive(original.archive, tmp_path / "x.tar.zst", damage)
    try:
        assert_refused(original.run(path), identifier, others)
    finally:
        path.unlink()


@pytest.mark.parametrize("kind", ["cut off", "one bit"])
def test_damaged_file(original: Original, tmp_path: Path, kind: str) -> None:
    data = bytearray(original.archive.read_bytes())
    middle = len(data) // 2
    if kind == "cut off":
        del data[middle:]
    else:
        data[middle] ^= 1
    (tmp_path / "x.tar.zst").write_bytes(data)
    report = original.run(tmp_path / "x.tar.zst")
    assert [(result.id, result.outcome) for result in report.results] == [("structure-readable", "failed")]
    (tmp_path / "x.tar.zst").unlink()


def test_every_check_has_a_damage() -> None:
    seen = {identifier for _, identifier, _ in (*TREE.values(), *STREAM.values())} | {"structure-readable"}
    # Those of programs for other systems are in tests/integration/binaries.
    others = (behaviour.PREFIX, "macho-", "pe-")
    assert seen == {check.id for check in CHECKS if not check.id.startswith(others)}
    assert len(TREE) + len(STREAM) + 2 >= 25
