"""The wheels, fetched once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.binaries.downloads import fetch_wheels
from tests.integration.conftest import CACHE


@pytest.fixture(scope="session")
def wheels() -> Path:
    return fetch_wheels(CACHE)
