"""Paths of the build and the compiler's name are found wherever they begin, and nowhere else."""

from __future__ import annotations

import marshal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.distribution.elfmaker import make_library, make_object
from tests.unit.distribution.trees import make_program
from tests.unit.validation.bench import Bench, assert_refused, edit, put

LIB = "install/lib/python3.13"
COMPILER = b"x86_64-unknown-linux-gnu-clang++"


def bytecode(text: str) -> bytes:
    return b"\xf3\r\r\n" + b"\0" * 12 + marshal.dumps(compile("x = 1", text, "exec"))


#: (what is spoilt, the check that must see it, words of its finding)
CASES: dict[str, tuple[Callable[[Bench], object], str, str]] = {
    "a directory of data": (put("install/bin/python3.13", make_program() + b"\0/tools/deps/lib/engines-3\0"),
                            "leaks-binaries", "install/bin/python3.13: names /tools/deps/lib/engines-3"),
    "the compiler": (put("install/bin/python3.13", make_program() + b"\0compiler: " + COMPILER), "leaks-binaries",
                     "names x86_64-unknown-linux-gnu-clang++"),
    "a directory of the machine itself": (
        put("install/bin/python3.13", make_program() + b"\0C:\\pb\\work\\zlib-0123456789ab\\build\\src\0"),
        "leaks-binaries", r"names \work\zlib-0123456789ab\build\src"),
    "a script": (put("install/bin/idle3", "#!/install/bin/python3.13\n"), "leaks-text",
                 "install/bin/idle3: names /install/bin/python3.13"),
    "a setting": (put(f"{LIB}/_sysconfigdata.py", "CFLAGS='-I/tools/deps/include -L/tools/deps/lib'"), "leaks-text",
                  "names /tools/deps/include, /tools/deps/lib"),
    "many": (put(f"{LIB}/x.py", " ".join(f"/build/src/{index}" for index in range(9))), "leaks-text",
             "names /build/src/0, /build/src/1, /build/src/2 and 6 more"),
    "bytecode": (put(f"{LIB}/__pycache__/x.pyc", bytecode("/build/src/Lib/x.py")), "leaks-text",
                 "names /build/src/Lib/x.py"),
    "bytecode with a length that is a letter": (
        put(f"{LIB}/__pycache__/x.pyc", bytecode("/build/src/" + "x" * 70)), "leaks-text", "names /build/src/xxx"),
    "a licence": (put("licenses/LICENSE.x.txt", "see /sources"), "leaks-text", "LICENSE.x.txt: names /sources"),
    "an object": (put("build/Modules/_ssl.o", make_object(["PyInit__ssl"]) + b"/build/src/Modules/_ssl.c\0"),
                  "leaks-objects", "build/Modules/_ssl.o: names /build/src/Modules/_ssl.c"),
    "a library": (put("build/lib/libssl.a", make_library({"ssl.o": make_object(["SSL_new"]) + b"\0/out/lib\0"})),
                  "leaks-objects", "build/lib/libssl.a: names /out/lib"),
    "the description": (edit(lambda plain: plain["build_info"].update(inittab_cflags=["-I/recipe/include"])),
                        "leaks-metadata", "PYTHON.json: names /recipe/include"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_wrong(tmp_path: Path, name: str) -> None:
    spoil, identifier, words = CASES[name]
    bench = Bench(tmp_path)
    spoil(bench)
    assert_refused(bench.run(), identifier, words)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (f"{LIB}/x.py", b"'/usr/build/x' ../build/ x/tools/y ${prefix}/install $(DIR)/out {dir}/sources /tools-of/x"),
        (f"{LIB}/x.xml", b"<tools><build>x</build></tools>"),
        (f"{LIB}/x.py", b"/builds /outer /installation /toolsmith /build.py https://example.org/build/x"),
        (f"{LIB}/__pycache__/x.pyc", bytecode("/install/lib/python3.13/x.py")),
        ("build/cpython-build.json", None),
        ("build/Makefile", b"prefix=/install\nabs_srcdir=/build/src\nCC=" + COMPILER),
        ("install/bin/python3.13", make_program() + b"\0/install\0"),
        ("install/bin/python3.13t", make_program() + b"\0/install\0"),
        ("install/lib/python3.13t/_sysconfigdata_t_linux_x.py", b"{'prefix': '/install'}"),
    ],
)
def test_what_is_no_leak(tmp_path: Path, path: str, content: bytes | None) -> None:
    bench = Bench(tmp_path)
    bench.write(path, content or (bench.top / path).read_bytes().replace(b'"-lm"', b'"-L/tools/deps/lib", "-lm"'))
    assert not [result.id for result in bench.run().failed if result.id.startswith("leaks-")]
