"""Makes up a machine: the programs of Windows that a build calls, by stand-ins on a PATH, and pinned archives."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.conftest import CACHE, REPOSITORY
from tests.integration.pcbuild.later import ZLIB_NG, ZLIB_NG_X86

STANDINS = Path(__file__).parent / "standins"
#: Where each stand-in is found: those of Visual Studio only by the PATH that its vcvarsall.bat sets.
PROGRAMS = {
    "installer": {"vswhere": "vswhere"},
    "windows/system32": {"cmd": "cmd"},
    "perl": {"perl": "perl"},
    "nasm": {"nasm": "nasm"},
    "VS/MSBuild": {"msbuild": "msbuild"},
    "VS/VC/bin": {"cl": "cl", "lib": "lib", "nmake": "nmake", "ml64": "ml64", "ml": "ml64", "armasm64": "ml64",
                  "link": "never"},
    "Kits/bin": {},
}  # fmt: skip
_WRAPPER = """#!{python}
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, {standins!r})
from common import Machine
from {module} import main
from pathlib import Path
machine = Machine(Path({root!r}))
machine.note({name!r}, sys.argv[1:])
sys.exit(main(sys.argv[1:], machine))
"""


@dataclass(frozen=True)
class Done:
    """What one run of build-windows.py said."""

    events: tuple[dict[str, Any], ...]
    status: int
    errors: str
    output: str = ""

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == kind]

    @property
    def archives(self) -> list[Path]:
        assert self.status == 0, self.errors
        return [Path(event["path"]) for event in self.of("Published")]


@dataclass(frozen=True)
class FakeWindows:
    """The made-up machine: ``root`` holds it, ``checkout`` is a copy of the repository that builds on it."""

    root: Path
    checkout: Path
    cache: Path
    archives: Path

    @property
    def path(self) -> str:
        return os.pathsep.join(str(self.root / each) for each in ("installer", "windows/system32", "perl", "nasm"))

    @property
    def bare_path(self) -> str:
        """A PATH without Perl and NASM."""
        return os.pathsep.join(str(self.root / each) for each in ("installer", "windows/system32"))

    def run(self, *arguments: str, path: str | None = None) -> Done:
        """Run the script as a person would, with nothing on PATH but the machine's programs."""
        command = [sys.executable, str(self.checkout / "build-windows.py"), *arguments, "--cache-dir", str(self.cache)]
        environment = {"PATH": self.path if path is None else path, "SystemRoot": str(self.root / "windows")}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        events = tuple(json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
        said = done.stdout[-6000:] if done.returncode else ""
        return Done(events, done.returncode, done.stderr or said, done.stdout)

    def build(self, output: Path, *arguments: str, path: str | None = None) -> Done:
        flags = ("--log-format", "json", "--output", str(output), "--source-dir", str(self.archives))
        return self.run(*flags, *arguments, path=path)

    def calls(self, program: str) -> list[dict[str, Any]]:
        """Return how a program was called, in order."""
        rows = (json.loads(line) for line in (self.root / "calls.jsonl").read_text().splitlines())
        return [row for row in rows if row["program"] == program]


def make_machine(root: Path, compiler: Path, platform: str = "x64", pinned: Sequence[str] = ()) -> FakeWindows:
    """Make the machine in an empty directory; ``compiler`` is the root filesystem that has Clang and lld.

    ``pinned`` are programs of cpython-windows/sources.yml that stand-ins are to be pinned for.
    """
    for directory, programs in PROGRAMS.items():
        (root / directory).mkdir(parents=True)
        for name, module in programs.items():
            program = root / directory / name
            program.write_text(_WRAPPER.format(python=sys.executable, standins=str(STANDINS), module=module,
                                               root=str(root), name=name))  # fmt: skip
            program.chmod(0o755)
    # The one header of the SDK that assembly includes, for arm64.
    (root / "VS/VC/include").mkdir()
    (root / "VS/VC/include/ksarm64.h").write_text("// macros of the Windows SDK\n")
    told = {"compiler": str(compiler), "msvc": "14.44.35207", "platform": platform}
    (root / "machine.json").write_text(json.dumps(told))
    archives, checkout, cache = root / "archives", root / "checkout", root / "c"
    archives.mkdir()
    _copy_checkout(checkout)
    for source, archive in (("tcltk", tcltk(archives / "tcltk-for-tests.tar.gz")),
                            *((source, _program(source, root, archives)) for source in pinned)):  # fmt: skip
        pin(checkout / "cpython-windows/sources.yml", source, archive)
    pin(checkout / "cpython-unix/sources.yml", "zlib-ng", zlib_ng(archives / "zlib-ng-for-tests.tar.gz"))
    cache.mkdir()
    # What all builds share: the virtual environment, and what was fetched.
    for name in ("venv", "downloads"):
        (CACHE / name).mkdir(parents=True, exist_ok=True)
        (cache / name).symlink_to(CACHE / name)
    return FakeWindows(root, checkout, cache, archives)


def _copy_checkout(checkout: Path) -> None:
    """Copy what git tracks or would track; pins can then be changed, and the script finds its cache below it."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=REPOSITORY, capture_output=True,
                            text=True, check=True).stdout.splitlines()  # fmt: skip
    for name in listed:
        if (REPOSITORY / name).is_file() and not name.startswith(("tests/", "benchmarks/")):
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / name, checkout / name)


def pin(path: Path, source: str, archive: Path) -> None:
    """Let a sources.yml pin another archive for a source."""
    before, found, rest = path.read_text().partition(f"  {source}:\n")
    assert found, source
    own, gap, after = rest.partition("\n\n")
    lines = []
    for line in own.splitlines():
        key, colon, _ = line.partition(":")
        content = archive.read_bytes()
        value = {"filename": archive.name, "sha256": hashlib.sha256(content).hexdigest(),
                 "size": str(len(content))}.get(key.strip())  # fmt: skip
        lines.append(f"{key}{colon} {value}" if value else line)
    path.write_text(before + found + "\n".join(lines) + gap + after)


def _program(source: str, root: Path, archives: Path) -> Path:
    """Write an archive of a program, in the form that the real one has, with a stand-in in the program's place."""
    if source == "nasm":
        path = archives / "nasm-for-tests.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            for name, content in (("nasm.exe", (root / "nasm/nasm").read_bytes()), ("LICENSE", b"NASM's licence")):
                info = tarfile.TarInfo(f"cpython-bin-deps-nasm/{name}")
                info.size, info.mtime, info.mode = len(content), 1700000000, 0o755
                tar.addfile(info, io.BytesIO(content))
            # OpenSSL's Configure looks for it by the name without a suffix, which on Windows is the same.
            link = tarfile.TarInfo("cpython-bin-deps-nasm/nasm")
            link.type, link.linkname = tarfile.LNKTYPE, "cpython-bin-deps-nasm/nasm.exe"
            tar.addfile(link)
        return path
    path = archives / "perl-for-tests.zip"
    with zipfile.ZipFile(path, "w") as zipped:
        program = zipfile.ZipInfo("perl/bin/perl.exe")
        program.external_attr = 0o100755 << 16
        zipped.writestr(program, (root / "perl/perl").read_bytes())
        zipped.writestr("licenses/perl/Artistic", "Perl's licence")
        zipped.writestr("c/bin/gcc.exe", "nobody needs it")
    return path


def tcltk(path: Path) -> Path:
    """Write an archive with the files that CPython's own of Tcl and Tk has, as far as a build reads them."""
    files = {"include/tcl.h": b"",
             "lib/tcl86t.lib": b"", "lib/tk86t.lib": b"", "lib/tcl8.6/init.tcl": b"# tcl", "lib/tk8.6/tk.tcl": b"# tk",
             "tcllicense.terms": b"Tcl's terms", "tklicense.terms": b"Tk's terms"}  # fmt: skip
    with tarfile.open(path, "w:gz") as tar:
        for arch, ours in (("amd64", "x86_64"), ("win32", "i686"), ("arm64", "aarch64")):
            dlls = {f"bin/{name}.dll": dll(ours) for name in ("tcl86t", "tk86t", "zlib1")}
            for name, content in {**files, **dlls}.items():
                info = tarfile.TarInfo(f"tcltk/{arch}/{name}")
                info.size, info.mtime = len(content), 1700000000
                tar.addfile(info, io.BytesIO(content))
    return path


def zlib_ng(path: Path) -> Path:
    """Write an archive with the sources of zlib-ng that CPython's project names, as far as a build reads them."""
    names = [f"{folder}/{name}.c".lstrip("/") for folders in (ZLIB_NG, ZLIB_NG_X86)
             for folder, stems in folders.items() for name in stems.split()]  # fmt: skip
    files = {**dict.fromkeys([*names, "zbuild.h", "gzlib.c", "arch/arm/arm_features.c"], b"/* zlib-ng */"),
             **dict.fromkeys(("zlib.h.in", "zlib-ng.h.in"), b"int @ZLIB_SYMBOL_PREFIX@deflate(void);\n"),
             "LICENSE.md": b"zlib-ng's licence", "test/example.c": b"nobody needs it"}  # fmt: skip
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"cpython-source-deps-zlib-ng/{name}")
            info.size, info.mtime = len(content), 1700000000
            tar.addfile(info, io.BytesIO(content))
    return path


def dll(arch: str) -> bytes:
    """Return a DLL without any function."""
    from tests.unit.distribution.pemaker import make_pe

    return make_pe(arch=arch, dll=True)
