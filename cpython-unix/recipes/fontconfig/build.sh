# shellcheck shell=bash
# fontconfig: finds the fonts of the system it runs on, by that system's configuration and with its caches.
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" --datadir=/usr/share --sysconfdir=/etc \
    --localstatedir=/var --with-cache-dir=/var/cache/fontconfig --with-default-fonts=/usr/share/fonts \
    --with-add-fonts=/usr/local/share/fonts,/usr/X11R6/lib/X11/fonts \
    --disable-shared --disable-dependency-tracking --disable-nls --disable-docs --disable-cache-build
make -C fontconfig
make -C src
make -C fontconfig install DESTDIR="$OUT"
install -D -m 644 -t "$OUT$PREFIX/lib" src/.libs/libfontconfig.a
make install-pkgconfigDATA DESTDIR="$OUT"
