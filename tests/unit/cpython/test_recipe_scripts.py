"""The Python scripts of the cpython recipe, run as the recipe runs them."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

RECIPE = Path(__file__).parents[3] / "cpython-unix" / "recipes" / "cpython"
CC = "x86_64-unknown-linux-gnu-clang"
TRIPLES = ["x86_64-unknown-linux-gnu", "aarch64-apple-darwin"]
FIXED = {"STEP_BUILD": "/build", "STEP_TOOLS": "/tools", "TARGET_TRIPLE": "x86_64-unknown-linux-gnu"}
ENVIRONMENT = {**os.environ, **FIXED, "CC": CC, "CXX": f"{CC}++", "PYTHONDONTWRITEBYTECODE": "1"}

SYSCONFIG = f"""# system configuration generated and used by the sysconfig module
build_time_vars = {{'ABIFLAGS': '',
 'AR': '/usr/lib/llvm-22/bin/llvm-ar',
 'BASECFLAGS': ' -fno-strict-overflow',
 'BINDIR': '/install/bin',
 'CC': '{CC} -pthread',
 'CONFIGURE_CFLAGS': '',
 'CONFIG_ARGS': "'--prefix=/install' '--with-openssl=/tools/x' 'A=b c' 'LDFLAGS=-L/tools/x' 'CC={CC}'",
 'CXX': '{CC}++ -pthread',
 'DESTDIRS': '/install /install/lib',
 'EXT_SUFFIX': '.cpython-313-x.so',
 'INSTALL': '/usr/bin/install -c',
 'LDVERSION': '3.13',
 'LIBPL': '/install/lib/python3.13/config-3.13-x',
 'LIBS': '-lpthread  -ldl',
 'LINKCC': '{CC} -pthread -no-pie',
 'OPT': '-DNDEBUG -O3',
 'PGO_PROF_USE_FLAG': '-fprofile-instr-use="$(shell pwd)/code.profclangd"',
 'PY_CFLAGS_NODIST': '-std=c11 -flto=thin -Wextra -fprofile-instr-generate',
 'SYSLIBS': '-lm',
 'LDFLAGS': '-L/tools/deps/lib -Wl,-z,now -L/tools/deps/lib',
 'LDSHARED': '{CC} -pthread -shared -L/tools/deps/lib',
 'CPPFLAGS': '-I. -I/build/src/Include -I/tools/deps/include',
 'SIZEOF_INT': 4,
 'abs_srcdir': '/build/src'}}
"""

INSTALLED_MAKEFILE = f"""# a comment
SHELL=\t\t/bin/sh -e
CC=\t\t{CC} -pthread
LINKCC=\t\t$(PURIFY) {CC} -no-pie
PGO_PROF_USE_FLAG=-fprofile-instr-use="$(shell pwd)/code.profclangd"
prefix=\t\t/install
exec_prefix=\t${{prefix}}
LIBDIR=\t\t${{exec_prefix}}/lib
CONFIG_ARGS=\t '--prefix=/install' '--with-openssl=/tools/deps' 'LDFLAGS=-L/tools/deps/lib' 'CC={CC}'
A=/build/src/x
INSTALL=\t/usr/bin/install -c
show:
\t@:$(info $(LIBDIR))
"""

MAKEFILE = """
EXT_SUFFIX=.so
MODULE__SSL_LDFLAGS=-lssl $(CRYPTO)
CRYPTO=-lcrypto
MODULE_LDFLAGS_SHARED=-lpython
print:
\t@echo $(EXT_SUFFIX)

# Rules appended by makesetup

