"""The built archive against Debian's Python, for real: two small figures, two rounds."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.integration.conftest import CACHE, REPOSITORY, Run


def test_an_archive_takes_turns_with_debians_python(first: Run, tmp_path: Path) -> None:
    chosen = ["--workloads", "--only", "json_loads,ssl_handshake", "--seconds", "0.02", "--rounds", "2"]
    words = ["debian:trixie", str(first.archive), *chosen, "--cache-dir", str(CACHE), "--json", "run.json",
             "--plot", "run.svg"]  # fmt: skip
    done = subprocess.run([sys.executable, REPOSITORY / "benchmarks/interpreter.py", *words], cwd=tmp_path,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "run.json").read_text())
    debian, ours = document["interpreters"]
    assert (debian["version"], debian["compiler"][:3]) == ("3.13.5", "GCC")
    assert ours["version"] in first.archive.name
    assert ours["libc"] == debian["libc"] == "glibc 2.41"
    group = document["groups"][""]
    assert set(group["seconds"]) == {"json_loads", "ssl_handshake"}
    for rows in group["seconds"].values():
        assert [len(row) for row in rows] == [2, 2]
        assert all(0 < seconds < 5 for row in rows for seconds in row)
    speed = group["speeds"][0]["geometric_mean"]
    assert 0.05 < speed["low"] <= speed["value"] <= speed["high"] < 20
    assert not document["left_out"]
    assert "geometric mean" in done.stdout
    assert ET.parse(tmp_path / "run.svg").getroot().tag.endswith("svg")
