from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pythonbuild.distribution.archive import ArchiveError, pack, unpack
from pythonbuild.distribution.fatfile import join
from pythonbuild.distribution.machofile import read_slices
from pythonbuild.distribution.names import ArchiveNameError
from pythonbuild.distribution.objectfile import LIBRARY_MAGIC, ObjectFileError
from pythonbuild.distribution.universal import PARTS, WHOLE, unite
from pythonbuild.errors import DistributionError
from tests.unit.distribution.machomaker import BUNDLE, PROGRAM, make_macho, make_macho_object, make_universal
from tests.unit.distribution.trees import write

DATA = "lib/python3.13/_sysconfigdata__darwin_darwin.py"
MAKEFILE, SETUP = (f"lib/python3.13/config-3.13-darwin/{name}" for name in ("Makefile", "Setup.local"))
X86, ARM = PARTS


def library(*objects: bytes) -> bytes:
    """Return a static library as BSD's ar writes it."""
    text = LIBRARY_MAGIC
    for number, content in enumerate(objects):
        name = f"member{number}.o".encode()
        text += f"{f'#1/{len(name)}':<16}{0:<12}{0:<6}{0:<6}{0o100644:<8o}{len(name) + len(content):<10}`\n".encode()
        text += name + content + b"\n" * ((len(name) + len(content)) % 2)
    return text


# One file.


def test_slices_keep_their_bytes_and_signatures() -> None:
    thin = {arch: make_macho(PROGRAM, arch=arch, exports=["PyInit_a"]) for arch in ("arm64", "x86_64")}
    whole = join(list(thin.values()), "python")
    slices = read_slices(whole, "python")
    assert [part.arch for part in slices] == ["x86_64", "arm64"]
    assert [part.signature_problems for part in slices] == [(), ()]
    assert slices == read_slices(thin["x86_64"], "") + read_slices(thin["arm64"], "")
    for index, arch in enumerate(("x86_64", "arm64")):
        _cpu, _subtype, offset, size, alignment = struct.unpack_from(">5I", whole, 8 + 20 * index)
        assert whole[offset : offset + size] == thin[arch]
        assert (alignment, offset % 2**14) == (14, 0)
    assert join(list(reversed(thin.values())), "") == whole, "the order of slices is fixed"


def test_static_libraries_become_one() -> None:
    parts = [library(*[make_macho_object(["name"], arch=arch)] * 2) for arch in ("x86_64", "arm64")]
    whole = join(parts, "libx.a")
    assert all(part in whole for part in parts)


@pytest.mark.parametrize(
    ("slices", "told"),
    [
        ([make_macho(arch="arm64")] * 2, "Mach-O of kind 8 for arm64, Mach-O of kind 8 for arm64"),
        ([make_macho(PROGRAM, arch="x86_64"), make_macho(BUNDLE)], "kind 2 for x86_64, Mach-O of kind 8 for arm64"),
        ([make_macho(arch="arm64e"), make_macho(arch="x86_64")], "not for one processor: found arm64e"),
        ([make_universal({a: make_macho(arch=a) for a in ("x86_64", "arm64")})] * 2, "found arm64, x86_64"),
        ([library(), library()], "not for one processor: found none"),
        ([library(make_macho_object(arch="x86_64"), make_macho_object()), library()], "found arm64, x86_64"),
        ([make_macho()[:40], make_macho()], "damaged"),
    ],
)
def test_what_cannot_be_joined(slices: list[bytes], told: str) -> None:
    with pytest.raises(ObjectFileError, match=told):
        join(slices, "file")


# Two archives.


def make_archive(place: Path, triple: str, files: Mapping[str, bytes], name: str = "") -> Path:
    tree = place / f"tree-{triple}-{len(list(place.iterdir()))}"
    for path, content in files.items():
        file = tree / "python" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o755 if path.startswith("bin/") else 0o644)
    (tree / "python/bin/python3").symlink_to("python3.13")
    archive = place / (name or f"cpython-3.13.5+20260101-{triple}-install_only.tar.gz")
    pack(tree, archive, 1_000_000_000 + (triple == ARM), described=False)
    return archive


