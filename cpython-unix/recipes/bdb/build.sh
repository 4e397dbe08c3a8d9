# shellcheck shell=bash
# Berkeley DB for dbm.ndbm: the access method that its dbm interface is made of (hash), and what that one needs.
# The code is older than the compiler: C89's implicit declarations are allowed, and a function that has the name of a
# compiler's builtin is renamed.
sed -i 's/__atomic_compare_exchange/__atomic_compare_exchange_db/g' src/dbinc/atomic.h
cp /usr/share/misc/config.guess /usr/share/misc/config.sub dist/
cd build_unix || exit
CFLAGS="$CFLAGS -std=gnu89 -Wno-implicit-function-declaration -Wno-implicit-int -Wno-int-conversion" \
    ../dist/configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" \
    --disable-shared --enable-smallbuild --enable-hash --enable-dbm --with-mutex=POSIX/pthreads/library
make libdb.a
install -D -m 644 -t "$OUT$PREFIX/lib" libdb.a
install -D -m 644 -t "$OUT$PREFIX/include" db.h
