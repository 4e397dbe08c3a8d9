"""The virtual environments that the entry scripts run in: ``<cache>/venv/<key>``.

The key names the Python and the bytes of requirements.txt, so that a change of either makes a new environment beside
the old one and never touches one that another process is using.

An environment cannot be renamed (its scripts hold its path), so it is made in its final place and counts only once
the marker in it is written. A lock keeps other starts waiting meanwhile; pip's process holds the lock too, so that a
killed start's pip cannot write into the environment that the next start makes.

Like :mod:`pythonbuild.bootstrap`, this is read by every Python that a machine may have: the standard library, and the
syntax of Python 3.6.
"""

# os.path, since importing pathlib would cost a third of the start:
# ruff: noqa: PTH103, PTH110, PTH112, PTH118, PTH120, PTH123, PTH204, PTH208

import os
import sys

MARKER = "complete"


class BootstrapError(Exception):
    """Why no environment could be made, in one line, with the remedy."""


def environment_key(requirements: str) -> str:
    """Return the name of the environment for this Python and this requirements.txt."""
    from hashlib import sha256

    try:
        with open(requirements, "rb") as file:
            content = file.read()
    except OSError as error:
        raise BootstrapError(f"{requirements} cannot be read: {error.strerror}; is the checkout complete?") from error
    tag = sys.implementation.cache_tag
    identity = f"{tag}\0{sys.base_prefix}\0{os.name}".encode("utf-8", "surrogateescape")
    return tag + "-" + sha256(identity + b"\0" + content).hexdigest()[:12]


def interpreter(venv: str) -> str:
    """Return the path of the environment's Python."""
    return os.path.join(venv, "Scripts", "python.exe") if os.name == "nt" else os.path.join(venv, "bin", "python")


def is_ready(venv: str) -> bool:
    """Tell whether the environment was finished and its Python is still there."""
    return os.path.exists(os.path.join(venv, MARKER)) and os.path.exists(interpreter(venv))


def mark_used(venv: str) -> None:
    """Say that it is in use: `gc` removes environments that nobody starts any more."""
    try:  # noqa: SIM105 - contextlib would be another import for every start
        os.utime(os.path.join(venv, MARKER))
    except OSError:
        pass


def make_environment(venv: str, requirements: str) -> None:
    """Make the environment, once, however many starts want it at the same time."""
    import importlib.util

    found = importlib.util.find_spec("ensurepip")
    if found is None or not found.origin:
        raise BootstrapError(f"this Python has no venv module; {_venv_advice()}")
    try:
        os.makedirs(os.path.dirname(venv), exist_ok=True)
        with _Lock(os.path.dirname(venv), venv) as lock:
            if not is_ready(venv):  # the start we waited for has made it
                say(f"making {short_path(venv)} from {short_path(requirements)} (once)")
                _make(venv, requirements, lock)
    except OSError as error:
        advice = "give --cache-dir a directory that you can write to, on a disk with 200 MB of space"
        raise BootstrapError(f"{short_path(error.filename or venv)}: {error.strerror or error}; {advice}") from error


def _make(venv: str, requirements: str, lock: int) -> None:
    import shutil

    if os.path.lexists(venv):
        shutil.rmtree(venv)  # what a killed start has left
    try:
        _call([sys.executable, "-I", "-m", "venv", venv], lock, "venv", venv)
        # Wheels only: building one would bring in tools that no hash pins.
        _call([interpreter(venv), "-I", "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check",
               "--no-user", "--require-hashes", "--only-binary", ":all:", "--requirement", requirements],
              lock, "pip install", venv)  # fmt: skip
        with open(os.path.join(venv, MARKER), "w") as marker:
            marker.write("made from requirements.txt by pythonbuild/bootstrap.py\n")
    except BaseException:
        shutil.rmtree(venv, ignore_errors=True)
        raise


