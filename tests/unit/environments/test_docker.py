from __future__ import annotations

import io
import os
import socket
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from pythonbuild.environments import docker as environment
from pythonbuild.environments.base import Command, Mount
from pythonbuild.environments.docker import LABEL, create_container, docker_argv, is_orphan, labels, probe_docker
from pythonbuild.environments.docker_image import image_name, tar_chunks
from pythonbuild.environments.process import process_start


def command(place: Path) -> Command:
    (place / "root" / "etc").mkdir(parents=True, exist_ok=True)
    (place / "root" / "etc" / "hosts").touch()
    mounts = (Mount(place / "a, b", "/out", writable=True), Mount(place / "tools", "/tools"))
    return Command(
        ("make", "all"), {"B": "2", "A": "ä b"}, "/build", mounts, place / "root", "0123456789abcdef" * 4, "s"
    )


def created(place: Path) -> dict[str, Any]:
    client = MagicMock()
    create_container(client, command(place), "0:0", place)
    (image, argv), options = client.containers.create.call_args
    return {"image": image, "argv": argv, **options}


def test_a_container_is_closed_in(tmp_path: Path) -> None:
    options = created(tmp_path)
    assert options["network_mode"] == "none"
    assert options["read_only"] is True
    assert options["cap_drop"] == ["ALL"]
    assert "no-new-privileges" in options["security_opt"]
    assert (options["hostname"], options["user"], options["working_dir"]) == ("build", "0:0", "/build")
    assert options["image"] == "pythonbuild-root:0123456789abcdef"


def test_its_environment_is_cleared_and_set_anew(tmp_path: Path) -> None:
    options = created(tmp_path)
    assert "env -i" in options["entrypoint"][2]
    assert options["argv"] == ["A=ä b", "B=2", "make", "all"]


def test_its_mounts(tmp_path: Path) -> None:
    mounts = [(mount["Target"], mount["Source"], mount["ReadOnly"]) for mount in created(tmp_path)["mounts"]]
    place = tmp_path.resolve()
    assert mounts == [
        ("/etc/hosts", f"{place}/root/etc/hosts", True),
        ("/out", f"{place}/a, b", False),
        ("/tools", f"{place}/tools", True),
    ]


def test_the_command_for_a_person_says_the_same(tmp_path: Path) -> None:
    argv = docker_argv(command(tmp_path), "7:8", ("bash", "-i"))
    options = created(tmp_path)
    assert argv[-8:] == ["--entrypoint", "/usr/bin/env", options["image"], "-i", "A=ä b", "B=2", "bash", "-i"]
    text = " ".join(argv)
    for part in ("--network none", "--read-only", "--cap-drop ALL", "--security-opt no-new-privileges", "--user 7:8",
                 "--hostname build", "--workdir /build", "--init", "--rm"):  # fmt: skip
        assert part in text
    for target, how in options["tmpfs"].items():
        assert f"--tmpfs {target}:{how}" in text
    for limit in options["ulimits"]:
        assert f"--ulimit {limit.name}={limit.soft}:{limit.hard}" in text
    place = tmp_path.resolve()
    assert f'type=bind,"source={place}/a, b",target=/out' in argv
    assert f"type=bind,source={place}/tools,target=/tools,readonly" in argv
    assert "--label" not in argv


def test_an_orphan_is_a_container_whose_builder_is_gone(tmp_path: Path) -> None:
    mine = labels(command(tmp_path), tmp_path)
    assert not is_orphan(mine)
    assert is_orphan({**mine, f"{LABEL}.pid": str(1 << 22)})
    assert is_orphan({**mine, f"{LABEL}.started": "1"}), "the pid belongs to another process by now"
    assert not is_orphan({**mine, f"{LABEL}.pid": str(1 << 22), f"{LABEL}.host": "another"})
    assert not is_orphan({})
    assert mine[f"{LABEL}.started"] == process_start(os.getpid())


# --- the daemon -------------------------------------------------------------------------------------------------------


@contextmanager
def daemon(path: Path, answer: bytes) -> Iterator[None]:
    """Listen on a socket and give every request the same answer, or none at all."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    request = connection.recv(65536)
                    if answer and request:
                        connection.sendall(answer)
                    elif request:
                        connection.recv(65536)  # until the other side gives up

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_no_socket_is_one_line_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    probe = probe_docker()
    assert not probe.ok
    assert probe.advice.startswith(f"no daemon answers at {tmp_path}/none.sock (No such file or directory); start it")


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the package's, when its connection fails
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", b"nonsense\r\n\r\n"])
def test_a_daemon_that_hangs_or_talks_nonsense(tmp_path: Path, answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "PING_SECONDS", 0.3)
    monkeypatch.chdir(tmp_path)  # a socket's path has a length limit
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/d.sock")
    with daemon(Path("d.sock"), answer):
        probe = probe_docker()
    assert not probe.ok
    assert "does not answer" in probe.advice
    assert "\n" not in probe.advice


def test_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    probe = probe_docker()
    assert not probe.ok
    assert "tcp://192.0.2.1:2375 is another machine" in probe.advice


# --- the image --------------------------------------------------------------------------------------------------------


def make_root(root: Path) -> Path:
    for name in ("usr/bin", "dev", "proc", "tmp", "sys"):
        (root / name).mkdir(parents=True)
    (root / "usr" / "bin" / "tool").write_text("tool")
    (root / "usr" / "bin" / "second").hardlink_to(root / "usr" / "bin" / "tool")
    (root / "usr" / "bin" / "ä").symlink_to("tool")
    (root / "bin").symlink_to("usr/bin")
    for name in ("dev/null", "proc/stat", "tmp/left"):
        (root / name).touch()
    for path in sorted(root.rglob("*")):
        os.utime(path, (1_600_000_000.5, 1_600_000_000.5), follow_symlinks=False)
    return root


def test_the_tar_is_the_root_in_order_and_nothing_of_a_running_system(tmp_path: Path) -> None:
    content = b"".join(tar_chunks(make_root(tmp_path / "root"), size=4096))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = {member.name: member for member in archive}
    expected = ["bin", "dev", "proc", "sys", "tmp", "usr", "usr/bin", "usr/bin/second", "usr/bin/tool", "usr/bin/ä"]
    assert list(members) == expected
    assert {(member.uid, member.gid, member.mtime) for member in members.values()} == {(0, 0, 1_600_000_000)}
    assert members["usr/bin/tool"].islnk()
    assert members["bin"].linkname == "usr/bin"
    assert members["tmp"].mode == 0o1777


def test_the_same_root_elsewhere_gives_the_same_tar(tmp_path: Path) -> None:
    first, second = (b"".join(tar_chunks(make_root(tmp_path / name))) for name in ("one", "two"))
    assert first == second


def test_a_root_that_cannot_be_read_ends_the_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_root(tmp_path / "root")
    monkeypatch.setattr(tarfile.TarFile, "gettarinfo", MagicMock(side_effect=PermissionError("no")))
    with pytest.raises(PermissionError):
        list(tar_chunks(root))


def test_an_import_that_is_given_up_leaves_no_thread(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    (root / "big").write_bytes(os.urandom(1 << 20))
    chunks = tar_chunks(root, size=1024)
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    for thread in threading.enumerate():
        if thread.name == "docker-import":
            thread.join(5)
            assert not thread.is_alive()


def test_image_names_are_short() -> None:
    assert image_name("sha256:" + "a" * 64) == image_name("a" * 64) == "pythonbuild-root:" + "a" * 16
