"""Two archives that differ in one way each: the member, the kind and the place are named."""

from __future__ import annotations

import io
import json
import py_compile
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import zstandard

from pythonbuild.distribution import compare as module
from pythonbuild.distribution.archive import ArchiveError
from pythonbuild.distribution.compare import Comparison, compare
from pythonbuild.distribution.explain import explain_bytes
from tests.unit.distribution.elfmaker import make_library, make_object, make_shared
from tests.unit.distribution.machomaker import make_macho, make_macho_object


@dataclass(frozen=True)
class Entry:
    content: bytes = b""
    type: bytes = tarfile.REGTYPE
    mode: int = 0o644
    link: str = ""
    time: int = 1000
    owner: str = "root"


DOCUMENT = {"version": "8", "build_info": {"core": {"objs": ["a.o", "b.o"]}, "links": []}}
ENTRIES = {
    "python/PYTHON.json": Entry(json.dumps(DOCUMENT).encode()),
    "python/build/core.o": Entry(make_object(["main"], ["malloc"])),
    "python/build/libx.a": Entry(make_library({"one.o": make_object(["one"]), "two.o": make_object(["two"])})),
    "python/install": Entry(type=tarfile.DIRTYPE, mode=0o755),
    "python/install/python": Entry(type=tarfile.SYMTYPE, mode=0o777, link="python3"),
    "python/install/site.py": Entry(b"import os\nimport sys\nprint(1)\n"),
    "python/install/zone": Entry(b"TZif\0" + bytes(range(200))),
}


def write(path: Path, entries: dict[str, Entry], level: int = 1) -> Path:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, entry in entries.items():
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.linkname, info.mtime = entry.type, entry.mode, entry.link, entry.time
            info.uname = info.gname = entry.owner
            info.size = len(entry.content)
            tar.addfile(info, io.BytesIO(entry.content))
    path.write_bytes(zstandard.ZstdCompressor(level=level).compress(buffer.getvalue()))
    return path


def compared(tmp_path: Path, second: dict[str, Entry], level: int = 1) -> Comparison:
    return compare(write(tmp_path / "a.tar.zst", ENTRIES), write(tmp_path / "b.tar.zst", second, level))


def changed(name: str, **fields: object) -> dict[str, Entry]:
    return {**ENTRIES, name: replace(ENTRIES[name], **fields)}  # type: ignore[arg-type]


def without(name: str) -> dict[str, Entry]:
    return {other: entry for other, entry in ENTRIES.items() if other != name}


def edited(**fields: object) -> bytes:
    return json.dumps({**DOCUMENT, **fields}).encode()


def test_identical(tmp_path: Path) -> None:
    comparison = compared(tmp_path, ENTRIES)
    assert comparison.identical
    assert comparison.as_json()["identical"] is True
    assert comparison.lines() == [f"identical: {comparison.sizes[0]} bytes, sha256 {comparison.sha256[0]}"]


SITE, OBJECT, LIBRARY = "python/install/site.py", "python/build/core.o", "python/build/libx.a"


