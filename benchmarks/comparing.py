"""What interpreter.py and startup.py have in common: arguments, rooms, turns, and where the result goes."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.machine import this_machine
from benchmarks.page_cache import read_again
from benchmarks.peers import REPOSITORY, Peer, Rooms, rooms, unique_names
from benchmarks.plot import as_svg
from benchmarks.report import Interpreter, Run, as_json, as_text
from benchmarks.turns import Job, take_turns
from pythonbuild.errors import BuildError, UsageError

#: Returns the jobs, and the reasons for those that there are not.
MakeJobs = Callable[[Sequence[Peer], Rooms], tuple[Sequence[Job], dict[str, str]]]


def note(text: str) -> None:
    """Tell how far it is."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def parser(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """Return a parser of what every comparison takes."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("interpreters", nargs="+", metavar="INTERPRETER", help="the base, then what is compared with it")
    made.add_argument("--rounds", type=int, default=rounds, help="turns of each interpreter at each job [%(default)s]")
    made.add_argument("--cache-dir", type=Path, default=REPOSITORY / "build", help="as of build-linux.py [build]")
    made.add_argument("--json", type=Path, metavar="FILE", help="write every time and figure there")
    made.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw the speeds there")
    return made


def compare(title: str, arguments: argparse.Namespace, make_jobs: MakeJobs) -> int:
    """Do the whole run and return the exit status; a failure is one line."""
    try:
        _check(arguments)
        run = _run(title, arguments, make_jobs)
        print(as_text(run), end="")
        _write(run, arguments)
    except BuildError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Refuse before the first minute what would fail after the last."""
    if len(arguments.interpreters) < 2:
        raise UsageError("one interpreter is compared with nothing", expected="a base and at least one other")
    if arguments.rounds < 1:
        raise UsageError("--rounds", found=arguments.rounds, expected="1 or more")
    for flag, path in (("--json", arguments.json), ("--plot", arguments.plot)):
        if path and not path.absolute().parent.is_dir():
            raise UsageError(f"{flag}: no such directory", found=path.parent)


def _run(title: str, arguments: argparse.Namespace, make_jobs: MakeJobs) -> Run:
    machine, started = this_machine(), time.monotonic()
    with rooms(arguments.cache_dir, note) as made:
        peers = [made.peer(argument) for argument in arguments.interpreters]
        jobs, missing = make_jobs(peers, made)
        count = read_again([peer.root for peer in peers] + [mount.source for peer in peers for mount in peer.mounts])
        note(f"{count} files read into memory")
        measured = take_turns(peers, jobs, arguments.rounds, note)
    if not measured.times:
        raise UsageError("nothing was measured", found="; ".join((missing | measured.left_out).values()) or "no jobs")
    names = unique_names([peer.name for peer in peers])
    return Run(
        title=title,
        machine=machine,
        command=shlex.join([f"benchmarks/{Path(sys.argv[0]).name}", *_shown(sys.argv[1:])]),
        seconds=time.monotonic() - started,
        interpreters=tuple(
            Interpreter(names[place], peer.facts.version, peer.facts.compiler, peer.facts.libc)
            for place, peer in enumerate(peers)
        ),
        rounds=arguments.rounds,
        times=measured.times,
        left_out=missing | measured.left_out,
    )


def _shown(words: Sequence[str]) -> list[str]:
    """Return a command's words without this machine's directories, which say nothing to a reader elsewhere."""
    own = [word.startswith("/") and not word.startswith("/usr/") for word in words]
    return [Path(word).name if mine else word for word, mine in zip(words, own, strict=True)]


def _write(run: Run, arguments: argparse.Namespace) -> None:
    if arguments.json:
        arguments.json.write_text(json.dumps(as_json(run), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if arguments.plot:
        for group in run.groups():
            path = arguments.plot.with_stem(f"{arguments.plot.stem}-{group}") if group else arguments.plot
            path.write_text(as_svg(run, group), encoding="utf-8")
