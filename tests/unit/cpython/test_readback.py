from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pythonbuild.cpython.facts import Link
from pythonbuild.cpython.readback import parse_links, read_build
from pythonbuild.errors import DistributionError

CONFIG = """struct _inittab _PyImport_Inittab[] = {
    {"_ssl", PyInit__ssl},
    {"_sha2", PyInit__sha2},
    {"posix", PyInit_posix},
    {"marshal", PyMarshal_Init},
    {"builtins", NULL},
    {0, 0}
};
"""


MAKEFILE = "LINKCC=\t\tclang -pthread -no-pie\nCONFIGURE_LDFLAGS_NODIST=-Wl,--exclude-libs,ALL\n"


def dump() -> dict[str, Any]:
    return {
        "format": 1,
        "version": "3.13.9",
        "setup": {"core": {"marshal": "PyMarshal_Init", "builtins": None}, "bootstrap": ["posix"]},
        "main_object": "Programs/python.o",
        "library": "lib/libpython3.13.a",
        "lists": {
            "LIBRARY_OBJS": ["Modules/config.o", "Python/ceval.o", "Modules/_ssl.o", "Modules/sha2module.o",
                             "Modules/posixmodule.o"],
            "MODOBJS": ["Modules/_ssl.o", "Modules/sha2module.o", "Modules/posixmodule.o"],
            "LIBS": ["-lpthread", "-ldl"],
            "SYSLIBS": ["-lm"],
            "PY_CORE_CFLAGS": ["-O3", "-I/tools/deps/include", "-DPy_BUILD_CORE"],
        },
        "texts": {"INSTSONAME": "libpython3.13.so.1.0", "CC": "clang -pthread", "LINKFORSHARED": "-Xlinker -E"},
        "modules": {
            "_ssl": {"linkage": "builtin", "objects": ["Modules/_ssl.o"],
                     "link_words": ["-L/tools/deps/lib", "-lssl", "-lcrypto", "-lssl", "-pthread"]},
            "_sha2": {"linkage": "builtin", "objects": ["Modules/sha2module.o"],
                      "link_words": ["Modules/_hacl/libHacl_Hash_SHA2.a"]},
            "posix": {"linkage": "builtin", "objects": ["Modules/posixmodule.o"], "link_words": []},
            "_testcapi": {"linkage": "shared", "objects": ["Modules/_testcapimodule.o"], "link_words": [],
                          "file": "_testcapi.so"},
        },
        "archives": {"Modules/_hacl/libHacl_Hash_SHA2.a": ["Modules/_hacl/Hacl_Hash_SHA2.o"]},
    }  # fmt: skip


@pytest.fixture
def build(tmp_path: Path) -> Path:
    facts = dump()
    files = [*facts["lists"]["LIBRARY_OBJS"], facts["main_object"], facts["library"], "Modules/_testcapimodule.o",
             *facts["archives"], "Modules/_hacl/Hacl_Hash_SHA2.o"]  # fmt: skip
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "Modules/config.c").write_text(CONFIG)
    (tmp_path / "Makefile").write_text(MAKEFILE)
    write(tmp_path, facts)
    return tmp_path


def write(build: Path, facts: dict[str, Any]) -> None:
    (build / "cpython-build.json").write_text(json.dumps(facts))


def test_a_build_is_read_back(build: Path) -> None:
    facts = read_build(build)
    assert facts.version == "3.13.9"
    assert facts.core_objects == ("Modules/config.o", "Programs/python.o", "Python/ceval.o")
    assert facts.core_links == (Link("pthread"), Link("dl"), Link("m"))
    assert sorted(facts.extensions) == ["_sha2", "_ssl", "_testcapi", "builtins", "marshal", "posix"]
    ssl = facts.extensions["_ssl"]
    assert (ssl.init_fn, ssl.in_core, ssl.bootstrap, ssl.linkage) == ("PyInit__ssl", False, False, "builtin")
    assert ssl.links == (Link("ssl"), Link("crypto"), Link("pthread"))
    archive = "Modules/_hacl/libHacl_Hash_SHA2.a"
    assert facts.extensions["_sha2"].links == (Link("Hacl_Hash_SHA2", archive),)
    assert facts.archives == {archive: ("Modules/_hacl/Hacl_Hash_SHA2.o",)}
    assert facts.extensions["posix"].bootstrap
    assert facts.extensions["marshal"].init_fn == "PyMarshal_Init"
    assert facts.extensions["marshal"].in_core
    assert facts.extensions["builtins"].init_fn is None
    testcapi = facts.extensions["_testcapi"]
    assert (testcapi.linkage, testcapi.init_fn, testcapi.shared_library) == (
        "shared", "PyInit__testcapi", "_testcapi.so")  # fmt: skip
    assert facts.inittab_cflags == ("-O3", "-DPy_BUILD_CORE")
    assert facts.shared_library_name == "libpython3.13.so.1.0"
    assert facts.main_object == "Programs/python.o"
    assert facts.program_ldflags == ("-pthread", "-no-pie", "-Wl,--exclude-libs,ALL", "-Xlinker", "-E")
    assert facts.library_ldflags == ("-pthread", "-shared", "-Wl,--exclude-libs,ALL")


