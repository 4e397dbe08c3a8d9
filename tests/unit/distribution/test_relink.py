"""What is chosen, linked, described and removed when an interpreter is linked again; without any compiler."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild.cpython.leaving_out import RELINKED
from pythonbuild.distribution.later_json import FORMATS, to_later
from pythonbuild.distribution.relink_choice import Addition, RelinkError, Wishes, choose, parse_addition
from pythonbuild.distribution.relink_files import installed_tables, named_files, place_additions, remove_unused
from pythonbuild.distribution.relink_forms import Made, newer_of, read_relinkable, rewrite
from pythonbuild.distribution.relink_link import inittab_text, link
from pythonbuild.distribution.relink_tools import CompilerError, last_lines, machine_compiler
from pythonbuild.distribution.relink_trial import try_out
from pythonbuild.distribution.relinkable import MAIN_OBJECT, PROGRAM_LDFLAGS, Library, Relinkable
from pythonbuild.distribution.symbols import library_symbols
from pythonbuild.distribution.typed_json import JsonFormatError
from pythonbuild.errors import UsageError
from tests.unit.distribution.compilers import FakeCompiler
from tests.unit.distribution.elfmaker import make_object
from tests.unit.distribution.trees import make_distribution


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A compiler's working directory: it holds ``python``."""
    out, _ = make_distribution(tmp_path)
    return out


def described(work: Path) -> Relinkable:
    return read_relinkable((work / "python/PYTHON.json").read_text(), "PYTHON.json")


def chosen(work: Path, **wishes: object):  # type: ignore[no-untyped-def]
    return choose(described(work), Wishes(**wishes), work / "python")  # type: ignore[arg-type]


def spam(tmp_path: Path, **changes: object) -> Addition:
    path = tmp_path / "spam.o"
    path.write_bytes(make_object(["PyInit_spam"], ["PyModule_Create2"]))
    return replace(Addition("spam", "PyInit_spam", (path,)), **changes)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------------------------
# Reading, in every format


@pytest.mark.parametrize("version", FORMATS)
def test_every_format_is_read(tmp_path: Path, version: str) -> None:
    _, document = make_distribution(tmp_path)
    text = document.to_text() if version == "0" else to_later(document, version).to_text()
    read = read_relinkable(text, "PYTHON.json")
    assert read.interpreter == "install/bin/python3.13"
    assert read.main_object == MAIN_OBJECT
    assert read.modules["_ssl"].libraries == (
        Library("ssl", "build/lib/libssl.a"), Library("crypto", "build/lib/libcrypto.a"))  # fmt: skip
    assert read.modules["builtins"].init_fn == ""
    assert {name for name, module in read.modules.items() if module.indispensable} == {"posix", "marshal", "builtins"}
    assert not read.modules["_testcapi"].builtin
    assert ("-no-pie" in read.program_ldflags, "-shared" in read.library_ldflags) == (True, True)


def test_flags_are_those_of_the_build(work: Path) -> None:
    read = described(work)
    assert read.program_ldflags == ("-pthread", "-no-pie", "-Wl,--exclude-libs,ALL", "-Xlinker", "-export-dynamic")
    plain = json.loads((work / "python/PYTHON.json").read_text())
    for key in ("program_ldflags", "library_ldflags", "main_object"):
        del plain["build_info"][key]
    assert read_relinkable(json.dumps(plain), "x").program_ldflags == PROGRAM_LDFLAGS


@pytest.mark.parametrize(("change", "words"), [
    ({"version": "9"}, "version: found '9', expected \"0\" or \"7\" or \"8\""),
    ({"build_info.object_file_format": "coff"}, "object_file_format: found coff, expected elf or mach-o"),
    ({"build_info.inittab_source": ""}, "inittab_object and inittab_source: found nothing"),
])  # fmt: skip
def test_what_cannot_be_linked_again(work: Path, change: dict[str, str], words: str) -> None:
    plain = json.loads((work / "python/PYTHON.json").read_text())
    ((place, value),) = change.items()
    *above, key = place.split(".")
    (plain[above[0]] if above else plain)[key] = value
    with pytest.raises((JsonFormatError, RelinkError)) as caught:
        read_relinkable(json.dumps(plain), "PYTHON.json")
    assert words in str(caught.value)


# ---------------------------------------------------------------------------------------------------------------------
# Choosing


