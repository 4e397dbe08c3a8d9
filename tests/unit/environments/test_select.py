from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from pythonbuild import host
from pythonbuild.environments import docker, native, sandbox
from pythonbuild.environments.select import choose
from pythonbuild.errors import EnvironmentUnavailableError, UsageError


def offer(monkeypatch: pytest.MonkeyPatch, *, with_docker: bool, with_sandbox: bool) -> None:
    def make(name: str, usable: bool, missing: tuple[str, ...]) -> object:
        def construct(*_arguments: object) -> SimpleNamespace:
            if not usable:
                raise EnvironmentUnavailableError(f"no {name}", advice=f"{name} is off; start {name}")
            return SimpleNamespace(name=name, missing_isolation=missing)

        return construct

    monkeypatch.setattr(docker, "DockerEnvironment", make("docker", with_docker, ()))
    monkeypatch.setattr(sandbox, "SandboxEnvironment", make("sandbox", with_sandbox, ("no roof",)))


def test_auto_takes_docker_when_a_daemon_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, with_docker=True, with_sandbox=True)
    notes: list[str] = []
    assert choose("auto", notes.append, Path()).name == "docker"
    assert notes == ["environment: docker (a daemon answers)"]


def test_auto_takes_the_sandbox_else_and_says_why_and_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, with_docker=False, with_sandbox=True)
    notes: list[str] = []
    assert choose("auto", notes.append, Path()).name == "sandbox"
    expected = ["environment: sandbox (docker is off)", "environment: sandbox without full isolation: no roof"]
    assert notes == expected


def test_what_was_asked_for_is_taken_or_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, with_docker=True, with_sandbox=True)
    assert choose("sandbox", print, Path()).name == "sandbox"
    offer(monkeypatch, with_docker=False, with_sandbox=True)
    with pytest.raises(EnvironmentUnavailableError, match="no docker; docker is off; start docker"):
        choose("docker", print, Path())


def test_neither_is_one_error_that_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, with_docker=False, with_sandbox=False)
    with pytest.raises(EnvironmentUnavailableError) as caught:
        choose("auto", print, Path())
    assert str(caught.value) == "no sandbox, nor Docker (docker is off); sandbox is off; start sandbox"


@pytest.mark.parametrize("system", ["MACOS", "WINDOWS"])
def test_other_systems_have_native_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system: str) -> None:
    monkeypatch.setattr(host, system, True)
    monkeypatch.setattr(native, "sandbox_wrapper", tuple)
    notes: list[str] = []
    assert choose("auto", notes.append, tmp_path).name == choose("native", notes.append, tmp_path).name == "native"
    assert notes == ["environment: native (not isolated: the file system and the network)"] * 2
    with pytest.raises(UsageError, match=r"--environment: docker is not for this system: expected auto or native$"):
        choose("docker", notes.append, tmp_path)
