"""What python-licenses.rst says; that the checkout's own is up to date is asked of all generated documents."""

from __future__ import annotations

from pathlib import Path

from pythonbuild.config.model import Pin, Recipe, Source
from pythonbuild.distribution.licences import render_licences


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


def test_the_checkouts_document_has_what_is_shipped_anywhere() -> None:
    text = (Path(__file__).parents[3] / "python-licenses.rst").read_text(encoding="utf-8")
    assert all(f"({name})" in text for name in ("openssl", "libedit", "zlib-ng", "tcltk"))
    assert not any(f"({name})" in text for name in ("gcc", "llvm-19", "nasm", "strawberry-perl"))
