"""CPython's PCbuild\\build.bat: what it makes of its arguments, as its text says, and then runs MSBuild with."""

import os
from pathlib import Path

import msbuild
from common import expect, words_of, wrong


def main(line: str, machine: object) -> int:
    words = words_of(line)
    machine.note("build.bat", words)
    platform, configuration, pgo, externals, gil = "x64", "Release", False, True, True
    while words and not words[0].startswith("/"):
        word = words.pop(0)
        if word == "-E":
            externals = False
        elif word == "-p":
            platform = words.pop(0)
        elif word == "-c":
            configuration = words.pop(0)
        elif word == "--pgo":
            pgo = True
        elif word == "--disable-gil":
            gil = False
        else:
            wrong(f"unexpected argument {word}")
    expect(not externals, "would fetch CPython's own binaries: -E is missing")
    expect(len(words) <= 9, f"hands on nine arguments only, of {words}")
    # cmd ends an argument at an equals sign, unless it is between quotation marks.
    for word in words:
        expect(f'"{word[:-1] if word.endswith(chr(92)) else word}' in line, f"{word} needs quotation marks")
    expect(Path(os.environ.get("PYTHON_FOR_BUILD", "")).is_file(), "would look for a Python, and fetch one")
    expect("MAKEFLAGS" not in os.environ, "the jobserver's variable is nothing for nmake and MSBuild")
    expect(os.environ.get("MSBUILDDISABLENODEREUSE") == "1", "MSBuild would leave processes behind")
    expect("SECRET" not in os.environ, "a variable of the caller's came through")
    properties = dict(word.removeprefix("/p:").split("=", 1) for word in words)
    properties["DisableGil"] = "" if gil else "true"
    if not pgo:
        return msbuild.build(machine, platform, configuration, properties)
    msbuild.build(machine, platform, "PGInstrument", properties)
    expect(Path("python.bat").is_file(), "training needs python.bat, which the build makes")
    for stale in Path("PCbuild").rglob("*.pgc"):
        stale.unlink()
    if (machine.root / "training fails").exists():
        print("training: a test has failed")
    else:
        msbuild.train(machine, platform, not gil)
    # As the real one, it does not look at how the training ended.
    return msbuild.build(machine, platform, "PGUpdate", properties)
