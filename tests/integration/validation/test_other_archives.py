"""Our own archive as other builders would have packed it: a full archive of format 8, an installation alone."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import zstandard

from pythonbuild.distribution.archive import METADATA, TOP
from pythonbuild.distribution.sbom_text import NAME as SBOM
from pythonbuild.validation.checks import Result
from pythonbuild.validation.description import OWN_FILES
from pythonbuild.validation.validate import Report
from tests.integration.validation.damage import Member, Original, write_archive
from tests.unit.validation.test_other_builders import EVERYWHERE, FOR_TARGET, to_format

#: Two cores, without the behaviour suite.
MOST_SECONDS = 60


def outcomes(report: Report) -> dict[str, Result]:
    return {result.id: result for result in report.results}


def passed(report: Report) -> set[str]:
    return {result.id for result in report.results if result.outcome == "passed"}


def as_format_8(members: Iterator[Member]) -> Iterable[Member]:
    for info, content in members:
        if info.name == METADATA:
            plain = json.loads(content)
            to_format(plain, "8")
            content = json.dumps(plain).encode()
            info.size = len(content)
        if info.name not in {f"{TOP}/{name}" for name in (*OWN_FILES, SBOM)}:
            yield info, content


def test_it_takes_less_than_a_minute(original: Original) -> None:
    started = time.monotonic()
    assert original.run(original.archive).ok
    assert time.monotonic() - started < MOST_SECONDS


def test_as_a_full_archive_of_another_builder(original: Original, tmp_path: Path) -> None:
    path = write_archive(original.archive, tmp_path / "full.tar.zst", as_format_8)
    report = original.run(path)
    assert report.ok, [line for result in report.failed for line in result.lines()]
    assert passed(report) == EVERYWHERE | FOR_TARGET | {
        "structure-first-member", "metadata-format", "metadata-schema", "metadata-paths",
    }  # fmt: skip
    assert outcomes(report)["metadata-symbols"].findings == ("PYTHON.json is of format 8, not 0",)


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.zst"])
def test_as_an_installation(original: Original, tmp_path: Path, suffix: str) -> None:
    def installation(members: Iterator[Member]) -> Iterable[Member]:
        for info, content in members:
            if info.name.startswith("python/install/"):
                info.name = info.name.replace("python/install/", "python/", 1)
                yield info, content

    path = tmp_path / f"install_only{suffix}"
    write_archive(original.archive, path, installation)
    if suffix == ".tar.gz":
        write_gzip(path)
    report = original.run(path)
    assert report.ok, [line for result in report.failed for line in result.lines()]
    assert passed(report) == EVERYWHERE | FOR_TARGET
    reason = "there is no PYTHON.json: an archive of the installation alone"
    assert outcomes(report)["metadata-format"].findings == (reason,)


def write_gzip(path: Path) -> None:
    """Compress an archive in the other way."""
    with path.open("rb") as file:
        data = zstandard.ZstdDecompressor().stream_reader(file).read()
    with tarfile.open(fileobj=io.BytesIO(data)) as source, tarfile.open(path, "w:gz", compresslevel=1) as target:
        for info in source:
            target.addfile(info, source.extractfile(info) if info.isreg() else None)