def test_where_macos_linker_leaves_its_work_is_nobody_s_business(build: Path) -> None:
    """What CPython's configure says with LTO there."""
    flags = '-Wl,-x -flto=full -Wl,-export_dynamic -Wl,-object_path_lto,"$@".lto -g'
    (build / "Makefile").write_text(f"LINKCC=cc\nCONFIGURE_LDFLAGS_NODIST={flags}\n")
    assert read_build(build).program_ldflags == ("-Wl,-x", "-flto=full", "-Wl,-export_dynamic", "-g", "-Xlinker", "-E")


@pytest.mark.parametrize(("makefile", "found"), [
    ("LINKCC=cc\nCONFIGURE_LDFLAGS_NODIST=-o $@\n", r"CONFIGURE_LDFLAGS_NODIST: found '-o \$@'"),
    ("LINKCC=$(PURIFY) cc\n", r"LINKCC: found '\$\(PURIFY\) cc'"),
    ("LINKCC=cc\n", "CONFIGURE_LDFLAGS_NODIST: found no such variable"),
])  # fmt: skip
def test_a_makefile_that_does_not_say_how_to_link(build: Path, makefile: str, found: str) -> None:
    (build / "Makefile").write_text(makefile)
    with pytest.raises(DistributionError, match=found):
        read_build(build)


def test_frameworks_and_archives_are_links() -> None:
    words = ["-framework", "CoreFoundation", "-lz", "Modules/expat/libexpat.a"]
    assert parse_links(words, Path("build")) == (
        Link("CoreFoundation", framework=True), Link("z"), Link("expat", "Modules/expat/libexpat.a"))  # fmt: skip


@pytest.mark.parametrize("word", ["/tools/deps/lib/libz.a", "-Wl,-z,now", "$(LIBS)"])
def test_a_link_word_that_cannot_be_understood(word: str) -> None:
    with pytest.raises(DistributionError, match="cannot be understood"):
        parse_links([word], Path("build"))


def test_a_missing_object_is_named(build: Path) -> None:
    (build / "Modules/_hacl/Hacl_Hash_SHA2.o").unlink()
    with pytest.raises(DistributionError, match=r"found no Modules/_hacl/Hacl_Hash_SHA2\.o"):
        read_build(build)


def test_a_module_of_the_inittab_that_nobody_built(build: Path) -> None:
    facts = dump()
    del facts["modules"]["posix"]
    write(build, facts)
    with pytest.raises(DistributionError, match="found posix in the inittab"):
        read_build(build)


def test_a_builtin_module_that_is_not_in_the_inittab(build: Path) -> None:
    facts = dump()
    facts["modules"]["_testcapi"]["linkage"] = "builtin"
    write(build, facts)
    with pytest.raises(DistributionError, match="module _testcapi was built as builtin"):
        read_build(build)


def test_objects_that_no_module_owns(build: Path) -> None:
    facts = dump()
    facts["lists"]["MODOBJS"].append("Modules/stray.o")
    write(build, facts)
    with pytest.raises(DistributionError, match=r"a difference in Modules/stray\.o"):
        read_build(build)


def test_the_inittab_has_to_be_linked(build: Path) -> None:
    facts = dump()
    facts["lists"]["LIBRARY_OBJS"].remove("Modules/config.o")
    write(build, facts)
    with pytest.raises(DistributionError, match=r"Modules/config\.o is not one of the core's objects"):
        read_build(build)


@pytest.mark.parametrize("text", ["", "{}", '{"format": 2}'])
def test_an_unknown_dump(build: Path, text: str) -> None:
    (build / "cpython-build.json").write_text(text)
    with pytest.raises(DistributionError, match=r"cpython-build\.json"):
        read_build(build)


def test_no_dump(tmp_path: Path) -> None:
    with pytest.raises(DistributionError, match="cannot be read"):
        read_build(tmp_path)
