"""From a bare Python to the command line: what the entry scripts do before anything can be imported.

The first start makes a virtual environment from requirements.txt (:mod:`pythonbuild.virtualenv`) and runs the entry
script again with its interpreter; the second run finds itself inside and calls :mod:`pythonbuild.cli.main`.

This module is read by every Python that a machine may have: it keeps to the standard library and to the syntax of
Python 3.6, and imports little, because every start pays for it twice.
"""

# os.path, since importing pathlib would cost a third of the start:
# ruff: noqa: PTH100, PTH111, PTH118, PTH119, PTH120

import os
import sys

from pythonbuild.virtualenv import (
    BootstrapError,
    environment_key,
    interpreter,
    is_ready,
    make_environment,
    mark_used,
    say,
    tie,
)

MINIMUM = (3, 11)


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
        say("interrupted")
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
    mark_used(venv)
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
    tie(process)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def _command_line(platform: str, repository: str, arguments: "list[str]") -> int:
    from pythonbuild.cli.main import main

    return main(platform, repository, arguments)
