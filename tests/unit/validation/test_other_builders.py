"""Archives of other builders: what applies is checked, what does not says why, and nothing ends in a traceback."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pythonbuild.distribution.archive import pack
from pythonbuild.distribution.later_json import LATER_FORMATS, to_later
from pythonbuild.distribution.python_json import read_python_json
from pythonbuild.validation.checks import Result
from pythonbuild.validation.description import OWN_FILES
from pythonbuild.validation.validate import CHECKS, Report
from tests.unit.distribution.elfmaker import make_shared
from tests.unit.distribution.trees import CHECKED, make_program, write
from tests.unit.validation.bench import Bench, assert_refused

#: These look at the members alone, or at the ELF files alone.
EVERYWHERE = {
    "structure-readable", "structure-names", "structure-duplicates", "structure-kinds", "structure-links",
    "structure-modes", "elf-rpath", "hardening-stack", "hardening-relro", "hardening-bind-now",
    "hardening-writable-code", "hardening-text-relocations", "hardening-stack-protector",
}  # fmt: skip
#: These need to know what the archive is for, too.
FOR_TARGET = {"elf-machine", "elf-glibc-floor", "elf-needed", "elf-loader", "hardening-fortify",
              "metadata-object-files"}  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def to_format(plain: dict[str, Any], version: str) -> None:
    """Rewrite a description of format 0 as another builder would have written it, in one of the formats 1 to 8."""
    later = to_later(read_python_json(json.dumps(plain)), version).to_plain()
    if version not in LATER_FORMATS:
        for key in ("python_paths_abstract", "python_config_vars"):
            del later[key]
        later |= {key: plain[key] for key in ("os", "arch", "python_flavor", "python_include", "python_stdlib")}
    plain.clear()
    plain.update(later)


def make_foreign(bench: Bench, version: str) -> None:
    """Make the bench's distribution one of another builder."""
    bench.edit(lambda plain: to_format(plain, version))
    (bench.top / OWN_FILES[0]).unlink()


def outcomes(report: Report) -> dict[str, Result]:
    return {result.id: result for result in report.results}


@pytest.mark.parametrize("version", ["5", "7", "8"])
@pytest.mark.parametrize("packed", [True, False])
def test_other_formats(bench: Bench, tmp_path: Path, version: str, packed: bool) -> None:
    make_foreign(bench, version)
    report = bench.run(pack(bench.out, tmp_path / "x.tar.zst", 5).path if packed else None)
    assert report.ok, report.lines()
    results = outcomes(report)
    passed = {identifier for identifier, result in results.items() if result.outcome == "passed"}
    more = {"structure-first-member"} if packed else set()
    more |= {"metadata-schema"} if version in LATER_FORMATS else set()
    not_packed = set() if packed else {"structure-modes"}
    assert passed == (EVERYWHERE | FOR_TARGET | more | {"metadata-format", "metadata-paths"}) - not_packed
    assert results["metadata-symbols"].findings == (f"PYTHON.json is of format {version}, not 0",)
    assert len(results) == len(CHECKS)


@pytest.mark.parametrize("version", ["7", "8"])
def test_our_own_archive_in_a_later_format_is_checked_as_ours(bench: Bench, tmp_path: Path, version: str) -> None:
    before = {result.id for result in bench.run().results if result.outcome == "passed"}
    bench.edit(lambda plain: to_format(plain, version))
    report = bench.run()
    assert report.ok, report.lines()
    after = {result.id for result in report.results if result.outcome == "passed"}
    assert before - after == {"metadata-licences", "metadata-profile"}
    (bench.top / "build/Modules/_ssl.o").unlink()
    assert_refused(bench.run(), "metadata-objects", "_ssl.o")


