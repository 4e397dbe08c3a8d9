"""mpdecimal: its sources. CPython's own projects compile them, with a header of CPython's."""

from pathlib import Path

from toolbox import OUT, fail, install

sources = sorted(path for path in Path("libmpdec").resolve().iterdir() if path.suffix in (".c", ".h", ".asm"))
if not any(path.name == "mpdecimal.c" for path in sources):
    fail("libmpdec has no mpdecimal.c: the source is another than this recipe knows")
install(sources, OUT / "tools/mpdecimal/libmpdec")