@pytest.mark.parametrize(
    ("second", "line"),
    [
        (without(SITE), f"{SITE}: missing: the second archive has no such file"),
        ({**ENTRIES, "python/z": Entry()}, "python/z: added: the first archive has no such file"),
        (changed(SITE, mode=0o755), f"{SITE}: mode: 0644, 0755"),
        (changed(SITE, time=1001), f"{SITE}: time: 1000, 1001"),
        (changed(SITE, owner="me"), f"{SITE}: owner: root:root (0:0), me:me (0:0)"),
        (changed(SITE, type=tarfile.SYMTYPE, content=b"", link="x"), f"{SITE}: type: file, symbolic link"),
        (changed("python/install/python", link="python4"), "python/install/python: link: python3, python4"),
        (changed(SITE, content=b"import os\nimport time\nprint(1)\n"),
         f"{SITE}: content: line 2: 'import sys', 'import time'"),
        (changed(SITE, content=ENTRIES[SITE].content + b"more\n"), f"{SITE}: content: line 4: '', 'more'"),
        (changed("python/install/zone", content=b"TZif\0" + bytes(range(199)) + b"?"),
         "python/install/zone: content: byte 204: c7, 3f"),
        (changed("python/install/zone", content=b"TZif\0"),
         "python/install/zone: content: 205 bytes, 5 bytes, the same up to there"),
        (changed("python/PYTHON.json", content=edited(build_info={"core": {"objs": ["a.o", "c.o"]}, "links": []})),
         "python/PYTHON.json: content: key build_info.core.objs[1]: 'b.o', 'c.o'"),
        (changed("python/PYTHON.json", content=edited(extra=1)),
         "python/PYTHON.json: content: key extra: only in the second: 1"),
        (changed("python/PYTHON.json", content=edited(build_info={"core": {"objs": ["a.o"]}, "links": []})),
         "python/PYTHON.json: content: key build_info.core.objs: 2 items, 1 items"),
        (changed(OBJECT, content=make_object(["main"], ["calloc"])),
         f"{OBJECT}: content: section number 2 (SHT_STRTAB), byte 6: 'malloc', 'calloc'"),
        (changed(OBJECT, content=make_shared("main")), f"{OBJECT}: content: section number"),
        (changed(LIBRARY, content=make_library({"one.o": make_object(["one"]), "two.o": make_object(["three"])})),
         f"{LIBRARY}: content: member two.o, section number"),
        (changed(LIBRARY, content=make_library({"one.o": make_object(["one"])})),
         f"{LIBRARY}: content: member two.o: only in the first"),
        (changed(LIBRARY, content=make_library({"two.o": make_object(["two"]), "one.o": make_object(["one"])})),
         f"{LIBRARY}: content: order of members: one.o, two.o"),
    ],
)  # fmt: skip
def test_each_kind_of_difference(tmp_path: Path, second: dict[str, Entry], line: str) -> None:
    comparison = compared(tmp_path, second)
    assert not comparison.identical
    assert comparison.differences[0].line().startswith(line), comparison.differences[0].line()
    assert comparison.lines()[0].startswith(f"different: 1 member differs; first {line}")


def test_order_alone(tmp_path: Path) -> None:
    names = list(ENTRIES)
    names[1], names[2] = names[2], names[1]
    (difference,) = compared(tmp_path, {name: ENTRIES[name] for name in names}).differences
    assert (difference.member, difference.kind) == (OBJECT, "order")
    assert difference.detail == f"the second archive has {LIBRARY} in its place"


def test_packing_alone(tmp_path: Path) -> None:
    comparison = compared(tmp_path, ENTRIES, level=19)
    assert [difference.kind for difference in comparison.differences] == ["packing"]
    assert comparison.lines()[0].startswith("different: the archive: packing: the members are the same")


def test_the_first_is_the_first_in_the_archive_s_order(tmp_path: Path) -> None:
    second = {**changed(SITE, content=b"x"), "python/aaa": Entry()}
    second["python/install/zone"] = replace(ENTRIES["python/install/zone"], mode=0o755)
    comparison = compared(tmp_path, second)
    assert [difference.member for difference in comparison.differences] == [SITE, "python/install/zone", "python/aaa"]
    document = comparison.as_json()
    assert document["identical"] is False
    assert [difference["kind"] for difference in document["differences"]] == ["content", "mode", "added"]  # type: ignore[attr-defined]


def test_many_differences_are_counted_and_a_few_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXPLAINED", 2)
    many = {f"python/{number:03}.txt": Entry(b"one\n") for number in range(9)}
    write(tmp_path / "a.tar.zst", {**ENTRIES, **many})
    write(tmp_path / "b.tar.zst", {**ENTRIES, **{name: Entry(b"two\n") for name in many}})
    comparison = compare(tmp_path / "a.tar.zst", tmp_path / "b.tar.zst", tmp_path / "kept")
    details = [difference.detail for difference in comparison.differences]
    assert details == ["line 1: 'one', 'two'"] * 2 + ["4 bytes, 4 bytes"] * 7
    assert "  and 5 more differences" in comparison.lines()
    kept = sorted(path.relative_to(tmp_path / "kept").as_posix() for path in (tmp_path / "kept").rglob("*.txt"))
    assert kept == [f"{label}/python/{number:03}.txt" for label in ("first", "second") for number in range(2)]


@pytest.mark.parametrize("damage", [lambda data: data[:-50], lambda _: b"text", lambda _: b""])
def test_what_is_no_archive_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    good, bad = write(tmp_path / "a.tar.zst", ENTRIES), tmp_path / "b.tar.zst"
    bad.write_bytes(damage(good.read_bytes()))
    with pytest.raises(ArchiveError, match=r"b\.tar\.zst"):
        compare(good, bad)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"none: cannot be read: found No such file"):
        compare(tmp_path / "none", tmp_path / "none")


