# shellcheck shell=bash
# bzip2 has a makefile of its own for the shared library.
. /recipe/shared.sh
# shellcheck source=cpython-unix/recipes/bzip2/train.sh
. /recipe/train.sh
make -f Makefile-libbz2_so CC="$profiled" CFLAGS="$flags"
install -d "$OUT$PREFIX/lib"
install -m 755 libbz2.so.1.0.* "$OUT$PREFIX/lib/libbz2.so.1.0"
install -D -m 644 bzlib.h "$OUT$PREFIX/include/bzlib.h"
keep_libraries
