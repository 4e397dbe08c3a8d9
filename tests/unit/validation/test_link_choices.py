"""The checks on a distribution whose OpenSSL is shared, or the system's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pythonbuild.distribution.kinds import make_installation
from pythonbuild.validation import macho, pe, provenance
from pythonbuild.validation.validate import Report, validate
from tests.unit.distribution.elfmaker import make_shared
from tests.unit.distribution.trees import TARGET, make_linked_distribution
from tests.unit.validation.bench import Bench, assert_refused, edit, extension, put, remove
from tests.unit.validation.rooms import FakeEnvironment

CHOICES = "install/lib/python3.13/link-choices.json"


class LinkedBench(Bench):
    def __init__(self, directory: Path, kind: str) -> None:
        super().__init__(directory / "static")
        self.out, _ = make_linked_distribution(directory, kind)
        self.top = self.out / "python"

    def system_has(self, *sonames: str) -> None:
        for room in self.rooms.values():
            for soname in sonames:
                assert room.root is not None
                path = room.root / "usr/lib/x86_64-linux-gnu" / soname
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()


@pytest.fixture
def shared(tmp_path: Path) -> LinkedBench:
    return LinkedBench(tmp_path, "shared")


@pytest.fixture
def system(tmp_path: Path) -> LinkedBench:
    return LinkedBench(tmp_path, "system")


def outcomes(report: Report) -> dict[str, str]:
    assert report.ok, [line for result in report.failed for line in result.lines()]
    return {result.id: result.outcome for result in report.results}


def test_shared_libraries_are_right(shared: LinkedBench) -> None:
    found = outcomes(shared.run())
    assert found["behaviour-system"] == "passed"
    assert found["metadata-link-choices"] == "passed"


def test_a_room_with_the_system_s_libraries_is_used(system: LinkedBench) -> None:
    system.system_has("libssl.so.3", "libcrypto.so.3")
    found = outcomes(system.run())
    assert {name for name, outcome in found.items() if outcome != "passed"} == {
        "structure-first-member", "structure-modes", "structure-owners", "structure-order",
        *(check.id for check in (*provenance.CHECKS, *macho.CHECKS, *pe.CHECKS)),
    }  # fmt: skip


def test_a_room_without_them_is_not(system: LinkedBench) -> None:
    system.system_has("libcrypto.so.3")
    report = system.run()
    assert outcomes(report)["behaviour-glibc-floor"] == "not applicable"
    (result,) = (result for result in report.results if result.id == "behaviour-system")
    assert result.findings == ("linked with the system's libssl.so.3 (openssl), which the room's system has not got",)


def test_an_installation_tells_what_it_wants_of_the_system(system: LinkedBench, tmp_path: Path) -> None:
    make_installation(system.out, tmp_path / "installation")
    assert outcomes(validate(tmp_path / "installation", TARGET))["elf-needed"] == "passed"
    (tmp_path / "installation/python" / CHOICES.removeprefix("install/")).unlink()
    assert_refused(validate(tmp_path / "installation", TARGET), "elf-needed", "needs libssl.so.3, which is neither")


def choice(kind: str, **libraries: str) -> str:
    return json.dumps({"openssl": {"kind": kind, "libraries": libraries}})


#: (what is spoilt, the check that must see it, words of its finding)
CASES: dict[str, tuple[Callable[[Bench], object], str, str]] = {
    "a library is missing": (remove("install/lib/libssl.so.3"), "metadata-link-choices",
                             "install/lib/libssl.so.3: no shared library, expected that of openssl"),
    "another soname": (put("install/lib/libssl.so.3", make_shared("libssl.so.4", ["libc.so.6"], ["SSL_new"])),
                       "metadata-link-choices", "install/lib/libssl.so.3: its soname is libssl.so.4"),
    "a function is missing": (put("install/lib/libssl.so.3", make_shared("libssl.so.3", ["libc.so.6"])),
                              "metadata-symbols", "_ssl: SSL_new (used by build/Modules/_ssl.o) is defined nowhere"),
    "the file is missing": (remove(CHOICES), "metadata-link-choices", "link_choices: not what link-choices.json"),
    "the file says system": (
        put(CHOICES, choice("system", ssl="libssl.so.3", crypto="libcrypto.so.3")), "metadata-link-choices",
        "install/lib/libssl.so.3: shipped, and openssl is to be the system's"),
    "nobody needs it": (put(CHOICES, choice("shared", ssl="libssl.so.3", tls="libtls.so.1")), "metadata-link-choices",
                        "openssl: no program or library needs libtls.so.1"),
    "the file is damaged": (put(CHOICES, "{"), "metadata-link-choices", "link-choices.json: not JSON"),
    "no licence": (extension("_ssl", licenses=[]), "metadata-licences", "_ssl: licences none, of its links Apache-2.0"),
    "no source": (edit(lambda plain: plain["sources"].pop()), "metadata-licences",
                  "install/lib/libssl.so.3: linked, but no entry of sources has it"),
    "a path of the build": (
        put("install/lib/libssl.so.3", make_shared("libssl.so.3", ["libc.so.6"], ["SSL_new"], rpath="/tools/deps/lib")),
        "elf-rpath", "install/lib/libssl.so.3: searches /tools/deps/lib, expected $ORIGIN/"),
    "lazily bound": (put("install/lib/libssl.so.3", make_shared("libssl.so.3", [], ["SSL_new"], flags=0)),
                     "hardening-bind-now", "install/lib/libssl.so.3: does not say BIND_NOW"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_wrong(shared: LinkedBench, name: str) -> None:
    spoil, identifier, words = CASES[name]
    spoil(shared)
    assert_refused(shared.run(), identifier, words)


def test_a_library_that_nobody_chose_is_still_refused(system: LinkedBench) -> None:
    system.system_has("libssl.so.3", "libcrypto.so.3")
    put(CHOICES, choice("system", ssl="libssl.so.3"))(system)
    assert_refused(system.run(), "elf-needed", "needs libcrypto.so.3, which is neither in system_libraries nor in")
    assert_refused(system.run(), "metadata-links", "_ssl: link crypto: libcrypto is no library of the target")


def test_a_room_may_be_given_the_system_s_libraries(system: LinkedBench) -> None:
    room = system.rooms["system"]
    for soname in ("libssl.so.3", "libcrypto.so.3"):
        (room.work / "libraries").mkdir(exist_ok=True)
        (room.work / "libraries" / soname).touch()
    assert outcomes(system.run(rooms={"system": room}))["behaviour-system"] == "passed"
    environment = room.environment
    assert isinstance(environment, FakeEnvironment)
    assert environment.commands[-1].env["LD_LIBRARY_PATH"] == "/build/libraries"
