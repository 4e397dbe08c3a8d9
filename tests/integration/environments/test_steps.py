"""The same step sees the same thing in every environment; what a plain chroot can't do is tested in the others only."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild.environments.base import Mount
from pythonbuild.errors import MachineError

from .conftest import Place


def test_the_environment_variables_are_exactly_the_given_ones(place: Place) -> None:
    output: list[str] = []
    command = replace(place.command, argv=("env",))
    assert place.environment.run(command, on_line=output.append) == 0
    assert sorted(output) == sorted(f"{key}={value}" for key, value in place.command.env.items())


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137), ("kill -TERM $$", 143), ("kill -SEGV $$", 139)],
)
def test_exit_status_and_death_by_signal(place: Place, script: str, status: int) -> None:
    assert place.run(script)[0] == status


def test_a_program_that_is_not_there_ends_with_127(place: Place) -> None:
    output: list[str] = []
    command = replace(place.command, argv=("no-such-program",))
    assert place.environment.run(command, on_line=output.append) == 127
    assert "no-such-program" in output[0]


def test_a_command_may_be_an_ordinary_user_that_owns_what_it_writes(make_place: Callable[[str], Place]) -> None:
    place = make_place("sandbox")
    script = "id -u; id -g; touch /build/mine; stat -c %u /build/mine; echo x >/etc/passwd"
    output: list[str] = []
    command = replace(place.command, argv=("bash", "-c", script), user=65534)
    assert place.environment.run(command, on_line=output.append) == 1
    assert output[:3] == ["65534", "65534", "65534"]
    assert (place.command.mounts[0].source / "mine").stat().st_uid == os.getuid()


def test_output_comes_whole_and_in_order(place: Place) -> None:
    script = r"echo one; echo two >&2; printf '\303'; sleep 0.3; printf '\244\n\377\n'; printf last"
    assert place.run(script) == (0, ["one", "two", "ä", "\ufffd", "last"])


def test_the_root_cannot_be_written_to(place: Place, root: Path) -> None:
    before = sorted(root.rglob("*"))
    attempts = ("touch /new", "touch /usr/bin/new", "rm /usr/bin/ls", "echo >>/usr/bin/ls", "mkdir /usr/share/x")
    for attempt in attempts:
        assert place.run(attempt)[0] != 0, attempt
    assert sorted(root.rglob("*")) == before


def test_mounts_are_read_only_or_writable_as_asked(place: Place) -> None:
    build, out, tools = (mount.source for mount in place.command.mounts)
    (tools / "input").write_text("given")
    (build / "directory").mkdir()
    (build / "directory" / "file").write_text("there")
    script = """
        cat /tools/input /build/directory/file; pwd
        rm -f /tools/input; touch /tools/new
        echo result >/out/result; ln -s result /out/link; ln /out/result /out/second; rm /build/directory/file
    """
    status, output = place.run(script)
    assert (status, output[0]) == (0, "giventhere/build")
    assert [path.name for path in tools.iterdir()] == ["input"]
    assert (out / "link").read_text() == "result\n"
    assert (out / "link").is_symlink()
    assert (out / "second").stat().st_ino == (out / "result").stat().st_ino
    assert (out / "result").stat().st_uid == os.geteuid()
    assert list((build / "directory").iterdir()) == []


def test_a_fifo_in_a_mount_is_the_same_fifo(place: Place) -> None:
    """Its hard link in the build directory is how all steps share one jobserver."""
    build = place.command.mounts[0].source
    os.mkfifo(build.parent / "jobserver", 0o600)
    (build / ".jobserver").hardlink_to(build.parent / "jobserver")
    descriptor = os.open(build.parent / "jobserver", os.O_RDWR | os.O_NONBLOCK)
    try:
        os.write(descriptor, b"ab")
        assert place.run("read -n 1 token <>.jobserver; echo $token; echo -n c >.jobserver") == (0, ["a"])
        assert os.read(descriptor, 9) == b"bc"
    finally:
        os.close(descriptor)
    assert (build / ".jobserver").samefile(build.parent / "jobserver")


def test_what_every_step_finds(place: Place) -> None:
    script = """
        umask; ulimit -n; ulimit -c; ulimit -s; cat; ls /sys
        echo x >/dev/null && echo x >/dev/shm/x && echo x >/tmp/x && echo fine
        ls /dev/ptmx; stat -c %a /tmp /dev/shm; cat /etc/hosts
    """
    status, output = place.run(script)
    nofile = "4096"
    assert status == 0
    expected = ["0022", nofile, "0", "8192", "fine", "/dev/ptmx", "1777", "1777", "127.0.0.1 localhost"]
    assert output == expected


def test_nothing_is_left_for_the_next_step(place: Place) -> None:
    assert place.run("echo x >/tmp/left; echo x >/dev/shm/left")[0] == 0
    assert place.run("ls -A /tmp /dev/shm")[1] == ["/dev/shm:", "", "/tmp:"]


def test_no_capabilities_and_no_way_to_get_any(isolated_place: Place) -> None:
    status, output = isolated_place.run("while read -r name value; do echo $name $value; done </proc/self/status")
    found = dict(line.split(None, 1) for line in output if " " in line)
    assert status == 0
    assert {found[name] for name in ("CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:")} == {"0" * 16}
    assert found["NoNewPrivs:"] == "1"


def test_host_name_user_and_processes(isolated_place: Place) -> None:
    script = "uname -n; id -u; for process in /proc/[0-9]*; do (read -r name <$process/comm; echo $name); done"
    _, output = isolated_place.run(script)
    assert output[0] == "build"
    if isolated_place.kind == "sandbox" or os.geteuid() == 0:
        assert output[1] == "0"
    assert len(output[2:]) <= 4  # an init, the shell, and its subshell


def test_kernel_settings_are_out_of_reach(isolated_place: Place) -> None:
    assert isolated_place.run("echo core >/proc/sys/kernel/core_pattern")[0] != 0


def test_there_is_no_network_but_loopback(isolated_place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        status, output = isolated_place.run(f"exec 3<>/dev/tcp/127.0.0.1/{port}")
        assert status != 0
        assert "refused" in output[0]  # loopback is up, and it is not the host's
    status, output = isolated_place.run("exec 3<>/dev/tcp/192.0.2.1/80")
    assert status != 0
    assert "unreachable" in output[0]
    _, output = isolated_place.run("cat /proc/net/dev")
    assert [line.split(":")[0].strip() for line in output[2:]] == ["lo"]


def test_steps_run_side_by_side(place: Place) -> None:
    def run(number: int) -> tuple[int, list[str]]:
        own = place.cache / "work" / f"step {number}"
        own.mkdir()
        mounts = (Mount(own, "/build", writable=True),)
        output: list[str] = []
        command = replace(place.script(f"echo {number} >file; sleep 0.3; cat file; exit {number}"), mounts=mounts)
        return place.environment.run(command, on_line=output.append), output

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(run, range(12))) == [(number, [str(number)]) for number in range(12)]


def test_a_mount_point_that_the_root_lacks_is_an_error(make_place: object, place: Place) -> None:
    if place.kind != "sandbox":
        pytest.skip("docker and chroot have a layer or a copy to make it in")
    mounts = (Mount(place.cache, "/elsewhere"),)
    with pytest.raises(MachineError, match="/elsewhere"):
        place.environment.run(replace(place.command, mounts=mounts), on_line=print)
