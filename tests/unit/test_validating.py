"""What the command makes of its words, and of what archives say of themselves."""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from pythonbuild import provisions as provisions_module
from pythonbuild.config.model import ROOMS
from pythonbuild.config.project import Project
from pythonbuild.config.request import Request
from pythonbuild.distribution.triples import interpreter_triple
from pythonbuild.engine.events import Event
from pythonbuild.engine.model import CallAction, Plan, RecipeAction, Step
from pythonbuild.errors import ConfigError, EnvironmentUnavailableError, UsageError
from pythonbuild.planning import lock_names
from pythonbuild.provisions import Provisions, provisions, restricted
from pythonbuild.shipping import room_roots
from pythonbuild.validating import Claims, read_claims, skipped_checks, validate_archives
from pythonbuild.validation import behaviour
from pythonbuild.validation.room import Room, make_rooms
from pythonbuild.validation.validate import CHECKS
from tests.unit.distribution.machomaker import PROGRAM, make_macho, make_universal
from tests.unit.distribution.pemaker import make_pe
from tests.unit.distribution.trees import TARGET, make_distribution, make_program, write
from tests.unit.validation.rooms import FakeEnvironment

REPOSITORY = Path(__file__).parents[2]
BEHAVIOUR = {check.id for check in behaviour.CHECKS}


def make_request(cache: Path, **changes: Any) -> Request:
    request = Request(
        repository=REPOSITORY, python="3.13", python_source=None, target_triple="x86_64-unknown-linux-gnu",
        options="noopt", environment="auto", jobs=1, cache=cache, output=cache / "dist", offline=True,
    )  # fmt: skip
    return replace(request, **changes)


def archive_of(path: Path, members: dict[str, bytes]) -> Path:
    with gzip.open(path, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, BytesIO(content))
    return path


def test_a_check_is_skipped_by_its_id_or_its_family() -> None:
    assert skipped_checks([]) == frozenset()
    assert skipped_checks(["elf-rpath"]) == {"elf-rpath"}
    assert skipped_checks(["behaviour", "elf-rpath"]) == {"elf-rpath", *BEHAVIOUR}
    for word in ("elf-rp", "behaviour-", "", "nothing"):
        with pytest.raises(UsageError, match="--skip: unknown check: found") as caught:
            skipped_checks([word])
        assert all(check.id in str(caught.value) for check in CHECKS)


OURS = {"version": "0", "target_triple": "x86_64-unknown-linux-gnu", "python_version": "3.13.5"}


@pytest.mark.parametrize(
    ("members", "claims"),
    [
        ({"python/PYTHON.json": json.dumps(OURS).encode()}, Claims(OURS["target_triple"], "3.13.5", ours=True)),
        ({"python/PYTHON.json": json.dumps({**OURS, "version": "8"}).encode()},
         Claims(OURS["target_triple"], "3.13.5")),
        ({"python/PYTHON.json": json.dumps({**OURS, "version": "8"}).encode(), "python/build/x": b"",
          "python/build/cpython-build.json": b"{}"}, Claims(OURS["target_triple"], "3.13.5", ours=True)),
        ({"python/PYTHON.json": b"[1]"}, Claims()),
        ({"python/PYTHON.json": b"{"}, Claims()),
        ({"python/PYTHON.json": b"[" * 100_000}, Claims()),
        ({"python/PYTHON.json": b"\xff"}, Claims()),
        ({"python/PYTHON.json": b'{"target_triple": 3, "python_version": []}'}, Claims()),
        ({"python/bin/python3": b""}, Claims()),
        ({}, Claims()),
    ],
)  # fmt: skip
def test_claims(tmp_path: Path, members: dict[str, bytes], claims: Claims) -> None:
    assert read_claims(archive_of(tmp_path / "x.tar.gz", members)) == claims