@pytest.mark.parametrize(
    ("change", "check", "words"),
    [
        (lambda p: p.update(build_option="noopt"), "metadata-schema", "build_option: unknown key"),
        (lambda p: p.pop("build_options"), "metadata-schema", "build_options: missing"),
        (lambda p: p.update(crt_features=["musl"]), "metadata-schema", "crt_features[0]: 'musl', expected the form"),
        (lambda p: p["python_suffixes"].pop("source"), "metadata-schema", "python_suffixes.source: missing"),
        (lambda p: p.update(run_tests="build/tests.py"), "metadata-paths", "run_tests: build/tests.py is not in"),
        (lambda p: p["python_paths"].update(data="inst"), "metadata-paths", "python_paths.data: inst is not a path"),
        (lambda p: p.update(tcl_library_path="install/lib", tcl_library_paths=["tcl9"]), "metadata-paths",
         "tcl_library_paths[0]: install/lib/tcl9 is not in the archive"),
        (lambda p: p.update(python_tag="cp399"), "metadata-interpreter", 'python_tag: "cp399", the interpreter says'),
        (lambda p: p.update(python_implementation_hex_version=1), "metadata-interpreter", "hex_version: 1, the inte"),
    ],
)  # fmt: skip
def test_our_own_archive_in_format_8_is_spoilt(
    bench: Bench, change: Callable[[dict[str, Any]], object], check: str, words: str
) -> None:
    bench.edit(lambda plain: to_format(plain, "8"))
    bench.edit(change)
    assert_refused(bench.run(), check, words)


def test_what_is_wrong_in_another_format_is_seen(bench: Bench) -> None:
    make_foreign(bench, "8")
    (bench.top / "build/Modules/_ssl.o").unlink()
    bench.write("install/bin/python3.13", make_program(imports=CHECKED[:2], needed=["libssl.so.3"]))
    bench.write("install/lib/x.so", make_shared(flags=0, rpath="/build"))
    report = bench.run()
    assert_refused(report, "metadata-paths", "build_info.extensions._ssl[0].objs[0]: build/Modules/_ssl.o is not in")
    assert_refused(report, "elf-needed", "needs libssl.so.3")
    assert_refused(report, "hardening-fortify", "calls 1 checked functions")
    assert_refused(report, "elf-rpath", "searches /build")
    assert_refused(report, "hardening-bind-now", "install/lib/x.so")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"python_exe": None}, "python_exe: found null, expected text"),
        ({"build_info": []}, "build_info.core: found null, expected an object"),
        ({"version": 8}, 'version: found 8, expected text'),
        ({"version": "9"}, 'version: found \'9\', expected "0"'),
    ],
)  # fmt: skip
def test_a_wrong_description_in_another_format(bench: Bench, changes: Mapping[str, Any], words: str) -> None:
    make_foreign(bench, "8")
    bench.edit(lambda plain: plain.update(changes))
    assert_refused(bench.run(), "metadata-format", words)


@pytest.mark.parametrize("text", ["", "[]", "3", '{"version": null}', '{"version": "7", "build_info": 3}', "\ufeff{}",
                                  "[" * 100_000])  # fmt: skip
def test_a_description_that_is_none(bench: Bench, text: str) -> None:
    bench.write("PYTHON.json", text)
    report = bench.run()
    assert [result.id for result in report.failed] == ["metadata-format"]
    assert outcomes(report)["metadata-schema"].findings == ("PYTHON.json cannot be read (metadata-format)",)


def test_for_another_processor(bench: Bench) -> None:
    make_foreign(bench, "8")
    bench.edit(lambda plain: plain.update(target_triple="aarch64-unknown-linux-gnu"))
    bench.write("install/bin/python3.13", make_program(machine=183, needed=["libc.so.6", "libgcc_s.so.1"]))
    report = bench.run()
    assert report.ok, report.lines()
    for identifier in FOR_TARGET:
        result = outcomes(report)[identifier]
        assert result.findings == ("the archive is for aarch64-unknown-linux-gnu, not for x86_64-unknown-linux-gnu",)


def make_installation(directory: Path, **programs: bytes) -> Path:
    """Make an installation without description, as others pack it: own modes, hard links, another order."""
    top = directory / "python"
    for name, content in {"bin/python3.13": make_program(exports=["Py_BytesMain"]), **programs}.items():
        write(top / name, content).chmod(0o755)
    (top / "bin/python3").symlink_to("python3.13")
    (top / "bin/python").hardlink_to(top / "bin/python3.13")
    write(top / "lib/python3.13/os.py", "").chmod(0o664)
    write(top / "share/terminfo/x/xterm", "x")
    path = directory / "install_only.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(top, "python")
    return path


