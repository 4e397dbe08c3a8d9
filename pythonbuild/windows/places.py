"""Which directories a build for Windows can work in.

CPython's build.bat, nmake and OpenSSL's makefiles hand paths from one to the other, some without quotation marks: a
space ends a path there, and cmd has a meaning for many other characters. Besides, most of these programs take no path
of more than 260 characters.
"""

from __future__ import annotations

import re
from pathlib import PurePath, PureWindowsPath

from pythonbuild.errors import UsageError
from pythonbuild.host import LONGEST_CACHE

#: What paths may consist of: letters, digits and what neither cmd nor a makefile has a meaning for.
_HARMLESS = re.compile(r"[A-Za-z0-9._+~-]+")


def check_place(flag: str, path: PurePath) -> None:
    """Raise UsageError for a directory that tools of the build would stumble over; ``flag`` says whose it is."""
    advice = f"give {flag} a short path such as C:\\pb"
    text = str(path)
    if isinstance(path, PureWindowsPath) and path.drive.startswith("\\\\"):
        raise UsageError(f"{flag}: a network path", found=text, expected="a drive, such as C:", advice=advice)
    for part in path.parts[1:]:
        if not _HARMLESS.fullmatch(part):
            what = "a space" if " " in part else f"{next(each for each in part if not _HARMLESS.match(each))!r}"
            raise UsageError(f"{flag}: the path has {what} in it", found=text, advice=advice,
                             expected="letters, digits, and - . _ + ~ only, which nmake and cmd take as they are",
                             )  # fmt: skip
    if len(text) > LONGEST_CACHE:
        raise UsageError(f"{flag}: the path is too long", found=f"{len(text)} characters, {text}", advice=advice,
                         expected=f"at most {LONGEST_CACHE}, since Windows takes 260 for all below")  # fmt: skip
