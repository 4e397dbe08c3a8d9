# shellcheck shell=bash
# Berkeley DB for dbm.ndbm: the access method that its dbm interface is made of (hash), and what that one needs.
# The code is older than the compiler: C89's implicit declarations are allowed, and a function that has the name of a
# compiler's builtin is renamed.
edit src/dbinc/atomic.h 's/__atomic_compare_exchange/__atomic_compare_exchange_db/g'
# Its own are of 2013, which do for macOS (whose BUILD and HOST are given).
[ ! -d /usr/share/misc ] || cp /usr/share/misc/config.guess /usr/share/misc/config.sub dist/
cd build_unix || exit
CFLAGS="$CFLAGS -std=gnu89 -Wno-implicit-function-declaration -Wno-implicit-int -Wno-int-conversion" \
    ../dist/configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" \
    --disable-shared --enable-smallbuild --enable-hash --enable-dbm --with-mutex=POSIX/pthreads/library
make libdb.a
place 644 "$OUT$PREFIX/lib" libdb.a
place 644 "$OUT$PREFIX/include" db.h
