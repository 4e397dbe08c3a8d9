"""CPython's own script for macOS, run with the ordinary one behind it: what make is told there, and what not.

configure and make are stand-ins that write down how they were called; the compiler is one that knows some options of
LLVM and not others.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

RECIPES = Path(__file__).parents[3] / "cpython-unix" / "recipes"
LINUX, MAC = "x86_64-linux-gnu", "aarch64-apple-darwin"
#: In the place of prepare.sh: what that leaves behind with LTO.
PREPARED = """
make_value() { sed -n "s/^$1=//p" Makefile; }
series=3.13 stdlib=python3.13 root=$OUT/install program=python.exe goals=(sharedmods)
make_variables=("LINK_PYTHON_OBJS=\\$(LIBRARY_OBJS)")
compile_flags=(-ffat-lto-objects) link_flags=(-ffat-lto-objects -O3)
LINKCC=$CC
./configure
"""


class Build:
    """A step of CPython's recipe for macOS."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.calls = directory, directory / "calls"
        for name in ("src/Lib/ensurepip/_bundled", "recipe", "bin", "out", "tools/profile", "tools/build-python/bin"):
            (directory / name).mkdir(parents=True)
        shutil.copyfile(RECIPES / "functions.sh", directory / "recipe/functions.sh")
        shutil.copyfile(RECIPES / "cpython/build.sh", directory / "recipe/static.sh")
        shutil.copyfile(RECIPES / "cpython/macos/build.sh", directory / "recipe/build.sh")
        (directory / "recipe/prepare.sh").write_text(PREPARED)
        (directory / "tools/profile/cpython.profdata").write_bytes(b"profile")
        for name in ("freeze_more.py", "build_facts.py", "relocate.py"):
            (directory / "recipe" / name).write_text("")
        (directory / "recipe/profile_report.py").write_text(
            "import pathlib, sys\n"
            "if sys.argv[1] == 'watch': sys.stdin.read()\n"
            "if sys.argv[1] == 'report': pathlib.Path(sys.argv[4]).parent.mkdir(parents=True)\n"
        )
        (directory / "src/Makefile").write_text("LDVERSION=3.13\n")
        (directory / "src/build").mkdir()
        self.program("src/configure", 'echo "configure ${ac_cv_path_LLVM_AR:-}" >> "$CALLS"')
        self.program("bin/make", "for word; do printf '%s\\n' \"$word\"; done >> \"$CALLS\"; echo --- >> \"$CALLS\"\n"
                                 "touch python.exe libpython3.13.dylib\n"
                                 "for word; do case $word in DESTDIR=*) word=${word#DESTDIR=}/install\n"
                                 'mkdir -p "$word/bin" "$word/lib/python3.13" ;; esac; done')  # fmt: skip
        (directory / "src/Lib/ensurepip/_bundled/pip-25.1.1-py3-none-any.whl").write_text("")
        self.program("tools/build-python/bin/python3.13", 'echo "$@" >> "$CALLS.python"')
        self.compiler("")

    def program(self, name: str, script: str) -> None:
        (self.directory / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.directory / name).chmod(0o755)

    def compiler(self, unknown: str) -> None:
        self.program("bin/cc-of-the-target", f'case "$2" in {unknown or "nothing"}) exit 1 ;; esac')

    def run(self, options: str, build: str = LINUX, version: str = "3.13.5") -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.directory}/bin:{os.environ['PATH']}", "CALLS": str(self.calls), "BUILD_OPTIONS": options,
            "BUILD": build, "HOST": MAC, "TARGET_TRIPLE": MAC, "SOURCE_VERSION": version, "CC": "cc-of-the-target",
            "STEP_RECIPE": f"{self.directory}/recipe", "STEP_BUILD": str(self.directory),
            "STEP_TOOLS": f"{self.directory}/tools", "DEPS": f"{self.directory}/tools/deps",
            "OUT": f"{self.directory}/out", "BUILD_PYTHON": f"{self.directory}/tools/build-python/bin/python3",
        }  # fmt: skip
        command = ["bash", "-eu", "-c", '. "$STEP_RECIPE/functions.sh"; . "$STEP_RECIPE/build.sh"']
        return subprocess.run(command, cwd=self.directory / "src", env=environment, capture_output=True, text=True)

    def make(self, options: str) -> list[dict[str, str]]:
        """Return the variables of each call of make that compiles; under "" are its goals."""
        done = self.run(options)
        assert done.returncode == 0, done.stderr
        calls = []
        for text in self.calls.read_text().partition("\n")[2].split("---\n")[:-1]:
            words = text.splitlines()
            calls.append({word.partition("=")[0]: word.partition("=")[2] for word in words if "=" in word})
            calls[-1][""] = " ".join(word for word in words if "=" not in word)
        return [call for call in calls if "DESTDIR" not in call]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return Build(tmp_path)


def test_lto_is_what_configure_says_and_nothing_of_elf(build: Build) -> None:
    calls = build.make("lto")
    assert [call[""] for call in calls] == [
        "python.exe", "python.exe libpython3.13.dylib libpython3.13.a platform", "sharedmods",
    ], "nothing is linked that could not be run"  # fmt: skip
    for call in calls:
        assert "LINKCC" not in call, "link.py is for ELF"
        assert (call["CFLAGS_NODIST"], call["LDFLAGS_NODIST"]) == ("-g0", "-O3 -g0")


