# shellcheck shell=bash
# zlib's configure makes both kinds of library; the shared one has upstream's symbol versions.
. /recipe/shared.sh
CHOST=$HOST ./configure --prefix="$PREFIX" --shared
# shellcheck source=cpython-unix/recipes/zlib/train.sh
. /recipe/train.sh
make libz.a CC="$profiled"
make shared CC="$profiled"
make install DESTDIR="$OUT"
rm -r "$OUT$PREFIX/share"
keep_libraries
