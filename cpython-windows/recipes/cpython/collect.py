"""Keeps what CPython was linked from: objects by module, its own static libraries, the table of builtin modules.

core/            the objects of pythoncore that belong to no module; main/ the one with main
extensions/X/    the objects of the module X
lib/             libraries that PCbuild itself made, pythonXY.lib among them in the static variant
PC/config.c      the table of builtin modules
cpython-build.json   all of that in words: pythonbuild/pcbuild/readback.py reads it
"""

import json
import os
import shutil
from pathlib import Path, PureWindowsPath

from toolbox import fail

FORMAT = 1


def collect(source: Path, built: Path, description: "dict", configuration: str, out: Path) -> None:
    """Fill ``out``. ``built`` is the directory of the programs, ``configuration`` MSBuild's name of how."""
    major, minor = description["version"].split(".")[:2]
    objects = source / "PCbuild/obj" / f"{major}{minor}{built.name}_{configuration}"
    core = copy(objects / "pythoncore", out / "core")
    main = copy(objects / "python", out / "main")
    modules = {}
    for name, module in description["builtin"].items():
        if module["objects"]:
            modules[name] = copy(objects / "pythoncore" / module["objects"], out / "extensions" / name)
            modules[name] += assembled(module, core, out, name)
    for name in description["shared"]:
        if (objects / name).is_dir():
            modules[name] = copy(objects / name, out / "extensions" / name)
    libraries = ["sqlite3.lib", *([f"python{major}{minor}.lib"] if description["static"] else [])]
    for name in libraries:
        (out / "lib").mkdir(exist_ok=True)
        shutil.copyfile(built / name, out / "lib" / name)
    (out / "PC").mkdir()
    shutil.copyfile(source / "PC/config.c", out / "PC/config.c")
    facts = {
        "format": FORMAT,
        "system": "windows",
        "version": description["version"],
        "source_date_epoch": int(os.environ["SOURCE_DATE_EPOCH"]),
        "configuration": configuration,
        "core": [f"core/{name}" for name in core],
        "main": [f"main/{name}" for name in main],
        "modules": {name: [f"extensions/{name}/{each}" for each in found] for name, found in sorted(modules.items())},
        "libraries": [f"lib/{name}" for name in libraries],
        "shared_files": sorted(path.name for path in built.glob("*.pyd")),
        "description": description,
    }
    text = json.dumps(facts, indent=2, sort_keys=True) + "\n"
    (out / "cpython-build.json").write_text(text, encoding="utf-8", newline="\n")


def copy(directory: Path, target: Path) -> "list[str]":
    """Copy the objects of a directory (not of those below it); return their names."""
    found = sorted(path for path in directory.glob("*.obj")) if directory.is_dir() else []
    if not found:
        fail(f"{directory}: no objects, where MSBuild should have left some")
    target.mkdir(parents=True)
    for path in found:
        shutil.copyfile(path, target / path.name)
    return [path.name for path in found]


def assembled(module: "dict", core: "list[str]", out: Path, name: str) -> "list[str]":
    """Move the objects of a module's assembly to it: these lie among the core's own. Return their names."""
    moved = []
    for include in module["sources"]:
        object_name = PureWindowsPath(include).stem + ".obj"
        if include.endswith(".asm") and object_name in core:
            shutil.move(out / "core" / object_name, out / "extensions" / name / object_name)
            core.remove(object_name)
            moved.append(object_name)
    return moved