def test_an_installation_alone(bench: Bench, tmp_path: Path) -> None:
    report = bench.run(make_installation(tmp_path / "other"))
    results = outcomes(report)
    # Such archives have hard links, which is a finding; everything else is right or does not apply.
    assert [result.id for result in report.failed] == ["structure-kinds"]
    passed = {identifier for identifier, result in results.items() if result.outcome == "passed"}
    assert passed == (EVERYWHERE | FOR_TARGET) - {"structure-kinds"}
    for identifier in ("structure-first-member", "metadata-format", "metadata-paths", "elf-libpython"):
        assert results[identifier].findings == ("there is no PYTHON.json: an archive of the installation alone",)


def test_an_installation_with_a_bad_program(bench: Bench, tmp_path: Path) -> None:
    program = make_program(needed=["libcrypt.so.1"], flags=0, versions={"libc.so.6": ["GLIBC_2.28"]})
    report = bench.run(make_installation(tmp_path / "other", **{"bin/python3.13": program}))
    assert_refused(report, "elf-needed", "bin/python3.13: needs libcrypt.so.1")
    assert_refused(report, "elf-glibc-floor", "bin/python3.13: needs GLIBC_2.28")
    assert_refused(report, "hardening-bind-now", "bin/python3.13")


def test_an_installation_for_another_processor(bench: Bench, tmp_path: Path) -> None:
    path = make_installation(tmp_path / "other", **{"bin/python3.13": make_program(machine=183)})
    result = outcomes(bench.run(path))["elf-machine"]
    assert (result.outcome, result.findings) == (
        "not applicable", ("the archive is for ELF machine 183, not for x86_64",),
    )  # fmt: skip


def test_an_installation_with_programs_for_two_processors(bench: Bench, tmp_path: Path) -> None:
    path = make_installation(tmp_path / "other", **{"lib/x.so": make_shared(machine=183)})
    assert_refused(bench.run(path), "elf-machine", "lib/x.so: ELF machine 183, expected 62")


@pytest.mark.parametrize(
    ("name", "content", "system"),
    [("bin/python3.13", b"\xcf\xfa\xed\xfe" + b"\0" * 60, "macOS"), ("python.exe", b"MZ" + b"\0" * 60, "Windows")],
)
def test_for_another_system(bench: Bench, tmp_path: Path, name: str, content: bytes, system: str) -> None:
    write(tmp_path / "other/python" / name, content)
    write(tmp_path / "other/python/Lib/os.py", "")
    report = bench.run(pack_plain(tmp_path / "other"))
    assert report.ok, report.lines()
    for identifier in ("elf-machine", "elf-needed", "hardening-relro", "hardening-stack-protector"):
        assert outcomes(report)[identifier].findings == (f"the programs are for {system}: no ELF files",)


def test_a_full_archive_for_macos(bench: Bench) -> None:
    make_foreign(bench, "8")
    bench.edit(lambda plain: plain.update(target_triple="aarch64-apple-darwin"))
    for path in [path for path in bench.top.rglob("*") if path.is_file() and path.read_bytes()[:4] == b"\x7fELF"]:
        bench.write(path.relative_to(bench.top).as_posix(), b"\xcf\xfa\xed\xfe" + b"\0" * 60)
    for path in bench.top.rglob("*.a"):
        bench.write(path.relative_to(bench.top).as_posix(), b"!<arch>\n")
    report = bench.run()
    assert report.ok, report.lines()


def test_our_own_without_description_is_not_let_pass(bench: Bench) -> None:
    (bench.top / "PYTHON.json").unlink()
    assert [result.id for result in bench.run().failed] == ["metadata-format"]


def test_the_report_as_data(bench: Bench) -> None:
    bench.edit(lambda plain: to_format(plain, "8"))
    data = json.loads(json.dumps(bench.run().as_json()))
    assert data["ok"] is True
    assert [check["id"] for check in data["checks"]] == [check.id for check in CHECKS]
    assert data["checks"][0] == {
        "id": "structure-readable", "reason": "the archive can be read to its end", "outcome": "passed",
        "findings": [], "remarks": [],
    }  # fmt: skip


def pack_plain(directory: Path) -> Path:
    with tarfile.open(directory / "x.tar.gz", "w:gz") as tar:
        tar.add(directory / "python", "python")
    return directory / "x.tar.gz"
