"""The interpreter finds its installation however it is started, and programs that use it find it too."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.relocation.conftest import Tree

TELL = "import json, sys, os, ssl; print(json.dumps([sys.prefix, sys.executable, os.__file__]))"

#: A way in: prepares what it needs in the tree's home and returns a shell command that starts the interpreter with
#: "$@", and the sys.executable that is expected ("" for the interpreter's own path).
Way = Callable[[Tree], tuple[str, str]]


def link(tree: Tree, name: str, target: Path) -> Path:
    path = tree.home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    return path


def by_symlink(tree: Tree) -> tuple[str, str]:
    path = link(tree, "some bin/ein Python", tree.python)
    return f'"{path}" "$@"', str(path)


def by_chain(tree: Tree) -> tuple[str, str]:
    first = link(tree, "a/first", tree.prefix / "bin/python3")
    second = link(tree, "b/second", Path("../a") / first.name)
    return f'"{second}" "$@"', str(second)


def by_symlinked_directory(tree: Tree) -> tuple[str, str]:
    directory = link(tree, "the tree", tree.prefix)
    return f'"{directory}/bin/python3" "$@"', f"{directory}/bin/python3"


def by_name_on_path(tree: Tree) -> tuple[str, str]:
    return f'PATH="{tree.prefix}/bin:$PATH"; python{tree.series} "$@"', str(tree.python)


def by_symlinked_directory_on_path(tree: Tree) -> tuple[str, str]:
    directory = link(tree, "the bin", tree.prefix / "bin")
    return f'PATH="{directory}:$PATH"; python3 "$@"', f"{directory}/python3"


def by_relative_directory_on_path(tree: Tree) -> tuple[str, str]:
    return f'cd "{tree.prefix}"; PATH=bin:$PATH; python3 "$@"', f"{tree.prefix}/bin/python3"


def by_relative_path(tree: Tree) -> tuple[str, str]:
    return f'cd "{tree.prefix}/lib"; ../bin/python3 "$@"', f"{tree.prefix}/lib/../bin/python3"


def from_a_deleted_directory(tree: Tree) -> tuple[str, str]:
    gone = tree.home / "gone"
    gone.mkdir()
    return f'cd "{gone}"; rmdir "{gone}"; "{tree.python}" "$@"', ""


def under_another_name(tree: Tree) -> tuple[str, str]:
    return f'exec -a "some name" "{tree.python}" "$@"', ""


def under_no_name(tree: Tree) -> tuple[str, str]:
    return f'exec -a "" "{tree.python}" "$@"', ""


def under_a_name_that_leads_nowhere(tree: Tree) -> tuple[str, str]:
    return f'exec -a /nowhere/bin/python3 "{tree.python}" "$@"', ""


def under_the_name_of_another_python(tree: Tree) -> tuple[str, str]:
    """PATH has another installation of the same version: the kernel knows which one was started."""
    other = tree.home / "other/bin/python3"
    other.parent.mkdir(parents=True)
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    library = tree.home / f"other/lib/python{tree.series}"
    library.mkdir(parents=True)
    (library / "os.py").write_text("raise SystemExit('the wrong library')\n")
    return f'PATH="{other.parent}:$PATH"; exec -a python3 "{tree.python}" "$@"', ""


def without_path(tree: Tree) -> tuple[str, str]:
    return f'unset PATH; exec -a python3 "{tree.python}" "$@"', ""


WAYS: tuple[Way, ...] = (
    by_symlink, by_chain, by_symlinked_directory, by_name_on_path, by_symlinked_directory_on_path,
    by_relative_directory_on_path, by_relative_path, from_a_deleted_directory, under_another_name, under_no_name,
    under_a_name_that_leads_nowhere, under_the_name_of_another_python, without_path,
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_ways_in(tree: Tree, way: Way) -> None:
    command, executable = way(tree)
    prefix, found, library = json.loads(tree.run(["bash", "-c", command, "bash", "-c", TELL]))
    assert found == (executable or str(tree.python))
    assert Path(prefix).resolve() == tree.prefix
    assert Path(library).resolve() == tree.prefix / f"lib/python{tree.series}/os.py"
    # What it takes for its own file starts it again, in another directory.
    assert tree.run([found, "-c", "import sys, ssl; print(sys.prefix)"], cwd=Path("/")).strip() == prefix


@pytest.mark.parametrize("flags", [["-I"], ["-S"], ["-E"], ["-s"], ["-B"], ["-O"], ["-P"], ["-I", "-S", "-X", "utf8"]],
                         ids=" ".join)  # fmt: skip
def test_flags(awkward: Tree, flags: list[str]) -> None:
    assert awkward.say("import sys, encodings; print(sys.prefix)", *flags) == str(awkward.prefix)


def test_pythonhome(awkward: Tree) -> None:
    """A copy of the interpreter, away from its library, is told where that is."""
    elsewhere = awkward.home / "elsewhere"
    shutil.copy(awkward.python, elsewhere)
    code = "import sys, ssl; print(sys.prefix)"
    assert awkward.run([elsewhere, "-c", code], env={"PYTHONHOME": str(awkward.prefix)}).strip() == str(awkward.prefix)


def test_zipapp(awkward: Tree) -> None:
    program = awkward.home / "program"
    program.mkdir()
    (program / "__main__.py").write_text("import sys, json; print(json.dumps([sys.prefix, sys.argv[1:]]))\n")
    shebang = link(awkward, "python-for-zipapps", awkward.python)
    archive = awkward.home / "program.pyz"
    awkward.run([awkward.python, "-m", "zipapp", program, "-p", shebang, "-o", archive])
    expected = f'["{awkward.prefix}", ["a b"]]\n'
    code = "import json; print(json.dumps(json.loads(input()), ensure_ascii=False))"
    commands: list[list[str | Path]] = [[archive, "a b"], [awkward.python, archive, "a b"]]
    for command in commands:
        output = awkward.run(command)
        assert awkward.run([awkward.python, "-c", code], words=output) == expected


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_multiprocessing(awkward: Tree, method: str) -> None:
    script = awkward.home / "work.py"
    script.write_text(f"""