def test_a_profile_is_used(build: Build) -> None:
    call = build.make("freethreaded+pgo+lto")[-1]
    assert call["CFLAGS_NODIST"].split() == [
        f"-fprofile-use={build.directory}/tools/profile/cpython.profdata", "-mllvm", "-pgo-warn-missing-function",
        "-mllvm", "-use-iterative-bfi-inference", "-mllvm", "-enable-ext-tsp-block-placement", "-g0",
    ]  # fmt: skip
    assert "-split-machine-functions" not in call["LDFLAGS_NODIST"]
    assert "-Wl,-mllvm,-enable-ext-tsp-block-placement" in call["LDFLAGS_NODIST"].split()
    assert (build.directory / "out/build/profile/cpython.profdata").read_bytes() == b"profile"


def test_options_that_the_compiler_does_not_know_are_left_out(build: Build) -> None:
    build.compiler("-use-iterative-bfi-inference")
    call = build.make("pgo+lto")[-1]
    text = f"{call['CFLAGS_NODIST']} {call['LDFLAGS_NODIST']}"
    assert "bfi" not in text
    assert text.split().count("-mllvm") == 2
    assert "-fprofile-use=" in text


def test_flags_with_spaces_and_other_variables_stay_as_they_are(build: Build) -> None:
    assert {call["LINK_PYTHON_OBJS"] for call in build.make("lto")} == {"$(LIBRARY_OBJS)"}


def test_what_cannot_be_run_is_installed_by_the_build_python(build: Build) -> None:
    done = build.run("noopt")
    assert done.returncode == 0, done.stderr
    calls = [call.splitlines() for call in build.calls.read_text().split("---\n") if "DESTDIR" in call]
    made = "LINK_PYTHON_OBJS=$(LIBRARY_OBJS)"
    assert calls == [
        [made, "-o", "all", "libinstall", "PYTHON_FOR_BUILD=true", f"DESTDIR={build.directory}/out"],
        [made, "-o", "all", "-o", "libinstall", "install", "ENSUREPIP=no", f"DESTDIR={build.directory}/out"],
    ]
    install = build.directory / "out/install"
    assert str((install / "bin/python").readlink()) == "python3.13"
    assert not (install / "bin/python.exe").exists(), "that was there to be looked at"
    pip, compiled = Path(f"{build.calls}.python").read_text().splitlines()
    assert pip.startswith("-IB Lib/ensurepip/_bundled/pip-25.1.1-py3-none-any.whl/pip install ")
    assert f" --prefix {install} " in pip
    assert pip.endswith(" pip")
    assert (
        compiled == f"-IBS {build.directory}/recipe/compile_library.py {install}/lib/python3.13 /install/lib/python3.13"
    )


def test_on_a_mac_nothing_is_installed_by_another_python(build: Build) -> None:
    build.run("noopt", MAC)
    assert not Path(f"{build.calls}.python").exists()


def test_on_a_mac_what_the_build_runs_is_linked_and_apple_s_ar_packs(build: Build) -> None:
    build.run("lto", MAC)  # it ends where the stand-ins do
    words = build.calls.read_text()
    assert words.startswith("configure /usr/bin/ar\n")
    assert "_bootstrap_python" in words


def test_the_configure_of_older_series_is_edited(build: Build) -> None:
    configure = build.directory / "src/configure"
    text = configure.read_text()
    before = "libmpdec_machine=universal\n_host_cpu=$host_cpu\n#case `/usr/bin/arch` in\n"
    configure.write_text(text + before)
    assert build.run("noopt", version="3.11.2").returncode == 0
    assert configure.read_text() == f"{text}libmpdec_machine=uint128\n_host_ident=$host_cpu\n#case i386 in\n"
    configure.write_text(text + before)
    build.run("noopt", MAC, version="3.11.2")
    assert configure.read_text() == text + before.replace("universal", "uint128"), "a Mac can be asked"
    configure.write_text(text)
    done = build.run("noopt", version="3.12.1")
    assert done.returncode != 0
    assert "nothing in configure is changed by" in done.stderr


def test_llvm_profdata_is_found_by_its_name(tmp_path: Path) -> None:
    """What macos-toolchain makes on a Mac: Apple's is in no directory that PATH names."""
    profdata = tmp_path / "Command Line Tools/llvm-profdata"
    profdata.parent.mkdir()
    profdata.write_text('#!/bin/sh\nprintf "%s;" "$@"\n')
    profdata.chmod(0o755)
    environment = {
        "PATH": os.environ["PATH"], "OUT": str(tmp_path), "TOOLCHAIN": "native:clang", "TARGET_TRIPLE": MAC,
        "DARWIN_ARCH": "arm64", "MACOSX_DEPLOYMENT_TARGET": "11.0", "CLANG": "/clt/clang", "CLANGXX": "/clt/clang++",
        "SDK": "/sdk", "SDK_NAME": "macosx15", "SDK_VERSION": "15", "CLANG_VERSION": "16", "LD_VERSION": "ld-1115",
        "PROFDATA": str(profdata),
    }  # fmt: skip
    subprocess.run(["bash", "-eu", str(RECIPES / "macos-toolchain/build.sh")], env=environment, check=True)
    words = [str(tmp_path / "tools/bin/llvm-profdata"), "merge", "a b"]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "merge;a b;"
