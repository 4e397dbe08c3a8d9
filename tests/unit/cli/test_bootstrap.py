from __future__ import annotations

import ast
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from pythonbuild import bootstrap, virtualenv
from pythonbuild.virtualenv import BootstrapError

REPOSITORY = Path(__file__).parents[3]
SCRIPTS = ("build-linux.py", "build-macos.py", "build-windows.py")


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


# Old Pythons


@pytest.mark.parametrize("name", [*SCRIPTS, "pythonbuild/__init__.py", "pythonbuild/bootstrap.py"])
def test_old_pythons_can_read_it(name: str) -> None:
    ast.parse((REPOSITORY / name).read_text(encoding="utf-8"), feature_version=(3, 6))


def test_an_old_python_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for version in ((3, 6), (3, 10)):
        with pytest.raises(BootstrapError) as caught:
            bootstrap.refuse_old_python("./build-linux.py", version)
        assert str(caught.value) == (
            f"needs Python 3.11 or newer, found 3.{version[1]}; install python3.11 (or newer) and start it with that:"
            " python3.11 ./build-linux.py"
        )
    bootstrap.refuse_old_python("./build-linux.py", (3, 11))


def test_a_newer_python_at_hand_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("python3.11", "python3.12", "python3.9"):
        (tmp_path / name).touch(mode=0o755)
    with pytest.raises(BootstrapError, match=r"start it with the one at hand: python3\.12 \./build-linux\.py$"):
        bootstrap.refuse_old_python("./build-linux.py", (3, 9))


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_scripts_refuse_an_old_python(script: str) -> None:
    code = "import runpy, sys; sys.version_info = (3, 8, 1, 'final', 0); sys.argv[0] = sys.argv[1];" \
           " runpy.run_path(sys.argv[1], run_name='__main__')"  # fmt: skip
    ended = subprocess.run([sys.executable, "-I", "-c", code, str(REPOSITORY / script)], capture_output=True, text=True,
                           check=False)  # fmt: skip
    assert ended.returncode == 1
    assert "needs Python 3.11 or newer, found 3.8" in ended.stderr
    assert ended.stderr.count("\n") == 1


# The key


def test_the_key_depends_on_requirements_and_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("one==1\n")
    first = virtualenv.environment_key(str(requirements))
    assert first == virtualenv.environment_key(str(requirements))
    assert first.startswith(str(sys.implementation.cache_tag))
    monkeypatch.setattr(sys, "base_prefix", "/elsewhere")
    assert virtualenv.environment_key(str(requirements)) != first
    monkeypatch.undo()
    requirements.write_text("one==2\n")
    assert virtualenv.environment_key(str(requirements)) != first


def test_requirements_name_no_index_and_have_hashes() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = (REPOSITORY / name).read_text(encoding="utf-8").splitlines()
        assert not [line for line in lines if "://" in line or "--index" in line or "--find-links" in line]
        pins = [number for number, line in enumerate(lines) if "==" in line]
        assert pins
        assert all("--hash=sha256:" in lines[number + 1] for number in pins)


# Failures


@pytest.mark.parametrize(
    ("output", "advice", "line"),
    [
        ("WARNING: Retrying\nERROR: No matching distribution found for docker==7.2.0\n", "pip needs a network",
         "ERROR: No matching distribution found for docker==7.2.0"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM\n  Expected sha256 aa\n   Got bb\n", "other files than",
         "Expected sha256 aa"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n", "free some space",
         "No space left on device"),
        ("The virtual environment was not created: ensurepip is not available.\n", "apt install python3", "ensurepip"),
        ("", "pip needs a network", ""),
    ],
)  # fmt: skip
def test_a_failure_is_told_in_a_few_lines(output: str, advice: str, line: str) -> None:
    text = virtualenv.explain_failure("pip install", 1, output, 10**9)
    assert text.startswith("pip install failed with status 1; ")
    assert advice in text
    assert line in text
    assert text.count("\n") <= 4


def test_a_venv_that_fails_for_want_of_space_says_so() -> None:
    text = virtualenv.explain_failure("venv", 1, "Error: Command '...' returned non-zero exit status 1.", 4096)
    assert "free some space" in text
    assert "cannot make virtual" in virtualenv.explain_failure("venv", 1, "Error: Command '...'", 10**9)


def test_a_python_without_venv_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(BootstrapError, match=r"^this Python has no venv module; apt install python3[.\d]*-venv$"):
        virtualenv.make_environment(str(tmp_path / "venv/key"), "requirements.txt")
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(BootstrapError, match=r"no venv module; install a whole Python 3.11 or newer"):
        virtualenv.make_environment(str(tmp_path / "venv/key"), "requirements.txt")


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BootstrapError, match=r"file.*: Not a directory; give --cache-dir a directory"):
        virtualenv.make_environment(str(tmp_path / "file/venv/key"), "requirements.txt")


def test_a_failed_install_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def call(command: list[str], lock: int, name: str, place: str) -> None:
        if name == "pip install":
            raise BootstrapError("no network")
        Path(command[-1]).mkdir(parents=True)

    monkeypatch.setattr(virtualenv, "_call", call)
    with pytest.raises(BootstrapError, match="no network"):
        virtualenv.make_environment(str(tmp_path / "venv/key"), "requirements.txt")
    assert names(tmp_path / "venv") == ["lock"]


# Two starts, killed starts: a driver whose venv and pip are quick stand-ins

