from __future__ import annotations

from pathlib import Path

import pytest

from pythonbuild import bootstrap
from pythonbuild.cli.arguments import parse
from pythonbuild.cli.help import help_text
from pythonbuild.cli.options import BY_COMMAND, BY_FLAG, COMMANDS, OPTIONS
from pythonbuild.cli.requests import cache_directory, make_request, usable_cores
from pythonbuild.config.request import ARCHIVE_KINDS, Request
from pythonbuild.errors import UsageError


def request(*words: str, **variables: str) -> Request:
    environ = {f"PYTHONBUILD_{name.upper()}": value for name, value in variables.items()}
    return make_request(parse(words, environ), Path("/checkout"))


def test_defaults() -> None:
    made = request()
    assert (made.python, made.options, made.environment) == ("3.13", "noopt", "auto")
    assert (made.cache, made.output) == (Path("/checkout/build"), Path("/checkout/dist"))
    assert (made.source_dirs, made.mirrors, made.python_source, made.debug_shell) == ((), (), None, "")
    assert not any((made.offline, made.locked, made.keep_going, made.optimized))
    assert made.jobs == usable_cores()
    assert made.target_triple.count("-") >= 2


def test_flags_win_over_variables_win_over_defaults() -> None:
    assert request(python="3.11").python == "3.11"
    assert request("--python", "3.14", python="3.11").python == "3.14"
    assert request("--python=cpython-3.12", "--python=3.14.1").python == "3.14.1"
    assert request(python="").python == "3.13"


def test_switches() -> None:
    assert request("--offline").offline
    assert request(offline="1").offline
    assert not request(offline="no").offline
    assert not request("--no-offline", offline="1").offline
    assert not request("--offline", "--no-offline").offline


