"""The small program that stands between the builder and a step: it makes the isolation, then runs the command.

It is run as a file (``python3 -I launcher.py SPEC``, SPEC being JSON or the path of a JSON file), so it imports the
standard library only. Who does what in the ``namespaces`` mode:

    builder ── launcher ── init (pid 1 inside) ── the command (pid 2)

The *launcher* leaves the host's namespaces behind and forwards SIGTERM. *init* lives in the new ones: it puts the
file system together, reaps orphans and ends when the command ends; the kernel then kills what is left. Death travels
down by PR_SET_PDEATHSIG: builder → launcher → init → everything, so that a ``kill -9`` of the builder leaves nothing.

In the ``chroot`` mode (see chroot.py) nobody may create namespaces; a directory that was prepared as a copy of the root
is entered by chroot, and an unprivileged uid of its own stands in for the pid namespace.

A failure before the command starts is written as JSON to the status descriptor, so that it can't be mistaken for the
command's own output.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import platform
import resource
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

HOSTNAME = "build"

#: Limits of every step, wherever it runs (docker sets the same): soft and hard.
LIMITS = {"core": 0, "nofile": 4096, "stack": 8 << 20}

#: Devices, by major and minor number, and links that every /dev has.
DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
                "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx"}  # fmt: skip

#: Kernel settings below /proc that a process with the host's uid 0 could write even without capabilities.
PROC_READ_ONLY = ("bus", "fs", "irq", "sys", "sysrq-trigger")

#: How long the chroot mode waits after SIGTERM; less than the builder, so that it is never killed itself.
GRACE_SECONDS = 3

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
NAMESPACES = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 4096, 8192, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_CHILD_SUBREAPER, PR_CAP_AMBIENT = 1, 24, 38, 36, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAP_SYS_ADMIN = 21
CAPABILITY_VERSION_3 = 0x20080522
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1

#: pivot_root has no wrapper in the C library, and its number differs between architectures.
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "loongarch64": 41, "ppc64le": 203, "s390x": 217,
              "armv7l": 218, "i686": 217}  # fmt: skip

libc = ctypes.CDLL(None, use_errno=True)


class SetupError(Exception):
    """The isolation could not be made; ``stage`` is what was tried, ``code`` the errno."""

    def __init__(self, stage: str, code: int) -> None:
        super().__init__(f"{stage}: {os.strerror(code)}")
        self.stage = stage
        self.code = code


def call(stage: str, function: Any, *arguments: object) -> None:
    """Call a C function that returns 0 when all is well."""
    if function(*arguments) != 0:
        raise SetupError(stage, ctypes.get_errno())


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    encoded = [os.fsencode(text) for text in (source, target, kind)]
    call(f"mount {kind or source} at {target}", libc.mount, *encoded, ctypes.c_ulong(flags), data.encode() or None)


# --- namespaces -------------------------------------------------------------------------------------------------------


def is_privileged() -> bool:
    """Tell whether mounts need no user namespace: uid 0 with CAP_SYS_ADMIN."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return os.geteuid() == 0 and bool(int(line.split()[1], 16) >> CAP_SYS_ADMIN & 1)
    return False


def enter_user_namespace(extra: int = 0, user: int = 0) -> None:
    """Become uid and gid ``user`` of a new user namespace (and of new ``extra`` ones), whoever we are outside."""
    uid, gid = os.geteuid(), os.getegid()
    call("create a user namespace", libc.unshare, CLONE_NEWUSER | extra)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {uid} 1"), ("gid_map", f"{user} {gid} 1")):
        try:
            Path("/proc/self", name).write_text(text)
        except OSError as error:
            raise SetupError(f"map the user: write /proc/self/{name}", error.errno or 0) from error


def die_with_parent(sig: int = signal.SIGKILL) -> None:
    """Ask for a signal when the thread that started us ends. A change of credentials forgets it: ask again."""
    call("ask for the parent's death signal", libc.prctl, PR_SET_PDEATHSIG, int(sig), 0, 0, 0)


