"""A verified copy, or a clear error: whatever the places do."""

from __future__ import annotations

import pytest

from tests.unit.sources.misbehaving import Desk, Server, file, wanted

DATA = bytes(range(256)) * 2000


def test_upstream(server: Server, desk: Desk) -> None:
    server.answers["/a.tar.xz"] = file(DATA)
    assert desk.fetcher().fetch(wanted("a.tar.xz", DATA, f"{server.url}/a.tar.xz")).read_bytes() == DATA
    assert desk.left() == ["a.tar.xz"]
    assert desk.notes == []
