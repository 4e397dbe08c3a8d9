# shellcheck shell=bash
# libXft: fonts of fontconfig and FreeType on an X11 display.
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" --disable-shared --disable-dependency-tracking
make -C src install DESTDIR="$OUT"
make install-pkgconfigDATA DESTDIR="$OUT"
rm "$OUT$PREFIX"/lib/*.la
