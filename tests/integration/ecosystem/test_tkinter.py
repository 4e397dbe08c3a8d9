"""tkinter opens windows, finds Tcl and Tk by itself from wherever it is started, and draws text that is smooth."""

from __future__ import annotations

import json

import pytest

from tests.integration.ecosystem.desktop import PLAIN, SCRIPTS, TREE, Desktop

#: Where the interpreter is started, and how that is made; Tcl and Tk have to come from the tree named last.
_STARTS = {
    "moved": ("", f"{TREE}/bin/python3", TREE),
    "moved elsewhere": ("", f"{PLAIN}/bin/python3", PLAIN),
    "symlink": (f"ln -s '{TREE}/bin/python3' /build/my-python", "/build/my-python", TREE),
    "symlinked directory": (f"ln -s '{TREE}' /build/tree", "/build/tree/bin/python3", ""),
    "venv": (f"'{TREE}/bin/python3' -m venv --without-pip /build/linked", "/build/linked/bin/python", TREE),
    "venv of copies": (
        f"'{TREE}/bin/python3' -m venv --without-pip --copies '/build/a copy'",
        "/build/a copy/bin/python",
        TREE,
    ),
}


_NO_SMOOTHING = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <match target="pattern"><edit name="antialias" mode="assign"><bool>false</bool></edit></match>
</fontconfig>
"""


@pytest.mark.parametrize("start", _STARTS)
def test_window(desktop: Desktop, start: str) -> None:
    preparation, python, tree = _STARTS[start]
    desktop.check("sh", "-euc", preparation)
    found = json.loads(desktop.check(python, f"{SCRIPTS}/windows.py"))
    # A path through a symlinked directory may be told either way.
    trees = (tree,) if tree else (TREE, "/build/tree")
    assert found["tcl_library"] in [f"{place}/lib/tcl8.6" for place in trees]
    assert found["tk_library"] in [f"{place}/lib/tk8.6" for place in trees]
    assert (found["typed"], found["pressed"]) == ("aB@", ["pressed"])
    assert {"DejaVu Sans", "DejaVu Sans Mono", "DejaVu Serif"} <= set(found["families"])
    assert found["drawn_with"] == found["default"] == "DejaVu Sans"
    # Without smoothing there is black and white and nothing between; a box for a missing letter would be all white.
    assert found["levels"] > 16
    assert 0.05 < found["ink"] < 0.5


def test_the_users_font_settings_count(desktop: Desktop) -> None:
    """Who does not want smooth text, gets black and white; this also shows that the test above can tell."""
    settings = desktop.work / ".config/fontconfig/fonts.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text(_NO_SMOOTHING)
    try:
        found = json.loads(desktop.check(desktop.python, f"{SCRIPTS}/windows.py"))
    finally:
        settings.unlink()
    assert found["levels"] == 2
