# shellcheck shell=bash
# MPFR: floating-point numbers of any precision; a static library for GCC.
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" --disable-shared --enable-static --with-gmp="$PREFIX"
make
make install DESTDIR="$OUT"
rm -rf "$OUT$PREFIX/share" "$OUT$PREFIX/lib/pkgconfig"
