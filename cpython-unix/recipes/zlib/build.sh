# shellcheck shell=bash
# zlib: the static library, its headers and its pkg-config file.
CHOST=$HOST ./configure --prefix="$PREFIX" --static
# shellcheck source=cpython-unix/recipes/zlib/train.sh
. "$STEP_RECIPE/train.sh"
# Its configure takes libtool for the archiver on macOS, wherever it runs.
make libz.a CC="$profiled" AR="$AR" ARFLAGS=rc
make install DESTDIR="$OUT"
rm -r "$OUT$PREFIX/share"
