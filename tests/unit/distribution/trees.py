"""Makes a small but complete distribution, without a compiler: trees of steps, and the tree assembled from them.

It is correct: every check of the validation passes on it. A test changes one thing, and sees the right check fail.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pythonbuild.config.model import Pin, Source, Target
from pythonbuild.distribution.assemble import Component, DistributionFacts, Linked, assemble
from pythonbuild.distribution.python_json import PythonJson
from tests.unit.distribution.elfmaker import ET_EXEC, make_library, make_object, make_shared

TARGET = Target(
    triple="x86_64-unknown-linux-gnu", os="linux", arch="x86_64", libc="glibc", glibc_floor="2.17",
    debian_architecture="amd64", multiarch="x86_64-linux-gnu", autoconf_host="x86_64-linux-gnu", root="build",
    sysroot="sysroot", environment={},
    system_libraries=("ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libpthread.so.0"),
    options=("noopt",),
)  # fmt: skip

MODULES: dict[str, Any] = {
    "posix": {"linkage": "builtin", "objects": ["Modules/posixmodule.o"], "link_words": []},
    "math": {"linkage": "builtin", "objects": ["Modules/mathmodule.o"], "link_words": ["-lm"]},
    "_ssl": {"linkage": "builtin", "objects": ["Modules/_ssl.o"],
             "link_words": ["-L/tools/deps/lib", "-lssl", "-lcrypto"]},
    "_sha2": {"linkage": "builtin", "objects": ["Modules/sha2module.o"], "link_words": ["Modules/_hacl/libHacl.a"]},
    "_testcapi": {"linkage": "shared", "objects": ["Modules/_testcapi.o"], "link_words": [], "file": "_testcapi.so"},
}  # fmt: skip

OBJECTS: dict[str, bytes] = {
    "Programs/python.o": make_object(["main"], ["Py_BytesMain"]),
    "Modules/config.o": make_object(
        ["_PyImport_Inittab"], ["PyInit_posix", "PyInit_math", "PyInit__ssl", "PyInit__sha2", "PyMarshal_Init"]
    ),
    "Python/core.o": make_object(["Py_BytesMain", "PyModule_Create2", "PyMarshal_Init"], ["malloc", "PyOS_FSPath"]),
    "Modules/posixmodule.o": make_object(["PyInit_posix", "PyOS_FSPath"], ["open"]),
    "Modules/mathmodule.o": make_object(["PyInit_math"], ["sin", "PyModule_Create2"], ["maybe"]),
    "Modules/_ssl.o": make_object(["PyInit__ssl"], ["SSL_new", "PyModule_Create2"]),
    "Modules/sha2module.o": make_object(["PyInit__sha2"], ["Hacl_sha2", "PyModule_Create2"]),
    "Modules/_hacl/Hacl.o": make_object(["Hacl_sha2"], ["memcpy"]),
    "Modules/_testcapi.o": make_object(["PyInit__testcapi"], ["PyModule_Create2"]),
}  # fmt: skip

#: What the objects of the core and of the builtin modules define for others.
API = ("PyInit__sha2", "PyInit__ssl", "PyInit_math", "PyInit_posix", "PyMarshal_Init", "PyModule_Create2",
       "PyOS_FSPath", "Py_BytesMain", "_PyImport_Inittab")  # fmt: skip
#: What an interpreter that was compiled with all protections calls.
CHECKED = ("__stack_chk_fail", *(f"__{name}_chk" for name in (
    "fprintf", "memcpy", "memmove", "memset", "snprintf", "sprintf", "strcat", "strcpy")))  # fmt: skip

CONFIG_C = """
extern PyObject* PyInit_posix(void);
struct _inittab _PyImport_Inittab[] = {
    {"posix", PyInit_posix},
    {"math", PyInit_math},
    {"_ssl", PyInit__ssl},
    {"_sha2", PyInit__sha2},
    {"marshal", PyMarshal_Init},
    {"builtins", NULL},
    {0, 0}
};
"""


#: What the interpreter says of itself.
INTERPRETER: dict[str, Any] = {
    "python_tag": "cp313", "python_abi_tag": "cp313", "python_platform_tag": "linux_x86_64",
    "python_implementation_cache_tag": "cpython-313", "python_implementation_hex_version": 51185136,
    "python_implementation_name": "cpython", "python_implementation_version": ["3", "13", "5", "final", "0"],
    "python_paths": {"stdlib": "install/lib/python3.13", "include": "install/include/python3.13", "data": "install"},
    "python_paths_abstract": {"stdlib": "{installed_base}/lib/python3.13", "data": "{base}"},
    "python_config_vars": {"prefix": "/install", "SOABI": "cpython-313-x86_64-linux-gnu", "Py_ENABLE_SHARED": "1"},
    "python_stdlib_platform_config": None, "python_stdlib_test_packages": ["test"],
    "python_suffixes": {"source": [".py"], "bytecode": [".pyc"], "debug_bytecode": [".pyc"],
                        "optimized_bytecode": [".pyc"], "extension": [".cpython-313-x86_64-linux-gnu.so", ".so"]},
    "python_bytecode_magic_number": "f30d0d0a", "python_extension_module_loading": ["builtin", "shared-library"],
    "libpython_link_mode": "shared",
}  # fmt: skip


MAKEFILE = "LINKCC=\t\tclang -pthread -no-pie\nCONFIGURE_LDFLAGS_NODIST=-Wl,--exclude-libs,ALL\n"


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def make_program(needed: Iterable[str] = ("libc.so.6",), exports: Iterable[str] = API, **options: Any) -> bytes:
    return make_shared("", needed, exports, **{"imports": CHECKED, "kind": ET_EXEC, **options})


def make_libpython(needed: Iterable[str] = ("libc.so.6",), exports: Iterable[str] = API, **options: Any) -> bytes:
    return make_shared("libpython3.13.so.1.0", needed, exports, **{"imports": CHECKED, **options})


def make_cpython_tree(tree: Path) -> Path:
    build, install = tree / "build", tree / "install"
    for name, content in OBJECTS.items():
        write(build / name, content)
    write(build / "Modules/_hacl/libHacl.a", make_library({"Hacl.o": OBJECTS["Modules/_hacl/Hacl.o"]}))
    write(build / "lib/libpython3.13.a", make_library({"core.o": OBJECTS["Python/core.o"]}))
    write(build / "Modules/config.c", CONFIG_C)
    write(build / "Makefile", MAKEFILE)
    core = ["Modules/config.o", "Python/core.o"]
    builtin = [name for module in MODULES.values() if module["linkage"] == "builtin" for name in module["objects"]]
    facts = {
        "format": 1, "version": "3.13.5", "source_date_epoch": 1700000000, "build_options": "noopt",
        "target_triple": TARGET.triple, "main_object": "Programs/python.o", "library": "lib/libpython3.13.a",
        "setup": {"core": ["marshal", "builtins"], "bootstrap": ["posix"], "builtin": [], "shared": []},
        "lists": {"LIBRARY_OBJS": [*core, *builtin], "MODOBJS": builtin, "MODBUILT_NAMES": [], "MODSHARED_NAMES": [],
                  "MODDISABLED_NAMES": [], "LIBS": ["-lpthread"], "SYSLIBS": ["-lm"], "LIBC": [], "LIBM": ["-lm"],
                  "MODLIBS": [], "PY_CORE_CFLAGS": ["-O3", "-I/tools/deps/include"]},
        "texts": {"CC": "clang -pthread", "LINKFORSHARED": "-Xlinker -export-dynamic",
                  "INSTSONAME": "libpython3.13.so.1.0", "ABIFLAGS": "", "LDVERSION": "3.13", "VERSION": "3.13",
                  "LIBDEST": "/install/lib/python3.13"},
        "modules": MODULES,
        "archives": {"Modules/_hacl/libHacl.a": ["Modules/_hacl/Hacl.o"]},
    }  # fmt: skip
    write(build / "cpython-build.json", json.dumps(facts))
    versions = {"libc.so.6": ["GLIBC_2.2.5", "GLIBC_2.17"]}
    program = make_program(["libc.so.6", "libm.so.6"], versions=versions)
    write(install / "bin/python3.13", program).chmod(0o755)
    (install / "bin/python3").symlink_to("python3.13")
    write(install / "lib/libpython3.13.so.1.0", make_libpython(versions=versions))
    write(install / "lib/libpython3.so", make_shared("libpython3.so", ["libpython3.13.so.1.0"], rpath="$ORIGIN"))
    write(install / "lib/python3.13/os.py", "")
    write(install / "lib/python3.13/lib-dynload/_testcapi.so", make_shared("", ["libc.so.6"], ["PyInit__testcapi"]))
    write(install / "include/python3.13/Python.h", "")
    write(install / "include/python3.13/patchlevel.h", '#define PY_VERSION      "3.13.5"\n')
    write(tree / "licenses/cpython/LICENSE", "PSF licence\n")
    return tree


def make_dependency_tree(tree: Path, libraries: Mapping[str, bytes], source: str = "openssl") -> Path:
    for name, content in libraries.items():
        write(tree / f"tools/deps/lib/lib{name}.a", content)
    write(tree / f"licenses/{source}/LICENSE.txt", f"licence of {source}\n")
    return tree


def make_openssl_tree(tree: Path) -> Path:
    crypto = make_library({"mem.o": make_object(["CRYPTO_malloc"], ["malloc"]), "bn.o": make_object(["BN_new"])})
    ssl = make_library({"ssl.o": make_object(["SSL_new"], ["CRYPTO_malloc"])})
    return make_dependency_tree(tree, {"ssl": ssl, "crypto": crypto, "unused": make_library({})})


def make_shared_openssl_tree(tree: Path) -> Path:
    """The same, as shared libraries."""
    make_dependency_tree(tree, {})
    crypto = make_shared("libcrypto.so.3", ["libc.so.6"], ["CRYPTO_malloc", "BN_new"], rpath="$ORIGIN")
    ssl = make_shared("libssl.so.3", ["libcrypto.so.3"], ["SSL_new"], rpath="$ORIGIN")
    for soname, content in (("libcrypto.so.3", crypto), ("libssl.so.3", ssl)):
        write(tree / "tools/deps/lib" / soname, content)
        (tree / "tools/deps/lib" / soname.removesuffix(".3")).symlink_to(soname)
    return tree


def make_linked_distribution(directory: Path, kind: str, **changes: Any) -> tuple[Path, PythonJson]:
    """A distribution whose OpenSSL is shared, or the system's."""
    cpython = make_cpython_tree(directory / "cpython")
    program = {"imports": (*CHECKED, "SSL_new"), "rpath": "$ORIGIN/../lib"}
    for path in ("bin/python3.13", "lib/libpython3.13.so.1.0"):
        (cpython / "install" / path).unlink()
    needed = ["libc.so.6", "libm.so.6", "libssl.so.3", "libcrypto.so.3"]
    versions = {"libc.so.6": ["GLIBC_2.17"], "libssl.so.3": ["OPENSSL_3.0.0"]}
    write(cpython / "install/bin/python3.13", make_program(needed, versions=versions, **program)).chmod(0o755)
    library = make_libpython(needed, versions=versions, **{**program, "rpath": "$ORIGIN"})
    write(cpython / "install/lib/libpython3.13.so.1.0", library)
    openssl = make_shared_openssl_tree(directory / "openssl")
    link = {"openssl": Linked(kind, {"ssl": "libssl.so.3", "crypto": "libcrypto.so.3"})}
    out = directory / "out"
    return out, assemble(cpython, {"openssl": openssl}, make_facts(link=link, **changes), out)


