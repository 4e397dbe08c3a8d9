"""zlib: all of its C sources. Debian's archive has no makefile for Windows, and needs none."""

from pathlib import Path

from toolbox import BUILD, DEPENDENCIES, compile_sources, install, make_library

HERE = Path.cwd()
NAMES = ("adler32", "compress", "crc32", "deflate", "gzclose", "gzlib", "gzread", "gzwrite", "infback", "inffast",
         "inflate", "inftrees", "trees", "uncompr", "zutil")  # fmt: skip

flags = ("-D_CRT_SECURE_NO_DEPRECATE", "-D_CRT_NONSTDC_NO_DEPRECATE")
make_library("zlib.lib", compile_sources([HERE / f"{name}.c" for name in NAMES], *flags, objects=BUILD / "objects"))
install([HERE / "zlib.h", HERE / "zconf.h"], DEPENDENCIES / "include")