def test_a_damaged_archive_is_a_matter_for_the_checks(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "x.tar.gz", {"python/PYTHON.json": b"{}" * 50_000})
    path.write_bytes(path.read_bytes()[:60])
    assert read_claims(path) == Claims()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "validate: no such file"),
        (lambda path: path.write_text("text"), "not an archive: found a file that begins with b'text'"),
        (lambda path: path.touch(), "not an archive"),
        (lambda path: path.mkdir(), "a directory without python/ in it"),
    ],
)
def test_what_is_no_archive(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    make(tmp_path / "x")
    events: list[Event] = []
    with pytest.raises(UsageError, match=message):
        validate_archives(make_request(tmp_path / "cache"), [tmp_path / "x"], [], events.append, print)
    assert events == []


@pytest.fixture
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise EnvironmentUnavailableError("the sandbox cannot be used here", advice="start Docker")

    monkeypatch.setattr(provisions_module, "choose", refuse)


def outcomes(done: Any) -> dict[str, str]:
    return {result.id: result.outcome for result in done[0].report.results}


@pytest.mark.usefixtures("no_environment")
def test_without_an_environment_the_python_is_not_run(tmp_path: Path) -> None:
    out, _ = make_distribution(tmp_path)
    lines: list[str] = []
    request = make_request(tmp_path / "cache")
    done = validate_archives(request, [out], [], lambda _: None, lines.append)
    assert {outcomes(done)[name] for name in BEHAVIOUR} == {"not applicable"}
    assert "    the sandbox cannot be used here; start Docker" in lines
    assert lines[-1].startswith(f"{out.name}: ")
    assert "not applicable, in " in lines[-1]
    assert done[0].as_json()["archive"] == out.name
    with pytest.raises(EnvironmentUnavailableError):  # what was asked for by name has to be there
        validate_archives(replace(request, environment="sandbox"), [out], [], lambda _: None, print)
    done = validate_archives(replace(request, environment="sandbox"), [out], ["behaviour"], lambda _: None, print)
    assert not outcomes(done).keys() & BEHAVIOUR


@pytest.mark.usefixtures("no_environment")
def test_other_builders_and_other_targets_need_no_rooms(tmp_path: Path) -> None:
    for plain in ({**OURS, "version": "8"}, {**OURS, "target_triple": "aarch64-apple-darwin"}):
        path = archive_of(tmp_path / "x.tar.gz", {"python/PYTHON.json": json.dumps(plain).encode()})
        request = make_request(tmp_path / "cache", environment="sandbox")
        done = validate_archives(request, [path], [], lambda _: None, print)
        assert {outcomes(done)[name] for name in BEHAVIOUR} == {"not applicable"}


def test_rooms_of_a_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    target = Project(REPOSITORY).targets["x86_64-unknown-linux-gnu"]
    rooms = make_rooms(target, FakeEnvironment(), lambda name: (Path("/roots", name), name), tmp_path)
    assert set(rooms) == set(ROOMS)
    made = {name: room for name, room in rooms.items() if isinstance(room, Room)}
    assert {name: room.root_digest for name, room in made.items()} == dict(target.rooms)
    assert len({room.work for room in made.values()}) == 3
    assert [name for name, room in made.items() if room.emulator] == ["oldest-cpu"]
    assert made["oldest-cpu"].emulator == ("/usr/bin/qemu-x86_64-static", "-cpu", target.oldest_cpu)
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    refused = make_rooms(target, FakeEnvironment(), lambda name: (Path("/roots", name), name), tmp_path)
    assert set(refused.values()) == {"programs for x86_64-unknown-linux-gnu do not run on this machine"}


def test_a_target_without_rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: TARGET.arch)
    rooms = make_rooms(replace(TARGET, rooms={}), FakeEnvironment(), lambda name: (tmp_path, name), tmp_path)
    assert all(isinstance(room, str) and "names no root filesystem" in room for room in rooms.values())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("      system: bullseye", "      sistem: bullseye", "rooms.sistem: unknown key"),
        ("    oldest_cpu: ", "    #: ", "rooms.oldest-cpu: which processor?: expected the key oldest_cpu beside rooms"),
    ],
)
def test_wrong_rooms(tmp_path: Path, old: str, new: str, message: str) -> None:
    from pythonbuild.config.targets import load_targets

    text = (REPOSITORY / "cpython-unix/targets.yml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "targets.yml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_targets(tmp_path / "targets.yml")
    assert message in str(caught.value)


def test_every_room_has_its_root_and_lock() -> None:
    project = Project(REPOSITORY)
    for target in project.targets.values():
        for lock, step in lock_names(project, target).items():
            assert (project.unix / "locks" / f"{lock}.yml").is_file(), step
        assert set(room_roots(target).values()) <= set(lock_names(project, target).values())


def test_a_plan_is_restricted_to_what_is_needed() -> None:
    def call(_: object) -> None: ...

    steps = (Step("root", CallAction(call)), Step("a", RecipeAction((), "root")), Step("b", CallAction(call)),
             Step("c", CallAction(call), needs=("a",)))  # fmt: skip
    plan = restricted(Plan(steps, ("c", "b")), ["c"])
    assert [step.name for step in plan.steps] == ["root", "a", "c"]
    assert plan.goals == ("c",)


def test_nothing_is_at_hand_in_an_empty_store(tmp_path: Path) -> None:
    with provisions(make_request(tmp_path / "cache"), lambda _: None) as provided:
        assert isinstance(provided, Provisions)
        assert provided.cached("x86_64-unknown-linux-gnu", ["sysroot"]) is None


def test_the_interpreter_tells_what_an_undescribed_archive_is_for(tmp_path: Path) -> None:
    arm, intel = make_macho(PROGRAM), make_macho(PROGRAM, arch="x86_64")
    for number, (name, content, triple) in enumerate([
        ("bin/python3.13", arm, "aarch64-apple-darwin"),
        ("install/bin/python3.14t", intel, "x86_64-apple-darwin"),
        ("bin/python3.13", make_universal({"x86_64": intel, "arm64": arm}), "universal2-apple-darwin"),
        ("bin/python3.13", make_macho(PROGRAM, arch="arm64e"), ""),
        ("bin/python3.13", arm[:40], ""),
        ("python.exe", make_pe(), "x86_64-pc-windows-msvc"),
        ("install/python.exe", make_pe(arch="i686"), "i686-pc-windows-msvc"),
        ("python.exe", make_pe(arch="aarch64"), "aarch64-pc-windows-msvc"),
        ("python.exe", b"MZ", ""),
        ("python.exe", make_pe()[:0x40] + b"NE" + make_pe()[0x42:], ""),
        ("bin/python3.13", make_program(), ""),
        ("bin/python3.13-config", arm, ""),
        ("bin/python3.13", b"", ""),
    ]):  # fmt: skip
        members = {"python/lib/x.py": b"", f"python/{name}": content}
        assert interpreter_triple(archive_of(tmp_path / f"{number}.tar.gz", members)) == triple
        for path, data in members.items():
            write(tmp_path / str(number) / path, data)
        assert interpreter_triple(tmp_path / str(number)) == triple
    cut = tmp_path / "0.tar.gz"
    cut.write_bytes(cut.read_bytes()[:60])
    assert interpreter_triple(cut) == ""


@pytest.mark.usefixtures("no_environment")
@pytest.mark.parametrize(
    ("members", "one", "another"),
    [
        ({"python/bin/python3.13": make_macho(PROGRAM)}, "macho-signature", "macho-libraries"),
        ({"python/PYTHON.json": b'{"target_triple": "x86_64-pc-windows-msvc"}', "python/install/x.exe": make_pe()},
         "pe-machine", "pe-imports"),
    ],
)  # fmt: skip
def test_archives_of_other_systems_are_held_to_their_own_rules(
    tmp_path: Path, members: dict[str, bytes], one: str, another: str
) -> None:
    path = archive_of(tmp_path / "x.tar.gz", members)
    found = outcomes(validate_archives(make_request(tmp_path / "cache"), [path], [], lambda _: None, print))
    assert (found[one], found[another]) == ("passed", "passed")
    assert {outcome for name, outcome in found.items() if name.startswith(("elf-", "hardening-", "behaviour-"))} == {
        "not applicable"
    }
