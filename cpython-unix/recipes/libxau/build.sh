# shellcheck shell=bash
# libXau: reads the user's X11 authority file.
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" --disable-shared --disable-dependency-tracking
make libXau.la
make install-libLTLIBRARIES install-xauincludeHEADERS install-pkgconfigDATA DESTDIR="$OUT"
rm "$OUT$PREFIX"/lib/*.la
