"""python-licenses.rst is generated, and the checkout's own is up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

from pythonbuild.config.model import Pin, Recipe, Source
from pythonbuild.distribution.licences import check_licences, main, render_licences
from pythonbuild.errors import DistributionError

REPOSITORY = Path(__file__).parents[3]


def source(name: str, licence: str, *versions: str) -> Source:
    pins = tuple(Pin(name, version, f"{name}-{version}.tar.gz", "0" * 64, 1) for version in versions)
    return Source(name, name.title(), f"https://example.org/{name}", licence, ("COPYING",), pins, "A note.")


SOURCES = {
    "zlib": source("zlib", "Zlib", "1.3.1"),
    "cpython-3.13": source("cpython-3.13", "PSF-2.0", "3.13.15", "3.13.5"),
    "cpython-3.9": source("cpython-3.9", "PSF-2.0", "3.9.1"),
    "unbuilt": source("unbuilt", "GPL-3.0-only", "1"),
}
RECIPES = {"zlib": Recipe("zlib", Path("zlib"), "zlib", ())}


def test_document() -> None:
    text = render_licences(SOURCES, RECIPES)
    assert "unbuilt" not in text
    assert "3.13.15, 3.13.5" in text
    assert text.index("(cpython-3.9)") < text.index("(cpython-3.13)") < text.index("(zlib)")
    assert "| Licence: ``Zlib``" in text
    assert "A note." in text
    assert text == render_licences(dict(reversed(SOURCES.items())), RECIPES)


def test_check_names_the_line(tmp_path: Path) -> None:
    text = render_licences(SOURCES, RECIPES)
    path = tmp_path / "python-licenses.rst"
    with pytest.raises(DistributionError, match=r"python-licenses\.rst:1: not what the sources file says; run python"):
        check_licences(path, text)
    path.write_text(text)
    check_licences(path, text)
    path.write_text(text.replace("``Zlib``", "``MIT``"))
    line = next(i for i, row in enumerate(text.splitlines(), 1) if "``Zlib``" in row)
    with pytest.raises(DistributionError, match=rf"\.rst:{line}:"):
        check_licences(path, text)


def test_unknown_argument(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--chekc"], REPOSITORY) == 2
    assert "usage:" in capsys.readouterr().err


def test_the_checkout_is_up_to_date() -> None:
    assert main(["--check"], REPOSITORY) == 0
