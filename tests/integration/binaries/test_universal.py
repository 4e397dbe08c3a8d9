"""Real files for each processor of macOS become one: each slice is what it was, its signature whole."""

from __future__ import annotations

from pathlib import Path

from pythonbuild.distribution.fatfile import join
from pythonbuild.distribution.machofile import is_macho_content, read_slices
from tests.integration.binaries.downloads import files_of

PLATFORMS = ("macosx_10_13_x86_64", "macosx_11_0_arm64")


def test_wheels_for_two_processors(wheels: Path) -> None:
    joined = 0
    for package in ("markupsafe", "psycopg2_binary"):
        thin = [files_of(wheels, platform, package) for platform in PLATFORMS]
        for name in sorted(thin[0].keys() & thin[1].keys()):
            parts = [files[name] for files in thin]
            if all(is_macho_content(part[:8]) for part in parts):
                slices = read_slices(join(parts, name), name)
                assert slices == read_slices(parts[0], name) + read_slices(parts[1], name)
                assert [part.arch for part in slices] == ["x86_64", "arm64"]
                assert not [problem for part in slices for problem in part.signature_problems]
                joined += 1
    assert joined > 10