def test_left_out(work: Path) -> None:
    choice = chosen(work, without=("_ssl", "_testcapi"))
    assert choice.removed == ("_ssl", "_testcapi")
    assert sorted(choice.wanted.modules) == ["_sha2", "builtins", "marshal", "math", "posix"]
    assert "build/Modules/_ssl.o" not in choice.wanted.link_objects()


def test_only(work: Path) -> None:
    choice = chosen(work, only=("math",))
    assert choice.removed == ("_sha2", "_ssl", "_testcapi")
    assert sorted(choice.wanted.modules) == ["builtins", "marshal", "math", "posix"]


@pytest.mark.parametrize(("wishes", "words"), [
    ({}, "relink: nothing to change"),
    ({"without": ("_ssl",), "only": ("math",)}, "--without and --only exclude each other"),
    ({"without": ("_sll",)}, "--without: the archive has no extension module _sll; did you mean _ssl?"),
    ({"only": ("xyz",)}, "--only: the archive has no extension module xyz; inspect tells"),
    ({"without": ("marshal",)}, "marshal cannot be left out: found its code is part of the interpreter itself"),
    ({"without": ("posix",)}, "posix cannot be left out: found the interpreter does not start without it"),
])  # fmt: skip
def test_refused(work: Path, wishes: dict[str, object], words: str) -> None:
    with pytest.raises((UsageError, RelinkError)) as caught:
        chosen(work, **wishes)
    assert words in str(caught.value)
    assert caught.value.exit_code == (1 if isinstance(caught.value, RelinkError) else 2)


def test_a_module_whose_functions_another_one_calls(work: Path) -> None:
    path = work / "python/build/Modules/sha2module.o"
    path.unlink()
    path.write_bytes(make_object(["PyInit__sha2"], ["ssl_helper"]))
    (work / "python/build/Modules/_ssl.o").unlink()
    (work / "python/build/Modules/_ssl.o").write_bytes(make_object(["PyInit__ssl", "ssl_helper"]))
    with pytest.raises(RelinkError, match="_ssl cannot be left out: found _sha2 calls its ssl_helper; leave _sha2 out"):
        chosen(work, without=("_ssl",))
    assert chosen(work, without=("_ssl", "_sha2")).removed == ("_sha2", "_ssl")


def test_a_module_that_the_core_calls(work: Path) -> None:
    path = work / "python/build/Python/core.o"
    path.unlink()
    path.write_bytes(make_object(["Py_BytesMain"], ["PyInit_math"]))
    with pytest.raises(
        RelinkError, match="math cannot be left out: found the interpreter itself calls its PyInit_math"
    ):
        chosen(work, without=("math",))


def test_an_object_that_is_not_there(work: Path) -> None:
    (work / "python/build/Modules/mathmodule.o").unlink()
    with pytest.raises(RelinkError, match=r"PYTHON.json names build/Modules/mathmodule.o: found no such file"):
        chosen(work, without=("math",))


# ---------------------------------------------------------------------------------------------------------------------
# Adding


def test_the_words_of_an_addition(tmp_path: Path) -> None:
    for name in ("a.o", "libham.a"):
        (tmp_path / name).touch()
    object_, archive = tmp_path / "a.o", tmp_path / "libham.a"
    assert parse_addition(f"pack.spam={object_},{archive},-lm") == Addition(
        "pack.spam", "PyInit_spam", (object_,), (archive,), ("m",))  # fmt: skip
    assert parse_addition(f"spam:start={object_}").init_fn == "start"


