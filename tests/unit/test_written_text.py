"""What the program writes has the same bytes on every system: UTF-8 and LF, said where it is written."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
#: Only ever run on Linux: the root filesystem, its sandbox, and what runs inside of one.
LINUX = ("debian/", "environments/launcher.py", "environments/sandbox.py", "validation/behaviour_tests/",
         "distribution/relink_system.py", "testsuite/recorder.py")  # fmt: skip


def unsaid(source: str) -> Iterator[int]:
    """Yield the lines that write text and leave to the system in which encoding, or with which line ends."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "write_text":
            said = {keyword.arg for keyword in node.keywords}
            if not {"encoding", "newline"} <= said:
                yield node.lineno


def test_every_text_is_written_in_utf_8_with_lf() -> None:
    assert list(unsaid('a.write_text(b)\nc.write_text(d, encoding="utf-8")')) == [1, 2]
    found = [
        f"{path.relative_to(REPOSITORY)}:{line}"
        for path in sorted((REPOSITORY / "pythonbuild").rglob("*.py"))
        if not path.relative_to(REPOSITORY / "pythonbuild").as_posix().startswith(LINUX)
        for line in unsaid(path.read_text("utf-8"))
    ]
    assert found == []
