"""What a cross check makes of what it compiled: the steps of a build, and what tells the result from a distribution."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pythonbuild import cross_facts
from pythonbuild.cross_shipping import BY_BUILD_PYTHON, NO_DISTRIBUTION, PREFIX, _marked, answering_environment, lacking
from pythonbuild.darwin_plan import NOT_WITHOUT_SDK, make_cross_plan, without_sdk
from pythonbuild.distribution.names import ArchiveName, ArchiveNameError, read_name
from pythonbuild.engine.model import CallAction, Plan, Step
from pythonbuild.errors import DistributionError
from pythonbuild.validation import tell_facts
from tests.unit.test_darwin_plan import PROJECT, plan_inputs

NAME = ArchiveName("3.13.5", "aarch64-apple-darwin", "noopt", "full", "zst", digest="0123456789ab")


class Context:
    """As much of a call's context as these steps ask for."""

    def __init__(self, directory: Path, trees: dict[str, Path]) -> None:
        self.out, self.work = directory / "out", directory / "work"
        self.out.mkdir()
        self.work.mkdir()
        self._trees = trees

    def tree(self, name: str) -> Path:
        return self._trees[name]


def cross(archives: tuple[str, ...] = ("full",), version: str = "3.13.5") -> Plan:
    return make_cross_plan(replace(plan_inputs("cross:clang-22", version), archives=archives))


def run(step: Step, context: Any) -> None:
    assert isinstance(step.action, CallAction)
    step.action.function(context)


def test_everything_up_to_the_validated_archive() -> None:
    plan = cross()
    assert plan.goals == ("check-3.13.5-noopt", "validate-3.13.5-noopt")
    assert plan.step("smaller-3.13.5-noopt").needs == ("cpython-3.13.5-noopt",)
    asked = plan.step("interpreter-3.13.5-noopt")
    assert asked.needs == ("smaller-3.13.5-noopt", "build-python-3.13.5", "root")
    assemble = plan.step("assemble-3.13.5-noopt")
    assert {"smaller-3.13.5-noopt", asked.name, "cross-told", "openssl", "zlib"} <= set(assemble.needs)
    assert plan.step("archive-3.13.5-noopt").needs == ("assemble-3.13.5-noopt", "smaller-3.13.5-noopt")
    assert plan.step("validate-3.13.5-noopt").needs == ("archive-3.13.5-noopt",)


def test_installations_where_they_are_asked_for() -> None:
    plan = cross(("install_only", "install_only_stripped"))
    assert plan.goals == (
        "check-3.13.5-noopt", "validate-3.13.5-noopt", "validate-3.13.5-noopt-install_only",
        "validate-3.13.5-noopt-install_only_stripped",
    )  # fmt: skip
    assert "root" in plan.step("archive-3.13.5-noopt-install_only").needs, "gzip and strip are there"


@pytest.mark.parametrize(("version", "missing"), [
    ("3.11.2", {"_scproxy", "_tkinter"}),
    ("3.13.5", {"_scproxy", "_testexternalinspection", "_tkinter"}),
    ("3.14.10", {"_remote_debugging", "_scproxy", "_tkinter"}),
])  # fmt: skip
def test_only_what_there_is_can_be_missing(version: str, missing: set[str]) -> None:
    left_out = without_sdk(plan_inputs("cross:clang-22", version)).left_out
    assert set(left_out.extensions) == missing
    lines = lacking(left_out)
    assert lines[0] == f"no distribution: {NO_DISTRIBUTION}"
    assert f"left out       _tkinter: {NOT_WITHOUT_SDK['_tkinter']}" in lines
    assert len(lines) == 1 + len(missing) + len(BY_BUILD_PYTHON)


def test_the_docs_name_what_is_missing() -> None:
    text = (PROJECT.repository / "docs/building-macos.rst").read_text("utf-8")
    section = text.split("\nThe cross check\n")[1].split("\nOne installation for both processors\n")[0]
    for name in NOT_WITHOUT_SDK:
        assert f"``{name}``" in section
    for what in BY_BUILD_PYTHON:
        assert what in section


