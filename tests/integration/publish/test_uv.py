"""The real uv, the one from the package index, installs what was published: from a directory and from a web server."""

from __future__ import annotations

import functools
import http.server
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pythonbuild.distribution.names import read_name
from tests.integration.conftest import CACHE, REPOSITORY, clean, command
from tests.integration.ecosystem.downloads import fetch_packages

#: The most that publishing, installing, and everything that is then done with it may take, in seconds.
PATIENCE = 180
TELL = """
import json, ssl, sys, sysconfig, tkinter
variables = sysconfig.get_config_vars()
json.dump({
    "version": ".".join(map(str, sys.version_info[:3])), "prefix": sys.base_prefix, "variables": variables,
    "ciphers": len(ssl.create_default_context().get_ciphers()), "tcl": tkinter.Tcl().eval("info patchlevel"),
}, sys.stdout)
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A web server of the directory ``published``; yields its address."""
    handler = functools.partial(Quiet, directory=str(tmp_path / "published"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def run(*argv: str | Path) -> str:
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False, env=clean())
    assert done.returncode == 0, done.stderr
    return done.stdout


def uv(home: dict[str, str], *words: str | Path, status: int = 0) -> str:
    """Run uv and return what it said."""
    argv = [sys.executable, "-m", "uv", *map(str, words)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=home["TMPDIR"], env=home)
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def publish(directory: Path, *words: str | Path) -> dict[str, Any]:
    argv = command(REPOSITORY, ["publish", str(directory), *map(str, words), "--json"], CACHE)
    told: dict[str, Any] = json.loads(run(*argv))
    return told


@pytest.mark.parametrize(("where", "kinds"), [
    ("directory", ["full.zst", "install_only.gz", "install_only_stripped.gz", "install_only_stripped.zst"]),
    ("server", ["install_only.gz"]),
    ("directory", ["full.zst"]),
], ids=["every kind in a directory", "a server", "a full archive"])  # fmt: skip
def test_from_installation_to_removal(
    where: str, kinds: list[str], archives: dict[str, Path], server: str, home: dict[str, str], tmp_path: Path
) -> None:
    packages = fetch_packages(".".join(version(archives).split(".")[:2]), CACHE)
    started = time.monotonic()
    base = ["--base-url", server] if where == "server" else []
    told = publish(tmp_path / "published", *[archives[kind] for kind in kinds], *base)
    assert told["metadata_url"].startswith("http://127" if where == "server" else "file:///")
    # A flag of the one command that installs, or the variable for all of them.
    flag = ["--python-downloads-json-url", told["metadata_url"]] if where == "server" else []
    if not flag:
        home = {**home, "UV_PYTHON_DOWNLOADS_JSON_URL": told["metadata_url"]}
    uv(home, "python", "install", version(archives), *flag)
    (tree,) = installed(home)
    check_installation(home, tree, version(archives), kinds)

    venv = tmp_path / "my environment"
    uv(home, "venv", "--python", version(archives), venv)
    wheels = ["--no-index", "--find-links", str(packages), "--no-build"]
    uv(home, "pip", "install", "--python", venv, *wheels, "psutil")
    assert run(venv / "bin/python", "-c", "import psutil; print(psutil.Process().is_running())") == "True\n"
    script = "import sys, lxml.etree; print(sys.base_prefix, lxml.etree.fromstring('<a/>').tag)"
    said = uv(home, "run", "--no-project", "--python", version(archives), *wheels, "--with", "lxml", "python", "-c",
              script)  # fmt: skip
    assert said == f"{tree} a\n"

    uv(home, "python", "uninstall", version(archives))
    assert not installed(home)
    assert not tree.exists()
    assert time.monotonic() - started < PATIENCE


def version(archives: dict[str, Path]) -> str:
    return read_name(archives["full.zst"].name).version


def installed(home: dict[str, str]) -> set[Path]:
    """Return the installations of uv; it names one by the links that lead to it."""
    rows = json.loads(uv(home, "python", "list", "--only-installed", "--output-format", "json"))
    return {Path(home["TMPDIR"], row["path"]).resolve().parents[1] for row in rows}


def check_installation(home: dict[str, str], tree: Path, version: str, kinds: list[str]) -> None:
    """What uv has made of it: the best archive there is, and sysconfig's data, which uv writes anew."""
    assert tree.parent == Path(home["UV_PYTHON_INSTALL_DIR"])
    best = max(kinds, key=["full.zst", "install_only.gz", "install_only_stripped.gz",
                           "install_only_stripped.zst"].index)  # fmt: skip
    assert bool(list(tree.glob("lib/python3.*/test"))) == (best == "full.zst")
    told = json.loads(run(tree / "bin/python3", "-I", "-c", TELL))
    assert (told["version"], told["prefix"]) == (version, str(tree))
    assert told["ciphers"] > 10
    assert told["tcl"].startswith("8.")
    variables = told["variables"]
    assert variables["PYTHON_BUILD_STANDALONE"] == 1, "uv has read our sysconfig data, and written it anew"
    for name, below in {"LIBDIR": "lib", "BINDIR": "bin", "prefix": "", "INCLUDEDIR": "include"}.items():
        assert Path(variables[name]) == tree / below, name
    # Elsewhere than in configure's arguments, of which uv looks at whole words only, nothing is left of the prefix.
    words = {name: value.split() for name, value in variables.items() if isinstance(value, str)}
    left = {name for name, found in words.items() if any("=/install" in word for word in found)}
    assert left <= {"CONFIG_ARGS"}
    assert not [name for name, found in words.items() if any(word.startswith("/install") for word in found)]


def test_an_archive_that_was_changed_is_refused(
    archives: dict[str, Path], home: dict[str, str], tmp_path: Path
) -> None:
    told = publish(tmp_path / "published", archives["install_only.gz"])
    other = archives["install_only_stripped.gz"]
    (tmp_path / "published" / archives["install_only.gz"].name).write_bytes(other.read_bytes())
    said = uv({**home, "UV_PYTHON_DOWNLOADS_JSON_URL": told["metadata_url"]}, "python", "install", version(archives),
              status=1)  # fmt: skip
    assert "hash mismatch" in said.lower()
    assert not list(Path(home["UV_PYTHON_INSTALL_DIR"]).glob("cpython-*"))


def test_publishing_again_adds(archives: dict[str, Path], tmp_path: Path) -> None:
    """As a user does it: from the build's own output, one kind after the other, then everything."""
    out = tmp_path / "published"
    first = publish(out, archives["install_only.gz"])
    (key,) = json.loads((out / "download-metadata.json").read_text())
    assert first["new"] == [archives["install_only.gz"].name]
    every = publish(out, "--output", archives["full.zst"].parent)
    assert set(every["archives"]) == {path.name for path in archives.values()}
    assert archives["install_only.gz"].name not in every["new"]
    listed = json.loads((out / "download-metadata.json").read_text())
    assert list(listed) == [key]
    assert listed[key]["url"].endswith("install_only_stripped.tar.zst")
    run(
        "/bin/sh",
        "-c",
        'cd "$1" && sha256sum --quiet --strict -c SHA256SUMS && sha256sum --quiet -c ./*.sha256',
        "",
        out,
    )
    sums = (out / "SHA256SUMS").read_text()
    for path in archives.values():
        beside = [other.name for other in path.parent.iterdir() if other.name.startswith(f"{path.name}.")]
        assert all(name in sums for name in beside)
