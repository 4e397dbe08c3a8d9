"""Verification with a command that stands in for the build: what it stores in its archive is varied, and noticed.

The stand-in is an entry script in a checkout of its own. Its ``recipe`` is one expression; the value goes into the
archive. A recipe that stores anything about its circumstances must be found out.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild import elsewhere, host, reproducibility
from pythonbuild.cli.arguments import parse
from pythonbuild.cli.main import main
from pythonbuild.cli.requests import make_request
from pythonbuild.cpython.leaving_out import NO_TESTS, NO_TK, WITHOUT
from pythonbuild.distribution import diffoscope
from pythonbuild.distribution.archive import ArchiveError, pack
from pythonbuild.distribution.left_out import RECORD, Record
from pythonbuild.elsewhere import Conditions, ElsewhereError, files_of, flags, remove
from pythonbuild.engine.events import Event, Note
from pythonbuild.environments import docker, sandbox
from pythonbuild.environments.base import Probe
from pythonbuild.errors import UsageError
from pythonbuild.reproducibility import Verification, Wishes, as_described, verify
from tests.unit.distribution.trees import make_distribution

REPOSITORY = Path(__file__).resolve().parents[2]
ENTRY = """
import gzip, io, json, os, socket, sys, tarfile, time

arguments = sys.argv[1:]
here = os.path.dirname(os.path.realpath(__file__))

def value(flag):
    return arguments[arguments.index(flag) + 1]

def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)

def read(name):
    with open(os.path.join(here, name)) as file:
        return file.read()

if arguments[0] == "doctor":
    sys.exit(0)
cache = value("--cache-dir")
done = os.path.join(cache, value("--python"))
tell("Note", text="an old pin", level="warning")
tell("StepFinished", step="zlib", status="cached" if os.path.exists(done) else "built", seconds=1.5)
if "fail" in read("recipe"):
    tell("StepFinished", step="zlib", status="failed", seconds=1.5, tail=["no such header"])
    tell("Error", reason="step-failed", message="step zlib failed", exit_code=1)
    sys.exit(1)
if "refuse" in read("recipe"):
    tell("Error", reason="usage", message="--options: not there for this target", exit_code=2)
    sys.exit(2)
open(done, "w").close()
def name(kind):
    tag = value("--tag") if "--tag" in arguments else "1"
    parts = value("--python"), tag, value("--target-triple"), kind
    return "cpython-%s.tar.gz" % parts[0] if kind == "full" else "cpython-%s+%s-%s-noopt-%s.tar.gz" % parts

def pack(path, kind):
  with open(path, "wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as zipped, \\
        tarfile.open(fileobj=zipped, mode="w") as tar:
    texts = {"python/PYTHON.json": read("PYTHON.json"), "python/install/value.txt": "%s\\n" % (eval(read("recipe")),)}
    if kind != "full":
        del texts["python/PYTHON.json"]
    elif "--profile" in arguments:
        with open(value("--profile"), "rb") as profile:
            texts["python/build/profile/cpython.profdata"] = profile.read().decode("utf-8", "surrogateescape")
    elif "pgo" in value("--options"):
        texts["python/build/profile/cpython.profdata"] = "\\udcfflprofi\\udc81" + here
    for name, text in texts.items():
        info = tarfile.TarInfo(name)
        data = text.encode("utf-8", "surrogateescape")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))

for kind in (value("--archives") if "--archives" in arguments else "full").split(","):
    path = os.path.join(value("--output"), name(kind))
    pack(path, kind)
    for suffix in ("cdx", "intoto"):
        if os.path.exists(os.path.join(here, suffix)):
            with open("%s.%s.json" % (path, suffix), "w") as file:
                json.dump({"told": str(eval(read(suffix)))}, file)
    tell("Published", path=path, size=1, sha256="")
