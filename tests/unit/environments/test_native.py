from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild import host
from pythonbuild.environments import job, kept, launcher, native, process
from pythonbuild.environments.base import Command
from pythonbuild.environments.native import NativeEnvironment
from pythonbuild.errors import MachineError


def command(place: Path, script: str) -> Command:
    return Command(("sh", "-c", script), {"PATH": "/usr/bin:/bin", "NAME": "a b'c"}, str(place), (), None, "", "step")


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Tell whether a process works: a dead one that nobody has asked after does not."""
    try:
        text = Path("/proc", str(pid), "stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def told_pids(directory: Path) -> list[int]:
    return [int(text) for path in directory.glob("*.pid") if (text := path.read_text().strip())]


#: A command with a child, a grandchild that ignores SIGTERM, and one that has made a session of its own.
FAMILY = """
echo $$ > command.pid
sleep 600 & echo $! > child.pid
sh -c 'trap "" TERM; echo $$ > grandchild.pid; while :; do sleep 0.1; done' &
setsid sh -c 'echo $$ > stray.pid; exec sleep 600' &
while [ ! -s stray.pid ] || [ ! -s grandchild.pid ]; do sleep 0.02; done
echo ready
"""


def test_a_command_has_its_own_variables_and_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of the caller")
    lines: list[str] = []
    environment = NativeEnvironment(tmp_path)
    script = 'echo "$NAME"; echo "${SECRET-unset}"; pwd; echo told >&2; exit 3'
    assert environment.run(command(tmp_path, script), on_line=lines.append) == 3
    assert lines == ["a b'c", "unset", str(tmp_path), "told"]


def test_death_by_a_signal_and_cancelling(tmp_path: Path) -> None:
    environment = NativeEnvironment(tmp_path)
    assert environment.run(command(tmp_path, "kill -9 $$"), on_line=lambda _line: None) == 128 + 9
    environment.close()
    assert environment.run(command(tmp_path, "true"), on_line=lambda _line: None) == 128 + 15


def test_a_program_that_is_none(tmp_path: Path) -> None:
    lines: list[str] = []
    absent = replace(command(tmp_path, ""), argv=("no-such-program",))
    assert NativeEnvironment(tmp_path).run(absent, on_line=lines.append) == 127
    assert lines == ["no-such-program: cannot be run: No such file or directory"]


def test_signals_are_the_default_ones_and_limits_those_of_the_sandbox(tmp_path: Path) -> None:
    lines: list[str] = []
    script = 'ulimit -c; ulimit -n; ulimit -s; grep -E "SigIgn|SigBlk" /proc/self/status'
    assert NativeEnvironment(tmp_path).run(command(tmp_path, script), on_line=lines.append) == 0
    assert lines == ["0", "4096", "8192", *(f"{name}:\t{0:016x}" for name in ("SigBlk", "SigIgn"))]
    assert native.LIMITS == launcher.LIMITS


def test_what_a_command_leaves_running_ends_with_it(tmp_path: Path) -> None:
    lines: list[str] = []
    script = FAMILY.replace("setsid ", "") + "exit 4"
    started = time.monotonic()
    assert NativeEnvironment(tmp_path).run(command(tmp_path, script), on_line=lines.append) == 4
    assert time.monotonic() - started < 20, "waited for what holds the output"
    assert lines == ["ready"]
    assert len(told_pids(tmp_path)) == 4
    wait_for(lambda: not any(map(alive, told_pids(tmp_path))))


def test_a_daemon_that_holds_the_output_is_not_waited_for(tmp_path: Path) -> None:
    lines: list[str] = []
    started = time.monotonic()
    status = NativeEnvironment(tmp_path).run(command(tmp_path, FAMILY + "echo done; exit 5"), on_line=lines.append)
    os.kill(int((tmp_path / "stray.pid").read_text()), signal.SIGKILL)
    assert (status, lines) == (5, ["ready", "done"])
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("script", "status"), [("sleep 600", 128 + 15), ('trap "" TERM; sleep 600; sleep 600', 128 + 9)]
)
def test_cancelling_ends_the_whole_family(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, status: int
) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.5)
    environment, ready, statuses = NativeEnvironment(tmp_path), threading.Event(), list[int]()
    thread = threading.Thread(target=lambda: statuses.append(
        environment.run(command(tmp_path, FAMILY + script), on_line=lambda _line: ready.set())))  # fmt: skip
    thread.start()
    assert ready.wait(20)
    pids = told_pids(tmp_path)
    assert len(pids) == 4
    assert all(map(alive, pids))
    environment.cancel()
    thread.join(20)
    assert statuses == [status]
    wait_for(lambda: not any(map(alive, pids)))


BUILDER = """
import sys
from pathlib import Path
from tests.unit.environments.test_native import FAMILY, command
from pythonbuild.environments.native import NativeEnvironment
place = Path(sys.argv[1])
NativeEnvironment(place).run(command(place, FAMILY + "sleep 600"), on_line=lambda line: print(line, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_builder_leaves_no_process_behind(tmp_path: Path, number: signal.Signals) -> None:
    repository = Path(__file__).parents[3]
    builder = subprocess.Popen([sys.executable, "-c", BUILDER, str(tmp_path)], cwd=repository, stdout=subprocess.PIPE)
    with builder:
        assert builder.stdout
        assert builder.stdout.readline() == b"ready\n"
        pids = told_pids(tmp_path)
        children = Path(f"/proc/{builder.pid}/task/{builder.pid}/children").read_text().split()
        keepers = [int(pid) for pid in children]
        assert len(pids) == 4
        assert len(keepers) == 1
        assert all(map(alive, pids + keepers))
        builder.send_signal(number)
        assert builder.wait(20) == -number
    wait_for(lambda: not any(map(alive, pids + keepers)))


def test_a_killed_keeper_takes_the_command_along(tmp_path: Path) -> None:
    environment, ready, statuses = NativeEnvironment(tmp_path), threading.Event(), list[int]()
    script = "echo $PPID $$ > pids; echo ready; exec sleep 600 > /dev/null 2>&1"
    thread = threading.Thread(target=lambda: statuses.append(
        environment.run(command(tmp_path, script), on_line=lambda _line: ready.set())))  # fmt: skip
    thread.start()
    assert ready.wait(20)
    keeper, pid = map(int, (tmp_path / "pids").read_text().split())
    os.kill(keeper, signal.SIGKILL)
    thread.join(20)
    assert statuses == [128 + 9]
    wait_for(lambda: not alive(pid))


def test_a_builder_that_dies_before_it_tells_what_to_run() -> None:
    done = subprocess.run(kept.keeper_argv(), stdin=subprocess.DEVNULL, check=False, timeout=20)
    assert done.returncode == 1


def test_reentering(tmp_path: Path) -> None:
    line = NativeEnvironment(tmp_path).reenter(command(tmp_path, ""))
    done = subprocess.run(["sh", "-c", f'{line} -c \'echo "$NAME $HOME"; pwd\''], capture_output=True, text=True,
                          check=True)  # fmt: skip
    assert done.stdout.splitlines() == ["a b'c ", str(tmp_path)]


def test_reentering_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line has no variables, which cmd and PowerShell quote differently; a stand-in of cmd.exe is run by it."""
    monkeypatch.setattr(host, "WINDOWS", True)
    monkeypatch.setenv("SystemRoot", "/windows")
    shell = tmp_path / "cmd.exe"
    shell.write_text('#!/bin/sh\necho "$@" "$NAME" "$SystemRoot"; pwd\n')
    shell.chmod(0o755)
    place = tmp_path / "build"
    place.mkdir()
    stopped = replace(command(place, ""), label="step (1)", env={"PATH": str(tmp_path) + ":/bin", "NAME": '%x% "&'})
    line = NativeEnvironment(tmp_path).reenter(stopped)
    assert line.endswith(f"keeper.py {tmp_path}/logs/reenter/step-1-.json")
    assert not {'"', "'", "&", "$", "%"} & set(line)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    done = subprocess.run(line.split(), capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ['/D /K %x% "& /windows', str(place)]


def test_a_program_in_quotes_is_run_by_cmd() -> None:
    """PowerShell takes it for a text; cmd is found by both."""
    assert native.for_windows_shells([r"C:\py\python.exe", "a b"]) == r'C:\py\python.exe "a b"'
    assert native.for_windows_shells([r"C:\Program Files\python.exe", "x"]) == r'cmd /c "C:\Program Files\python.exe" x'


def test_windows_programs_find_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"SystemRoot": r"C:\Windows", "TEMP": r"C:\t", "SECRET": "x"})
    assert native.complete({"temp": "of the step"}) == {"temp": "of the step"}
    monkeypatch.setattr(host, "WINDOWS", True)
    assert native.complete({"temp": "of the step"}) == {"SystemRoot": r"C:\Windows", "temp": "of the step"}


@pytest.mark.parametrize(
    ("place", "windows", "message"),
    [
        ("/Users/a/pb", False, ""),
        ("/" + "x" * 200, False, ""),
        ("/Users/a b/pb", False, "/Users/a b/pb: the path of the cache directory has a space"),
        (r"C:\pb", True, ""),
        ("C:\\" + "x" * 77, True, ""),
        ("C:\\" + "x" * 78, True, "too long for Windows' compilers: found 81 characters, expected at most 80; give"),
    ],
)
def test_places_that_steps_cannot_work_in(place: str, windows: bool, message: str) -> None:
    expected = pytest.raises(MachineError, match=re.escape(message)) if message else contextlib.nullcontext()
    with expected:
        native.refuse_place(place, windows=windows)


def test_macos_takes_the_network_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert NativeEnvironment(tmp_path).missing_isolation == ("the file system", "the network")
    program = tmp_path / "sandbox-exec"
    monkeypatch.setattr(host, "MACOS", True)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    plain = "(version 1)(allow default)(deny network*)"
    for refused, profile in (("nothing", native._PROFILES[0]), ("*localhost*", plain), ("*", "")):
        program.write_text(f'#!/bin/sh\ncase $2 in {refused}) exit 65;; esac\necho "$1 $2"\nshift 2\nexec "$@"\n')
        program.chmod(0o755)
        environment = NativeEnvironment(tmp_path)
        assert environment.missing_isolation == ("the file system", *(() if profile else ("the network",)))
        lines: list[str] = []
        assert environment.run(command(tmp_path, "echo ran"), on_line=lines.append) == 0
        assert lines == [*([f"-p {profile}"] if profile else []), "ran"]
        assert (f"{program} -p '(version 1)" in environment.reenter(command(tmp_path, ""))) == bool(profile)
    assert native._PROFILES[0].startswith(plain)
    assert native._PROFILES[0].count("(") == native._PROFILES[0].count(")")


class Kernel:
    """kernel32, as far as jobs need it; ``failing`` names the function that fails."""

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.calls: list[tuple[str, list[object]]] = []

    def __getattr__(self, name: str) -> Callable[..., int]:
        def function(*arguments: object) -> int:
            plain = [getattr(argument, "value", argument) for argument in arguments]
            if name == "SetInformationJobObject":
                limits = arguments[2]._obj  # type: ignore[attr-defined]
                plain[2] = limits.basic.flags
            self.calls.append((name, plain))
            return 0 if name == self.failing else 77

        self.__dict__[name] = function
        return function


def test_a_job_ends_its_processes_when_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel()
    monkeypatch.setattr(ctypes, "WinDLL", lambda *_arguments, **_options: kernel, raising=False)
    made = job.Job()
    made.add(5)
    made.terminate(143)
    made.close()
    made.terminate(143)
    made.close()
    size = 144 if ctypes.sizeof(ctypes.c_void_p) == 8 else 112
    assert ctypes.sizeof(job.ExtendedLimits) == size
    assert kernel.calls == [
        ("CreateJobObjectW", [None, made.name]), ("SetInformationJobObject", [77, 9, 0x2000, size]),
        ("AssignProcessToJobObject", [77, 5]), ("TerminateJobObject", [77, 143]), ("CloseHandle", [77]),
    ]  # fmt: skip


@pytest.mark.parametrize("failing", ["CreateJobObjectW", "SetInformationJobObject", "AssignProcessToJobObject"])
def test_a_job_that_cannot_be_had_is_an_error(monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    monkeypatch.setattr(ctypes, "WinDLL", lambda *_arguments, **_options: Kernel(failing), raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: 5, raising=False)
    with pytest.raises(MachineError, match=r"a job object cannot be .*: found Windows' error 5"):
        job.Job().add(5)


def test_specs_are_plain_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "WINDOWS", True)
    NativeEnvironment(tmp_path).reenter(command(tmp_path, ""))
    spec = json.loads((tmp_path / "logs/reenter/step.json").read_text("utf-8"))
    assert sorted(spec) == ["argv", "cwd", "env", "limits"]
