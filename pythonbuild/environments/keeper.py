"""Runs one command, and ends with it everything that it has started: a program of its own, with nothing installed.

    python -I -S keeper.py            told on standard input what to run, as a line of JSON
    python -I -S keeper.py SPEC.json  an interactive shell, for people

No other system has what ends a step on Linux when its builder dies (PR_SET_PDEATHSIG, namespaces). So each step has a
keeper, and the builder holds the other end of its standard input: whatever the builder dies of, that is closed, and the
keeper ends all. On macOS all of it is one process group, and the keeper its leader; whoever has left the group is
found by its parents. On Windows it is a job object, which the kernel ends when the builder's handle is closed. The
command is started only when the builder has told what it is: by then the keeper is in the job.

At the end of the command, too, the keeper ends whatever is left, itself included: what a step leaves running would hold
on to its output.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any, NoReturn

#: A status that says: not found, or not a program.
NOT_STARTED = 127
_JOB_OBJECT_TERMINATE = 8


def main() -> NoReturn:
    """Run what standard input tells; ends the process and all that it started."""
    spec = json.loads(_first_line() or "null")
    if spec is None:
        os._exit(1)  # the builder died before it could tell
    if not spec["job"]:
        signal.signal(signal.SIGTERM, _ask_to_end)
        for name in ("SIGINT", "SIGHUP"):  # a handler, since what is ignored is inherited
            signal.signal(getattr(signal, name), lambda _number, _frame: None)
    threading.Thread(target=_watch, args=(spec,), daemon=True).start()
    _end_all(spec, _run(spec))


def _ask_to_end(_number: int, _frame: object) -> None:
    """Hand SIGTERM on; what the command makes of it is its decision, ours is to see its end."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)  # for we are of the group
    _kill_strays()  # as long as they have parents to be found by
    os.killpg(0, signal.SIGTERM)


def _first_line() -> str:
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(0, 1 << 16)
        if not part:
            return ""
        line += part
    return line.decode("utf-8", "surrogateescape")


def _run(spec: dict[str, Any]) -> int:
    _set_limits(spec["limits"])
    try:
        process = subprocess.Popen(spec["argv"], env=spec["env"], cwd=spec["cwd"], stdin=subprocess.DEVNULL)
    except OSError as error:
        print(f"{spec['argv'][0]}: cannot be run: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201
        return NOT_STARTED
    code = process.wait()
    return 128 - code if code < 0 else code


def _set_limits(limits: dict[str, int]) -> None:
    """Set the fixed resource limits, as far as the system has them and lets us."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for name, value in limits.items():
        number = getattr(resource, "RLIMIT_" + name.upper(), None)
        if number is not None:
            hard = resource.getrlimit(number)[1]
            capped = value if hard == resource.RLIM_INFINITY else min(value, hard)
            with contextlib.suppress(OSError, ValueError):  # macOS has limits of the kernel's own besides
                resource.setrlimit(number, (capped, capped))


def _watch(spec: dict[str, Any]) -> None:
    """Wait for the builder's end, or for its wish that this ends at once."""
    while os.read(0, 1):
        pass
    if not spec["job"]:
        _kill_strays()
    _end_all(spec, 128 + 9)


def _end_all(spec: dict[str, Any], status: int) -> NoReturn:
    """Tell the status, and end everything."""
    if spec["job"]:
        terminate_job(spec["job"], status)
        os._exit(status if status < 1 << 31 else status - (1 << 32))
    else:
        with contextlib.suppress(OSError):  # nobody is there any more to read it
            os.write(spec["status"], str(status).encode())
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _kill_strays() -> None:
    """Kill those descendants that have made process groups of their own, as test suites do."""
    try:
        listed = subprocess.run(["/bin/ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "pgid="], capture_output=True,
                                timeout=5, check=True).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return
    rows = [tuple(map(int, line.split())) for line in listed.decode("ascii", "replace").splitlines()]
    ours = {os.getpid()}
    while more := {pid for pid, parent, _group in rows if parent in ours} - ours:
        ours |= more
    for pid, _parent, group in rows:
        if pid in ours and group != os.getpid():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def terminate_job(name: str, status: int) -> None:
    """End the job of that name, and so ourselves, with this status for all."""
    import ctypes

    kernel: Any = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined,unused-ignore]
    kernel.OpenJobObjectW.restype = ctypes.c_void_p
    job = kernel.OpenJobObjectW(_JOB_OBJECT_TERMINATE, False, ctypes.c_wchar_p(name))
    kernel.TerminateJobObject(ctypes.c_void_p(job), ctypes.c_uint32(status))


def shell(path: str) -> int:
    """Run the shell that a file describes on the caller's terminal."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        spec = json.load(file)
    _set_limits(spec["limits"])
    process = subprocess.Popen(spec["argv"], env=spec["env"], cwd=spec["cwd"])
    while True:
        with contextlib.suppress(KeyboardInterrupt):  # the shell's business
            return process.wait()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(shell(sys.argv[1]))
    main()