def component(name: str, licence: str) -> Component:
    pin = Pin(name, "1.2", f"{name}-1.2.tar.gz", "ab" * 32, 1234, (f"https://example.org/{name}-1.2.tar.gz",))
    return Component(Source(name, name.title(), f"https://example.org/{name}", licence, ("LICENSE",), (pin,)), pin)


def make_facts(**changes: Any) -> DistributionFacts:
    facts: dict[str, Any] = {
        "target": TARGET,
        "options": "noopt",
        "components": {"cpython": component("cpython-3.13", "PSF-2.0"), "openssl": component("openssl", "Apache-2.0")},
        "epoch": 1700000000,
        "toolchain": {"kind": "packaged", "tools": {"clang": "22.1.8"}},
        "omitted": {"_gdbm": "GPL-3"},
        "interpreter": INTERPRETER,
    }
    return DistributionFacts(**{**facts, **changes})


def make_distribution(directory: Path) -> tuple[Path, PythonJson]:
    """Return the directory that holds ``python/``, and its description."""
    cpython = make_cpython_tree(directory / "cpython")
    openssl = make_openssl_tree(directory / "openssl")
    out = directory / "out"
    return out, assemble(cpython, {"openssl": openssl}, make_facts(), out)


def make_sysroot(sysroot: Path) -> Path:
    libraries = {"c.so.6": ["malloc", "memcpy", "open"], "m.so.6": ["sin"], "pthread.so.0": ["pthread_create"]}
    for name, exports in libraries.items():
        write(sysroot / f"lib/lib{name}", make_shared(f"lib{name}", [], exports, old=["ancient"]))
    write(sysroot / "usr/lib/libc.so", "INPUT(libc.so.6)")
    write(sysroot / "usr/lib/libc_nonshared.a", make_library({"stat.o": make_object(["stat"])}))
    write(sysroot / "usr/lib/crt1.o", make_object(["_start"]))
    return sysroot
