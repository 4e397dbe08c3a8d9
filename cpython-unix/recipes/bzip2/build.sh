# shellcheck shell=bash
# bzip2: its Makefile has no install target for the library alone, and no pkg-config file.
make libbz2.a CC="$CC" AR="$AR" RANLIB="$RANLIB" CFLAGS="$CFLAGS -D_FILE_OFFSET_BITS=64"
install -D -m 644 libbz2.a "$OUT$PREFIX/lib/libbz2.a"
install -D -m 644 bzlib.h "$OUT$PREFIX/include/bzlib.h"
