"""Steps in Docker containers, made to look exactly like the sandbox.

One container per step: no network, read-only root, no capabilities, no way to gain any, an init that reaps orphans.
What Docker adds by itself is taken away again: its environment variables (``env -i``), /sys, its /etc/hosts where the
root has one. Every container's labels say which builder it belongs to (host, pid, start time), so the next start finds
and removes what a builder that was killed has left behind, and never what a living one uses.
"""

from __future__ import annotations

import csv
import io
import os
import shlex
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
import docker.errors
import requests
from docker.models.containers import Container
from docker.types import LogConfig, Ulimit
from docker.types import Mount as DockerMount
from docker.utils.socket import frames_iter

from pythonbuild.environments.base import Command, Probe
from pythonbuild.environments.docker_image import ensure_image, image_name
from pythonbuild.environments.launcher import HOSTNAME, LIMITS
from pythonbuild.environments.process import (
    CANCELLED,
    GRACE_SECONDS,
    SHELL_ARGV,
    lines,
    process_start,
    shell_status,
    with_terminal,
)
from pythonbuild.errors import EnvironmentUnavailableError, MachineError

DEFAULT_HOST = "unix:///var/run/docker.sock"
PING_SECONDS = 5
REQUEST_SECONDS = 600

LABEL = "pythonbuild"

#: Fresh file systems in memory: Docker's own defaults would forbid running programs, cap /dev/shm and show the
#: machine in /sys.
TMPFS = {"/tmp": "exec,nosuid,nodev,mode=1777", "/dev/shm": "exec,nosuid,nodev,mode=1777",  # noqa: S108
         "/sys": "ro,size=4k,mode=755"}  # fmt: skip

#: Files that Docker would otherwise write itself, with what the host's network settings say.
NETWORK_FILES = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")

#: stdout and stderr become one stream (in order), and the step's environment is exactly the one it was given.
ENTRYPOINT = ("/bin/sh", "-c", 'exec /usr/bin/env -i "$@" 2>&1', "sh")

DaemonError = (docker.errors.DockerException, requests.exceptions.RequestException)


class DockerEnvironment:
    """Steps in containers. ``cache`` is the cache directory; ``note`` is told when an image is imported."""

    name = "docker"
    fixed_paths = True
    missing_isolation: tuple[str, ...] = ()

    def __init__(self, cache: Path, note: Callable[[str], None]) -> None:
        probe = probe_docker()
        if not probe.ok:
            raise EnvironmentUnavailableError("Docker cannot be used", advice=probe.advice)
        self._cache = cache
        self._note = note
        self._lock = threading.Lock()
        self._running: set[str] = set()
        self._cancelled = False
        with connect() as client:
            rootless = any("rootless" in option for option in client.info().get("SecurityOptions") or ())
            remove_orphans(client)
        # In a rootless daemon's containers root is the user who runs the daemon: us.
        self._user = "0:0" if os.geteuid() == 0 or rootless else f"{os.geteuid()}:{os.getegid()}"

    def run(self, command: Command, *, on_line: Callable[[str], None]) -> int:
        """Run the command to its end; see :class:`~pythonbuild.environments.base.Environment`."""
        if self._cancelled:
            return CANCELLED
        try:
            with connect() as client:
                self._ensure_image(client, command)
                return CANCELLED if self._cancelled else self._run_container(client, command, on_line)
        except docker.errors.APIError as error:
            raise MachineError(f"docker: cannot run {command.label}", found=error.explanation or error) from error
        except DaemonError as error:
            lost = f"docker: lost the daemon at {daemon_address()} while {command.label} was running"
            raise MachineError(lost, found=error, advice="start it again, or use --environment sandbox") from error

    def _ensure_image(self, client: docker.DockerClient, command: Command) -> None:
        assert command.root is not None
        ensure_image(
            client, command.root, command.root_digest, self._cache / "work" / "docker-import.flock", self._note
        )

    def _run_container(self, client: docker.DockerClient, command: Command, on_line: Callable[[str], None]) -> int:
        container = create_container(client, command, self._user, self._cache)
        with self._lock:
            self._running.add(str(container.id))
        try:
            with attached(client, str(container.id)) as output:
                container.start()
                if self._cancelled:  # between the look above and the start
                    container.kill()
                for line in lines(output):
                    on_line(line)
            return int(container.wait()["StatusCode"])
        finally:
            with self._lock:
                self._running.discard(str(container.id))
            with suppress(*DaemonError):
                container.remove(force=True)

    def shell(self, command: Command) -> int:
        """Run the command on the caller's terminal, through the docker command line."""
        if shutil.which("docker") is None:
            raise EnvironmentUnavailableError("a shell in a container needs the docker command, which is not installed",
                                              advice="use --environment sandbox")  # fmt: skip
        with connect() as client:
            self._ensure_image(client, command)
        argv = docker_argv(with_terminal(command), self._user, command.argv)
        if not os.isatty(0):
            argv[argv.index("-it")] = "-i"
        return shell_status(subprocess.run(argv, check=False).returncode)

    def reenter(self, command: Command) -> str:
        """Return the ``docker run`` that gives an interactive bash in the same environment."""
        return shlex.join(docker_argv(with_terminal(command), self._user, SHELL_ARGV))

    def cancel(self) -> None:
        """Stop every running container: SIGTERM, then SIGKILL; all at the same time."""
        self._cancelled = True
        with self._lock:
            running = tuple(self._running)
        stoppers = [threading.Thread(target=stop, args=(container,)) for container in running]
        for thread in stoppers:
            thread.start()
        for thread in stoppers:
            thread.join()

    def close(self) -> None:
        """End and remove what is left; ``run`` removes its own container."""
        self.cancel()


