"""Runs files of CPython's test suite, several at once, each in a process of its own, and tells what came of them.

It runs inside, by the Python under test: ``driver.py PLAN``. The plan is a JSON object: ``tests`` (names of files, none
for all), ``jobs``, ``timeout`` (seconds for a file), ``resources`` and ``seed`` (for regrtest), ``scratch`` (a
directory). The answer is lines of JSON: ``{"suite": …}`` first; for each file its cases, then ``{"file": …}``; last
``{"done": true}``. Whatever else appears on stdout is not ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

#: What a process gets between regrtest's own timeout, which shows where it hangs, and its end.
GRACE = 20

#: How much of a file's output is kept, in characters: less than a line may be long.
TAIL = 12_000

#: Without a file name the recorder is no module to the standard library's trace, whose tests count modules.
_RECORDER = (
    "import sys; sys.path.insert(0, {place!r}); import recorder; del sys.path[0], recorder.__file__; recorder.main()"
)


class Driver:
    """One run of the suite."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.scratch = Path(plan["scratch"])
        self.lock = threading.Lock()

    def tell(self, *records: dict[str, Any]) -> None:
        """Print records, those of one file together."""
        text = "".join(json.dumps(record) + "\n" for record in records)
        with self.lock:
            sys.stdout.write(text)
            sys.stdout.flush()

    def run(self) -> int:
        known = known_tests()
        unknown = [name for name in self.plan["tests"] if not choose(known, [name])]
        if unknown:
            self.tell({"unknown": unknown, "known": known})
            return 2
        names = choose(known, self.plan["tests"]) if self.plan["tests"] else known
        version = ".".join(map(str, sys.version_info[:3])) + release_suffix()
        user = os.getuid() if hasattr(os, "getuid") else -1
        self.tell({"suite": {"files": len(names), "version": version, "user": user}})
        with ThreadPoolExecutor(self.plan["jobs"]) as pool:
            for future in [pool.submit(self.run_file, index, name) for index, name in enumerate(names)]:
                future.result()
        self.tell({"done": True})
        return 0

    def run_file(self, index: int, name: str) -> None:
        place = self.scratch / str(index)  # short: paths of Unix sockets are made below it
        place.mkdir()
        started = time.monotonic()
        status, killed = self.run_process(name, place)
        seconds = time.monotonic() - started
        output = (place / "output").read_text(encoding="utf-8", errors="replace")
        cases, unfinished = read_records(place / "records")
        self.tell(
            *cases,
            {
                "file": name,
                "status": status,
                "seconds": round(seconds, 3),
                "timeout": killed or (status != 0 and seconds >= self.plan["timeout"]),
                "unfinished": unfinished,
                "skipped": skip_reason(name, output),
                "output": output[-TAIL:],
            },
        )
        shutil.rmtree(place, ignore_errors=True)

    def run_process(self, name: str, place: Path) -> tuple[int, bool]:
        """Run one file; return its status and whether it had to be killed. What it leaves running ends with it."""
        (place / "tmp").mkdir()
        command = [
            sys.executable, "-u", "-c", _RECORDER.format(place=os.path.dirname(os.path.abspath(__file__))),  # noqa: PTH100, PTH120
            str(place / "records"), name, "--timeout", str(self.plan["timeout"]), "--randseed", str(self.plan["seed"]),
            "--fail-env-changed", "-u", self.plan["resources"],
        ]  # fmt: skip
        environment = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(place / "tmp"))}
        with (place / "output").open("wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                       cwd=place / "tmp", env=environment, start_new_session=True)  # fmt: skip
            killed = False
            try:
                status = process.wait(self.plan["timeout"] + GRACE)
            except subprocess.TimeoutExpired:
                killed = True
                kill_group(process.pid)
                status = process.wait()
            kill_group(process.pid)
        return status, killed


def known_tests() -> list[str]:
    """Return the names of all files that regrtest would run."""
    listed = subprocess.run([sys.executable, "-m", "test", "--list-tests"], stdout=subprocess.PIPE, check=True)
    return listed.stdout.decode().split()  # names alone; lines end differently on Windows


def choose(known: list[str], wanted: list[str]) -> list[str]:
    """Return the known files that are wanted; a package stands for all of its files."""
    plain = {name.removeprefix("test.") for name in wanted}
    return [name for name in known if any(f"{name.removeprefix('test.')}.".startswith(f"{part}.") for part in plain)]


def release_suffix() -> str:
    level = {"alpha": "a", "beta": "b", "candidate": "rc", "final": ""}[sys.version_info.releaselevel]
    return f"{level}{sys.version_info.serial}" if level else ""


def read_records(path: Path) -> tuple[list[dict[str, Any]], str]:
    """Return the cases that recorder.py wrote, and the one that never ended ("" if there is none)."""
    cases, current = [], ""
    for line in path.read_text(encoding="utf-8").split("\n") if path.exists() else []:
        try:
            record = json.loads(line)
        except ValueError:
            continue  # the last line of a process that was killed while it wrote
        if "start" in record:
            current = record["start"]
        else:
            cases.append(record)
            current = "" if record["case"] == current else current
    return cases, current


def skip_reason(name: str, output: str) -> str:
    """Return why regrtest passed over a whole file, "" if it did not; only its output tells."""
    for line in output.split("\n"):
        if line.startswith(f"{name} skipped -- "):
            return line.removeprefix(f"{name} skipped -- ").strip()
    return ""


def kill_group(leader: int) -> None:
    """End a process and what it has started; on Windows as far as their parents are still there."""
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(leader)], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)  # fmt: skip
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(Driver(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))).run())