def files(triple: str, **more: bytes) -> dict[str, bytes]:
    arch = {"x86_64-apple-darwin": "x86_64", "aarch64-apple-darwin": "arm64"}[triple]
    return {
        "bin/python3.13": make_macho(PROGRAM, arch=arch),
        "include/pyconfig.h": b"#define SIZEOF_LONG_DOUBLE " + (b"16" if arch == "x86_64" else b"8"),
        "lib/libpython3.13.a": library(make_macho_object(["Py_Main"], arch=arch)),
        "lib/python3.13/os.py": b"same = True\n",
        DATA: f"build_time_vars = {{\n    'MACHINE': '{arch}',\n\n}}\n".encode(),
        f"{DATA}c": arch.encode(),
        MAKEFILE: f"ARCH= {arch}\nall:\n\t@echo $(ARCH) and no other".encode(),
        SETUP: f"# Made for {arch}.\n_bz2 _bz2module.c\n".encode(),
        "lib/python3.13/_sysconfig_vars__darwin_darwin.json": f'{{"MACHINE": "{arch}"}}'.encode(),
        "lib/python3.13/build-details.json": f'{{"platform": "macosx-11.0-{arch}"}}'.encode(),
        **more,
    }


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def test_two_installations_become_one(place: Path, tmp_path: Path) -> None:
    archives = [make_archive(place, triple, files(triple)) for triple in PARTS]
    packed, united = unite(archives, tmp_path / "out")
    assert packed.path.name == f"cpython-3.13.5+20260101-{WHOLE}-install_only.tar.gz"
    assert [path.name for path in (tmp_path / "out").iterdir()] == [packed.path.name]
    assert united.joined == ["python/bin/python3.13", "python/lib/libpython3.13.a"]
    assert united.asking == ["python/include/pyconfig.h", f"python/{DATA}", f"python/{MAKEFILE}"]
    assert united.commented == [f"python/{SETUP}"]
    assert united.left_out == ["python/lib/python3.13/_sysconfig_vars__darwin_darwin.json", f"python/{DATA}c",
                               "python/lib/python3.13/build-details.json"]  # fmt: skip
    unpack(packed.path, tmp_path / "whole")
    python = tmp_path / "whole/python"
    assert (python / "bin/python3").readlink() == Path("python3.13")
    assert os.access(python / "bin/python3.13", os.X_OK)
    assert [part.arch for part in read_slices((python / "bin/python3.13").read_bytes(), "")] == ["x86_64", "arm64"]
    assert (python / "lib/python3.13/os.py").read_bytes() == b"same = True\n"
    assert (python / SETUP).read_text() == "# Made for x86_64.\n# Made for arm64.\n_bz2 _bz2module.c\n"
    assert not any((python.parent / path).exists() for path in united.left_out)
    again, _ = unite(list(reversed(archives)), tmp_path / "again")
    assert (again.sha256, again.size) == (packed.sha256, packed.size)


@pytest.mark.parametrize(("machine", "arch"), [("x86_64", "x86_64"), ("arm64", "arm64")])
def test_sysconfig_and_headers_ask_for_the_processor(place: Path, tmp_path: Path, machine: str, arch: str) -> None:
    packed, _ = unite([make_archive(place, triple, files(triple)) for triple in PARTS], tmp_path / "out")
    unpack(packed.path, tmp_path / "whole")
    script = (
        f"import os, types; os.uname = lambda: types.SimpleNamespace(machine={machine!r})\n"
        f"exec(open({str(tmp_path / 'whole/python' / DATA)!r}).read()); print(build_time_vars['MACHINE'])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.strip() == arch
    define = "-D__x86_64__" if machine == "x86_64" else "-U__x86_64__"
    header = tmp_path / "whole/python/include/pyconfig.h"
    done = subprocess.run(["cc", "-E", "-P", define, "-"], input=header.read_text() + "\nSIZEOF_LONG_DOUBLE\n",
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.split() == ["16" if machine == "x86_64" else "8"]


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize(("machine", "arch"), [("x86_64", "x86_64"), ("arm64", "arm64")])
def test_the_makefile_asks_for_the_machine(place: Path, tmp_path: Path, machine: str, arch: str) -> None:
    packed, _ = unite([make_archive(place, triple, files(triple)) for triple in PARTS], tmp_path / "out")
    unpack(packed.path, tmp_path / "whole")
    uname = write(tmp_path / "bin/uname", f"#!/bin/sh\n[ $1 = -m ] && echo {machine}\n")
    uname.chmod(0o755)
    done = subprocess.run(["make", "-f", tmp_path / "whole/python" / MAKEFILE], capture_output=True, text=True,
                          check=True, env={**os.environ, "PATH": f"{uname.parent}:{os.environ['PATH']}"})  # fmt: skip
    assert done.stdout == f"{arch} and no other\n"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            {"lib/alone": b""},
            "python/lib/alone: is in the installation for one processor only: found x86_64-apple-darwin",
        ),
        ({"lib/python3.13/os.py": b"other = True\n"}, "python/lib/python3.13/os.py: differs .* it is not known how"),
        ({SETUP: b"# Made for x86_64.\n_bz2 other.c\n"}, f"python/{SETUP}: differs .* it is not known how"),
        ({SETUP: b"# Made for x86_64.\n"}, f"python/{SETUP}: differs"),
        ({"bin/python3.13": b"#!/bin/sh\n"}, "python/bin/python3.13: differs"),
        ({"bin/python3.13": make_macho(BUNDLE, arch="x86_64")}, "python/bin/python3.13: cannot become one file"),
    ],
)
def test_what_cannot_be_united_is_named(place: Path, tmp_path: Path, more: dict[str, bytes], told: str) -> None:
    archives = [make_archive(place, X86, files(X86, **more)), make_archive(place, ARM, files(ARM))]
    with pytest.raises(DistributionError, match=told):
        unite(archives, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_archives_that_do_not_fit_together(place: Path, tmp_path: Path) -> None:
    x86, arm = (make_archive(place, triple, files(triple)) for triple in PARTS)
    stripped = f"cpython-3.13.5+20260101-{ARM}-install_only_stripped.tar.gz"
    other = make_archive(place, ARM, files(ARM), stripped)
    full = [make_archive(place, triple, files(triple), f"cpython-3.13.5-{triple}-noopt-0123456789ab.tar.zst")
            for triple in PARTS]  # fmt: skip
    for archives, told in (
        ([x86, x86], "not the two processors' archives"),
        ([x86], "not the two processors' archives"),
        ([x86, arm, other], "not the two processors' archives"),
        ([x86, other], "not of a kind"),
        (full, "not of a kind"),
    ):
        with pytest.raises(ArchiveError, match=told):
            unite(archives, tmp_path / "out")
    with pytest.raises(ArchiveNameError):
        unite([x86, place / "python.tar.gz"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
