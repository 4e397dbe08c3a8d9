"""What the library has to know of the system that it runs on.

Whoever does something differently there asks ``host.WINDOWS`` when it is done, not when it is imported: so tests run
the other way here, as far as it is not the system itself that differs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

WINDOWS = os.name == "nt"
MACOS = sys.platform == "darwin"

#: How long the path of the cache directory may be on Windows, where compilers and make take paths of 259 characters:
#: the longest of a step's files (CPython's Lib/test, its objects, headers among merged tools) stand 170 below it.
LONGEST_CACHE = 80

#: What Windows itself takes for programs, by the end of the name.
_PROGRAMS = (".exe", ".com", ".bat", ".cmd")


def script() -> str:
    """Return how the program is started here, for advice."""
    if WINDOWS:
        return "py build-windows.py"
    return "./build-macos.py" if MACOS else "./build-linux.py"


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_executable(name: str, mode: int) -> bool:
    """Tell whether a file counts as executable; Windows knows no such mode, so there its name decides."""
    return name.lower().endswith(_PROGRAMS) if WINDOWS else bool(mode & 0o111)


def total_memory() -> float | None:
    """Return the machine's memory in bytes, None where it cannot be found out."""
    if os.name == "nt":
        return _windows_memory()
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError, AttributeError):
        return None


def _windows_memory() -> float | None:
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = (("length", ctypes.c_uint32), ("load", ctypes.c_uint32), ("total", ctypes.c_uint64),
                    ("others", ctypes.c_uint64 * 6))  # fmt: skip

    status = Status(length=ctypes.sizeof(Status))
    kernel = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined,unused-ignore]
    return float(status.total) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else None


def extended(path: Path) -> Path:
    """Return the path in the spelling that has no limit of 260 characters; for our own use, not for other programs."""
    return Path(extended_name(os.path.abspath(path))) if os.name == "nt" else path  # noqa: PTH100


def extended_name(name: str) -> str:
    r"""Return a whole Windows path behind ``\\?\``, which takes it as it stands."""
    if name.startswith("\\\\?\\"):
        return name
    return "\\\\?\\UNC" + name[1:] if name.startswith("\\\\") else "\\\\?\\" + name
