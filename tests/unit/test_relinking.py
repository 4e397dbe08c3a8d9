"""The command as a whole, with a compiler that compiles nothing: what is written, and that nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pythonbuild import relinking
from pythonbuild.config.request import Request
from pythonbuild.distribution.archive import METADATA, pack, read_members
from pythonbuild.distribution.convert import convert
from pythonbuild.distribution.relink_choice import RelinkError, Wishes
from pythonbuild.distribution.relink_tools import CompilerError
from pythonbuild.engine.events import Event, Published
from pythonbuild.errors import DistributionError, MachineError, NoSpaceError, UsageError, ValidationError
from pythonbuild.relinking import relink
from pythonbuild.validating import read_claims
from tests.unit.distribution.compilers import FakeCompiler
from tests.unit.distribution.test_relink_darwin import DESCRIBED
from tests.unit.distribution.trees import API, make_distribution
from tests.unit.test_validating import make_request

KEPT = ("_sha2", "builtins", "marshal", "math", "posix")
WITHOUT_SSL = Wishes(without=("_ssl",))


class Bench:
    """An archive, and what the fake compiler is to do with it."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        out, _ = make_distribution(directory / "made")
        self.archive = pack(out, directory / "cpython.tar.zst", 1700000000).path
        self.request: Request = make_request(directory / "cache")
        self.options: dict[str, Any] = {"builtin": KEPT, "exports": [name for name in API if name != "PyInit__ssl"]}
        self.events: list[Event] = []
        self.compiler: FakeCompiler | None = None
        monkeypatch.setattr(relinking, "machine_compiler", self._compiler)

    def _compiler(self, _command: str, directory: Path) -> FakeCompiler:
        self.compiler = FakeCompiler(directory, **self.options)
        return self.compiler

    def relink(self, wishes: Wishes = WITHOUT_SSL) -> relinking.Relinked:
        return relink(self.request, self.archive, wishes, "cc", self.events.append)

    def assert_nothing_is_left(self) -> None:
        assert not self.request.output.exists()
        assert [path for path in (self.request.cache / "work").iterdir() if not path.name.endswith(".lock")] == []


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def test_a_new_archive(bench: Bench) -> None:
    done = bench.relink()
    names, description = [], ""
    for member in read_members(done.packed.path):
        names.append(member.name)
        assert member.info.mtime == 1700000000
        if member.name == METADATA and member.content:
            description = member.content.read().decode()
    assert names[0] == METADATA
    assert not {"python/build/Modules/_ssl.o", "python/build/lib/libssl.a", "python/build/cpython-build.json"} & {
        *names
    }
    assert json.loads(description)["relinked"]["removed"] == ["_ssl"]
    assert "python/build/relinked.json" in names
    assert done.packed.path.parent == bench.request.output
    assert done.packed.path.name.startswith("cpython-3.13.5-x86_64-unknown-linux-gnu-noopt-relinked-")
    assert Published(done.packed.path, done.packed.size, done.packed.sha256) in bench.events
    assert "left out: _ssl" in done.lines()
    assert "libraries that go with it: libcrypto.a, libssl.a" in done.lines()
    assert done.as_json()["removed"] == ["_ssl"]


def test_the_same_again_is_the_same_archive(bench: Bench) -> None:
    first = bench.relink()
    assert bench.relink().packed == first.packed


def test_what_was_linked_again_can_be_linked_again(bench: Bench) -> None:
    bench.archive = bench.relink().packed.path
    bench.options["builtin"] = [name for name in KEPT if name != "math"]
    bench.options["exports"] = [name for name in API if name not in ("PyInit__ssl", "PyInit_math")]
    done = bench.relink(Wishes(without=("math",)))
    for member in read_members(done.packed.path):
        if member.name == METADATA and member.content:
            assert {"_ssl", "math"} <= json.loads(member.content.read())["omitted_extensions"].keys()


@pytest.mark.parametrize("version", ["7", "8"])
def test_other_formats_are_still_known_as_ours(bench: Bench, tmp_path: Path, version: str) -> None:
    bench.archive = convert(bench.archive, version, tmp_path / "converted", threads=1).path
    done = bench.relink()
    claims = read_claims(done.packed.path)
    assert (claims.ours, claims.relinked) == (True, True)


@pytest.mark.parametrize(("options", "error"), [
    ({"failing": "link the interpreter"}, CompilerError),
    ({"builtin": ("math",)}, RelinkError),
    ({"failed": {"math": "No module named '_ssl'"}}, RelinkError),
    ({"exports": API}, ValidationError),
])  # fmt: skip
def test_nothing_is_left_of_what_failed(bench: Bench, options: dict[str, Any], error: type[Exception]) -> None:
    bench.options.update(options)
    with pytest.raises(error) as caught:
        bench.relink()
    assert "\n" not in str(caught.value)
    bench.assert_nothing_is_left()


def test_nothing_is_left_on_a_full_disk(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise NoSpaceError("no space left while packing")

    monkeypatch.setattr(relinking, "pack", full)
    with pytest.raises(NoSpaceError):
        bench.relink()
    bench.assert_nothing_is_left()


def test_an_archive_that_cannot_be_read_is_named(bench: Bench, tmp_path: Path) -> None:
    tree = tmp_path / "made/out"
    (tree / METADATA).write_text('{"version": "99"}')
    bench.archive = pack(tree, tmp_path / "other.tar.zst", 1).path
    with pytest.raises(DistributionError, match=r"other\.tar\.zst: python/PYTHON\.json: version: found '99'"):
        bench.relink()


def test_a_refusal_names_the_check(bench: Bench) -> None:
    bench.options["exports"] = API
    with pytest.raises(ValidationError, match=r"linked again: failed elf-libpython: found .*exports PyInit__ssl"):
        bench.relink()


def test_no_such_archive(bench: Bench) -> None:
    bench.archive = Path("/nonexistent/x.tar.zst")
    with pytest.raises(UsageError, match="relink: no such file /nonexistent"):
        bench.relink()


def test_a_machine_without_compiler_takes_the_pinned_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def pinned(_provided: object, directory: Path, triple: str) -> FakeCompiler:
        asked.append(triple)
        return FakeCompiler(directory, **bench.options)

    monkeypatch.setattr(relinking, "find_command", lambda: "")
    monkeypatch.setattr(relinking, "_pinned_compiler", pinned)
    relink(replace(bench.request, jobs=2), bench.archive, WITHOUT_SSL, "", bench.events.append)
    assert asked == ["x86_64-unknown-linux-gnu"]
    assert any("no C compiler" in str(event) for event in bench.events)


@pytest.mark.parametrize(("command", "error", "words"), [
    ("pinned", UsageError, "--cc: pinned is the compiler of distributions for Linux"),
    ("", MachineError, "relink: this machine has no C compiler"),
])  # fmt: skip
def test_no_compiler_of_a_root_filesystem_links_for_macos(
    monkeypatch: pytest.MonkeyPatch, command: str, error: type[Exception], words: str
) -> None:
    monkeypatch.setattr(relinking, "find_command", lambda: "")
    with pytest.raises(error, match=words):
        relinking._compiler(None, command, Path(), DESCRIBED, lambda _: None)  # type: ignore[arg-type]