def has_ended(lifeline: int) -> bool:
    """Tell whether the holder of a pipe's other end is gone; read once PDEATHSIG is set, it closes the race."""
    os.set_blocking(lifeline, False)
    try:
        return os.read(lifeline, 1) == b""
    except BlockingIOError:
        return False


# --- the file system inside -------------------------------------------------------------------------------------------


def mount_points(below: str) -> list[str]:
    """Return the mount points at or below a path, as the kernel sees them now."""
    found = []
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        escaped = line.split()[4]  # blanks and backslashes come as \\040, \\134
        point = os.fsdecode(b"".join(
            bytes([int(part[:3], 8)]) + part[3:] if index else part for index, part in enumerate(escaped.split(b"\\"))
        ))  # fmt: skip
        if point == below or point.startswith(below + "/"):
            found.append(point)
    return found


def bind(source: str, target: str, *, writable: bool) -> None:
    """Show ``source`` at ``target``. Submounts come along: the kernel refuses to uncover what they hide."""
    mount(source, target, "", MS_BIND | MS_REC)
    if writable:
        return
    for point in mount_points(target):
        # Inside a user namespace flags that the host has set are locked: they have to be repeated.
        keep = os.statvfs(point).f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC)
        mount("none", point, "", MS_REMOUNT | MS_BIND | MS_RDONLY | keep)