# --- the daemon -------------------------------------------------------------------------------------------------------


def daemon_address() -> str:
    """Return where the daemon is expected: DOCKER_HOST, the docker command's context, or the usual socket."""
    if address := os.environ.get("DOCKER_HOST"):
        return address
    with suppress(Exception):  # a context that is half configured counts for nothing
        from docker.context import ContextAPI

        if address := ContextAPI.get_current_context().Host:
            return str(address).replace("http+unix://", "unix://")
    return DEFAULT_HOST


@contextmanager
def connect(timeout: int = REQUEST_SECONDS) -> Iterator[docker.DockerClient]:
    """Open a connection of its own: a client is not made to be shared between threads."""
    client = docker.from_env(timeout=timeout, environment={**os.environ, "DOCKER_HOST": daemon_address()})
    try:
        yield client
    finally:
        client.close()


def probe_docker() -> Probe:
    """Ask the daemon for an answer, without waiting long for it."""
    address = daemon_address()
    if not address.startswith(("unix://", "npipe://")):
        return Probe(ok=False, advice=f"the daemon at {address} is another machine, which cannot see the build's "
                                      "directories; unset DOCKER_HOST or use --environment sandbox")  # fmt: skip
    if address.startswith("unix://") and (refusal := _refusal(Path(address.removeprefix("unix://")))):
        return Probe(ok=False, advice=refusal)
    try:
        with connect(PING_SECONDS) as client:
            system = client.info().get("OSType")
    except DaemonError as error:
        return Probe(ok=False, advice=f"the daemon at {address} does not answer ({error}); start it, or use "
                                      "--environment sandbox")  # fmt: skip
    if system != "linux":
        return Probe(ok=False, advice=f"the daemon at {address} runs {system} containers, Linux ones are needed")
    return Probe(ok=True, level="docker")


def _refusal(path: Path) -> str:
    """Say why a socket can't be connected to; the docker package hides that in a long text."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(PING_SECONDS)
        try:
            channel.connect(str(path))
        except PermissionError:
            return f"no permission for {path}; join the docker group, or use --environment sandbox"
        except OSError as error:
            return (f"no daemon answers at {path} ({error.strerror or error}); start it (systemctl start docker), or "
                    "use --environment sandbox")  # fmt: skip
    return ""


def stop(identity: str) -> None:
    """Stop a container; one that has just ended is as good."""
    with suppress(*DaemonError), connect() as client:
        client.containers.get(identity).stop(timeout=int(GRACE_SECONDS))


# --- containers -------------------------------------------------------------------------------------------------------


def host_identity() -> str:
    """Name what a pid means something in: this boot and this pid namespace."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"


def labels(command: Command, cache: Path) -> dict[str, str]:
    """Say in a container's labels which builder it belongs to."""
    return {
        LABEL: "step",
        f"{LABEL}.step": command.label,
        f"{LABEL}.host": host_identity(),
        f"{LABEL}.pid": str(os.getpid()),
        f"{LABEL}.started": process_start(os.getpid()),
        f"{LABEL}.cache": str(cache),
    }


