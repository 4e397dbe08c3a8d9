from __future__ import annotations

import errno
import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild.environments import sandbox
from pythonbuild.environments.base import Command, Mount, Probe
from pythonbuild.environments.process import LAUNCHER
from pythonbuild.environments.sandbox import SandboxEnvironment, explain, make_spec
from pythonbuild.errors import EnvironmentUnavailableError, MachineError


def command(place: Path) -> Command:
    mounts = (Mount(place / "out", "/out", writable=True), Mount(place / "tools", "/tools"))
    return Command(("make", "all"), {"A": "ä"}, "/build", mounts, place / "root", "d" * 64, "cpython pgo/train")


def fake_probe(monkeypatch: pytest.MonkeyPatch, probe: Probe) -> None:
    monkeypatch.setattr(sandbox, "probe_sandbox", lambda: probe)


def test_the_spec_says_everything(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    spec = make_spec(command(tmp_path / "link"), "namespaces")
    place = str((tmp_path / "real").resolve())
    assert spec == {
        "mode": "namespaces",
        "root": f"{place}/root",
        "argv": ["make", "all"],
        "env": {"A": "ä"},
        "cwd": "/build",
        "mounts": [
            {"source": f"{place}/out", "target": "/out", "writable": True},
            {"source": f"{place}/tools", "target": "/tools", "writable": False},
        ],
        "interactive": False,
        "user": 0,
    }
    assert make_spec(replace(command(tmp_path), user=65534), "namespaces")["user"] == 65534


def test_reenter_is_one_line_that_names_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "vt100")
    fake_probe(monkeypatch, Probe(ok=True, level="namespaces"))
    cache = tmp_path / "my cache"
    line = SandboxEnvironment(cache).reenter(command(tmp_path))
    *start, place = shlex.split(line)
    assert start == [sys.executable, "-I", "-S", str(LAUNCHER)]
    assert Path(place) == cache / "logs" / "reenter" / "cpython-pgo-train.json"
    spec = json.loads(Path(place).read_text())
    assert (spec["argv"], spec["interactive"], spec["env"]) == (["bash", "-i"], True, {"A": "ä", "TERM": "vt100"})


def test_reenter_of_the_chroot_puts_the_root_in_place_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_probe(monkeypatch, Probe(ok=True, level="chroot", missing=("much",)))
    environment = SandboxEnvironment(tmp_path)
    assert environment.missing_isolation == ("much",)
    assert "-m pythonbuild.environments.chroot" in environment.reenter(command(tmp_path))


def test_no_sandbox_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_probe(monkeypatch, Probe(ok=False, advice="sysctl this"))
    with pytest.raises(EnvironmentUnavailableError, match=r"^the sandbox cannot be used here; sysctl this$"):
        SandboxEnvironment(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=10000"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor"),
        ("kernel/anything", "1", "container"),
    ],
)
def test_the_advice_names_the_cause(name: str, value: str, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_setting", lambda asked: value if asked == name else "")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    advice = explain(MachineError("sandbox: cannot create a user namespace", found=os.strerror(errno.EPERM)))
    assert advice.startswith("cannot create a user namespace (Operation not permitted): ")
    assert remedy in advice
    assert "\n" not in advice


def failing_launcher(refused: set[str]) -> object:
    def run(spec: dict[str, object], *_rest: object) -> int:
        if spec["mode"] in refused:
            raise MachineError(f"sandbox: cannot do {spec['mode']}", found="Operation not permitted")
        return 0

    return run


@pytest.mark.parametrize(
    ("refused", "uid", "level"),
    [
        (set(), 1000, "namespaces"),
        ({"namespaces"}, 1000, "host-proc"),
        ({"namespaces", "host-proc"}, 1000, ""),
        ({"namespaces", "host-proc"}, 0, "chroot"),
        ({"namespaces", "host-proc", "chroot"}, 0, ""),
    ],
)
def test_the_probe_takes_the_best_that_works(
    refused: set[str], uid: int, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "run_launcher", failing_launcher(refused))
    monkeypatch.setattr("pythonbuild.environments.chroot.make_dev", lambda _dev: None)
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    probe = sandbox.probe_sandbox()
    assert (probe.ok, probe.level) == (bool(level), level)
    assert bool(probe.missing) == (level in {"host-proc", "chroot"})
    assert (probe.advice != "") == (level != "namespaces")


def test_the_launcher_speaks_to_a_person_who_re_enters(tmp_path: Path) -> None:
    spec = make_spec(command(tmp_path), "namespaces", interactive=True)
    result = subprocess.run([sys.executable, "-I", "-S", LAUNCHER, json.dumps(spec)], capture_output=True, text=True,
                            check=False, stdin=subprocess.DEVNULL)  # fmt: skip
    assert result.returncode == 125
    assert result.stderr.startswith("sandbox: cannot ")
    assert result.stderr.count("\n") == 1