def mount_dev(dev: str) -> None:
    """Make a /dev of a handful of harmless devices; the same names as docker gives."""
    mount("tmpfs", dev, "tmpfs", MS_NOSUID, "mode=755,size=64k")
    for name in DEVICES:
        Path(dev, name).touch()
        mount(f"/dev/{name}", f"{dev}/{name}", "", MS_BIND)
    for name, link in DEVICE_LINKS.items():
        Path(dev, name).symlink_to(link)
    for name in ("pts", "shm"):
        Path(dev, name).mkdir()
    # configure scripts look for /dev/ptmx: it has to be there as it is in docker.
    mount("devpts", f"{dev}/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    mount("tmpfs", f"{dev}/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")


def mount_proc(proc: str, *, host: bool) -> None:
    """Mount a fresh /proc. In a container that hides parts of its own, that is refused; then its own has to do."""
    if host:
        bind("/proc", proc, writable=True)
    else:
        mount("proc", proc, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for name in PROC_READ_ONLY:
        if Path(proc, name).exists():
            bind(f"{proc}/{name}", f"{proc}/{name}", writable=False)


def assemble(root: str, mounts: Sequence[dict[str, Any]], *, host_proc: bool) -> None:
    """Put the file system together on top of the root's own directory, then make it ``/``."""
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    bind(root, root, writable=False)
    mount_proc(f"{root}/proc", host=host_proc)
    mount_dev(f"{root}/dev")
    mount("tmpfs", f"{root}/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")  # noqa: S108
    for entry in sorted(mounts, key=lambda entry: str(entry["target"])):
        target = root + entry["target"]
        if os.path.realpath(target) != target or not Path(target).exists():
            raise SetupError(f"mount {entry['source']} at {entry['target']} (no such directory in {root})", 2)
        bind(entry["source"], target, writable=entry["writable"])
    pivot(root)


def pivot(root: str) -> None:
    """Make ``root`` the file system's root and let go of the old one."""
    os.chdir(root)
    number = PIVOT_ROOT.get(platform.machine(), -1)
    if libc.syscall(ctypes.c_long(number), b".", b".") == 0:
        call("unmount the old root", libc.umount2, b".", MNT_DETACH)
    else:
        # Docker's seccomp profile forbids pivot_root even with CAP_SYS_ADMIN. Covered by the new root, the old one
        # is out of reach as well: leaving a chroot takes a capability that the command won't have.
        mount(".", "/", "", MS_MOVE)
        os.chroot(".")
    os.chdir("/")


def raise_loopback() -> None:
    """Bring the loopback interface up: tests of networking code want it, and it leads nowhere else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel, contextlib.suppress(OSError):
        flags = struct.unpack("16sh", fcntl.ioctl(channel, SIOCGIFFLAGS, struct.pack("16sh", b"lo", 0)))[1]
        fcntl.ioctl(channel, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP))


# --- giving up privileges, and the command ----------------------------------------------------------------------------


def drop_privileges() -> None:
    """Lose every capability for good; uid 0 stays a name without power, in docker and here."""
    for capability in range(64):
        # Unknown numbers and a missing CAP_SETPCAP are fine: NO_NEW_PRIVS and the empty sets below hold anyway.
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    call("forbid new privileges", libc.prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    call("drop the capabilities", libc.capset, struct.pack("Ii", CAPABILITY_VERSION_3, 0), struct.pack("6I", *[0] * 6))


def set_limits() -> None:
    """Set the fixed resource limits, so that a user's own ones can't leak into what configure finds."""
    for name, value in LIMITS.items():
        number = getattr(resource, f"RLIMIT_{name.upper()}")
        hard = resource.getrlimit(number)[1]
        capped = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (capped, capped))


def reset_signals() -> None:
    """Give the command the default signals: Python ignores SIGPIPE, and exec would hand that down."""
    for number in signal.valid_signals():
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def take_terminal() -> None:
    """Make the command the terminal's foreground group, else an interactive shell has no job control."""
    if os.isatty(0):
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(0, os.getpid())


def share_terminal() -> None:
    """Leave the terminal's signals to the command that has it."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)


def retake_terminal() -> None:
    """Become the terminal's foreground group again."""
    if os.isatty(0):
        os.tcsetpgrp(0, os.getpgrp())


def execute(spec: dict[str, Any]) -> NoReturn:
    """Become the command; end with 126 or 127, as shells do, when it can't be run."""
    try:
        if spec["interactive"]:
            take_terminal()
        else:
            os.setsid()
        os.chdir(spec["cwd"])
    except OSError as error:
        report(spec, SetupError(f"enter {spec['cwd']}", error.errno or 0))
        os._exit(125)
    reset_signals()
    try:
        os.execvpe(spec["argv"][0], spec["argv"], spec["env"])  # noqa: S606
    except OSError as error:
        os.write(2, f"{spec['argv'][0]}: {error.strerror}\n".encode(errors="replace"))
        os._exit(127 if isinstance(error, (FileNotFoundError, NotADirectoryError)) else 126)


def exit_status(wait_status: int) -> int:
    """Translate a wait status; ``128 + n`` for death by signal n."""
    code = os.waitstatus_to_exitcode(wait_status)
    return 128 - code if code < 0 else code


def supervise(spec: dict[str, Any]) -> int:
    """Start the command, reap whatever is handed to us, and return the command's exit status when it ends."""
    ending = False

    def terminate(_number: int, _frame: FrameType | None) -> None:
        nonlocal ending
        ending = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGTERM)

    signal.signal(signal.SIGTERM, terminate)
    child = os.fork()
    if child == 0:
        execute(spec)
    os.close(spec["status"])
    if ending:
        os.kill(child, signal.SIGTERM)
    return exit_status(wait_for(child))


def wait_for(child: int) -> int:
    """Reap every child, orphans too, until the given one ends; return its wait status."""
    while True:
        pid, wait_status = os.wait()
        if pid == child:
            return wait_status


# --- the three processes ----------------------------------------------------------------------------------------------


def report(spec: dict[str, Any], error: SetupError) -> None:
    """Tell the builder (or, re-entered by hand, the person) why nothing was run."""
    text = json.dumps({"stage": error.stage, "code": error.code}) if "parent" in spec else f"sandbox: cannot {error}\n"
    os.write(spec["status"], text.encode(errors="replace"))


def init(spec: dict[str, Any], lifeline: int, *, privileged: bool) -> NoReturn:
    """Be pid 1 of the new namespaces."""
    try:
        die_with_parent()
        call("set the host name", libc.sethostname, HOSTNAME.encode(), len(HOSTNAME))
        call("set the domain name", libc.setdomainname, b"(none)", 6)
        raise_loopback()
        assemble(spec["root"], spec["mounts"], host_proc=spec.get("mode") == "host-proc")
        user = spec.get("user", 0)
        if privileged or user:
            with contextlib.suppress(SetupError):  # a kernel without them is as well served by the dropped capabilities
                enter_user_namespace(user=user)
        die_with_parent()
        drop_privileges()
        set_limits()
        if has_ended(lifeline):
            os._exit(125)
        os._exit(supervise(spec) if spec["argv"] else 0)
    except SetupError as error:
        report(spec, error)
    except OSError as error:
        report(spec, SetupError(f"set up {error.filename or spec['root']}", error.errno or 0))
    os._exit(125)


def launch(spec: dict[str, Any]) -> int:
    """Create the namespaces, start init in them, and wait."""
    privileged = is_privileged()
    if privileged:
        call("create namespaces", libc.unshare, NAMESPACES)
    else:
        enter_user_namespace(NAMESPACES)
    if "parent" in spec:
        die_with_parent()
        if os.getppid() != spec["parent"]:
            return 125
    lifeline, held = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(held)
        init(spec, lifeline, privileged=privileged)
    os.close(lifeline)
    os.close(spec["status"])
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    if spec["interactive"]:
        share_terminal()
    _, wait_status = os.waitpid(child, 0)
    if spec["interactive"]:
        retake_terminal()
    return exit_status(wait_status)


# --- without namespaces -----------------------------------------------------------------------------------------------


def signal_all(uid: int, number: int) -> None:
    """Signal every process of a uid: a process that has become that uid may do so, and reaches no other."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os.kill(-1, number)
        os._exit(0)
    os.waitpid(child, 0)


def enter_chroot(spec: dict[str, Any], lifeline: int) -> NoReturn:
    """Become the unprivileged uid inside the chroot, then the command."""
    try:
        die_with_parent()
        set_limits()
        os.chroot(spec["root"])
        os.chdir("/")
        os.setgroups([])
        os.setresgid(spec["uid"], spec["uid"], spec["uid"])
        os.setresuid(spec["uid"], spec["uid"], spec["uid"])
        drop_privileges()
        die_with_parent()
    except SetupError as error:
        report(spec, error)
        os._exit(125)
    except OSError as error:
        report(spec, SetupError("enter a chroot as an unprivileged user", error.errno or 0))
        os._exit(125)
    if has_ended(lifeline):
        os._exit(125)
    if not spec["argv"]:
        os._exit(0)
    execute(spec)


def launch_chroot(spec: dict[str, Any]) -> int:
    """Run the command in a prepared chroot and leave no process of its uid behind."""
    uid = spec["uid"]
    call("adopt orphans", libc.prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def builder_died(_number: int, _frame: FrameType | None) -> NoReturn:
        signal_all(uid, signal.SIGKILL)
        os._exit(125)

    def terminate(_number: int, _frame: FrameType | None) -> None:
        signal_all(uid, signal.SIGTERM)
        signal.alarm(GRACE_SECONDS)

    signal.signal(signal.SIGUSR1, builder_died)
    signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGALRM, lambda *_: signal_all(uid, signal.SIGKILL))
    if "parent" in spec:
        die_with_parent(signal.SIGUSR1)
        if os.getppid() != spec["parent"]:
            return 125
    signal_all(uid, signal.SIGKILL)  # what a launcher that was killed itself could not end
    lifeline, held = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(held)
        enter_chroot(spec, lifeline)
    os.close(spec["status"])
    if spec["interactive"]:
        share_terminal()
    wait_status = wait_for(child)
    signal_all(uid, signal.SIGKILL)
    if spec["interactive"]:
        retake_terminal()
    return exit_status(wait_status)


def main(argument: str) -> int:
    """Run what the spec asks for; 125 when the isolation could not be made."""
    spec = json.loads(argument if argument.startswith("{") else Path(argument).read_text())
    for name in ("mount", "umount2", "unshare", "prctl", "capset", "syscall", "sethostname", "setdomainname"):
        getattr(libc, name)  # looked up now: after pivot_root the host's libraries are out of reach
    spec.setdefault("status", os.dup(2))
    os.set_inheritable(spec["status"], False)
    os.umask(0o022)
    try:
        return launch_chroot(spec) if spec.get("mode") == "chroot" else launch(spec)
    except SetupError as error:
        report(spec, error)
        return 125


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
