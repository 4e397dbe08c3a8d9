"""zstd: the sources of its library. CPython's own project of _zstd compiles them."""

from pathlib import Path

from toolbox import OUT, fail, install

LIBRARY = Path("lib").resolve()
FOLDERS = ("common", "compress", "decompress", "dictBuilder")

for folder in ("", *FOLDERS):
    files = sorted(path for path in (LIBRARY / folder).glob("*") if path.suffix in (".c", ".h"))
    if not files:
        fail(f"lib/{folder} has no sources: the source is another than this recipe knows")
    install(files, OUT / "tools/zstd/lib" / folder)