import multiprocessing, sys

def prefix(number):
    return number, sys.prefix, sys.executable

if __name__ == "__main__":
    multiprocessing.set_start_method({method!r})
    with multiprocessing.Pool(2) as pool:
        for number, where, what in pool.map(prefix, range(4)):
            assert where == sys.prefix and what == sys.executable, (where, what)
    print("worked")
""")
    through = link(awkward, "bin/python", awkward.python)
    for python in (awkward.python, through):
        assert awkward.run([python, script]) == "worked\n"


def make_wheel(directory: Path) -> Path:
    """Make a wheel with a module and a command."""
    files = {
        "hello_moved.py": "import sys\n\ndef main():\n    print('hello from', sys.prefix)\n",
        "hello_moved-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: hello-moved\nVersion: 1.0\n",
        "hello_moved-1.0.dist-info/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
        "hello_moved-1.0.dist-info/entry_points.txt": "[console_scripts]\nhello-moved = hello_moved:main\n",
    }
    record = "hello_moved-1.0.dist-info/RECORD"
    files[record] = "".join(f"{name},,\n" for name in (*files, record))
    path = directory / "hello_moved-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def check_environment(tree: Tree, venv: Path, wheel: Path) -> None:
    """Check that a virtual environment belongs to the tree and that pip installs into it."""
    python = venv / "bin/python"
    code = "import json, sys, ssl; print(json.dumps([sys.prefix, sys.base_prefix, sys.executable]))"
    for flags in ([], ["-I"], ["-S", "-E"]):
        # Without site, sys.prefix stays the base installation's until 3.14.
        prefix, base, executable = json.loads(tree.run([python, *flags, "-c", code]))
        assert Path(base).resolve() == tree.prefix
        assert executable == str(python)
        if "-S" not in flags:
            assert prefix == str(venv)
    tree.run([python, "-m", "pip", "--disable-pip-version-check", "install", "--no-index", "--no-deps", wheel])
    assert tree.run([venv / "bin/hello-moved"]) == f"hello from {venv}\n"


@pytest.mark.parametrize("kind", ["--symlinks", "--copies"])
@pytest.mark.parametrize("maker", ["interpreter", "symlink outside", "symlinked tree", "symlinked bin"])
def test_virtual_environments(awkward: Tree, kind: str, maker: str) -> None:
    wheel = make_wheel(awkward.home)
    python = {
        "interpreter": lambda: awkward.python,
        "symlink outside": lambda: link(awkward, "outside/mein python3", awkward.python),
        "symlinked tree": lambda: link(awkward, "tree", awkward.prefix) / "bin/python3",
        "symlinked bin": lambda: link(awkward, "some bin", awkward.prefix / "bin") / "python3",
    }[maker]()
    venv = awkward.home / "an environment"
    awkward.run([python, "-m", "venv", kind, venv])
    assert (venv / "bin/python").is_symlink() == (kind == "--symlinks")
    check_environment(awkward, venv, wheel)


@pytest.mark.parametrize("kind", ["--symlinks", "--copies"])
def test_a_virtual_environment_of_a_virtual_environment(awkward: Tree, kind: str) -> None:
    wheel = make_wheel(awkward.home)
    first, second = awkward.home / "first", awkward.home / "second one"
    awkward.run([awkward.python, "-m", "venv", "--without-pip", kind, first])
    awkward.run([first / "bin/python", "-m", "venv", kind, second])
    check_environment(awkward, second, wheel)


def test_an_active_virtual_environment_is_the_one_that_runs(awkward: Tree) -> None:
    """PATH leads to the environment's symlink, the kernel knows the installation's file: the environment counts."""
    venv = awkward.home / "active"
    awkward.run([awkward.python, "-m", "venv", "--without-pip", venv])
    path = f"{venv}/bin:/usr/bin:/bin"
    done = subprocess.run(["bash", "-c", "python3 -c 'import sys; print(sys.prefix, sys.executable, sep=chr(10))'"],
                          env=awkward.environment(PATH=path), cwd=awkward.home, capture_output=True, text=True,
                          encoding="utf-8", check=True)  # fmt: skip
    assert done.stdout.splitlines() == [str(venv), str(venv / "bin/python3")]
    assert os.path.realpath(venv / "bin/python3") == str(awkward.python)
