# shellcheck shell=bash
# libX11: Xlib. Its locale data, compose files and error texts are those of the system it runs on.
# It must not load the system's libXcursor, which would bring a second Xlib into the process.
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" --datadir=/usr/share \
    --with-locale-lib-dir=/usr/lib/X11/locale \
    --disable-shared --disable-dependency-tracking --disable-specs --without-xmlto --without-fop \
    --disable-loadable-xcursor --disable-xf86bigfont --enable-malloc0returnsnull \
    --with-keysymdefdir="$PREFIX/include/X11" CC_FOR_BUILD="$BUILD_CC"
make -C include
make -C modules
make -C src
make -C include install DESTDIR="$OUT"
install -D -m 644 -t "$OUT$PREFIX/lib" src/.libs/libX11.a
install -D -m 644 -t "$OUT$PREFIX/lib/pkgconfig" x11.pc
