from __future__ import annotations

from pathlib import Path

import pytest

from pythonbuild import host
from pythonbuild.cli import doctor
from pythonbuild.cli.doctor import Finding, Status
from pythonbuild.environments.base import Probe

WORKS = Probe(ok=True, level="namespaces")
PARTLY = Probe(ok=True, level="chroot", missing=("network",), advice="start Docker")
FAILS = Probe(ok=False, advice="start the daemon")


def probes(monkeypatch: pytest.MonkeyPatch, sandbox: Probe, docker: Probe) -> None:
    monkeypatch.setattr("pythonbuild.environments.sandbox.probe_sandbox", lambda: sandbox)
    monkeypatch.setattr("pythonbuild.environments.docker.probe_docker", lambda: docker)


@pytest.mark.parametrize(
    ("sandbox", "docker", "wanted", "statuses"),
    [
        (WORKS, WORKS, "auto", ["ok", "ok"]),
        (WORKS, FAILS, "auto", ["ok", "limited"]),
        (PARTLY, FAILS, "auto", ["limited", "limited"]),
        (FAILS, WORKS, "auto", ["limited", "ok"]),
        (FAILS, FAILS, "auto", ["missing", "missing"]),
        (WORKS, FAILS, "docker", ["ok", "missing"]),
        (FAILS, WORKS, "sandbox", ["missing", "ok"]),
    ],
)
def test_one_environment_is_enough_unless_one_is_named(
    sandbox: Probe, docker: Probe, wanted: str, statuses: list[Status], monkeypatch: pytest.MonkeyPatch
) -> None:
    probes(monkeypatch, sandbox, docker)
    findings = doctor.check_environments(wanted)
    assert [finding.status for finding in findings] == statuses
    if docker is FAILS:
        assert findings[1].advice == "start the daemon"
    if sandbox is PARTLY:
        assert findings[0].detail == "chroot (not isolated: network)"


def test_report() -> None:
    unwritable = Finding("cache", "missing", "/x cannot be written", "choose another")
    findings = [Finding("Python", "ok", "3.11.2"), unwritable]
    assert doctor.report(findings) == [
        "ok       Python  3.11.2",
        "missing  cache   /x cannot be written; choose another",
        "",
        "missing for a build: cache",
    ]
    assert doctor.report(findings[:1])[-1] == "ready to build"


def test_amounts_are_graded() -> None:
    statuses = [doctor.graded("memory", amount, 2e9, 4e9, "for it").status for amount in (4e9, 3e9, 1e9)]
    assert statuses == ["ok", "limited", "missing"]
    assert doctor.graded("memory", 1e9, 2e9, 4e9, "for it").advice == "4.0 GB are advised for it"


def test_a_cache_that_does_not_exist_yet_is_looked_for_above(tmp_path: Path) -> None:
    assert doctor.check_space(tmp_path / "a/b").name == "disk space"


def test_without_an_apt_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pythonbuild.debian.apt_sources.mirror_bases", list)
    assert doctor.check_mirror().status == "limited"
    monkeypatch.setattr("pythonbuild.debian.apt_sources.mirror_bases", lambda: ["http://one.example"])
    assert doctor.check_mirror() == Finding("apt mirror", "ok", "1 in this machine's apt configuration")


def test_without_gpgv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.check_gpgv().advice.endswith("apt install gpgv")


def test_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    probes(monkeypatch, WORKS, WORKS)
    names = [finding.name for finding in doctor.examine(tmp_path, "auto")]
    assert names[:3] == ["Python", "cores", "memory"]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("system", ["MACOS", "WINDOWS"])
def test_systems_without_isolation(system: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, system, True)
    monkeypatch.setenv("PATH", "/nothing")

    def native(cache: Path) -> dict[str, Finding]:
        return {finding.name: finding for finding in doctor.examine(cache, "auto")}

    found = native(tmp_path)
    assert not {"sandbox", "docker", "apt mirror", "gpgv"} & set(found)
    assert found["native"].status == "ok"
    assert found["native"].detail.endswith("(not isolated: the file system and the network)")
    assert found["symbolic links"].status == "ok"
    assert "cache path" not in found
    assert native(tmp_path / "a b")["cache path"].status == "missing"

    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(22, "A required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    links = native(tmp_path)["symbolic links"]
    assert links.status == "limited"
    assert links.detail == "cannot be made here (A required privilege is not held by the client)"
    assert not list(tmp_path.glob("doctor-*"))


def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "total_memory", lambda: 1e9)
    assert doctor.check_memory().status == "missing"
    monkeypatch.setattr(host, "total_memory", lambda: None)
    assert doctor.check_memory().detail == "unknown on this system"
