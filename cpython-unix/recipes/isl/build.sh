# shellcheck shell=bash
# isl: sets of integers, by which GCC transforms loops; a static library.
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" --disable-shared --enable-static --with-gmp-prefix="$PREFIX"
make
make install DESTDIR="$OUT"
rm -rf "$OUT$PREFIX/share" "$OUT$PREFIX/lib/pkgconfig"