def is_orphan(container_labels: dict[str, str]) -> bool:
    """Tell whether a container's builder ran on this host and is gone; its pid may be another program's by now."""
    if container_labels.get(f"{LABEL}.host") != host_identity():
        return False
    pid = container_labels.get(f"{LABEL}.pid", "")
    return pid.isdigit() and process_start(int(pid)) != container_labels.get(f"{LABEL}.started")


def remove_orphans(client: docker.DockerClient) -> list[str]:
    """Remove the containers of builders that were killed; return the names of their steps."""
    removed = []
    for container in client.containers.list(all=True, filters={"label": f"{LABEL}=step"}, ignore_removed=True):
        if is_orphan(container.labels):
            with suppress(docker.errors.APIError):  # another builder removes it at this moment
                container.remove(force=True)
                removed.append(container.labels.get(f"{LABEL}.step", ""))
    return removed


def bind_mounts(command: Command) -> list[tuple[str, str, bool]]:
    """Return source, target and writable of everything that is shown inside, outer directories first."""
    assert command.root is not None
    mounts = [(str(mount.source.resolve()), mount.target, mount.writable) for mount in command.mounts]
    root = command.root.resolve()
    mounts += [(f"{root}{name}", name, False) for name in NETWORK_FILES if Path(f"{root}{name}").is_file()]
    return sorted(mounts, key=lambda mount: mount[1])


def step_argv(command: Command, argv: tuple[str, ...]) -> list[str]:
    """Return what follows the entry point: the whole environment, then the command."""
    return [*(f"{key}={value}" for key, value in sorted(command.env.items())), *argv]


def create_container(client: docker.DockerClient, command: Command, user: str, cache: Path) -> Container:
    """Create the container of a step; :func:`docker_argv` says the same to the docker command."""
    return client.containers.create(
        image_name(command.root_digest),
        step_argv(command, command.argv),
        entrypoint=list(ENTRYPOINT),
        user=user,
        working_dir=command.cwd,
        hostname=HOSTNAME,
        network_mode="none",
        network_disabled=True,
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges", "label=disable"],
        userns_mode="host",
        init=True,
        ipc_mode="private",
        tmpfs=TMPFS,
        ulimits=[Ulimit(name=name, soft=value, hard=value) for name, value in LIMITS.items()],
        mounts=[DockerMount(target, source, type="bind", read_only=not writable)
                for source, target, writable in bind_mounts(command)],
        labels=labels(command, cache),
        log_config=LogConfig(type="none"),
    )  # fmt: skip


@contextmanager
def attached(client: docker.DockerClient, identity: str) -> Iterator[Iterator[bytes]]:
    """Yield a container's output as it comes. The package's own attach() would never close its connection."""
    channel = client.api.attach_socket(identity, params={"stdout": 1, "stderr": 1, "stream": 1})
    try:
        yield (chunk for _stream, chunk in frames_iter(channel, tty=False))  # type: ignore[no-untyped-call]
    finally:
        channel._response.close()


def docker_argv(command: Command, user: str, argv: tuple[str, ...]) -> list[str]:
    """Return the ``docker run`` for a person at a terminal. It carries no label: it may outlive the builder."""
    options = ["docker", "run", "--rm", "-it", "--init", "--network", "none", "--read-only", "--cap-drop", "ALL",
               "--security-opt", "no-new-privileges", "--security-opt", "label=disable", "--userns", "host",
               "--ipc", "private", "--user", user, "--hostname", HOSTNAME, "--workdir", command.cwd]  # fmt: skip
    for target, how in TMPFS.items():
        options += ["--tmpfs", f"{target}:{how}"]
    for name, value in LIMITS.items():
        options += ["--ulimit", f"{name}={value}:{value}"]
    for source, target, writable in bind_mounts(command):
        fields = ["type=bind", f"source={source}", f"target={target}", *([] if writable else ["readonly"])]
        option = io.StringIO()  # the option is a line of CSV: a comma in a path must not end it
        csv.writer(option, lineterminator="").writerow(fields)
        options += ["--mount", option.getvalue()]
    return [*options, "--entrypoint", "/usr/bin/env", image_name(command.root_digest), "-i", *step_argv(command, argv)]
