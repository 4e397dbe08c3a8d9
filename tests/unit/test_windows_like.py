"""The library where Windows' limits hold: everything is imported, and plans are built, by programs of their own.

What cannot be shown here: the real msvcrt and kernel32, NTFS, and what Windows' programs do.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
#: Modules for steps that have a Linux root, or for the inside of one, and scripts that the built Python runs.
ELSEWHERE = (
    "pythonbuild.environments.chroot", "pythonbuild.environments.docker", "pythonbuild.environments.docker_image",
    "pythonbuild.environments.launcher", "pythonbuild.environments.sandbox", "pythonbuild.validation.behaviour_tests",
    "pythonbuild.validation.behaviour_suite", "pythonbuild.validation.tell_facts", "pythonbuild.validation.tell_gil",
    "pythonbuild.distribution.run_tests", "pythonbuild.testsuite.recorder",
)  # fmt: skip

BUILDER = """
import json, os, sys, time
import tests.unit.windows_like as windows_like
windows_like.pretend()
from pathlib import Path
from pythonbuild.engine.collect import gc
from pythonbuild.engine.events import Note, StepFinished, StepStarted
from pythonbuild.engine.executor import LocalExecutor
from pythonbuild.engine.model import InputFile, Plan, RecipeAction, Step
from pythonbuild.engine.store import Store
from pythonbuild.environments.select import choose
from pythonbuild.errors import BuildError

cache, third = Path(sys.argv[1]), sys.argv[2]

def step(name, code, *needs, files=()):
    words = (sys.executable, "-c", "import os, sys, time; from pathlib import Path; e = os.environ; " + code)
    return Step(name, RecipeAction(words, root=""), needs, files, parameters={"FLAGS": "-L${STEP_TOOLS}/lib"})

script = cache / "make.py"
script.parent.mkdir(parents=True, exist_ok=True)
script.write_text("print('made')", encoding="utf-8", newline="\\n")
out = "p = Path(e['OUT'], 'tools'); p.mkdir(exist_ok=True); "
plan = Plan((
    step("first", out + "(p / 'tool.exe').write_text('program'); q = p / 'fixed'; q.write_text('x'); q.chmod(0o444)"),
    step("second", out + "t = Path(e['STEP_TOOLS']); assert e['FLAGS'] == f'-L{t}/lib'; time.sleep(0.3); "
         "(p / 'second').write_text((t / 'tool.exe').read_text() + e['JOBS'] + str('MAKEFLAGS' in e)); "
         "exec(Path(e['STEP_RECIPE'], 'make.py').read_text())", "first", files=(InputFile("make.py", script),)),
    step("third", third, "first", "second"),
), ("third",))

def tell(event):
    if isinstance(event, (Note, StepFinished, StepStarted)):
        line = getattr(event, "text", "") or f"{event.step} {getattr(event, 'status', 'started')}"
        print(json.dumps([line, list(getattr(event, "tail", ())), getattr(event, "reenter", "")]), flush=True)

with Store(cache) as store:
    environment = choose("auto", lambda text: None, cache)
    try:
        results = LocalExecutor(store, environment, tell, 2, cache).execute(plan)
        tree = store.tree(results["second"].digest)
        place = store.materialise_cached(results["second"].digest)
        print(json.dumps(["done", {path: entry.kind for path, entry in tree.entries.items()},
                          (place / "tools/second").read_text(encoding="utf-8")]))
        if third.startswith("1;"):
            print(json.dumps(["gc", gc(store, 0).actions, ""]))
    except BuildError as error:
        print(json.dumps(["failed", [error.reason], str(error)]))
    finally:
        environment.close()
"""

IMPORTS = """
import importlib, json, pkgutil, sys
import tests.unit.windows_like as windows_like
windows_like.pretend()
import pythonbuild
elsewhere, imported = tuple(sys.argv[1].split(",")), []
for module in pkgutil.walk_packages(pythonbuild.__path__, "pythonbuild.", onerror=lambda name: sys.exit(name)):
    if not module.name.startswith(elsewhere):
        importlib.import_module(module.name)
        imported.append(module.name)
print(json.dumps(imported))
"""


LOCKS = """
import json, os, sys, threading
import tests.unit.windows_like as windows_like
windows_like.pretend()
from pathlib import Path
from pythonbuild import locking
from pythonbuild.engine.files import FileLock
from pythonbuild.sources.cache import DownloadCache
from pythonbuild.sources.places import WantedFile

path = Path(sys.argv[1]) / "lock"
def lock(shared):
    made = FileLock(path)
    return made if made.try_acquire(shared=shared) else None
facts = {}
shared = [lock(True) for _ in range(64)]
facts["shared"] = all(shared)
facts["one too many"] = lock(True)
facts["alone beside others"] = lock(False)
shared[5].write(b"told")
facts["read beside the lock"] = path.read_text()
for one in shared:
    one.release()
