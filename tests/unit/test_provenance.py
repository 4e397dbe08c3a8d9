"""What is written beside an archive: its share of the SBOM, and a statement of how it was made."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbuild.config.request import Request
from pythonbuild.distribution import archive as archives
from pythonbuild.distribution import statement
from pythonbuild.distribution.archive import pack
from pythonbuild.distribution.sbom_text import components, occurrences, read_sbom, reference
from pythonbuild.distribution.statement import StatementError, read_statement, summarise_statement
from pythonbuild.engine.executor import Result
from pythonbuild.engine.model import CallAction, PinnedFile, Plan, Step
from pythonbuild.engine.store import Store
from pythonbuild.errors import OutputError
from pythonbuild.provenance import commit_of, describe, sbom_of, write_companions
from pythonbuild.recipe_steps import PlanInputs
from tests.unit.distribution.provenances import add_sbom
from tests.unit.distribution.trees import make_distribution, write
from tests.unit.test_planning import plan_inputs
from tests.unit.test_validating import make_request


@pytest.fixture(scope="module")
def inputs() -> PlanInputs:
    return plan_inputs("3.13.5")


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    return replace(make_request(tmp_path), repository=tmp_path, python="3.13.5", python_source=tmp_path / "secret/mine")


def nothing(_: object) -> None: ...


def make(inputs: PlanInputs, assembled: str = "") -> tuple[Plan, dict[str, Result]]:
    lock = next(iter(inputs.locks.values()))
    openssl = inputs.project.sources["openssl"].pins[0]
    debs = tuple(PinnedFile(package.name, package.sha256, lambda: Path()) for package in lock.packages[:2])
    steps = (
        Step("root", CallAction(nothing), sources=debs),
        Step("openssl", CallAction(nothing), needs=("root",),
             sources=(PinnedFile(openssl.filename, openssl.sha256, lambda: Path()), debs[0])),
        Step("assemble-3.13.5", CallAction(nothing), needs=("openssl",)),
        Step("left out", CallAction(nothing)),
    )  # fmt: skip
    digests = {"root": "11" * 32, "openssl": "22" * 32, "assemble-3.13.5": assembled or "33" * 32}
    results = {name: Result(name, "built", digest, key="ab" * 32) for name, digest in digests.items()}
    return Plan(steps, ("assemble-3.13.5",)), results


def test_statement(inputs: PlanInputs, request_: Request) -> None:
    plan, results = make(inputs)
    text = statement.render_statement({"x.tar.zst": "44" * 32}, describe(request_, inputs, plan, results))
    plain = read_statement(text, "x")
    assert plain["subject"] == [{"name": "x.tar.zst", "digest": {"sha256": "44" * 32}}]
    definition, details = plain["predicate"]["buildDefinition"], plain["predicate"]["runDetails"]
    assert definition["externalParameters"]["python"] == "3.13.5"
    assert definition["externalParameters"]["python_source"] == "mine", "the directory is nobody's business"
    assert not {"jobs", "cache", "output", "environment"} & {*definition["externalParameters"]}
    assert definition["internalParameters"]["version"] == "3.13.5"
    dependencies = {item["name"]: item for item in definition["resolvedDependencies"]}
    openssl = inputs.project.sources["openssl"].pins[0]
    assert dependencies[openssl.filename] == {
        "name": openssl.filename, "digest": {"sha256": openssl.sha256}, "uri": openssl.urls[0],
        "annotations": {"steps": ["openssl"]},
    }  # fmt: skip
    package = next(iter(inputs.locks.values())).packages[0]
    assert dependencies[package.name]["annotations"]["steps"] == ["root", "openssl"]
    assert dependencies[package.name]["uri"].endswith(package.path)
    assert [item["name"] for item in details["byproducts"]] == ["root", "openssl", "assemble-3.13.5"]
    assert details["byproducts"][1] == {
        "name": "openssl", "digest": {"sha256": "22" * 32}, "annotations": {"actionKey": "ab" * 32, "needs": ["root"]}
    }  # fmt: skip
    assert str(request_.repository) not in text
    summary = summarise_statement(plain, "44" * 32)
    assert (summary.matches, summary.dependencies, summary.commit) == (True, 3, "")
    assert summary.steps["root"] == ("ab" * 32, "11" * 32)
    assert not summarise_statement(plain, "55" * 32).matches


def test_link_choices_are_told_as_they_were_given(inputs: PlanInputs, request_: Request) -> None:
    plan, results = make(inputs)
    told = describe(replace(request_, link=(("openssl", "shared"), ("xz", "system"))), inputs, plan, results).request
    assert told["link"] == ["openssl=shared", "xz=system"]
    assert "link" not in describe(request_, inputs, plan, results).request


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "x: not JSON"), ("[]", "x: _type: found None"), ('{"_type": "x"}', "x: _type: found 'x'"),
     (json.dumps({"_type": statement.STATEMENT_TYPE, "predicateType": "y"}), "x: predicateType: found 'y'"),
     (json.dumps({"_type": statement.STATEMENT_TYPE, "predicateType": statement.PREDICATE_TYPE, "subject": []}),
      "x: predicate.buildDefinition.resolvedDependencies: found NoneType, expected list")],
)  # fmt: skip
def test_no_statement(text: str, words: str) -> None:
    with pytest.raises(StatementError, match=words):
        read_statement(text, "x")


def git(checkout: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
    return subprocess.run(["git", "-C", str(checkout), *identity, *arguments], check=True, capture_output=True,
                          text=True).stdout.strip()  # fmt: skip


def test_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert commit_of(tmp_path) is None, "no history"
    git(tmp_path, "init", "-q")
    assert commit_of(tmp_path) is None, "no commit"
    write(tmp_path / "x", "1")
    git(tmp_path, "add", "x")
    git(tmp_path, "commit", "-qm", "x")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert commit_of(tmp_path) == statement.Commit(head, changed=False)
    write(tmp_path / "x", "2")
    assert commit_of(tmp_path) == statement.Commit(head, changed=True)
    provenance = statement.Provenance({}, {}, (), (), commit_of(tmp_path))
    summary = summarise_statement(read_statement(statement.render_statement({}, provenance), "x"), "")
    assert summary.commit == f"{head} with changes"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit_of(tmp_path) is None, "no git"


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Store, str, Path]:
    monkeypatch.setattr(archives, "_LEVEL", 3)
    monkeypatch.setattr(archives, "_WINDOW_LOG", 22)
    out, _ = make_distribution(tmp_path)
    add_sbom(tmp_path)
    (tmp_path / "dist").mkdir()
    packed = pack(out, tmp_path / "dist/x.tar.zst", 0)
    store = Store(tmp_path / "cache")
    return store, store.add_tree(out), packed.path


def test_companions(built: tuple[Store, str, Path], inputs: PlanInputs, request_: Request) -> None:
    store, digest, archive = built
    plan, results = make(inputs, digest)
    paths = write_companions({archive: "44" * 32}, request_, inputs, plan, results, store)
    assert [path.name for path in paths] == ["x.tar.zst.cdx.json", "x.tar.zst.intoto.json"]
    assert sorted(path.name for path in archive.parent.iterdir()) == ["x.tar.zst", *(path.name for path in paths)]
    assert paths[0].read_bytes() == (archive.parents[1] / "out/python/SBOM.cdx.json").read_bytes()
    subjects = json.loads(paths[1].read_text())["subject"]
    assert [subject["name"] for subject in subjects] == ["x.tar.zst", "x.tar.zst.cdx.json"]
    before = [path.stat().st_ino for path in paths]
    write_companions({archive: "44" * 32}, request_, inputs, plan, results, store)
    assert [path.stat().st_ino for path in paths] == before, "the same bytes are not written again"


def test_companions_cannot_be_written(built: tuple[Store, str, Path], inputs: PlanInputs, request_: Request) -> None:
    store, digest, archive = built
    (archive.parent / "x.tar.zst.cdx.json").mkdir()
    with pytest.raises(OutputError, match=r"--output: .*x\.tar\.zst\.cdx\.json cannot be written"):
        write_companions({archive: "44" * 32}, request_, inputs, *make(inputs, digest), store)
    assert not [path for path in archive.parent.iterdir() if "partial" in path.name]


def test_an_installation_has_its_share(built: tuple[Store, str, Path], tmp_path: Path) -> None:
    whole = (tmp_path / "out/python/SBOM.cdx.json").read_text()
    top = tmp_path / "installation/python"
    for path in ("bin/python3.13", "lib/libpython3.13.so.1.0", "lib/python3.13/os.py",
                 "share/licenses/python3.13/LICENSE.openssl.txt"):  # fmt: skip
        write(top / path, "x")
    import tarfile

    with tarfile.open(tmp_path / "y.tar.gz", "w:gz") as tar:
        tar.add(top, "python")
    parts = {reference(part): part for part in components(read_sbom(sbom_of(tmp_path / "y.tar.gz", whole), "y"))}
    assert occurrences(parts["openssl"]) == ["share/licenses/python3.13/LICENSE.openssl.txt"]
    assert occurrences(parts["cpython"]) == ["bin/python3.13", "lib/libpython3.13.so.1.0", "lib/python3.13/os.py"]
