# shellcheck shell=bash
# bzip2: its Makefile has no install target for the library alone, and no pkg-config file.
# shellcheck source=cpython-unix/recipes/bzip2/train.sh
. "$STEP_RECIPE/train.sh"
make libbz2.a CC="$profiled" AR="$AR" RANLIB="$RANLIB" CFLAGS="$flags"
place 644 "$OUT$PREFIX/lib" libbz2.a
place 644 "$OUT$PREFIX/include" bzlib.h
