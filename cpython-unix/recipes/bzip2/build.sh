# shellcheck shell=bash
# bzip2: its Makefile has no install target for the library alone, and no pkg-config file.
# shellcheck source=cpython-unix/recipes/bzip2/train.sh
. /recipe/train.sh
make libbz2.a CC="$profiled" AR="$AR" RANLIB="$RANLIB" CFLAGS="$flags"
install -D -m 644 libbz2.a "$OUT$PREFIX/lib/libbz2.a"
install -D -m 644 bzlib.h "$OUT$PREFIX/include/bzlib.h"
