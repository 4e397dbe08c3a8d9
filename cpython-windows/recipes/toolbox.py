"""What recipes for Windows have in common: running programs, compiling and archiving, installing files.

All paths are absolute and come from variables; programs are looked for in the step's own PATH.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

TOOLS, BUILD, OUT = (Path(os.environ[name]) for name in ("STEP_TOOLS", "STEP_BUILD", "OUT"))
RECIPE = Path(os.environ["STEP_RECIPE"])
ARCH = os.environ["TARGET_ARCH"]
DEPENDENCIES = OUT / "tools" / "deps"
#: Optimised, for the DLL of the C runtime, without debug information, and without the time of the day in the object.
FLAGS = ("-nologo", "-c", "-O2", "-MD", "-W3", "-Brepro")


def fail(text: str) -> None:
    sys.exit(f"{RECIPE.name}: {text}")


def run(program: str, *arguments: "str | Path", cwd: "Path | None" = None, extra: "Mapping[str, str] | None" = None,
        output: "Path | None" = None) -> None:  # fmt: skip
    """Run a program to its end, its output in the log or in a file; a status other than 0 ends the recipe."""
    path = shutil.which(program, path=os.environ["PATH"])
    if path is None:
        fail(f"{program} is not in PATH ({os.environ['PATH']})")
    words = [path, *map(str, arguments)]
    print("+", subprocess.list2cmdline([program, *words[1:]]), flush=True)
    _finish(program, words, cwd, extra, output)


def run_batch(script: str, *arguments: str, cwd: Path, extra: "Mapping[str, str] | None" = None) -> None:
    """Run a batch file by cmd; arguments are written as cmd is to read them, with their quotation marks.

    cmd takes an equals sign for the end of an argument unless it is between quotation marks; with ``/s`` it takes off
    the outermost pair and nothing else.
    """
    line = " ".join((f'"{script}"', *arguments))
    print("+", line, flush=True)
    if os.name == "nt":
        _finish(script, f'cmd /d /s /c "{line}"', cwd, extra, None)
    else:
        _finish(script, ["cmd", "/d", "/s", "/c", line], cwd, extra, None)


def _finish(name: str, command: "str | list[str]", cwd: "Path | None", extra: "Mapping[str, str] | None",
            output: "Path | None") -> None:  # fmt: skip
    environment = {**os.environ, **(extra or {})}
    if output is None:
        status = subprocess.run(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
    else:
        with output.open("wb") as file:
            status = subprocess.run(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=file,
                                    check=False).returncode  # fmt: skip
    if status:
        fail(f"{name} ended with status {status}")


def compile_sources(sources: "Iterable[Path]", *flags: "str | Path", objects: Path) -> "list[Path]":
    """Compile C sources of one directory into a directory of objects; return these, sorted."""
    sources = sorted(sources)
    if missing := [str(source) for source in sources if not source.is_file()]:
        fail(f"there is no {', '.join(missing)}: the source is another than this recipe knows")
    objects.mkdir(parents=True, exist_ok=True)
    run("cl", *FLAGS, "-MP", *flags, f"-Fo{objects}{os.sep}", *sources)
    return sorted(objects / f"{source.stem}.obj" for source in sources)


def make_library(name: str, objects: "Iterable[Path]") -> None:
    """Make a static library of objects, in their order, where the trees of dependencies have theirs."""
    library = DEPENDENCIES / "lib" / name
    library.parent.mkdir(parents=True, exist_ok=True)
    members = BUILD / f"{name}.rsp"
    members.write_text("".join(f'"{path}"\n' for path in objects), encoding="utf-8")
    run("lib", "-nologo", "-Brepro", f"-out:{library}", f"@{members}")


def install(files: "Iterable[Path]", directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for file in files:
        if not file.is_file():
            fail(f"there is no {file}")
        shutil.copyfile(file, directory / file.name)


def keep_source(name: str, wanted: str, without: "Iterable[str]" = ()) -> None:
    """Keep a source that is not compiled, as it is, in a directory of its own.

    ``wanted`` is a file that has to be in it, ``without`` are directories at its top that nobody needs.
    """
    source = Path.cwd()
    if not (source / wanted).is_file():
        fail(f"{wanted} is not in the archive")
    left = shutil.ignore_patterns() if not without else lambda directory, _names: (
        set(without) if Path(directory) == source else set())  # fmt: skip
    shutil.copytree(source, OUT / "tools" / name, ignore=left)


def replace(path: Path, pairs: "Mapping[str, str]", to: "Path | None" = None) -> None:
    """Replace words of a file, each of which has to be there."""
    text = path.read_text(encoding="utf-8")
    for old, new in pairs.items():
        if old not in text:
            fail(f"{path}: {old} is not in it: the source is another than this recipe knows")
        text = text.replace(old, new)
    (to or path).write_text(text, encoding="utf-8", newline="\n")