DRIVER = """\
import subprocess, sys
sys.path.insert(0, {repository!r})
from pythonbuild import bootstrap, virtualenv

WRITER = '''
import pathlib, sys, time
for number in range(20):
    pathlib.Path(sys.argv[1], str(number)).write_text(sys.argv[2])
    time.sleep(0.01)
'''

def call(command, lock, name, place):
    if name == "venv":
        subprocess.run(["mkdir", "-p", command[-1] + "/bin"], check=True)
        subprocess.run(["ln", "-s", sys.executable, command[-1] + "/bin/python"], check=True)
    else:  # like pip, it goes on when its parent is killed
        subprocess.run([sys.executable, "-I", "-S", "-c", WRITER, {venv!r}, sys.argv[1]], pass_fds=(lock,), check=True)

virtualenv._call = call
virtualenv.make_environment({venv!r}, "requirements.txt")
"""


@pytest.fixture
def driver(tmp_path: Path) -> list[str]:
    script = tmp_path / "driver.py"
    script.write_text(DRIVER.format(repository=str(REPOSITORY), venv=str(tmp_path / "venv/key")))
    return [sys.executable, "-I", "-S", str(script)]


def finished(venv: Path) -> set[str]:
    """Return who wrote the files of a finished environment."""
    assert (venv / virtualenv.MARKER).exists()
    return {(venv / str(number)).read_text() for number in range(20)}


def test_two_starts_make_it_once(driver: list[str], tmp_path: Path) -> None:
    starts = [subprocess.Popen([*driver, name], stderr=subprocess.PIPE, text=True) for name in ("one", "two", "three")]
    told = [start.communicate()[1] for start in starts]
    assert [start.returncode for start in starts] == [0, 0, 0]
    assert len(finished(tmp_path / "venv/key")) == 1
    assert sum("(once)" in text for text in told) == 1


def test_killed_at_any_moment(driver: list[str], tmp_path: Path) -> None:
    chance = random.Random(7)
    for attempt in range(8):
        start = subprocess.Popen([*driver, f"killed-{attempt}"], stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.0, 0.2))
        start.send_signal(signal.SIGKILL)
        start.wait()
    subprocess.run([*driver, "last"], check=True, stderr=subprocess.DEVNULL)
    assert len(finished(tmp_path / "venv/key")) == 1  # nobody's pip wrote into another one's environment


INTERRUPTED = """\
import os, signal, sys, threading
sys.path.insert(0, sys.argv[1])
from pythonbuild import bootstrap, virtualenv

child = "import os, sys; sys.stdin.readline(); sys.exit(7)"
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
status = bootstrap._wait_for([sys.executable, "-I", "-S", "-c", child])
print("waited", status)
"""


def test_ctrl_c_is_the_business_of_the_program_that_is_waited_for() -> None:
    """Windows has no exec, so the first process waits for the second; the console tells both of Ctrl-C."""
    start = subprocess.Popen([sys.executable, "-I", "-S", "-c", INTERRUPTED, str(REPOSITORY)], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    with pytest.raises(subprocess.TimeoutExpired):
        start.wait(1.5)
    assert start.communicate("go on\n")[0] == "waited 7\n"


def test_stale_environments_are_removed(tmp_path: Path) -> None:
    for name in ("used", "stale", "unfinished"):
        (tmp_path / "venv" / name / "bin").mkdir(parents=True)
        (tmp_path / "venv" / name / "bin/python").touch()
        if name != "unfinished":
            (tmp_path / "venv" / name / virtualenv.MARKER).touch()
    old = time.time() - 30 * 86400
    os.utime(tmp_path / "venv/stale" / virtualenv.MARKER, (old, old))
    assert virtualenv.remove_stale_environments(str(tmp_path)) == ["stale", "unfinished"]
    assert names(tmp_path / "venv") == ["lock", "used"]
    assert virtualenv.remove_stale_environments(str(tmp_path / "none")) == []


# The real thing, once


def test_a_start_from_a_read_only_checkout(tmp_path: Path) -> None:
    """Make a real environment, run in it, and start again from a checkout whose files are all read-only."""
    checkout, cache = tmp_path / "checkout", tmp_path / "cache dir"
    (checkout / "pythonbuild/cli").mkdir(parents=True)
    for name in (
        "build-linux.py",
        *(f"pythonbuild/{name}.py" for name in ("__init__", "bootstrap", "locking", "virtualenv")),
    ):
        shutil.copy(REPOSITORY / name, checkout / name)
    (checkout / "requirements.txt").write_text("# nothing\n")
    (checkout / "pythonbuild/cli/__init__.py").touch()
    (checkout / "pythonbuild/cli/main.py").write_text(
        textwrap.dedent("""\
        import sys
        def answer_early(platform, repository, arguments):
            return 5 if "--wrong" in arguments else None
        def main(platform, repository, arguments):
            print(platform, repository, arguments, sys.prefix, sys.flags.isolated, sys.flags.utf8_mode, sep="|")
            return 7
        """)
    )
    for path in (*checkout.rglob("*"), checkout):
        path.chmod(0o555)
    command = [sys.executable, "-B", str(checkout / "build-linux.py"), "--cache-dir", str(cache)]
    assert subprocess.run([*command, "--wrong"], check=False).returncode == 5
    assert not cache.exists()
    for told in (1, 0):
        ended = subprocess.run([*command, "x"], capture_output=True, text=True, check=False, cwd=tmp_path,
                               env={**os.environ, "PYTHONPATH": "/nonsense", "PIP_USER": "1"})  # fmt: skip
        assert ended.returncode == 7, ended.stderr
        assert ended.stderr.count("making cache dir/venv/cpython-3") == told
        platform, repository, arguments, prefix, isolated, utf8 = ended.stdout.strip().split("|")
        assert (platform, repository, isolated, utf8) == ("linux", str(checkout), "1", "1")
        assert arguments == str(["--cache-dir", str(cache), "x"])
        assert Path(prefix).parent == cache / "venv"
