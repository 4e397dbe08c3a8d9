"""The sources file is read whole, or refused with file and key named; users' words find their pins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pythonbuild.config.sources import load_sources, select, version_key
from pythonbuild.errors import ConfigError, UsageError

REAL = Path(__file__).parents[3] / "cpython-unix" / "sources.yml"
A, B, C = "a" * 64, "b" * 64, "c" * 64


def pin(version: str, sha256: str = A, **more: Any) -> dict[str, Any]:
    return {"version": version, "filename": f"Python-{version}.tar.xz", "sha256": sha256, "size": 10, **more}


def document() -> dict[str, Any]:
    source = {"title": "CPython", "homepage": "https://example.org", "licence": "PSF-2.0", "licence_files": ["LICENSE"]}
    return {
        "sources": {
            "cpython-3.13": {
                **source,
                "pins": [
                    pin("3.13.15", A, urls=["https://example.org/a"], pool="pool/main/p/a.tar.xz"),
                    pin("3.13.5", B),
                ],
            },
            "cpython-3.11": {**source, "notes": "old", "cpe": "python:python", "pins": [pin("3.11.2", C)]},
            "zlib": {
                **source,
                "release_index": {"url": "https://example.org/", "pattern": r"zlib-([\d.]+)\.tar"},
                "pins": [{"version": "1.3.1", "filename": "zlib.tar.gz", "sha256": C, "size": 7}],
            },
        }
    }


def write(path: Path, value: Any) -> Path:
    path.write_text(yaml.safe_dump(value, sort_keys=False))
    return path


def test_reads_everything(tmp_path: Path) -> None:
    sources = load_sources(write(tmp_path / "s.yml", document()))
    assert list(sources) == ["cpython-3.13", "cpython-3.11", "zlib"]
    newest = sources["cpython-3.13"].pins[0]
    assert (newest.source, newest.version, newest.size) == ("cpython-3.13", "3.13.15", 10)
    assert (newest.urls, newest.pool_path) == (("https://example.org/a",), "pool/main/p/a.tar.xz")
    assert sources["cpython-3.11"].notes == "old"
    assert [source.cpe for source in sources.values()] == ["", "python:python", ""]
    index = sources["zlib"].release_index
    assert index is not None
    assert index.pattern == r"zlib-([\d.]+)\.tar"


def test_the_projects_own_file() -> None:
    sources = load_sources(REAL)
    assert select(sources, "3.13").source.name == "cpython-3.13"
    assert {source.cpe for name, source in sources.items() if name.startswith("cpython-")} == {"python:python"}


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.update(extra=1), r"sources\.cpython-3\.13\.extra: unknown key"),
        (lambda s: s.pop("licence"), r"sources\.cpython-3\.13: key 'licence' is missing"),
        (lambda s: s.update(pins=[]), r"pins: is empty"),
        (lambda s: s.update(cpe="openssl"), r"cpe: not a vendor and a product: found 'openssl', expected such as"),
        (lambda s: s.update(cpe="a:b:1.0"), r"cpe: not a vendor and a product"),
        (lambda s: s.update(cpe="Python:python"), r"cpe: not a vendor and a product"),
        (lambda s: s["pins"][0].update(sha265=A), r"pins\[0\]\.sha265: unknown key.*did you mean 'sha256'"),
        (lambda s: s["pins"][0].update(sha256="ABC"), r"pins\[0\]\.sha256: malformed sha256: found 'ABC'"),
        (lambda s: s["pins"][0].pop("size"), r"pins\[0\]: key 'size' is missing"),
        (lambda s: s["pins"][0].update(size=0), r"pins\[0\]\.size: not a size: found 0"),
        (lambda s: s["pins"][0].update(size="10"), r"pins\[0\]\.size: wrong type"),
        (lambda s: s["pins"][0].update(version="3 13"), r"pins\[0\]\.version: not a version"),
        (lambda s: s["pins"][0].update(filename="../x"), r"pins\[0\]\.filename: not a plain file name"),
        (lambda s: s["pins"][0].update(urls=["ftp://x/y"]), r"pins\[0\]\.urls\[0\]: not an address"),
        (lambda s: s["pins"][0].update(urls=["https:///y"]), r"pins\[0\]\.urls\[0\]: not an address"),
        (lambda s: s["pins"][0].update(urls=["https://x:y/"]), r"pins\[0\]\.urls\[0\]: not an address"),
        (lambda s: s["pins"][0].update(pool="main/p"), r"pins\[0\]\.pool: not a path of a distribution"),
        (lambda s: s["pins"][0].update(pool="pool/../x"), r"pins\[0\]\.pool: not a path of a distribution"),
        (lambda s: s["pins"][1].update(version="3.13.15"), r"pins\[1\]: version is pinned twice: found 3\.13\.15"),
        (lambda s: s["pins"][1].update(version="3.13.16"), r"pins\[1\]: pins are not newest first: found 3\.13\.16"),
        (lambda s: s["pins"][1].update(filename="Python-3.13.15.tar.xz"), r"pins\[1\]: filename stands for two"),
        (lambda s: s.update(release_index={"url": "x", "pattern": "()"}), r"release_index\.url: not an address"),
        (lambda s: s.update(release_index={"url": "https://x/", "pattern": "("}), r"pattern: not a regular expression"),
        (
            lambda s: s.update(release_index={"url": "https://x/", "pattern": "x"}),
            r"pattern: wrong number of groups: found 0",
        ),
    ],
)
def test_refuses(tmp_path: Path, change: Change, message: str) -> None:
    value = document()
    change(value["sources"]["cpython-3.13"])
    with pytest.raises(ConfigError, match=rf"s\.yml: .*{message}"):
        load_sources(write(tmp_path / "s.yml", value))


def test_versions_sort_as_people_do() -> None:
    ascending = ["3.9.2", "3.10.0a7", "3.10.0b1", "3.10.0rc2", "3.10.0", "3.10.1", "3.13.5", "3.13.15"]
    assert sorted([*ascending[3:], *ascending[:3]], key=version_key) == ascending
    assert version_key("1.1.1") < version_key("1.1.1w")
    assert version_key("3.1-20230828") < version_key("3.1-20250104")
    assert version_key("6.5") < version_key("6.5+20250216")
    assert version_key("8.6.13+dfsg") == version_key("8.6.13")


def test_select(tmp_path: Path) -> None:
    sources = load_sources(write(tmp_path / "s.yml", document()))
    for wanted in ("3.13", "cpython-3.13"):
        selection = select(sources, wanted)
        assert ([p.version for p in selection.candidates], selection.exact) == (["3.13.15", "3.13.5"], False)
    for wanted in ("3.13.5", "cpython-3.13.5"):
        selection = select(sources, wanted)
        assert ([p.version for p in selection.candidates], selection.exact) == (["3.13.5"], True)
    assert select(sources, "zlib-1.3.1").exact


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            "3.31",
            r"found 3\.31, expected cpython-3\.13 \(3\.13\.15, 3\.13\.5\), cpython-3.*did you mean cpython-3",
        ),
        ("3.13.51", r"--python: unknown source: found 3\.13\.51.*did you mean cpython-3\.13\.5\?"),
        ("pypy-7", r"expected one of cpython-3\.13, cpython-3\.11, zlib"),
        ("", r"found nothing"),
    ],
)
def test_select_unknown(tmp_path: Path, wanted: str, message: str) -> None:
    sources = load_sources(write(tmp_path / "s.yml", document()))
    with pytest.raises(UsageError, match=message):
        select(sources, wanted)
