"""The commands: each a function from arguments to an exit status. What they call is imported when they run."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pythonbuild.cli.arguments import Arguments
from pythonbuild.cli.render import Screen, choose_format
from pythonbuild.cli.requests import cache_directory, make_request, split_names

if TYPE_CHECKING:
    from pythonbuild.build import PlanRow
    from pythonbuild.distribution.signing import Signer


def make_screen(arguments: Arguments) -> Screen:
    """Return the screen for a command. Only a build shows its events on stdout; elsewhere that is for the answer."""
    wanted = arguments["log_format"] if "log_format" in arguments.values else "plain"
    builds = not arguments.command.name and not arguments["dry_run"]
    stream = sys.stdout if builds else sys.stderr
    log_format = choose_format(wanted, os.environ, stream.isatty())
    if log_format == "board" and (not builds or arguments["debug_shell"]):
        log_format = "plain"  # nothing to watch, or a shell that needs the terminal for itself
    return Screen(log_format, stream, sys.stdout)


def run_build(arguments: Arguments, repository: Path, screen: Screen) -> int:
    request = make_request(arguments, repository)
    if arguments["dry_run"]:
        from pythonbuild.build import dry_run

        rows = dry_run(request, screen)
        documents = [{"event": "PlanRow", **dataclasses.asdict(row)} for row in rows]
        screen.answer(plan_table(rows), documents=documents)
        return 0
    from pythonbuild.build import build

    build(request, screen)
    return 0


def plan_table(rows: Sequence[PlanRow]) -> list[str]:
    """Return the plan as a table, with a line that sums it up."""
    from collections import Counter

    from pythonbuild.cli.render.text import columns, duration

    table = [("step", "status", "expected", "key")]
    table += [(row.step, row.status, _expected(row), row.key[:12]) for row in rows]
    counts = Counter(row.status for row in rows)
    known = [row.expected_seconds for row in rows if row.status != "cached" and row.expected_seconds is not None]
    total = f"; about {duration(sum(known))} one after another" if known else ""
    summed = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    return [*columns(table, right=(2,)), f"{len(rows)} steps: {summed}{total}"]


def _expected(row: PlanRow) -> str:
    from pythonbuild.cli.render.text import duration

    if row.status == "cached" or row.expected_seconds is None:
        return ""
    return duration(row.expected_seconds)


def run_why(arguments: Arguments, repository: Path, screen: Screen) -> int:
    from pythonbuild.build import why

    lines = why(make_request(arguments, repository), arguments.argument, screen)
    screen.answer(lines, documents=[{"event": "Why", "step": arguments.argument, "lines": list(lines)}])
    return 0


def run_gc(arguments: Arguments, repository: Path, screen: Screen) -> int:
    from pythonbuild.build import collect_garbage
    from pythonbuild.virtualenv import remove_stale_environments

    removed = remove_stale_environments(str(cache_directory(arguments, repository)))
    lines = [f"removed virtual environment {name}" for name in removed]
    screen.answer([*lines, *collect_garbage(make_request(arguments, repository), arguments["max_size"])])
    return 0


def run_doctor(arguments: Arguments, repository: Path, screen: Screen) -> int:
    from pythonbuild.cli.doctor import examine, report

    cache = cache_directory(arguments, repository)
    findings = examine(cache, arguments["environment"], arguments.platform, repository)
    screen.answer(report(findings))
    return 1 if any(finding.status == "missing" for finding in findings) else 0


def run_inspect(arguments: Arguments, _repository: Path, screen: Screen) -> int:
    import json

    from pythonbuild.distribution.inspect import inspect_archive

    inspection = inspect_archive(Path(arguments.argument))
    screen.answer([json.dumps(inspection.as_json(), indent=2)] if arguments["json"] else inspection.lines())
    return 0


def run_validate(arguments: Arguments, repository: Path, screen: Screen) -> int:
    import json

    from pythonbuild.validating import validate_archives

    told = screen.answer if not arguments["json"] and screen.log_format != "json" else _nothing
    done = validate_archives(make_request(arguments, repository), [Path(word) for word in arguments.words],
                             arguments["skip"], screen, lambda line: told([line]))  # fmt: skip
    ok = all(validation.report.ok for validation in done)
    document = {"ok": ok, "archives": [validation.as_json() for validation in done]}
    if arguments["json"]:
        screen.answer([json.dumps(document, indent=2)])
    elif screen.log_format == "json":
        screen.answer([], documents=[{"event": "Validation", **document}])
    return 0 if ok else 1


def _nothing(_lines: Sequence[str]) -> None: ...


def run_convert(arguments: Arguments, repository: Path, screen: Screen) -> int:
    import json

    from pythonbuild.distribution.convert import convert

    request = make_request(arguments, repository)
    packed = convert(Path(arguments.argument), request.python_json, request.output, threads=request.jobs)
    document = {"archive": str(packed.path), "size": packed.size, "sha256": packed.sha256, "members": packed.members}
    line = f"{packed.path}  {packed.size} bytes, sha256 {packed.sha256}"
    screen.answer([json.dumps(document, indent=2) if arguments["json"] else line])
    return 0


def run_universal2(arguments: Arguments, repository: Path, screen: Screen) -> int:
    import json

    from pythonbuild.distribution.universal import unite

    request = make_request(arguments, repository)
    packed, united = unite([Path(word) for word in arguments.words], request.output, threads=request.jobs)
    document = {"archive": str(packed.path), "size": packed.size, "sha256": packed.sha256, "joined": united.joined,
                "asking": united.asking, "commented": united.commented, "left_out": united.left_out}  # fmt: skip
    line = f"{packed.path}  {packed.size} bytes, sha256 {packed.sha256}, {len(united.joined)} files for both processors"
    screen.answer([json.dumps(document, indent=2) if arguments["json"] else line])
    return 0


def run_publish(arguments: Arguments, repository: Path, screen: Screen) -> int:
    import json

    from pythonbuild.distribution.publish import find_archives, publish

    directory, *named = map(Path, arguments.words)
    signers = _signers(arguments, repository)
    archives = named or find_archives(arguments["output"] or repository / "dist")
    published = publish(archives, directory, (arguments["base_url"] or "").rstrip("/"), signers)
    screen.answer([json.dumps(published.as_json(), indent=2)] if arguments["json"] else published.lines())
    return 0


def _signers(arguments: Arguments, repository: Path) -> list[Signer]:
    from pythonbuild.distribution.signing import SigstoreSigner, SshSigner
    from pythonbuild.errors import UsageError

    signers: list[Signer] = []
    if arguments["sign"]:
        person = sys.stdin.isatty() and sys.stderr.isatty()
        pinned = repository / "requirements" / "signing.txt"
        signers.append(SigstoreSigner(pinned, arguments["trust_config"], interactive=person))
    elif arguments.origin("trust_config").startswith("--"):
        raise UsageError("--trust-config has no meaning without --sign", advice="give both")
    return signers + ([SshSigner(arguments["sign_key"])] if arguments["sign_key"] else [])


def run_test_distribution(arguments: Arguments, repository: Path, screen: Screen) -> int:
    import json

    from pythonbuild.testing import run_test_suite
    from pythonbuild.testsuite import report
    from pythonbuild.testsuite.junit import write_junit
    from pythonbuild.testsuite.running import split_names

    archive, strict = Path(arguments.argument), arguments["strict"]
    outcome = run_test_suite(make_request(arguments, repository), archive, split_names(arguments["tests"] or ""),
                             arguments["against"], screen)  # fmt: skip
    if arguments["junit"]:
        write_junit(outcome.verdict, arguments["junit"])
    document = report.as_json(outcome.verdict, outcome.comparison, strict=strict)
    if arguments["json"]:
        screen.answer([json.dumps(document, indent=2)])
    else:
        lines = report.lines(outcome.verdict, outcome.comparison, strict=strict)
        screen.answer(lines, documents=[{"event": "TestSuite", **document}])
    return 0 if outcome.verdict.ok(strict=strict) else 1


def run_relink(arguments: Arguments, repository: Path, screen: Screen) -> int:
    import json

    from pythonbuild.distribution.relink_choice import Wishes, parse_addition
    from pythonbuild.relinking import relink

    without, only = (split_names(arguments[flag]) for flag in ("without", "only"))
    wishes = Wishes(without, only if arguments["only"] else None, tuple(map(parse_addition, arguments["add"])))
    done = relink(make_request(arguments, repository), Path(arguments.argument), wishes, arguments["cc"] or "", screen)
    screen.answer([json.dumps(done.as_json(), indent=2)] if arguments["json"] else done.lines(),
                  documents=[{"event": "Relinked", **done.as_json()}])  # fmt: skip
    return 0


def run_toolchain(arguments: Arguments, repository: Path, screen: Screen) -> int:
    import json

    from pythonbuild import toolchain_export
    from pythonbuild.cli.render.text import columns
    from pythonbuild.errors import UsageError

    request = make_request(arguments, repository)
    action, *rest = arguments.words
    if action == "list" and not rest:
        rows = toolchain_export.listed(request, screen)
        names = ("name", "root", "origin")
        screen.answer([json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2)]
                      if arguments["json"] else columns([("toolchain", *names[1:]), *rows]))  # fmt: skip
        return 0
    if action == "export" and not rest:
        done = toolchain_export.export(request, screen)
    elif action == "import" and rest:
        done = toolchain_export.take_in(request, rest[0], screen)
    else:
        raise UsageError("toolchain: unknown action", found=" ".join(arguments.words),
                         expected="export, import FILE or list")  # fmt: skip
    screen.answer([json.dumps(done.as_json(), indent=2)] if arguments["json"] else done.lines(),
                  documents=[{"event": "Toolchain", **done.as_json()}])  # fmt: skip
    return 0


def run_cross_check(arguments: Arguments, repository: Path, screen: Screen) -> int:
    import json

    from pythonbuild.cross_build import CROSS_TARGET, cross_check

    request = make_request(arguments, repository)
    request = dataclasses.replace(request, target_triple=arguments["target_triple"] or CROSS_TARGET)
    done = cross_check(request, arguments.words, screen)
    screen.answer([json.dumps(done.as_json(), indent=2)] if arguments["json"] else done.lines,
                  documents=[{"event": "CrossCheck", **done.as_json()}])  # fmt: skip
    return 0


def run_compare(arguments: Arguments, _repository: Path, screen: Screen) -> int:
    import json
    import tempfile

    from pythonbuild.distribution.compare import compare
    from pythonbuild.distribution.diffoscope import look_deeper
    from pythonbuild.errors import UsageError

    first, second = map(Path, arguments.words)
    for path in (first, second):
        if not path.is_file():
            raise UsageError(f"compare: no such file {path}")
    with tempfile.TemporaryDirectory(prefix="compare-") as contents:
        comparison = compare(first, second, Path(contents))
        if arguments["json"]:
            screen.answer([json.dumps(comparison.as_json(), indent=2)])
        else:
            screen.answer([*comparison.lines(), *([] if comparison.identical else look_deeper(Path(contents)))])
    return 0 if comparison.identical else 1


def run_verify_reproducible(arguments: Arguments, repository: Path, screen: Screen) -> int:
    import json

    from pythonbuild.cli.render.text import columns
    from pythonbuild.reproducibility import Wishes, verify

    flags = (
        "python",
        "target_triple",
        "options",
        "toolchain",
        "toolchain_archive",
        "stages",
        "cc",
        "archives",
        "link",
        "without",
        "no_tests",
        "no_tk",
    )
    given = {name for name in flags if arguments.origin(name)}
    wishes = Wishes(make_request(arguments, repository), arguments["against"], arguments["work"], arguments["keep"],
                    given)  # fmt: skip
    done = verify(wishes, screen)
    lines = [*columns(done.rows), *(f"not varied: {remark}" for remark in done.remarks), ""]
    for comparison in done.comparisons:
        lines += comparison.lines()
    lines += [*done.deeper, *([f"kept: {done.kept}"] if done.kept else [])]
    screen.answer([json.dumps(done.as_json(), indent=2)] if arguments["json"] else lines,
                  documents=[{"event": "Reproducibility", **done.as_json()}])  # fmt: skip
    return 0 if done.identical else 1


def run_relock(arguments: Arguments, repository: Path, screen: Screen) -> int:
    from pythonbuild.build import relock

    relock(make_request(arguments, repository), screen, arguments.argument)
    return 0


def run_update(arguments: Arguments, repository: Path, screen: Screen) -> int:
    from pythonbuild.build import update

    lines = update(make_request(arguments, repository), screen)
    screen.answer(lines, documents=[{"event": "Update", "lines": list(lines)}])
    return 0


def run_generate(arguments: Arguments, repository: Path, screen: Screen) -> int:
    from pythonbuild.cli import generated

    if arguments["check"]:
        generated.check(repository)
        return 0
    screen.answer([f"wrote {name}" for name in generated.write(repository)] or ["every document is up to date"])
    return 0


RUN: Mapping[str, Callable[[Arguments, Path, Screen], int]] = {
    "": run_build,
    "why": run_why,
    "gc": run_gc,
    "doctor": run_doctor,
    "inspect": run_inspect,
    "validate": run_validate,
    "convert": run_convert,
    "universal2": run_universal2,
    "publish": run_publish,
    "test-distribution": run_test_distribution,
    "relink": run_relink,
    "toolchain": run_toolchain,
    "cross-check": run_cross_check,
    "compare": run_compare,
    "verify-reproducible": run_verify_reproducible,
    "relock": run_relock,
    "update": run_update,
    "generate": run_generate,
}
