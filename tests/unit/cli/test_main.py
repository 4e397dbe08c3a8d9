from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from pythonbuild.cli import commands
from pythonbuild.cli.arguments import Arguments
from pythonbuild.cli.help import help_text
from pythonbuild.cli.main import answer_early, main
from pythonbuild.cli.options import BY_COMMAND
from pythonbuild.cli.render import Screen
from pythonbuild.engine.events import Note, StepFinished
from pythonbuild.errors import BuildError, ConfigError, StepFailedError, UsageError

REPOSITORY = Path(__file__).parents[3]
Body = Callable[[Screen], int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """Return a function that runs the command line with a body in place of the build."""

    def start(body: Body, *words: str) -> int:
        def replacement(_arguments: Arguments, _repository: Path, screen: Screen) -> int:
            return body(screen)

        monkeypatch.setattr(commands, "RUN", {"": replacement})
        saved = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGHUP)}
        try:
            return main("linux", str(tmp_path), ["--log-format", "plain", *words])
        finally:
            for name, handler in saved.items():
                signal.signal(name, handler)

    return start


def raising(error: BaseException) -> Body:
    def body(_screen: Screen) -> int:
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (BuildError("it broke", found=1, expected=2, advice="mend it"), 1, "it broke: found 1, expected 2; mend it"),
        (ConfigError("file: key"), 2, "file: key"),
        (KeyboardInterrupt(), 130, "interrupted; the same command continues where this one stopped"),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), 1, "no space left while writing /x; free some space"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 1, "/x: Permission denied; check who owns it"),
        (OSError(errno.EMFILE, "Too many open files"), 1, "a file: Too many open files; raise the limit with: ulimit"),
        (BaseExceptionGroup("two", [BuildError("first"), ValueError()]), 1, "first"),
    ],
)
def test_every_failure_is_one_line_and_a_status(
    error: BaseException, status: int, line: str, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(raising(error)) == status
    told = capsys.readouterr().err
    assert told.startswith(f"build-linux.py: {line}")
    assert told.count("\n") == 1


def test_an_unexpected_exception_is_kept_in_a_file(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(raising(ZeroDivisionError("oops\nmore"))) == 1
    (kept,) = (tmp_path / "build/logs").iterdir()
    assert capsys.readouterr().err == (
        f"build-linux.py: internal error: ZeroDivisionError: oops; the traceback is in {kept}\n"
    )
    assert "Traceback" in kept.read_text()


def test_the_logs_may_be_unwritable(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "build").write_text("in the way")
    assert run(raising(ValueError("x"))) == 1
    assert "internal error: ValueError: x; the traceback is in " in capsys.readouterr().err


def test_sigterm_ends_as_ctrl_c_does(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    def body(_screen: Screen) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("not reached")

    assert run(body) == 143
    assert capsys.readouterr().err.startswith("build-linux.py: ended by SIGTERM; the same command continues")


def test_a_failed_step_is_told_once(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    error = StepFailedError("zlib", "exit status 2", tail=["last line"], log=Path("/log"), reenter="shell zlib")

    def body(screen: Screen) -> int:
        screen(StepFinished("zlib", "failed", 1.0, tail=("last line",), log=Path("/log"), reenter="shell zlib"))
        raise error

    assert run(body) == 1
    output = capsys.readouterr()
    assert output.err == "build-linux.py: step zlib failed: exit status 2; see /log\n"
    assert output.out.count("last line") == 1
    assert run(raising(error)) == 1
    output = capsys.readouterr()
    assert "  | last line\n  re-enter: shell zlib\n" in output.err


def test_json_ends_with_the_error(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raising(UsageError("no such Python")), "--log-format", "json") == 2
    output = capsys.readouterr()
    document = json.loads(output.out.splitlines()[-1])
    assert (document["event"], document["reason"], document["exit_code"]) == ("Error", "usage", 2)
    assert output.err == "build-linux.py: no such Python\n"


def test_early_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer_early("linux", str(REPOSITORY), ["--help"]) == 0
    assert "usage: ./build-linux.py" in capsys.readouterr().out
    assert answer_early("windows", str(REPOSITORY), ["--version"]) == 0
    assert capsys.readouterr().out.startswith("build-windows.py 0.")
    assert answer_early("linux", str(REPOSITORY), ["--ofline"]) == 2
    assert capsys.readouterr().err == "build-linux.py: unknown flag --ofline; did you mean --offline?\n"
    assert answer_early("linux", str(REPOSITORY), []) is None


def test_what_windows_has_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["toolchain", "list"], ["relink", "a.tar.zst"]):
        assert answer_early("windows", str(REPOSITORY), words) == 2
        assert capsys.readouterr().err == (
            f"build-windows.py: {words[0]}: is not there for this system; docs/building-windows.rst tells why\n"
        )
    assert answer_early("macos", str(REPOSITORY), ["relink", "a.tar.zst"]) is None
    assert answer_early("linux", str(REPOSITORY), ["verify-reproducible"]) is None


def test_steps_of_linux_are_isolated(capsys: pytest.CaptureFixture[str]) -> None:
    native = ["--environment", "native"]
    for words in ([], ["relink", "a.tar.zst"], ["verify-reproducible"]):
        assert answer_early("linux", str(REPOSITORY), [*words, *native]) == 2
        assert capsys.readouterr().err == (
            "build-linux.py: --environment: native is for test-distribution and validate alone on Linux: expected"
            " docker or sandbox\n"
        )
    for platform in ("linux", "macos", "windows"):
        for name in ("test-distribution", "validate"):
            assert answer_early(platform, str(REPOSITORY), [name, "a.tar.zst", *native]) is None


def test_a_code_page_that_lacks_a_character(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the environment is made, Windows' Python writes what the system's code page has."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii", newline="\n"))
    assert answer_early("linux", str(REPOSITORY), ["--help"]) == 0
    text = help_text(BY_COMMAND[""], "build-linux.py")
    with pytest.raises(UnicodeEncodeError):
        text.encode("ascii")
    assert written.getvalue() == text.encode("ascii", "replace")


@pytest.mark.skipif(sys.platform == "darwin", reason="this is a Mac")
def test_macos_is_built_for_on_macos(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        [],
        ["--dry-run"],
        ["why", "zlib"],
        ["--target-triple", "x86_64-apple-darwin"],
        ["toolchain", "list"],
    ):
        assert answer_early("macos", str(REPOSITORY), words) == 2
        assert capsys.readouterr().err == (
            "build-macos.py: macOS is built for on macOS: found Linux; `build-macos.py cross-check` compiles what can"
            " be compiled here\n"
        )
    assert answer_early("macos", str(REPOSITORY), ["cross-check"]) is None
    assert answer_early("windows", str(REPOSITORY), ["doctor"]) is None
    assert answer_early("windows", str(REPOSITORY), []) is None


def test_heavy_packages_are_not_imported_for_nothing() -> None:
    code = "import sys; from pythonbuild.cli import commands, main; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    loaded = set(ended.stdout.split())
    assert not loaded & {"rich", "requests", "docker", "jinja2", "yaml", "zstandard", "elftools", "subprocess"}


# What only a real process shows

LONG = """\
import sys, time
sys.path.insert(0, {repository!r})
from pathlib import Path
from pythonbuild.cli import commands
from pythonbuild.cli.main import main
from pythonbuild.engine.events import Note
import threading

def body(arguments, repository, screen):
    def work():
        for number in range(2000):
            screen(Note(f"line {{number}}"))
            time.sleep(0.005)
    worker = threading.Thread(target=work, daemon=True)
    try:
        worker.start()
        worker.join()
    except KeyboardInterrupt:
        Path({mark!r}).write_text("cleaned up")
        raise
    return 0

commands.RUN = {{"": body}}
sys.exit(main("linux", {home!r}, sys.argv[1:]))
"""


@pytest.fixture
def long_build(tmp_path: Path) -> list[str]:
    script = tmp_path / "long.py"
    script.write_text(LONG.format(repository=str(REPOSITORY), mark=str(tmp_path / "mark"), home=str(tmp_path)))
    return [sys.executable, str(script), "--log-format=plain"]


def test_a_reader_that_goes_away_ends_the_build_quietly(long_build: list[str], tmp_path: Path) -> None:
    build = subprocess.Popen(long_build, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert build.stdout is not None
    assert build.stderr is not None
    assert build.stdout.readline() == b"  0:00  note      line 0\n"
    build.stdout.close()
    assert build.wait(timeout=20) == 141
    assert build.stderr.read() == b""
    assert (tmp_path / "mark").read_text() == "cleaned up"
    build.stderr.close()


def test_a_full_disk_under_the_output_is_told(long_build: list[str], tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(long_build, stdout=full, stderr=subprocess.PIPE, text=True, timeout=20, check=False)
    assert ended.returncode == 1
    assert ended.stderr == f"build-linux.py: the output cannot be written: {os.strerror(errno.ENOSPC)}\n"
    assert (tmp_path / "mark").read_text() == "cleaned up"


def test_ctrl_c(long_build: list[str], tmp_path: Path) -> None:
    # A shell lets what it runs in the background ignore the signal, these tests too.
    build = subprocess.Popen(long_build, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # fmt: skip
    assert build.stdout is not None
    for _ in range(10):
        build.stdout.readline()
    build.send_signal(signal.SIGINT)
    _, told = build.communicate(timeout=20)
    assert build.returncode == 130
    assert told == textwrap.dedent("""\
        build-linux.py: interrupted; the same command continues where this one stopped
        """)
    assert (tmp_path / "mark").read_text() == "cleaned up"


def test_dry_run_and_answers_leave_stdout_to_the_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def body(_arguments: Arguments, _repository: Path, screen: Screen) -> int:
        screen(Note("on the way"))
        screen.answer(["the answer"], documents=[{"event": "Why"}])
        return 0

    monkeypatch.setattr(commands, "RUN", {"why": body, "": body})
    for words in (["why", "x"], ["--dry-run"]):
        assert main("linux", str(tmp_path), words) == 0
        output = capsys.readouterr()
        assert output.out == "the answer\n"
        assert "on the way" in output.err
    assert main("linux", str(tmp_path), ["why", "x", "--log-format=json"]) == 0
    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == ["Note", "Why"]