def test_repeatable(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    assert request("--source-dir", str(one), "--source-dir", str(two)).source_dirs == (one, two)
    assert request(source_dir=f"{one}:{two}").source_dirs == (one, two)
    mirrors = ("https://a.example/x", "http://b.example")
    assert request(mirror="https://a.example/x/  http://b.example").mirrors == mirrors
    assert request("--mirror", mirrors[1], mirror=mirrors[0]).mirrors == mirrors[1:]


def test_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    made = request("--output", "../out", "--cache-dir", "~/cache")
    assert made.output == tmp_path.parent / "out"
    assert made.cache == Path("/home/someone/cache")


@pytest.mark.parametrize(
    ("words", "variable"),
    [([], ""), (["--cache-dir", "/a"], ""), (["--cache-dir=/a", "gc"], "/v"), (["gc"], "/v"), (["--cache-dir=b"], ""),
     (["--cache-dir", "/a", "--cache-dir=~/c"], "/v")],
)  # fmt: skip
def test_bootstrap_finds_the_same_cache(words: list[str], variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONBUILD_CACHE_DIR", variable)
    parsed = parse(words, {"PYTHONBUILD_CACHE_DIR": variable})
    assert bootstrap.cache_directory("/checkout", words) == str(cache_directory(parsed, Path("/checkout")))


def test_commands_take_flags_on_either_side() -> None:
    for words in (["why", "openssl", "--python", "3.11"], ["--python", "3.11", "why", "openssl"]):
        parsed = parse(words, {})
        assert (parsed.command.name, parsed.argument, parsed["python"]) == ("why", "openssl", "3.11")
    assert parse(["gc", "--max-size", "1.5G"], {})["max_size"] == 1.5 * 2**30
    assert parse(["inspect", "--json", "a.tar.zst"], {})["json"] is True
    assert parse(["inspect", "--", "--odd-name"], {}).argument == "--odd-name"


def test_help_is_found_anywhere() -> None:
    assert parse(["--help"], {}).show == "help"
    assert parse(["why", "-h"], {}).command.name == "why"
    assert parse(["--version", "gc"], {}).show == "version"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pyton", "3.11"], "unknown flag --pyton; did you mean --python?"),
        (["-j4"], "unknown flag -j4; --help tells all flags"),
        (["--offlin"], "unknown flag --offlin; did you mean --offline?"),
        (["--no-jobs"], "unknown flag --no-jobs; did you mean --jobs?"),
        (["wyh", "x"], "unknown command 'wyh'; did you mean why?"),
        (["3.13"], f"unknown command '3.13'; commands are {', '.join(filter(None, BY_COMMAND))}; flags alone build"),
        (["why"], "why needs a STEP"),
        (["publish", ""], "publish: DIR is empty: found ''; give it a value"),
        (["publish", "x", "y", " "], "publish: ARCHIVE is empty: found ' '; give it a value"),
        (["compare", "x", ""], "compare: ARCHIVE is empty: found ''; give it a value"),
        (["relock", "a", "b"], "relock takes no further words: found b"),
        (["validate"], "validate needs an ARCHIVE"),
        (["why", "a", "b"], "why takes no further words: found b"),
        (["gc", "--python", "3.13"], "--python has no meaning for gc; gc --help tells its flags"),
        (["--max-size", "1G"], "--max-size has no meaning for a build; --help tells its flags"),
        (["--python"], "--python needs a value: expected VERSION"),
        (["--python", "--offline"], "--python needs a value: expected VERSION"),
        (["--offline=1"], "--offline takes no value: found '1'"),
        (["--python", "latest"], "--python: not a Python version: found 'latest', expected a series such as 3.13 or an"
                                 " exact version such as 3.13.5"),
        (["--jobs", "0"], "--jobs: not a number of processes: found '0', expected a whole number from 1 on"),
        (["--jobs", "9" * 5000], None),
        (["--environment", "podman"], "--environment: unknown value: found 'podman', expected one of auto, docker,"
                                      " sandbox, native"),
        (["--log-format", "jsn"], "--log-format: unknown value: found 'jsn', expected one of auto, board, plain, json,"
                                  " github; did you mean json?"),
        (["--mirror", "ftp://x"], "--mirror: not an address: found 'ftp://x', expected http://…, https://… or"
                                  " file:///…"),
        (["--source-dir", "/no/such"], "--source-dir: no such directory: found '/no/such'"),
        (["--python-source", "/no/such"], "--python-source: no such file or directory: found '/no/such'"),
        (["--output", ""], "--output needs a value: expected DIR"),
        (["gc", "--max-size", "big"], "--max-size: not a size: found 'big', expected such as 500M or 20G"),
        (["--optimized", "--options", "pgo"], "--optimized and --options exclude each other; give one of them"),
    ],
)  # fmt: skip
def test_wrong_usage(words: list[str], message: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        parse(words, {})
    assert "\n" not in str(caught.value)
    if message:
        assert str(caught.value) == message


def test_errors_name_the_variable() -> None:
    with pytest.raises(UsageError, match=r"^PYTHONBUILD_JOBS: not a number of processes: found 'many'"):
        parse([], {"PYTHONBUILD_JOBS": "many"})
    with pytest.raises(UsageError, match=r"^PYTHONBUILD_OFFLINE: not a yes or no: found 'maybe'"):
        parse([], {"PYTHONBUILD_OFFLINE": "maybe"})
    parse(["gc"], {"PYTHONBUILD_JOBS": "many"})  # gc has no jobs


def test_a_flag_wins_over_the_variable_of_its_opposite() -> None:
    assert request("--optimized", options="debug").optimized
    assert not request("--options", "debug", optimized="1").optimized
    assert request(optimized="1").optimized
    with pytest.raises(UsageError, match="exclude each other"):
        request(optimized="1", options="debug")


def test_python_source_excludes_python(tmp_path: Path) -> None:
    assert request("--python-source", str(tmp_path), python="3.11").python_source == tmp_path
    with pytest.raises(UsageError, match="--python-source and --python exclude"):
        request("--python-source", str(tmp_path), "--python", "3.11")


def test_kinds_of_archives_and_their_tag() -> None:
    assert request().archives == ("full",)
    assert request("--archives", "install_only, full").archives == ("full", "install_only")
    assert request("--archives", "all", "--tag", "20261007").archives == ARCHIVE_KINDS
    assert request(tag="20261007").tag == "20261007"
    with pytest.raises(UsageError, match=r"--archives: unknown kind of archive: found 'instal_only'.*did you mean"):
        request("--archives", "full,instal_only")
    for text in ("full,", "all,x"):
        with pytest.raises(UsageError, match="PYTHONBUILD_ARCHIVES: unknown kind"):
            request(archives=text)
    for text in ("2026-10-07", "a+b", "-x", "a/b", ".x"):
        with pytest.raises(UsageError, match="cannot be part of an archive's name"):
            request(f"--tag={text}")


def test_the_tables_fit_together() -> None:
    used = {flag for command in COMMANDS for flag in command.flags}
    assert used == set(BY_FLAG)
    for option in OPTIONS:
        assert bool(option.metavar) == (option.kind != "switch"), option.flag
        assert bool(option.choices) == (option.kind == "choice"), option.flag


@pytest.mark.parametrize(("text", "cores"), [("150000 100000", 2), ("max 100000", 64), ("rubbish", 64)])
def test_a_containers_quota_bounds_the_cores(
    text: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(64))
    (tmp_path / "cpu.max").write_text(text)
    assert usable_cores(tmp_path) == cores


def test_link_choices() -> None:
    assert request().link == ()
    made = request("--link", "xz=system,sqlite=shared", "--link", "openssl=shared", "--link=zlib=static")
    assert made.link == (("openssl", "shared"), ("sqlite", "shared"), ("xz", "system"))
    assert request(link="xz=system openssl=shared").link == (("openssl", "shared"), ("xz", "system"))
    with pytest.raises(UsageError, match=r"PYTHONBUILD_LINK: not a link choice: found 'xz'"):
        request(link="xz")


def test_what_is_left_out() -> None:
    assert (request().without, request().no_tests, request().no_tk) == ((), False, False)
    made = request("--without", "_ssl, _bz2,", "--without=readline,_ssl", "--no-tests", "--no-tk")
    assert made.without == ("_bz2", "_ssl", "readline"), "sorted: the order makes no difference"
    assert (made.no_tests, made.no_tk) == (True, True)
    assert request(without="_ssl,_bz2", no_tests="1").without == ("_bz2", "_ssl")
    assert not request("--no-no-tests", no_tests="1").no_tests
    with pytest.raises(UsageError, match="--no-tests takes no value"):
        request("--no-tests=_testcapi")
    # relink has the flag, too: there it is about an archive, not about a build.
    assert request("relink", "ARCHIVE", "--without", "posix").without == ()


def test_commands_of_one_system() -> None:
    assert parse(["universal2", "a", "b"], {}, "macos").words == ("a", "b")
    for platform in ("linux", "windows"):
        with pytest.raises(UsageError, match=r"universal2 is a command of build-macos\.py; start it with that"):
            parse(["universal2", "a", "b"], {}, platform)
        assert "universal2" not in help_text(parse([], {}).command, f"build-{platform}.py")
    assert "universal2" in help_text(parse([], {}).command, "build-macos.py")
