"""The archive of the session in the formats 7 and 8: what they say is true, and a build in format 8 gives the same."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pythonbuild.distribution.archive import METADATA, read_members, read_metadata
from pythonbuild.distribution.convert import convert_description
from pythonbuild.distribution.later_json import read_any_format
from pythonbuild.distribution.python_json import named_paths, read_python_json
from pythonbuild.distribution.schemas import problems
from tests.integration.conftest import CACHE, REPOSITORY, Run, build, clean, command

#: What PyOxidizer wants of format 7, besides the version.
PYOXIDIZER = {
    "target_triple": str, "optimizations": str, "python_tag": str, "python_config_vars": dict,
    "python_platform_tag": str, "python_implementation_cache_tag": str, "python_implementation_hex_version": int,
    "python_implementation_name": str, "python_implementation_version": list, "python_version": str,
    "python_major_minor_version": str, "python_paths": dict, "python_paths_abstract": dict, "python_exe": str,
    "python_stdlib_test_packages": list, "python_suffixes": dict, "python_bytecode_magic_number": str,
    "python_symbol_visibility": str, "python_extension_module_loading": list, "libpython_link_mode": str,
    "crt_features": list, "run_tests": str, "build_info": dict,
}  # fmt: skip


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(REPOSITORY, arguments, CACHE), capture_output=True, text=True, check=False,
                          env=clean())  # fmt: skip


@pytest.fixture(scope="session")
def eight(first: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("formats") / "new"
    done = run("convert", str(first.archive), "--python-json", "8", "--output", str(output), "--json")
    assert done.returncode == 0, done.stderr
    (made,) = output.iterdir()
    assert json.loads(done.stdout)["archive"] == str(made)
    return made


@pytest.fixture(scope="session", params=["7", "8"])
def plain(first: Run, request: pytest.FixtureRequest) -> dict[str, Any]:
    """The archive's description in a later format."""
    described: dict[str, Any] = json.loads(convert_description(read_metadata(first.archive), request.param, "x"))
    return described


def test_the_schema_and_every_path(plain: dict[str, Any], installed: Path) -> None:
    assert list(problems(plain, plain["version"])) == []
    paths = dict(named_paths(plain))
    assert len(paths) > 300
    assert [f"{key}: {path}" for key, path in paths.items() if not (installed / path).exists()] == []


def test_format_0_has_its_schema_too(first: Run) -> None:
    assert list(problems(json.loads(read_metadata(first.archive)), "0")) == []


def test_what_pyoxidizer_wants(plain: dict[str, Any]) -> None:
    assert {key: type(plain.get(key)) for key in PYOXIDIZER} == PYOXIDIZER
    assert all(isinstance(value, str) for value in plain["python_config_vars"].values())
    assert all(isinstance(value, list) for value in plain["python_suffixes"].values())
    for variants in plain["build_info"]["extensions"].values():
        assert [
            set(variant) >= {"in_core", "init_fn", "links", "objs", "required", "variant"} for variant in variants
        ] == [True]


SCRIPT = """
import importlib.machinery, importlib.util, json, sys, sysconfig
print(json.dumps({
    "python_implementation_cache_tag": sys.implementation.cache_tag,
    "python_implementation_hex_version": sys.hexversion,
    "python_implementation_name": sys.implementation.name,
    "python_implementation_version": list(map(str, sys.version_info)),
    "python_bytecode_magic_number": importlib.util.MAGIC_NUMBER.hex(),
    "python_paths": sysconfig.get_paths(),
    "python_paths_abstract": sysconfig.get_paths(expand=False),
    "extension": importlib.machinery.EXTENSION_SUFFIXES,
    "variables": {name: str(value) for name, value in sysconfig.get_config_vars().items()},
    "packages": sys.argv[1:] and [bool(importlib.util.find_spec(name)) for name in sys.argv[1:]],
}))
"""


def test_the_interpreter_says_the_same_elsewhere(plain: dict[str, Any], installed: Path) -> None:
    """Asked on this machine, in a directory that nothing was built in, by other code than the build's."""
    arguments = [str(installed / plain["python_exe"]), "-I", "-c", SCRIPT, *plain["python_stdlib_test_packages"]]
    said = json.loads(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)
    for name in ("cache_tag", "hex_version", "name", "version"):
        assert said[f"python_implementation_{name}"] == plain[f"python_implementation_{name}"]
    assert said["python_bytecode_magic_number"] == plain["python_bytecode_magic_number"]
    assert said["python_paths_abstract"] == plain["python_paths_abstract"]
    assert said["extension"] == plain["python_suffixes"]["extension"]
    assert said["python_paths"] == {name: str(installed / path) for name, path in plain["python_paths"].items()}
    assert said["packages"]
    assert all(said["packages"])
    # The directory's name has a space, which lists of words quote.
    place = str(installed / "install")
    variables = {name: value.replace(place, "/install").replace(place.replace(" ", "\\ "), "/install")
                 for name, value in said["variables"].items()}  # fmt: skip
    expected = plain["python_config_vars"]
    assert variables.keys() == expected.keys()
    different = {name: (variables[name], expected[name]) for name in expected if variables[name] != expected[name]}
    assert different.keys() <= {"userbase"}, different


def test_the_tests_can_be_run(plain: dict[str, Any], installed: Path) -> None:
    done = subprocess.run([str(installed / plain["python_exe"]), str(installed / plain["run_tests"]), "test_bool"],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def test_the_archive_is_the_same_but_for_the_description(first: Run, eight: Path) -> None:
    old, new = ({member.name: (member.info.mode, member.info.size, member.info.mtime, member.info.linkname)
                 for member in read_members(path)} for path in (first.archive, eight))  # fmt: skip
    assert list(old) == list(new)
    assert {name for name in old if old[name] != new[name]} == {METADATA}
    assert next(iter(new)) == METADATA
    described = read_any_format(read_metadata(eight))
    assert described.build_info.extensions == _less_licences(first)


def _less_licences(first: Run) -> Any:
    """The extension modules as the first build's archive has them, with licences as format 8 tells them."""
    from pythonbuild.distribution.later_json import to_later

    document = read_python_json(read_metadata(first.archive))
    return read_any_format(to_later(document, "8").to_text()).build_info.extensions


def test_a_build_in_format_8_gives_the_same_bytes(eight: Path, tmp_path: Path) -> None:
    again = build(tmp_path, "--python-json", "8", "--python",
                  read_any_format(read_metadata(eight)).python_version)  # fmt: skip
    assert again.archive.name == eight.name
    assert again.archive.read_bytes() == eight.read_bytes()
    assert set(again.built) <= {step for step in again.steps if step.startswith(("assemble", "archive", "validate"))}


def test_it_is_validated_as_one_of_ours(eight: Path) -> None:
    done = run("validate", str(eight), "--environment", "sandbox", "--skip", "behaviour-glibc-floor", "--skip",
               "behaviour-oldest-cpu", "--json")  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    (archive,) = json.loads(done.stdout)["archives"]
    outcomes = {check["id"]: check["outcome"] for check in archive["checks"]}
    assert {outcomes[name] for name in ("metadata-schema", "metadata-paths", "metadata-interpreter", "metadata-objects",
                                        "metadata-symbols", "behaviour-system")} == {"passed"}  # fmt: skip


@pytest.mark.parametrize(("version", "words"), [("0", "cannot be written in format 0"), ("8", "format 8 already")])
def test_what_cannot_be_converted(eight: Path, tmp_path: Path, version: str, words: str) -> None:
    done = run("convert", str(eight), "--python-json", version, "--output", str(tmp_path / "new"))
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "new").exists()