print("not an event")
"""


@pytest.fixture(autouse=True)
def _environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "probe_docker", lambda: Probe(True, "docker"))
    monkeypatch.setattr(sandbox, "probe_sandbox", lambda: Probe(True, "namespaces"))
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    _, document = make_distribution(tmp_path / "made")
    directory = tmp_path / "checkout"
    directory.mkdir()
    (directory / "build-linux.py").write_text(textwrap.dedent(ENTRY))
    (directory / "cpython-unix").mkdir()
    shutil.copy(REPOSITORY / "cpython-unix/targets.yml", directory / "cpython-unix")
    (directory / "recipe").write_text("'constant'")
    (directory / "PYTHON.json").write_text(document.to_text())
    return directory


def wishes(checkout: Path, *words: str, place: Path | None = None) -> Wishes:
    arguments = parse(["verify-reproducible", "--cache-dir", str((place or checkout.parent) / "cache"), *words], {})
    given = {name for name in ("python", "target_triple", "options", "archives") if arguments.origin(name)}
    request = make_request(arguments, checkout)
    return Wishes(request, arguments["against"], arguments["work"], arguments["keep"], given)


def verified(checkout: Path, recipe: str, *words: str, place: Path | None = None) -> Verification:
    (checkout / "recipe").write_text(recipe)
    return verify(wishes(checkout, *words, place=place), lambda _: None)


def conditions(verification: Verification) -> dict[str, tuple[str, str]]:
    return {name: (first, second) for name, first, second in verification.rows}


def test_the_same_bytes(checkout: Path) -> None:
    events: list[Event] = []
    verification = verify(wishes(checkout, "--jobs", "3"), events.append)
    assert verification.identical
    told = conditions(verification)
    assert told["jobs"] == ("3", "4")
    assert told["environment"] == ("docker", "sandbox")
    assert told["store"] == ("empty", "empty")
    assert told["steps built"] == ("1", "1")
    for name in ("checkout", "cache", "locale", "time zone", "umask", "home", "variables", "file times"):
        assert told[name][0] != told[name][1], name
    assert " " in told["checkout"][1]
    assert not told["checkout"][1].isascii()
    notes = [event.text for event in events if isinstance(event, Note)]
    assert "first: zlib built in 2 s" in notes
    assert "second: an old pin" in notes
    assert verification.kept is None
    assert list((checkout.parent / "cache").iterdir()) == [], "nothing is left"


@pytest.mark.parametrize(
    "recipe",
    ["time.time_ns()", "here", "os.getcwd()", "cache", "os.path.expanduser('~')", "value('--jobs')",
     "value('--environment')", "time.strftime('%Y-%m-%d')", "os.environ['TZ']", "os.environ['LC_ALL']",
     "os.environ.get('CFLAGS')", "os.environ.get('CC')", "os.environ.get('SOURCE_DATE_EPOCH')", "os.umask(0)",
     "os.stat(os.path.join(here, 'recipe')).st_mtime", "oct(os.stat(os.path.join(here, 'recipe')).st_mode)",
     "__import__('tempfile').gettempdir()"],
)  # fmt: skip
def test_every_circumstance_that_gets_into_an_archive_is_noticed(checkout: Path, recipe: str) -> None:
    verification = verified(checkout, recipe)
    assert not verification.identical
    (comparison,) = verification.comparisons
    assert [difference.member for difference in comparison.differences] == ["python/install/value.txt"]
    assert comparison.differences[0].detail.startswith("line 1: ")
    assert verification.deeper == (diffoscope.HOW_TO_GET,)
    assert verification.kept is not None
    assert sorted(path.name for path in (verification.kept / "differing").iterdir()) == ["first", "second"]
    assert all(path.exists() for path in (comparison.first, comparison.second)), "what differs is kept"


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory that every user may enter, as pytest's own are not."""
    directory = Path(tempfile.mkdtemp(prefix="verify-"))
    directory.chmod(0o755)
    yield directory
    remove(directory)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_root_has_nobody_build(checkout: Path, open_place: Path) -> None:
    verification = verified(checkout, "os.getuid(), os.getgid()", place=open_place)
    assert not verification.identical
    assert conditions(verification)["user"] == ("root (0)", "nobody (65534)")
    assert "(0, 0)" in verification.comparisons[0].differences[0].detail
    assert "(65534, 65534)" in verification.comparisons[0].differences[0].detail
    assert verified(checkout, "1", place=open_place).identical


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_a_place_that_nobody_may_enter_is_told(checkout: Path, open_place: Path) -> None:
    (open_place / "closed").mkdir(mode=0o700)
    verification = verified(checkout, "1", place=open_place / "closed")
    assert conditions(verification)["user"] == ("root (0)", "root (0)")
    assert any("nobody cannot build here" in remark for remark in verification.remarks)


def test_nobody_may_use_docker_where_a_group_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{socket}")
    assert {user.groups for user in elsewhere.nobodies()} == {()}
    for mode, groups in ((0o600, ()), (0o660, (socket.parent.stat().st_gid,))):
        socket.touch()
        socket.chmod(mode)
        assert {user.groups for user in elsewhere.nobodies()} == {groups}
    monkeypatch.setenv("DOCKER_HOST", "tcp://localhost:2375")
    assert {user.groups for user in elsewhere.nobodies()} == {()}


