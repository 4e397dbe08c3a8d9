from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild import host
from pythonbuild.engine import executor
from pythonbuild.engine.collect import gc
from pythonbuild.engine.events import BuildStarted, Note, StepFinished, StepLine, StepProgress, StepStarted
from pythonbuild.engine.executor import available_memory, dry_run, expected_seconds, why
from pythonbuild.engine.keys import step_inputs
from pythonbuild.engine.model import CallAction, CallContext, InputFile, PinnedFile, Plan, RecipeAction, Step
from pythonbuild.engine.store import Store
from pythonbuild.errors import (
    PlanError,
    StepFailedError,
    StoreError,
    UsageError,
)
from tests.unit.engine.fakes import (
    ROOT,
    Builder,
    FakeEnvironment,
    leftovers,
    library,
    plan_of,
    recipe,
    slow_plan,
    start_builder,
    wait_for,
)


def content(builder: Builder, step: str, path: str, into: Path) -> str:
    with Store(builder.cache) as store:
        store.materialise(builder.digest(step), into)
    return (into / path).read_text()


def test_builds_once_and_hands_results_on(builder: Builder, tmp_path: Path) -> None:
    plan = plan_of(library("zlib"), library("xz"), library("sqlite", "zlib", "xz"), library("unused"), goals=["sqlite"])
    assert builder.build(plan) == dict.fromkeys(("root", "zlib", "xz", "sqlite"), "built")
    assert content(builder, "sqlite", "tools/deps/sqlite", tmp_path / "x") == "sqlite\nzlib\nxz\n"
    assert leftovers(builder) == []
    started = next(event for event in builder.events if isinstance(event, BuildStarted))
    assert started.expected == dict.fromkeys(("root", "zlib", "xz", "sqlite"))
    builder.build(plan)
    assert set(builder.statuses().values()) == {"cached"}
    assert not builder.environment.commands
    started = next(event for event in builder.events if isinstance(event, BuildStarted))
    assert all(seconds is not None for seconds in started.expected.values())


def test_a_recipe_sees_its_inputs_and_nothing_else(builder: Builder, tmp_path: Path) -> None:
    (tmp_path / "build.sh").write_text("content\n")
    (tmp_path / "archive").write_text("source\n")
    script = "cat /recipe/dir/build.sh /sources/a.tar /root/etc/name /tools/deps/zlib; env | sort; ls -A /build /out"
    step = recipe(
        "sqlite", script, ["zlib"], parameters={"CFLAGS": "-O2"},
        files=[InputFile("dir/build.sh", tmp_path / "build.sh")],
        sources=[PinnedFile("a.tar", "0" * 64, lambda: tmp_path / "archive")],
    )  # fmt: skip
    builder.build(plan_of(library("zlib"), step))
    lines = [event.line for event in builder.events if isinstance(event, StepLine) and event.step == "sqlite"]
    assert lines[:4] == ["content", "source", "root", "zlib"]
    variables = {line.partition("=")[0] for line in lines if "=" in line}
    told = {"OUT", "STEP_BUILD", "STEP_RECIPE", "STEP_SOURCES", "STEP_TOOLS"}
    assert variables - {"_", "PWD", "OLDPWD"} == {"CFLAGS", "MAKEFLAGS", "PATH", *told}  # PATH is the fake's
    assert "MAKEFLAGS=-j2 --jobserver-auth=fifo:/build/.jobserver" in lines
    assert ".jobserver" in lines
    command = builder.environment.commands[-1]
    assert {mount.target: mount.writable for mount in command.mounts} == {
        "/build": True, "/out": True, "/tools": False, "/recipe": False, "/sources": False,
    }  # fmt: skip
    assert command.root
    assert (command.root.name, command.root_digest, command.label) == (builder.digest("root"),) * 2 + ("sqlite",)
    log = builder.finished("sqlite").log
    assert log
    assert log.read_text().splitlines() == lines


