# shellcheck shell=bash
# zlib's configure makes both kinds of library; the shared one has upstream's symbol versions.
. /recipe/shared.sh
CHOST=$HOST ./configure --prefix="$PREFIX" --shared
make libz.a
make shared
make install DESTDIR="$OUT"
rm -r "$OUT$PREFIX/share"
keep_libraries
