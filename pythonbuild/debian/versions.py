"""Debian's order of version numbers (deb-version(7)), needed to tell whether a dependency is met."""

from __future__ import annotations

import re

_RELATIONS = {
    "<<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    "=": lambda order: order == 0,
    ">=": lambda order: order >= 0,
    ">>": lambda order: order > 0,
}
_RUN = re.compile(r"(\D*)(\d*)")


def compare(left: str, right: str) -> int:
    """Return a number below, equal to or above zero as ``left`` is older than, the same as or newer than ``right``."""
    left_epoch, left_rest = _epoch(left)
    right_epoch, right_rest = _epoch(right)
    if left_epoch != right_epoch:
        return left_epoch - right_epoch
    for a, b in zip(_revision(left_rest), _revision(right_rest), strict=True):
        order = _compare_part(a, b)
        if order:
            return order
    return 0


def satisfies(version: str, relation: str, wanted: str) -> bool:
    """Tell whether ``version relation wanted`` holds, for example ``1.2-1 >= 1.2``."""
    return bool(_RELATIONS[relation](compare(version, wanted)))


def _epoch(version: str) -> tuple[int, str]:
    epoch, colon, rest = version.partition(":")
    return (int(epoch), rest) if colon else (0, version)


def _revision(version: str) -> tuple[str, str]:
    upstream, dash, revision = version.rpartition("-")
    return (upstream, revision) if dash else (version, "")


def _compare_part(left: str, right: str) -> int:
    """Compare alternating runs of non-digits (letters before others, ``~`` before the end) and of digits."""
    left_runs, right_runs = _RUN.findall(left), _RUN.findall(right)
    for index in range(max(len(left_runs), len(right_runs))):
        left_text, left_number = left_runs[index] if index < len(left_runs) else ("", "")
        right_text, right_number = right_runs[index] if index < len(right_runs) else ("", "")
        if left_text != right_text:
            return -1 if _text_key(left_text) < _text_key(right_text) else 1
        if int(left_number or 0) != int(right_number or 0):
            return int(left_number or 0) - int(right_number or 0)
    return 0


def _text_key(text: str) -> list[int]:
    """``~`` sorts before the end of the run, letters before everything else."""
    return [-1 if c == "~" else ord(c) if c.isalpha() else ord(c) + 256 for c in text] + [0]