alone = lock(False)
facts["alone"] = alone is not None
facts["beside one alone"] = [lock(True), lock(False)]
open_by_another = locking.open_file(path)
alone.release(remove=True)
facts["open by another"] = path.exists()
locking.close(open_by_another)
last = lock(False)
waiter = threading.Timer(0.3, last.release, [], {"remove": True})
waiter.start()
waited = FileLock(path)
waited.acquire()
waiter.join()
facts["waited for, and still the same file"] = [waited.held, path.exists(), lock(True)]
waited.release(remove=True)
facts["removed"] = not path.exists()

file = WantedFile("name", "00", 6)
cache = DownloadCache(Path(sys.argv[1]) / "downloads")
with cache.part(file, lambda waited: None) as part:
    part.append(b"a\\r\\n\\x1ab")
    accepted = cache.accept(part, file)
facts["accepted"] = accepted.read_bytes().hex()
with cache.part(file, lambda waited: None) as part:
    pass
with cache.part(file, lambda waited: None) as part:
    part.append(b"x")
    part.discard()
facts["left"] = sorted(item.name for item in cache.directory.rglob("*"))
print(json.dumps(facts))
"""


#: The suite in the room that Windows has. The interpreter is a script, which this Python runs.
ROOM = """
import json, os, sys
import tests.unit.windows_like as windows_like
windows_like.pretend()
from pathlib import Path
from pythonbuild.environments.select import choose
from pythonbuild.validation.room import Room
from pythonbuild.validation.suite import run_suite

top, work = Path(sys.argv[1]) / "python", Path(sys.argv[1]) / "work"
for path in (top / "install", work):
    path.mkdir(parents=True)
program = top / "install/python.exe"
program.write_text("#!" + sys.executable + '''
import json, os, pathlib, sys
sys.path.insert(0, str(pathlib.Path(sys.argv[4]).parent))
import behaviour_tests as tests
given = json.loads(pathlib.Path(sys.argv[5]).read_text())
def say(name, value):
    print(json.dumps({"end": name, "ok": False, "detail": json.dumps(value)}), flush=True)
say("arguments", sys.argv[1:4])
say("home", [os.environ["USERPROFILE"] == os.getcwd() == os.environ["TEMP"], os.listdir()])
say("variables", sorted(os.environ))
say("given", given["place"])
tests.load(given["place"]["system"])
say("chosen", [test.title for test in tests.chosen(given["place"]["system"], ["winreg", "_curses", "zlib"])])
pathlib.Path(sys.argv[0]).with_name("written").write_text("x")
print(json.dumps({"done": True}), flush=True)
''', encoding="utf-8", newline="\\n")
import subprocess
own_copy = Room._own_copy

def copied(*arguments):
    place = own_copy(*arguments)
    subprocess.run(["chmod", "755", str(place / "install/python.exe")], check=True)  # copies have no modes here
    return place

Room._own_copy = copied

class Document:
    python_exe = "install/python.exe"
    class build_info:
        extensions = {}

environment = choose("auto", lambda text: None, Path(sys.argv[1]) / "cache")
run = run_suite(Room(environment, None, "", work), top, Document, "windows")
environment.close()
told = {name: json.loads(value) for name, value in run.failures.items()}
print(json.dumps([run.ending, told, sorted(path.name for path in (top / "install").iterdir()),
                  sorted(path.name for path in work.iterdir())]))
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "WINDOWS_LIKE_LOCK": str(tmp_path / "serial"), "PYTHONPATH": str(REPOSITORY)}


