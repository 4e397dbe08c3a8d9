# shellcheck shell=bash
# zlib: the static library, its headers and its pkg-config file.
CHOST=$HOST ./configure --prefix="$PREFIX" --static
make libz.a
make install DESTDIR="$OUT"
rm -r "$OUT$PREFIX/share"
