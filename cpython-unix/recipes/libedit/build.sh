# shellcheck shell=bash
# libedit: readline's interface under a BSD licence.
# Its configure looks for -lncurses only; wchar_t holds Unicode in every C library we build for.
mkdir -p /build/lib
ln -s "$PREFIX/lib/libncursesw.a" /build/lib/libncurses.a
LDFLAGS="$LDFLAGS -L/build/lib" CFLAGS="$CFLAGS -D__STDC_ISO_10646__=201103L" \
    ./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" \
    --disable-shared --disable-dependency-tracking --disable-examples
make -C src
make -C src install DESTDIR="$OUT"
make install-pkgconfigDATA DESTDIR="$OUT"
sed -i 's/-lncurses\b/-lncursesw/' "$OUT$PREFIX/lib/pkgconfig/libedit.pc"
rm "$OUT$PREFIX"/lib/*.la
