"""What a moved installation says of itself: sys, sysconfig, python-config, pkg-config, make, scripts."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.relocation.conftest import Tree

FROM_THE_BUILD = re.compile(r"(?<![\w./-])/(?:install|build|tools|out)(?![\w.-])|clang|llvm|profdata", re.IGNORECASE)
PATHS = ("BINDIR", "BINLIBDEST", "CONFINCLUDEPY", "DESTLIB", "DESTSHARED", "INCLUDEDIR", "INCLUDEPY", "LIBDEST",
         "LIBDIR", "LIBPC", "LIBPL", "MACHDESTLIB", "MANDIR", "SCRIPTDIR", "datarootdir")  # fmt: skip


def config_vars(tree: Tree) -> dict[str, Any]:
    code = "import json, sysconfig; print(json.dumps(sysconfig.get_config_vars()))"
    return dict(json.loads(tree.say(code)))


def strings(variables: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if isinstance(value, str)}


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_prefixes(tree: Tree, locale: str) -> None:
    code = ("import json, sys, sysconfig, site; print(json.dumps([[sys.prefix, sys.exec_prefix, sys.base_prefix, "
            "sys.base_exec_prefix], sys.executable, list(sysconfig.get_paths().values()) + sys.path[1:] + "
            "site.getsitepackages()]))")  # fmt: skip
    output = tree.run([tree.python, "-c", code], env={"LC_ALL": locale})
    prefixes, executable, paths = json.loads(output)
    assert prefixes == [str(tree.prefix)] * 4
    assert executable == str(tree.python)
    assert len(paths) > 10
    assert [path for path in paths if not Path(path).is_relative_to(tree.prefix)] == []


def test_no_variable_of_sysconfig_tells_of_the_build(tree: Tree) -> None:
    variables = strings(config_vars(tree))
    assert len(variables) > 300
    told = {
        name: value for name, value in variables.items() if FROM_THE_BUILD.search(value.replace(str(tree.prefix), ""))
    }
    assert told == {}


def test_sysconfigs_paths_are_there(tree: Tree) -> None:
    variables = config_vars(tree)
    for name in PATHS:
        assert Path(variables[name]).is_relative_to(tree.prefix), name
        assert Path(variables[name]).is_dir(), name
    assert variables["prefix"] == variables["exec_prefix"] == variables["installed_base"] == str(tree.prefix)
    assert (Path(variables["INCLUDEPY"]) / "Python.h").is_file()
    assert (Path(variables["LIBDIR"]) / variables["LDLIBRARY"]).is_file()
    assert (Path(variables["LIBDIR"]) / variables["INSTSONAME"]).is_file()
    for name in ("DESTDIRS", "INCLDIRSTOMAKE"):
        assert {path for path in shlex.split(variables[name]) if not Path(path).is_dir()} == set(), name
    arguments = shlex.split(variables["CONFIG_ARGS"])
    assert f"--prefix={tree.prefix}" in arguments
    assert [argument for argument in arguments if not re.match(r"--?\w|\w+=.", argument)] == []


def test_sysconfig_names_the_tools_that_everybody_has(tree: Tree) -> None:
    variables = config_vars(tree)
    assert {name: shlex.split(variables[name])[0] for name in
            ("AR", "BLDSHARED", "CC", "CXX", "LDCXXSHARED", "LDSHARED", "LINKCC", "MAINCC", "READELF")
            if name in variables} == {
        "AR": "ar", "BLDSHARED": "cc", "CC": "cc", "CXX": "c++", "LDCXXSHARED": "c++", "LDSHARED": "cc",
        "LINKCC": "cc", **({"MAINCC": "cc"} if "MAINCC" in variables else {}),
        **({"READELF": "readelf"} if "READELF" in variables else {}),
    }  # fmt: skip
    assert shlex.split(variables["LDSHARED"]) == ["cc", "-pthread", "-shared"]
    assert variables["LDFLAGS"].strip() == ""
    assert "-no-pie" not in variables["LINKCC"]


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_gcc_knows_every_flag(tree: Tree) -> None:
    flags = set()
    for name, value in strings(config_vars(tree)).items():
        if re.search(r"C(XX)?FLAGS|OPT$|LDFLAGS|SHARED$|LINKCC$", name) and not name.startswith(("MODULE_", "DEST")):
            flags |= {word for word in shlex.split(value) if re.match(r"-[fmWOpsg]\w", word)}
    assert {"-fPIC", "-O3", "-Wall", "-shared"} <= flags
    source = tree.home / "empty.c"
    source.write_text("int nothing(void) { return 0; }\n")
    unknown = set()
    for flag in sorted(flags):
        words = ["-Xlinker", "-export-dynamic"] if flag == "-Xlinker" else [flag]
        done = subprocess.run(["gcc", *words, "-fPIC", "-shared", source, "-o", "/dev/null"], cwd=tree.home,
                              capture_output=True, text=True, check=False)  # fmt: skip
        if done.returncode or done.stderr:
            unknown.add(flag)
    assert unknown == set()


def test_python_config(tree: Tree) -> None:
    variables = config_vars(tree)
    link = tree.home / "a link"
    link.symlink_to(tree.prefix / "bin/python3-config")

    def ask(*options: str) -> str:
        answers = {tree.run([path, *options]) for path in (link, tree.prefix / f"bin/python{tree.series}-config")}
        assert len(answers) == 1
        return answers.pop().removesuffix("\n")

    assert ask("--prefix") == ask("--exec-prefix") == str(tree.prefix)
    assert ask("--configdir") == variables["LIBPL"]
    assert ask("--extension-suffix") == variables["EXT_SUFFIX"]
    assert ask("--abiflags") == variables["ABIFLAGS"]
    assert shlex.split(ask("--includes")) == [f"-I{variables['INCLUDEPY']}"]
    assert shlex.split(ask("--cflags")) == [f"-I{variables['INCLUDEPY']}", *shlex.split(variables["CFLAGS"])]
    libraries = shlex.split(f"{variables['LIBS']} {variables['SYSLIBS']}")
    assert shlex.split(ask("--libs")) == libraries
    assert shlex.split(ask("--ldflags")) == [f"-L{variables['LIBDIR']}", *libraries]
    embedded = [f"-lpython{variables['LDVERSION']}", *libraries]
    assert shlex.split(ask("--ldflags", "--embed")) == [f"-L{variables['LIBDIR']}", *embedded]
    script = next((tree.prefix / f"lib/python{tree.series}").glob("config-*/python-config.py"))
    assert tree.run([script, "--prefix"]).strip() == str(tree.prefix)


@pytest.mark.skipif(shutil.which("pkg-config") is None, reason="needs pkg-config")
def test_pkg_config(tree: Tree) -> None:
    environment = {"PKG_CONFIG_PATH": str(tree.prefix / "lib/pkgconfig")}
    for module, libraries in (("", []), ("-embed", [f"-lpython{tree.series}"])):
        # The shell undoes the escapes, also those of single bytes, as it does for whoever uses the output.
        command = f'for word in "$@"; do :; done; eval "set -- $(pkg-config --cflags --libs python-{tree.series}{module})"; printf "%s\\n" "$@"'  # noqa: E501
        words = tree.run(["sh", "-c", command], env=environment).splitlines()
        assert (Path(words[0].removeprefix("-I")) / "Python.h").is_file()
        if libraries or len(words) > 1:  # 3.11 names no directory to those who do not link with libpython
            directory = Path(words[1].removeprefix("-L"))
            assert (directory / f"libpython{tree.series}.so").exists()
            assert directory.resolve() == tree.prefix / "lib"
        assert words[2:] == libraries


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_makefile(tree: Tree) -> None:
    variables = config_vars(tree)
    makefile = Path(variables["LIBPL"]) / "Makefile"
    names = ("prefix", "exec_prefix", "LIBDIR", "LIBPL", "INCLUDEPY", "BINDIR", "LINKCC", "CONFIG_ARGS")
    shown = tree.home / "show.mk"
    shown.write_text("show:\n\t@:" + "".join(f"$(info $({name}))" for name in names) + "\n")
    directory, name = tree.prefix / "lib", makefile.relative_to(tree.prefix / "lib")
    ways: list[list[str | Path]] = [["make", "-s", "-f", makefile, "-f", shown, "show"],
                                    ["make", "-s", "-C", directory, "-f", name, "-f", shown, "show"]]  # fmt: skip
    for command in ways:
        lines = tree.run(command).splitlines()
        expected = [str(variables[name]) for name in names]
        # make does not quote for the shell what it puts between quotes.
        expected[-1] = expected[-1].replace("'\\''", "'")
        assert lines == expected


def test_the_makefile_can_be_parsed(tree: Tree) -> None:
    """By sysconfig, and by distutils where there is one; only the prefix is another: relative to the Makefile."""
    module = "sysconfig.__main__" if tree.series == "3.13" else "sysconfig"
    code = (f"import json, sysconfig; from {module} import _parse_makefile as parse; "
            "name = sysconfig.get_makefile_filename(); found = [parse(name)]\n"
            "try: from distutils.sysconfig import parse_makefile; found.append(parse_makefile(name))\n"
            "except ImportError: pass\n"
            "print(json.dumps(found))")  # fmt: skip
    parsed = json.loads(tree.say(code, "-Wignore"))
    assert len(parsed) == (1 if tree.series == "3.13" else 2)
    variables = config_vars(tree)
    directory = Path(variables["LIBPL"])
    for values in parsed:
        assert (directory / values["prefix"]).resolve() == tree.prefix
        assert (directory / values["INCLUDEPY"]).resolve() == Path(variables["INCLUDEPY"])
        for name in ("CC", "LDSHARED", "EXT_SUFFIX", "VERSION", "CFLAGS"):
            assert values[name] == variables[name]


def test_scripts(tree: Tree) -> None:
    scripts = {}
    for path in sorted((tree.prefix / "bin").iterdir()):
        first = path.read_bytes()[:10]
        if not first.startswith(b"\x7fELF"):
            assert first == b"#!/bin/sh\n", path
            scripts[path.name] = path
    expected = {"pip", "pip3", "pydoc3", "idle3", "python3-config"} | ({"2to3"} if tree.series == "3.11" else set())
    assert expected <= set(scripts)
    for name, arguments, words in (
        ("pip3", ["--version"], str(tree.prefix)),
        ("pydoc3", ["os.path"], str(tree.prefix)),
        ("idle3", ["-h"], "IDLE"),
        ("2to3", ["--list-fixes"], "has_key"),
    ):
        if name in scripts:
            link = tree.home / f"{name} link"
            link.symlink_to(scripts[name])
            for path in (scripts[name], link):
                done = subprocess.run([path, *arguments], cwd=tree.home, env=tree.environment(), capture_output=True,
                                      text=True, encoding="utf-8", check=False)  # fmt: skip
                assert words in done.stdout + done.stderr


def test_no_text_names_the_prefix_of_the_build(awkward: Tree) -> None:
    pattern = re.compile(rb"(?<![\w./-])/install/(?:bin|include|lib|share)\b|/build/(?:src|home)\b|/tools/deps\b")
    found = set()
    for path in awkward.prefix.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix not in (".so", ".pyc") and "test" not in path.parts:
            data = path.read_bytes()
            if not data.startswith(b"\x7fELF") and pattern.search(data):
                found.add(path.name)
    # sysconfig's data puts the real prefix in its place when it is imported.
    assert {name for name in found if not name.startswith("_sysconfigdata_")} == set()
