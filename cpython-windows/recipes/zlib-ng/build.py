"""zlib-ng: the sources of its library. CPython's own project compiles them, and makes headers of the templates."""

import re
from pathlib import Path

from toolbox import OUT, fail, install

SOURCE = Path.cwd()
#: CPython's project has no code of its own for arm64.
FOLDERS = ("arch/generic", "arch/x86")
TEMPLATES = ("zlib.h.in", "zlib-ng.h.in")
PREFIX = "@ZLIB_SYMBOL_PREFIX@"

for name in TEMPLATES:
    text = (SOURCE / name).read_text(encoding="utf-8") if (SOURCE / name).is_file() else ""
    words = sorted({*re.findall(r"@[A-Z_]+@", text)})
    if words != [PREFIX]:
        fail(f"{name}: found {', '.join(words) or 'nothing'} to fill in, expected {PREFIX} alone, as CPython's project "
             "does: the source is another than this recipe knows")  # fmt: skip
for folder in ("", *FOLDERS):
    files = sorted(path for path in (SOURCE / folder).glob("*") if path.suffix in (".c", ".h"))
    if not files:
        fail(f"{folder or 'its top directory'} has no sources: the source is another than this recipe knows")
    install(files, OUT / "tools/zlib-ng" / folder)
install((SOURCE / name for name in TEMPLATES), OUT / "tools/zlib-ng")
