"""Make a program with Python inside from an unpacked archive: run by the archive's own Python.

    python/install/bin/python3 make_app.py app.c OUTPUT_DIRECTORY [COMPILER [FLAG …]]

writes OUTPUT_DIRECTORY/app and app.zip. All that it knows of the archive stands in PYTHON.json.
"""

import json
import py_compile
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

#: What programs do not need of the standard library.
LEFT_OUT = {"test", "tests", "idle_test", "idlelib", "turtledemo", "tkinter", "ensurepip", "site-packages",
            "lib-dynload", "__pycache__"}  # fmt: skip


def link_line(top: Path) -> list[str]:
    """Return the libraries of the archive and of the system that a program with libpython in it is linked with."""
    info = json.loads((top / "PYTHON.json").read_text())["build_info"]
    modules = [module for module in info["extensions"].values() if module["linkage"] == "builtin"]
    links = [*(link for module in modules for link in module["links"]), *info["core"]["links"]]
    static = dict.fromkeys(str(top / link["path_static"]) for link in links if link["path_static"])
    system = dict.fromkeys(f"-l{link['name']}" for link in links if link["system"])
    # Static libraries may need each other, in any order.
    return [str(top / info["core"]["static_lib"]), "-Wl,--start-group", *static, "-Wl,--end-group", *system]


def write_library(top: Path, target: Path) -> None:
    """Write the standard library as byte code: zipimport finds NAME.pyc where NAME.py would be."""
    library = top / json.loads((top / "PYTHON.json").read_text())["python_stdlib"]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive, tempfile.TemporaryDirectory() as directory:
        code = Path(directory, "code.pyc")
        for path in sorted(library.rglob("*.py")):
            name = path.relative_to(library)
            if not LEFT_OUT & {*name.parts}:
                mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
                py_compile.compile(str(path), str(code), str(name), doraise=True, invalidation_mode=mode)
                archive.write(code, name.with_suffix(".pyc"))


def main() -> None:
    source, output, *compiler = sys.argv[1:]
    top = Path(sys.prefix).parent
    include = json.loads((top / "PYTHON.json").read_text())["python_include"]
    words = [*(compiler or ["cc", "-O2"]), f"-I{top / include}", source, *link_line(top), "-pthread"]
    subprocess.run([*words, "-Wl,--export-dynamic", "-o", f"{output}/app"], check=True)
    write_library(top, Path(output, "app.zip"))


main()
