# shellcheck shell=bash
# libffi: the archive is an export of the repository, without a configure script.
[ -x configure ] || autoreconf -fi
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" \
    --disable-shared --disable-dependency-tracking --disable-docs --disable-builddir --disable-multi-os-directory
make
make install DESTDIR="$OUT"
rm -r "$OUT$PREFIX"/lib/*.la "$OUT$PREFIX/share"
