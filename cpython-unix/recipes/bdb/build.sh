# Berkeley DB for dbm.ndbm: the C library with the dbm interface.
# Written for older compilers: C89's implicit declarations are allowed, and a function that has the name of a compiler
# builtin is renamed.
sed -i 's/__atomic_compare_exchange/__atomic_compare_exchange_db/g' src/dbinc/atomic.h
cp /usr/share/misc/config.guess /usr/share/misc/config.sub dist/
cd build_unix
CFLAGS="$CFLAGS -std=gnu89 -Wno-implicit-function-declaration -Wno-implicit-int -Wno-int-conversion" \
    ../dist/configure --build="$BUILD" --host="$HOST" --prefix="$PREFIX" \
    --disable-shared --enable-dbm --disable-cxx --disable-java --disable-tcl --disable-replication \
    --with-mutex=POSIX/pthreads/library
make library_build
make install_include install_lib DESTDIR="$OUT"
