"""An archive with its description in another format: the bytes and the name of a build in that format, or one line."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pythonbuild.distribution.archive import METADATA, ArchiveError, DamagedArchiveError, pack, read_members
from pythonbuild.distribution.assemble import assemble
from pythonbuild.distribution.convert import convert, convert_description
from pythonbuild.distribution.later_json import FormatError
from pythonbuild.distribution.names import read_name
from pythonbuild.distribution.schemas import problems
from pythonbuild.distribution.typed_json import JsonFormatError
from pythonbuild.engine.trees import scan
from pythonbuild.errors import DistributionError, OutputError
from tests.unit.distribution.trees import make_cpython_tree, make_distribution, make_facts, make_openssl_tree

EPOCH = 1700000000


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("made")
    return pack(make_distribution(directory)[0], directory / "x.tar.zst", EPOCH).path


def built(directory: Path, version: str) -> Path:
    """What a build with --python-json gives."""
    trees = make_cpython_tree(directory / "cpython"), {"openssl": make_openssl_tree(directory / "openssl")}
    out = directory / "out"
    assemble(*trees, make_facts(python_json=version), out)
    name = f"cpython-3.13.5-x86_64-unknown-linux-gnu-noopt-{scan(out).digest[:12]}.tar.zst"
    return pack(out, directory / name, EPOCH).path


def described(path: Path) -> dict[str, Any]:
    first = next(read_members(path))
    assert first.name == METADATA
    assert first.content is not None
    plain: dict[str, Any] = json.loads(first.content.read())
    return plain


@pytest.mark.parametrize("version", ["7", "8"])
def test_the_same_as_a_build_in_that_format(archive: Path, tmp_path: Path, version: str) -> None:
    made = convert(archive, version, tmp_path / "new" / "dist", threads=1)
    expected = built(tmp_path, version)
    assert made.path.name == expected.name
    assert made.path.read_bytes() == expected.read_bytes()
    assert list(problems(described(made.path), version)) == []
    assert read_name(made.path.name).kind == "full"
    assert [path.name for path in made.path.parent.iterdir()] == [made.path.name]


def test_between_7_and_8(archive: Path, tmp_path: Path) -> None:
    seven = convert(archive, "7", tmp_path).path
    eight = convert(seven, "8", tmp_path).path
    assert eight.read_bytes() == convert(archive, "8", tmp_path / "other").path.read_bytes()
    assert convert(eight, "7", tmp_path / "back").path.read_bytes() == seven.read_bytes()


def rewritten(
    archive: Path, path: Path, change: Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes] | None]
) -> Path:
    """Return the archive as another packer would have written it: each member may be changed or left out."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for member in read_members(archive):
            content = member.content.read() if member.content else b""
            kept = change(member.info, content)
            if kept is not None:
                kept[0].size = len(kept[1])
                tar.addfile(kept[0], io.BytesIO(kept[1]))
    path.write_bytes(zstandard.ZstdCompressor().compress(data.getvalue()))
    return path


def test_another_packer_s_habits_are_put_right(archive: Path, tmp_path: Path) -> None:
    def untidy(info: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, bytes] | None:
        if info.name != METADATA:
            info.uid, info.uname, info.mtime = 1000, "me", 5
        info.mode |= 0o022
        return None if info.isdir() and info.name == "python/licenses" else (info, content)

    made = convert(rewritten(archive, tmp_path / "untidy.tar.zst", untidy), "8", tmp_path / "new").path
    seen = {(member.info.uid, member.info.uname, member.info.mtime) for member in read_members(made)}
    assert seen == {(0, "root", EPOCH)}
    assert {member.info.mode for member in read_members(made)} <= {0o644, 0o755, 0o777}


def edited(archive: Path, path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    def edit(info: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
        if info.name == METADATA:
            plain = json.loads(content)
            change(plain)
            content = json.dumps(plain).encode()
        return info, content

    return rewritten(archive, path, edit)


def without(name: str) -> Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes] | None]:
    return lambda info, content: None if info.name == name else (info, content)


