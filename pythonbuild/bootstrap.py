"""From a bare Python to the command line: what the entry scripts do before anything can be imported.

The first start makes a virtual environment from requirements.txt in ``<cache>/venv/<key>`` and runs the entry script
again with its interpreter; the second run finds itself inside and calls :mod:`pythonbuild.cli.main`. The key names
the Python and the bytes of requirements.txt, so that a change of either makes a new environment beside the old one
and never touches one that another process is using.

An environment cannot be renamed (its scripts hold its path), so it is made in its final place and counts only once
the marker in it is written. A lock keeps other starts waiting meanwhile; pip's process holds the lock too, so that a
killed start's pip cannot write into the environment that the next start makes.

This module is read by every Python that a machine may have: it keeps to the standard library and to the syntax of
Python 3.6, and imports little, because every start pays for it twice.
"""

# os.path, since importing pathlib would cost a third of the start:
# ruff: noqa: PTH100, PTH103, PTH110, PTH111, PTH112, PTH118, PTH119, PTH120, PTH123, PTH204, PTH208

import os
import sys

MINIMUM = (3, 11)
MARKER = "complete"


class BootstrapError(Exception):
    """Why no environment could be made, in one line, with the remedy."""


def start(platform: str, script: str) -> None:
    """Run the command line for ``platform`` inside the environment; ends the process."""
    arguments = sys.argv[1:]
    repository = os.path.dirname(os.path.realpath(script))
    try:
        refuse_old_python(sys.argv[0], sys.version_info[:2])
        key = environment_key(os.path.join(repository, "requirements.txt"))
        if os.path.basename(sys.prefix) == key:
            sys.exit(_command_line(platform, repository, arguments))
        cache = cache_directory(repository, arguments)
        venv = os.path.join(cache, "venv", key)
        if not is_ready(venv):
            _answer_without_environment(platform, repository, arguments)
            make_environment(venv, os.path.join(repository, "requirements.txt"))
        _run_again(venv, cache, repository, os.path.realpath(script), arguments)
    except BootstrapError as error:
        sys.exit(f"{os.path.basename(script)}: {error}")
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(130)


def refuse_old_python(script: str, version: "tuple[int, ...]") -> None:
    """Raise BootstrapError on a Python below the minimum; its text names a newer one that is at hand."""
    if version >= MINIMUM:
        return
    import shutil

    remedy = "install python3.11 (or newer) and start it with that: python3.11 " + script
    for minor in range(25, MINIMUM[1] - 1, -1):
        if shutil.which(f"python3.{minor}"):
            remedy = f"start it with the one at hand: python3.{minor} {script}"
            break
    raise BootstrapError(f"needs Python 3.11 or newer, found {version[0]}.{version[1]}; {remedy}")


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


def cache_directory(repository: str, arguments: "list[str]") -> str:
    """Return the cache directory as the command line will see it: flag, variable, ``build`` in the checkout."""
    chosen = os.environ.get("PYTHONBUILD_CACHE_DIR", "")
    for position, argument in enumerate(arguments):
        if argument.startswith("--cache-dir="):
            chosen = argument.partition("=")[2]
        elif argument == "--cache-dir" and position + 1 < len(arguments):
            chosen = arguments[position + 1]
    if chosen:
        return os.path.abspath(os.path.expanduser(chosen))
    return os.path.join(repository, "build")


def interpreter(venv: str) -> str:
    """Return the path of the environment's Python."""
    return os.path.join(venv, "Scripts", "python.exe") if os.name == "nt" else os.path.join(venv, "bin", "python")


def is_ready(venv: str) -> bool:
    """Tell whether the environment was finished and its Python is still there."""
    return os.path.exists(os.path.join(venv, MARKER)) and os.path.exists(interpreter(venv))


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
                _say(f"making {_short(venv)} from {_short(requirements)} (once)")
                _make(venv, requirements, lock)
    except OSError as error:
        advice = "give --cache-dir a directory that you can write to, on a disk with 200 MB of space"
        raise BootstrapError(f"{_short(error.filename or venv)}: {error.strerror or error}; {advice}") from error


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
    _tie(process)
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
            _say(f"another start is making {_short(self._venv)}; waiting for it")
            locking.lock(self._descriptor)
        return self._descriptor

    def __exit__(self, *error: object) -> None:
        from pythonbuild import locking

        locking.close(self._descriptor)


def _answer_without_environment(platform: str, repository: str, arguments: "list[str]") -> None:
    """Answer --help and refuse wrong flags at once: neither needs an environment, and its making takes a while."""
    from pythonbuild.cli.main import answer_early

    status = answer_early(platform, repository, arguments)
    if status is not None:
        sys.exit(status)


def _run_again(venv: str, cache: str, repository: str, script: str, arguments: "list[str]") -> None:
    # Isolated: neither the user's site-packages nor PYTHON* variables reach the build.
    command = [interpreter(venv), "-I", "-X", "utf8"]
    if not os.access(os.path.join(repository, "pythonbuild"), os.W_OK):
        command += ["-X", "pycache_prefix=" + os.path.join(cache, "pycache")]
    command += [script, *arguments]
    try:  # noqa: SIM105 - contextlib would be another import for every start
        os.utime(os.path.join(venv, MARKER))  # `gc` removes environments that nobody starts any more
    except OSError:
        pass
    if os.name == "nt":  # exec there returns to the shell before the new process is done
        sys.exit(_wait_for(command))
    try:
        os.execv(command[0], command)  # noqa: S606
    except OSError as error:
        advice = "remove that directory and start again"
        raise BootstrapError(f"{command[0]} cannot be run: {error.strerror}; {advice}") from error


def _wait_for(command: "list[str]") -> int:
    """Run the command to its end. Ctrl-C reaches it as well, and what it makes of that is what counts."""
    import subprocess

    process = subprocess.Popen(command)
    _tie(process)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def _tie(process: object) -> None:
    """Let Windows end the process at the latest when we end; elsewhere it shares our lock, or takes our place."""
    if os.name == "nt":
        from pythonbuild.environments.job import Job

        Job().add(int(process._handle))  # type: ignore[attr-defined,unused-ignore] # the job is closed when we end


def _command_line(platform: str, repository: str, arguments: "list[str]") -> int:
    from pythonbuild.cli.main import main

    return main(platform, repository, arguments)


def _short(path: str) -> str:
    """Return a path as the user would type it here."""
    relative = os.path.relpath(path) if os.name != "nt" else path
    return path if relative.startswith("..") else relative


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


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
