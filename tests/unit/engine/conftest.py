"""What the tests of the engine build with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.engine.fakes import Builder


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return Builder(tmp_path / "cache")
