"""Small distributions for macOS and Windows that are right, to be spoilt in one place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pythonbuild.config.model import Target
from pythonbuild.config.project import Project
from pythonbuild.distribution.objectfile import ELF_MAGIC, Elf, library_members
from pythonbuild.validation.checks import Result
from pythonbuild.validation.validate import CHECKS, Report, validate
from tests.unit.distribution.elfmaker import make_library
from tests.unit.distribution.machomaker import (
    LIBRARY,
    PROGRAM,
    SYSTEM,
    make_macho,
    make_macho_object,
)
from tests.unit.distribution.pemaker import CONSOLE, make_pe
from tests.unit.distribution.trees import API, make_distribution, write

REPOSITORY = Path(__file__).parents[3]
TARGETS = Project(REPOSITORY).known_targets

#: Paths below ``python/`` of what the distribution for macOS has.
PYTHON, LIBPYTHON = "install/bin/python3.13", "install/lib/libpython3.13.dylib"
MODULE = "install/lib/python3.13/lib-dynload/_testcapi.cpython-313-darwin.so"
#: What makes an installation without description one of this project's.
OURS = "share/licenses/python3.13/LICENSE.cpython.txt"


def make_interpreter(**options: Any) -> bytes:
    return make_macho(PROGRAM, **{"exports": API, "imports": {"malloc": 1}, "rpaths": ["@executable_path/../lib"],
                                  **options})  # fmt: skip


def make_libpython(**options: Any) -> bytes:
    return make_macho(LIBRARY, **{"exports": API, "install_name": "@rpath/libpython3.13.dylib", **options})


def make_module(**options: Any) -> bytes:
    libraries = [(SYSTEM, "1.0.0"), ("@rpath/libpython3.13.dylib", "1.0.0")]
    return make_macho(**{"libraries": libraries, "exports": ["PyInit__testcapi"], "imports": {"PyModule_Create2": 2},
                         **options})  # fmt: skip


class NativeBench:
    """A tree and the target that it is for."""

    def __init__(self, directory: Path, target: Target) -> None:
        self.out = directory
        self.top = directory / "python"
        self.target = target

    def write(self, path: str, content: bytes | str) -> None:
        (self.top / path).unlink(missing_ok=True)  # it may be a hard link into the trees of steps
        write(self.top / path, content)

    def run(self, what: Path | None = None) -> Report:
        return validate(what or self.out, self.target, skip=_OTHERS)

    def results(self) -> dict[str, Result]:
        """Return what came of the checks of this system, and of those of Linux."""
        return {result.id: result for result in self.run().results}


#: What has nothing to do with programs is looked at elsewhere.
_PROGRAMS = ("elf", "hardening", "macho", "pe")
_OTHERS = [item.id for item in CHECKS if item.id.partition("-")[0] not in _PROGRAMS]


class MacBench(NativeBench):
    """A whole distribution of this project for macOS on arm64."""

    def __init__(self, directory: Path) -> None:
        out, _ = make_distribution(directory)
        super().__init__(out, TARGETS["aarch64-apple-darwin"])
        for path in [path for path in self.top.rglob("*") if path.is_file() and not path.is_symlink()]:
            name, content = path.relative_to(self.top).as_posix(), path.read_bytes()
            if path.suffix == ".o":
                self.write(name, as_macho(content))
            elif path.suffix == ".a":
                members = library_members(content, name)
                self.write(name, make_library({member: as_macho(bytes(data)) for member, data in members}))
            elif content.startswith(ELF_MAGIC):
                path.unlink()
        self.write(PYTHON, make_interpreter())
        self.write(LIBPYTHON, make_libpython())
        self.write(MODULE, make_module())
        text = (self.top / "PYTHON.json").read_text(encoding="utf-8")
        text = text.replace('"object_file_format": "elf"', '"object_file_format": "mach-o"')
        text = text.replace("install/lib/libpython3.13.so.1.0", LIBPYTHON)
        self.write("PYTHON.json", text.replace("x86_64-unknown-linux-gnu", self.target.triple))


def as_macho(content: bytes) -> bytes:
    """Return a Mach-O object with the names of an ELF one."""
    symbols = Elf(content, "x.o").symbols()
    return make_macho_object(*(sorted(names) for names in (symbols.defined, symbols.undefined, symbols.weak_undefined)))


class WindowsBench(NativeBench):
    """An installation of this project for Windows, without description."""

    def __init__(self, directory: Path, target: str = "x86_64-pc-windows-msvc") -> None:
        super().__init__(directory / "out", TARGETS[target])
        self.options: dict[str, Any] = {"arch": self.target.arch}
        write(self.top / OURS, "PSF licence\n")
        write(self.top / "Lib/os.py", "")
        write(self.top / "python.exe", self.make_program())
        write(self.top / "python313.dll", self.make_libpython())
        write(self.top / "DLLs/_ssl.pyd", self.make_module())
        write(self.top / "DLLs/_ctypes.pyd", self.make_module(exports=["PyInit__ctypes", "DllGetClassObject"]))
        write(self.top / "vcruntime140.dll", self.make(pdb=r"D:\a\vcruntime140.pdb", exports=["memcpy"], signed=True))
        write(self.top / "Lib/site-packages/pip/_vendor/distlib/t32.exe", make_pe(arch="i686", dll=False, flags=0))

    def make(self, imports: Any = None, **options: Any) -> bytes:
        return make_pe(imports, **{**self.options, **options})

    def make_program(self, imports: Any = None, **options: Any) -> bytes:
        imports = imports or {"python313.dll": ["Py_Main"], "VCRUNTIME140.dll": ["memcpy"],
                              "api-ms-win-crt-runtime-l1-1-0.dll": ["exit"]}  # fmt: skip
        return self.make(imports, **{"dll": False, "subsystem": CONSOLE, "pdb": "python.pdb", **options})

    def make_libpython(self, imports: Any = None, **options: Any) -> bytes:
        imports = imports or {"KERNEL32.dll": ["CreateFileW"], "BCRYPT.dll": ["BCryptGenRandom"]}
        return self.make(imports, **{"exports": ["Py_Main", "_Py_NoneStruct"], "checksum": True, **options})

    def make_module(self, imports: Any = None, **options: Any) -> bytes:
        imports = imports or {"python313.dll": ["PyModule_Create2"], "CRYPT32.dll": ["CertOpenStore"]}
        return self.make(imports, **{"exports": ["PyInit__ssl"], "name": "_ssl.pyd", **options})


def assert_only(report: Report, identifier: str, words: str) -> None:
    """Assert that one check has failed, that no other has, and that one of its findings holds the words."""
    failed = {result.id: result.findings for result in report.failed}
    assert set(failed) == {identifier}, [line for result in report.failed for line in result.lines()]
    assert any(words in finding for finding in failed[identifier]), failed[identifier]


#: A way to spoil one of them.
Spoil = Callable[[Any], object]