Modules/_ssl.o: $(srcdir)/Modules/_ssl.c $(PYTHON_HEADERS); $(CC) -c $(srcdir)/Modules/_ssl.c -o Modules/_ssl.o
Modules/_ssl$(EXT_SUFFIX):  Modules/_ssl.o; $(BLDSHARED)  Modules/_ssl.o  $(MODULE__SSL_LDFLAGS) \
$(MODULE_LDFLAGS_SHARED) -o Modules/_ssl$(EXT_SUFFIX)
Modules/_io$(EXT_SUFFIX):  Modules/_io/a.o Modules/_io/b.o; $(BLDSHARED)  Modules/_io/a.o Modules/_io/b.o  \
-o Modules/_io$(EXT_SUFFIX)
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    root = tmp_path / "install"
    for name in (
        "bin",
        "lib/pkgconfig",
        "lib/python3.13/config-3.13-x",
        "lib/python3.13/site-packages/pip-1.dist-info",
    ):
        (root / name).mkdir(parents=True)
    (root / "lib/python3.13/_sysconfigdata__linux_x.py").write_text(SYSCONFIG)
    (root / "lib/pkgconfig/python-3.13.pc").write_text("prefix=/install\nLibs.private: -L/tools/deps/lib -ldl\n")
    (root / "lib/python3.13/config-3.13-x/Makefile").write_text(INSTALLED_MAKEFILE)
    (root / "lib/python3.13/config-3.13-x/python-config.py").write_text("#!/install/bin/python3.13\nprint('flags')\n")
    (root / "bin/pip3").write_text("#!/out/install/bin/python3.13\nimport sys\nprint('pip', sys.argv[1:])\n")
    (root / "bin/python3.13").write_bytes(b"\x7fELF/tools/deps/lib")
    (root / "bin/python3.13-config").write_text('#!/bin/sh\nprefix="/install"\nLIBS="-L/tools/deps/lib -ldl"\n')
    (root / "bin/python3.13-config").chmod(0o755)
    (root / "lib/python3.13/site-packages/pip-1.dist-info/RECORD").write_text(
        "../../../bin/pip3,sha256=old,1\npip/__init__.py,sha256=abc,3\n"
    )
    return root


def relocate(root: Path, library: str = "python3.13", **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(RECIPE / "relocate.py"), str(root), library]
    return subprocess.run(command, env={**ENVIRONMENT, **environment}, capture_output=True, text=True, check=False)


def test_sysconfig_names_generic_tools_and_the_prefix_it_is_in(installed: Path, tmp_path: Path) -> None:
    assert relocate(installed).stderr == ""
    moved = tmp_path / "somewhere else's"
    installed.rename(moved)
    quoted = str(moved).replace("'", "'\\''")
    escaped = str(moved).replace(" ", "\\ ").replace("'", "\\'")
    values = runpy.run_path(str(moved / "lib/python3.13/_sysconfigdata__linux_x.py"))["build_time_vars"]
    assert values == {
        "ABIFLAGS": "",
        "AR": "ar",
        "BASECFLAGS": " -fno-strict-overflow",
        "BINDIR": f"{moved}/bin",
        "CC": "cc -pthread",
        "CONFIGURE_CFLAGS": "",
        "CONFIG_ARGS": f"""'--prefix={quoted}' 'A=b c' 'CC=cc'""",
        "CXX": "c++ -pthread",
        "DESTDIRS": f"{escaped} {escaped}/lib",
        "EXT_SUFFIX": ".cpython-313-x.so",
        "INSTALL": "/usr/bin/install -c",
        "LDVERSION": "3.13",
        "LIBPL": f"{moved}/lib/python3.13/config-3.13-x",
        "LIBS": "-lpthread  -ldl",
        "LINKCC": "cc -pthread",
        "OPT": "-DNDEBUG -O3",
        "PGO_PROF_USE_FLAG": "",
        "PY_CFLAGS_NODIST": "-std=c11 -Wextra",
        "SYSLIBS": "-lm",
        "LDFLAGS": " -Wl,-z,now",
        "LDSHARED": "cc -pthread -shared",
        "CPPFLAGS": "-I. -I./Include",
        "SIZEOF_INT": 4,
        "abs_srcdir": ".",
    }


def test_the_literal_of_sysconfigs_data_comes_first(installed: Path) -> None:
    relocate(installed)
    text = (installed / "lib/python3.13/_sysconfigdata__linux_x.py").read_text()
    assert text.startswith(
        "# system configuration generated and used by the sysconfig module\nbuild_time_vars = {'ABIFLAGS'"
    )


def test_texts_and_scripts(installed: Path) -> None:
    relocate(installed)
    assert (installed / "lib/pkgconfig/python-3.13.pc").read_text() == (
        "prefix=${pcfiledir}/../..\nLibs.private: -ldl\n"
    )


