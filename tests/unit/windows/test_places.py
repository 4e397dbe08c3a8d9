"""Which directories a build for Windows can work in, told by pure paths of either system."""

from __future__ import annotations

from pathlib import PurePath, PurePosixPath, PureWindowsPath

import pytest

from pythonbuild.errors import UsageError
from pythonbuild.host import LONGEST_CACHE
from pythonbuild.windows.places import check_place


@pytest.mark.parametrize("path", [
    PureWindowsPath(r"C:\pb"), PureWindowsPath("D:/work/python-build+1.0"), PureWindowsPath(r"C:\Users\RUNNER~1\c"),
    PurePosixPath("/tmp/pbw-x/c"), PureWindowsPath("C:\\" + "x" * (LONGEST_CACHE - 3)),
])  # fmt: skip
def test_plain_paths(path: PurePath) -> None:
    check_place("--cache-dir", path)


@pytest.mark.parametrize(("path", "message"), [
    (PureWindowsPath(r"C:\Users\Jane Doe\build"), r"--cache-dir: the path has a space in it: found C:\Users\Jane Doe"),
    (PureWindowsPath(r"C:\a&b"), "the path has '&' in it"),
    (PureWindowsPath(r"C:\50%\x"), "the path has '%' in it"),
    (PureWindowsPath(r"C:\Benutzer\Jörg"), "the path has 'ö' in it"),
    (PureWindowsPath(r"\\server\share\x"), "a network path"),
    (PureWindowsPath("C:\\" + "x" * (LONGEST_CACHE - 2)), f"too long: found {LONGEST_CACHE + 1} characters"),
    (PurePosixPath("/a b"), "the path has a space in it"),
])  # fmt: skip
def test_what_tools_would_stumble_over(path: PurePath, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_place("--cache-dir", path)
    text = caught.value.render()
    assert message in text
    assert "give --cache-dir a short path such as C:\\pb" in text
    assert "\n" not in text
