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


def collect(source: Path, built: Path, description: "dict", told: "dict", out: Path) -> None:
    """Fill ``out``. ``built`` is the directory of the programs; ``told`` has ``configuration``, MSBuild's name of how,
    ``abi_flags``, what of the ABI is in names of files (t: no GIL), and ``training``, what is known of the profile."""
    major, minor = description["version"].split(".")[:2]
    objects = source / "PCbuild/obj" / f"{major}{minor}{built.name}_{told['configuration']}"
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
    libraries = [*description["libraries"]]
    libraries += [f"python{major}{minor}{told['abi_flags']}.lib"] if description["static"] else []
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
        **told,
        "core": [f"core/{name}" for name in core],
        "main": [f"main/{name}" for name in main],
        "modules": {name: [f"extensions/{name}/{each}" for each in found] for name, found in sorted(modules.items())},
        "libraries": [f"lib/{name}" for name in libraries],
        "shared_files": sorted(path.name for path in built.glob("*.pyd")),
        "description": description,
    }
    text = json.dumps(facts, indent=2, sort_keys=True) + "\n"
    (out / "cpython-build.json").write_text(text, encoding="utf-8", newline="\n")


def read_profile(built: Path, description: "dict", flags: str) -> "dict":
    """Return what is told of the profile: what was trained, and by how many runs. Fails unless training has left counts
    of what holds the core: build.bat does not look at how it ended."""
    major, minor = description["version"].split(".")[:2]
    trained = f"python{major}{minor}{flags}"
    if description["static"]:
        trained = f"python{major}.{minor}{flags}" if flags else "python"
    counts = sorted(path.name for path in built.glob(f"{trained}!*.pgc"))
    if not counts or not (built / f"{trained}.pgd").is_file():
        fail(f"PGO: the training left no profile of {trained} ({trained}.pgd and {trained}!*.pgc): its output is above")
    print(f"PGO: {trained} was linked by the profile of {len(counts)} runs", flush=True)
    return {"of": trained, "runs": len(counts)}


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
