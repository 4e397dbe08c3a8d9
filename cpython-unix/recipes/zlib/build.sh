# shellcheck shell=bash
# zlib: the static library, its headers and its pkg-config file.
CHOST=$HOST ./configure --prefix="$PREFIX" --static
# shellcheck source=cpython-unix/recipes/zlib/train.sh
. /recipe/train.sh
make libz.a CC="$profiled"
make install DESTDIR="$OUT"
rm -r "$OUT$PREFIX/share"