def test_a_machine_without_nobody(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setattr(reproducibility, "nobodies", lambda: iter(()))
    monkeypatch.setattr(reproducibility, "give", lambda *_: None)
    verification = verified(checkout, "1")
    assert any("nobody cannot build here (there is no such user)" in remark for remark in verification.remarks)


def test_an_ordinary_user_stays_who_he_is(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 1000)
    verification = verified(checkout, "1")
    users = conditions(verification)["user"]
    assert users[0] == users[1]
    assert any("both builds run as the same user" in remark for remark in verification.remarks)


@pytest.mark.parametrize(
    ("docker_ok", "sandbox_ok", "flags", "expected"),
    [(True, False, (), ("docker", "docker")), (False, True, (), ("sandbox", "sandbox")),
     (True, True, ("--environment", "sandbox"), ("sandbox", "sandbox"))],
)  # fmt: skip
def test_environments_that_are_not_to_be_had_are_told(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, docker_ok: bool, sandbox_ok: bool, flags: tuple[str, ...],
    expected: tuple[str, str],
) -> None:  # fmt: skip
    monkeypatch.setattr(docker, "probe_docker", lambda: Probe(docker_ok, advice="no daemon; start it"))
    monkeypatch.setattr(sandbox, "probe_sandbox", lambda: Probe(sandbox_ok, advice="no namespaces; allow them"))
    verification = verified(checkout, "1", *flags)
    assert conditions(verification)["environment"] == expected
    assert any(remark.startswith(f"both builds run in {expected[0]}") for remark in verification.remarks)


def test_against_an_archive(checkout: Path, tmp_path: Path) -> None:
    kept = verified(checkout, "value('--python')", "--python", "3.13.5", "--keep").kept
    assert kept is not None
    (archive,) = (kept / "first/dist").iterdir()
    verification = verified(checkout, "value('--python')", "--against", str(archive))
    assert verification.identical, "the version was read off the archive, not the default"
    assert conditions(verification)["jobs"][0] == "not known"
    assert verification.rows[0] == ("condition", "the archive", "this build")
    assert not verified(checkout, "value('--python')", "--against", str(archive), "--python", "3.13.4").identical
    with pytest.raises(ArchiveError):
        verified(checkout, "1", "--against", str(checkout / "recipe"))


@pytest.fixture
def natively(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Verification]:
    """Verify with the stand-in as another system's script, by code that takes this for that system."""

    def run(system: str, *words: str) -> Verification:
        directory = checkout / ("cpython-windows" if system == "windows" else "cpython-unix")
        directory.mkdir(exist_ok=True)
        name = "targets.yml" if system == "windows" else "targets-macos.yml"
        shutil.copy(REPOSITORY / directory.name / name, directory)
        (checkout / "build-linux.py").rename(checkout / f"build-{system}.py")
        monkeypatch.setattr(host, system.upper(), True)
        triple = {"macos": "aarch64-apple-darwin", "windows": "x86_64-pc-windows-msvc"}[system]
        flags = ["--cache-dir", str(checkout.parent / "cache"), "--target-triple", triple, *words]
        arguments = parse(["verify-reproducible", *flags], {}, system)
        given = {name for name in ("python", "target_triple", "options") if arguments.origin(name)}
        asked = Wishes(make_request(arguments, checkout), arguments["against"], None, arguments["keep"], given)
        return verify(asked, lambda _: None)

    return run


@pytest.mark.parametrize("system", ["macos", "windows"])
def test_on_the_machine_itself(checkout: Path, natively: Callable[..., Verification], system: str) -> None:
    verification = natively(system, "--jobs", "3")
    assert verification.identical
    told = conditions(verification)
    assert told["environment"] == ("native", "native")
    assert told["jobs"] == ("3", "4")
    for name in ("checkout", "cache", "locale", "time zone", "home", "variables", "file times"):
        assert told[name][0] != told[name][1], name
    # Recipes cannot have spaces in the cache's path there, nor on Windows anything but ASCII.
    own = Path(told["cache"][1]).relative_to(checkout.parent)
    assert re.fullmatch(r"[A-Za-z0-9/_-]+", str(own)), own
    assert " " in Path(told["checkout"][1]).name
    assert Path(told["checkout"][1]).name.isascii() == (system == "windows")
    assert any("no other environment" in remark for remark in verification.remarks)
    if system == "windows":
        assert told["user"][0] == told["user"][1]
        assert told["umask"] == ("none", "none")
        assert {"CL", "LINK"} <= set(told["variables"][1].split(", "))
    assert list((checkout.parent / "cache").iterdir()) == [], "nothing is left"


@pytest.mark.parametrize("system", ["macos", "windows"])
@pytest.mark.parametrize("recipe", ["here", "cache", "value('--jobs')", "os.environ['TZ']",
                                    "{k: v for k, v in os.environ.items() if k in ('HOME', 'USERPROFILE')}",
                                    "__import__('tempfile').gettempdir()"])  # fmt: skip
def test_what_gets_into_an_archive_there_is_noticed(
    checkout: Path, natively: Callable[..., Verification], system: str, recipe: str
) -> None:
    (checkout / "recipe").write_text(recipe)
    verification = natively(system)
    assert [item.member for item in verification.comparisons[0].differences] == ["python/install/value.txt"]


def test_an_archive_for_windows_names_a_toolchain_that_nobody_can_choose(
    checkout: Path, natively: Callable[..., Verification]
) -> None:
    described = json.loads((checkout / "PYTHON.json").read_text())
    described |= {"toolchain": {"name": "machine:msvc-14.44"}, "target_triple": "x86_64-pc-windows-msvc"}
    (checkout / "PYTHON.json").write_text(json.dumps(described))
    kept = natively("windows", "--python", described["python_version"], "--keep").kept
    assert kept is not None
    (archive,) = (kept / "first/dist").iterdir()
    (checkout / "build-windows.py").rename(checkout / "build-linux.py")
    assert natively("windows", "--against", str(archive)).identical


def test_training_for_windows_cannot_be_repeated(natively: Callable[..., Verification]) -> None:
    with pytest.raises(UsageError, match="a build for Windows trains anew each time"):
        natively("windows", "--options", "static+pgo")


def test_every_kind_and_what_lies_beside_it(checkout: Path) -> None:
    for suffix in ("cdx", "intoto"):
        (checkout / suffix).write_text("1")
    kinds = ("full", "install_only", "install_only_stripped")
    verification = verified(checkout, "1", "--archives", "all", "--tag", "today")
    assert verification.identical
    names = [comparison.first.name for comparison in verification.comparisons]
    plain = "cpython-3.13+today-x86_64-unknown-linux-gnu-noopt"
    assert [name for name in names if name.endswith(".gz")] == [
        "cpython-3.13.tar.gz", *(f"{plain}-{kind}.tar.gz" for kind in kinds[1:])
    ]  # fmt: skip
    assert [name.rpartition(".gz")[2] for name in names] == ["", ".cdx.json", ".intoto.json"] * 3
    (checkout / "intoto").write_text("value('--jobs')")
    verification = verified(checkout, "1", "--archives", "install_only")
    assert [comparison.identical for comparison in verification.comparisons] == [True, True, False]
    (difference,) = verification.comparisons[2].differences
    assert difference.kind == "content"
    assert difference.detail.startswith("key told: ")


def test_the_second_build_takes_the_profile_of_the_first(checkout: Path) -> None:
    """Training gives another profile each time, in the stand-in too: it tells the place."""
    verification = verified(checkout, "1", "--options", "pgo", "--archives", "install_only")
    assert verification.identical
    assert len(verification.comparisons) == 2, "the full archive is built, too: it has the profile"


def test_an_installation_alone_has_no_profile(checkout: Path) -> None:
    words = ("--options", "pgo", "--archives", "full,install_only", "--python", "3.13.5", "--keep")
    kept = verified(checkout, "1", *words).kept
    assert kept is not None
    full, installation = sorted((kept / "first/dist").iterdir(), key=lambda path: "+" in path.name)
    with pytest.raises(UsageError, match=r"install_only.tar.gz holds no profile, .* by --profile"):
        verified(checkout, "1", "--options", "pgo", "--against", str(installation))
    assert verified(checkout, "1", "--options", "pgo", "--against", str(full)).identical


def test_the_real_command_understands_the_flags(checkout: Path) -> None:
    asked = wishes(checkout, "--archives", "install_only", "--tag", "7", "--optimized").request
    conditions = elsewhere.Conditions(checkout, elsewhere.myself(), "sandbox", 2, 0o022, {})
    again = make_request(parse(elsewhere.flags(conditions, asked), {}), checkout)
    assert (again.archives, again.tag, again.optimized) == (("install_only",), "7", True)


def test_a_companion_that_only_one_build_has(checkout: Path) -> None:
    (checkout / "intoto").write_text("'first' in here or os.remove(file.name)")
    verification = verified(checkout, "1")
    (difference,) = verification.comparisons[1].differences
    assert (difference.kind, difference.member) == ("missing", "cpython-3.13.tar.gz.intoto.json")


def test_against_an_installation_alone(checkout: Path) -> None:
    for suffix in ("cdx", "intoto"):
        (checkout / suffix).write_text("value('--jobs') if suffix == 'intoto' else 1")
    words = ("--archives", "install_only,install_only_stripped", "--python", "3.13.5", "--tag", "7", "--keep")
    kept = verified(checkout, "value('--python')", *words).kept
    assert kept is not None
    (archive,) = (kept / "first/dist").glob("*+7-*-install_only.tar.gz")
    verification = verified(checkout, "value('--python')", "--against", str(archive))
    assert verification.identical, "version, kind and tag are those of its name"
    assert [path.suffix for path in (item.first for item in verification.comparisons)] == [".gz", ".json"], (
        "the statement of somebody else says how he asked"
    )
    with pytest.raises(UsageError, match="--archives and --against exclude each other"):
        verified(checkout, "1", "--against", str(archive), "--archives", "all")


@pytest.mark.parametrize(("told", "options"), [("freethreaded", "freethreaded+pgo+lto"), ("debug", "debug")])
def test_the_options_that_a_name_tells(checkout: Path, told: str, options: str) -> None:
    archive = checkout / f"cpython-3.13.5+7-x86_64-unknown-linux-gnu-{told}-install_only.tar.gz"
    request = as_described(make_request(parse([], {}), checkout), archive, set())
    assert (request.options, request.optimized) == (options, False)


def test_what_an_archive_was_built_without_is_asked_for_again(checkout: Path, tmp_path: Path) -> None:
    out, _ = make_distribution(tmp_path)
    record = Record({"_bz2": WITHOUT, "_tkinter": NO_TK, "_testcapi": NO_TESTS}, {"test": NO_TESTS})
    (out / "python" / RECORD).write_text(record.to_text())
    archive = pack(out, tmp_path / "x.tar.zst", 0).path
    request = as_described(make_request(parse([], {}), checkout), archive, set())
    assert (request.without, request.no_tests, request.no_tk) == (("_bz2",), True, True)
    words = flags(Conditions(tmp_path, elsewhere.myself(), "sandbox", 1, 0o022, {}), request)
    again = make_request(parse(words, {}), checkout)
    assert (again.without, again.no_tests, again.no_tk) == (("_bz2",), True, True)
    assert as_described(request, archive, {"without"}) == replace(request, python="3.13.5")


def test_the_toolchain_of_an_archive_is_asked_for_again(checkout: Path, tmp_path: Path) -> None:
    out, _ = make_distribution(tmp_path)
    described = json.loads((out / "python/PYTHON.json").read_text())
    described["toolchain"] |= {"name": "bootstrap:clang-19", "stages": 2}
    (out / "python/PYTHON.json").write_text(json.dumps(described))
    archive = pack(out, tmp_path / "x.tar.zst", 0).path
    request = as_described(make_request(parse([], {}), checkout), archive, set())
    assert (request.toolchain, request.stages) == ("bootstrap:clang-19", 2)
    words = flags(Conditions(tmp_path, elsewhere.myself(), "sandbox", 1, 0o022, {}), request)
    again = make_request(parse(words, {}), checkout)
    assert (again.toolchain, again.stages) == ("bootstrap:clang-19", 2)
    mine = make_request(parse(["--toolchain", "packaged", "--cc", "gcc"], {}), checkout)
    kept = as_described(mine, archive, {"toolchain", "cc"})
    assert (kept.toolchain, kept.compiler, kept.stages) == ("packaged", "gcc", 1)
    assert "--cc" in flags(Conditions(tmp_path, elsewhere.myself(), "sandbox", 1, 0o022, {}), kept)


def test_a_place_kept_for_the_next_verification(checkout: Path, tmp_path: Path) -> None:
    work = str(tmp_path / "work")
    assert verified(checkout, "1", "--work", work, "--python", "3.13.5").identical
    with pytest.raises(ElsewhereError, match="nothing was verified"):
        verified(checkout, "1", "--work", work, "--python", "3.13.5")
    assert verified(checkout, "1", "--work", work, "--python", "3.13.4").identical


def test_a_failed_build(checkout: Path) -> None:
    events: list[Event] = []
    (checkout / "recipe").write_text("fail")
    with pytest.raises(ElsewhereError, match=r"failed: found step zlib failed; see .*/first"):
        verify(wishes(checkout), events.append)
    notes = [event.text for event in events if isinstance(event, Note)]
    assert "first: zlib | no such header" in notes
    (kept,) = (checkout.parent / "cache").iterdir()
    assert (kept / "first/events.jsonl").exists()
    assert not (kept / "first/checkout").exists()


def test_wrong_usage_stays_wrong_usage(checkout: Path) -> None:
    (checkout / "recipe").write_text("refuse")
    with pytest.raises(UsageError, match="--options: not there for this target"):
        verify(wishes(checkout), lambda _: None)


def test_a_script_that_breaks_is_told_by_its_own_words(checkout: Path) -> None:
    (checkout / "build-linux.py").write_text("import sys\nsys.exit('this Python has no venv module')\n")
    with pytest.raises(ElsewhereError, match="this Python has no venv module"):
        verify(wishes(checkout), lambda _: None)


def test_the_checkout_is_what_git_knows_or_would_add(tmp_path: Path) -> None:
    for name in ("a.py", "new é.py", "build/store", "pythonbuild/__pycache__/a.pyc", "gone"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert files_of(tmp_path) == ["a.py", "gone", "new é.py"]
    (tmp_path / ".gitignore").write_text("build/\n__pycache__/\n")
    for words in (["init", "-q"], ["add", "a.py", "gone"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    (tmp_path / "gone").unlink()
    assert files_of(tmp_path) == [".gitignore", "a.py", "new é.py"]


def test_on_many_cores_the_second_build_gets_one_less(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int | None] = []
    real = elsewhere._fewer_cores

    def recorded(cores: int | None) -> object:
        asked.append(cores)
        return real(None)

    monkeypatch.setattr(elsewhere, "_fewer_cores", recorded)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr("os.sched_setaffinity", lambda *_: None)
    assert conditions(verified(checkout, "1"))["cores"] == ("8", "7")
    assert asked == [None, 7]


def test_fewer_cores_for_the_child_alone() -> None:
    before = os.sched_getaffinity(0)
    with elsewhere._fewer_cores(1):
        child = subprocess.run([sys.executable, "-c", "import os; print(len(os.sched_getaffinity(0)))"],
                               capture_output=True, text=True, check=True)  # fmt: skip
    assert child.stdout == "1\n"
    assert os.sched_getaffinity(0) == before


# The commands.


@pytest.fixture
def command(checkout: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def run(*words: str) -> tuple[int, str]:
        status = main("linux", str(checkout), [*words, "--cache-dir", str(checkout.parent / "cache")])
        return status, capsys.readouterr().out

    return run


def test_the_command_s_answer(checkout: Path, command: Callable[..., tuple[int, str]]) -> None:
    status, text = command("verify-reproducible")
    assert status == 0
    assert text.splitlines()[0].split() == ["condition", "first", "build", "second", "build"]
    assert "identical: " in text
    (checkout / "recipe").write_text("time.time_ns()")
    status, text = command("verify-reproducible", "--json")
    assert status == 1
    document = json.loads(text)
    assert document["identical"] is False
    assert document["comparisons"][0]["differences"][0]["member"] == "python/install/value.txt"
    status, text = command("verify-reproducible", "--log-format", "json")
    last = json.loads(text.splitlines()[-1])
    assert (status, last["event"], last["identical"]) == (1, "Reproducibility", False)


def test_the_compare_command(checkout: Path, command: Callable[..., tuple[int, str]]) -> None:
    (checkout / "recipe").write_text("value('--jobs')")
    status, text = command("verify-reproducible", "--keep", "--jobs", "3")
    kept = Path(text.splitlines()[-1].removeprefix("kept: "))
    archives = [str(next((kept / name).iterdir())) for name in ("first/dist", "sécond build/dist")]
    assert command("compare", archives[0], archives[0])[0] == 0
    status, text = command("compare", *archives)
    assert status == 1
    assert text.startswith("different: 1 member differs; first python/install/value.txt: content: line 1: '3', '4'")
    assert text.splitlines()[-1] == diffoscope.HOW_TO_GET
    assert json.loads(command("compare", "--json", *archives)[1])["identical"] is False
    assert command("compare", archives[0], str(checkout / "none"))[0] == 2
    assert command("compare", archives[0])[0] == 2
    assert command("compare", *archives, archives[0])[0] == 2
