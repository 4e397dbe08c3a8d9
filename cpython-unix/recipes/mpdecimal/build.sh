# shellcheck shell=bash
# libmpdec: the arithmetic of the decimal module.
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" --disable-shared --disable-cxx --disable-doc
make
make install DESTDIR="$OUT"
rm -r "$OUT$PREFIX/share"