def start(environment: dict[str, str], program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", program, *arguments], text=True, env=environment, cwd=REPOSITORY,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)  # fmt: skip


def said(process: subprocess.Popen[str]) -> list[Any]:
    """Return what a program told, once it has ended well."""
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return [json.loads(line) for line in output.splitlines()]


def test_everything_can_be_imported(environment: dict[str, str]) -> None:
    imported = said(start(environment, IMPORTS, ",".join(ELSEWHERE)))[0]
    assert {"pythonbuild.build", "pythonbuild.cli.commands", "pythonbuild.bootstrap", "pythonbuild.elsewhere",
            "pythonbuild.environments.native", "pythonbuild.pcbuild.edit"} <= set(imported)  # fmt: skip
    assert len(imported) > 120
    broken = start(environment, IMPORTS, ",".join(ELSEWHERE[1:]))
    assert "fcntl" in broken.communicate(timeout=120)[1], "what is left out could not be imported"


def test_locks_are_ranges_of_bytes(environment: dict[str, str], tmp_path: Path) -> None:
    assert said(start(environment, LOCKS, str(tmp_path)))[0] == {
        "shared": True, "one too many": None, "alone beside others": None, "read beside the lock": "told",
        "alone": True, "beside one alone": [None, None], "open by another": True,
        "waited for, and still the same file": [True, True, None], "removed": True,
        "accepted": b"a\r\n\x1ab".hex(), "left": ["name", "partial"],
    }  # fmt: skip


def test_a_build_and_its_cache(environment: dict[str, str], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    lines = said(start(environment, BUILDER, str(cache), "pass"))
    statuses = [line[0] for line in lines]
    assert statuses == ["first started", "first built", "second started", "second built", "third started",
                        "third built", "done"]  # fmt: skip
    assert lines[-1][1:] == [{"tools": "d", "tools/second": "f"}, "program2False"]
    kinds = {blob.name[-2:] for blob in (cache / "store/blobs").glob("*/*") if blob.name.endswith(".x")}
    assert kinds == {".x"}
    assert [line[0] for line in said(start(environment, BUILDER, str(cache), "pass"))] == [
        "first cached", "second cached", "third cached", "done",
    ]  # fmt: skip
    other = "1; Path(e['OUT'], 'other').write_text('other')"
    last = said(start(environment, BUILDER, str(cache), other))[-1]
    assert last == ["gc", 1, ""], "of four results, three belong to what this process uses"
    assert not list((cache / "work").iterdir())
    assert not list((cache / "store/sessions").iterdir())


def test_a_step_that_fails(environment: dict[str, str], tmp_path: Path) -> None:
    lines = said(start(environment, BUILDER, str(tmp_path / "cache"), "print('oh no'); sys.exit(3)"))
    assert lines[-2][:2] == ["third failed", ["oh no"]]
    assert lines[-1][:2] == ["failed", ["step-failed"]]
    assert "exit status 3" in lines[-1][2]
    spec = json.loads(Path(lines[-2][2].split()[-1]).read_text("utf-8"))
    assert spec["argv"] == ["cmd.exe", "/D", "/K"]
    assert spec["env"]["JOBS"] == "2"
    again = said(start(environment, BUILDER, str(tmp_path / "cache"), "print('oh no'); sys.exit(4)"))
    assert [line[0] for line in again[:2]] == ["first cached", "second cached"]


def test_the_behaviour_suite_runs_in_the_room_that_windows_has(environment: dict[str, str], tmp_path: Path) -> None:
    ending, told, beside, left = said(start(environment | {"SystemRoot": "/windows"}, ROOM, str(tmp_path)))[0]
    assert ending == ""
    assert told["arguments"] == ["-I", "-X", "faulthandler"]
    assert told["home"] == [True, []]
    assert {"APPDATA", "LOCALAPPDATA", "PATH", "SystemRoot", "TEMP", "TMP", "USERPROFILE"} <= set(told["variables"])
    assert not {"HOME", "PYTHONPATH", "WINDOWS_LIKE_LOCK"} & set(told["variables"])
    assert told["given"]["system"] == "windows"
    assert {"the registry", "zlib", "every module of the standard library imports"} <= set(told["chosen"])
    assert not [title for title in told["chosen"] if "ncurses" in title or "glibc" in title]
    assert (beside, left) == (["python.exe"], ["moved0"])


def test_two_processes_share_the_store(environment: dict[str, str], tmp_path: Path) -> None:
    started = [start(environment, BUILDER, str(tmp_path / "cache"), "time.sleep(1)") for _ in range(3)]
    statuses = [[line[0] for line in said(process)] for process in started]
    for step in ("first", "second", "third"):
        assert sum(f"{step} built" in lines for lines in statuses) == 1
        assert sum(f"{step} cached" in lines for lines in statuses) == 2
    assert any("being built by another process" in line for lines in statuses for line in lines)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_builder_that_is_stopped(environment: dict[str, str], tmp_path: Path, number: signal.Signals) -> None:
    """Interrupted, it ends its steps itself; killed, its keeper (here) or its job (on Windows) does."""
    cache, told = tmp_path / "cache", tmp_path / "pid"
    code = f"Path({str(told)!r}).write_text(str(os.getpid())); time.sleep(600)"
    process = start(environment, BUILDER, str(cache), code)
    deadline = time.monotonic() + 60
    while not (told.exists() and told.read_text()):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    step = Path("/proc", told.read_text())
    assert step.exists()
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode
    if number == signal.SIGINT:
        assert '"third cancelled"' in output
        assert "KeyboardInterrupt" in errors
    while step.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    lines = said(start(environment, BUILDER, str(cache), "pass"))
    assert [line[0] for line in lines] == ["first cached", "second cached", "third started", "third built", "done"]
    assert not list((cache / "work").iterdir()), "what the stopped one left is removed"