def test_names_that_leave_the_directory_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "a.tar.zst", {"python/../../out": Entry(b"1"), "/absolute": Entry(b"1")})
    write(tmp_path / "b.tar.zst", {"python/../../out": Entry(b"2"), "/absolute": Entry(b"2")})
    comparison = compare(tmp_path / "a.tar.zst", tmp_path / "b.tar.zst", tmp_path / "deep" / "kept")
    assert [difference.detail for difference in comparison.differences] == ["the contents differ"] * 2
    assert not (tmp_path / "deep").exists()


def test_byte_code(tmp_path: Path) -> None:
    source = tmp_path / "m.py"
    source.write_text("x = 1\n")
    stamped = Path(py_compile.compile(str(source), cfile=str(tmp_path / "a.pyc"), doraise=True) or "").read_bytes()
    hashed = Path(
        py_compile.compile(str(source), cfile=str(tmp_path / "b.pyc"), doraise=True,
                           invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH) or "")  # fmt: skip
    text = explain_bytes("m.pyc", stamped, hashed.read_bytes())
    assert text.startswith("byte code: time ")
    assert ", hash of the source " in text
    other = bytearray(hashed.read_bytes())
    other[20] ^= 1
    assert explain_bytes("m.pyc", hashed.read_bytes(), bytes(other)).startswith("byte code: code, byte 4:")
    other[0] ^= 1
    assert explain_bytes("m.pyc", hashed.read_bytes(), bytes(other)).startswith("byte code: magic number")


def test_a_library_s_headers(tmp_path: Path) -> None:
    one = make_library({"one.o": make_object(["one"])})
    header = one.index(b"one.o")
    two = one[: header + 16] + b"1700000000  " + one[header + 28 :]
    assert explain_bytes("libx.a", one, two).startswith("header of member one.o/, time 0, 1700000000")


def test_a_difference_in_a_long_line_is_shown() -> None:
    text = explain_bytes("x.txt", b"a" * 5000 + b"left", b"a" * 5000 + b"right")
    assert "left'" in text
    assert "right'" in text
    assert len(text) < 300


def test_a_damaged_elf_file_is_told_by_the_byte() -> None:
    whole = make_object(["main"], ["malloc"])
    assert "byte" in explain_bytes("a.o", whole, whole[:40])


@pytest.mark.parametrize(("second", "place"), [
    (make_macho(minimum_os="12.0", signed=False), "LC_BUILD_VERSION, byte 14: 0b"),
    (make_macho(rpaths=["@loader_path"], signed=False), "part LC_RPATH: only in the second"),
    (make_macho(libraries=[("/usr/lib/libz.1.dylib", "1.0.0")], signed=False), "LC_LOAD_DYLIB, byte "),
    (make_macho(signed=False).replace(b"\xc3" * 16, b"\xc3" * 15 + b"\x90"), "__TEXT,__text, byte 15: c3, 90"),
    (make_macho(), "part LC_CODE_SIGNATURE: only in the second"),
    (make_macho(signed=False, padding=2048).replace(b"\0" * 64, b"\0" * 63 + b"!", 1), "between the parts, byte "),
    (make_macho(signed=False)[:40], f"{len(make_macho(signed=False))} bytes, 40 bytes, the same"),
])  # fmt: skip
def test_mach_o_files(second: bytes, place: str) -> None:
    assert explain_bytes("clang", make_macho(signed=False), second).startswith(place)


def test_what_follows_from_another_part_of_a_mach_o_file_is_told_behind_it() -> None:
    """A signature has hashes of the rest; names and places of symbols move with what is defined."""
    first = make_macho(exported_table=["main"])
    second = first.replace(b"\xc3" * 16, b"\x90" * 16)
    told = explain_bytes("clang", first, second[:-8] + b"rehashed")
    assert told.startswith("__TEXT,__text, byte 0: c3 c3")
    assert told.endswith("; also table of LC_CODE_SIGNATURE")


def test_objects_in_a_library_of_mach_o_files() -> None:
    one, other = (make_library({"a.o": make_macho_object([name])}) for name in ("first", "third"))
    assert explain_bytes("libx.a", one, other).startswith("member a.o, table of LC_SYMTAB, names, byte 2: ")
