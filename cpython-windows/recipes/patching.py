"""Applies unified diffs exactly: every line of context has to be there, at the line that the patch names.

Windows has no patch program. Lines are compared without their ends, so that a patch with LF fits a file with CRLF; what
is put in ends as the file's own lines do.
"""

import re
import sys
from pathlib import Path

_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_NO_NEWLINE = b"\\"


def apply_patch(source: Path, patch: bytes, name: str) -> None:
    """Apply a patch of one or several files (``-p1``). Ends the process with a line that says what does not fit."""
    lines = patch.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith(b"--- ") and number + 1 < len(lines)
              and lines[number + 1].startswith(b"+++ ")]  # fmt: skip
    if not starts:
        sys.exit(f"{name}: no unified diff")
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        _apply_to_file(source, lines[start + 1][4:].split(b"\t")[0].decode(), lines[start + 2 : end], name)


def _apply_to_file(source: Path, named: str, lines: "list[bytes]", name: str) -> None:
    path = source / named.partition("/")[2]
    if not path.is_file():
        sys.exit(f"{name}: there is no {named.partition('/')[2]}")
    content = path.read_bytes()
    newline = b"\r\n" if b"\r\n" in content else b"\n"
    old = content.split(newline)
    new = []
    done = at = 0
    while at < len(lines):
        header = _HUNK.match(lines[at])
        at += 1
        if not header:
            continue  # lines of git between two files
        first = int(header[1]) - 1 if header[2] != b"0" else int(header[1])
        new += old[done:first]
        done = first
        wanted, given = (int(header[group]) if header[group] else 1 for group in (2, 4))
        while wanted or given:
            line = lines[at] if at < len(lines) else b""
            at += 1
            mark, text = line[:1] or b" ", line[1:]
            if mark == _NO_NEWLINE:
                continue
            if mark in b" -":
                if done >= len(old) or old[done] != text:
                    found = old[done].decode("utf-8", "replace") if done < len(old) else "the end of the file"
                    sys.exit(f"{name}: {path.name}, line {done + 1}: found {found!r}, expected "
                             f"{text.decode('utf-8', 'replace')!r}")  # fmt: skip
                done += 1
                wanted -= 1
            if mark in b" +":
                new.append(text)
                given -= 1
    path.write_bytes(newline.join([*new, *old[done:]]))