def test_the_makefile_finds_its_prefix_and_names_generic_tools(installed: Path) -> None:
    relocate(installed)
    text = (installed / "lib/python3.13/config-3.13-x/Makefile").read_text()
    assert text.startswith("# a comment\nSHELL=\t\t/bin/sh -e\nCC=\t\tcc -pthread\nLINKCC=\tcc -pthread\n")
    assert "PGO_PROF_USE_FLAG=\t\nprefix=\t\t../../..\n" in text
    assert "CONFIG_ARGS=\t '--prefix=$(prefix)' 'CC=cc'\nA=./x\nINSTALL=\t/usr/bin/install -c\n" in text


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("name", ["plain", "it's  two spaces"])
def test_make_finds_the_prefix_also_of_an_included_makefile(installed: Path, tmp_path: Path, name: str) -> None:
    relocate(installed)
    moved = tmp_path / name
    installed.rename(moved)
    makefile = moved / "lib/python3.13/config-3.13-x/Makefile"
    including = tmp_path / "Makefile"
    including.write_text("include plain/lib/python3.13/config-3.13-x/Makefile\n")
    commands = [["make", "-s", "-f", str(makefile), "show"], ["make", "-s", "-C", str(makefile.parent), "show"]]
    if name == "plain":
        commands.append(["make", "-s", "-C", str(tmp_path), "show"])
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == f"{moved}/lib\n"