def _call(command: "list[str]", lock: int, name: str, place: str) -> None:
    """Run one command that shares our lock and writes to ``place``; on failure raise with the lines that say why."""
    import subprocess

    # Settings that redirect an installation would put the packages elsewhere.
    redirecting = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_REQUIRE_VIRTUALENV", "PIP_NO_BINARY")
    env = {name: value for name, value in os.environ.items() if name not in redirecting}
    sharing = {} if os.name == "nt" else {"pass_fds": (lock,)}
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, **sharing)  # type: ignore[call-overload]  # fmt: skip
    tie(process)
    try:
        output = process.communicate()[0].decode("utf-8", "replace")
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if process.returncode:
        import shutil

        free = shutil.disk_usage(place).free
        raise BootstrapError(explain_failure(name, process.returncode, output, free))


def explain_failure(name: str, status: int, output: str, free: int) -> str:
    """Return one line of advice, and below it the few lines of the output that matter; ``free`` bytes are left."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line or "rror:" in line] or lines
    if "No space left" in output or free < 20000000:  # venv does not say why its ensurepip failed
        advice = "free some space, or give --cache-dir a directory on another disk"
    elif "DO NOT MATCH THE HASHES" in output:
        advice = "the index served other files than requirements.txt pins; ask whoever runs it, or use another one"
        errors = [line for line in lines if "Expected sha256" in line or "Got" in line or "from http" in line] or errors
    elif "ensurepip is not available" in output:
        advice = _venv_advice()
    elif name == "venv":
        advice = "this Python cannot make virtual environments"
    else:
        advice = "pip needs a network or an index that it is configured for (pip config list); then start again"
    shown = "".join("\n    " + line[:300] for line in errors[-4:])
    return f"{name} failed with status {status}; {advice}{shown}"


def _venv_advice() -> str:
    """Say how this Python is completed: on Linux by the distribution's package."""
    if not sys.platform.startswith("linux"):
        return "install a whole Python 3.11 or newer, such as that of python.org"
    if os.path.realpath(sys.executable) == os.path.realpath("/usr/bin/python3"):
        return "apt install python3-venv"
    return f"apt install python3.{sys.version_info[1]}-venv"


class _Lock:
    """The lock of a directory of environments, as a context manager that gives its descriptor.

    Released by the system when the last process that holds it ends, however it ends.
    """

    def __init__(self, directory: str, venv: str) -> None:
        self._path = os.path.join(directory, "lock")
        self._venv = venv
        self._descriptor = -1

    def __enter__(self) -> int:
        from pythonbuild import locking

        self._descriptor = locking.open_file(self._path)
        if not locking.try_lock(self._descriptor):
            say(f"another start is making {short_path(self._venv)}; waiting for it")
            locking.lock(self._descriptor)
        return self._descriptor

    def __exit__(self, *error: object) -> None:
        from pythonbuild import locking

        locking.close(self._descriptor)


def remove_stale_environments(cache: str, keep_seconds: float = 7 * 86400) -> "list[str]":
    """Remove environments that no start has used for a week, and unfinished ones; returns their names."""
    import shutil
    import time

    home = os.path.join(cache, "venv")
    removed = []
    if not os.path.isdir(home):
        return []
    with _Lock(home, home):  # nobody makes one meanwhile
        for name in sorted(os.listdir(home)):
            venv = os.path.join(home, name)
            if not os.path.isdir(venv) or os.path.realpath(venv) == os.path.realpath(sys.prefix):
                continue
            if not is_ready(venv) or time.time() - os.path.getmtime(os.path.join(venv, MARKER)) > keep_seconds:
                shutil.rmtree(venv)
                removed.append(name)
    return removed


def tie(process: object) -> None:
    """Let Windows end the process at the latest when we end; elsewhere it shares our lock, or takes our place."""
    if os.name == "nt":
        from pythonbuild.environments.job import Job

        Job().add(int(process._handle))  # type: ignore[attr-defined,unused-ignore] # the job is closed when we end


def short_path(path: str) -> str:
    """Return a path as the user would type it here."""
    relative = os.path.relpath(path) if os.name != "nt" else path
    return path if relative.startswith("..") else relative


def say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
