"""Bad input: one clear line, the right exit status, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import CACHE, REPOSITORY, Run, clean, command
from tests.integration.distribution.test_build import copy_of_checkout


def refused(arguments: list[str], cache: Path, status: int, checkout: Path = REPOSITORY) -> str:
    """Run the command, which must fail with this status and one line; return the line."""
    done = subprocess.run(command(checkout, arguments, cache), capture_output=True, text=True, check=False, env=clean())
    assert done.returncode == status, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("build-linux.py: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return lines[0]


@pytest.mark.parametrize(("arguments", "words"), [
    (["--python", "3.7"], ["--python", "3.7", "cpython-3.13"]),
    (["--python", "3.13.99"], ["--python", "3.13.99", "3.13.5"]),
    (["--target-triple", "x86_64-linux-gnu"], ["--target-triple", "x86_64-unknown-linux-gnu"]),
    (["--options", "fast"], ["--options", "fast", "noopt"]),
    (["--environment", "vm"], ["--environment", "vm", "sandbox"]),
    (["--jobs", "none"], ["--jobs", "none"]),
    (["--pyton", "3.13"], ["--pyton", "--python"]),
    (["--debug-shell", "opensl"], ["--debug-shell", "opensl", "openssl"]),
    (["wy", "openssl"], ["wy", "why"]),
    (["why", "opensl"], ["opensl", "openssl"]),
])  # fmt: skip
def test_usage(arguments: list[str], words: list[str], first: Run) -> None:
    line = refused(arguments, CACHE, 2)
    for word in words:
        assert word in line


def test_not_an_archive(first: Run, tmp_path: Path) -> None:
    (tmp_path / "file.tar.zst").write_bytes(b"not an archive")
    assert "file.tar.zst" in refused(["inspect", str(tmp_path / "file.tar.zst")], CACHE, 1)


@pytest.mark.parametrize(("find", "put", "words"), [
    ("licence:", "lizence:", ["sources.yml", "lizence", "licence"]),
    ("sha256: ", "sha256: 0x", ["sources.yml", "sha256", "64"]),
])  # fmt: skip
def test_a_broken_sources_file(find: str, put: str, words: list[str], first: Run, tmp_path: Path) -> None:
    checkout = copy_of_checkout(tmp_path / "checkout")
    sources = checkout / "cpython-unix/sources.yml"
    sources.write_text(sources.read_text().replace(find, put, 1))
    line = refused([], CACHE, 2, checkout)
    for word in words:
        assert word in line


def test_no_docker_daemon(first: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    line = refused(["--environment", "docker", "--output", str(tmp_path / "dist")], CACHE, 1)
    assert "none.sock" in line


def test_offline_with_an_empty_cache(first: Run, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "venv").symlink_to(CACHE / "venv")
    line = refused(["--offline", "--python", "3.13.5", "--output", str(tmp_path / "dist")], cache, 1)
    assert "--offline" in line


def test_an_output_directory_that_cannot_be_written(first: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = refused(["--output", str(tmp_path / "file" / "dist")], CACHE, 1)
    assert "--output" in line


def test_a_corrupt_store_entry_is_rebuilt(first: Run, tmp_path: Path) -> None:
    """A flipped byte in the archive's blob: set aside with a warning, built again, the same bytes in the end."""
    blob = CACHE / "store/blobs" / first.sha256[:2] / first.sha256
    os.chmod(blob, 0o644)  # noqa: PTH101
    with blob.open("r+b") as content:
        content.seek(1000)
        byte = content.read(1)
        content.seek(1000)
        content.write(bytes([byte[0] ^ 1]))
    from tests.integration.conftest import build

    again = build(tmp_path / "dist")
    assert again.sha256 == first.sha256
    assert len(again.built) == 1
    assert again.built[0].startswith("archive-")
