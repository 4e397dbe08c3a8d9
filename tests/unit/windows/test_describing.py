"""What the description of a distribution for Windows takes from files and from the interpreter."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from pythonbuild.cpython.readback import read_build
from pythonbuild.engine.model import CallContext
from pythonbuild.environments.native import NativeEnvironment
from pythonbuild.errors import DistributionError
from pythonbuild.windows.describing import as_spelt, runtimes
from pythonbuild.windows.host import Host
from pythonbuild.windows.shipping import ask_interpreter
from tests.unit.distribution.pemaker import make_pe

CONFIG = """
extern PyObject* PyInit__ssl(void);
extern PyObject* PyMarshal_Init(void);
struct _inittab _PyImport_Inittab[] = {
    {"_ssl", PyInit__ssl},
    {"marshal", PyMarshal_Init},
    {"sys", NULL},
    {0, 0}
};
"""


def test_paths_are_spelt_as_the_tree_has_them(tmp_path: Path) -> None:
    (tmp_path / "install/include").mkdir(parents=True)
    assert as_spelt(tmp_path, "install/Include") == "install/include"
    assert as_spelt(tmp_path, "install/Scripts") == "install/Scripts"


def test_runtimes(tmp_path: Path) -> None:
    imports = {
        "VCRUNTIME140.dll": ["memcpy"],
        "VCRUNTIME140_1.dll": ["x"],
        "api-ms-win-crt-heap-l1-1-0.dll": ["malloc"],
    }
    (tmp_path / "python313.dll").write_bytes(make_pe(imports))
    assert runtimes(tmp_path) == ("vcruntime:140",)


@dataclass
class Context:
    """As much of a CallContext as asking takes."""

    work: Path
    environment: NativeEnvironment
    step: str = "interpreter"
    lines: list[str] = field(default_factory=list)

    def log(self, line: str) -> None:
        self.lines.append(line)


def context(tmp_path: Path) -> CallContext:
    return cast(CallContext, Context(tmp_path, NativeEnvironment(tmp_path)))


def test_an_interpreter_is_asked(tmp_path: Path) -> None:
    facts = ask_interpreter(context(tmp_path), Path(sys.executable), Host("Linux", "x86_64", {}))
    assert facts["python_implementation_hex_version"] == sys.hexversion
    assert facts["python_abi_tag"] == f"cp{sys.version_info[0]}{sys.version_info[1]}"


def test_an_interpreter_that_says_nothing(tmp_path: Path) -> None:
    program = tmp_path / "python.exe"
    program.write_text("#!/bin/sh\necho a DLL is missing; exit 3\n")
    program.chmod(0o755)
    with pytest.raises(DistributionError, match=r"says nothing of itself: found status 3: a DLL is missing"):
        ask_interpreter(context(tmp_path), program, Host("Linux", "x86_64", {}))


def make_build(directory: Path, **changes: Any) -> Path:
    """Leave what collect.py does."""
    ssl = {"init": "PyInit__ssl", "objects": "_ssl", "sources": [], "needs": ["openssl"], "licences": ["openssl"],
           "links": ["libssl.lib", "Ws2_32.lib", "ws2_32.lib"], "bundled": {}}  # fmt: skip
    description = {"version": "3.13.5", "static": False, "builtin": {"_ssl": ssl}, "shared": {"_testcapi": "test"},
                   "core_links": ["version.lib"], "defines": ["Py_BUILD_CORE"]}  # fmt: skip
    dump = {"format": 1, "system": "windows", "version": "3.13.5", "core": ["core/config.obj"],
            "main": ["main/python.obj"], "libraries": ["lib/sqlite3.lib"], "shared_files": ["_testcapi.pyd"],
            "modules": {"_ssl": ["extensions/_ssl/_ssl.obj"], "_testcapi": ["extensions/_testcapi/t.obj"]},
            "description": description, "source_date_epoch": 1, **changes}  # fmt: skip
    for name in ("core/config.obj", "main/python.obj", "lib/sqlite3.lib", "extensions/_ssl/_ssl.obj",
                 "extensions/_testcapi/t.obj", "PC/config.c"):  # fmt: skip
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(CONFIG if name.endswith(".c") else "")
    (directory / "cpython-build.json").write_text(json.dumps(dump))
    return directory


def test_the_build_is_read_back(tmp_path: Path) -> None:
    build = read_build(make_build(tmp_path))
    assert build.core_objects == ("core/config.obj", "main/python.obj")
    assert [link.name for link in build.core_links] == ["version"]
    assert (build.main_object, build.inittab_object) == ("main/python.obj", "core/config.obj")
    assert build.inittab_cflags == ("-DNDEBUG", "-DPy_BUILD_CORE")
    assert build.shared_library_name == "python313.dll"
    assert [link.name for link in build.extensions["_ssl"].links] == ["libssl", "ws2_32"]
    assert build.extensions["marshal"].in_core
    assert build.extensions["sys"].init_fn is None
    assert build.extensions["_testcapi"].shared_library == "_testcapi.pyd"


@pytest.mark.parametrize(("changes", "message"), [
    ({"core": ["core/config.obj", "core/x.obj"]}, "not all there: found no core/x.obj"),
    ({"modules": {}}, r"builtin modules are not as the projects say: found \['_ssl'\]"),
    ({"shared_files": []}, "module _testcapi has objects and no file: expected _testcapi.pyd"),
    ({"main": []}, "none with main"),
])  # fmt: skip
def test_a_build_whose_parts_do_not_fit(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DistributionError, match=message):
        read_build(make_build(tmp_path, **changes))