@pytest.mark.parametrize(("text", "words"), [
    ("spam", "expected NAME=FILE.o"),
    ("spam=", "expected NAME=FILE.o"),
    ("1=a.o", "expected NAME=FILE.o"),
    ("spam:=a.o", "expected NAME=FILE.o"),
    ("spam=a.c", "found 'a.c', expected objects (.o), static libraries (.a), -lNAME"),
    ("spam=-lm", "spam has no object file"),
    ("spam=/nonexistent/a.o", "no such file /nonexistent/a.o"),
])  # fmt: skip
def test_words_that_are_no_addition(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_addition(text)
    assert words in str(caught.value)


def test_two_files_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("a.o", "b/a.o"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match="two files of one name"):
        parse_addition(f"spam={tmp_path}/a.o,{tmp_path}/b/a.o")


def test_added(work: Path, tmp_path: Path) -> None:
    (tmp_path / "libham.a").write_bytes(b"!<arch>\n")
    choice = chosen(work, add=(spam(tmp_path, archives=(tmp_path / "libham.a",), system=("m",)),))
    module = choice.wanted.modules["spam"]
    assert module.objects == ("build/added/spam/spam.o",)
    assert module.libraries == (Library("ham", "build/added/spam/libham.a"), Library("m"))
    place_additions(work / "python", choice)
    assert (work / "python/build/added/spam/spam.o").read_bytes() == (tmp_path / "spam.o").read_bytes()


def test_a_module_is_replaced(work: Path, tmp_path: Path) -> None:
    addition = spam(tmp_path, name="math", init_fn="PyInit_spam")
    assert chosen(work, without=("math",), add=(addition,)).wanted.modules["math"].init_fn == "PyInit_spam"


@pytest.mark.parametrize(("changes", "words"), [
    ({"name": "math"}, "there is an extension module math already; replace it with --without math"),
    ({"name": "posix"}, "there is an extension module posix already; give yours another name"),
    ({"init_fn": "PyInit_other"}, "no object defines its init function PyInit_other; name another one with --add"),
    ({"system": ("curl",)}, "libcurl is no library that every system of the target has: expected one of libc, "),
])  # fmt: skip
def test_an_addition_that_does_not_fit(work: Path, tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(RelinkError) as caught:
        chosen(work, add=(spam(tmp_path, **changes),))
    assert words in str(caught.value)


@pytest.mark.parametrize(("content", "words"), [
    (make_object(["PyInit_spam"], machine=183), "183, expected ELF machine 62, as the archive's"),
    (b"text", "found a file that is no object"),
])  # fmt: skip
def test_an_object_for_something_else(work: Path, tmp_path: Path, content: bytes, words: str) -> None:
    addition = spam(tmp_path)
    addition.objects[0].write_bytes(content)
    with pytest.raises(RelinkError) as caught:
        chosen(work, add=(addition,))
    assert words in str(caught.value)


# ---------------------------------------------------------------------------------------------------------------------
# Linking


def test_what_the_compiler_is_told(work: Path, tmp_path: Path) -> None:
    choice = chosen(work, without=("_ssl",), add=(spam(tmp_path),))
    compiler = FakeCompiler(work)
    place_additions(work / "python", choice)
    link(choice.wanted, compiler)
    program, library = compiler.told["link the interpreter"], compiler.told["link libpython"]
    objects = ["python/build/Modules/mathmodule.o", "python/build/added/spam/spam.o", "python/build/Modules/config.o"]
    for words in (program, library):
        assert all(words.count(path) == 1 for path in objects)
        assert "python/build/Modules/_ssl.o" not in words
        start, end = words.index("-Wl,--start-group"), words.index("-Wl,--end-group")
        assert words[start + 1 : end] == ["python/build/Modules/_hacl/libHacl.a"]
        assert all(words.index(path) < start for path in objects)
        assert "-lm" in words[end:]
        assert "-Wl,--exclude-libs,ALL" in words
    assert "-no-pie" in program
    assert "python/build/Programs/python.o" in program
    assert "python/build/Programs/python.o" not in library
    assert "-Wl,-soname,libpython3.13.so.1.0" in library
    members = [name for name, _ in library_symbols(work / "python/build/lib/libpython3.13.a")]
    assert "spam.o" in members
    assert not {"python.o", "_ssl.o"} & {*members}
    compiled = compiler.told["compile the table of builtin modules"]
    assert "-Ipython/install/include/python3.13" in compiled
    assert "-O3" in compiled


def test_shipped_shared_libraries_are_found_from_where_the_programs_are(work: Path) -> None:
    wanted = described(work)
    math = replace(wanted.modules["math"], libraries=(Library("z", dynamic="install/lib/libz.so.1"),))
    wanted = replace(wanted, modules={**wanted.modules, "math": math})
    compiler = FakeCompiler(work)
    link(wanted, compiler)
    assert "-Wl,-rpath,$ORIGIN/../lib" in compiler.told["link the interpreter"]
    assert "-Wl,-rpath,$ORIGIN" in compiler.told["link libpython"]
    assert "python/install/lib/libz.so.1" in compiler.told["link libpython"]


def test_the_table_of_builtin_modules(work: Path) -> None:
    lines = inittab_text(chosen(work, without=("_ssl",)).wanted).splitlines()
    assert '    {"math", PyInit_math},' in lines
    assert '    {"builtins", NULL},' in lines
    assert "extern PyObject* PyMarshal_Init(void);" in lines
    assert not any("_ssl" in line or "_testcapi" in line for line in lines)
    assert lines[-2:] == ["    {0, 0}", "};"]


def test_a_compiler_for_another_machine(work: Path) -> None:
    with pytest.raises(RelinkError, match="cannot link these objects: found a compiler for ELF machine 183, expected"):
        link(described(work), FakeCompiler(work, machine=183))


def test_a_compiler_that_fails(work: Path) -> None:
    before = (work / "python/install/bin/python3.13").read_bytes()
    with pytest.raises(CompilerError, match=r"cc cannot link the interpreter: found x\.o: file not recognized"):
        link(described(work), FakeCompiler(work, failing="link the interpreter"))
    assert (work / "python/install/bin/python3.13").read_bytes() == before


@pytest.mark.parametrize(("script", "words"), [
    ("echo noise; echo \"ld: a.o: undefined reference to 'x'\"; echo \"collect2: error: 1\"; exit 1",
     "cannot do it: found ld: a.o: undefined reference to 'x'; give another compiler"),
    ("exit 3", "cannot do it: found exit status 3"),
    ("exit 0", "cannot do it: found no output, and no complaint, expected a C compiler"),
])  # fmt: skip
def test_compilers_of_the_machine(tmp_path: Path, script: str, words: str) -> None:
    program = tmp_path / "cc"
    program.write_text(f'#!/bin/sh\ncase $* in *--version) echo "cc 1.0"; exit;; esac\n{script}\n')
    program.chmod(0o755)
    compiler = machine_compiler(f"{program} -m64", tmp_path)
    assert (compiler.version, compiler.name) == ("cc 1.0", f"{program} -m64")
    with pytest.raises(CompilerError) as caught:
        compiler.produce("do it", [], "x.o")
    assert words in str(caught.value)
    assert compiler.find("libc.so.6") is None


@pytest.mark.parametrize("command", ["/nonexistent/cc", "'", ""])
def test_no_compiler(tmp_path: Path, command: str) -> None:
    with pytest.raises(UsageError, match="--cc"):
        machine_compiler(command, tmp_path)


def test_the_last_lines_are_those_that_tell() -> None:
    assert last_lines(["a", "b", " c ", "", "d"]) == "b | c | d"
    assert last_lines(["x.c:1: error: no", "1 warning", "note"]) == "x.c:1: error: no"
    assert last_lines(["collect2: error: ld returned 1"]) == "collect2: error: ld returned 1"


# ---------------------------------------------------------------------------------------------------------------------
# The new description, and what has no use any more


def made(work: Path, tmp_path: Path) -> Made:
    choice = chosen(work, without=("_ssl",), add=(spam(tmp_path, system=("m",)),))
    return Made(choice, "cc 1.0", "2.34", ("glibc-dynamic", "glibc-max-symbol-version:2.34"), "x.tar.zst", "ab" * 32)


def test_the_description_of_format_0(work: Path, tmp_path: Path) -> None:
    new = json.loads(rewrite((work / "python/PYTHON.json").read_text(), made(work, tmp_path)))
    assert sorted(new["build_info"]["extensions"]) == [
        "_sha2", "_testcapi", "builtins", "marshal", "math", "posix", "spam"]  # fmt: skip
    assert new["build_info"]["extensions"]["spam"]["links"][0]["system"]
    assert new["omitted_extensions"] == {"_gdbm": "GPL-3", "_ssl": RELINKED}
    assert new["libc_floor"] == "2.34"
    assert [source["name"] for source in new["sources"]] == ["cpython"]
    assert new["relinked"] == {
        "from": "x.tar.zst", "sha256": "ab" * 32, "compiler": "cc 1.0", "removed": ["_ssl"], "added": ["spam"],
    }  # fmt: skip


@pytest.mark.parametrize("version", ["7", "8"])
def test_the_description_of_later_formats(tmp_path: Path, version: str) -> None:
    out, document = make_distribution(tmp_path)
    old = json.loads(to_later(document, version).to_text())
    new = json.loads(rewrite(json.dumps(old), made(out, tmp_path)))
    assert new.keys() == old.keys()
    assert new["version"] == version
    assert new["crt_features"] == ["glibc-dynamic", "glibc-max-symbol-version:2.34"]
    (variant,) = new["build_info"]["extensions"]["spam"]
    assert (variant["objs"], variant["links"]) == (["build/added/spam/spam.o"], [{"name": "m", "system": True}])
    assert "_ssl" not in new["build_info"]["extensions"]
    assert read_relinkable(json.dumps(new), "x").modules["spam"].init_fn == "PyInit_spam"


def test_versions_of_the_c_library() -> None:
    assert newer_of("2.17", "2.4") == "2.17"
    assert newer_of("", "2.4") == "2.4"


def test_files_without_use_are_removed(work: Path, tmp_path: Path) -> None:
    top = work / "python"
    text = (top / "PYTHON.json").read_text()
    choice = chosen(work, without=("_ssl", "_sha2", "_testcapi"))
    new = rewrite(text, replace(made(work, tmp_path), choice=choice))
    removed = remove_unused(top, described(work), choice, named_files(text), named_files(new))
    assert set(removed) == {
        "build/Modules/_ssl.o", "build/Modules/sha2module.o", "build/Modules/_testcapi.o", "build/lib/libssl.a",
        "build/lib/libcrypto.a", "build/Modules/_hacl/libHacl.a", "build/Modules/_hacl/Hacl.o",
        "build/cpython-build.json", "install/lib/python3.13/lib-dynload/_testcapi.so", "licenses/LICENSE.openssl.txt",
    }  # fmt: skip
    assert not (top / "build/Modules/_hacl").exists()
    # Without this directory the interpreter would find no exec_prefix.
    assert (top / "install/lib/python3.13/lib-dynload").is_dir()
    assert all((top / path).exists() for path in named_files(new))


def test_script_libraries_of_tcl_go_with_it(work: Path) -> None:
    top = work / "python"
    for name in ("tcl8.6", "tk8.6"):
        (top / "install/lib" / name).mkdir()
    old = replace(described(work), tcl_directories=("install/lib/tcl8.6", "install/lib/tk8.6"))
    tcl = replace(old.modules["math"], libraries=(Library("tcl8.6", "build/lib/libtcl8.6.a"),))
    choice = chosen(work, without=("_ssl",))
    keeping = replace(choice, wanted=replace(choice.wanted, modules={**choice.wanted.modules, "math": tcl}))
    assert remove_unused(top, old, keeping, set(), {"build/cpython-build.json"}) == []
    assert remove_unused(top, old, choice, set(), set())[-2:] == ["install/lib/tcl8.6", "install/lib/tk8.6"]
    assert not (top / "install/lib/tk8.6").exists()


def test_copies_of_the_table_for_readers(work: Path) -> None:
    top = work / "python"
    folder = top / "install/lib/python3.13/config-3.13-x86_64-linux-gnu"
    folder.mkdir()
    (folder / "config.c").write_text("another")
    assert installed_tables(top, described(work)) == []
    (folder / "config.c").write_bytes((top / "build/Modules/config.c").read_bytes())
    assert installed_tables(top, described(work)) == [folder / "config.c"]


# ---------------------------------------------------------------------------------------------------------------------
# The trial

BUILTIN = ("_sha2", "builtins", "marshal", "math", "posix")


def test_a_good_interpreter_is_let_pass(work: Path) -> None:
    compiler = FakeCompiler(work, builtin=BUILTIN)
    try_out(chosen(work, without=("_ssl",)), compiler)
    assert compiler.told["try"][0] == "python/install/bin/python3.13"


@pytest.mark.parametrize(("builtin", "failed", "words"), [
    (("math",), {}, "has other builtin modules than it should: found _sha2, builtins, marshal, posix"),
    (BUILTIN, {"_sha2": "No module named '_ssl'"}, "_ssl cannot be left out: found _sha2, which imports it"),
    (BUILTIN, {"math": "ImportError: x"}, "math cannot be imported by the interpreter that was linked: found Import"),
])  # fmt: skip
def test_what_the_trial_finds(work: Path, builtin: tuple[str, ...], failed: dict[str, str], words: str) -> None:
    with pytest.raises(RelinkError) as caught:
        try_out(chosen(work, without=("_ssl",)), FakeCompiler(work, builtin=builtin, failed=failed))
    assert words in str(caught.value)


def test_an_interpreter_that_does_not_start(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = FakeCompiler(work)
    monkeypatch.setattr(compiler, "run", lambda _argv: (139, ["Segmentation fault"]))
    with pytest.raises(RelinkError, match="does not run: found Segmentation fault"):
        try_out(chosen(work, without=("_ssl",)), compiler)
