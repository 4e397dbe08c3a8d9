"""However a step or its builder ends, nothing goes on running."""

from __future__ import annotations

import os
import pty
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pythonbuild.environments.docker import DockerEnvironment, connect
from pythonbuild.environments.process import CANCELLED

from .conftest import Place, skip_unless_usable

BUILDER = Path(__file__).with_name("builder.py")


def marker() -> str:
    """Return a duration for sleep that names a process."""
    return f"{10_000 + secrets.randbelow(10**6)}.{secrets.randbelow(10**9)}"


def processes(mark: str) -> list[str]:
    """Return the processes, of this machine and all its containers, whose command line is a sleep of this length."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes() == f"sleep\0{mark}\0".encode():
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_processes_left_in_the_background_end_with_the_step(place: Place) -> None:
    mark = marker()
    assert place.run(f"setsid sleep {mark} & (sleep {mark} &) ; exit 3")[0] == 3
    assert wait_until(lambda: not processes(mark))


@pytest.mark.parametrize("trap", ["", "trap '' TERM;"])
def test_cancel(place: Place, trap: str) -> None:
    mark = marker()
    statuses: list[int] = []
    script = f"{trap} sleep {mark} & (sleep {mark} &) ; sleep {mark}"
    threads = [threading.Thread(target=lambda: statuses.append(place.run(script)[0])) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert wait_until(lambda: len(processes(mark)) == 6)
    place.environment.cancel()
    for thread in threads:
        thread.join(20)
    assert len(statuses) == 2
    assert 0 not in statuses
    assert wait_until(lambda: not processes(mark))
    assert place.run("exit 0")[0] == CANCELLED


def test_an_error_in_the_reader_ends_the_step(place: Place) -> None:
    mark = marker()

    def fail(_line: str) -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        place.environment.run(place.script(f"echo line; sleep {mark}"), on_line=fail)
    assert wait_until(lambda: not processes(mark))


@pytest.mark.parametrize("kind", ["sandbox", "chroot", "docker"])
def test_kill_9_of_the_builder_leaves_nothing(kind: str, tmp_path: Path, root: Path, root_digest: str) -> None:
    skip_unless_usable(kind)
    mark = marker()
    script = f"trap '' TERM HUP; setsid sleep {mark} & (sleep {mark} &) ; echo ready; sleep {mark}"
    argv = [sys.executable, str(BUILDER), kind, str(tmp_path), str(root), root_digest, script]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdout is not None
        assert any(line == "ready\n" for line in builder.stdout)
        assert wait_until(lambda: len(processes(mark)) == 3)
        builder.kill()
    if kind == "docker":  # the daemon goes on by itself: the next start ends it
        assert processes(mark)
        DockerEnvironment(tmp_path, print).close()
    assert wait_until(lambda: not processes(mark))


def test_containers_of_a_living_builder_are_left_alone(make_place: Callable[[str], Place]) -> None:
    place = make_place("docker")
    mark = marker()
    thread = threading.Thread(target=place.run, args=(f"sleep {mark}",))
    thread.start()
    assert wait_until(lambda: bool(processes(mark)))
    make_place("docker")
    assert processes(mark)
    place.environment.cancel()
    thread.join()


def test_no_container_is_left(make_place: Callable[[str], Place]) -> None:
    place = make_place("docker")
    place.run("true")
    with connect() as client:
        found = client.containers.list(all=True, filters={"label": f"pythonbuild.pid={os.getpid()}"})
        assert found == []


def test_an_image_is_imported_once(make_place: Callable[[str], Place], root_digest: str) -> None:
    place = make_place("docker")
    place.run("true")
    del place.notes[:]
    fresh = secrets.token_hex(32)
    try:
        threads = []
        for _ in range(4):
            command = type(place.command)(**{**vars(place.command), "root_digest": fresh, "argv": ("true",)})
            threads.append(threading.Thread(target=place.environment.run, args=(command,), kwargs={"on_line": print}))
            threads[-1].start()
        for thread in threads:
            thread.join()
        assert len(place.notes) == 1
    finally:
        with connect() as client:
            client.images.remove(f"pythonbuild-root:{fresh[:16]}", force=True)


def test_a_chroot_leaves_its_work_directory_clean(make_place: Callable[[str], Place]) -> None:
    place = make_place("chroot")
    place.run("true")
    place.environment.close()
    assert [path.name for path in (place.cache / "work").iterdir()] == ["step"]


def test_the_pasted_command_gives_an_interactive_shell(place: Place) -> None:
    (place.command.mounts[2].source / "tool").touch()
    place.run("true")  # the image of the docker environment is there by now
    pasted = place.environment.reenter(place.script("exit 1"))
    assert "\n" not in pasted
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("bash", ["bash", "-c", pasted])
    os.write(terminal, b"echo sum $((40+2)) $GREETING; pwd; ls /tools; sleep 0.1 & fg; exit 7\n")
    output = b""
    while True:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # the terminal's other end is closed
            break
        if not chunk:
            break
        output += chunk
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    text = re.sub(r"\x1b\[\S+", "", output.decode())
    assert "sum 42 grüß\r\n" in text, text
    assert "/build\r\ntool\r\n" in text, text
    assert "no job control" not in text
    assert os.waitstatus_to_exitcode(status) == 7, text


def test_shell_runs_on_the_callers_terminal(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    assert place.environment.shell(place.script("echo here; exit 5")) == 5
    assert "here" in capfd.readouterr().out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become an ordinary user; for an ordinary user all of the "
                                              "other tests say this")  # fmt: skip
def test_an_ordinary_user_is_root_inside_and_nobody_else(root: Path, root_digest: str) -> None:
    skip_unless_usable("sandbox")
    python = "/usr/bin/python3"
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        place = Path(name)
        place.chmod(0o755)
        shutil.copytree(root, place / "root", symlinks=True)
        shutil.copytree(BUILDER.parents[3] / "pythonbuild", place / "pythonbuild")
        (place / "a" / "b" / "c").mkdir(parents=True)
        shutil.copy(BUILDER, place / "a" / "b" / "c")
        for path in (place, *place.rglob("*")):
            os.chown(path, 12345, 12345, follow_symlinks=False)
        argv = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups", python]
        if subprocess.run([*argv, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], check=False).returncode:
            pytest.skip(f"{python} is older than 3.11")
        script = "id -u; id -g; stat -c %u:%g / /build; touch /new; exit 9"
        argv += [str(place / "a" / "b" / "c" / BUILDER.name), "sandbox", f"{place}/cache", f"{place}/root", root_digest]
        output = subprocess.run([*argv, script], capture_output=True, text=True, check=True).stdout.splitlines()
    assert output[:4] == ["0", "0", "0:0", "0:0"]
    assert output[-1] == "status 9"
    assert "Read-only file system" in output[4]


def test_sigterm_to_the_launcher_reaches_the_step(make_place: Callable[[str], Place]) -> None:
    place = make_place("sandbox")
    mark = marker()
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(place.run(f"sleep {mark}")[0]))
    thread.start()
    assert wait_until(lambda: bool(processes(mark)))
    os.kill(int(processes(mark)[0]), signal.SIGKILL)
    thread.join()
    assert statuses == [137]
