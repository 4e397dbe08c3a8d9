"""What is in the archive, and what the interpreter in it does where people have it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import CACHE, REPOSITORY, Run, clean, command


def test_members(first: Run) -> None:
    listed = subprocess.run(["tar", "--zstd", "-tvf", first.archive], capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.fail(f"tar cannot read the archive: {listed.stderr}")
    rows = [line.split(maxsplit=5) for line in listed.stdout.splitlines()]
    names = [row[5] for row in rows]
    assert names[0] == "python/PYTHON.json"
    assert {name.split("/")[1] for name in names[1:]} >= {"install", "build", "licenses"}
    assert {row[1] for row in rows} == {"root/root"}
    assert len({(row[3], row[4]) for row in rows}) == 1, "one time for all"


def test_python_json(installed: Path) -> None:
    document = json.loads((installed / "PYTHON.json").read_text())
    assert document["version"] == "0"
    assert (installed / document["python_exe"]).exists()
    extensions = document["build_info"]["extensions"]
    assert {"_ssl", "_sqlite3", "_ctypes", "_curses", "_lzma", "_bz2", "zlib", "_dbm", "readline"} <= set(extensions)
    ssl = extensions["_ssl"]
    assert [link["name"] for link in ssl["links"]][:2] == ["ssl", "crypto"]
    assert all((installed / link["path_static"]).exists() for link in ssl["links"] if link["path_static"])


def test_runs_where_it_is_unpacked(installed: Path) -> None:
    code = "import sys, ssl, sqlite3, lzma, ctypes, sysconfig; print(sys.prefix); print(sysconfig.get_config_vars())"
    done = subprocess.run([installed / "install/bin/python3", "-I", "-c", code], capture_output=True, text=True,
                          check=True, env=clean())  # fmt: skip
    prefix, variables = done.stdout.split("\n", 1)
    assert prefix == str(installed / "install")
    for leaked in ("/build/src", "/tools/", "'/install"):
        assert leaked not in variables


def test_inspect(first: Run) -> None:
    done = subprocess.run(command(REPOSITORY, ["inspect", str(first.archive)], CACHE), capture_output=True, text=True,
                          check=True, env=clean())  # fmt: skip
    assert "x86_64-unknown-linux-gnu" in done.stdout
    assert "openssl" in done.stdout.lower()
