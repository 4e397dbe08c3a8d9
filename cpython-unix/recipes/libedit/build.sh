# shellcheck shell=bash
# libedit: readline's interface under a BSD licence.
# Its configure looks for -lncurses only, which is what the system's is called where we link with that; wchar_t holds
# Unicode in every C library we build for.
mkdir -p "$STEP_BUILD/lib"
[ ! -e "$DEPS/lib/libncursesw.a" ] || ln -s "$DEPS/lib/libncursesw.a" "$STEP_BUILD/lib/libncurses.a"
LDFLAGS="$LDFLAGS -L$STEP_BUILD/lib" CFLAGS="$CFLAGS -D__STDC_ISO_10646__=201103L" \
    ./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" \
    --disable-shared --disable-dependency-tracking --disable-examples
make -C src
make -C src install DESTDIR="$OUT"
make install-pkgconfigDATA DESTDIR="$OUT"
[ ! -e "$DEPS/lib/libncursesw.a" ] || edit "$OUT$PREFIX/lib/pkgconfig/libedit.pc" 's/-lncurses/-lncursesw/'
rm "$OUT$PREFIX"/lib/*.la
