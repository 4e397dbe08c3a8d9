# shellcheck shell=bash
# libcrypt for the crypt module of CPython 3.11 and 3.12: every hash method, only today's interface.
[ -x configure ] || autoreconf -fi
./configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" \
    --disable-shared --disable-dependency-tracking --disable-werror \
    --enable-hashes=all --enable-obsolete-api=no --disable-failure-tokens --disable-xcrypt-compat-files
make libcrypt.la
install -D -m 644 .libs/libcrypt.a "$OUT$PREFIX/lib/libcrypt.a"
install -D -m 644 crypt.h "$OUT$PREFIX/include/crypt.h"
