# shellcheck shell=bash
# expat: the archive is an export of the whole repository; the library's build is below expat/.
cd expat || exit
[ -x configure ] || ./buildconf.sh
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" \
    --disable-shared --disable-dependency-tracking --without-xmlwf --without-examples --without-tests --without-docbook
make -C lib install DESTDIR="$OUT"
make install-pkgconfigDATA DESTDIR="$OUT"
rm -r "$OUT$PREFIX"/lib/*.la "$OUT$PREFIX/share"