def test_a_step_without_a_root_is_told_where_things_lie(
    builder: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``native``: no mounts, the variables hold real paths, and ``${STEP_TOOLS}`` is filled in with one of them."""
    monkeypatch.setattr(FakeEnvironment, "fixed_paths", False)
    (tmp_path / "build.sh").write_text('cat "$STEP_TOOLS/deps/zlib"; echo "$FLAGS"; echo made > "$OUT/made"\n')
    zlib = Step(
        "zlib", RecipeAction(("sh", "-c", "mkdir -p $OUT/tools/deps; echo zlib > $OUT/tools/deps/zlib"), root="")
    )
    step = Step(
        "sqlite", RecipeAction(("sh", "-eu", "${STEP_RECIPE}/build.sh"), root=""), needs=("zlib",),
        files=(InputFile("build.sh", tmp_path / "build.sh"),), parameters={"FLAGS": "-L${STEP_TOOLS}/lib $HOME"},
    )  # fmt: skip
    builder.build(Plan((zlib, step), goals=("sqlite",)))
    command = builder.environment.commands[-1]
    assert (command.mounts, command.root, command.root_digest) == ((), None, "")
    assert Path(command.cwd).name == "build"
    lines = [event.line for event in builder.events if isinstance(event, StepLine) and event.step == "sqlite"]
    assert lines == ["zlib", f"-L{command.env['STEP_TOOLS']}/lib $HOME"]
    assert Path(command.env["STEP_TOOLS"]).is_absolute()
    assert str(tmp_path) not in json.dumps(step_inputs(step, {}))
    assert "root" not in step_inputs(step, {})["action"]


def test_the_make_of_the_machine_is_given_a_share_of_the_jobs(
    builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeEnvironment, "fixed_paths", False)
    step = Step("one", RecipeAction(("sh", "-c", 'echo "$MAKEFLAGS $JOBS"; ls -A'), root=""))
    builder.build(Plan((step,), goals=("one",)), jobs=3)
    assert [event.line for event in builder.events if isinstance(event, StepLine)] == ["-j3 3"]


def test_early_cutoff(builder: Builder) -> None:
    builder.build(plan_of(library("zlib"), library("sqlite", "zlib")))
    changed = library("zlib", before="echo a harmless change")
    assert builder.build(plan_of(changed, library("sqlite", "zlib"))) == {
        "root": "cached", "zlib": "built", "sqlite": "cached",
    }  # fmt: skip
    changed = library("zlib", before="mkdir -p /out/tools; echo other > /out/tools/new")
    assert builder.build(plan_of(changed, library("sqlite", "zlib")))["sqlite"] == "built"


def test_the_longest_path_goes_first(builder: Builder) -> None:
    def step(name: str, weight: float, *needs: str) -> Step:
        return replace(library(name, *needs), weight=weight)

    plan = plan_of(step("short", 5), step("long", 2), step("after-long", 9, "long"), step("tiny", 1),
                   goals=["short", "after-long", "tiny"])  # fmt: skip
    builder.build(plan, jobs=1)
    order = [event.step for event in builder.events if isinstance(event, StepStarted)]
    assert order == ["root", "long", "after-long", "short", "tiny"]


def test_big_steps_do_not_run_together(builder: Builder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(executor, "available_memory", lambda: 1000.0)
    script = f"mkdir {tmp_path}/only; sleep 0.1; rmdir {tmp_path}/only"
    steps = [recipe(name, script, memory=memory) for name, memory in (("a", 600), ("b", 600), ("c", 5000))]
    builder.build(plan_of(*steps, goals=["a", "b", "c"]), jobs=4)
    assert set(builder.statuses().values()) == {"built"}


def test_available_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = tmp_path / "nothing"
    (tmp_path / "meminfo").write_text("MemTotal: 4096 kB\nMemAvailable:    2048 kB\n")
    assert available_memory(tmp_path / "meminfo", nothing) == 2.0
    for total, expected in ((2**22, 4.0), (None, float("inf"))):
        monkeypatch.setattr(host, "total_memory", lambda total=total: total)
        assert available_memory(nothing, nothing) == expected
    (tmp_path / "memory.current").write_text("1048576\n")
    for limit, expected in (("max\n", 2.0), ("2097152\n", 1.0)):
        (tmp_path / "memory.max").write_text(limit)
        assert available_memory(tmp_path / "meminfo", tmp_path) == expected


def test_calls(builder: Builder, tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("source")

    def assemble(context: CallContext) -> None:
        text = (context.tree("zlib") / "tools/deps/zlib").read_text() + context.source("a").read_text()
        assert (context.step, context.jobs, context.environment.name) == ("assemble", 2, "fake")
        assert not list(context.work.iterdir())
        context.log(context.digest("zlib"))
        (context.out / "result").write_text(text)

    step = Step("assemble", CallAction(assemble), ("zlib",),
                sources=(PinnedFile("a", "0" * 64, lambda: tmp_path / "archive"),))  # fmt: skip
    builder.build(plan_of(library("zlib"), step))
    assert content(builder, "assemble", "result", tmp_path / "x") == "zlib\nsource"
    assert StepLine("assemble", builder.digest("zlib")) in builder.events


def test_a_call_sees_only_what_it_declares(builder: Builder) -> None:
    for read in ("tree", "digest", "source"):
        step = Step(f"reads-{read}", CallAction(lambda context, read=read: getattr(context, read)("zlib")))  # type: ignore[misc]
        with pytest.raises(PlanError, match=f"step reads-{read} reads .*zlib"):
            builder.build(plan_of(library("zlib"), step, goals=["zlib", step.name]))
    assert leftovers(builder) == []


def test_debug_shell(builder: Builder) -> None:
    plan = plan_of(library("zlib"), library("sqlite", "zlib"))
    builder.build(plan)
    builder.build(plan, debug_shell="zlib")
    (shell,) = builder.environment.shells
    assert (shell.argv, shell.label, shell.cwd) == (("bash", "-i"), "zlib", "/build")
    assert builder.statuses()["zlib"] == "built", "who wants to look into a step wants it to run"
    with pytest.raises(StepFailedError):
        builder.build(plan_of(recipe("bad", "exit 1")), debug_shell="bad")
    assert len(builder.environment.shells) == 2
    with pytest.raises(UsageError, match=r"--debug-shell: .* found root, expected one of zlib, sqlite"):
        builder.build(plan, debug_shell="root")


def damage(builder: Builder, text: str) -> None:
    """Write over every file of the store with that content."""
    for path in (builder.cache / "store/blobs").glob("*/*"):
        if path.read_text() == text:
            path.chmod(0o644)
            path.write_text("damaged\n")
            path.chmod(0o444)


@pytest.mark.parametrize("target", ["zlib\n", "root\n", "sqlite\nzlib\n"])
def test_a_damaged_entry_is_rebuilt_by_the_build_that_reads_it(
    builder: Builder, tmp_path: Path, target: str
) -> None:  # fmt: skip
    builder.build(plan_of(library("zlib"), library("sqlite", "zlib")))
    digest = builder.digest("sqlite")
    damage(builder, target)
    plan = plan_of(library("zlib"), library("sqlite", "zlib"), library("new", "zlib"), goals=["sqlite", "new"])
    builder.build(plan)
    assert builder.statuses()[target.split(maxsplit=1)[0]] == "built"
    assert builder.statuses()["new"] == "built"
    assert builder.digest("sqlite") == digest
    assert content(builder, "sqlite", "tools/deps/sqlite", tmp_path / "x") == "sqlite\nzlib\n"
    assert list((builder.cache / "store/corrupt").iterdir())
    assert any(isinstance(event, Note) and event.level == "warning" for event in builder.events)
    finished = [event.step for event in builder.events if isinstance(event, StepFinished) and event.status == "cached"]
    assert len(finished) == len(set(finished)), "nothing is told twice"


def test_a_store_that_damages_everything_ends_the_build(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "_sound", lambda *_: False)
    with pytest.raises(StoreError, match="damaged or missing"):
        builder.build(plan_of(library("zlib")))


def test_dry_run_and_why(builder: Builder, tmp_path: Path) -> None:
    script = tmp_path / "build.sh"
    script.write_text("one")

    def plan(flags: str = "-O2") -> Plan:
        zlib = replace(library("zlib"), files=(InputFile("build.sh", script),), parameters={"CFLAGS": flags})
        return plan_of(zlib, library("sqlite", "zlib"), library("new", "sqlite"), goals=["sqlite"])

    with Store(builder.cache) as store:
        assert [row.state for row in dry_run(plan(), store)] == ["to build", *["depends on others"] * 3]
        assert why(plan(), store, "zlib") == ["zlib has never been built here"]
        assert expected_seconds(store, "zlib") is None
    builder.build(plan())
    with Store(builder.cache) as store:
        rows = {row.step: row for row in dry_run(plan(), store)}
        assert [row.state for row in rows.values()] == ["cached", "cached", "cached", "to build"]
        assert rows["zlib"].expected == expected_seconds(store, "zlib") is not None
        assert rows["new"].expected is None
        (line,) = why(plan(), store, "zlib")
        assert line.startswith("zlib is cached: built on ")
        script.write_text("two")
        rows = {row.step: row for row in dry_run(plan("-O3"), store)}
        assert [row.state for row in rows.values()] == ["cached", "to build", *["depends on others"] * 2]
        assert rows["sqlite"].key is None
        assert why(plan("-O3"), store, "sqlite") == [
            "sqlite: need zlib has to be built first; its result may change",
            "zlib: file build.sh changed from 7692c3ad3540 to 3fc4ccfe7458",
            "zlib: parameter CFLAGS changed from '-O2' to '-O3'",
        ]
        script.write_text("one")
        gc(store, 0)
        (line,) = why(plan(), store, "root")
        assert "no input has changed, but its result" in line
        with pytest.raises(PlanError, match="gone is not a step"):
            why(plan(), store, "gone")


def test_thirty_cached_steps_take_no_time(builder: Builder) -> None:
    names = [f"step{number}" for number in range(29)]
    steps = [recipe(name, "touch /out/x", names[max(0, number - 3) : number]) for number, name in enumerate(names)]
    builder.build(plan_of(*steps), jobs=4)
    times = []
    for _ in range(5):  # the best of them: the machine may have other work
        started = time.monotonic()
        builder.build(plan_of(*steps))
        times.append(time.monotonic() - started)
    assert min(times) < 0.1
    assert set(builder.statuses().values()) == {"cached"}


def test_an_interrupt_ends_every_step_and_leaves_nothing(builder: Builder, tmp_path: Path) -> None:
    process = start_builder(builder.cache, tmp_path / "started")
    wait_for((tmp_path / "started").exists)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert leftovers(builder) == []
    (tmp_path / "started.go").touch()
    assert builder.build(slow_plan(tmp_path / "started")) == {
        "root": "cached", "first": "cached", "second": "built", "third": "built",
    }  # fmt: skip


def test_a_killed_build_continues(builder: Builder, tmp_path: Path) -> None:
    process = start_builder(builder.cache, tmp_path / "started")
    wait_for((tmp_path / "started").exists)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert leftovers(builder)
    (tmp_path / "started.go").touch()
    assert builder.build(slow_plan(tmp_path / "started")) == {
        "root": "cached", "first": "cached", "second": "built", "third": "built",
    }  # fmt: skip
    with Store(builder.cache) as store:
        gc(store, 2**40)
    assert leftovers(builder) == []


RESUMABLE = """
so_far=0; [ ! -e /resume/count ] || read so_far < /resume/count
echo $((so_far + 1)) > /resume/count
[ $so_far -gt 1 ] || exit 7
cp /resume/count /out/count
"""


def test_a_resumable_step_goes_on_from_what_it_left(builder: Builder, tmp_path: Path) -> None:
    step = replace(recipe("gcc", RESUMABLE), resumable=True)
    for left in ("1", "2"):
        with pytest.raises(StepFailedError):
            builder.build(plan_of(step))
        (found,) = builder.cache.glob("resume/*/count")
        assert found.read_text().strip() == left
    # Another key has nothing to do with it.
    with pytest.raises(StepFailedError):
        builder.build(plan_of(replace(step, parameters={"CFLAGS": "-O3"})))
    assert sorted(path.read_text().strip() for path in builder.cache.glob("resume/*/count")) == ["1", "2"]
    builder.build(plan_of(step))
    assert content(builder, "gcc", "count", tmp_path / "x").strip() == "3"
    assert [path.read_text().strip() for path in builder.cache.glob("resume/*/count")] == ["1"]


def test_what_nobody_goes_on_with_is_collected_after_a_week(builder: Builder) -> None:
    step = replace(recipe("gcc", "touch /resume/half; exit 1"), resumable=True)
    with pytest.raises(StepFailedError):
        builder.build(plan_of(step))
    with Store(builder.cache) as store:
        gc(store, 10**9)
        assert list(builder.cache.glob("resume/*/half"))
        (used,) = builder.cache.glob("resume/*.used")
        os.utime(used, (time.time() - 8 * 86400,) * 2)
        gc(store, 10**9)
    assert list((builder.cache / "resume").iterdir()) == []


def test_progress_of_a_step_is_told_by_percent(builder: Builder) -> None:
    builder.build(plan_of(recipe("llvm", "for n in 1 2 3; do echo \"[$n/300] Building $n\"; done; echo '[300/300] x'")))
    told = [(event.done, event.total) for event in builder.events if isinstance(event, StepProgress)]
    assert told == [(1, 300), (3, 300), (300, 300)]


def test_two_processes_share_the_work(builder: Builder, tmp_path: Path) -> None:
    first = start_builder(builder.cache, tmp_path / "started")
    wait_for((tmp_path / "started").exists)
    (tmp_path / "started").unlink()
    second = start_builder(builder.cache, tmp_path / "started")
    time.sleep(0.5)
    assert not (tmp_path / "started").exists(), "the second waits for the first's result"
    (tmp_path / "started.go").touch()
    one, _ = first.communicate(timeout=20)
    two, _ = second.communicate(timeout=20)
    assert one.split()[:4] == ["root=built", "first=built", "second=built", "third=built"]
    assert two.split()[:3] == ["root=cached", "first=cached", "second=cached"]
    assert one.split()[4] == two.split()[4]
    assert leftovers(builder) == []


def test_killed_at_many_moments(builder: Builder, tmp_path: Path) -> None:
    """Whatever the moment of a kill, the next build ends with the same digest and without cleaning by hand."""
    (tmp_path / "started.go").touch()
    reference = Builder(tmp_path / "reference")
    reference.build(slow_plan(tmp_path / "started"))
    for delay in (0.12, 0.14, 0.16, 0.18, 0.2, 0.22):
        process = start_builder(builder.cache, tmp_path / "started")
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    builder.build(slow_plan(tmp_path / "started"))
    assert builder.digest("third") == reference.digest("third")


def test_root_alone(builder: Builder) -> None:
    assert builder.build(Plan((ROOT,), ("root",))) == {"root": "built"}