@pytest.mark.parametrize(
    ("change", "version", "kind", "words"),
    [
        (lambda p: p.update(version="9"), "8", FormatError, "version: found '9', expected \"0\" or \"7\" or \"8\""),
        (lambda p: p.update(version=None), "8", FormatError, "version: found ''"),
        (lambda p: None, "0", FormatError, "nothing to convert: found format 0 already"),
        (lambda p: p.update(interpreter=None), "8", FormatError, "interpreter: found no such key; it was built before"),
        (lambda p: p.pop("python_exe"), "8", JsonFormatError, "python_exe: found no such key"),
        (lambda p: p.update(target_triple="a/b"), "8", FormatError, "not format 8: found target_triple: 'a/b', exp"),
        (lambda p: p["interpreter"].update(run_tests="build/none.py"), "8", FormatError,
         "run_tests: found build/none.py, which is not in the archive"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted(
    archive: Path, tmp_path: Path, change: Any, version: str, kind: type[DistributionError], words: str
) -> None:
    spoilt = edited(archive, tmp_path / "spoilt.tar.zst", change)
    with pytest.raises(kind) as caught:
        convert(spoilt, version, tmp_path / "new")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_no_way_back_to_format_0(archive: Path, tmp_path: Path) -> None:
    eight = convert(archive, "8", tmp_path).path
    with pytest.raises(FormatError, match="cannot be written in format 0: found format 8, expected what only format 0"):
        convert(eight, "0", tmp_path / "new")
    with pytest.raises(FormatError, match="found format 8 already"):
        convert(eight, "8", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_keys_of_another_builder_that_no_reader_would_take(archive: Path, tmp_path: Path) -> None:
    foreign = edited(convert(archive, "7", tmp_path).path, tmp_path / "f.tar.zst", lambda plain: plain.update(more=1))
    with pytest.raises(FormatError, match="not format 7: found more: unknown key"):
        convert(foreign, "8", tmp_path / "new")


def test_an_object_that_is_not_there(archive: Path, tmp_path: Path) -> None:
    path = rewritten(archive, tmp_path / "x.tar.zst", without("python/build/Modules/_ssl.o"))
    with pytest.raises(
        FormatError, match=r"extensions\._ssl\[0\]\.objs\[0\]: found build/Modules/_ssl\.o, which is not"
    ):
        convert(path, "8", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_what_is_no_archive_of_ours(archive: Path, tmp_path: Path) -> None:
    output = tmp_path / "new"
    with pytest.raises(ArchiveError, match="cannot be read"):
        convert(tmp_path / "none.tar.zst", "8", output)
    with pytest.raises(ArchiveError, match=r"not a distribution: found first member python/build"):
        convert(rewritten(archive, tmp_path / "a.tar.zst", without(METADATA)), "8", output)
    cut = tmp_path / "cut.tar.zst"
    cut.write_bytes(archive.read_bytes()[:-20])
    with pytest.raises(DamagedArchiveError):
        convert(cut, "8", output)
    assert not output.exists()


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [("../x", tarfile.REGTYPE, "unexpected member: found ../x"), ("python/../x", tarfile.REGTYPE, "unexpected member"),
     ("python/x", tarfile.LNKTYPE, "unexpected kind of member: found python/x")],
)  # fmt: skip
def test_members_that_no_archive_should_have(archive: Path, tmp_path: Path, name: str, kind: bytes, words: str) -> None:
    def spoil(info: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
        if info.name == "python/install/bin/python3":
            info.name, info.type, info.linkname = name, kind, "python/PYTHON.json"
        return info, content

    with pytest.raises(ArchiveError, match=words):
        convert(rewritten(archive, tmp_path / "x.tar.zst", spoil), "8", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_output_that_cannot_be_written(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"--output: .*/file/dist cannot be written"):
        convert(archive, "8", tmp_path / "file" / "dist")


def test_an_output_that_was_there_stays(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    with pytest.raises(FormatError):
        convert(archive, "0", tmp_path / "dist")
    assert list((tmp_path / "dist").iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "{", '{"version": 8}'])
def test_a_description_that_is_none(text: str) -> None:
    with pytest.raises((FormatError, JsonFormatError), match=r"x: (not JSON|version)"):
        convert_description(text, "8", "x")
