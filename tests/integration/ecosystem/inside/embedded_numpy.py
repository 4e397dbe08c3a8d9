"""What embed.c runs: an extension module from a wheel, which finds the interpreter's functions in the program."""

from __future__ import annotations

import numpy as np


def from_thread() -> None:
    """Called from each of the program's own threads."""
    assert np.allclose(np.linalg.inv(np.eye(3) * 2), np.eye(3) / 2)


def finish() -> None:
    print(np.arange(4).sum(), flush=True)