@pytest.mark.parametrize("name", ["plain", "it's two spaces"])
@pytest.mark.parametrize("triple", TRIPLES)
def test_python_config_answers_for_where_it_is(installed: Path, tmp_path: Path, name: str, triple: str) -> None:
    relocate(installed, TARGET_TRIPLE=triple)
    moved = tmp_path / name
    installed.rename(moved)
    link = tmp_path / "config link"
    link.symlink_to(moved / "bin/python3.13-config")
    options = ["--prefix", "--exec-prefix", "--includes", "--cflags", "--ldflags", "--embed", "--libs", "--configdir",
               "--extension-suffix", "--abiflags"]  # fmt: skip
    output = subprocess.run([link, *options], capture_output=True, text=True, check=True).stdout.split("\n")
    escaped = str(moved).replace(" ", "\\ ").replace("'", "\\'")
    assert output == [
        str(moved),
        str(moved),
        f"-I{escaped}/include/python3.13",
        f"-I{escaped}/include/python3.13 -fno-strict-overflow -DNDEBUG -O3",
        f"-L{escaped}/lib -lpython3.13 -lpthread -ldl -lm",
        "-lpython3.13 -lpthread -ldl -lm",
        f"{moved}/lib/python3.13/config-3.13-x",
        ".cpython-313-x.so",
        "",
        "",
    ]
    for arguments in ([], ["--libs", "--unknown"]):
        done = subprocess.run([link, *arguments], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("Usage: ")
    assert subprocess.run([link, "--help"], capture_output=True, text=True, check=True).stdout.startswith("Usage: ")


def test_a_free_threaded_installation(installed: Path, tmp_path: Path) -> None:
    """Its directories and programs have the flag of the ABI in their names; the names without it lead to these."""
    library = installed / "lib/python3.13"
    (library / "_sysconfigdata__linux_x.py").unlink()
    data = SYSCONFIG.replace("'ABIFLAGS': ''", "'ABIFLAGS': 't'").replace("'LDVERSION': '3.13'", "'LDVERSION': '3.13t'")
    data = data.replace("lib/python3.13/config-3.13-x", "lib/python3.13t/config-3.13t-x").replace("-313-x", "-313t-x")
    (library / "_sysconfigdata_t_linux_x.py").write_text(data)
    (library / "config-3.13-x").rename(library / "config-3.13t-x")
    library.rename(installed / "lib/python3.13t")
    for name in ("python3.13", "python3.13-config"):
        (installed / "bin" / name).rename(installed / "bin" / name.replace("3.13", "3.13t"))
        (installed / "bin" / name).symlink_to(name.replace("3.13", "3.13t"))
    assert relocate(installed, "python3.13t").stderr == ""
    moved = tmp_path / "moved"
    installed.rename(moved)
    options = ["--includes", "--embed", "--libs", "--configdir", "--extension-suffix", "--abiflags"]
    output = subprocess.run([moved / "bin/python3.13-config", *options], capture_output=True, text=True, check=True)
    assert output.stdout.splitlines() == [
        f"-I{moved}/include/python3.13t", "-lpython3.13t -lpthread -ldl -lm",
        f"{moved}/lib/python3.13t/config-3.13t-x", ".cpython-313t-x.so", "t",
    ]  # fmt: skip
    values = runpy.run_path(str(moved / "lib/python3.13t/_sysconfigdata_t_linux_x.py"))["build_time_vars"]
    assert values["LIBPL"] == f"{moved}/lib/python3.13t/config-3.13t-x"
    assert (moved / "lib/python3.13t/config-3.13t-x/Makefile").read_text().startswith("# a comment")


def test_the_json_files_of_3_14_are_relative(installed: Path) -> None:
    library = installed / "lib/python3.13"
    variables = {"CC": f"{CC} -pthread", "CONFIG_ARGS": "'--prefix=/install'", "userbase": "/build/home/.local",
                 "LIBDIR": "/install/lib", "SIZEOF_INT": 4}  # fmt: skip
    (library / "_sysconfig_vars__linux_x.json").write_text(json.dumps(variables))
    details = {"base_prefix": "/install", "base_interpreter": "/install/bin/python3.14",
               "suffixes": {"source": [".py"]}, "c_api": {"headers": "/install/include/python3.14"}}  # fmt: skip
    (library / "build-details.json").write_text(json.dumps(details))
    assert relocate(installed).stderr == ""
    assert json.loads((library / "_sysconfig_vars__linux_x.json").read_text()) == {
        "CC": "cc -pthread", "CONFIG_ARGS": "'--prefix=../..'", "userbase": "~/.local", "LIBDIR": "../../lib",
        "SIZEOF_INT": 4,
    }  # fmt: skip
    assert json.loads((library / "build-details.json").read_text()) == {
        "base_prefix": "../..", "base_interpreter": "./bin/python3.14", "suffixes": {"source": [".py"]},
        "c_api": {"headers": "./include/python3.14"},
    }  # fmt: skip


@pytest.mark.parametrize("triple", TRIPLES)
def test_a_script_finds_the_interpreter_beside_itself_also_through_a_symlink(
    installed: Path, tmp_path: Path, triple: str
) -> None:
    relocate(installed, TARGET_TRIPLE=triple)
    (installed / "bin/python3.13").unlink()
    (installed / "bin/python3.13").symlink_to(sys.executable)
    (installed / "bin/pip3").chmod(0o755)
    assert (b"realpath" in (installed / "bin/pip3").read_bytes()) == ("linux" in triple)
    (tmp_path / "another").symlink_to(os.path.relpath(installed / "bin/pip3", tmp_path))
    link = tmp_path / "pip link"
    link.symlink_to("another")
    output = subprocess.run([link, "a b", "c"], capture_output=True, text=True, check=True).stdout
    assert output == "pip ['a b', 'c']\n"


def test_a_wheels_record_has_the_rewritten_scripts_hash(installed: Path) -> None:
    relocate(installed)
    script = (installed / "bin/pip3").read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(script).digest()).rstrip(b"=").decode()
    record = installed / "lib/python3.13/site-packages/pip-1.dist-info/RECORD"
    assert record.read_text() == (f"../../../bin/pip3,sha256={digest},{len(script)}\npip/__init__.py,sha256=abc,3\n")


@pytest.mark.parametrize(("text", "found"), [
    ("made in /build/src\n", "/build/src"),
    ("x=/install/lib/x", "/install/lib"),
    ('{"prefix": "/install"}', 'prefix": "/install'),
    (f"CC={CC}", CC),
])  # fmt: skip
def test_what_is_left_over_ends_the_build(installed: Path, text: str, found: str) -> None:
    (installed / "lib/python3.13/notes.txt").write_text(text)
    result = relocate(installed)
    assert result.returncode == 1
    assert f"lib/python3.13/notes.txt: {found}" in result.stderr


