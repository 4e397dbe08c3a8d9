# shellcheck shell=bash
# libXrender: antialiased drawing.
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" \
    --disable-shared --disable-dependency-tracking --enable-malloc0returnsnull
make -C src install DESTDIR="$OUT"
make install-pkgconfigDATA DESTDIR="$OUT"
rm "$OUT$PREFIX"/lib/*.la