def test_nobody_takes_the_archive_for_a_distribution(tmp_path: Path) -> None:
    def pack(context: Any) -> None:
        (context.out / "dist").mkdir()
        (context.out / "dist" / str(NAME)).write_bytes(b"")

    context = Context(tmp_path, {})
    run(_marked(plan_inputs("cross:clang-22"), Step("archive", CallAction(pack))), context)
    (archive,) = (context.out / "dist").iterdir()
    assert archive.name == PREFIX + str(NAME)
    assert read_name(str(NAME)) == NAME
    with pytest.raises(ArchiveNameError):
        read_name(archive.name)


@pytest.mark.parametrize("kind", ["", "-install_only", "-install_only_stripped"])
def test_every_archive_is_marked(kind: str) -> None:
    step = cross(("full", "install_only", "install_only_stripped")).step(f"archive-3.13.5-noopt{kind}")
    assert "pythonbuild/cross_shipping.py" in {file.name for file in step.files}


def test_the_toolchain_says_it_too(tmp_path: Path) -> None:
    toolchain = tmp_path / "toolchain/tools/toolchain.json"
    toolchain.parent.mkdir(parents=True)
    toolchain.write_text('{"kind": "cross"}')
    context = Context(tmp_path, {"macos-toolchain": tmp_path / "toolchain"})
    run(cross().step("cross-told"), context)
    told = json.loads((context.out / "tools/toolchain.json").read_text())
    assert told == {"kind": "cross", "no_distribution": NO_DISTRIBUTION}
    flags = (context.out / "tools/bin/aarch64-apple-darwin.cfg").read_text()
    assert flags == "-Wl,-headerpad_max_install_names\n", "what macos-toolchain writes on a Mac"


def test_the_build_python_answers_for_macos(tmp_path: Path) -> None:
    """By this Python, over an installation that is its own but for its sysconfig data."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    home, scripts = tmp_path / "install", tmp_path / "scripts"
    library = home / "lib" / f"python{version}"
    library.mkdir(parents=True)
    scripts.mkdir()
    for path in Path(sysconfig.get_path("stdlib")).iterdir():
        if not path.name.startswith("_sysconfigdata_"):
            (library / path.name).symlink_to(path)
    data = {"ABIFLAGS": "", "MULTIARCH": "darwin", "SOABI": "cpython-313-darwin", "Py_ENABLE_SHARED": 1,
            "EXT_SUFFIX": ".cpython-313-darwin.so", "LIBPL": str(library / "config-3.13-darwin")}  # fmt: skip
    (library / "config-3.13-darwin").mkdir()
    (library / "_sysconfigdata__darwin_darwin.py").write_text(f"build_time_vars = {data!r}\n")
    for module in (cross_facts, tell_facts):
        (scripts / Path(str(module.__file__)).name).write_bytes(Path(str(module.__file__)).read_bytes())
    target = plan_inputs("cross:clang-22").target
    environment = {name: value.replace("/sources/install", str(home)) for name, value in
                   answering_environment(target, "_sysconfigdata__darwin_darwin").items()}  # fmt: skip
    python = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    done = subprocess.run([python, "-sB", str(scripts / "cross_facts.py")], env=environment, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.removeprefix("FACTS "))
    assert said["python_platform_tag"] == "macosx_11_0_arm64"
    assert said["python_abi_tag"] == "cp313"
    assert said["python_suffixes"]["extension"] == [".cpython-313-darwin.so", ".abi3.so", ".so"]
    assert said["python_paths"]["stdlib"] == f"install/lib/python{version}"
    assert said["python_stdlib_platform_config"] == f"install/lib/python{version}/config-3.13-darwin"
    assert said["python_config_vars"]["projectbase"] == "/install/bin"
    assert said["libpython_link_mode"] == "shared"
    assert not [value for value in said["python_config_vars"].values() if "linux" in value]


def test_only_one_processor_can_be_answered_for() -> None:
    with pytest.raises(DistributionError):
        answering_environment(PROJECT.targets["x86_64-unknown-linux-gnu"], "_sysconfigdata")