def test_directories_without_fixed_places_are_known_by_their_variables(installed: Path) -> None:
    """Where nothing is mounted, on macOS, the build lies where the store has it."""
    places = {"STEP_BUILD": "/cache/work 1/build", "STEP_TOOLS": "/cache/roots/abc/tools"}
    (installed / "lib/pkgconfig/python-3.13.pc").write_text("Libs.private: -L/cache/roots/abc/tools/deps/lib -ldl\n")
    (installed / "lib/python3.13/notes.txt").write_text("made in /cache/work 1/build/src\n")
    assert "\n  lib/python3.13/notes.txt: /cache/work 1/build\n" in relocate(installed, **places).stderr
    assert (installed / "lib/pkgconfig/python-3.13.pc").read_text() == "Libs.private: -ldl\n"


def test_the_script_in_a_deeper_directory_finds_the_interpreter_too(installed: Path, tmp_path: Path) -> None:
    relocate(installed)
    (installed / "bin/python3.13").unlink()
    (installed / "bin/python3.13").symlink_to(sys.executable)
    script = installed / "lib/python3.13/config-3.13-x/python-config.py"
    script.chmod(0o755)
    assert subprocess.run([script], capture_output=True, text=True, check=True).stdout == "flags\n"


def test_a_value_that_cannot_be_relocated_ends_the_build(installed: Path) -> None:
    path = installed / "lib/python3.13/_sysconfigdata__linux_x.py"
    path.write_text(SYSCONFIG.replace("'/install/bin'", "'/install/bin /usr/bin/install'"))
    assert "BINDIR cannot be relocated" in relocate(installed).stderr


@pytest.fixture
def build_facts(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("STEP_TOOLS", "/tools")
    spec = importlib.util.spec_from_file_location("build_facts", RECIPE / "build_facts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_makesetups_rules_give_objects_and_link_words(build_facts: ModuleType) -> None:
    assert build_facts.read_makesetup_rules(MAKEFILE) == {
        "_ssl": (["Modules/_ssl.o"], "$(MODULE__SSL_LDFLAGS)"),
        "_io": (["Modules/_io/a.o", "Modules/_io/b.o"], ""),
    }


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_expands_the_variables(build_facts: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Makefile").write_text(MAKEFILE)
    monkeypatch.chdir(tmp_path)
    values = build_facts.expand(
        ["EXT_SUFFIX", "WORDS", "EMPTY"], {"WORDS": "$(MODULE__SSL_LDFLAGS)"}, ["CRYPTO=-lother"]
    )
    assert values == {"EXT_SUFFIX": ".so", "WORDS": "-lssl -lother", "EMPTY": ""}


def test_modules_that_configure_could_not_find_end_the_build(
    build_facts: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Makefile").write_text("MODULE__SSL_STATE=missing\nMODULE_ZLIB_STATE=yes\nMODULE__GDBM_STATE=n/a\n")
    modules = tmp_path / "modules.json"
    modules.write_text('{"builtin": ["_ssl", "zlib", "sys"], "shared": []}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(build_facts, "MODULES", modules)
    with pytest.raises(SystemExit, match=r"no way to build these extension modules: _ssl \(missing\)"):
        build_facts.check_configure()


def test_byte_code_is_the_same_wherever_it_is_compiled(tmp_path: Path) -> None:
    pycs = []
    for name in ("a", "b"):
        library = tmp_path / name
        (library / "test").mkdir(parents=True)
        (library / "module.py").write_text("def f():\n    return 'value', 1.5\n")
        (library / "broken.py").write_text("def f(:\n")
        (library / "test/case.py").write_text("x = 1\n")
        command = [sys.executable, "-IBS", str(RECIPE / "compile_library.py"), str(library), "/install/lib/python3.13"]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "broken.py: not compiled" in output
        pycs.append(sorted((path.name, path.read_bytes()) for path in library.rglob("*.pyc")))
    assert len(pycs[0]) == 1
    assert pycs[0] == pycs[1]
    assert b"/install/lib/python3.13/module.py" in pycs[0][0][1]
