"""Time zones are the system's; where it has none, the error says so."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from .conftest import Files, System

ASK = """
import json, sys, zoneinfo
from datetime import datetime
try:
    print(json.dumps(str(datetime(2026, 1, 1, tzinfo=zoneinfo.ZoneInfo(sys.argv[1])).utcoffset())))
except zoneinfo.ZoneInfoNotFoundError as error:
    print(json.dumps([type(error).__name__, *error.args]))
"""

HINT = "there is no time zone database in "

#: A zone file: two hours before UTC's time, always.
ZONE = struct.pack(">4s16x6l", b"TZif", 0, 0, 0, 0, 1, 4) + struct.pack(">lBB4s", 7200, 0, 0, b"ABC\0")


@pytest.mark.parametrize(
    "place", ["usr/share/zoneinfo", "usr/lib/zoneinfo", "usr/share/lib/zoneinfo", "etc/zoneinfo"]
)  # fmt: skip
def test_systems_database(make_system: Callable[[Files], System], place: str) -> None:
    system = make_system({f"{place}/Europe/Somewhere": ZONE})
    assert system.python(ASK, "Europe/Somewhere") == "2:00:00"
    answer = system.python(ASK, "Europe/Nowhere")
    assert answer == ["ZoneInfoNotFoundError", "No time zone found with key Europe/Nowhere"]


def test_no_database(make_system: Callable[[Files], System]) -> None:
    name, message = make_system({}).python(ASK, "Europe/Berlin")
    assert name == "ZoneInfoNotFoundError"
    assert message.startswith(f"No time zone found with key Europe/Berlin: {HINT}/usr/share/zoneinfo, ")
    assert "tzdata" in message


def test_pythons_package(make_system: Callable[[Files], System]) -> None:
    package = "opt/lib/tzdata"
    system = make_system({
        f"{package}/__init__.py": b"", f"{package}/zoneinfo/__init__.py": b"",
        f"{package}/zoneinfo/Europe/__init__.py": b"", f"{package}/zoneinfo/Europe/Somewhere": ZONE,
    })  # fmt: skip
    code = "import sys; sys.path.append('/opt/lib')\n" + ASK
    assert system.python(code, "Europe/Somewhere") == "2:00:00"
    assert HINT not in system.python(code, "Europe/Nowhere")[1]
